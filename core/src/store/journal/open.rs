//! Opening a box: a single pass over all pages, without writing.

use super::page_scan::{PageScan, ScanItem};
use super::state::{
    CLAIMED, COPIES, EVACUATE, HAS_GAP, NAMED, PageState, RAGGED, SEALED, SHORT, UNREADABLE, USED,
    UnconfirmedTail, WritePoint,
};
use super::survey::Survey;
use super::{EntryOwner, Journal, JournalOpenError, Loss};
use crate::store::page::CALLER_KIND_MAX;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The findings of an open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Entries of the caller that are right, superseded ones included.
    pub entries: u32,
    /// Entries and page headers in which one flipped bit was corrected. `maintain` writes them
    /// anew.
    pub corrected: u32,
    /// Entries that were there and cannot be read; each has been reported to the owner.
    pub missing: u32,
    /// Pages that cannot be read though no erase intent covers them; each has been reported to the
    /// owner.
    pub pages_struck: u32,
    /// Write points with something unreadable behind their last entry: a program call cut by a
    /// power failure and never acknowledged, or damage to the entries written last before it.
    pub torn_tails: u32,
    /// Earlier losses that are still written down.
    pub losses: u32,
}

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Opens the box on the chip: reads each page once, tells the owner of each entry and then of
    /// each loss. Writes nothing.
    ///
    /// `scratch` takes an entry that is read again because the owner keeps too little of it in
    /// memory to compare ([`super::Liveness::NeedsCompare`]); for any other owner it may be empty.
    pub async fn open<T: EntryOwner + ?Sized>(
        flash: F,
        pages: P,
        buffer: B,
        scratch: &mut [u8],
        tenant: &mut T,
    ) -> Result<(Self, OpenReport), JournalOpenError<F::Error>> {
        let mut journal = Self::closed(flash, pages, buffer)
            .map_err(|(pages, buffer_bytes)| JournalOpenError::Memory { pages, buffer_bytes })?;
        let report = journal.open_here(scratch, tenant).await?;
        Ok((journal, report))
    }

    /// Opens a closed journal in place, as [`Journal::open`] does. After an error it is of no use.
    pub async fn open_here<T: EntryOwner + ?Sized>(
        &mut self,
        scratch: &mut [u8],
        tenant: &mut T,
    ) -> Result<OpenReport, JournalOpenError<F::Error>> {
        self.page_count = Self::pages_of(&self.flash);
        let mut survey = Survey::default();
        for page in 0..self.page_count {
            self.load(page).await.map_err(JournalOpenError::Flash)?;
            self.survey_page(page, tenant, scratch, &mut survey).await?;
        }
        // One page of a newer version is enough, because its content must not be taken for damage.
        if let Some(version) = survey.version {
            return Err(JournalOpenError::Version(version));
        }
        if survey.salt.is_none() {
            return Err(if survey.foreign {
                JournalOpenError::Foreign
            } else {
                JournalOpenError::Blank
            });
        }
        self.look_again(tenant, scratch, &mut survey).await?;
        self.guess_orders(tenant, scratch, &mut survey).await?;
        self.assign_roles(&mut survey);
        self.check_tails(&survey);
        self.report_damage(tenant, scratch, &mut survey).await?;
        self.compare_census(tenant, &mut survey);
        for state in self.pages.cells_mut() {
            state.unmark(COPIES);
        }
        self.take_up(&mut survey);
        self.recount();
        let report = &survey.report;
        self.tally.corrected = u64::from(report.corrected);
        self.tally.holes = u64::from(report.missing);
        self.tally.torn = u64::from(report.torn_tails);
        Ok(survey.report)
    }

    /// Reads pages again that could not be read at first, now that more is known: the identity of
    /// the box, by which a start entry can be verified without the page header, or the order of the
    /// page, which another page told.
    async fn look_again<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        scratch: &mut [u8],
        survey: &mut Survey,
    ) -> Result<(), JournalOpenError<F::Error>> {
        for page in 0..self.page_count {
            let role = self.state(page).role();
            if role == CLAIMED || role == UNREADABLE && page < survey.salt_from {
                self.load(page).await.map_err(JournalOpenError::Flash)?;
                self.survey_page(page, tenant, scratch, survey).await?;
            }
        }
        for (page, order) in survey.aged.clone() {
            // A page with an old entry that counts after all stays: see `report_damage`.
            if self.state(page).live == 0 {
                self.change(page, |state| {
                    state.set_role(CLAIMED);
                    (state.order, state.vouched, state.gap) = (order, 0, 0);
                    state.unmark(HAS_GAP | SEALED | SHORT | COPIES);
                });
                survey.aged.retain(|(aged, _)| *aged != page);
                self.load(page).await.map_err(JournalOpenError::Flash)?;
                self.survey_page(page, tenant, scratch, survey).await?;
            }
        }
        Ok(())
    }

    /// Reports missing entries to the owner. Reads only the pages again in which something is
    /// missing.
    async fn report_damage<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        scratch: &mut [u8],
        survey: &mut Survey,
    ) -> Result<(), JournalOpenError<F::Error>> {
        for page in 0..self.page_count {
            let state = self.state(page);
            let struck = state.role() == UNREADABLE;
            if !struck && (state.role() != USED || !(state.has(HAS_GAP) || state.has(SHORT))) {
                continue;
            }
            survey.report.pages_struck += u32::from(struck);
            if state.has(SHORT) {
                self.take_in_vouched(page, tenant, scratch, survey).await?;
            }
            let told = self.each_loss(page, |loss| tenant.lost(loss)).await;
            let missing = told.map_err(JournalOpenError::Flash)?;
            survey.report.missing += missing;
            self.change(page, |state| {
                state.mark(EVACUATE);
                if struck || missing > 0 {
                    state.mark(HAS_GAP);
                }
                state.unmark(SHORT);
            });
        }
        let announcement = survey.announcement.unwrap_or_default();
        for (page, order) in survey.aged.clone() {
            if announcement.doomed(page).is_some_and(|doomed| doomed.order >= order) {
                continue;
            }
            survey.report.pages_struck += 1;
            let loss = Loss { page, order, first: 0, count: u16::MAX, hint: None };
            tenant.lost(&loss);
            self.change(page, |state| state.mark(HAS_GAP | EVACUATE));
            self.owe(loss);
        }
        Ok(())
    }

    /// Tells the owner of entries that did not count at first because nothing was known to confirm
    /// their group. They are at the end of the page, or at its beginning when the start entry of
    /// its first group cannot be read.
    async fn take_in_vouched<T: EntryOwner + ?Sized>(
        &mut self,
        page: u32,
        tenant: &mut T,
        scratch: &mut [u8],
        survey: &mut Survey,
    ) -> Result<(), JournalOpenError<F::Error>> {
        self.load(page).await.map_err(JournalOpenError::Flash)?;
        let frame = self.frame(page);
        let mut plain = PageScan::new(frame, Self::WORD, Self::PAGE, 0);
        let mut walk = PageScan::new(frame, Self::WORD, Self::PAGE, self.committed(page));
        // The position of the next entry that counted before.
        let mut counted = Some(0);
        loop {
            let met = match walk.next(&mut self.buffer.cells_mut()[..Self::PAGE]) {
                ScanItem::End { .. } => return Ok(()),
                ScanItem::Hole { .. } => continue,
                ScanItem::Entry(met) => met,
            };
            while counted.is_some_and(|counted| counted < met.at) {
                counted = match plain.next(&mut self.buffer.cells_mut()[..Self::PAGE]) {
                    ScanItem::End { .. } => None,
                    ScanItem::Hole { .. } => counted,
                    ScanItem::Entry(met) => Some(met.at),
                };
            }
            if counted != Some(met.at) && met.header.kind() <= CALLER_KIND_MAX {
                survey.report.entries += 1;
                self.found(tenant, scratch, page, &met).await?;
            }
        }
    }

    /// Tells the owner once more of the entries of all pages, except those that the newest erase
    /// intent allows to erase. The owner may now count an entry that it passed over at open. An
    /// entry that counts already must be answered with [`super::Liveness::Equals`]. Must be called
    /// before anything is written.
    pub async fn retake<T: EntryOwner + ?Sized>(
        &mut self,
        scratch: &mut [u8],
        tenant: &mut T,
    ) -> Result<(), JournalOpenError<F::Error>> {
        for page in 0..self.page_count {
            let state = self.state(page);
            if state.role() != USED || state.has(NAMED) {
                continue;
            }
            self.load(page).await.map_err(JournalOpenError::Flash)?;
            let mut walk =
                PageScan::new(self.frame(page), Self::WORD, Self::PAGE, self.committed(page));
            loop {
                match walk.next(&mut self.buffer.cells_mut()[..Self::PAGE]) {
                    ScanItem::End { .. } => break,
                    ScanItem::Entry(met) if met.header.kind() <= CALLER_KIND_MAX => {
                        self.found(tenant, scratch, page, &met).await?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Notes the end of each stream. Nothing more goes into those pages: a program call may have
    /// been cut there without leaving a trace, and no word is programmed twice.
    fn take_up(&mut self, survey: &mut Survey) {
        let mut torn_tails = 0;
        for (index, head) in survey.heads.iter().enumerate() {
            let Some(head) = head else { continue };
            let told = survey.tails[index].filter(|tail| tail.order == head.order);
            // Entries that another page tells of were there. They are not in doubt, whatever can be
            // read of them.
            let known = head.doubt.map_or(head.count, |doubt| doubt.number);
            let doubt = head.doubt.filter(|_| told.is_none_or(|told| told.count <= known));
            let (count, hint) = match (doubt, told) {
                (Some(doubt), _) => (doubt.number, doubt.hint),
                (None, Some(told)) if told.count >= known => (told.count, told.hint),
                (None, _) => (head.count, head.hint),
            };
            self.change(head.page, |state| {
                state.vouched = count;
                if doubt.is_some() {
                    state.mark(RAGGED);
                }
            });
            torn_tails += u32::from(head.torn);
            self.streams[index] = WritePoint {
                previous_order: head.order,
                previous_page: head.page,
                anchored: told.is_some_and(|told| told.count >= count) || head.count <= 1,
                previous_count: count,
                previous_hint: hint,
                // A page with nothing but its start entry adds nothing to what that confirms.
                dangling: doubt.is_some() && head.count > 1,
                doubt: doubt.map(|doubt| UnconfirmedTail { page: head.page, at: doubt.at }),
                ..WritePoint::default()
            };
        }
        survey.report.torn_tails += torn_tails;
    }
}
