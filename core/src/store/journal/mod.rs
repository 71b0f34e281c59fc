//! The journal: an append-only log of entries over a NOR chip. It survives power cuts and flipped
//! bits without forgetting an entry.
//!
//! The journal knows pages, entries and damage; what entries mean is the [`EntryOwner`]'s.
//! FORMAT.md has the bytes.
//!
//! - `open`, `append`, `read`, `reclaim`, `full_scan`: the operations
//! - `format`: making a chip into a box
//! - `survey`, `found`, `roles`: opening: the pass over the pages, each entry, each page's role
//! - `pages`: taking and preparing pages, the erase intent; `program`: one verified program call
//! - `census`: the content of all pages together, so that a box at rest misses entries that no
//!   other page tells of
//! - `victim`, `loss`: the choice of the page reclaimed next; the missing entries of a page
//! - `page_scan`, `notes`: pure reading and writing of pages and of the journal's own entries

mod append;
mod blank;
mod census;
mod errors;
mod format;
mod found;
mod full_scan;
mod loss;
mod notes;
mod open;
mod owner;
mod page_scan;
mod pages;
mod program;
mod read;
mod reclaim;
mod roles;
mod state;
mod survey;
mod victim;

pub use errors::{
    AppendError, ExtendError, JournalFormatError, JournalOpenError, ReadError, TendError,
};
pub use full_scan::ScanReport;
pub use open::OpenReport;
pub use owner::{Address, Entry, EntryOwner, Liveness, Loss, Need};
pub use state::PageState;

use crate::store::page::{
    CHECKPOINT_GAP_BYTES, ChecksumSeed, ENTRY_HEADER_BYTES, FIRST_ENTRY_AT, entry_bytes,
};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;
use serde::{Deserialize, Serialize};
use state::WritePoint;

/// The settings of a new box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// The identity of the box: random, never used before. Data on the chip counts only if it
    /// carries this number.
    pub salt: u64,
}

/// The pages that are kept free, so that reclaiming can always finish, even when it is cut again
/// and again.
pub const RESERVE_PAGES: u32 = 4;
/// The fewest pages of a box: the reserve, both write points, and some to keep data in.
pub const PAGES_MIN: u32 = RESERVE_PAGES + 4;

/// The way to make a medium that defers writes keep them. Such a medium is a file: the system holds
/// written data back and may bring it to the disk in any order until it is synced. A chip needs
/// none of this, because data is there as soon as it is programmed.
pub struct Barrier<F: NorFlash> {
    /// The call that returns once everything programmed and erased before is on the medium.
    pub sync: fn(&mut F) -> Result<(), F::Error>,
    /// The number of such syncs so far, whoever asked for them.
    pub syncs: fn(&F) -> u64,
}

/// The journal over flash `F`, with the caller's memory: `P` one state a page, `B`
/// a buffer of one page.
pub struct Journal<F: NorFlash, P, B> {
    flash: F,
    barrier: Option<Barrier<F>>,
    /// The sync after which something was written that others will refer to.
    referred_at: Option<u64>,
    /// The sync after which the newest erase intent was written.
    announced_at: Option<u64>,
    pages: P,
    buffer: B,
    salt: u64,
    page_count: u32,
    next_order: u32,
    epoch: u32,
    streams: [WritePoint; 2],
    /// A page that has been erased and given a header ahead of need.
    prepared: Option<u32>,
    /// The page that was last taken without an erase intent, by this run or the one before.
    unannounced: Option<u32>,
    /// True when the first program call of a page has failed in this run, or was given up: the page
    /// may read differently later.
    is_astray: bool,
    /// Losses that no page shows any more; they are written down with the next write.
    owed: heapless::Vec<Loss, { survey::AGED_MAX }>,
    victim: Option<victim::Victim>,
    /// True while dead pages are being collected.
    sweeping: bool,
    /// Steps of idle work since one made a page free, or something was appended.
    idle_steps: u32,
    /// The number of pages with nothing live in them that can be taken.
    free: u32,
    /// The number of those that are in an erase intent.
    ready: u32,
    /// Bytes of live entries in all pages.
    live: u64,
    tally: JournalTally,
}

/// The work done since the box was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct JournalTally {
    programs: u64,
    programmed_bytes: u64,
    erases: u64,
    corrected: u64,
    holes: u64,
    torn: u64,
    failures: u64,
    unannounced: u64,
}

/// The condition of a box. The order of the fields is what postcard writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStats {
    /// Bytes of entries that are live, headers included.
    pub live_bytes: u64,
    /// Bytes of entries that can be live before the box refuses new data.
    pub capacity_bytes: u64,
    /// Bytes of the chip.
    pub flash_bytes: u64,
    /// Pages in all.
    pub pages: u32,
    /// Pages with nothing live in them.
    pub pages_free: u32,
    /// Pages that failed since the box was opened.
    pub pages_failed: u32,
    /// Erases of the least worn page.
    pub erases_min: u32,
    /// Erases of the most worn page.
    pub erases_max: u32,
    /// Erases of all pages.
    pub erases_total: u64,
    /// Program calls since the box was opened.
    pub programs: u64,
    /// Bytes in them.
    pub programmed_bytes: u64,
    /// Erases since the box was opened.
    pub erases: u64,
    /// Tails of pages found torn.
    pub torn: u64,
    /// Entries found with one flipped bit.
    pub corrected: u64,
    /// Entries found missing.
    pub holes: u64,
    /// Erases that were needed at once, without an erase intent. Not on a cable.
    #[serde(skip)]
    pub unannounced: u64,
}

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    const WORD: usize = F::WRITE_SIZE;
    const PAGE: usize = F::ERASE_SIZE;
    /// A configuration of flash that the format cannot serve does not compile.
    const FITS: () = {
        assert!(matches!(Self::WORD, 1 | 2 | 4 | 8), "words of 1, 2, 4 or 8 bytes");
        assert!(Self::PAGE >= 512 && Self::PAGE <= 65536, "pages of 512 B to 64 KiB");
        assert!(Self::PAGE.is_multiple_of(Self::WORD), "pages of whole words");
        assert!(Self::WORD.is_multiple_of(F::READ_SIZE), "words of whole read units");
    };
    /// Room in the buffer for a start entry before the entries that are programmed with it.
    const START_ROOM: usize = if Self::PAGE / 4 < 256 { Self::PAGE / 4 } else { 256 };
    /// Room at the end of each page for a checkpoint.
    const CHECKPOINT_ROOM: usize = CHECKPOINT_GAP_BYTES + entry_bytes(0, Self::WORD);
    /// Bytes of entries that fit a fresh page whatever its start entry is.
    const BLOCK_MAX: usize =
        (Self::PAGE - FIRST_ENTRY_AT - Self::START_ROOM - Self::CHECKPOINT_ROOM) / Self::WORD
            * Self::WORD;

    /// Returns the length of the longest payload of an entry.
    pub fn entry_bytes_max(&self) -> usize {
        Self::BLOCK_MAX - ENTRY_HEADER_BYTES
    }

    /// Declares that the medium defers writes. Must be called once the box is open or made, before
    /// anything else is written.
    pub fn defer(&mut self, barrier: Barrier<F>) {
        self.barrier = Some(barrier);
    }

    /// Waits until everything written so far is on the medium, so that later writes may refer to
    /// it. Costs nothing on a chip.
    pub async fn sync(&mut self) -> Result<(), F::Error> {
        match &self.barrier {
            Some(barrier) => (barrier.sync)(&mut self.flash),
            None => Ok(()),
        }
    }

    /// Notes that later entries will refer to the entry appended last.
    pub fn note_referent(&mut self) {
        self.referred_at = self.barrier.as_ref().map(|barrier| (barrier.syncs)(&self.flash));
    }

    /// Brings the noted entries to the medium. Must be called before an entry is appended that may
    /// refer to others, so that after a cut nothing refers to a missing entry.
    pub async fn sync_referents(&mut self) -> Result<(), F::Error> {
        let at = self.referred_at.take();
        self.sync_what_was_written(at).await
    }

    /// Syncs unless a sync has happened since the one with this number.
    async fn sync_what_was_written(&mut self, after: Option<u64>) -> Result<(), F::Error> {
        match (&self.barrier, after) {
            (Some(barrier), Some(after)) if (barrier.syncs)(&self.flash) <= after => {
                self.sync().await
            }
            _ => Ok(()),
        }
    }

    /// Returns whether everything committed to a write point in this run is on the medium.
    fn is_synced(&self, stream: &WritePoint) -> bool {
        match (&self.barrier, stream.wrote_at) {
            (Some(barrier), Some(wrote_at)) => (barrier.syncs)(&self.flash) > wrote_at,
            _ => true,
        }
    }

    /// Returns the identity of the box.
    pub fn salt(&self) -> u64 {
        self.salt
    }

    /// Returns the order of the oldest page that an entry appended from now on can be in.
    pub fn order_open(&self) -> u32 {
        let open = self.streams.iter().filter_map(|stream| stream.page);
        open.map(|page| self.state(page).order).min().unwrap_or(self.next_order)
    }

    /// Returns the flash, for other regions of it. Writing to the journal's own pages destroys the
    /// box.
    pub fn flash_mut(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// Takes note that the owner has replaced or deleted the entry by a later one: it need not be
    /// kept.
    pub fn retire(&mut self, at: Address, payload_len: u32) {
        let bytes = entry_bytes((payload_len as usize).min(Self::PAGE), Self::WORD);
        self.debit(self.page_of(at), bytes);
    }

    /// Returns the condition of the box.
    pub fn stats(&self) -> JournalStats {
        let mut stats = JournalStats {
            live_bytes: self.live,
            capacity_bytes: self.capacity(),
            flash_bytes: u64::from(self.page_count) * Self::PAGE as u64,
            pages: self.page_count,
            erases_min: u32::MAX,
            programs: self.tally.programs,
            programmed_bytes: self.tally.programmed_bytes,
            erases: self.tally.erases,
            torn: self.tally.torn,
            corrected: self.tally.corrected,
            holes: self.tally.holes,
            unannounced: self.tally.unannounced,
            ..JournalStats::default()
        };
        for state in self.states() {
            stats.pages_free += u32::from(state.is_free());
            stats.pages_failed += u32::from(state.has(state::FAILED));
            stats.erases_min = stats.erases_min.min(state.erases());
            stats.erases_max = stats.erases_max.max(state.erases());
            stats.erases_total += u64::from(state.erases());
        }
        stats.erases_min = stats.erases_min.min(stats.erases_max);
        stats
    }

    /// Returns the bytes of entries that are live and that can be. Fast, unlike [`Journal::stats`].
    pub fn fill(&self) -> (u64, u64) {
        (self.live, self.capacity())
    }

    /// Returns the bytes of entries that can be live: the pages beside the reserve and the write
    /// points, less a sixteenth for the unused ends of pages where the next entry does not fit.
    fn capacity(&self) -> u64 {
        let pages = u64::from(self.page_count.saturating_sub(RESERVE_PAGES + 2));
        pages * (Self::usable() - Self::usable() / 16) as u64
    }

    /// Returns the bytes of a page that entries can use, less a start entry of usual size.
    const fn usable() -> usize {
        Self::PAGE - FIRST_ENTRY_AT - 48 - Self::CHECKPOINT_ROOM
    }

    /// Returns the number of whole pages whose ends fit 32 bits.
    fn pages_of(flash: &F) -> u32 {
        let pages = (flash.capacity() / Self::PAGE) as u64;
        pages.min(u64::from(u32::MAX) / Self::PAGE as u64) as u32
    }

    fn states(&self) -> &[PageState] {
        let states = self.pages.cells();
        &states[..states.len().min(self.page_count as usize)]
    }

    fn state(&self, page: u32) -> PageState {
        self.pages.cells().get(page as usize).copied().unwrap_or_default()
    }

    fn change(&mut self, page: u32, change: impl FnOnce(&mut PageState)) {
        if let Some(state) = self.pages.cells_mut().get_mut(page as usize) {
            change(state);
        }
    }

    fn page_of(&self, at: Address) -> u32 {
        (u64::from(at.0) * Self::WORD as u64 / Self::PAGE as u64) as u32
    }

    fn offset_of(at: Address) -> usize {
        (u64::from(at.0) * Self::WORD as u64 % Self::PAGE as u64) as usize
    }

    fn address(page: u32, at: usize) -> Address {
        Address(((u64::from(page) * Self::PAGE as u64 + at as u64) / Self::WORD as u64) as u32)
    }

    fn base(page: u32) -> u32 {
        (u64::from(page) * Self::PAGE as u64) as u32
    }

    fn frame(&self, page: u32) -> ChecksumSeed {
        ChecksumSeed { salt: self.salt, order: self.state(page).order, base: Self::base(page) }
    }

    fn credit(&mut self, page: u32, bytes: usize) {
        self.live += bytes as u64;
        self.change(page, |state| state.live = state.live.saturating_add(bytes as u16));
    }

    fn debit(&mut self, page: u32, bytes: usize) {
        let bytes = bytes.min(usize::from(self.state(page).live));
        self.live = self.live.saturating_sub(bytes as u64);
        self.change(page, |state| state.live -= bytes as u16);
    }

    /// Returns whether the page is the open page of a write point.
    fn is_open(&self, page: u32) -> bool {
        self.streams.iter().any(|stream| stream.page == Some(page))
    }

    /// Returns the number of entries known to have been committed in the page.
    fn committed(&self, page: u32) -> u16 {
        let open = self.streams.iter().find(|stream| stream.page == Some(page));
        open.map_or(self.state(page).vouched, |stream| stream.count)
    }

    async fn load(&mut self, page: u32) -> Result<(), F::Error> {
        let buffer = &mut self.buffer.cells_mut()[..Self::PAGE];
        self.flash.read(Self::base(page), buffer).await
    }
}
