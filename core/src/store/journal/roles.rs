//! The role of each page of a box that is being opened, by the erase intent and by what was read.

use super::Journal;
use super::notes::Tail;
use super::state::{
    BLANK, CLAIMED, EMPTY, ERASABLE, EVACUATE, FOLLOWED, HAS_GAP, NAMED, NEVER_USED, PageState,
    RAGGED, SEALED, SHORT, UNREADABLE, UNSURE, USED,
};
use super::survey::Survey;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Decides the role of each page, by the erase intent and by what was read.
    pub(super) fn assign_roles(&mut self, survey: &mut Survey) {
        let is_announced = survey.announcement.is_some();
        let announcement = survey.announcement.unwrap_or_default();
        // Pages behind these have come since: the medium has grown, and no erase intent covers them
        // yet.
        let pages_known = announcement.virgin_first.saturating_add(announcement.virgin_count);
        self.epoch = announcement.epoch;
        let mut ready = 0;
        for page in 0..self.page_count {
            let state = self.state(page);
            let unused = state.order == 0 || state.tail == 0;
            let blank = state.role() == BLANK;
            let is_new = is_announced && page >= pages_known;
            let doomed = announcement.doomed(page);
            let role = if state.live > 0 {
                // The erase intent does not matter: the owner still counts on the page.
                USED
            } else if doomed.is_some_and(|doomed| state.order <= doomed.order) {
                ERASABLE
            } else if state.role() == CLAIMED {
                // Another page says that this one was written after the intent, and nothing in it
                // can be read.
                UNREADABLE
            } else if !unused || state.order != 0 && self.is_told_of(state.order, survey) {
                // The page was written after the intent and then struck. Perhaps nothing in it
                // counts.
                USED
            } else if doomed.is_some() {
                ERASABLE
            } else if announcement.is_virgin(page) || is_new {
                // A page that is written but has no beginning is one whose writing had begun: from
                // now on it is erased by its number. (This also holds where the erase intent that
                // names it was to be its first entry.)
                if state.role() == UNREADABLE { ERASABLE } else { NEVER_USED }
            } else if blank && !is_announced {
                EMPTY
            } else {
                UNREADABLE
            };
            if let Some(doomed) = doomed.filter(|_| role == ERASABLE) {
                self.change(page, |state| {
                    state.set_erases(state.erases().max(doomed.erases));
                    state.order = state.order.max(doomed.order);
                });
            }
            if let Some(doomed) =
                doomed.filter(|doomed| state.live > 0 && state.order <= doomed.order)
            {
                self.change(page, |state| {
                    state.set_erases(state.erases().max(doomed.erases));
                    state.mark(NAMED);
                });
            }
            ready += u32::from(matches!(role, ERASABLE | NEVER_USED));
            // The first program call of a page was cut, or struck since. A page that another one
            // confirms was not cut.
            let begun = doomed.is_none_or(|doomed| state.order > doomed.order);
            let is_torn = state.has(SHORT) && !state.has(FOLLOWED);
            survey.report.torn_tails += u32::from(is_torn && begun && role != USED);
            self.change(page, |state| {
                state.set_role(role);
                if !state.has(FOLLOWED) {
                    state.unmark(SHORT);
                }
                if role != USED {
                    state.unmark(HAS_GAP | EVACUATE | SEALED | SHORT);
                    (state.gap, state.vouched) = (0, 0);
                }
            });
        }
        // When no page is left in the erase intent, an empty page has to be erased without one
        // (`pick`). That explains one unreadable page.
        let is_gone = |state: &PageState| {
            let is_used = state.role() == USED && state.live == 0;
            state.role() == UNREADABLE
                || is_used && (state.tail == 0 || state.has(HAS_GAP) && state.has(UNSURE))
        };
        let mut struck =
            (0u32..).zip(self.states()).filter(|(_, state)| is_gone(state)).map(|(at, _)| at);
        // A box at rest has written an erase intent, so this explains nothing there.
        if let (0, Some(page), None) = (ready, struck.next(), struck.next())
            && !survey.is_at_rest()
        {
            self.change(page, |state| {
                state.set_role(EMPTY);
                state.unmark(HAS_GAP | EVACUATE | SEALED | SHORT | FOLLOWED);
                (state.gap, state.vouched) = (0, 0);
            });
            self.unannounced = Some(page);
        }
    }

    /// Returns whether another page says that the page of this order held something.
    fn is_told_of(&self, order: u32, survey: &Survey) -> bool {
        let is_it = |tail: &Tail| tail.order == order && tail.count > 0;
        survey.tails.iter().flatten().any(is_it) || self.is_vouched_for(order)
    }

    /// Returns whether the next page of its stream says that the page of this order held something.
    fn is_vouched_for(&self, order: u32) -> bool {
        self.states().iter().any(|next| {
            !matches!(next.gap, 0 | u16::MAX)
                && next.vouched > 0
                && next.order.wrapping_sub(u32::from(next.gap)) == order
        })
    }

    /// Compares the content of each page with what other pages say of it.
    pub(super) fn check_tails(&mut self, survey: &Survey) {
        for page in 0..self.page_count {
            let state = self.state(page);
            if state.role() != USED || state.gap == 0 || state.gap == u16::MAX {
                continue;
            }
            let order = state.order.wrapping_sub(u32::from(state.gap));
            let is_it = |state: &PageState| state.order == order && state.role() == USED;
            // Pages are mostly taken one after the other, so the neighbour is tried first.
            let before = page.checked_sub(1).filter(|before| is_it(&self.state(*before)));
            let before = before.or_else(|| {
                (0u32..).zip(self.states()).find(|(_, state)| is_it(state)).map(|(page, _)| page)
            });
            let Some(before) = before else { continue };
            self.change(before, |previous| previous.end_at(state.vouched));
        }
        self.check_ends(survey);
        for state in self.pages.cells_mut() {
            let is_told = state.has(FOLLOWED);
            // Entries that were found are there, and will be missed from now on, unless they are in
            // doubt.
            state.vouched = if is_told || !state.has(UNSURE) { state.tail } else { 0 };
            state.unmark(FOLLOWED);
            if is_told && state.has(UNSURE) {
                state.mark(RAGGED);
            }
            if state.has(NAMED) {
                if state.has(HAS_GAP | SHORT | UNSURE) {
                    // The erase of the page was cut.
                    state.mark(EVACUATE);
                    state.unmark(HAS_GAP | SHORT);
                    state.vouched = 0;
                }
                state.mark(UNSURE);
            }
            state.tail = 0;
        }
    }

    /// Compares the end of each stream with what the other stream says of it.
    fn check_ends(&mut self, survey: &Survey) {
        for (head, tail) in survey.heads.iter().zip(&survey.tails) {
            let Some(tail) = tail else { continue };
            let page = match head {
                Some(head) if head.order == tail.order => head.page,
                Some(head) if head.order > tail.order => continue,
                // The first program call of the page cannot be read, so nothing in it told which
                // stream it belongs to.
                _ => tail.page,
            };
            let state = self.state(page);
            if state.order != tail.order || state.role() != USED {
                continue;
            }
            self.change(page, |state| {
                if state.has(UNSURE) {
                    state.mark(SHORT);
                }
                if state.tail < tail.count {
                    state.mark(SHORT);
                    state.unmark(SEALED);
                }
                if state.tail <= tail.count || state.has(UNSURE) {
                    state.tail = tail.count;
                    state.mark(FOLLOWED);
                }
            });
        }
    }
}
