//! What each page of a box that is being opened is, by the announcement and by what was read.

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
    /// Decides what each page is, by the announcement and what was read.
    pub(super) fn assign_roles(&mut self, survey: &mut Survey) {
        let is_announced = survey.announcement.is_some();
        let announcement = survey.announcement.unwrap_or_default();
        // Pages that have come since: a medium that has grown, and nothing was announced yet.
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
                // Whatever is announced: its tenant still counts on it.
                USED
            } else if doomed.is_some_and(|doomed| state.order <= doomed.order) {
                ERASABLE
            } else if state.role() == CLAIMED {
                // Written since it was announced, by what another page says of it,
                // and nothing can be read.
                UNREADABLE
            } else if !unused || state.order != 0 && self.is_told_of(state.order, survey) {
                // Perhaps with nothing that counts: written since it was announced, and struck.
                USED
            } else if doomed.is_some() {
                ERASABLE
            } else if announcement.is_virgin(page) || is_new {
                // What is written and has no beginning has been begun: it is erased by
                // its number from now on. (Also where the announcement that names it
                // was to be the first in it.)
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
            // The first program call of a page: cut, or struck since; what is
            // vouched for is no cut.
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
        // With nothing announced any more, an empty page has to be erased without an announcement
        // (`pick`): one unreadable page is explained by that.
        let is_gone = |state: &PageState| {
            let is_used = state.role() == USED && state.live == 0;
            state.role() == UNREADABLE
                || is_used && (state.tail == 0 || state.has(HAS_GAP) && state.has(UNSURE))
        };
        let mut struck =
            (0u32..).zip(self.states()).filter(|(_, state)| is_gone(state)).map(|(at, _)| at);
        // A box that has come to rest has announced.
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

    /// Whether another page says that the page of this order held something.
    fn is_told_of(&self, order: u32, survey: &Survey) -> bool {
        let is_it = |tail: &Tail| tail.order == order && tail.count > 0;
        survey.tails.iter().flatten().any(is_it) || self.is_vouched_for(order)
    }

    /// Whether a page says that the page of this order, before it in its stream, held something.
    fn is_vouched_for(&self, order: u32) -> bool {
        self.states().iter().any(|next| {
            !matches!(next.gap, 0 | u16::MAX)
                && next.vouched > 0
                && next.order.wrapping_sub(u32::from(next.gap)) == order
        })
    }

    /// Compares what each page held with what other pages say of it.
    pub(super) fn check_tails(&mut self, survey: &Survey) {
        for page in 0..self.page_count {
            let state = self.state(page);
            if state.role() != USED || state.gap == 0 || state.gap == u16::MAX {
                continue;
            }
            let order = state.order.wrapping_sub(u32::from(state.gap));
            let is_it = |state: &PageState| state.order == order && state.role() == USED;
            // Pages are mostly taken one after the other: look at the neighbour first.
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
            // What was found is there, and is missed from now on, unless it is in doubt.
            state.vouched = if is_told || !state.has(UNSURE) { state.tail } else { 0 };
            state.unmark(FOLLOWED);
            if is_told && state.has(UNSURE) {
                state.mark(RAGGED);
            }
            if state.has(NAMED) {
                if state.has(HAS_GAP | SHORT | UNSURE) {
                    // Its erase was cut.
                    state.mark(EVACUATE);
                    state.unmark(HAS_GAP | SHORT);
                    state.vouched = 0;
                }
                state.mark(UNSURE);
            }
            state.tail = 0;
        }
    }

    /// Compares where each stream ends with what the other one says.
    fn check_ends(&mut self, survey: &Survey) {
        for (head, tail) in survey.heads.iter().zip(&survey.tails) {
            let Some(tail) = tail else { continue };
            let page = match head {
                Some(head) if head.order == tail.order => head.page,
                Some(head) if head.order > tail.order => continue,
                // Its first program call cannot be read: then nothing in it said to
                // which stream it belongs.
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
