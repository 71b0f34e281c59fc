//! The choice of free pages: which are free, which is taken next, and the erase intent that is
//! written before pages are erased.

use super::errors::JournalFailure;
use super::notes::{DOOMED_MAX, Doomed, EraseIntent};
use super::state::{
    COLD, EMPTY, ERASABLE, EVACUATE, FAILED, HAS_GAP, HOT, NAMED, NEVER_USED, RAGGED, SEALED,
    UNSURE, USED, other,
};
use super::{Journal, PageState};
use crate::store::page::PageHeader;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The number of pages that are tried before preparing one is given up.
const TRIES: usize = 4;
/// The number of named pages below which the next start entry carries a new erase intent.
const READY_MIN: u32 = 3;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Counts the free pages again after a page has changed its role.
    pub(super) fn recount(&mut self) {
        let (mut free, mut ready) = (0, 0);
        for state in self.states() {
            free += u32::from(state.is_free());
            ready += u32::from(state.is_ready());
        }
        (self.free, self.ready) = (free, ready);
    }

    /// Returns a page that has just been erased and given its header.
    pub(super) async fn ready_page(
        &mut self,
        stream: usize,
    ) -> Result<u32, JournalFailure<F::Error>> {
        self.ready_page_while(stream, |_| true).await
    }

    /// Returns such a page, but gives up when `is_wanted` is no longer true.
    async fn ready_page_while(
        &mut self,
        stream: usize,
        is_wanted: impl Fn(&Self) -> bool,
    ) -> Result<u32, JournalFailure<F::Error>> {
        let mut trouble = None;
        for _ in 0..TRIES {
            if !is_wanted(self) {
                break;
            }
            if let Some(page) = self.prepared.take()
                && self.state(page).is_free()
            {
                return Ok(page);
            }
            let Some(page) = self.pick(stream) else { break };
            match self.prepare(page).await {
                Ok(true) => return Ok(page),
                Ok(false) => trouble = Some(JournalFailure::Worn),
                Err(error) => trouble = Some(JournalFailure::Flash(error)),
            }
            self.tally.failures += 1;
            self.change(page, |state| state.mark(FAILED));
            self.recount();
        }
        Err(trouble.unwrap_or(JournalFailure::NoRoom))
    }

    /// Prepares a page ahead of need; false when there is none to prepare.
    pub(super) async fn prepare_ahead(&mut self) -> Result<bool, JournalFailure<F::Error>> {
        if self.prepared.is_some() || self.ready == 0 {
            return Ok(false);
        }
        // No page is erased without an erase intent unless somebody needs it.
        self.prepared = match self.ready_page_while(HOT, |journal| journal.ready > 0).await {
            Ok(page) => Some(page),
            Err(JournalFailure::NoRoom | JournalFailure::Worn) => None,
            Err(trouble) => return Err(trouble),
        };
        Ok(self.prepared.is_some())
    }

    /// Chooses the free page to take: the least worn for new entries, the most worn for moved ones,
    /// which tend to stay.
    fn pick(&mut self, stream: usize) -> Option<u32> {
        let best = |of: &dyn Fn(&PageState) -> bool| {
            let candidates = (0u32..).zip(self.states()).filter(|(_, state)| of(state));
            if stream == COLD {
                // max_by_key takes the last of equals: compare so that the first wins.
                candidates
                    .min_by_key(|(page, state)| (u32::MAX - state.erases(), *page))
                    .map(|(page, _)| page)
            } else {
                candidates.min_by_key(|(page, state)| (state.erases(), *page)).map(|(page, _)| page)
            }
        };
        if let Some(page) = best(&PageState::is_ready) {
            return Some(page);
        }
        // No page is in an erase intent, and there may be no room to write one: an empty page is
        // taken anyway. If the power fails during its erase, opening recognises the case because
        // there is no other free page. That explains one page, not two. A page that was taken so
        // and holds nothing yet is therefore taken again, also after a cut.
        let begun = self.unannounced.filter(|page| self.state(*page).is_free());
        let page = begun.or_else(|| best(&|state| state.is_free()))?;
        self.unannounced = Some(page);
        self.tally.unannounced += 1;
        Some(page)
    }

    /// Erases a page and gives it its header. Returns false when the page does not hold it.
    async fn prepare(&mut self, page: u32) -> Result<bool, F::Error> {
        // The erase intent that names the page must be on the medium first.
        let announced_at = self.announced_at.take();
        self.sync_what_was_written(announced_at).await?;
        let base = Self::base(page);
        let erases = self.state(page).erases() + 1;
        self.change(page, |state| state.set_erases(erases));
        self.tally.erases += 1;
        self.flash.erase(base, base + Self::PAGE as u32).await?;
        if !self.is_blank(page).await? {
            return Ok(false);
        }
        let order = self.next_order;
        // Only a forged header brings the order to the end of its range.
        self.next_order = self.next_order.saturating_add(1);
        self.change(page, |state| {
            (state.order, state.live, state.vouched) = (order, 0, 0);
            (state.gap, state.tail) = (0, 0);
            state.unmark(HAS_GAP | EVACUATE | SEALED | UNSURE | NAMED | RAGGED);
        });
        let header = PageHeader { order, erases, salt: self.salt }.encode(base);
        self.program_small(page, 0, &header).await
    }

    /// Returns whether an erase intent may be due when the next page is taken.
    pub(super) fn is_announcing(&self) -> bool {
        self.ready <= READY_MIN && self.free > self.ready
    }

    /// Returns the erase intent for the start entry of page `taken` of a write point, if one is
    /// due. The start entry confirms what that write point wrote before, but not what the other one
    /// wrote. Unless something else confirms that, the intent waits, if it can.
    pub(super) fn due_announcement(
        &self,
        stream: usize,
        taken: u32,
        bytes: usize,
    ) -> Option<EraseIntent> {
        let left = self.ready.saturating_sub(u32::from(self.state(taken).is_ready()));
        let is_due = left < READY_MIN && self.free > self.ready;
        let may = left == 0 || self.is_vouched(other(stream));
        (is_due && may).then(|| self.full_announcement(Some(taken), bytes)).flatten()
    }

    /// Returns all pages that may be erased: those named before, then those emptied since, the
    /// loose ones first and of these the least worn. `taken` is not among them.
    pub(super) fn full_announcement(
        &self,
        taken: Option<u32>,
        bytes: usize,
    ) -> Option<EraseIntent> {
        let states = self.states();
        let virgin = (0u32..)
            .zip(states)
            .find(|(page, state)| state.role() == NEVER_USED && Some(*page) != taken);
        let virgin_first = virgin.map_or(self.page_count, |(page, _)| page);
        let mut announcement = EraseIntent {
            epoch: self.epoch.saturating_add(1),
            virgin_first,
            virgin_count: self.page_count - virgin_first,
            ..EraseIntent::default()
        };
        let doomed = |page: u32| {
            let state = self.state(page);
            // Entries written to a page that was prepared ahead are not dead, but those of older
            // orders are.
            let ahead = u32::from(self.prepared == Some(page));
            let order = state.order.saturating_sub(ahead);
            Doomed { page, order, erases: state.erases() }
        };
        for (page, state) in (0u32..).zip(states) {
            if (state.role() == ERASABLE || state.has(NAMED) && state.has(EVACUATE))
                && Some(page) != taken
                && !announcement.name(doomed(page), bytes)
            {
                return None;
            }
        }
        let mut last = None;
        loop {
            let next = (0u32..)
                .zip(states)
                .filter(|(page, state)| {
                    state.role() == EMPTY && !state.has(FAILED) && Some(*page) != taken
                })
                .map(|(page, state)| (!state.is_loose(), state.erases(), page))
                .filter(|next| last.is_none_or(|last| *next > last))
                .min();
            let Some(next) = next else { break };
            if !announcement.name(doomed(next.2), bytes) {
                break;
            }
            last = Some(next);
        }
        Some(announcement)
    }

    /// Returns whether an erase intent can name one page more.
    pub(super) fn can_name(&self) -> bool {
        let is_named = |state: &&PageState| state.role() == ERASABLE || state.has(NAMED);
        self.states().iter().filter(is_named).count() < DOOMED_MAX
    }

    /// Makes pages erasable that the newest erase intent names and in which nothing counts any
    /// more.
    pub(super) fn take_at_its_word(&mut self) {
        for page in 0..self.page_count {
            let state = self.state(page);
            if state.has(NAMED) && state.role() == USED && state.live == 0 {
                self.change(page, |state| state.set_role(ERASABLE));
                self.victim = self.victim.filter(|victim| victim.page != page);
                self.note_announced();
            }
        }
        self.recount();
    }

    /// Notes that everything written until now must be on the medium before a page in which nothing
    /// is left is erased.
    pub(super) fn note_announced(&mut self) {
        self.announced_at = self.barrier.as_ref().map(|barrier| (barrier.syncs)(&self.flash));
    }

    /// Returns whether the newest erase intent names pages in use, in a box that has been written
    /// to since it was opened.
    pub(super) fn names_in_vain(&self) -> bool {
        self.streams.iter().any(|stream| stream.page.is_some())
            && self.states().iter().any(|state| state.has(NAMED) && state.role() == USED)
    }

    /// Returns whether the erase of a page in use that the erase intent names was cut.
    pub(super) fn has_torn(&self) -> bool {
        let is_torn =
            |state: &PageState| state.has(NAMED) && state.role() == USED && state.has(EVACUATE);
        self.states().iter().any(is_torn)
    }

    /// Takes note that the erase intent has been written and verified.
    pub(super) fn announced(&mut self, announcement: &EraseIntent) {
        self.epoch = self.epoch.max(announcement.epoch);
        self.note_announced();
        for doomed in announcement.doomed.iter().take(announcement.doomed_count) {
            self.change(doomed.page, |state| {
                if state.role() == EMPTY {
                    state.set_role(ERASABLE);
                }
            });
        }
        for (page, state) in (0u32..).zip(self.pages.cells_mut()) {
            if state.has(NAMED) && announcement.doomed(page).is_none() {
                state.unmark(NAMED);
                if state.has(RAGGED) {
                    // The page that told its end may have gone meanwhile, and it counts in the
                    // census again.
                    state.mark(EVACUATE);
                }
            }
        }
    }
}
