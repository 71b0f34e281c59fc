//! Defines the bytes of pages and entries as FORMAT.md lays them down. Nothing here touches flash.

use super::seal::{Flip, Seal, find_flip};

/// The first bytes of every prepared page: "cbx" and the version of the format.
pub const MAGIC: [u8; 4] = [b'c', b'b', b'x', 1];
/// Bytes of a page header.
pub const PAGE_HEADER_BYTES: usize = 24;
/// Offset of the first entry of a page. The bytes before it stay erased, so that one burst of 64
/// bits cannot strike the header and the first entry together.
pub const FIRST_ENTRY_AT: usize = 32;
/// Bytes of an entry header.
pub const ENTRY_HEADER_BYTES: usize = 10;
/// Bytes of the erased gap before a checkpoint. A burst of 64 bits cannot strike both sides of it.
pub const CHECKPOINT_GAP_BYTES: usize = 8;
/// The highest kind that belongs to the entry owner. The lowest is 0.
pub const CALLER_KIND_MAX: u8 = 0x17;

/// More entries of the same group follow.
pub const MORE: u8 = 0x80;
/// The entry continues the group of the entry before.
pub const CONTINUES: u8 = 0x40;
/// All that was written to the stream before this group was on the medium when the group was
/// programmed.
///
/// On a chip this is always true. On a medium that defers writes it is true after each sync.
pub const SYNCED: u8 = 0x20;
const KIND_BITS: u8 = 0x1F;

/// The first entry of each page.
pub const START: u8 = 0x18;
/// The erase intent: the set of pages that may be erased.
pub const ANNOUNCE: u8 = 0x19;
/// A checkpoint: the entries before it are committed, and so is the end of another page if it names
/// one.
pub const CHECKPOINT: u8 = 0x1A;
/// The loss of an entry, recorded when its page is reclaimed.
pub const LOST: u8 = 0x1B;

/// The contents of a page header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// The number of the preparation, unique and rising in a box.
    pub order: u32,
    /// The number of erases of the page.
    pub erases: u32,
    /// The identity of the box.
    pub salt: u64,
}

/// The result of reading the first bytes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFound {
    /// A header; true if one bit had to be corrected.
    Valid(PageHeader, bool),
    /// A header of another version of the format.
    Version(u8),
    /// No header.
    None,
}

impl PageHeader {
    /// Encodes the header for the page that starts at `base`. It is not valid in any other place.
    pub fn encode(&self, base: u32) -> [u8; PAGE_HEADER_BYTES] {
        let mut out = [0; PAGE_HEADER_BYTES];
        out[..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&self.order.to_le_bytes());
        out[8..12].copy_from_slice(&self.erases.to_le_bytes());
        out[12..20].copy_from_slice(&self.salt.to_le_bytes());
        let crc = Seal::new().over(&base.to_le_bytes()).over(&out[..20]).value();
        out[20..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Decodes the header of the page that starts at `base`, with one flipped bit corrected.
    pub fn decode(bytes: &[u8; PAGE_HEADER_BYTES], base: u32) -> HeaderFound {
        let mut bytes = *bytes;
        let stored = le32(&bytes, 20);
        let computed = Seal::new().over(&base.to_le_bytes()).over(&bytes[..20]).value();
        let mut corrected = false;
        if computed != stored {
            match find_flip(computed, stored, 20) {
                Some(Flip::Data(bit)) => bytes[bit / 8] ^= 1 << (bit % 8),
                Some(Flip::Checksum(_)) => {}
                None => return HeaderFound::None,
            }
            corrected = true;
        }
        if bytes[..3] != MAGIC[..3] {
            return HeaderFound::None;
        }
        if bytes[3] != MAGIC[3] {
            return HeaderFound::Version(bytes[3]);
        }
        let salt = u64::from(le32(&bytes, 12)) | u64::from(le32(&bytes, 16)) << 32;
        HeaderFound::Valid(
            PageHeader { order: le32(&bytes, 4), erases: le32(&bytes, 8), salt },
            corrected,
        )
    }
}

/// Returns the little-endian number at `at`, or zero beyond the end. Callers check lengths before.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    let mut out = [0; 4];
    if let Some(from) = bytes.get(at..at + 4) {
        out.copy_from_slice(from);
    }
    u32::from_le_bytes(out)
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(from) => u16::from(from[0]) | u16::from(from[1]) << 8,
        None => 0,
    }
}

/// The header of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHeader {
    /// The bytes of the payload.
    pub len: u16,
    /// The kind, with the flags [`MORE`], [`CONTINUES`] and [`SYNCED`].
    pub tag: u8,
    /// The number of the entry in the page, modulo 256.
    pub seq: u8,
    /// The subject of the entry before this one in the page.
    pub hint: u16,
    /// The checksum as stored.
    pub crc: u32,
}

impl EntryHeader {
    /// Offset of the tag in the header.
    pub(super) const TAG_AT: usize = 2;
    /// Offset of the hint in the header.
    pub(super) const HINT_AT: usize = 4;
    /// Offset of the checksum in the header.
    pub(super) const CRC_AT: usize = 6;

    /// Writes another hint into the header at `at`.
    pub(super) fn set_hint(page: &mut [u8], at: usize, hint: u16) {
        page[at + Self::HINT_AT..at + Self::CRC_AT].copy_from_slice(&hint.to_le_bytes());
    }

    /// Returns the kind without the flags.
    pub fn kind(&self) -> u8 {
        self.tag & KIND_BITS
    }

    /// Returns whether more entries of the group follow.
    pub fn has_more(&self) -> bool {
        self.tag & MORE != 0
    }

    /// Returns whether all before this group in its stream was on the medium when it was
    /// programmed.
    pub fn is_synced(&self) -> bool {
        self.tag & SYNCED != 0
    }

    /// Returns whether this entry continues a group.
    pub fn continues(&self) -> bool {
        self.tag & CONTINUES != 0
    }

    /// Decodes the header at `at`; returns `None` when the bytes cannot be a header, or the entry
    /// would end behind `end`.
    pub fn decode(page: &[u8], at: usize, end: usize) -> Option<Self> {
        let bytes = page.get(at..at.checked_add(ENTRY_HEADER_BYTES)?)?;
        let header = EntryHeader {
            len: le16(bytes, 0),
            tag: bytes[Self::TAG_AT],
            seq: bytes[3],
            hint: le16(bytes, Self::HINT_AT),
            crc: le32(bytes, Self::CRC_AT),
        };
        let fits = at + ENTRY_HEADER_BYTES + usize::from(header.len) <= end.min(page.len());
        (fits && (header.kind() <= CALLER_KIND_MAX || (START..=LOST).contains(&header.kind())))
            .then_some(header)
    }

    /// Returns the bytes that the checksum covers.
    fn sealed_bytes(&self) -> [u8; Self::CRC_AT] {
        let (len, hint) = (self.len.to_le_bytes(), self.hint.to_le_bytes());
        [len[0], len[1], self.tag, self.seq, hint[0], hint[1]]
    }

    /// Encodes the header.
    pub fn encode(&self) -> [u8; ENTRY_HEADER_BYTES] {
        let mut out = [0; ENTRY_HEADER_BYTES];
        out[..Self::CRC_AT].copy_from_slice(&self.sealed_bytes());
        out[Self::CRC_AT..].copy_from_slice(&self.crc.to_le_bytes());
        out
    }
}

/// The values with which the checksums of a page's entries begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChecksumSeed {
    /// The identity of the box.
    pub salt: u64,
    /// The number of the page's preparation.
    pub order: u32,
    /// The offset of the page in flash.
    pub base: u32,
}

impl ChecksumSeed {
    /// Returns the checksum over the values before the entry's own bytes.
    fn before(&self, at: usize, kind: u8) -> Seal {
        let mut known = [0; 16];
        known[..8].copy_from_slice(&self.salt.to_le_bytes());
        // A start entry can be verified without the page header, as it states the order itself.
        let order = if kind == START { 0 } else { self.order };
        known[8..12].copy_from_slice(&order.to_le_bytes());
        known[12..].copy_from_slice(&self.base.wrapping_add(at as u32).to_le_bytes());
        Seal::new().over(&known)
    }

    /// Returns the checksum of an entry at `at` in the page.
    pub fn checksum(&self, at: usize, header: &EntryHeader, payload: &[u8]) -> u32 {
        self.before(at, header.kind()).over(&header.sealed_bytes()).over(payload).value()
    }

    /// Writes the header of an entry whose payload is in place behind it. `bytes` is both together.
    pub fn seal(&self, at: usize, bytes: &mut [u8], tag: u8, seq: u8, hint: u16) {
        let Some((head, payload)) = bytes.split_at_mut_checked(ENTRY_HEADER_BYTES) else { return };
        let mut header = EntryHeader { len: payload.len() as u16, tag, seq, hint, crc: 0 };
        header.crc = self.checksum(at, &header, payload);
        head.copy_from_slice(&header.encode());
    }

    /// Returns the header at `at` in the page if the entry there is right in every bit.
    pub fn verified(&self, page: &[u8], at: usize, end: usize) -> Option<EntryHeader> {
        let header = EntryHeader::decode(page, at, end)?;
        self.is_right(page, at, &header).then_some(header)
    }

    /// Returns whether the checksum of the entry with this header is right.
    pub fn is_right(&self, page: &[u8], at: usize, header: &EntryHeader) -> bool {
        let start = at + ENTRY_HEADER_BYTES;
        page.get(start..start + usize::from(header.len))
            .is_some_and(|payload| self.checksum(at, header, payload) == header.crc)
    }

    /// Mends one flipped bit of the entry at `at` in the page, and returns the number of that bit
    /// in the page.
    ///
    /// Returns `None`, with nothing changed, when one bit is not enough.
    pub fn mend(&self, page: &mut [u8], at: usize, end: usize) -> Option<(EntryHeader, usize)> {
        // With the length as read, the flip is found by calculation. The kind decides with which
        // values the checksum begins. A flip may have made or unmade a start entry, so both are
        // tried.
        let raw = page.get(at..at + ENTRY_HEADER_BYTES)?;
        let len = usize::from(le16(raw, 0));
        let stored = le32(raw, 6);
        let start = at + ENTRY_HEADER_BYTES;
        if start + len <= end.min(page.len()) {
            for kind in [raw[2] & KIND_BITS, if at == FIRST_ENTRY_AT { START } else { 0 }] {
                let computed = self
                    .before(at, kind)
                    .over(&page[at..at + 6])
                    .over(&page[start..start + len])
                    .value();
                let byte = match find_flip(computed, stored, 6 + len) {
                    Some(Flip::Data(bit)) if bit < 48 => (at + bit / 8, bit % 8),
                    Some(Flip::Data(bit)) => (start + bit / 8 - 6, bit % 8),
                    Some(Flip::Checksum(bit)) => (at + 6 + bit as usize / 8, bit as usize % 8),
                    None => continue,
                };
                page[byte.0] ^= 1 << byte.1;
                if let Some(header) = self.verified(page, at, end) {
                    return Some((header, byte.0 * 8 + byte.1));
                }
                page[byte.0] ^= 1 << byte.1;
            }
        }
        // A flip in the length changes the range under the checksum, so each of its bits is tried.
        for bit in 0..16 {
            page[at + bit / 8] ^= 1 << (bit % 8);
            if let Some(header) = self.verified(page, at, end) {
                return Some((header, at * 8 + bit));
            }
            page[at + bit / 8] ^= 1 << (bit % 8);
        }
        None
    }
}

/// Returns whether all of the bytes are erased.
///
/// It compares word by word, as opening a box asks this of every page that is not full.
pub fn is_erased(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().all(|word| u64::from_ne_bytes(*word) == u64::MAX)
        && rest.iter().all(|byte| *byte == 0xFF)
}

/// Returns the bytes that an entry takes in flash: header, payload, padding to whole words.
pub const fn entry_bytes(payload: usize, word: usize) -> usize {
    (ENTRY_HEADER_BYTES + payload).next_multiple_of(word)
}
