//! The book: the facade of a box. Opening, reading, and the parts the other files work on.

mod aside;
mod audit;
mod authors;
mod blobs;
mod boxes;
mod brake;
mod clock;
mod error;
mod find;
mod gram_filter;
mod kept;
mod latest;
mod lookup;
mod meet;
mod peer;
mod pieces;
mod refit;
mod room;
mod root;
mod state;
mod unread;
mod verify;
mod write;

pub use aside::{Aside, Intake};
pub use audit::{Finding, Stats, VerifyReport};
pub use authors::AuthorCell;
pub use boxes::BoxCell;
pub use brake::{BRAKE, Brake, Consent, says};
pub use error::{FlashTooLarge, FormatError, GetError, OpenError, PutError, StartError};
pub use find::Shelf;
pub use gram_filter::{BookWithoutFilter, FilterInput, FilterSink, GramFilter};
pub use kept::{KEEP_MILLIS, KeptState};
pub use peer::{NEWCOMERS_MAX, Number, Peer, Quota};
pub use root::Root;
pub use state::Counts;
pub use verify::Verification;
pub use write::{Outcome, Written};

use super::entries::{SPILL, Spill};
use super::index::{self, Index, Packed};
use super::journal::{self, Barrier, EntryOwner, Journal, OpenReport};
use super::memory::{Memory, Parts};
use super::page::ENTRY_HEADER_BYTES;
use super::slab::Slab;
use crate::contact::{AuthorIndex, Contact, Millis, Uid};
use authors::Authors;
use blobs::Sweep;
use boxes::Boxes;
use core::ops::Range;
use embedded_storage_async::nor_flash::NorFlash;
use error::Unfit;
use gram_filter::{NoSink, Tee};
use state::BookState;

/// The settings that a box gets when it is made or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookConfig {
    /// The box's identity: 64 random bits, drawn when it is formatted.
    pub id: u64,
    /// Bits of a contact's search signature, a multiple of 32: 32 on a device, 1,280 in a daemon.
    pub gram_slices: u32,
    /// Bits that one gram sets: 1 on a device, about 5 in a daemon.
    pub gram_probes: u32,
}

/// A contact as it was found.
pub struct Found<'b> {
    /// The contact.
    pub contact: Contact<'b>,
    /// A newer version of it may have been lost to damage.
    pub is_stale: bool,
}

/// A box.
pub struct Book<F: NorFlash, M: Memory> {
    journal: Journal<F, M::Pages, M::Bytes>,
    ledger: BookState<M>,
    old: M::Bytes,
    new: M::Bytes,
    extra: M::Bytes,
    items: M::Items,
    sweep: Sweep,
    config: BookConfig,
    /// Computed when it is first asked for.
    root: Option<Root>,
    unread: heapless::Vec<u32, { unread::MET_MAX }>,
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Makes an empty box. Whatever the flash held is gone.
    pub async fn format(
        flash: F,
        config: BookConfig,
        parts: Parts<M>,
    ) -> Result<Self, FormatError<F::Error>> {
        let mut book = Self::closed_by(flash, config, parts, true)?;
        book.format_here().await?;
        Ok(book)
    }

    /// Opens a box: one pass over the flash, nothing written. Where slots are narrow, an entry that
    /// is superseded costs one more read, of the entry it is compared with.
    ///
    /// `config.id` is only what the index in RAM is salted with; the box's
    /// identity is on the flash.
    pub async fn open(
        flash: F,
        config: BookConfig,
        parts: Parts<M>,
    ) -> Result<(Self, OpenReport), OpenError<F::Error>> {
        Self::open_by(flash, config, parts, true, &mut NoSink).await
    }

    /// Opens a box as [`Book::open`] does, while its signatures are made apart from it: they take
    /// most of the time. `parts.grams` is not used; the signatures bring their own.
    pub async fn open_unsigned(
        flash: F,
        config: BookConfig,
        parts: Parts<M>,
        scribe: &mut impl FilterSink,
    ) -> Result<(BookWithoutFilter<F, M>, OpenReport), OpenError<F::Error>> {
        let (book, report) = Self::open_by(flash, config, parts, false, scribe).await?;
        Ok((BookWithoutFilter(book), report))
    }

    async fn open_by(
        flash: F,
        config: BookConfig,
        parts: Parts<M>,
        is_signed: bool,
        scribe: &mut impl FilterSink,
    ) -> Result<(Self, OpenReport), OpenError<F::Error>> {
        let mut book = Self::closed_by(flash, config, parts, is_signed)?;
        let report = book.open_here(scribe).await?;
        Ok((book, report))
    }

    /// A box that is yet to be opened or made by [`Book::start`], where it will stay: on its way
    /// through the hands of callers an open box takes 7 KB of the stack in each. Until then it is
    /// empty, and nothing can be written.
    pub fn closed(
        flash: F,
        config: BookConfig,
        parts: Parts<M>,
    ) -> Result<Self, StartError<F::Error>> {
        Self::closed_by(flash, config, parts, true).map_err(|unfit| StartError::Open(unfit.into()))
    }

    /// Opens the box on the flash, or makes one with the identity of the configuration where the
    /// flash is blank. After an error the box is of no use.
    pub async fn start(&mut self) -> Result<OpenReport, StartError<F::Error>> {
        if !self.journal.is_unformatted().await.map_err(StartError::Flash)? {
            return self.open_here(&mut NoSink).await.map_err(StartError::Open);
        }
        self.format_here().await.map_err(StartError::Format)?;
        Ok(OpenReport::default())
    }

    /// Apart, so that the stack that laying it out takes is free again when the flash is read.
    #[inline(never)]
    fn closed_by(
        flash: F,
        config: BookConfig,
        parts: Parts<M>,
        is_signed: bool,
    ) -> Result<Self, Unfit> {
        within_reach::<F, M>(&flash).map_err(Unfit::FlashTooLarge)?;
        let Parts { pages, slots, table, grams, page, old, new, extra, items, boxes, authors } =
            parts;
        let journal = Journal::closed(flash, pages, page)
            .map_err(|(pages, buffer_bytes)| Unfit::Memory { pages, buffer_bytes })?;
        let signatures = is_signed.then(|| GramFilter::new(&config, grams));
        let index = Index::new(slots, table, config.id);
        let ledger = BookState::new(index, signatures, Authors::new(authors), Boxes::new(boxes));
        let (sweep, root, unread) = (Sweep::default(), None, heapless::Vec::new());
        Ok(Self { journal, ledger, old, new, extra, items, sweep, config, root, unread })
    }

    async fn format_here(&mut self) -> Result<(), FormatError<F::Error>> {
        self.journal.format_here(self.config.journal()).await?;
        // An empty box has an empty sum.
        self.root = Some(Root::default());
        Ok(())
    }

    async fn open_here(
        &mut self,
        scribe: &mut impl FilterSink,
    ) -> Result<OpenReport, OpenError<F::Error>> {
        let Self { journal, ledger, old, .. } = self;
        let mut tenant = Tee { ledger, scribe };
        // Nothing else needs this buffer yet. As any tenant's, for the code to be
        // there once: see `refit`.
        let report = journal.open_here::<dyn EntryOwner>(old.cells_mut(), &mut tenant).await?;
        if ledger.has_passed_over && !ledger.is_overfull {
            self.refit().await?;
        }
        if self.ledger.is_overfull {
            return Err(OpenError::IndexFull { slots: self.ledger.index.len() });
        }
        self.config.id = self.journal.salt();
        self.sweep = Sweep::due();
        Ok(report)
    }

    /// Says that the medium defers writes. To be called once the box is open or made, before
    /// anything else is written.
    pub fn defer(&mut self, barrier: Barrier<F>) {
        self.journal.defer(barrier);
    }

    /// The box's identity.
    pub fn id(&self) -> u64 {
        self.config.id
    }

    /// The box's own clock: the latest time it has written. What it writes next is later.
    pub fn time_max(&self) -> Millis {
        self.ledger.time_max
    }

    /// The flash, for its owner's own purposes; what the box wrote must stay as it is.
    pub fn flash(&mut self) -> &mut F {
        self.journal.flash_mut()
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.journal.into_flash()
    }

    /// Contacts by state.
    pub fn counts(&self) -> Counts {
        self.ledger.counts()
    }

    /// The name of an author; empty for nobody in particular and for the unknown.
    pub fn author_name(&self, author: AuthorIndex) -> &str {
        self.ledger.authors.name(author)
    }

    /// Reads a contact, tombstones excepted, into the caller's memory.
    pub async fn get<'b>(
        &mut self,
        uid: Uid,
        buf: &'b mut [u8],
    ) -> Result<Option<Found<'b>>, GetError<F::Error>> {
        let seat = lookup::find(&mut self.journal, &self.ledger, uid, false, buf).await?;
        let Some(here) = seat.readable()? else { return Ok(None) };
        let contact = parse(buf, here.record)?;
        Ok(Some(Found { contact, is_stale: self.ledger.is_stale(&contact) }))
    }

    /// The contact in a slot; `None` when the slot holds none that can be seen.
    pub async fn get_slot<'b>(
        &mut self,
        number: u32,
        buf: &'b mut [u8],
    ) -> Result<Option<Found<'b>>, GetError<F::Error>> {
        if !self.ledger.index.slot(number).is_contact() {
            return Ok(None);
        }
        self.read_slot(number, buf).await.map(Some)
    }

    /// Slots there are: every contact has a number below this, for [`Book::get_slot`]. A contact
    /// keeps its number while the box is open.
    pub fn slots(&self) -> u32 {
        self.ledger.index.len()
    }

    /// Identities of contacts that begin with `prefix`, up to `found.len()` of them, and how many
    /// there are of these. Reads every contact.
    pub async fn by_prefix(
        &mut self,
        matches: impl Fn(Uid) -> bool,
        found: &mut [Uid],
    ) -> Result<usize, GetError<F::Error>> {
        let mut count = 0;
        for number in 0..self.slots() {
            if count == found.len() {
                break;
            }
            if !self.ledger.index.slot(number).is_contact() {
                continue;
            }
            let Self { journal, ledger, old, .. } = self;
            let uid = match read(journal, ledger, number, old.cells_mut()).await {
                Ok(contact) => contact.uid(),
                Err(error) if error.is_damage() => continue,
                Err(error) => return Err(error),
            };
            if matches(uid) {
                found[count] = uid;
                count += 1;
            }
        }
        Ok(count)
    }

    async fn read_slot<'b>(
        &mut self,
        number: u32,
        buf: &'b mut [u8],
    ) -> Result<Found<'b>, GetError<F::Error>> {
        let contact = read(&mut self.journal, &self.ledger, number, buf).await?;
        Ok(Found { contact, is_stale: self.ledger.is_stale(&contact) })
    }

    /// Largest record that is kept in one entry, in bytes. Two of these fit a page, so that a
    /// merge of two contacts can be one group.
    fn inline_bytes_max(&self) -> usize {
        self.journal.entry_bytes_max() / 2
    }
}

impl BookConfig {
    fn journal(&self) -> journal::JournalConfig {
        journal::JournalConfig { salt: self.id }
    }
}

/// Checks that slots can hold every address of the flash.
fn within_reach<F: NorFlash, M: Memory>(flash: &F) -> Result<(), FlashTooLarge> {
    let (bytes, bytes_max) = (flash.capacity() as u64, M::Slot::FLASH_BYTES_MAX);
    if bytes <= bytes_max { Ok(()) } else { Err(FlashTooLarge { bytes, bytes_max }) }
}

/// Reads the record of a slot into `buf`.
async fn read<'b, F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &BookState<M>,
    number: u32,
    buf: &'b mut [u8],
) -> Result<Contact<'b>, GetError<F::Error>> {
    let record = read_record(journal, ledger, number, None, buf).await?;
    parse(buf, record.unwrap_or_default())
}

/// The contact whose record stands here.
fn parse<E>(buf: &[u8], record: Range<usize>) -> Result<Contact<'_>, GetError<E>> {
    Contact::parse(buf.get(record).unwrap_or(&[])).map_err(GetError::Record)
}

/// Reads the record of a slot into `buf`, and tells where in it. `None` when it is not that of the
/// contact `wanted` and this is known before all of it is read.
async fn read_record<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &BookState<M>,
    number: u32,
    wanted: Option<Uid>,
    buf: &mut [u8],
) -> Result<Option<Range<usize>>, GetError<F::Error>> {
    let slot = ledger.index.slot(number);
    let entry = journal.read(slot.at, slot.len.into(), buf).await?;
    if !slot.has(index::SPILLED) {
        return Ok(Some(ENTRY_HEADER_BYTES..ENTRY_HEADER_BYTES + entry.payload.len()));
    }
    let spill = (entry.kind == SPILL).then(|| Spill::parse(entry.payload)).flatten();
    let spill = spill.ok_or(GetError::Damaged { slot: number })?;
    if wanted.is_some_and(|uid| uid != spill.uid()) {
        return Ok(None);
    }
    let len = blobs::read_all(journal, ledger, spill.blob(), buf).await?;
    let record = buf.get(..len).ok_or(GetError::Damaged { slot: number })?;
    // Two entries say whose record it is. Where they differ, a change would go to another contact.
    match Contact::peek(record) {
        Ok((uid, _)) if uid == spill.uid() => Ok(Some(0..len)),
        Ok(_) => Err(GetError::Damaged { slot: number }),
        Err(error) => Err(GetError::Record(error)),
    }
}
