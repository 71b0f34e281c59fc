//! Reads the entries of a file and skips those that are damaged.

use super::layout::{
    BODY_AT, EntryHead, HEAD_BYTES, HeaderFault, PADDING, Salt, SnapshotHeader, TAIL_BYTES,
    WORD_BYTES, entry_bytes, sector_after,
};
use super::medium::{Card, CardError, FileName, SECTOR_BYTES};
use super::writer::Position;

/// A file that is read sector by sector.
pub(super) struct Sectors<'c, C: Card> {
    pub(super) card: &'c mut C,
    pub(super) name: FileName,
    sector: [u8; SECTOR_BYTES],
    /// The offset of the sector in memory, and how many bytes it has.
    held: Option<(u32, usize)>,
}

impl<'c, C: Card> Sectors<'c, C> {
    pub(super) fn new(card: &'c mut C, name: FileName) -> Self {
        Self { card, name, sector: [0; SECTOR_BYTES], held: None }
    }

    /// Returns the bytes from `at` to the end of its sector; empty behind the end of the file.
    pub(super) async fn at(&mut self, at: u32) -> Result<&[u8], CardError<C::Error>> {
        let start = at - at % SECTOR_BYTES as u32;
        let len = match self.held {
            Some((held, len)) if held == start => len,
            _ => {
                self.held = None;
                let len = self.card.read(&self.name, start, &mut self.sector).await?;
                let len = len.min(SECTOR_BYTES);
                self.held = Some((start, len));
                len
            }
        };
        Ok(self.sector[..len].get((at - start) as usize..).unwrap_or(&[]))
    }

    /// Fills `out` from `at` on; returns false when the file ends before.
    pub(super) async fn fill(
        &mut self,
        at: u32,
        out: &mut [u8],
    ) -> Result<bool, CardError<C::Error>> {
        let mut done = 0;
        while done < out.len() {
            let Some(from) = at.checked_add(done as u32) else { return Ok(false) };
            let there = self.at(from).await?;
            let count = there.len().min(out.len() - done);
            if count == 0 {
                return Ok(false);
            }
            out[done..done + count].copy_from_slice(&there[..count]);
            done += count;
        }
        Ok(true)
    }

    /// Reads the header of the file.
    pub(super) async fn header(
        &mut self,
    ) -> Result<Result<SnapshotHeader, HeaderFault>, CardError<C::Error>> {
        let mut sector = [0; SECTOR_BYTES];
        Ok(match self.fill(0, &mut sector).await? {
            true => SnapshotHeader::parse(&sector),
            false => Err(HeaderFault::None),
        })
    }
}

/// An entry whose head is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SnapshotEntry {
    pub(super) kind: u8,
    /// The offset of the payload.
    pub(super) at: u32,
    /// Bytes of the payload.
    pub(super) len: u32,
    /// The number of the entry in the file.
    pub(super) number: u32,
    link: u32,
}

impl SnapshotEntry {
    fn head_at(&self) -> u32 {
        self.at - HEAD_BYTES as u32
    }

    /// Returns the offset of the next entry, if no padding is between.
    pub(super) fn end(&self) -> u32 {
        self.head_at().saturating_add(entry_bytes(self.len))
    }
}

/// The result of reading a payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Payload<'b> {
    /// The whole payload.
    Whole(&'b [u8]),
    /// The beginning of a payload that is whole but longer than the memory given.
    TooLarge(&'b [u8]),
    /// The payload is not as it was written.
    Damaged,
}

/// Reads the entries of a snapshot one after the other.
pub(super) struct Entries<'c, C: Card> {
    pub(super) file: Sectors<'c, C>,
    salt: Salt,
    is_linked: bool,
    position: Position,
    /// The offset at which reading ends.
    end: u32,
    /// The number of entries when the file was written.
    count: u32,
    /// The number of entries that are no longer found.
    pub(super) missing: u32,
}

impl<'c, C: Card> Entries<'c, C> {
    /// Reads the entries of the snapshot itself.
    pub(super) fn of_body(file: Sectors<'c, C>, header: &SnapshotHeader) -> Self {
        Self {
            file,
            salt: header.salt(),
            is_linked: false,
            position: Position { at: BODY_AT, number: 0, link: 0 },
            end: header.body_end,
            count: header.entries,
            missing: 0,
        }
    }

    /// Reads the entries appended to it. `position` is the end of the snapshot or of the known
    /// entries.
    pub(super) fn appended(
        file: Sectors<'c, C>,
        header: &SnapshotHeader,
        position: Position,
    ) -> Self {
        let salt = header.salt();
        Self { file, salt, is_linked: true, position, end: u32::MAX, count: u32::MAX, missing: 0 }
    }

    /// Reads the entries of a snapshot that is being written.
    pub(super) fn unfinished(file: Sectors<'c, C>, salt: Salt, position: Position) -> Self {
        let (end, count) = (u32::MAX, u32::MAX);
        Self { file, salt, is_linked: false, position, end, count, missing: 0 }
    }

    /// Returns whether these are appended entries.
    pub(super) fn is_linked(&self) -> bool {
        self.is_linked
    }

    /// Returns the place where the next entry is looked for, linked to the last one that was read.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Continues at another place.
    pub(super) fn skip_to(&mut self, position: Position) {
        self.position = position;
    }

    /// Returns the next entry whose head is right.
    ///
    /// Within a snapshot, damaged entries are skipped and counted. Appended entries end at the
    /// first one that is not right.
    pub(super) async fn next(&mut self) -> Result<Option<SnapshotEntry>, CardError<C::Error>> {
        let mut is_lost = false;
        loop {
            let Position { at, number, link } = self.position;
            let mut bytes = [0; HEAD_BYTES];
            if at >= self.end || !self.file.fill(at, &mut bytes).await? {
                if !self.is_linked {
                    self.missing += self.count.saturating_sub(number);
                    self.position.number = self.count.max(number);
                }
                return Ok(None);
            }
            let link = if self.is_linked { link } else { 0 };
            let head = EntryHead::parse(&bytes, &self.salt.seal(at, link));
            let fits = |head: &EntryHead| {
                (head.number == number || (head.number > number && !self.is_linked))
                    && head.number < self.count
                    && at.checked_add(entry_bytes(head.len)).is_some_and(|end| end <= self.end)
            };
            if let Some(head) = head.filter(fits) {
                self.missing += head.number - number;
                let found = SnapshotEntry {
                    kind: head.kind,
                    at: at + HEAD_BYTES as u32,
                    len: head.len,
                    number: head.number,
                    link,
                };
                self.position.at = found.end();
                self.position.number = head.number + 1;
                return Ok(Some(found));
            }
            let is_padding = bytes[0] == PADDING && !at.is_multiple_of(SECTOR_BYTES as u32);
            if is_padding && !is_lost {
                self.position.at = sector_after(at);
            } else if self.is_linked {
                return Ok(None);
            } else {
                is_lost = true;
                self.position.at = at.saturating_add(WORD_BYTES);
            }
        }
    }

    /// Reads and checks the payload of an entry. Returns as much of it as fits into `room`.
    pub(super) async fn payload<'b>(
        &mut self,
        found: &SnapshotEntry,
        room: &'b mut [u8],
    ) -> Result<Payload<'b>, CardError<C::Error>> {
        let kept = room.len().min(found.len as usize);
        let room = &mut room[..kept];
        let mut head = [0; HEAD_BYTES];
        if !self.file.fill(found.head_at(), &mut head).await?
            || !self.file.fill(found.at, room).await?
        {
            return Ok(Payload::Damaged);
        }
        let mut seal = self.salt.seal(found.head_at(), found.link).over(&head).over(room);
        let mut at = found.at + kept as u32;
        let end = found.at + found.len;
        while at < end {
            let there = self.file.at(at).await?;
            let piece = &there[..there.len().min((end - at) as usize)];
            if piece.is_empty() {
                return Ok(Payload::Damaged);
            }
            seal = seal.over(piece);
            at += piece.len() as u32;
        }
        let mut stored = [0; TAIL_BYTES];
        let is_there = self.file.fill(end, &mut stored).await?;
        let checksum = u32::from_le_bytes(stored);
        if !is_there || seal.value() != checksum {
            return Ok(Payload::Damaged);
        }
        if self.position.number == found.number + 1 {
            self.position.link = checksum;
        }
        Ok(if kept == found.len as usize { Payload::Whole(room) } else { Payload::TooLarge(room) })
    }

    /// Reads an entry only to check it.
    pub(super) async fn is_right(
        &mut self,
        found: &SnapshotEntry,
    ) -> Result<bool, CardError<C::Error>> {
        Ok(!matches!(self.payload(found, &mut []).await?, Payload::Damaged))
    }
}
