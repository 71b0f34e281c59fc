//! One verified program call: a block of entries goes to a write point, into a fresh page when the
//! open one has no room.

use super::errors::JournalFailure;
use super::notes::{CheckpointWitness, EraseIntent, Start, Tail, WITNESS_BYTES_MAX};
use super::state::{COLD, EVACUATE, FAILED, HOT, SEALED, USED, WritePoint, other};
use super::{Journal, PageState, RESERVE_PAGES};
use crate::store::page::{
    ANNOUNCE, CALLER_KIND_MAX, CHECKPOINT, CHECKPOINT_GAP_BYTES, CONTINUES, ENTRY_HEADER_BYTES,
    EntryHeader, FIRST_ENTRY_AT, LOST, MORE, START, SYNCED, entry_bytes, is_erased,
};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The number of pages that are tried before a program call is given up.
const TRIES: usize = 4;
const CHUNK: usize = 128;

/// The entries that sealing a block found in it.
struct Sealed {
    entries: u16,
    live_bytes: usize,
    last_hint: u16,
}

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Returns whether a block of this many bytes fits the open page of a write point.
    pub(super) fn fits(&self, stream: usize, bytes: usize) -> bool {
        self.room(stream) >= bytes
    }

    /// Returns the bytes left in the open page of a write point.
    pub(super) fn room(&self, stream: usize) -> usize {
        let stream = &self.streams[stream];
        if stream.page.is_none() || stream.count >= u16::MAX - 255 {
            return 0;
        }
        (Self::PAGE - Self::CHECKPOINT_ROOM).saturating_sub(stream.at)
    }

    /// Lays an entry into the buffer at the end of a block of `len` bytes. Returns the new length,
    /// or `None` when it does not fit a fresh page.
    pub(super) fn lay(
        &mut self,
        len: usize,
        kind: u8,
        hint: u16,
        parts: &[&[u8]],
    ) -> Option<usize> {
        let payload: usize = parts.iter().map(|part| part.len()).sum();
        let end = len.checked_add(entry_bytes(payload, Self::WORD))?;
        if end > Self::BLOCK_MAX {
            return None;
        }
        let to = self.buffer.cells_mut().get_mut(Self::START_ROOM + len..Self::START_ROOM + end)?;
        to.fill(0xFF);
        let header = EntryHeader { len: payload as u16, tag: kind, seq: 0, hint, crc: 0 };
        to[..ENTRY_HEADER_BYTES].copy_from_slice(&header.encode());
        let mut at = ENTRY_HEADER_BYTES;
        for part in parts {
            to[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        Some(end)
    }

    /// Programs the block of `len` bytes that has been laid into the buffer, as one group, and
    /// verifies it. Returns the page and the offset of its first entry. The entries' headers carry
    /// their own hints at first; afterwards they are as in flash. With an empty block, a new page
    /// is taken that holds no more than its start entry.
    pub(super) async fn commit(
        &mut self,
        stream: usize,
        len: usize,
    ) -> Result<(u32, usize), JournalFailure<F::Error>> {
        let mut trouble = None;
        for _ in 0..TRIES {
            let mut writing;
            let mut announced = None;
            let mut start_bytes = 0;
            if len > 0 && self.fits(stream, len) {
                writing = self.streams[stream];
            } else {
                self.commit_tail_before_abandoning(stream).await;
                self.close(stream, true);
                let page = match self.ready_page(stream).await {
                    Ok(page) => page,
                    // When there is no other page, the failure of the last one is the reason.
                    Err(JournalFailure::NoRoom) => {
                        return Err(trouble.unwrap_or(JournalFailure::NoRoom));
                    }
                    Err(trouble) => return Err(trouble),
                };
                // After this the start entry may tell what is on the medium, here and in the other
                // stream, and no group that was not acknowledged stands before it in another page.
                self.sync().await.map_err(JournalFailure::Flash)?;
                let (start, bytes) = self.lay_start(stream, page);
                announced = start.announcement;
                start_bytes = bytes;
                let hint = self.streams[stream].previous_hint;
                writing = WritePoint {
                    page: Some(page),
                    at: FIRST_ENTRY_AT,
                    hint,
                    ..WritePoint::default()
                };
            }
            let Some(page) = writing.page else { continue };
            // The page counts as left until the call has been verified. If this future is dropped,
            // or the call fails, nothing more goes to it, so no word is ever programmed twice.
            self.close(stream, false);
            let sealed = self.seal_block(page, &writing, start_bytes, len);
            let from = writing.at;
            let range = Self::START_ROOM - start_bytes..Self::START_ROOM + len;
            let was_astray = self.is_astray;
            self.is_astray |= start_bytes > 0;
            match self.program(page, from, range).await {
                Ok(true) => self.is_astray = was_astray,
                problem => {
                    trouble =
                        Some(problem.map_or_else(JournalFailure::Flash, |_| JournalFailure::Worn));
                    self.tally.failures += 1;
                    self.change(page, |state| state.mark(FAILED | EVACUATE));
                    self.recount();
                    self.unseal_block(len, sealed.last_hint);
                    continue;
                }
            }
            let entries = sealed.entries + u16::from(start_bytes > 0);
            writing.at = from + start_bytes + len;
            writing.count += entries;
            writing.hint = sealed.last_hint;
            writing.vouched = false;
            writing.wrote_at = self.barrier.as_ref().map(|barrier| (barrier.syncs)(&self.flash));
            // A start entry alone is not missed by anybody.
            writing.anchored = len == 0 && start_bytes > 0;
            if start_bytes > 0 {
                self.enter(stream, page, announced);
                self.streams[other(stream)].anchored = true;
            }
            self.streams[stream] = WritePoint { doubt: self.streams[stream].doubt, ..writing };
            self.credit(page, sealed.live_bytes);
            return Ok((page, from + start_bytes));
        }
        Err(trouble.unwrap_or(JournalFailure::Worn))
    }

    /// Leaves the open page of a write point. `untouched` says that nothing has been attempted
    /// behind its last entry.
    pub(super) fn close(&mut self, stream: usize, untouched: bool) {
        let open = self.streams[stream];
        if let Some(page) = open.page {
            let order = self.state(page).order;
            self.change(page, |state| {
                state.vouched = open.count;
                state.tail = if untouched { open.at as u16 } else { 0 };
                match open.vouched {
                    true => state.mark(SEALED),
                    false => state.unmark(SEALED),
                }
            });
            self.streams[stream] = WritePoint {
                previous_order: order,
                previous_page: page,
                previous_count: open.count,
                previous_hint: open.hint,
                dangling: !open.vouched,
                doubt: open.doubt,
                anchored: open.anchored,
                wrote_at: open.wrote_at,
                ..WritePoint::default()
            };
        }
    }

    /// Lays the start entry of a page into the buffer, right before the block. Returns it and its
    /// length there.
    fn lay_start(&mut self, stream: usize, page: u32) -> (Start, usize) {
        let state = self.state(page);
        let previous = self.streams[stream];
        let mut start = Start {
            stream: stream as u8,
            order: state.order,
            erases: state.erases(),
            gap: if previous.previous_order == 0 {
                0
            } else {
                state.order.wrapping_sub(previous.previous_order)
            },
            previous_page: previous.previous_page,
            previous_count: u32::from(previous.previous_count),
            other: self.tail(other(stream)),
            announcement: None,
        };
        let mut payload = [0; 256];
        let room = (Self::START_ROOM - ENTRY_HEADER_BYTES - Self::WORD).min(payload.len());
        let bare = start.encode(&mut payload[..room]).unwrap_or(0);
        start.announcement = self.due_announcement(stream, page, room - bare);
        let len = match start.encode(&mut payload[..room]) {
            Some(len) => len,
            None => {
                // This cannot happen: the erase intent was made to fit the room that was left.
                start.announcement = None;
                bare
            }
        };
        let bytes = entry_bytes(len, Self::WORD);
        if let Some(to) =
            self.buffer.cells_mut().get_mut(Self::START_ROOM - bytes..Self::START_ROOM)
        {
            to.fill(0xFF);
            to[ENTRY_HEADER_BYTES..ENTRY_HEADER_BYTES + len].copy_from_slice(&payload[..len]);
            let header = EntryHeader { len: len as u16, tag: START, seq: 0, hint: 0, crc: 0 };
            to[..ENTRY_HEADER_BYTES].copy_from_slice(&header.encode());
        }
        (start, bytes)
    }

    /// Returns the end of a write point, if it has a page.
    fn tail(&self, of: usize) -> Option<Tail> {
        let stream = &self.streams[of];
        let tail = match stream.page {
            Some(page) => {
                let order = self.state(page).order;
                let (count, hint) = (stream.count, stream.hint);
                Tail { stream: of as u8, page, order, count, hint }
            }
            None => Tail {
                stream: of as u8,
                page: stream.previous_page,
                order: stream.previous_order,
                count: stream.previous_count,
                hint: stream.previous_hint,
            },
        };
        (tail.order != 0).then_some(tail)
    }

    /// Takes note that a page has its first entries and is in use.
    fn enter(&mut self, stream: usize, page: u32, announced: Option<EraseIntent>) {
        let previous = self.streams[stream].previous_order;
        self.change(page, |state| {
            state.set_role(USED);
            let gap = if previous == 0 { 0 } else { state.order.wrapping_sub(previous) };
            state.gap = u16::try_from(gap).unwrap_or(u16::MAX);
        });
        if let Some(announcement) = announced {
            self.announced(&announcement);
        }
        self.recount();
    }

    /// Gives the entries of the block in the buffer the final headers for their place in flash.
    fn seal_block(
        &mut self,
        page: u32,
        writing: &WritePoint,
        start_bytes: usize,
        len: usize,
    ) -> Sealed {
        let frame = self.frame(page);
        let is_synced = start_bytes > 0 || self.is_synced(writing);
        let buffer = self.buffer.cells_mut();
        let mut sealed = Sealed { entries: 0, live_bytes: 0, last_hint: writing.hint };
        let (mut number, mut at) = (writing.count, writing.at);
        let mut from = Self::START_ROOM - start_bytes;
        let end = Self::START_ROOM + len;
        while let Some(header) = EntryHeader::decode(buffer, from, end) {
            let payload = usize::from(header.len);
            let next = from + entry_bytes(payload, Self::WORD);
            let mut tag = header.kind();
            if from > Self::START_ROOM - start_bytes {
                tag |= CONTINUES;
            }
            if next < end {
                tag |= MORE;
            }
            if is_synced && tag & CONTINUES == 0 {
                tag |= SYNCED;
            }
            let entry = &mut buffer[from..from + ENTRY_HEADER_BYTES + payload];
            frame.seal(at, entry, tag, number as u8, sealed.last_hint);
            sealed.last_hint = header.hint;
            if header.kind() != START {
                sealed.entries += 1;
            }
            if header.kind() <= CALLER_KIND_MAX || header.kind() == LOST {
                sealed.live_bytes += next - from;
            }
            number += 1;
            at += next - from;
            from = next;
        }
        sealed
    }

    /// Undoes the sealing, so that the block can be sealed for another page: each entry's own hint
    /// is in the one after it.
    fn unseal_block(&mut self, len: usize, last_hint: u16) {
        let buffer = self.buffer.cells_mut();
        let mut from = Self::START_ROOM;
        let end = Self::START_ROOM + len;
        while let Some(header) = EntryHeader::decode(buffer, from, end) {
            let next = from + entry_bytes(usize::from(header.len), Self::WORD);
            let hint = EntryHeader::decode(buffer, next, end).map_or(last_hint, |next| next.hint);
            EntryHeader::set_hint(buffer, from, hint);
            from = next;
        }
    }

    /// Programs a part of the buffer and reads it back. Returns false when the flash reports
    /// success but does not hold the bytes.
    async fn program(
        &mut self,
        page: u32,
        at: usize,
        range: core::ops::Range<usize>,
    ) -> Result<bool, F::Error> {
        let offset = Self::base(page) + at as u32;
        let Some(bytes) = self.buffer.cells().get(range) else { return Ok(false) };
        self.tally.programs += 1;
        self.tally.programmed_bytes += bytes.len() as u64;
        self.flash.write(offset, bytes).await?;
        Self::holds(&mut self.flash, offset, bytes).await
    }

    /// Programs a few bytes and reads them back.
    pub(super) async fn program_small(
        &mut self,
        page: u32,
        at: usize,
        bytes: &[u8],
    ) -> Result<bool, F::Error> {
        let offset = Self::base(page) + at as u32;
        self.tally.programs += 1;
        self.tally.programmed_bytes += bytes.len() as u64;
        self.flash.write(offset, bytes).await?;
        Self::holds(&mut self.flash, offset, bytes).await
    }

    async fn holds(flash: &mut F, offset: u32, bytes: &[u8]) -> Result<bool, F::Error> {
        let mut chunk = [0; CHUNK];
        let mut at = offset;
        for expected in bytes.chunks(CHUNK) {
            let found = &mut chunk[..expected.len()];
            flash.read(at, found).await?;
            if found != expected {
                return Ok(false);
            }
            at += expected.len() as u32;
        }
        Ok(true)
    }

    /// Returns whether the whole page reads as erased.
    pub(super) async fn is_blank(&mut self, page: u32) -> Result<bool, F::Error> {
        let mut chunk = [0; CHUNK];
        for at in (0..Self::PAGE).step_by(CHUNK) {
            let found = &mut chunk[..CHUNK.min(Self::PAGE - at)];
            self.flash.read(Self::base(page) + at as u32, found).await?;
            if !is_erased(found) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether something in flash confirms the last entry of a write point.
    pub(super) fn is_vouched(&self, stream: usize) -> bool {
        let stream = &self.streams[stream];
        if stream.page.is_some() { stream.vouched } else { !stream.dangling }
    }

    /// Writes checkpoints before a page is taken for a write point. Taking it may write an erase
    /// intent, or erase without one, and entries that were given up for newer ones or for copies
    /// may be erased only when those are confirmed. A page that does not hold a checkpoint has
    /// failed and is emptied, which is no reason to stop.
    async fn commit_tail_before_abandoning(&mut self, stream: usize) {
        if self.is_announcing() {
            let _ = self.checkpoint(other(stream)).await;
        }
        // The start of the next page confirms the entries written to this one. That is too late for
        // a page that is erased without an erase intent, and impossible where the gap is too wide
        // to be kept.
        let order = self.streams[stream].page.map(|page| self.state(page).order);
        let is_far = order
            .is_some_and(|order| self.next_order.saturating_sub(order) > u32::from(u16::MAX / 2));
        if is_far || self.ready == 0 && self.prepared.is_none() {
            let _ = self.checkpoint(stream).await;
        }
    }

    /// Takes a page for a write point and puts only its start entry there, which confirms the page
    /// before.
    async fn attach(&mut self, stream: usize) -> Result<(), JournalFailure<F::Error>> {
        self.commit(stream, 0).await.map(|_| ())
    }

    /// Returns whether nothing confirms the last page of a write point, and no more can be added
    /// there.
    pub(super) fn dangles(&self, stream: usize) -> bool {
        self.streams[stream].page.is_none() && self.streams[stream].dangling
    }

    /// Confirms the last page of a write point to which no more can be added, when at least this
    /// many pages are free.
    pub(super) async fn attach_if_dangling(
        &mut self,
        stream: usize,
        free_least: u32,
    ) -> Result<(), JournalFailure<F::Error>> {
        if self.dangles(stream) && self.ready > 0 && self.free >= free_least {
            self.attach(stream).await?;
        }
        Ok(())
    }

    /// Confirms the last entry of a write point, if nothing does yet.
    pub(super) async fn checkpoint(
        &mut self,
        stream: usize,
    ) -> Result<(), JournalFailure<F::Error>> {
        match self.streams[stream].vouched {
            true => Ok(()),
            false => self.checkpoint_with(stream, None).await.map(|_| ()),
        }
    }

    /// Confirms the last entry of a write point as the box comes to rest. If there is room, the
    /// checkpoint also tells the end of the other write point, and the census.
    pub(super) async fn checkpoint_at_rest(
        &mut self,
        stream: usize,
    ) -> Result<(), JournalFailure<F::Error>> {
        if self.streams[stream].vouched {
            return Ok(());
        }
        let tail = self.tail(other(stream));
        if tail.is_none() || !self.checkpoint_with(stream, tail).await? {
            self.checkpoint(stream).await?;
        }
        Ok(())
    }

    /// Writes a checkpoint, whether or not the last entry is confirmed already, that tells the end
    /// of the other write point if `tail` is given. Returns false when there is no room for it.
    async fn checkpoint_with(
        &mut self,
        stream: usize,
        tail: Option<Tail>,
    ) -> Result<bool, JournalFailure<F::Error>> {
        let mut writing = self.streams[stream];
        let Some(page) = writing.page else { return Ok(false) };
        let mut payload = [0; WITNESS_BYTES_MAX];
        let witness = tail.map(|tail| CheckpointWitness { tail, census: self.census_to_keep() });
        let len = witness.map_or(0, |witness| witness.encode(&mut payload));
        let bytes = CHECKPOINT_GAP_BYTES + entry_bytes(len, Self::WORD);
        if writing.at + bytes > Self::PAGE {
            return Ok(false);
        }
        self.close(stream, false);
        let held = self
            .commit_tail(page, writing.at, writing.count, writing.hint, &payload[..len])
            .await?;
        if held {
            writing.at += bytes;
            writing.vouched = true;
            self.streams[stream] = writing;
        }
        Ok(held)
    }

    /// Returns whether a page has to be taken for the other write point to tell the end of this
    /// one.
    pub(super) fn wants_anchor_page(&self, stream: usize) -> bool {
        let is_wanted = !self.streams[stream].anchored && self.tail(stream).is_some();
        let other = &self.streams[other(stream)];
        let bytes = CHECKPOINT_GAP_BYTES + entry_bytes(WITNESS_BYTES_MAX, Self::WORD);
        is_wanted && (other.page.is_none() || other.at + bytes > Self::PAGE)
    }

    /// Has a page of the other write point tell the end of this one, unless one does already. It
    /// does so in a checkpoint, or in the start entry of a page taken for it when at least this
    /// many are free.
    pub(super) async fn anchor(
        &mut self,
        stream: usize,
        free_least: u32,
    ) -> Result<(), JournalFailure<F::Error>> {
        let Some(tail) = self.tail(stream).filter(|_| !self.streams[stream].anchored) else {
            return Ok(());
        };
        self.sync().await.map_err(JournalFailure::Flash)?;
        if self.checkpoint_with(other(stream), Some(tail)).await? {
            self.streams[stream].anchored = true;
        } else if self.ready > 0 && self.free >= free_least {
            self.attach(other(stream)).await?;
            // The start entry tells the end already; the checkpoint adds the census.
            self.checkpoint_with(other(stream), Some(tail)).await?;
        }
        Ok(())
    }

    /// Programs a checkpoint behind the `count` entries of a page that end at `end`. Returns false
    /// when the page does not hold it.
    pub(super) async fn commit_tail(
        &mut self,
        page: u32,
        end: usize,
        count: u16,
        hint: u16,
        payload: &[u8],
    ) -> Result<bool, JournalFailure<F::Error>> {
        self.sync().await.map_err(JournalFailure::Flash)?;
        let at = end + CHECKPOINT_GAP_BYTES;
        // The longest entry, filled up to a word of at most 8 bytes.
        let mut bytes = [0xFF; ENTRY_HEADER_BYTES + WITNESS_BYTES_MAX + 7];
        let len = entry_bytes(payload.len(), Self::WORD);
        let seq = (count as u8).wrapping_sub(1);
        let entry = &mut bytes[..ENTRY_HEADER_BYTES + payload.len()];
        entry[ENTRY_HEADER_BYTES..].copy_from_slice(payload);
        self.frame(page).seal(at, entry, CHECKPOINT | SYNCED, seq, hint);
        let held = self.program_small(page, at, &bytes[..len]).await;
        if !matches!(held, Ok(true)) {
            self.tally.failures += 1;
            self.change(page, |state| state.mark(FAILED | EVACUATE));
        }
        held.map_err(JournalFailure::Flash)
    }

    /// Writes the erase intent as an entry of its own.
    pub(super) async fn announce(&mut self) -> Result<(), JournalFailure<F::Error>> {
        let mut payload = [0; 256];
        let room = (Self::START_ROOM - ENTRY_HEADER_BYTES - Self::WORD).min(payload.len());
        if self.free > self.ready {
            for stream in [HOT, COLD] {
                self.attach_if_dangling(stream, RESERVE_PAGES - 1).await?;
            }
        }
        // It should not take a page of its own, which may be the last that is free.
        let stream = match (self.takes_announcement(HOT), self.takes_announcement(COLD)) {
            (false, true) => COLD,
            _ => HOT,
        };
        if self.free > self.ready {
            let _ = self.checkpoint(other(stream)).await;
        }
        let left = match self.takes_announcement(stream) {
            true => room.min(self.room(stream) - ENTRY_HEADER_BYTES - Self::WORD),
            false => room,
        };
        let mut announcement = self.full_announcement(None, left);
        if announcement.is_none() && self.free >= 2 {
            // In this case it goes into a fresh page.
            announcement = self.full_announcement(None, room);
        }
        let announcement = announcement.ok_or(JournalFailure::NoRoom)?;
        let len = announcement.encode(&mut payload).ok_or(JournalFailure::NoRoom)?;
        let block = self.lay(0, ANNOUNCE, 0, &[&payload[..len]]).ok_or(JournalFailure::NoRoom)?;
        self.commit(stream, block).await?;
        self.announced(&announcement);
        self.recount();
        Ok(())
    }
}
