//! The payloads of the journal's own entries: start, erase intent, checkpoint, loss. Numbers are
//! LEB128 except hints.

use super::Loss;

/// The most single pages that one erase intent can name.
pub(super) const DOOMED_MAX: usize = 16;

/// The gap in the flags of a start entry that means: the gap follows as a number.
const LONG_GAP: u8 = 0x1F;

/// A page that will be erased: its entries are dead, and gaps in it do not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Doomed {
    pub page: u32,
    /// The order under which its entries are dead.
    pub order: u32,
    pub erases: u32,
}

/// The complete set of pages with nothing live in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EraseIntent {
    pub epoch: u32,
    pub virgin_first: u32,
    pub virgin_count: u32,
    pub doomed: [Doomed; DOOMED_MAX],
    pub doomed_count: usize,
}

/// The end of a stream, as a page of the other stream tells it: damage that takes the end away
/// cannot take this too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// The stream that ends there.
    pub stream: u8,
    pub page: u32,
    pub order: u32,
    /// Entries in the page that are known to have been committed.
    pub count: u16,
    /// The hint of the last of them.
    pub hint: u16,
}

/// The payload of a checkpoint, beside the entry it confirms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CheckpointWitness {
    pub tail: Tail,
    /// The census of the pages when it was written: see `census`.
    pub census: Option<u32>,
}

/// The longest payload of a checkpoint that is a witness.
pub(super) const WITNESS_BYTES_MAX: usize = 1 + 5 + 5 + 3 + 2 + 4;

/// The first entry of a page. The hint in its header is that of the last entry of the page before
/// in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub stream: u8,
    pub order: u32,
    pub erases: u32,
    /// Order of this page minus that of the page before it in its stream; 0: there is none.
    pub gap: u32,
    /// The page before in its stream.
    pub previous_page: u32,
    /// Entries in it that are known to have been committed.
    pub previous_count: u32,
    /// The end of the other stream.
    pub other: Option<Tail>,
    pub announcement: Option<EraseIntent>,
}

/// A writer into a slice. Bytes that do not fit are counted, but not written.
pub(super) struct NoteWriter<'b> {
    out: &'b mut [u8],
    pub len: usize,
}

impl<'b> NoteWriter<'b> {
    pub fn new(out: &'b mut [u8]) -> Self {
        NoteWriter { out, len: 0 }
    }

    pub fn fits(&self) -> bool {
        self.len <= self.out.len()
    }

    fn byte(&mut self, byte: u8) {
        if let Some(to) = self.out.get_mut(self.len) {
            *to = byte;
        }
        self.len += 1;
    }

    fn number(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    fn hint(&mut self, hint: u16) {
        self.byte(hint as u8);
        self.byte((hint >> 8) as u8);
    }

    fn tail(&mut self, tail: &Tail) {
        self.byte(tail.stream);
        self.number(tail.page);
        self.number(tail.order);
        self.number(u32::from(tail.count));
        self.hint(tail.hint);
    }

    fn announcement(&mut self, announcement: &EraseIntent) {
        self.number(announcement.epoch);
        self.number(announcement.virgin_first);
        self.number(announcement.virgin_count);
        self.byte(announcement.doomed_count as u8);
        for doomed in announcement.doomed.iter().take(announcement.doomed_count) {
            self.number(doomed.page);
            self.number(doomed.order);
            self.number(doomed.erases);
        }
    }
}

struct NoteReader<'b>(&'b [u8]);

impl NoteReader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7F).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn hint(&mut self) -> Option<u16> {
        Some(u16::from(self.byte()?) | u16::from(self.byte()?) << 8)
    }

    fn tail(&mut self) -> Option<Tail> {
        Some(Tail {
            stream: self.byte()? & 1,
            page: self.number()?,
            order: self.number()?,
            count: u16::try_from(self.number()?).ok()?,
            hint: self.hint()?,
        })
    }

    fn announcement(&mut self) -> Option<EraseIntent> {
        let mut read = EraseIntent {
            epoch: self.number()?,
            virgin_first: self.number()?,
            virgin_count: self.number()?,
            ..EraseIntent::default()
        };
        read.doomed_count = usize::from(self.byte()?);
        if read.doomed_count > DOOMED_MAX {
            return None;
        }
        for doomed in read.doomed.iter_mut().take(read.doomed_count) {
            *doomed =
                Doomed { page: self.number()?, order: self.number()?, erases: self.number()? };
        }
        Some(read)
    }
}

impl EraseIntent {
    /// Writes the payload; returns its length.
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let mut writer = NoteWriter::new(out);
        writer.announcement(self);
        writer.fits().then_some(writer.len)
    }

    pub fn decode(payload: &[u8]) -> Option<Self> {
        NoteReader(payload).announcement()
    }

    /// Names one page more, if `bytes` are enough to encode the result.
    pub fn name(&mut self, doomed: Doomed, bytes: usize) -> bool {
        let Some(slot) = self.doomed.get_mut(self.doomed_count) else { return false };
        *slot = doomed;
        self.doomed_count += 1;
        let mut writer = NoteWriter::new(&mut []);
        writer.announcement(self);
        if writer.len > bytes {
            self.doomed_count -= 1;
            self.doomed[self.doomed_count] = Doomed::default();
            return false;
        }
        true
    }

    pub fn is_virgin(&self, page: u32) -> bool {
        page >= self.virgin_first && page - self.virgin_first < self.virgin_count
    }

    pub fn doomed(&self, page: u32) -> Option<Doomed> {
        self.doomed.iter().take(self.doomed_count).find(|doomed| doomed.page == page).copied()
    }
}

impl CheckpointWitness {
    pub fn encode(&self, out: &mut [u8; WITNESS_BYTES_MAX]) -> usize {
        let mut writer = NoteWriter::new(out);
        writer.tail(&self.tail);
        for byte in self.census.iter().flat_map(|census| census.to_le_bytes()) {
            writer.byte(byte);
        }
        writer.len
    }

    pub fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = NoteReader(payload);
        let tail = reader.tail()?;
        let census = reader.0.first_chunk().copied().map(u32::from_le_bytes);
        Some(CheckpointWitness { tail, census })
    }
}

impl Start {
    /// Writes the payload; returns its length.
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let mut writer = NoteWriter::new(out);
        let short_gap = self.gap.min(u32::from(LONG_GAP)) as u8;
        writer.byte(
            self.stream & 1
                | u8::from(self.announcement.is_some()) << 1
                | u8::from(self.other.is_some()) << 2
                | short_gap << 3,
        );
        writer.number(self.order);
        writer.number(self.erases);
        if short_gap == LONG_GAP {
            writer.number(self.gap);
        }
        if self.gap != 0 {
            writer.number(self.previous_page);
            writer.number(self.previous_count);
        }
        if let Some(other) = &self.other {
            writer.tail(other);
        }
        if let Some(announcement) = &self.announcement {
            writer.announcement(announcement);
        }
        writer.fits().then_some(writer.len)
    }

    pub fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = NoteReader(payload);
        let flags = reader.byte()?;
        let mut start = Start {
            stream: flags & 1,
            order: reader.number()?,
            erases: reader.number()?,
            gap: u32::from(flags >> 3),
            ..Start::default()
        };
        if flags >> 3 == LONG_GAP {
            start.gap = reader.number()?;
        }
        if start.gap != 0 {
            start.previous_page = reader.number()?;
            start.previous_count = reader.number()?;
        }
        if flags & 4 != 0 {
            start.other = Some(reader.tail()?);
        }
        if flags & 2 != 0 {
            start.announcement = Some(reader.announcement()?);
        }
        Some(start)
    }
}

/// The longest payload of a loss.
pub(super) const LOSS_BYTES_MAX: usize = 5 + 5 + 3 + 3 + 1 + 2;

impl Loss {
    pub(super) fn encode(&self, out: &mut [u8; LOSS_BYTES_MAX]) -> usize {
        let mut writer = NoteWriter::new(out);
        writer.number(self.page);
        writer.number(self.order);
        writer.number(u32::from(self.first));
        writer.number(u32::from(self.count));
        if let Some(hint) = self.hint {
            writer.byte(1);
            writer.hint(hint);
        } else {
            writer.byte(0);
        }
        writer.len
    }

    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = NoteReader(payload);
        let (page, order) = (reader.number()?, reader.number()?);
        let (first, count) = (reader.number()?, reader.number()?);
        let hint = if reader.byte()? == 1 { Some(reader.hint()?) } else { None };
        Some(Loss {
            page,
            order,
            first: u16::try_from(first).ok()?,
            count: u16::try_from(count).ok()?,
            hint,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut announcement =
            EraseIntent { epoch: 70_000, virgin_first: 3, virgin_count: 125, ..Default::default() };
        assert!(announcement.name(Doomed { page: 300, order: u32::MAX, erases: 99_999 }, 100));
        assert!(!announcement.name(Doomed { page: 301, order: 1, erases: 1 }, 10));
        let start = Start {
            stream: 1,
            order: 12_345_678,
            erases: 7,
            gap: 200,
            previous_page: 130,
            previous_count: 400,
            other: Some(Tail { stream: 0, page: 7, order: 12_345_670, count: 90, hint: 0xFFFE }),
            announcement: Some(announcement),
        };
        let mut bytes = [0; 64];
        let len = start.encode(&mut bytes).unwrap();
        assert_eq!(Start::decode(&bytes[..len]), Some(start));
        for cut in 0..len {
            assert_eq!(Start::decode(&bytes[..cut]), None);
        }
        assert_eq!(start.encode(&mut bytes[..len - 1]), None);
        let tail = Tail { stream: 1, page: u32::MAX, order: u32::MAX, count: u16::MAX, hint: 1 };
        for census in [Some(0x8899_AABB), None] {
            let witness = CheckpointWitness { tail, census };
            let mut bytes = [0; WITNESS_BYTES_MAX];
            let len = witness.encode(&mut bytes);
            assert_eq!(len, WITNESS_BYTES_MAX - if census.is_some() { 0 } else { 4 });
            assert_eq!(CheckpointWitness::decode(&bytes[..len]), Some(witness));
        }
        let loss = Loss { page: 9, order: 77, first: 3, count: 2, hint: Some(0x1234) };
        let mut bytes = [0; LOSS_BYTES_MAX];
        let len = loss.encode(&mut bytes);
        assert_eq!(Loss::decode(&bytes[..len]), Some(loss));
    }
}
