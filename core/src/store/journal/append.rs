//! Appending entries, singly or in groups; making room for them; coming to rest; growing.

use super::errors::JournalFailure;
use super::state::{COLD, HOT, NEVER_USED, PageState, other};
use super::victim::Choice;
use super::{
    Address, AppendError, EntryOwner, ExtendError, Journal, Need, RESERVE_PAGES, TendError,
};
use crate::store::page::{CALLER_KIND_MAX, EntryHeader, entry_bytes};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// Once begun, collecting dead pages goes on until this many are free: one erase intent then names
/// them all.
const SWEEP_PAGES: u32 = 16;

/// The free pages needed to take one only to confirm the content of another: the last is not spent.
const ATTACH_PAGES: u32 = 2;

/// The free pages needed to take one only to tell the end of another that nothing has happened to:
/// the reserve stays whole.
const ANCHOR_PAGES: u32 = RESERVE_PAGES + 1;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Appends an entry whose payload is the `parts` one after the other. When this returns, the
    /// entry has been read back and compared. `hint` is what the entry is about, in 16 bits (0:
    /// nothing): should the entry be destroyed, that much is still known of it.
    ///
    /// If power fails before this returns, the entry is there or not when the box is next opened.
    pub async fn append<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        kind: u8,
        hint: u16,
        parts: &[&[u8]],
    ) -> Result<Address, AppendError<F::Error>> {
        self.append_needing(tenant, Need::Data, kind, hint, parts).await
    }

    /// The same, saying how badly it is needed.
    pub async fn append_needing<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        need: Need,
        kind: u8,
        hint: u16,
        parts: &[&[u8]],
    ) -> Result<Address, AppendError<F::Error>> {
        if kind > CALLER_KIND_MAX {
            return Err(AppendError::Kind(kind));
        }
        let payload = parts.iter().map(|part| part.len()).sum();
        let bytes = entry_bytes(payload, Self::WORD);
        self.admit(tenant, need, bytes).await?;
        let Some(len) = self.lay(0, kind, hint, parts) else { return Err(Self::too_large(bytes)) };
        let (page, at) = self.commit(HOT, len).await.map_err(|trouble| self.refusal(trouble))?;
        Ok(Self::address(page, at))
    }

    /// Appends several entries, (kind, hint, payload) each, all or none of them, whatever happens.
    /// They must fit one page together. `out` takes the address of each.
    pub async fn append_group<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        items: &[(u8, u16, &[u8])],
        out: &mut [Address],
    ) -> Result<(), AppendError<F::Error>> {
        self.append_group_needing(tenant, Need::Data, items, out).await
    }

    /// The same, saying how badly it is needed.
    pub async fn append_group_needing<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        need: Need,
        items: &[(u8, u16, &[u8])],
        out: &mut [Address],
    ) -> Result<(), AppendError<F::Error>> {
        if items.is_empty() {
            return Ok(());
        }
        if let Some((kind, ..)) = items.iter().find(|(kind, ..)| *kind > CALLER_KIND_MAX) {
            return Err(AppendError::Kind(*kind));
        }
        let bytes = items.iter().map(|(.., payload)| entry_bytes(payload.len(), Self::WORD)).sum();
        self.admit(tenant, need, bytes).await?;
        let mut len = 0;
        for (kind, hint, payload) in items {
            len = self.lay(len, *kind, *hint, &[payload]).ok_or(Self::too_large(bytes))?;
        }
        let (page, mut at) =
            self.commit(HOT, len).await.map_err(|trouble| self.refusal(trouble))?;
        for ((.., payload), to) in items.iter().zip(out) {
            *to = Self::address(page, at);
            at += entry_bytes(payload.len(), Self::WORD);
        }
        Ok(())
    }

    fn too_large(bytes: usize) -> AppendError<F::Error> {
        AppendError::TooLarge {
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            bytes_max: Self::BLOCK_MAX as u32,
        }
    }

    fn refusal(&self, trouble: JournalFailure<F::Error>) -> AppendError<F::Error> {
        match trouble {
            JournalFailure::Flash(error) => AppendError::Flash(error),
            JournalFailure::Worn => AppendError::Worn,
            JournalFailure::NoRoom => self.full(),
        }
    }

    fn full(&self) -> AppendError<F::Error> {
        let number = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        AppendError::Full { live_bytes: number(self.live), capacity_bytes: number(self.capacity()) }
    }

    /// Sees to it that a block of this many bytes has somewhere to go, or says why not.
    async fn admit<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        need: Need,
        bytes: usize,
    ) -> Result<(), AppendError<F::Error>> {
        if bytes > Self::BLOCK_MAX {
            return Err(Self::too_large(bytes));
        }
        if need == Need::Data && self.live + bytes as u64 > self.capacity() {
            return Err(self.full());
        }
        self.idle_steps = 0;
        self.reclaim_for(tenant, need, bytes).await.map_err(|trouble| self.refusal(trouble))
    }

    async fn reclaim_for<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        need: Need,
        bytes: usize,
    ) -> Result<(), JournalFailure<F::Error>> {
        self.settle_doubt(tenant, HOT).await?;
        tolerate(self.settle_owed().await)?;
        if self.fits(HOT, bytes) {
            // No room to reclaim with is no reason to refuse what fits.
            return tolerate(self.step_by_the_way(tenant).await);
        }
        let needed = match need {
            Need::Data => RESERVE_PAGES + 1,
            Need::Deletion => RESERVE_PAGES - 1,
        };
        // Large entries may leave so much unused that moving them gains nothing:
        // that is given up in time.
        let patience = self.page_count + 64;
        let (mut most, mut steps) = (self.free, 0);
        // Announcing may have opened a page for it.
        while self.free < needed && !self.fits(HOT, bytes) {
            if steps == patience || !self.reclaim_step(tenant, Choice::Urgent).await? {
                return Err(JournalFailure::NoRoom);
            }
            steps = if self.free > most { 0 } else { steps + 1 };
            most = most.max(self.free);
        }
        if self.ready == 0 {
            tolerate(self.announce().await)?;
        }
        Ok(())
    }

    /// Does at most one step of reclaiming, when pages become few. It waits until the open page is
    /// half full: pages reclaimed later hold fewer live entries, and the second half has room for
    /// the steps that a page takes.
    async fn step_by_the_way<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
    ) -> Result<(), JournalFailure<F::Error>> {
        let erases = self.tally.erases;
        if self.free <= RESERVE_PAGES && self.room(HOT) < Self::PAGE / 2 {
            self.sweeping = true;
            self.reclaim_step(tenant, Choice::Usual).await?;
        } else if self.sweeping {
            let more = self.free < RESERVE_PAGES + SWEEP_PAGES;
            self.sweeping =
                more && self.victim.is_none() && self.reclaim_step(tenant, Choice::Dead).await?;
        }
        // The next page is prepared early. The change that takes it then does not wait for its
        // erase, nor for an erase and a step of reclaiming together.
        if self.tally.erases == erases && self.room(HOT) < Self::PAGE / 4 {
            self.prepare_ahead().await?;
        }
        Ok(())
    }

    /// Confirms the last entries, so that damage to them can be told from a cut. To be called when
    /// nothing more is expected for a while, and before closing.
    pub async fn confirm_tails<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
    ) -> Result<(), TendError<F::Error>> {
        tolerate(self.settle_owed().await)?;
        for stream in [HOT, COLD] {
            self.settle_doubt(tenant, stream).await?;
            self.reclaim_while(tenant, Choice::Urgent, |journal| {
                journal.dangles(stream) && journal.free < ATTACH_PAGES
            })
            .await?;
            self.attach_if_dangling(stream, ATTACH_PAGES).await?;
        }
        self.take_at_its_word();
        self.reclaim_while(tenant, Choice::Usual, |journal| {
            journal.names_in_vain() && journal.has_torn() && journal.free >= 2
        })
        .await?;
        // An erase intent is due in three cases. A page erased without one looks like a struck
        // page. Entries missing in a named page are not noticed. And it is unknown what the next
        // open takes a loose page for. The last free page is not spent on this.
        let has_written = self.streams.iter().any(|stream| stream.page.is_some());
        let is_loose =
            has_written && self.can_name() && self.states().iter().any(PageState::is_loose);
        let is_due = self.names_in_vain() || is_loose;
        if self.ready == 0 && self.free > 0 || is_due && (self.can_announce() || self.free >= 2) {
            tolerate(self.announce().await)?;
        }
        // Each end is told of in the other's page too: whatever is lost of one page,
        // the other one knows of it.
        for stream in [COLD, HOT] {
            self.reclaim_while(tenant, Choice::Urgent, |journal| {
                journal.wants_anchor_page(stream) && journal.free < ANCHOR_PAGES
            })
            .await?;
            self.anchor(stream, ANCHOR_PAGES).await?;
            self.checkpoint_at_rest(other(stream)).await?;
        }
        Ok(())
    }

    /// Reclaims as long as that is wanted and there is something to gain, in no more
    /// steps than there are pages.
    async fn reclaim_while<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        choice: Choice,
        is_wanted: impl Fn(&Self) -> bool,
    ) -> Result<(), TendError<F::Error>> {
        for _ in 0..self.page_count {
            if !is_wanted(self) {
                break;
            }
            match self.reclaim_step(tenant, choice).await {
                Ok(true) => {}
                Ok(false) | Err(JournalFailure::NoRoom) => break,
                Err(trouble) => return Err(trouble.into()),
            }
        }
        Ok(())
    }

    /// The flash has grown (`capacity()` says so): takes the new pages in.
    pub async fn extend(&mut self) -> Result<(), ExtendError<F::Error>> {
        let pages = Self::pages_of(&self.flash);
        let before = self.page_count;
        if pages <= before {
            return Ok(());
        }
        if !self.pages.grow(pages as usize) || self.pages.cells().len() < pages as usize {
            return Err(ExtendError::Memory { pages });
        }
        for page in before..pages {
            self.change(page, |state| {
                *state = PageState::NEW;
                state.set_role(NEVER_USED);
            });
        }
        self.page_count = pages;
        self.recount();
        match tolerate(self.announce().await) {
            Ok(()) => Ok(()),
            Err(trouble) => {
                self.page_count = before;
                self.recount();
                Err(match trouble {
                    JournalFailure::Flash(error) => ExtendError::Flash(error),
                    JournalFailure::NoRoom | JournalFailure::Worn => ExtendError::Worn,
                })
            }
        }
    }
}

/// Want of room is no reason to stop.
pub(super) fn tolerate<E>(result: Result<(), JournalFailure<E>>) -> Result<(), JournalFailure<E>> {
    match result {
        Err(JournalFailure::NoRoom) => Ok(()),
        result => result,
    }
}

/// Bytes of the entries in a block, for those who go through one.
pub(super) fn next_in_block(
    buffer: &[u8],
    from: usize,
    end: usize,
    word: usize,
) -> Option<(EntryHeader, usize)> {
    let header = EntryHeader::decode(buffer, from, end)?;
    Some((header, from + entry_bytes(usize::from(header.len), word)))
}
