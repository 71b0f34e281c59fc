//! The census: one number over all pages that may not be erased, recorded when the box comes to
//! rest.
//!
//! The next page of a stream tells the end of the one before, but that next page may have gone
//! since. And when the beginning of a page was put back to an old content, no other page tells of
//! it. The census covers both cases; it is in the checkpoint that is written last.

use super::state::{ERASABLE, EVACUATE, FAILED, HAS_GAP, NAMED, NEVER_USED, PageState};
use super::survey::Survey;
use super::{EntryOwner, Journal, Loss};
use crate::store::seal::Seal;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// The census as it is now, unless something is under way that would have it come out otherwise
    /// when the box is next opened.
    pub(super) fn census_to_keep(&self) -> Option<u32> {
        let is_changing = |state: &PageState| {
            !matches!(state.role(), ERASABLE | NEVER_USED)
                && (state.has(HAS_GAP | EVACUATE | FAILED) || state.is_loose())
        };
        // When no page is in the erase intent, a page may be erased without one, which cannot be
        // told from damage.
        let is_settled = self.ready > 0
            && !self.is_astray
            && self.owed.is_empty()
            && self.streams.iter().all(|stream| stream.doubt.is_none())
            && !self.states().iter().any(is_changing);
        is_settled.then(|| self.census())
    }

    /// Returns the sum over all pages that no erase intent names and that have a beginning,
    /// whatever their order.
    fn census(&self) -> u32 {
        let counts = |(page, state): &(u32, &PageState)| {
            !matches!(state.role(), ERASABLE | NEVER_USED)
                && !state.has(NAMED)
                && state.order != 0
                && self.prepared != Some(*page)
        };
        let pages = (0u32..).zip(self.states()).filter(counts);
        pages.fold(0, |sum, (page, state)| {
            sum.wrapping_add(
                Seal::new()
                    .over(&page.to_le_bytes())
                    .over(&state.order.to_le_bytes())
                    .over(&self.committed(page).to_le_bytes())
                    .value(),
            )
        })
    }

    /// While opening, when nothing else is missing: compares the census with the one that was
    /// written down, if nothing has been written since.
    pub(super) fn compare_census<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        survey: &mut Survey,
    ) {
        let is_damaged = survey.report.missing > 0 || survey.report.pages_struck > 0;
        if is_damaged || self.unannounced.is_some() {
            return;
        }
        if survey.census().is_none_or(|written| written == self.census()) {
            return;
        }
        // In which page is not known: anything may be older than it was.
        survey.report.pages_struck += 1;
        let (order, count) = (self.next_order.saturating_sub(1), u16::MAX);
        let loss = Loss { page: self.page_count, order, first: 0, count, hint: None };
        tenant.lost(&loss);
        self.owe(loss);
    }
}
