//! The pass over the pages of a box that is being opened: the content of each, and what it says of
//! others.

use super::blank::is_untouched;
use super::notes::{CheckpointWitness, EraseIntent, Start, Tail};
use super::page_scan::{Doubt, PageScan, ScanItem};
use super::state::{
    BLANK, CLAIMED, COLD, COPIES, EVACUATE, HAS_GAP, PageState, SEALED, SHORT, UNREADABLE, UNSURE,
    USED, other,
};
use super::{EntryOwner, Journal, JournalOpenError, Loss, OpenReport};
use crate::store::page::{
    ANNOUNCE, CALLER_KIND_MAX, CHECKPOINT, ChecksumSeed, ENTRY_HEADER_BYTES, FIRST_ENTRY_AT,
    HeaderFound, LOST, PAGE_HEADER_BYTES, PageHeader, START, entry_bytes, is_erased,
};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The newest page of a write point.
#[derive(Clone, Copy)]
pub(super) struct NewestPage {
    pub page: u32,
    pub order: u32,
    pub count: u16,
    pub hint: u16,
    pub doubt: Option<Doubt>,
    pub torn: bool,
    /// The content of the last entry in it, if that is a checkpoint.
    pub witness: Option<CheckpointWitness>,
}

/// The most pages kept in mind that show an older preparation than another page says they have.
pub(super) const AGED_MAX: usize = 4;

/// The most pages without a readable beginning that are tried with the orders they may have.
const GUESSES_MAX: u32 = 2;

/// The header of a page, as far as it can be read.
enum Identity {
    Header(PageHeader),
    /// All of the page reads as erased.
    Blank,
    /// Something is written, but neither header nor start entry can be read.
    Unreadable,
}

/// The results of the pass over the pages so far.
#[derive(Default)]
pub(super) struct Survey {
    pub salt: Option<u64>,
    /// Pages before this one were read when the salt was not known yet.
    pub salt_from: u32,
    pub version: Option<u8>,
    pub announcement: Option<EraseIntent>,
    pub heads: [Option<NewestPage>; 2],
    /// The end of each stream, by the newest page of the other stream that tells it.
    pub tails: [Option<Tail>; 2],
    /// Pages before this one have been looked at.
    pub done: u32,
    /// The order of the newest page that anything is written in.
    pub newest: u32,
    /// Pages that show an older preparation than another page says: their number, and the order
    /// they should have.
    pub aged: heapless::Vec<(u32, u32), AGED_MAX>,
    /// True when there is anything that formatting for the first time would not have left.
    pub foreign: bool,
    pub report: OpenReport,
}

impl Survey {
    fn learn(&mut self, announcement: Option<EraseIntent>) {
        if let Some(new) = announcement
            && self.announcement.as_ref().is_none_or(|known| new.epoch >= known.epoch)
        {
            self.announcement = Some(new);
        }
    }
}

impl Survey {
    /// Returns the recorded census, if nothing has been written since. Then it is in the last
    /// checkpoint of one stream; of the other stream nothing is found behind the end told there;
    /// and no newer page holds anything.
    pub(super) fn census(&self) -> Option<u32> {
        (0..self.heads.len()).find_map(|stream| {
            let head = self.heads[stream]?;
            let witness = head.witness?;
            let (tail, end) = (witness.tail, self.heads[other(stream)]);
            let is_end = usize::from(tail.stream) == other(stream)
                && end.is_none_or(|end| (end.order, end.count) <= (tail.order, tail.count))
                && self.newest <= head.order.max(tail.order);
            witness.census.filter(|_| is_end)
        })
    }

    /// Returns whether the box came to rest and nothing has been written since, as far as can be
    /// seen. In each stream a checkpoint is the last entry, and the other stream tells that end. Or
    /// there is a census, which only a box has that has written its erase intent.
    pub(super) fn is_at_rest(&self) -> bool {
        let has_census = self.census().is_some();
        has_census
            || self.heads.iter().zip(&self.tails).all(|(head, tail)| match (head, tail) {
                (Some(head), Some(tail)) if head.order == tail.order => {
                    head.doubt.is_none() && tail.count >= head.count
                }
                (Some(head), Some(tail)) if head.order < tail.order => true,
                (Some(head), _) => head.doubt.is_none() && head.count <= 1,
                (None, _) => true,
            })
    }
}

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Reads the page in the buffer into the survey.
    pub(super) async fn survey_page<T: EntryOwner + ?Sized>(
        &mut self,
        page: u32,
        tenant: &mut T,
        scratch: &mut [u8],
        survey: &mut Survey,
    ) -> Result<(), JournalOpenError<F::Error>> {
        survey.done = survey.done.max(page + 1);
        let before = self.state(page);
        let claimed = if before.role() == CLAIMED { before.order } else { 0 };
        let identity = self.identify(page, survey);
        let is_identified = matches!(identity, Identity::Header(header) if header.order >= claimed);
        let header = match (identity, survey.salt) {
            (Identity::Header(header), _) if is_identified => header,
            // The beginning of the page does not show the order another page tells. The entries
            // behind it may.
            (Identity::Header(_) | Identity::Unreadable, Some(salt)) if claimed > 0 => {
                PageHeader { order: claimed, erases: before.erases(), salt }
            }
            (Identity::Blank, _) if claimed > 0 => return Ok(()),
            (Identity::Blank, _) => {
                self.change(page, |state| state.set_role(BLANK));
                return Ok(());
            }
            _ => {
                self.change(page, |state| state.set_role(UNREADABLE));
                return Ok(());
            }
        };
        self.change(page, |state| {
            state.set_role(USED);
            state.order = header.order;
            state.set_erases(header.erases);
            state.gap = 0;
        });
        if !is_identified {
            self.change(page, |state| state.mark(UNSURE | EVACUATE));
        }
        self.next_order = self.next_order.max(header.order.saturating_add(1));
        let mut walk = PageScan::new(self.frame(page), Self::WORD, Self::PAGE, 0);
        let (mut stream, mut witness) = (None, None);
        let torn = loop {
            let met = match walk.next(&mut self.buffer.cells_mut()[..Self::PAGE]) {
                ScanItem::End { torn } => break torn,
                ScanItem::Hole { .. } => {
                    self.change(page, |state| state.mark(HAS_GAP));
                    continue;
                }
                ScanItem::Entry(met) => met,
            };
            let payload = &self.buffer.cells()[met.payload()];
            witness = None;
            match met.header.kind() {
                START => {
                    if let Some(start) = Start::decode(payload)
                        && start.order == header.order
                    {
                        stream = Some(usize::from(start.stream & 1));
                        self.take_start(page, &start, survey);
                    }
                }
                CHECKPOINT => {
                    witness = CheckpointWitness::decode(payload);
                    if let Some(witness) = &witness {
                        self.take_tail(&witness.tail, survey);
                    }
                }
                ANNOUNCE => survey.learn(EraseIntent::decode(payload)),
                LOST => {
                    // The owner can only judge whether the loss is healed once it knows all
                    // entries.
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
        if claimed > 0 && header.order == claimed && count == 0 && stream.is_none() {
            self.change(page, |state| state.set_role(CLAIMED));
        }
        survey.report.corrected += u32::from(walk.corrected);
        if count > 0 || torn {
            survey.newest = survey.newest.max(header.order);
        }
        self.change(page, |state| {
            state.tail = count;
            if walk.doubt.is_none() {
                state.mark(SEALED);
            }
            if count == 0 && torn {
                // Nothing in the page counts, but something has been written: see `assign_roles`.
                state.mark(SHORT);
            }
            if walk.corrected > 0 {
                state.mark(EVACUATE);
            }
            if walk.is_loose {
                state.mark(UNSURE | EVACUATE);
            }
        });
        let is_told = |tail: &Option<Tail>| {
            tail.is_some_and(|tail| (tail.page, tail.order) == (page, header.order))
        };
        let stream = stream.or_else(|| survey.tails.iter().position(is_told));
        if let Some(stream) = stream
            && survey.heads[stream].is_none_or(|head| header.order > head.order)
        {
            let (order, hint, doubt) = (header.order, walk.hint, walk.doubt);
            survey.heads[stream] =
                Some(NewestPage { page, order, count, hint, doubt, torn, witness });
        }
        Ok(())
    }

    /// Reads the start entry of a page into the survey.
    fn take_start(&mut self, page: u32, start: &Start, survey: &mut Survey) {
        survey.learn(start.announcement);
        self.change(page, |state| {
            state.gap = u16::try_from(start.gap).unwrap_or(u16::MAX);
            state.vouched = u16::try_from(start.previous_count).unwrap_or(u16::MAX);
            if usize::from(start.stream & 1) == COLD {
                state.mark(COPIES);
            }
        });
        if start.gap != 0 {
            self.claim(start.previous_page, start.order.wrapping_sub(start.gap), survey);
        }
        if let Some(tail) = &start.other {
            self.take_tail(tail, survey);
        }
    }

    /// Takes note of the end of the other stream at the time this page was written.
    fn take_tail(&mut self, tail: &Tail, survey: &mut Survey) {
        self.claim(tail.page, tail.order, survey);
        let known = &mut survey.tails[usize::from(tail.stream & 1)];
        if known.is_none_or(|known| (known.order, known.count) < (tail.order, tail.count)) {
            *known = Some(*tail);
        }
    }

    /// Takes note that, as another page says, this one was prepared with this order and held
    /// something.
    pub(super) fn claim(&mut self, page: u32, order: u32, survey: &mut Survey) {
        if page >= self.page_count {
            return;
        }
        self.next_order = self.next_order.max(order.saturating_add(1));
        let state = self.state(page);
        if page < survey.done && state.role() == USED {
            if state.order < order {
                survey.aged.retain(|(aged, claimed)| *aged != page || *claimed > order);
                if survey.aged.iter().all(|(aged, _)| *aged != page) {
                    // When there are more such pages than are kept in mind, the rest waits until
                    // these have been dealt with.
                    survey.aged.push((page, order)).ok();
                }
            }
            return;
        }
        let order = if state.role() == CLAIMED { state.order.max(order) } else { order };
        self.change(page, |state| {
            state.set_role(CLAIMED);
            state.order = order;
        });
    }

    /// Returns the header of the page in the buffer, taken from its start entry if need be.
    fn identify(&mut self, page: u32, survey: &mut Survey) -> Identity {
        let buffer = &mut self.buffer.cells_mut()[..Self::PAGE];
        let mut bytes = [0; PAGE_HEADER_BYTES];
        bytes.copy_from_slice(&buffer[..PAGE_HEADER_BYTES]);
        match PageHeader::decode(&bytes, Self::base(page)) {
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
                return Identity::Header(header);
            }
            HeaderFound::Version(version) => survey.version = Some(version),
            _ => {}
        }
        // This is only of interest as long as no box is known.
        survey.foreign |= survey.salt.is_none() && !is_untouched(page as usize, buffer);
        if is_erased(buffer) {
            return Identity::Blank;
        }
        let Some(salt) = survey.salt else { return Identity::Unreadable };
        let frame = ChecksumSeed { salt, order: 0, base: Self::base(page) };
        let start = frame
            .verified(buffer, FIRST_ENTRY_AT, Self::PAGE)
            .or_else(|| frame.mend(buffer, FIRST_ENTRY_AT, Self::PAGE).map(|(header, _)| header))
            .filter(|header| header.kind() == START)
            .and_then(|header| {
                let from = FIRST_ENTRY_AT + ENTRY_HEADER_BYTES;
                Start::decode(buffer.get(from..from + usize::from(header.len))?)
            });
        let Some(start) = start else { return Identity::Unreadable };
        survey.report.corrected += 1;
        self.change(page, |state| state.mark(EVACUATE));
        Identity::Header(PageHeader { order: start.order, erases: start.erases, salt })
    }

    /// Tries likely orders on pages without a readable beginning, though they were to be erased or
    /// had never been used: they may have been prepared last, and nothing tells of them yet. When
    /// an order fits, the entries of the page can be read.
    pub(super) async fn guess_orders<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        scratch: &mut [u8],
        survey: &mut Survey,
    ) -> Result<(), JournalOpenError<F::Error>> {
        let mut guesses = 0;
        for page in 0..self.page_count {
            if self.state(page).role() != UNREADABLE || guesses == GUESSES_MAX {
                continue;
            }
            guesses += 1;
            let newest = self.next_order;
            for order in newest.saturating_sub(3).max(1)..newest.saturating_add(2) {
                if self.states().iter().any(|state| state.order == order) {
                    continue;
                }
                self.load(page).await.map_err(JournalOpenError::Flash)?;
                let frame = ChecksumSeed { order, ..self.frame(page) };
                let mut walk = PageScan::new(frame, Self::WORD, Self::PAGE, 0);
                walk.next(&mut self.buffer.cells_mut()[..Self::PAGE]);
                if walk.count() > 0 {
                    self.claim(page, order, survey);
                    self.load(page).await.map_err(JournalOpenError::Flash)?;
                    self.survey_page(page, tenant, scratch, survey).await?;
                    break;
                }
            }
        }
        Ok(())
    }
}
