//! Encodes the journal entries of a box: contacts, spilled contacts, chunks of blobs, authors,
//! boxes, removals, kept states.
//!
//! The layouts are in FORMAT.md, chapter "Entries of a box".

use crate::contact::{AuthorIndex, BlobRef, BoxIndex, Contact, Millis, Uid};
use crate::limits::{AUTHOR_NAME_BYTES_MAX, AUTHORS_MAX, BLOB_BYTES_MAX, BOXES_MAX, MILLIS_MAX};
use crate::search::SORT_NAME_BYTES;
use crate::store::index;
use serde::{Deserialize, Serialize};

/// A contact's whole record.
pub(super) const CONTACT: u8 = 1;
/// A contact whose record is in a blob.
pub(super) const SPILL: u8 = 2;
/// A piece of a blob.
pub(super) const CHUNK: u8 = 3;
/// The name of an author.
pub(super) const AUTHOR: u8 = 4;
/// The identity of a box that was met.
pub(super) const BOX: u8 = 5;
/// The counts of contacts that other boxes removed recently.
pub(super) const REMOVALS: u8 = 6;
/// The last state of a contact that another box removed.
pub(super) const KEPT: u8 = 7;
/// The time up to which the owner has deleted kept states.
pub(super) const FORGOTTEN: u8 = 8;

/// Bytes of a chunk entry before its data: hash, length, number.
pub(super) const CHUNK_HEAD_BYTES: usize = 24;

/// Bytes of a kept entry before the entry it keeps: time, kind.
pub(super) const KEPT_HEAD_BYTES: usize = 9;

/// The most bytes of any entry but contacts, chunks and kept states.
pub(super) const SMALL_ENTRY_BYTES_MAX: usize = 96;

/// A contact whose record is too large for one entry: the facts that the index needs, and the blob
/// that holds the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spill {
    pub(super) uid: [u8; 16],
    /// The time of the record.
    pub(super) version: Millis,
    /// The sort name of the record, filled up with zeros.
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
        // The encoding takes 16 + 10 + 32 + 1 + 16 + 5 bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }

    pub(super) fn uid(&self) -> Uid {
        Uid(self.uid)
    }

    pub(super) fn blob(&self) -> BlobRef {
        BlobRef { hash: self.hash, len: self.len }
    }
}

/// A piece of a blob. All pieces but the last have the same length.
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

    /// Builds the bytes before the data.
    pub(super) fn head(blob: &BlobRef, number: u32) -> [u8; CHUNK_HEAD_BYTES] {
        let mut head = [0; CHUNK_HEAD_BYTES];
        head[..16].copy_from_slice(&blob.hash);
        head[16..20].copy_from_slice(&blob.len.to_le_bytes());
        head[20..].copy_from_slice(&number.to_le_bytes());
        head
    }

    /// Returns the hint of a chunk, which the next journal entry carries.
    pub(super) fn hint(blob: &BlobRef) -> u16 {
        HINT_OF_CHUNK | (Uid(blob.hash).hint() % (1 << 13))
    }

    /// Returns whether a hint is that of a chunk.
    pub(super) fn is_hint(hint: u16) -> bool {
        hint >= HINT_OF_CHUNK
    }
}

/// Decodes a payload; returns `None` if it is not of this kind from its first byte to its last.
fn whole<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(payload) {
        Ok((entry, [])) => Some(entry),
        _ => None,
    }
}

/// An author and its index in records.
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
        // The encoding takes 3 + 1 + AUTHOR_NAME_BYTES_MAX bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }

    /// Returns the hint of an author, which the next journal entry carries.
    pub(super) fn hint(index: AuthorIndex) -> u16 {
        0xA000 | (index.0 % (1 << 12))
    }
}

/// A box, its index in records, and the point to which this box has kept up with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BoxEntry {
    pub(super) index: u16,
    pub(super) id: u64,
    /// The number of this entry among those about the index. The entry with the largest is valid.
    pub(super) version: u32,
    /// The time, by the other box's clock, up to which all that it held is here; 0 if nothing is
    /// known. For a name of this box itself, the time when it was taken.
    pub(super) met: Millis,
    /// The checksum of the last mark of the other box's snapshot that was taken in; 0 for none. For
    /// a name of this box itself, the order of the oldest page that can hold what it wrote under
    /// that name.
    pub(super) link: u32,
    /// True for a name of this box itself, taken after it had lost something that it wrote.
    pub(super) is_self: bool,
    /// The length of the box's key: 0, as boxes have no keys yet.
    pub(super) key_bytes: u8,
}

impl BoxEntry {
    /// Makes the entry of a box that was never met before.
    pub(super) fn new(index: u16, id: u64) -> Self {
        Self { index, id, version: 0, met: 0, link: 0, is_self: false, key_bytes: 0 }
    }

    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        whole::<Self>(payload)
            .filter(|entry| (1..BOXES_MAX).contains(&entry.index.into()) && entry.met <= MILLIS_MAX)
            .filter(|entry| entry.key_bytes == 0)
    }

    pub(super) fn encode<'b>(&self, out: &'b mut [u8; SMALL_ENTRY_BYTES_MAX]) -> &'b [u8] {
        // The encoding takes 3 + 10 + 5 + 10 + 5 + 1 + 1 bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }

    /// Returns the hint of a box, which the next journal entry carries.
    pub(super) fn hint(index: BoxIndex) -> u16 {
        0xB000 | (index.0 % (1 << 12))
    }
}

/// The number of time spans in which removals are counted.
pub(super) const REMOVAL_SPANS: usize = 4;

/// The counts of contacts that other boxes removed recently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RemovalsEntry {
    /// The number of this entry among its kind. The entry with the largest is valid.
    pub(super) version: u32,
    /// The time, by this box's clock, when the present span began.
    pub(super) since: Millis,
    /// The number of contacts removed in each of the last spans, the present one first.
    pub(super) removed: [u32; REMOVAL_SPANS],
    /// The number of contacts at the beginning of each span in which any were removed.
    pub(super) contacts: [u32; REMOVAL_SPANS],
}

impl RemovalsEntry {
    /// The hint of this entry, which the next journal entry carries.
    pub(super) const HINT: u16 = 0xC000;

    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        whole(payload)
    }

    pub(super) fn encode<'b>(&self, out: &'b mut [u8; SMALL_ENTRY_BYTES_MAX]) -> &'b [u8] {
        // The encoding takes 5 + 10 + 4 * 5 + 4 * 5 bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }
}

/// The entry of a contact as it was before another box removed it.
#[derive(Clone, Copy)]
pub(super) struct KeptEntry<'a> {
    /// The time, by this box's clock, of the version that removed the contact.
    pub(super) time: Millis,
    /// True if the payload is that of a [`SPILL`], false for a [`CONTACT`].
    pub(super) is_spilled: bool,
    /// The payload of the kept entry.
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

    /// Builds the bytes before the payload of an entry of this kind.
    pub(super) fn head(time: Millis, kind: u8) -> [u8; KEPT_HEAD_BYTES] {
        let mut head = [kind; KEPT_HEAD_BYTES];
        head[..8].copy_from_slice(&time.to_le_bytes());
        head
    }

    /// Returns the flags of the slot for it.
    pub(super) fn flags(&self) -> Option<u8> {
        match self.is_spilled {
            true => Some(index::SPILLED | index::HAS_BLOBS),
            false => {
                let contact = Contact::parse(self.payload).ok()?;
                Some(if contact.has_blobs() { index::HAS_BLOBS } else { 0 })
            }
        }
    }

    /// Returns the identity of the contact.
    pub(super) fn uid(&self) -> Option<Uid> {
        match self.is_spilled {
            true => Spill::parse(self.payload).map(|spill| spill.uid()),
            false => Contact::peek(self.payload).ok().map(|(uid, _)| uid),
        }
    }
}

/// A note that the owner has deleted all states that were kept up to a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ForgottenEntry {
    /// The time, by this box's clock. The latest of several is valid.
    pub(super) until: Millis,
}

impl ForgottenEntry {
    /// The hint of this entry, which the next journal entry carries.
    pub(super) const HINT: u16 = 0xC001;

    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        whole::<Self>(payload).filter(|entry| entry.until <= MILLIS_MAX)
    }

    pub(super) fn encode<'b>(&self, out: &'b mut [u8; SMALL_ENTRY_BYTES_MAX]) -> &'b [u8] {
        // The encoding takes 10 bytes at most.
        postcard::to_slice(self, out).map_or(&[], |used| used)
    }
}

const _: () = assert!(4 + AUTHOR_NAME_BYTES_MAX <= SMALL_ENTRY_BYTES_MAX);
