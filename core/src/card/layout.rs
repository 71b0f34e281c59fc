//! Defines the bytes of a snapshot file: its header, the heads of its entries and their seals.
//!
//! The layout is in FORMAT.md, chapter "Cards". Nothing here touches a card.

use super::medium::{FileName, SECTOR_BYTES};
use crate::contact::{AuthorIndex, BoxIndex, Millis};
use crate::limits::AUTHOR_NAME_BYTES_MAX;
use crate::store::Root;
use crate::store::seal::Seal;

/// The first bytes of a snapshot file.
const MAGIC: [u8; 8] = *b"cbx card";

/// The version this code writes and reads.
pub const VERSION: u16 = 1;

/// Bytes of the header under its checksum. The checksum fills the rest of the sector.
const HEADER_SEALED_BYTES: usize = SECTOR_BYTES - 4;

/// Offset of the first entry.
pub(super) const BODY_AT: u32 = SECTOR_BYTES as u32;

/// Bytes of an entry before its payload.
pub(super) const HEAD_BYTES: usize = 12;

/// Bytes of an entry behind its payload, which hold the checksum.
pub(super) const TAIL_BYTES: usize = 4;

/// Alignment of entries in bytes.
pub(super) const WORD_BYTES: u32 = 4;

/// Flag of a header: something in the box could not be read when the snapshot was made.
const INCOMPLETE: u16 = 1 << 0;

/// Filler between entries: the next entry begins at the next sector.
pub(super) const PADDING: u8 = 0;
/// A row of the table of boxes: index (varint), identity (8 bytes), length of the key (1 byte),
/// key.
pub(super) const BOX: u8 = 1;
/// A row of the table of authors: index (varint), name.
pub(super) const AUTHOR: u8 = 2;
/// A photo or document: hash (16 bytes), length (4 bytes), content.
pub(super) const BLOB: u8 = 3;
/// The list of the blobs before it: rows of hash, length and offset of the content.
pub(super) const BLOB_LIST: u8 = 4;
/// A contact record.
pub(super) const RECORD: u8 = 5;
/// A mark, which says that the file holds everything up to a time: the time (8 bytes), 1 if the
/// root follows, root (16 bytes).
pub(super) const MARK: u8 = 6;

/// The highest kind in use.
const KIND_MAX: u8 = MARK;

/// Bytes of a blob entry's payload before the content.
pub(super) const BLOB_HEAD_BYTES: u32 = 20;

/// Bytes of a row in the list of blobs.
pub(super) const BLOB_ROW_BYTES: u32 = 24;

/// Bytes of a mark's payload.
pub(super) const MARK_BYTES: usize = 25;

/// The header of a snapshot file, which describes the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The box that made it.
    pub box_id: u64,
    /// Rises by one with each snapshot of a box on a card.
    pub generation: u32,
    /// The latest time that the box had written or met.
    pub time: Millis,
    /// True if everything that the box held could be read.
    pub is_complete: bool,
    /// Offset of the end of the snapshot. Appended entries begin at the next sector.
    pub body_end: u32,
    /// Entries of the snapshot.
    pub entries: u32,
    /// Contacts that are neither in the trash nor deleted.
    pub active: u32,
    /// Contacts in the trash.
    pub trashed: u32,
    /// Tombstones: contacts that are deleted and only remembered as such.
    pub tombstones: u32,
    /// Photos and documents.
    pub blobs: u32,
    /// Offset of the first row of the list of blobs; 0 when there are no blobs.
    pub list_at: u32,
    /// The root of the contacts in the snapshot.
    pub root: Root,
}

/// The reason why a sector is no header of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// The sector holds no header, or one that is damaged or half written.
    None,
    /// A newer version wrote the file.
    Newer {
        /// The version of the file.
        version: u16,
        /// The box that wrote it.
        box_id: u64,
    },
}

impl SnapshotHeader {
    /// Reads the first sector of a file.
    pub fn parse(sector: &[u8; SECTOR_BYTES]) -> Result<Self, HeaderFault> {
        let mut fields = Fields(sector);
        let (magic, version, flags) = (fields.take(), fields.u16(), fields.u16());
        let box_id = fields.u64();
        let stored = &sector[HEADER_SEALED_BYTES..];
        let sealed = Seal::new().over(&sector[..HEADER_SEALED_BYTES]).value();
        if magic != MAGIC || stored != sealed.to_le_bytes() || version == 0 {
            return Err(HeaderFault::None);
        }
        if version > VERSION {
            return Err(HeaderFault::Newer { version, box_id });
        }
        let header = Self {
            box_id,
            generation: fields.u32(),
            time: fields.u64(),
            is_complete: flags & INCOMPLETE == 0,
            body_end: fields.u32(),
            entries: fields.u32(),
            active: fields.u32(),
            trashed: fields.u32(),
            tombstones: fields.u32(),
            blobs: fields.u32(),
            list_at: fields.u32(),
            root: Root(fields.take()),
        };
        // The mark at the end is one entry, and its offset is counted back from the end.
        let is_sound = header.body_end >= BODY_AT + entry_bytes(MARK_BYTES as u32)
            && header.body_end.is_multiple_of(WORD_BYTES)
            && header.entries > 0
            && header.time <= crate::limits::MILLIS_MAX;
        if is_sound { Ok(header) } else { Err(HeaderFault::None) }
    }

    /// Returns whether this snapshot is later than `other`, which is of the same box.
    ///
    /// Generations wrap round. Two files that are on one card at the same time are always less than
    /// half a circle apart.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (1..=u32::MAX / 2).contains(&self.generation.wrapping_sub(other.generation))
    }

    /// Returns how many bytes of the file can be in use: the snapshot and what may be appended to
    /// it.
    pub fn reach(&self) -> u32 {
        sector_after(self.body_end).saturating_add(slack(self.body_end))
    }

    /// Builds the first sector of the file.
    pub(super) fn encode(&self) -> [u8; SECTOR_BYTES] {
        let mut sector = [0; SECTOR_BYTES];
        let flags = if self.is_complete { 0 } else { INCOMPLETE };
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            sector[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&MAGIC);
        put(&VERSION.to_le_bytes());
        put(&flags.to_le_bytes());
        put(&self.box_id.to_le_bytes());
        put(&self.generation.to_le_bytes());
        put(&self.time.to_le_bytes());
        for number in [
            self.body_end,
            self.entries,
            self.active,
            self.trashed,
            self.tombstones,
            self.blobs,
            self.list_at,
        ] {
            put(&number.to_le_bytes());
        }
        put(&self.root.0);
        let sealed = Seal::new().over(&sector[..HEADER_SEALED_BYTES]).value();
        sector[HEADER_SEALED_BYTES..].copy_from_slice(&sealed.to_le_bytes());
        sector
    }

    /// Returns the salt that goes into the seals of this snapshot's entries.
    pub(super) fn salt(&self) -> Salt {
        Salt { box_id: self.box_id, generation: self.generation, time: self.time }
    }

    /// Returns the offset of the mark at the end of the snapshot.
    pub(super) fn mark_at(&self) -> u32 {
        self.body_end - entry_bytes(MARK_BYTES as u32)
    }
}

/// Reads little-endian numbers one after the other. Beyond the end it gives zeros.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

/// The salt of one snapshot's seals.
///
/// It makes a seal valid for that snapshot only, so that entries which an earlier snapshot left in
/// the same sectors are never taken for a part of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt {
    pub(super) box_id: u64,
    pub(super) generation: u32,
    pub(super) time: Millis,
}

impl Salt {
    /// Begins the seal of an entry at `offset`.
    ///
    /// Within the snapshot `link` is 0. In appended entries it is the checksum of the entry before:
    /// the remains of one attempt to append are then never read as the continuation of another.
    pub(super) fn seal(&self, offset: u32, link: u32) -> Seal {
        Seal::new()
            .over(&self.box_id.to_le_bytes())
            .over(&self.generation.to_le_bytes())
            .over(&self.time.to_le_bytes())
            .over(&offset.to_le_bytes())
            .over(&link.to_le_bytes())
    }
}

/// The head of an entry, which stands before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryHead {
    pub(super) kind: u8,
    pub(super) len: u32,
    /// The number of the entry, counted from 0 over the whole file, appended entries included.
    pub(super) number: u32,
}

impl EntryHead {
    fn bare(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = self.kind;
        bytes[1] = VERSION as u8;
        bytes[4..8].copy_from_slice(&self.len.to_le_bytes());
        bytes[8..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    /// Builds the bytes of a head under the seal of its entry.
    pub(super) fn encode(&self, seal: &Seal) -> [u8; HEAD_BYTES] {
        let mut bytes = self.bare();
        let check = seal.clone().over(&bytes).value() as u16;
        bytes[2..4].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads a head; returns `None` for bytes that are no head under this seal.
    ///
    /// A length is therefore checked before anything relies on it.
    pub(super) fn parse(bytes: &[u8; HEAD_BYTES], seal: &Seal) -> Option<Self> {
        let [kind, _, _, _, a, b, c, d, e, f, g, h] = *bytes;
        let head = Self {
            kind,
            len: u32::from_le_bytes([a, b, c, d]),
            number: u32::from_le_bytes([e, f, g, h]),
        };
        let is_known = (BOX..=KIND_MAX).contains(&kind);
        (is_known && head.encode(seal) == *bytes).then_some(head)
    }
}

/// Returns the bytes of a whole entry, up to the place where the next may begin.
pub(super) fn entry_bytes(len: u32) -> u32 {
    len.saturating_add((HEAD_BYTES + TAIL_BYTES) as u32).next_multiple_of(WORD_BYTES)
}

/// Returns the offset of the next whole sector. Beyond the last possible sector it is `u32::MAX`.
pub(super) fn sector_after(at: u32) -> u32 {
    at.checked_next_multiple_of(SECTOR_BYTES as u32).unwrap_or(u32::MAX)
}

/// A mark: the file holds everything up to its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SnapshotMark {
    pub(super) time: Millis,
    pub(super) root: Option<Root>,
}

impl SnapshotMark {
    pub(super) fn encode(&self) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        bytes[..8].copy_from_slice(&self.time.to_le_bytes());
        if let Some(root) = self.root {
            bytes[8] = 1;
            bytes[9..].copy_from_slice(&root.0);
        }
        bytes
    }

    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let (time, rest) = payload.split_first_chunk()?;
        let (&[is_told], root) = rest.split_first_chunk()?;
        let root = Root(root.try_into().ok()?);
        let time = u64::from_le_bytes(*time);
        (time <= crate::limits::MILLIS_MAX)
            .then_some(Self { time, root: (is_told == 1).then_some(root) })
    }
}

/// The most bytes that an index takes in a row of a table.
pub(super) const INDEX_BYTES_MAX: usize = 3;

/// Reads the index that a row of a table begins with; returns it with the rest of the row.
pub(super) fn row_index(payload: &[u8]) -> Option<(u16, &[u8])> {
    postcard::take_from_bytes(payload).ok()
}

/// Reads the index and identity of a box.
///
/// Boxes have no keys yet. A key that a later version writes is skipped.
pub(super) fn box_row(payload: &[u8]) -> Option<(BoxIndex, u64)> {
    let (index, rest) = row_index(payload)?;
    let (id, key) = rest.split_first_chunk()?;
    let (&key_bytes, key) = key.split_first()?;
    (key.len() == usize::from(key_bytes)).then_some((BoxIndex(index), u64::from_le_bytes(*id)))
}

/// The bytes of a row of a table, as they are written.
pub(super) type TableRowBytes = heapless::Vec<u8, ROW_BYTES_MAX>;

/// Bytes of the longest row.
pub(super) const ROW_BYTES_MAX: usize = INDEX_BYTES_MAX + AUTHOR_NAME_BYTES_MAX;

/// Builds the row of a box.
pub(super) fn box_row_of(index: BoxIndex, id: u64) -> TableRowBytes {
    let mut row = begun(index.0);
    // This is 3 + 8 + 1 bytes, which is less than a name may take.
    row.extend_from_slice(&id.to_le_bytes()).ok();
    row.push(0).ok();
    row
}

/// Builds the row of an author.
pub(super) fn author_row_of(index: AuthorIndex, name: &str) -> TableRowBytes {
    let mut row = begun(index.0);
    // A name is never longer than its bound.
    row.extend_from_slice(name.as_bytes()).ok();
    row
}

fn begun(index: u16) -> TableRowBytes {
    let mut memory = [0; INDEX_BYTES_MAX];
    let used = postcard::to_slice(&index, &mut memory).map_or(&[][..], |used| used);
    TableRowBytes::from_slice(used).unwrap_or_default()
}

const _: () = assert!(9 <= AUTHOR_NAME_BYTES_MAX);

/// A row of the list of blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlobRow {
    pub(super) hash: [u8; 16],
    pub(super) len: u32,
    /// Offset of the content in the file.
    pub(super) at: u32,
}

impl BlobRow {
    pub(super) fn encode(&self) -> [u8; BLOB_ROW_BYTES as usize] {
        let mut bytes = [0; BLOB_ROW_BYTES as usize];
        bytes[..16].copy_from_slice(&self.hash);
        bytes[16..20].copy_from_slice(&self.len.to_le_bytes());
        bytes[20..].copy_from_slice(&self.at.to_le_bytes());
        bytes
    }

    /// Builds the row of the blob with this head whose content begins at `at`.
    pub(super) fn of_blob(head: &[u8; BLOB_HEAD_BYTES as usize], at: u32) -> Self {
        let mut fields = Fields(head);
        Self { hash: fields.take(), len: fields.u32(), at }
    }

    pub(super) fn parse(bytes: &[u8; BLOB_ROW_BYTES as usize]) -> Self {
        let mut fields = Fields(bytes);
        Self { hash: fields.take(), len: fields.u32(), at: fields.u32() }
    }
}

/// The extensions of the two snapshot files of a box.
pub(super) const LETTERS: [u8; 2] = [b'A', b'B'];

/// The digits of base 32 (RFC 4648).
const DIGITS: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Returns the name of a snapshot file: the upper 40 bits of the box's identity, then a letter.
///
/// `variant` is added to these bits where another box has the name already.
pub(super) fn snapshot_name(box_id: u64, variant: u64, letter: u8) -> FileName {
    let bits = (box_id >> 24).wrapping_add(variant);
    let mut text = [0; 10];
    for (place, digit) in text.iter_mut().take(8).enumerate() {
        *digit = DIGITS[(bits >> (35 - 5 * place)) as usize % 32];
    }
    text[8] = b'.';
    text[9] = letter;
    // The name has digits and letters only.
    core::str::from_utf8(&text).ok().and_then(FileName::parse).unwrap_or(FileName::PHONE)
}

/// Returns the name of the file of the same box with this letter.
pub(super) fn with_letter(name: &FileName, letter: u8) -> FileName {
    let mut text = [0; 10];
    for (place, byte) in text.iter_mut().zip(name.as_str().bytes()) {
        *place = byte;
    }
    text[9] = letter;
    core::str::from_utf8(&text).ok().and_then(FileName::parse).unwrap_or(*name)
}

/// Returns the letter of a snapshot file's name; `None` for other names.
pub(super) fn snapshot_letter(name: &FileName) -> Option<u8> {
    match *name.as_str().as_bytes() {
        [ref stem @ .., b'.', letter]
            if stem.len() == 8
                && LETTERS.contains(&letter)
                && stem.iter().all(|digit| DIGITS.contains(digit)) =>
        {
            Some(letter)
        }
        _ => None,
    }
}

/// Returns how many bytes are kept behind a snapshot for appending, in whole sectors.
///
/// This is half the length of the snapshot, and at least enough for about a hundred small changes.
pub(super) fn slack(body_end: u32) -> u32 {
    const SLACK_BYTES_MIN: u32 = 64 * SECTOR_BYTES as u32;
    sector_after((body_end / 2).max(SLACK_BYTES_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SnapshotHeader {
        SnapshotHeader {
            box_id: 0x0123_4567_89AB_CDEF,
            generation: 7,
            time: 1_763_769_600_000,
            is_complete: true,
            body_end: 4_096,
            entries: 12,
            active: 9,
            trashed: 1,
            tombstones: 2,
            blobs: 3,
            list_at: 2_048,
            root: Root([7; 16]),
        }
    }

    #[test]
    fn a_header_comes_back() {
        for is_complete in [true, false] {
            let header = SnapshotHeader { is_complete, ..header() };
            assert_eq!(SnapshotHeader::parse(&header.encode()), Ok(header));
        }
    }

    #[test]
    fn no_flip_in_a_header_passes() {
        let sector = header().encode();
        for bit in 0..SECTOR_BYTES * 8 {
            let mut struck = sector;
            struck[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SnapshotHeader::parse(&struck), Err(HeaderFault::None), "bit {bit}");
        }
        assert_eq!(SnapshotHeader::parse(&[0; SECTOR_BYTES]), Err(HeaderFault::None));
    }

    #[test]
    fn a_newer_version_is_known_as_such() {
        let mut sector = header().encode();
        sector[8] = 2;
        let sealed = Seal::new().over(&sector[..HEADER_SEALED_BYTES]).value();
        sector[HEADER_SEALED_BYTES..].copy_from_slice(&sealed.to_le_bytes());
        let fault = HeaderFault::Newer { version: 2, box_id: header().box_id };
        assert_eq!(SnapshotHeader::parse(&sector), Err(fault));
    }

    #[test]
    fn a_head_is_right_in_its_place_only() {
        let salt = header().salt();
        let head = EntryHead { kind: RECORD, len: 150, number: 3 };
        let bytes = head.encode(&salt.seal(512, 0));
        assert_eq!(EntryHead::parse(&bytes, &salt.seal(512, 0)), Some(head));
        assert_eq!(EntryHead::parse(&bytes, &salt.seal(516, 0)), None);
        assert_eq!(EntryHead::parse(&bytes, &salt.seal(512, 1)), None);
        assert_eq!(EntryHead::parse(&bytes, &Salt { generation: 8, ..salt }.seal(512, 0)), None);
    }

    #[test]
    fn names_are_told_apart() {
        let name = snapshot_name(0xFFFF_FFFF_FFAB_CDEF, 0, b'A');
        assert_eq!(name.as_str(), "77777777.A");
        assert_eq!(snapshot_name(0xFFFF_FFFF_FFAB_CDEF, 1, b'B').as_str(), "AAAAAAAA.B");
        assert_eq!(snapshot_name(0x0000_0000_01AB_CDEF, 0, b'B').as_str(), "AAAAAAAB.B");
        assert_eq!(snapshot_letter(&name), Some(b'A'));
        for other in ["CONTACTS.VCF", "77777777.C", "77777777", "7777777.A", "77777771.A"] {
            assert_eq!(FileName::parse(other).and_then(|name| snapshot_letter(&name)), None);
        }
    }
}
