//! What is known of a contact or a chunk without reading flash, and how it is packed.

use crate::contact::Millis;
use crate::store::journal::Address;

/// What a slot stands for, and what is known of it without reading flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Salted hash of the identity; the bits that are not kept are 0.
    pub(in crate::store) hash: u64,
    /// The contact's version: the time of its newest record. For a chunk, 0. `None` where it is not
    /// kept.
    pub(in crate::store) version: Option<Millis>,
    /// Order-preserving prefix of the sort name. For a chunk, more of its hash. The bits
    /// that are not kept are 0.
    pub(in crate::store) key: u64,
    /// Where the newest entry is. Of a vacant slot, the number plus 1 of the next vacant one.
    pub(in crate::store) at: Address,
    /// Length of the entry's payload in bytes.
    pub(in crate::store) len: u16,
    pub(in crate::store) flags: u8,
}

/// The slot stands for nothing and can be taken.
pub(in crate::store) const VACANT: u8 = 1 << 0;
/// The slot is no contact but a chunk of a blob; with [`TRASHED`], the kept state of a contact.
pub(in crate::store) const CHUNK: u8 = 1 << 1;
/// The contact is in the trash.
pub(in crate::store) const TRASHED: u8 = 1 << 2;
/// Nothing is left of the contact but the memory that it is gone.
pub(in crate::store) const TOMBSTONE: u8 = 1 << 3;
/// The contact refers to blobs.
pub(in crate::store) const HAS_BLOBS: u8 = 1 << 4;
/// The contact's record is kept in chunks.
pub(in crate::store) const SPILLED: u8 = 1 << 5;
/// The chunk was found referred to by the sweep under way.
pub(in crate::store) const MARKED: u8 = 1 << 6;
/// The slot is a state kept of a contact that another box removed. These flags are only to be
/// looked at together: see [`Slot::is_kept`].
pub(in crate::store) const KEPT: u8 = CHUNK | TRASHED;
/// The chunk was stored after the last sweep began: what refers to it may still be on its way.
pub(in crate::store) const FRESH: u8 = 1 << 7;
/// The contact was not here when the meeting began that has brought it. Of a contact, the bit that
/// [`FRESH`] is of a chunk.
pub(in crate::store) const BROUGHT: u8 = FRESH;
/// In this meeting somebody was kept from removing the contact, and has not given it back since. Of
/// a contact, the bit that [`MARKED`] is of a chunk.
pub(in crate::store) const HELD: u8 = MARKED;

impl Slot {
    /// A slot that stands for nothing.
    pub(super) const EMPTY: Self =
        Self { hash: 0, version: None, key: 0, at: Address(0), len: 0, flags: VACANT };

    #[inline]
    pub(in crate::store) fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// Whether it is a chunk of a blob.
    #[inline]
    pub(in crate::store) fn is_chunk(&self) -> bool {
        self.flags & KEPT == CHUNK
    }

    /// Whether it is a state kept of a contact that another box removed.
    #[inline]
    pub(in crate::store) fn is_kept(&self) -> bool {
        self.flags & KEPT == KEPT
    }

    /// Whether it is a contact that somebody may want to see.
    #[inline]
    pub(in crate::store) fn is_contact(&self) -> bool {
        self.flags & (VACANT | CHUNK | TOMBSTONE) == 0
    }
}

/// A slot as memory holds it: how much of hash, key and version is kept.
pub trait Packed: Copy {
    /// A slot that stands for nothing, to fill memory with.
    const EMPTY: Self;
    /// Upper bits of the hash that are kept.
    const HASH_BITS: u32;
    /// Upper bits of the sort key that are kept.
    const KEY_BITS: u32;
    /// Whether that is enough to know, without reading it, whether a contact's entry is about the
    /// same contact as another one, and which of them is newer.
    const IS_WHOLE: bool;
    /// The largest flash whose addresses it can hold, in bytes.
    const FLASH_BYTES_MAX: u64;

    /// Keeps of a slot what there is room for.
    fn pack(slot: &Slot) -> Self;

    /// What was kept.
    fn unpack(&self) -> Slot;
}

/// All of a slot, in 32 bytes: for a machine with memory to spare.
///
/// Two contacts of one hash are taken for the same: of a million that befalls none in 37 million
/// boxes, and it cannot be brought about without 2^64 tries, because the salt is the box's own.
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

/// What a device has room for: a slot in 13 bytes, without the version.
///
/// Two contacts may share a hash of 32 bits: of 10,000 some two do in one box of 86, and each keeps
/// its own slot. So whoever looks for a contact reads what it finds and compares the identity, and
/// what is newer is told by reading too. Chunks have 56 bits, hash and key, which are taken for
/// their identity: of 10,000 none share them in 1,400 million boxes, and it cannot be brought
/// about, because the salt is the box's own.
///
/// With fewer `HASH_BITS` than 32, tests meet contacts of one hash all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrow<const HASH_BITS: u32 = 32> {
    /// Bits 32 to 63. In bytes, like all that follows, so that nothing is left free between slots.
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
