//! Reclaiming: the live entries of a victim move to the cold write point, a bounded number at a
//! time, until its page is free.

use super::append::{next_in_block, tolerate};
use super::errors::JournalFailure;
use super::page_scan::{PageScan, ScanItem};
use super::state::{
    COLD, EMPTY, ERASABLE, EVACUATE, NAMED, PageState, UNREADABLE, USED, UnconfirmedTail,
};
use super::victim::Choice;
use super::{Address, Entry, EntryOwner, Journal, Loss, RESERVE_PAGES, TendError};
use crate::store::page::{
    CALLER_KIND_MAX, ENTRY_HEADER_BYTES, EntryHeader, FIRST_ENTRY_AT, LOST, entry_bytes,
};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The most entries moved in one step, unless it is the last resort.
const MOVES_MAX: usize = 64;
/// The bytes in which the buffer keeps the old position of an entry. For a while they take the
/// place of its checksum, which is made anew for the new position.
const OLD_BYTES: usize = size_of::<u16>();
/// The room in a page below which no entry is looked for that would fit.
const SMALL_ENTRY_BYTES: usize = 24;
/// The number of times an entry in doubt has to read right to be believed when it cannot be written
/// anew.
const DOUBT_READS: u32 = 4;
/// Idle work goes on until this many pages are free beside the reserve.
const IDLE_PAGES: u32 = 4;
/// The number of idle steps without a page made free after which idle work gains nothing: it waits
/// for the next append.
const IDLE_STEPS_MAX: u32 = 32;

/// Live entries collected at the start of the buffer. Their old positions stand at its end, that of
/// the first entry last.
struct RelocationBatch {
    len: usize,
    entries: usize,
    /// The offset in the page to go on from.
    from: usize,
    done: bool,
    /// The number of gaps in which an entry of the owner's may have been.
    holes: u16,
    corrected: bool,
    met_from: bool,
}

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Does idle work: reclaims ahead, moves entries away from places where a bit has flipped,
    /// prepares the next page. Does at most `budget` steps, of at most one erase each, and returns
    /// whether nothing is left to do.
    pub async fn maintain<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        budget: u32,
    ) -> Result<bool, TendError<F::Error>> {
        for _ in 0..budget {
            if !self.tend_step(tenant).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn tend_step<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
    ) -> Result<bool, JournalFailure<F::Error>> {
        let must_evacuate = (0u32..).zip(self.states()).any(|(page, state)| {
            state.role() == USED && state.has(EVACUATE) && !self.is_open(page)
        });
        let few = self.free < RESERVE_PAGES + IDLE_PAGES && self.idle_steps < IDLE_STEPS_MAX;
        if self.victim.is_some() || must_evacuate || few {
            let free = self.free;
            match self.reclaim_step(tenant, Choice::Idle).await {
                Ok(true) => {
                    self.idle_steps = if self.free > free { 0 } else { self.idle_steps + 1 };
                    return Ok(true);
                }
                Ok(false) | Err(JournalFailure::NoRoom) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        // No page is prepared before something has been written: a box that is only switched on and
        // off does not wear.
        if self.streams.iter().any(|stream| stream.page.is_some()) {
            return self.prepare_ahead().await;
        }
        Ok(false)
    }

    /// Moves the entries written last before the power went to a place where they certainly are. In
    /// their present place they may only look as if they were there.
    pub(super) async fn settle_doubt<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        stream: usize,
    ) -> Result<(), JournalFailure<F::Error>> {
        while let Some(doubt) = self.streams[stream].doubt {
            if self.free < RESERVE_PAGES && self.streams[stream].page.is_none() {
                // Writing them anew takes a page each time the power fails, and pages are short.
                // Reading them several times has to be enough.
                let mut right = None;
                for _ in 0..DOUBT_READS {
                    right = self.reads_right(tenant, doubt).await?;
                    if right.is_none() {
                        break;
                    }
                }
                if let Some((count, hint)) = right {
                    // The entries now count as committed, and are missed should they vanish.
                    self.change(doubt.page, |state| state.vouched = count);
                    let stream = &mut self.streams[stream];
                    (stream.previous_count, stream.previous_hint) = (count, hint);
                    stream.doubt = None;
                    break;
                }
            }
            self.load(doubt.page).await.map_err(JournalFailure::Flash)?;
            let gathered = self.gather(tenant, doubt.page, doubt.at, 0, Self::BLOCK_MAX, 0);
            if !gathered.met_from {
                // The entry was there at open and is not any more. It was never acknowledged, but
                // its owner counts on it.
                let state = self.state(doubt.page);
                let loss = Loss {
                    page: doubt.page,
                    order: state.order,
                    first: state.vouched,
                    count: u16::MAX,
                    hint: None,
                };
                tenant.lost(&loss);
            }
            if gathered.len > 0 {
                self.move_gathered(tenant, doubt.page, stream, &gathered).await?;
            }
            self.streams[stream].doubt = match gathered.done {
                true => None,
                false => Some(UnconfirmedTail { at: gathered.from, ..doubt }),
            };
        }
        Ok(())
    }

    /// Reads the entries in doubt once more. Returns the number of entries in their page and the
    /// hint of the last of them, or `None` when they do not read right.
    async fn reads_right<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &T,
        doubt: UnconfirmedTail,
    ) -> Result<Option<(u16, u16)>, JournalFailure<F::Error>> {
        let page = doubt.page;
        self.load(page).await.map_err(JournalFailure::Flash)?;
        let frame = self.frame(page);
        let buffer = &mut self.buffer.cells_mut()[..Self::PAGE];
        let mut walk = PageScan::new(frame, Self::WORD, Self::PAGE, 0);
        let (mut met_it, mut hint) = (false, 0);
        loop {
            match walk.next(buffer) {
                ScanItem::Entry(met) => {
                    met_it |= met.at == doubt.at;
                    let (kind, payload) = (met.header.kind(), &buffer[met.payload()]);
                    let entry = Entry {
                        at: Self::address(page, met.at),
                        kind,
                        payload,
                        page_order: frame.order,
                    };
                    hint = match kind {
                        LOST => Loss::decode(payload).and_then(|loss| loss.hint).unwrap_or(0),
                        kind if kind <= CALLER_KIND_MAX => tenant.hint(&entry),
                        _ => 0,
                    };
                }
                ScanItem::Hole { .. } => {}
                ScanItem::End { .. } => {
                    let is_right = met_it && walk.corrected == 0 && !walk.is_loose;
                    return Ok(is_right.then_some((walk.count(), hint)));
                }
            }
        }
    }

    /// Takes one step towards another free page, with at most one erase. Returns false when there
    /// is nothing to gain.
    pub(super) async fn reclaim_step<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        choice: Choice,
    ) -> Result<bool, JournalFailure<F::Error>> {
        // No entry may be given up for a newer one that is in doubt itself.
        for stream in 0..self.streams.len() {
            if self.streams[stream].doubt.is_some() {
                self.settle_doubt(tenant, stream).await?;
                return Ok(true);
            }
        }
        // When only the last pages are left, the step makes room as soon as possible, whatever was
        // begun before.
        let scarce = self.free < 3 && choice != Choice::Dead;
        let choice = if scarce { Choice::Urgent } else { choice };
        let begun = self.victim.filter(|_| !scarce);
        let Some(mut victim) = begun.or_else(|| self.choose(choice)) else {
            return Ok(false);
        };
        if let Some(begun) = self.victim.filter(|begun| begun.page == victim.page) {
            victim = begun;
        }
        if victim.from == 0 {
            victim = self.witnessed(tenant, victim).await?;
        }
        let page = victim.page;
        self.load(page).await.map_err(JournalFailure::Flash)?;
        let may_turn = self.free >= 2;
        let fresh = if may_turn { Self::BLOCK_MAX } else { 0 };
        let last_resort = if self.free == 1 { Self::BLOCK_MAX } else { 0 };
        let gathered = self.gather(tenant, page, victim.from, self.room(COLD), fresh, last_resort);
        if gathered.corrected {
            self.change(page, |state| state.mark(EVACUATE));
        }
        if gathered.len == 0 && !gathered.done {
            // The victim that was begun may have become too large; another may still fit.
            let begun = self.victim.take().is_some();
            return if begun { Ok(true) } else { Err(JournalFailure::NoRoom) };
        }
        if gathered.len > 0 {
            self.move_gathered(tenant, page, COLD, &gathered).await?;
        }
        victim.from = gathered.from;
        self.victim = Some(victim);
        if !gathered.done {
            return Ok(true);
        }
        if gathered.holes > 0 {
            self.tell_losses(tenant, page).await?;
            while let Some(loss) = self.loss_in(page, victim.losses).await? {
                victim.losses += 1;
                self.victim = Some(victim);
                if !tenant.is_healed(&loss) {
                    self.remember(&loss).await?;
                    return Ok(true);
                }
            }
        }
        self.victim = None;
        // Bytes that the owner no longer asks for are not live any more, whatever was counted.
        self.debit(page, usize::MAX);
        if self.state(page).has(NAMED) {
            // The page may be erased from now on, and the entries that replaced its own may be
            // unconfirmed.
            self.change(page, |state| state.set_role(ERASABLE));
            self.note_announced();
            for stream in 0..self.streams.len() {
                self.checkpoint(stream).await?;
            }
        } else {
            self.change(page, |state| state.set_role(EMPTY));
        }
        self.recount();
        if self.ready <= 1
            && self.streams.iter().any(|stream| stream.page.is_some())
            && self.can_announce()
        {
            tolerate(self.announce().await)?;
        }
        Ok(true)
    }

    /// Returns whether everything live in a page can be moved with one program call into the last
    /// free page.
    pub(super) async fn moves_at_once<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &T,
        page: u32,
    ) -> Result<bool, JournalFailure<F::Error>> {
        self.load(page).await.map_err(JournalFailure::Flash)?;
        Ok(self.gather(tenant, page, 0, 0, 0, Self::BLOCK_MAX).done)
    }

    /// Collects live entries of the page in the buffer, from offset `from` on, as a block. They are
    /// as many as fit the `room` of the open page; when not even one fits, as many as fit a `fresh`
    /// page; and if `last_resort` is not zero, all or none.
    fn gather<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &T,
        page: u32,
        from: usize,
        room: usize,
        fresh: usize,
        last_resort: usize,
    ) -> RelocationBatch {
        let frame = self.frame(page);
        let (state, vouched) = (self.state(page), self.committed(page));
        let is_named = state.has(NAMED);
        let buffer = &mut self.buffer.cells_mut()[..Self::PAGE];
        let mut walk = PageScan::new(frame, Self::WORD, Self::PAGE, vouched);
        let mut gathered = RelocationBatch {
            len: 0,
            entries: 0,
            from,
            done: false,
            holes: 0,
            corrected: false,
            met_from: false,
        };
        // The block is not larger than a fresh page takes, in case the open one fails.
        let mut limit = room.min(Self::BLOCK_MAX);
        // The header of the entry gathered last, and its number: the next entry tells its hint.
        let mut last: Option<(usize, u16)> = None;
        let mut skipped = false;
        if state.role() == UNREADABLE {
            gathered.done = true;
            gathered.holes = 1;
            return gathered;
        }
        loop {
            let met = match walk.next(buffer) {
                ScanItem::End { .. } => {
                    gathered.done = !skipped;
                    if gathered.done {
                        gathered.from = Self::PAGE;
                    }
                    break;
                }
                ScanItem::Hole { first, count, .. } => {
                    // A start entry does not belong to the owner.
                    gathered.holes += u16::from(!is_named && (first > 0 || count > 1));
                    continue;
                }
                ScanItem::Entry(met) => met,
            };
            if let Some((at, number)) = last.take()
                && met.number == number + 1
                && met.header.hint != 0
            {
                EntryHeader::set_hint(buffer, at, met.header.hint);
            }
            if met.at < from {
                continue;
            }
            gathered.met_from |= met.at == from;
            let payload = &buffer[met.payload()];
            let kind = met.header.kind();
            let entry =
                Entry { at: Self::address(page, met.at), kind, payload, page_order: frame.order };
            let hint = match kind {
                LOST => match Loss::decode(payload) {
                    Some(loss) if !tenant.is_healed(&loss) => loss.hint.unwrap_or(0),
                    _ => continue,
                },
                kind if kind <= CALLER_KIND_MAX && tenant.is_live(&entry) => tenant.hint(&entry),
                _ => continue,
            };
            let bytes = entry_bytes(usize::from(met.header.len), Self::WORD);
            if gathered.len == 0 && bytes > limit {
                limit = fresh.max(last_resort);
            }
            let is_last_resort = limit == last_resort && fresh < last_resort;
            let has_room =
                Self::START_ROOM + gathered.len + bytes + (gathered.entries + 1) * OLD_BYTES
                    <= Self::PAGE;
            let are_enough = !has_room || gathered.entries >= MOVES_MAX && !is_last_resort;
            if gathered.len + bytes > limit || are_enough {
                if !skipped {
                    (skipped, gathered.from) = (true, met.at);
                }
                if is_last_resort {
                    (gathered.len, gathered.entries) = (0, 0);
                    break;
                }
                if are_enough || limit - gathered.len < SMALL_ENTRY_BYTES {
                    break;
                }
                // A shorter entry further on may still fit.
                continue;
            }
            let to = FIRST_ENTRY_AT + gathered.len;
            buffer.copy_within(met.at..met.at + bytes, to);
            buffer[to + EntryHeader::TAG_AT] = kind;
            EntryHeader::set_hint(buffer, to, hint);
            buffer[to + EntryHeader::CRC_AT..][..OLD_BYTES]
                .copy_from_slice(&(met.at as u16).to_le_bytes());
            gathered.len += bytes;
            gathered.entries += 1;
            last = Some((to, met.number));
        }
        gathered.corrected = walk.corrected > 0;
        buffer.copy_within(FIRST_ENTRY_AT..FIRST_ENTRY_AT + gathered.len, Self::START_ROOM);
        let mut from = Self::START_ROOM;
        let end = from + gathered.len;
        for number in 0..gathered.entries {
            let Some((_, next)) = next_in_block(buffer, from, end, Self::WORD) else { break };
            let old = from + EntryHeader::CRC_AT;
            buffer.copy_within(old..old + OLD_BYTES, Self::old_at(number));
            from = next;
        }
        gathered
    }

    /// Returns the offset in the buffer of the old position of the gathered entry with this number.
    const fn old_at(number: usize) -> usize {
        Self::PAGE - (number + 1) * OLD_BYTES
    }

    /// Commits the gathered block and tells the owner.
    async fn move_gathered<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        page: u32,
        stream: usize,
        gathered: &RelocationBatch,
    ) -> Result<(), JournalFailure<F::Error>> {
        let order = self.state(page).order;
        let (new_page, mut at) = self.commit(stream, gathered.len).await?;
        let mut from = Self::START_ROOM;
        let end = Self::START_ROOM + gathered.len;
        for number in 0..gathered.entries {
            let Some((header, next)) = next_in_block(self.buffer.cells(), from, end, Self::WORD)
            else {
                break;
            };
            self.debit(page, next - from);
            if header.kind() <= CALLER_KIND_MAX {
                let payload =
                    &self.buffer.cells()[from + ENTRY_HEADER_BYTES..][..usize::from(header.len)];
                let old = &self.buffer.cells()[Self::old_at(number)..][..OLD_BYTES];
                let old = usize::from(u16::from_le_bytes([old[0], old[1]]));
                let old = Self::address(page, old);
                let entry = Entry { at: old, kind: header.kind(), payload, page_order: order };
                let to: Address = Self::address(new_page, at);
                tenant.moved(&entry, to);
            }
            at += next - from;
            from = next;
        }
        Ok(())
    }
}
