//! Making a chip into a box, and opening one: a single pass over all pages, without writing.

use super::blank::is_untouched;
use super::notes::{Announcement, Start};
use super::state::{
    COPIES, DOOMED, DoubtAt, EMPTY, EVACUATE, FOLLOWED, FRESH, HOLED, MOVED, PageState, SEALED,
    SHORT, STRUCK, Stream, UNSURE, USED, VIRGIN,
};
use super::walk::{Doubt, Step, Walk};
use super::{
    Config, FormatError, Journal, Loss, OpenError, PAGES_MIN, Tally, Tenant, errors::Trouble,
};
use crate::store::cells::Cells;
use crate::store::page::{
    ANNOUNCE, CALLER_KIND_MAX, ENTRY_HEADER_BYTES, FIRST_ENTRY_AT, Frame, HeaderFound, LOST,
    PAGE_HEADER_BYTES, PageHeader, START, entry_bytes,
};
use embedded_storage_async::nor_flash::NorFlash;

/// What opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Entries of the caller that are right, superseded ones included.
    pub entries: u32,
    /// Entries and page headers in which one flipped bit was corrected. They are written anew by `tend`.
    pub corrected: u32,
    /// Entries that have been there and cannot be read; each has been told to the tenant.
    pub missing: u32,
    /// Pages of which nothing can be read though they have not been announced; each has been told to the tenant.
    pub pages_struck: u32,
    /// Write points behind whose last entry there is something unreadable: a program call cut by a power failure and
    /// never acknowledged, or damage to what was written last before it.
    pub torn_tails: u32,
    /// Losses of earlier that are still written down.
    pub losses: u32,
}

/// The newest page of a write point.
#[derive(Clone, Copy)]
struct Head {
    page: u32,
    order: u32,
    count: u16,
    hint: u16,
    doubt: Option<Doubt>,
    torn: bool,
}

/// What the pass over the pages has found so far.
#[derive(Default)]
struct Survey {
    salt: Option<u64>,
    /// Pages before this were met when the salt was not known yet.
    salt_from: u32,
    version: Option<u8>,
    announcement: Option<Announcement>,
    heads: [Option<Head>; 2],
    /// Whether there is anything that formatting for the first time would not have left.
    foreign: bool,
    report: OpenReport,
}

impl Survey {
    fn learn(&mut self, announcement: Option<Announcement>) {
        if let Some(new) = announcement
            && self.announcement.as_ref().is_none_or(|known| new.epoch >= known.epoch)
        {
            self.announcement = Some(new);
        }
    }
}

/// Bytes at the start of the first page that formatting may have written when it was cut.
pub(super) const FORMAT_BYTES: usize = 128;

impl<F: NorFlash, P: Cells<PageState>, B: Cells<u8>> Journal<F, P, B> {
    /// A journal that is yet to be opened or made, where it will stay; `Err` tells how many page states and bytes of
    /// `buffer` it needs. Until then it has no pages: there is nothing to read in it, and no room to write.
    pub fn closed(flash: F, mut pages: P, buffer: B) -> Result<Self, (u32, u32)> {
        const { Self::FITS };
        let page_count = Self::pages_of(&flash);
        let enough = pages.grow(page_count as usize) && pages.cells().len() >= page_count as usize;
        if !enough || buffer.cells().len() < Self::PAGE {
            return Err((page_count, Self::PAGE as u32));
        }
        pages.cells_mut().fill(PageState::NEW);
        Ok(Journal {
            flash,
            pages,
            buffer,
            salt: 0,
            page_count: 0,
            next_order: 1,
            epoch: 0,
            streams: [Stream::default(); 2],
            prepared: None,
            unannounced: None,
            victim: None,
            sweeping: false,
            idle_steps: 0,
            free: 0,
            ready: 0,
            live: 0,
            tally: Tally::default(),
        })
    }

    /// Makes the chip into a new, empty box. Whatever was on it is gone. `pages` has to hold, or grow to, one state a page,
    /// `buffer` one page.
    ///
    /// If power fails before this returns, there is no box yet; formatting can be tried again.
    pub async fn format(
        flash: F,
        config: Config,
        pages: P,
        buffer: B,
    ) -> Result<Self, FormatError<F::Error>> {
        let mut journal = Self::closed(flash, pages, buffer)
            .map_err(|(pages, buffer_bytes)| FormatError::Memory { pages, buffer_bytes })?;
        journal.format_here(config).await?;
        Ok(journal)
    }

    /// Makes the chip of a closed journal into a new box, as [`Journal::format`] does.
    pub async fn format_here(&mut self, config: Config) -> Result<(), FormatError<F::Error>> {
        self.salt = config.salt;
        self.page_count = Self::pages_of(&self.flash);
        if self.page_count < PAGES_MIN {
            return Err(FormatError::TooSmall { pages: self.page_count, pages_min: PAGES_MIN });
        }
        // The first page last: what would make the chip look like a box is gone before the new box begins there.
        for page in (0..self.page_count).rev() {
            self.change(page, |state| state.set_role(VIRGIN));
            self.load(page).await.map_err(FormatError::Flash)?;
            if self.buffer.cells()[..Self::PAGE].iter().any(|byte| *byte != 0xFF) {
                let (from, to) = (Self::base(page), Self::base(page) + Self::PAGE as u32);
                self.flash.erase(from, to).await.map_err(FormatError::Flash)?;
                self.change(page, |state| state.set_erases(1));
            }
        }
        self.recount();
        self.announce().await.map_err(|trouble| match trouble {
            Trouble::Flash(error) => FormatError::Flash(error),
            Trouble::NoRoom | Trouble::Worn => FormatError::Worn,
        })?;
        self.checkpoint(FRESH).await.map_err(|_| FormatError::Worn)?;
        // A second header, so that one burst cannot take away all there is to know the box by.
        self.prepare_ahead().await.map_err(|_| FormatError::Worn)?;
        Ok(())
    }

    /// Opens the box on the chip: reads each page once, tells the tenant of each entry and then of each loss. Writes nothing.
    ///
    /// `scratch` takes an entry that is read again because a tenant of few words asks for it ([`super::Standing::Contends`]);
    /// for any other it may be empty.
    pub async fn open<T: Tenant + ?Sized>(
        flash: F,
        pages: P,
        buffer: B,
        scratch: &mut [u8],
        tenant: &mut T,
    ) -> Result<(Self, OpenReport), OpenError<F::Error>> {
        let mut journal = Self::closed(flash, pages, buffer)
            .map_err(|(pages, buffer_bytes)| OpenError::Memory { pages, buffer_bytes })?;
        let report = journal.open_here(scratch, tenant).await?;
        Ok((journal, report))
    }

    /// Opens a closed journal where it is, as [`Journal::open`] does. After an error it is of no use.
    pub async fn open_here<T: Tenant + ?Sized>(
        &mut self,
        scratch: &mut [u8],
        tenant: &mut T,
    ) -> Result<OpenReport, OpenError<F::Error>> {
        self.page_count = Self::pages_of(&self.flash);
        let mut survey = Survey::default();
        for page in 0..self.page_count {
            self.load(page).await.map_err(OpenError::Flash)?;
            self.survey_page(page, tenant, scratch, &mut survey).await?;
        }
        // One page of a newer version is enough: what is in it must not be taken for damage.
        if let Some(version) = survey.version {
            return Err(OpenError::Version(version));
        }
        if survey.salt.is_none() {
            return Err(if survey.foreign { OpenError::Foreign } else { OpenError::Blank });
        }
        // Pages with a struck header before the first whole one: now their start entries can be verified.
        for page in 0..survey.salt_from {
            if self.state(page).order == 0 {
                self.load(page).await.map_err(OpenError::Flash)?;
                self.survey_page(page, tenant, scratch, &mut survey).await?;
            }
        }
        self.assign_roles(&mut survey);
        self.check_tails(&survey);
        self.report_damage(tenant, scratch, &mut survey).await?;
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

    /// Takes in the page in the buffer.
    async fn survey_page<T: Tenant + ?Sized>(
        &mut self,
        page: u32,
        tenant: &mut T,
        scratch: &mut [u8],
        survey: &mut Survey,
    ) -> Result<(), OpenError<F::Error>> {
        let Some(header) = self.identify(page, survey) else { return Ok(()) };
        self.change(page, |state| {
            state.order = header.order;
            state.set_erases(header.erases);
            state.gap = 0;
        });
        self.next_order = self.next_order.max(header.order.saturating_add(1));
        let mut walk = Walk::new(self.frame(page), Self::WORD, Self::PAGE, 0);
        let mut stream = None;
        let torn = loop {
            let met = match walk.next(&mut self.buffer.cells_mut()[..Self::PAGE]) {
                Step::End { torn } => break torn,
                Step::Hole { .. } => {
                    self.change(page, |state| state.mark(HOLED));
                    continue;
                }
                Step::Entry(met) => met,
            };
            let payload = &self.buffer.cells()[met.payload()];
            match met.header.kind() {
                START => {
                    if let Some(start) = Start::decode(payload)
                        && start.order == header.order
                    {
                        stream = Some(usize::from(start.stream & 1));
                        survey.learn(start.announcement);
                        self.change(page, |state| {
                            state.gap = u16::try_from(start.gap).unwrap_or(u16::MAX);
                            state.vouched = u16::try_from(start.previous_count).unwrap_or(u16::MAX);
                            if usize::from(start.stream & 1) == MOVED {
                                state.mark(COPIES);
                            }
                        });
                    }
                }
                ANNOUNCE => survey.learn(Announcement::decode(payload)),
                LOST => {
                    // Whether it is healed the tenant can only say when it knows all entries.
                    if let Some(loss) = Loss::decode(payload) {
                        tenant.lost(&loss);
                        survey.report.losses += 1;
                        let bytes = entry_bytes(payload.len(), Self::WORD);
                        self.credit(page, bytes);
                    }
                }
                kind if kind <= CALLER_KIND_MAX => {
                    survey.report.entries += 1;
                    self.found(tenant, scratch, page, &met).await?;
                }
                _ => {}
            }
        };
        let count = walk.count();
        survey.report.corrected += u32::from(walk.corrected);
        self.change(page, |state| {
            state.tail = count;
            if walk.doubt.is_none() {
                state.mark(SEALED);
            }
            if count == 0 && torn {
                // Nothing in it counts, but something has been written: see `assign_roles`.
                state.mark(SHORT);
            }
            if walk.corrected > 0 {
                state.mark(EVACUATE);
            }
        });
        if let Some(stream) = stream
            && survey.heads[stream].is_none_or(|head| header.order > head.order)
        {
            let head =
                Head { page, order: header.order, count, hint: walk.hint, doubt: walk.doubt, torn };
            survey.heads[stream] = Some(head);
        }
        Ok(())
    }

    /// The header of the page in the buffer, taken from its start entry if need be; `None` when it has neither.
    fn identify(&mut self, page: u32, survey: &mut Survey) -> Option<PageHeader> {
        let buffer = &mut self.buffer.cells_mut()[..Self::PAGE];
        let mut bytes = [0; PAGE_HEADER_BYTES];
        bytes.copy_from_slice(&buffer[..PAGE_HEADER_BYTES]);
        match PageHeader::decode(&bytes) {
            HeaderFound::Valid(header, corrected)
                if survey.salt.is_none_or(|salt| salt == header.salt) =>
            {
                if survey.salt.is_none() {
                    survey.salt = Some(header.salt);
                    survey.salt_from = page;
                    self.salt = header.salt;
                }
                if corrected {
                    survey.report.corrected += 1;
                    self.change(page, |state| state.mark(EVACUATE));
                }
                return Some(header);
            }
            HeaderFound::Version(version) => survey.version = Some(version),
            _ => {}
        }
        let blank = buffer.iter().all(|byte| *byte == 0xFF);
        survey.foreign |= !is_untouched(page as usize, buffer);
        if blank {
            // Only a mark for `assign_roles`: an order of 0 with a gap.
            self.change(page, |state| state.gap = 1);
            return None;
        }
        let frame = Frame { salt: survey.salt?, order: 0, base: Self::base(page) };
        let header = frame
            .verified(buffer, FIRST_ENTRY_AT, Self::PAGE)
            .or_else(|| frame.mend(buffer, FIRST_ENTRY_AT, Self::PAGE).map(|(header, _)| header))
            .filter(|header| header.kind() == START)?;
        let payload =
            buffer.get(FIRST_ENTRY_AT + ENTRY_HEADER_BYTES..)?.get(..usize::from(header.len))?;
        let start = Start::decode(payload)?;
        survey.report.corrected += 1;
        self.change(page, |state| state.mark(EVACUATE));
        Some(PageHeader { order: start.order, erases: start.erases, salt: frame.salt })
    }

    /// Decides what each page is, by the announcement and what was read.
    fn assign_roles(&mut self, survey: &mut Survey) {
        let announcement = survey.announcement.unwrap_or_default();
        self.epoch = announcement.epoch;
        let mut ready = 0;
        for page in 0..self.page_count {
            let state = self.state(page);
            let unused = state.order == 0 || state.tail == 0;
            let blank = state.order == 0 && state.gap == 1;
            let doomed = announcement.doomed(page);
            let role = if state.live > 0 {
                // Whatever is announced: its tenant still counts on it.
                USED
            } else if doomed.is_some_and(|doomed| state.order <= doomed.order) {
                DOOMED
            } else if !unused || state.order != 0 && self.is_vouched_for(state.order) {
                // Perhaps with nothing that counts: written since it was announced, and struck.
                USED
            } else if doomed.is_some() {
                DOOMED
            } else if announcement.is_virgin(page) {
                VIRGIN
            } else if blank && survey.announcement.is_none() {
                EMPTY
            } else {
                STRUCK
            };
            if let Some(doomed) = doomed.filter(|_| role == DOOMED) {
                self.change(page, |state| {
                    state.set_erases(state.erases().max(doomed.erases));
                    state.order = state.order.max(doomed.order);
                });
            }
            if state.live > 0 && doomed.is_some_and(|doomed| state.order <= doomed.order) {
                self.change(page, |state| state.mark(UNSURE));
            }
            ready += u32::from(matches!(role, DOOMED | VIRGIN));
            // The first program call of a page: cut, or struck since; what is vouched for is no cut.
            let begun = doomed.is_none_or(|doomed| state.order > doomed.order);
            survey.report.torn_tails += u32::from(state.has(SHORT) && begun && role != USED);
            self.change(page, |state| {
                state.set_role(role);
                state.unmark(SHORT);
                if blank {
                    state.gap = 0;
                }
                if role != USED {
                    state.unmark(HOLED | EVACUATE | SEALED);
                    (state.gap, state.vouched) = (0, 0);
                }
            });
        }
        // With nothing announced any more, an empty page has to be erased without an announcement (`pick`): one unreadable page is
        // explained by that.
        let mut struck = (0u32..)
            .zip(self.states())
            .filter(|(_, state)| state.role() == STRUCK)
            .map(|(at, _)| at);
        if let (0, Some(page), None) = (ready, struck.next(), struck.next()) {
            self.change(page, |state| state.set_role(EMPTY));
            self.unannounced = Some(page);
        }
    }

    /// Whether a page says that the page of this order, before it in its stream, held something.
    fn is_vouched_for(&self, order: u32) -> bool {
        self.states().iter().any(|next| {
            !matches!(next.gap, 0 | u16::MAX)
                && next.vouched > 0
                && next.order.wrapping_sub(u32::from(next.gap)) == order
        })
    }

    /// Compares what each page held with what the next page of its stream says of it.
    fn check_tails(&mut self, survey: &Survey) {
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
            self.change(before, |previous| {
                previous.mark(FOLLOWED);
                if previous.tail < state.vouched {
                    previous.tail = state.vouched;
                    previous.mark(SHORT);
                    // If there is a checkpoint, it does not vouch for what is missing.
                    previous.unmark(SEALED);
                } else if previous.tail > state.vouched {
                    // It was in doubt, and what counted of it then has been written anew.
                    previous.mark(UNSURE);
                }
            });
        }
        for page in 0..self.page_count {
            let is_head = survey.heads.iter().flatten().any(|head| head.page == page);
            self.change(page, |state| {
                let is_vouched = state.has(FOLLOWED) || state.has(SEALED) || is_head;
                if state.role() == USED && state.live > 0 && !is_vouched {
                    // What vouched for its tail has been struck, or had to go.
                    state.mark(EVACUATE | UNSURE);
                }
                state.vouched = if state.has(FOLLOWED) { state.tail } else { 0 };
                state.unmark(FOLLOWED);
                state.tail = 0;
            });
        }
    }

    /// Tells the tenant of what is missing. Reads again only the pages where something is.
    async fn report_damage<T: Tenant + ?Sized>(
        &mut self,
        tenant: &mut T,
        scratch: &mut [u8],
        survey: &mut Survey,
    ) -> Result<(), OpenError<F::Error>> {
        for page in 0..self.page_count {
            let state = self.state(page);
            let struck = state.role() == STRUCK;
            if !struck && (state.role() != USED || !(state.has(HOLED) || state.has(SHORT))) {
                continue;
            }
            survey.report.pages_struck += u32::from(struck);
            if state.has(SHORT) {
                self.take_in_vouched(page, tenant, scratch, survey).await?;
            }
            let told = self.each_loss(page, |loss| tenant.lost(loss)).await;
            survey.report.missing += told.map_err(OpenError::Flash)?;
            self.change(page, |state| {
                state.mark(HOLED | EVACUATE);
                state.unmark(SHORT);
            });
        }
        Ok(())
    }

    /// Tells the tenant of what did not count before, when nothing was known to vouch for the group it is in.
    async fn take_in_vouched<T: Tenant + ?Sized>(
        &mut self,
        page: u32,
        tenant: &mut T,
        scratch: &mut [u8],
        survey: &mut Survey,
    ) -> Result<(), OpenError<F::Error>> {
        self.load(page).await.map_err(OpenError::Flash)?;
        let frame = self.frame(page);
        let mut plain = Walk::new(frame, Self::WORD, Self::PAGE, 0);
        while !matches!(plain.next(&mut self.buffer.cells_mut()[..Self::PAGE]), Step::End { .. }) {}
        let known = plain.count();
        let mut walk = Walk::new(frame, Self::WORD, Self::PAGE, self.vouched(page));
        loop {
            match walk.next(&mut self.buffer.cells_mut()[..Self::PAGE]) {
                Step::End { .. } => return Ok(()),
                Step::Entry(met) if met.number >= known && met.header.kind() <= CALLER_KIND_MAX => {
                    survey.report.entries += 1;
                    self.found(tenant, scratch, page, &met).await?;
                }
                _ => {}
            }
        }
    }

    /// Notes where each stream ended. Nothing more goes into those pages: a program call may have been cut there without leaving a
    /// trace, and no word is programmed twice.
    fn take_up(&mut self, survey: &mut Survey) {
        let mut torn_tails = 0;
        for (index, head) in survey.heads.iter().enumerate() {
            let Some(head) = head else { continue };
            let (count, hint) = match head.doubt {
                None => (head.count, head.hint),
                Some(doubt) => (doubt.number, doubt.hint),
            };
            self.change(head.page, |state| state.vouched = count);
            torn_tails += u32::from(head.torn);
            self.streams[index] = Stream {
                previous_order: head.order,
                previous_count: count,
                previous_hint: hint,
                // A page with no more than its start entry adds nothing to what it vouches for.
                dangling: head.doubt.is_some() && head.count > 1,
                doubt: head.doubt.map(|doubt| DoubtAt { page: head.page, at: doubt.at }),
                ..Stream::default()
            };
        }
        survey.report.torn_tails += torn_tails;
    }
}
