//! Describes a slot, the facts about a contact or chunk that need no read of flash, and how it is
//! packed.

use crate::contact::Millis;
use crate::store::journal::Address;

/// A slot of the index: the facts about a contact, chunk or kept state that need no read of flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The salted hash of the identity. Bits that are not kept are 0.
    pub(in crate::store) hash: u64,
    /// The contact's version, which is the time of its newest record; 0 for a chunk. `None` if it
    /// is not kept.
    pub(in crate::store) version: Option<Millis>,
    /// The beginning of the contact's sort key; for a chunk, more of its hash. Bits that are not
    /// kept are 0.
    pub(in crate::store) key: u64,
    /// The address of the newest entry. For a vacant slot, the number plus 1 of the next vacant
    /// one.
    pub(in crate::store) at: Address,
    /// The length of the entry's payload in bytes.
    pub(in crate::store) len: u16,
    pub(in crate::store) flags: u8,
}

/// The slot is empty and can be taken.
pub(in crate::store) const VACANT: u8 = 1 << 0;
/// The slot is a chunk of a blob or, with [`TRASHED`], the kept state of a contact.
pub(in crate::store) const CHUNK: u8 = 1 << 1;
/// The contact is in the trash.
pub(in crate::store) const TRASHED: u8 = 1 << 2;
/// The contact is a tombstone: it is deleted, and only remembered as such.
pub(in crate::store) const TOMBSTONE: u8 = 1 << 3;
/// The contact refers to blobs.
pub(in crate::store) const HAS_BLOBS: u8 = 1 << 4;
/// The contact's record is kept in chunks.
pub(in crate::store) const SPILLED: u8 = 1 << 5;
/// The current sweep has found a contact that refers to the chunk.
pub(in crate::store) const MARKED: u8 = 1 << 6;
/// The slot is the kept state of a contact that another box removed.
///
/// The two flags must be tested together, see [`Slot::is_kept`].
pub(in crate::store) const KEPT: u8 = CHUNK | TRASHED;
/// The chunk was stored after the last sweep began. An entry that refers to it may still come.
pub(in crate::store) const FRESH: u8 = 1 << 7;
/// The contact came with the current meeting and was not here when that began.
///
/// For a contact, this is the bit that is [`FRESH`] for a chunk.
pub(in crate::store) const BROUGHT: u8 = FRESH;
/// In this meeting a removal of the contact was held back, and the contact was not given back
/// since.
///
/// For a contact, this is the bit that is [`MARKED`] for a chunk.
pub(in crate::store) const HELD: u8 = MARKED;

impl Slot {
    /// An empty slot.
    pub(super) const EMPTY: Self =
        Self { hash: 0, version: None, key: 0, at: Address(0), len: 0, flags: VACANT };

    #[inline]
    pub(in crate::store) fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// Returns whether the slot is a chunk of a blob.
    #[inline]
    pub(in crate::store) fn is_chunk(&self) -> bool {
        self.flags & KEPT == CHUNK
    }

    /// Returns whether the slot is the kept state of a contact that another box removed.
    #[inline]
    pub(in crate::store) fn is_kept(&self) -> bool {
        self.flags & KEPT == KEPT
    }

    /// Returns whether the slot is a contact other than a tombstone.
    #[inline]
    pub(in crate::store) fn is_contact(&self) -> bool {
        self.flags & (VACANT | CHUNK | TOMBSTONE) == 0
    }
}

/// A slot as it is kept in memory, with some bits of hash, key and version left out.
pub trait Packed: Copy {
    /// An empty slot, to fill memory with.
    const EMPTY: Self;
    /// The number of upper bits of the hash that are kept.
    const HASH_BITS: u32;
    /// The number of upper bits of the sort key that are kept.
    const KEY_BITS: u32;
    /// True if the bits kept are enough to tell, without a read, whether two entries are about the
    /// same contact and which is newer.
    const IS_WHOLE: bool;
    /// The largest flash whose addresses it can hold, in bytes.
    const FLASH_BYTES_MAX: u64;

    /// Packs a slot, as far as there is room.
    fn pack(slot: &Slot) -> Self;

    /// Unpacks the bits that were kept.
    fn unpack(&self) -> Slot;
}

/// A whole slot in 32 bytes, for a machine with memory to spare.
///
/// Two contacts of one hash count as the same. Among a million contacts this happens in no more
/// than one of 37 million boxes. Nobody can cause it with fewer than 2^64 tries, because the salt
/// is the box's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide {
    hash: u64,
    version: Millis,
    key: u64,
    at: u32,
    len: u16,
    flags: u8,
}

const _: () = assert!(size_of::<Wide>() == 32);

impl Packed for Wide {
    const EMPTY: Self = Self { hash: 0, version: 0, key: 0, at: 0, len: 0, flags: VACANT };
    const HASH_BITS: u32 = u64::BITS;
    const KEY_BITS: u32 = u64::BITS;
    const IS_WHOLE: bool = true;
    const FLASH_BYTES_MAX: u64 = 1 << 32;

    #[inline]
    fn pack(slot: &Slot) -> Self {
        let Slot { hash, version, key, at, len, flags } = *slot;
        Self { hash, version: version.unwrap_or(0), key, at: at.0, len, flags }
    }

    #[inline]
    fn unpack(&self) -> Slot {
        let Self { hash, version, key, at, len, flags } = *self;
        Slot { hash, version: Some(version), key, at: Address(at), len, flags }
    }
}

/// A slot in 13 bytes, without the version, for a device.
///
/// Two contacts may share a hash of 32 bits: with 10,000 contacts this happens in one of 86 boxes.
/// Each keeps its own slot. A search for a contact therefore reads the entries it finds and
/// compares the identity, and the newer entry is also told by reading. Chunks have 56 bits, hash
/// and key, which count as their identity. With 10,000 chunks these are shared in one of 1,400
/// million boxes, and nobody can cause it, because the salt is the box's own.
///
/// With fewer `HASH_BITS` than 32, tests often meet contacts of one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrow<const HASH_BITS: u32 = 32> {
    /// Bits 32 to 63. All fields are bytes, so that slots need no padding.
    hash: [u8; 4],
    /// Bits 40 to 63.
    key: [u8; 3],
    /// Bits 0 to 23.
    at: [u8; 3],
    len: [u8; 2],
    flags: u8,
}

const _: () = assert!(size_of::<Narrow>() == 13);

impl<const HASH_BITS: u32> Packed for Narrow<HASH_BITS> {
    const EMPTY: Self = Self { hash: [0; 4], key: [0; 3], at: [0; 3], len: [0; 2], flags: VACANT };
    const HASH_BITS: u32 = {
        assert!(HASH_BITS <= 32, "there is room for 32 bits");
        HASH_BITS
    };
    const KEY_BITS: u32 = 24;
    const IS_WHOLE: bool = false;
    const FLASH_BYTES_MAX: u64 = 1 << 24;

    #[inline]
    fn pack(slot: &Slot) -> Self {
        let Slot { hash, version: _, key, at, len, flags } = *slot;
        let [hash @ .., _, _, _, _] = hash.to_be_bytes();
        let [key @ .., _, _, _, _, _] = key.to_be_bytes();
        // The flash is no larger than `FLASH_BYTES_MAX`, so the byte left out is 0.
        let [_, at @ ..] = at.0.to_be_bytes();
        Self { hash, key, at, len: len.to_be_bytes(), flags }
    }

    #[inline]
    fn unpack(&self) -> Slot {
        let Self { hash, key, at, len, flags } = *self;
        let ([k0, k1, k2], [a0, a1, a2]) = (key, at);
        Slot {
            hash: u64::from(u32::from_be_bytes(hash)) << 32,
            version: None,
            key: u64::from(u32::from_be_bytes([k0, k1, k2, 0])) << 32,
            at: Address(u32::from_be_bytes([0, a0, a1, a2])),
            len: u16::from_be_bytes(len),
            flags,
        }
    }
}
