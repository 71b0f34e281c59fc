//! What the journal entries of a box hold: contacts, spilled contacts, chunks of
//! blobs, authors, kept states.
//!
//! Layouts in FORMAT.md, chapter "Entries of a box".

use crate::contact::{AuthorIndex, BlobRef, BoxIndex, Contact, Millis, Uid};
use crate::limits::{AUTHOR_NAME_BYTES_MAX, AUTHORS_MAX, BLOB_BYTES_MAX, BOXES_MAX, MILLIS_MAX};
use crate::search::SORT_NAME_BYTES;
use crate::store::index;
use serde::{Deserialize, Serialize};

/// A contact's record, whole.
pub(super) const CONTACT: u8 = 1;
/// A contact whose record is in a blob.
pub(super) const SPILL: u8 = 2;
/// A piece of a blob.
pub(super) const CHUNK: u8 = 3;
/// The name of an author.
pub(super) const AUTHOR: u8 = 4;
/// The identity of a box that was met.
pub(super) const BOX: u8 = 5;
/// How many contacts others have removed of late.
pub(super) const REMOVALS: u8 = 6;
/// The last state of a contact that another box removed.
pub(super) const KEPT: u8 = 7;
/// Up to where the owner has forgotten kept states.
pub(super) const FORGOTTEN: u8 = 8;

/// Bytes of a chunk entry before its data: hash, length, number.
pub(super) const CHUNK_HEAD_BYTES: usize = 24;

/// Bytes of a kept entry before the entry it keeps: time, kind.
pub(super) const KEPT_HEAD_BYTES: usize = 9;

/// Most bytes of a spill or author entry.
pub(super) const SMALL_ENTRY_BYTES_MAX: usize = 96;

/// A contact whose record is too large for one entry: what the index needs, and
/// where the record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spill {
    pub(super) uid: [u8; 16],
    /// Time of the record.
    pub(super) version: Millis,
    /// Sort name of the record, filled up with zeros.
    pub(super) name: [u8; SORT_NAME_BYTES],
    pub(super) is_trashed: bool,
    pub(super) hash: [u8; 16],
    pub(super) len: u32,
}

impl Spill {
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        whole::<Self>(payload)
            .filter(|spill| spill.version <= MILLIS_MAX && spill.len <= BLOB_BYTES_MAX)
    }

    pub(super) fn encode<'b>(&self, out: &'b mut [u8; SMALL_ENTRY_BYTES_MAX]) -> &'b [u8] {
        // 16 + 10 + 32 + 1 + 16 + 5 bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }

    pub(super) fn uid(&self) -> Uid {
        Uid(self.uid)
    }

    pub(super) fn blob(&self) -> BlobRef {
        BlobRef { hash: self.hash, len: self.len }
    }
}

/// A piece of a blob: all pieces but the last have the same length.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) blob: BlobRef,
    pub(super) number: u32,
    pub(super) data: &'a [u8],
}

/// The lowest hint of a chunk.
const HINT_OF_CHUNK: u16 = 0xE000;

impl<'a> Chunk<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let (hash, rest) = payload.split_first_chunk::<16>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (number, data) = rest.split_first_chunk::<4>()?;
        let blob = BlobRef { hash: *hash, len: u32::from_le_bytes(*len) };
        Some(Self { blob, number: u32::from_le_bytes(*number), data })
    }

    /// The bytes before the data.
    pub(super) fn head(blob: &BlobRef, number: u32) -> [u8; CHUNK_HEAD_BYTES] {
        let mut head = [0; CHUNK_HEAD_BYTES];
        head[..16].copy_from_slice(&blob.hash);
        head[16..20].copy_from_slice(&blob.len.to_le_bytes());
        head[20..].copy_from_slice(&number.to_le_bytes());
        head
    }

    /// What the next journal entry remembers of a chunk.
    pub(super) fn hint(blob: &BlobRef) -> u16 {
        HINT_OF_CHUNK | (Uid(blob.hash).hint() % (1 << 13))
    }

    /// Whether a hint is that of a chunk.
    pub(super) fn is_hint(hint: u16) -> bool {
        hint >= HINT_OF_CHUNK
    }
}

/// What a payload says, if it is of this kind from its first byte to its last.
fn whole<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(payload) {
        Ok((entry, [])) => Some(entry),
        _ => None,
    }
}

/// An author and the index that records know them by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AuthorEntry<'a> {
    pub(super) index: u16,
    pub(super) name: &'a str,
}

impl<'a> AuthorEntry<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        whole::<Self>(payload)
            .filter(|entry| entry.name.len() <= AUTHOR_NAME_BYTES_MAX)
            .filter(|entry| (1..AUTHORS_MAX).contains(&entry.index.into()))
    }

    pub(super) fn encode<'b>(&self, out: &'b mut [u8; SMALL_ENTRY_BYTES_MAX]) -> &'b [u8] {
        // 3 + 1 + AUTHOR_NAME_BYTES_MAX bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }

    /// What the next journal entry remembers of an author.
    pub(super) fn hint(index: AuthorIndex) -> u16 {
        0xA000 | (index.0 % (1 << 12))
    }
}

/// A box, the index that records know it by, and how far this box has kept up with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BoxEntry {
    pub(super) index: u16,
    pub(super) id: u64,
    /// Counts the entries about this index; the one with the largest counts.
    pub(super) version: u32,
    /// All that the other box held at this time by its own clock is here; 0: nothing is known. Of a
    /// name of this very box, when it was taken.
    pub(super) met: Millis,
    /// Up to where its snapshot was taken in: the checksum of the last mark that was read there,
    /// 0 of none. Of a name of this very box, the order of the oldest page that what it has
    /// written since can be in.
    pub(super) link: u32,
    /// It is a name of this very box, taken after it had lost something of what it wrote before.
    pub(super) is_self: bool,
    /// Length of the key by which it is known: 0, as boxes have no keys yet.
    pub(super) key_bytes: u8,
}

impl BoxEntry {
    /// A box that was never met before.
    pub(super) fn new(index: u16, id: u64) -> Self {
        Self { index, id, version: 0, met: 0, link: 0, is_self: false, key_bytes: 0 }
    }

    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        whole::<Self>(payload)
            .filter(|entry| (1..BOXES_MAX).contains(&entry.index.into()) && entry.met <= MILLIS_MAX)
            .filter(|entry| entry.key_bytes == 0)
    }

    pub(super) fn encode<'b>(&self, out: &'b mut [u8; SMALL_ENTRY_BYTES_MAX]) -> &'b [u8] {
        // 3 + 10 + 5 + 10 + 5 + 1 + 1 bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }

    /// What the next journal entry remembers of a box.
    pub(super) fn hint(index: BoxIndex) -> u16 {
        0xB000 | (index.0 % (1 << 12))
    }
}

/// Spans of time that removals are counted in.
pub(super) const REMOVAL_SPANS: usize = 4;

/// How many contacts others have removed of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RemovalsEntry {
    /// Counts these entries; the one with the largest counts.
    pub(super) version: u32,
    /// When the first of the spans below began, by the clock of this box.
    pub(super) since: Millis,
    /// How many were removed in each of the last spans, the present one first.
    pub(super) removed: [u32; REMOVAL_SPANS],
    /// Contacts there were when the span began, as far as any were removed in it.
    pub(super) contacts: [u32; REMOVAL_SPANS],
}

impl RemovalsEntry {
    /// What the next journal entry remembers of it.
    pub(super) const HINT: u16 = 0xC000;

    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        whole(payload)
    }

    pub(super) fn encode<'b>(&self, out: &'b mut [u8; SMALL_ENTRY_BYTES_MAX]) -> &'b [u8] {
        // 5 + 10 + 4 * 5 + 4 * 5 bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }
}

/// The entry of a contact as it was before another box removed it.
#[derive(Clone, Copy)]
pub(super) struct KeptEntry<'a> {
    /// The time of the version that removed it, by the clock of this box.
    pub(super) time: Millis,
    /// The payload of a [`SPILL`] rather than of a [`CONTACT`].
    pub(super) is_spilled: bool,
    /// That payload.
    pub(super) payload: &'a [u8],
}

impl<'a> KeptEntry<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let (time, rest) = payload.split_first_chunk::<8>()?;
        let (kind, payload) = rest.split_first()?;
        let time = u64::from_le_bytes(*time);
        let is_known = matches!(*kind, CONTACT | SPILL) && time <= MILLIS_MAX;
        is_known.then_some(Self { time, is_spilled: *kind == SPILL, payload })
    }

    /// The bytes before the payload of an entry of this kind.
    pub(super) fn head(time: Millis, kind: u8) -> [u8; KEPT_HEAD_BYTES] {
        let mut head = [kind; KEPT_HEAD_BYTES];
        head[..8].copy_from_slice(&time.to_le_bytes());
        head
    }

    /// What a slot tells of it.
    pub(super) fn flags(&self) -> Option<u8> {
        match self.is_spilled {
            true => Some(index::SPILLED | index::HAS_BLOBS),
            false => {
                let contact = Contact::parse(self.payload).ok()?;
                Some(if contact.has_blobs() { index::HAS_BLOBS } else { 0 })
            }
        }
    }

    /// Whose state it is.
    pub(super) fn uid(&self) -> Option<Uid> {
        match self.is_spilled {
            true => Spill::parse(self.payload).map(|spill| spill.uid()),
            false => Contact::peek(self.payload).ok().map(|(uid, _)| uid),
        }
    }
}

/// The owner has forgotten all that was kept up to a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ForgottenEntry {
    /// By the clock of this box; the latest counts.
    pub(super) until: Millis,
}

impl ForgottenEntry {
    /// What the next journal entry remembers of it.
    pub(super) const HINT: u16 = 0xC001;

    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        whole::<Self>(payload).filter(|entry| entry.until <= MILLIS_MAX)
    }

    pub(super) fn encode<'b>(&self, out: &'b mut [u8; SMALL_ENTRY_BYTES_MAX]) -> &'b [u8] {
        // 10 bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }
}

const _: () = assert!(4 + AUTHOR_NAME_BYTES_MAX <= SMALL_ENTRY_BYTES_MAX);
