//! Keeps the index in RAM: the address of the newest entry of each contact and each blob chunk.
//!
//! Slots are dense and keep their numbers while the box is open, so that the gram slices of search
//! are addressed by slot. An open-addressed table of slot numbers finds a slot by the salted hash
//! of its identity.

mod slot;
#[cfg(test)]
mod tests;

pub(in crate::store) use slot::{
    BROUGHT, CHUNK, FRESH, HAS_BLOBS, HELD, KEPT, MARKED, SPILLED, TOMBSTONE, TRASHED, VACANT,
};
pub use slot::{Narrow, Packed, Slot, Wide};

use super::journal::Address;
use super::memory::Memory;
use super::slab::Slab;
use crate::contact::{Millis, Uid, digest};

/// A link of the index's table: a slot number, in as many bits as a box of this size needs.
pub trait Link: Copy + PartialEq {
    /// A link to no slot, to fill memory with.
    const NONE: Self;
    /// A link to a slot that was given back.
    const GONE: Self;
    /// The number of slots that links can lead to.
    const SLOTS_MAX: usize;

    /// Makes a link to a slot below [`Link::SLOTS_MAX`].
    fn to(slot: u32) -> Self;

    /// Returns the slot of a link that is neither [`Link::NONE`] nor [`Link::GONE`].
    fn slot(self) -> u32;
}

macro_rules! link {
    ($($width:ty),*) => {$(
        impl Link for $width {
            const NONE: Self = 0;
            const GONE: Self = Self::MAX;
            // Two numbers stand for the two constants above.
            const SLOTS_MAX: usize = Self::MAX as usize - 1;

            #[inline]
            fn to(slot: u32) -> Self {
                slot as Self + 1
            }

            #[inline]
            fn slot(self) -> u32 {
                u32::from(self).wrapping_sub(1)
            }
        }
    )*};
}

link!(u16, u32);

/// The most contacts that may share a hash.
///
/// An honest box never comes near it. In a forged one it bounds the number of reads for each entry.
pub(super) const SHARERS_MAX: usize = 16;

/// The error that every slot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexFull {
    pub(super) slots_max: usize,
}

/// The slots, found by identity.
pub(super) struct Index<M: Memory> {
    slots: M::Slots,
    table: M::Links,
    salt: u64,
    /// The number of slots ever taken. Vacant ones among them are chained in `vacant`.
    len: u32,
    /// The number plus 1 of the first vacant slot. Each vacant slot names the next in its `at`.
    vacant: u32,
    taken: u32,
    gone: u32,
}

impl<M: Memory> Index<M> {
    /// Makes an empty index in the caller's memory.
    pub(super) fn new(slots: M::Slots, mut table: M::Links, salt: u64) -> Self {
        table.cells_mut().fill(Link::NONE);
        Self { slots, table, salt, len: 0, vacant: 0, taken: 0, gone: 0 }
    }

    /// Returns the hash by which a contact is found.
    pub(super) fn contact_hash(&self, uid: Uid) -> u64 {
        self.hash(b"contact", &uid.0, 0).0
    }

    /// Returns the hash and key by which a chunk is found. Together they count as its identity.
    pub(super) fn chunk_hash(&self, blob: &[u8; 16], number: u32) -> (u64, u64) {
        self.hash(b"chunk", blob, number)
    }

    /// Returns the hash and key by which the kept state of a contact is found.
    ///
    /// Together they count as its identity: a box keeps no state twice under one time.
    pub(super) fn kept_hash(&self, uid: Uid, time: Millis) -> (u64, u64) {
        let mut id = [0; 24];
        id[..16].copy_from_slice(&uid.0);
        id[16..].copy_from_slice(&time.to_le_bytes());
        self.hash(b"kept", &id, 0)
    }

    fn hash(&self, domain: &[u8], id: &[u8], number: u32) -> (u64, u64) {
        let kept = |bits: u32| !u64::MAX.checked_shr(bits).unwrap_or(0);
        let full = digest(domain, &[&self.salt.to_le_bytes(), id, &number.to_le_bytes()]);
        let full = u128::from_le_bytes(full);
        let (hash, key) = (full as u64, (full >> 64) as u64);
        (hash & kept(M::Slot::HASH_BITS), key & kept(M::Slot::KEY_BITS))
    }

    /// Returns the number of slots ever taken. Every slot number is below it.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Returns the slots by number, vacant ones included.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.slots.cells().iter().take(self.len as usize).map(Packed::unpack)
    }

    /// Returns a slot, or an empty one if there is none of this number.
    #[inline]
    pub(super) fn slot(&self, number: u32) -> Slot {
        match self.slots.cells().get(number as usize) {
            Some(slot) if number < self.len => slot.unpack(),
            _ => Slot::EMPTY,
        }
    }

    /// Clears these flags of all contacts. For a chunk, the same bits mean other things.
    pub(super) fn unmark_contacts(&mut self, flags: u8) {
        for number in 0..self.len {
            self.change(number, |slot| {
                if !slot.has(CHUNK) {
                    slot.flags &= !flags;
                }
            });
        }
    }

    /// Changes a slot. Its hash must stay the same.
    pub(super) fn change(&mut self, number: u32, change: impl FnOnce(&mut Slot)) {
        if let Some(packed) = self.slots.cells_mut().get_mut(number as usize) {
            let mut slot = packed.unpack();
            change(&mut slot);
            *packed = M::Slot::pack(&slot);
        }
    }

    /// Returns the slots of contacts with this hash. There can be several if only a part of the
    /// hash is kept.
    pub(super) fn contacts(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        self.matches(hash).filter(|(_, slot)| !slot.has(CHUNK)).map(|(number, _)| number)
    }

    /// Returns the slot of a chunk.
    pub(super) fn chunk(&self, blob: &[u8; 16], number: u32) -> Option<u32> {
        let (hash, key) = self.chunk_hash(blob, number);
        let mut matches = self.matches(hash);
        Some(matches.find(|(_, slot)| slot.is_chunk() && slot.key == key)?.0)
    }

    /// Returns the slot of a kept state, by its hash and key.
    pub(super) fn kept(&self, (hash, key): (u64, u64)) -> Option<u32> {
        let mut matches = self.matches(hash);
        Some(matches.find(|(_, slot)| slot.is_kept() && slot.key == key)?.0)
    }

    /// Returns the slot with this hash whose entry is at this address.
    pub(super) fn placed(&self, hash: u64, at: Address) -> Option<u32> {
        Some(self.matches(hash).find(|(_, slot)| slot.at == at)?.0)
    }

    fn matches(&self, hash: u64) -> impl Iterator<Item = (u32, Slot)> + '_ {
        let table = self.table.cells();
        let (before, from) = table.split_at(start(hash, table.len()));
        let links = from.iter().chain(before).take_while(|link| **link != Link::NONE);
        let numbers = links.filter(|link| **link != Link::GONE).map(|link| link.slot());
        numbers.map(|number| (number, self.slot(number))).filter(move |(_, slot)| slot.hash == hash)
    }

    /// Takes a slot for an identity that has none yet.
    pub(super) fn insert(&mut self, slot: Slot) -> Result<u32, IndexFull> {
        self.grow_table()?;
        let number = match self.vacant.checked_sub(1) {
            Some(number) => {
                self.vacant = self.slot(number).at.0;
                number
            }
            None => {
                self.len += 1;
                self.len - 1
            }
        };
        self.change(number, |taken| *taken = slot);
        self.taken += 1;
        self.link(slot.hash, number);
        Ok(number)
    }

    /// Reserves `count` more slots and grows the memory if it can grow. Returns the greatest
    /// [`Index::len`] that they lead to.
    pub(super) fn reserve(&mut self, count: u32) -> Result<u32, IndexFull> {
        let wanted = self.taken as usize + count as usize;
        if wanted > self.slots_max() && (wanted > M::Link::SLOTS_MAX || !self.slots.grow(wanted)) {
            return Err(IndexFull { slots_max: self.slots_max() });
        }
        self.reserve_links(wanted)?;
        Ok(self.len.max(self.taken + count))
    }

    /// Gives a slot back.
    pub(super) fn vacate(&mut self, number: u32) {
        let hash = self.slot(number).hash;
        let table = self.table.cells_mut();
        let len = table.len();
        let mut at = start(hash, len);
        for _ in 0..len {
            match table.get_mut(at) {
                Some(link) if *link == M::Link::to(number) => {
                    *link = Link::GONE;
                    self.gone += 1;
                    break;
                }
                Some(link) if *link != Link::NONE => at = after(at, len),
                _ => break,
            }
        }
        let next = Address(self.vacant);
        self.change(number, |slot| *slot = Slot { at: next, ..Slot::EMPTY });
        self.vacant = number + 1;
        self.taken -= 1;
    }

    fn link(&mut self, hash: u64, number: u32) {
        let table = self.table.cells_mut();
        let len = table.len();
        let mut at = start(hash, len);
        for _ in 0..len {
            // `grow_table` keeps at least one link in eight free.
            let Some(link) = table.get_mut(at) else { return };
            if *link == Link::NONE || *link == Link::GONE {
                self.gone -= u32::from(*link == Link::GONE);
                *link = M::Link::to(number);
                return;
            }
            at = after(at, len);
        }
    }

    fn slots_max(&self) -> usize {
        self.slots.cells().len().min(M::Link::SLOTS_MAX)
    }

    fn grow_table(&mut self) -> Result<(), IndexFull> {
        let slots_max = self.slots_max();
        if self.vacant == 0 && self.len as usize == slots_max {
            let wanted = (slots_max + 1).max(64).min(M::Link::SLOTS_MAX);
            if wanted == slots_max || !self.slots.grow(wanted) {
                return Err(IndexFull { slots_max });
            }
        }
        self.reserve_links(self.taken as usize + 1)?;
        if (self.taken + self.gone) as usize >= usable(self.table.cells().len()) {
            self.relink();
        }
        Ok(())
    }

    fn reserve_links(&mut self, slots: usize) -> Result<(), IndexFull> {
        let links = self.table.cells().len();
        if slots > usable(links) {
            if !self.table.grow((slots / 7 * 8 + 8).max(links * 2).max(128)) {
                return Err(IndexFull { slots_max: usable(links) });
            }
            self.relink();
        }
        Ok(())
    }

    fn relink(&mut self) {
        self.table.cells_mut().fill(Link::NONE);
        self.gone = 0;
        for number in 0..self.len {
            let slot = self.slot(number);
            if !slot.has(VACANT) {
                self.link(slot.hash, number);
            }
        }
    }
}

/// Returns how many of so many links may be in use. With one in eight free, a search in vain ends
/// soon.
const fn usable(links: usize) -> usize {
    links / 8 * 7
}

/// Returns the place in a table of `len` links where the search for a hash begins.
///
/// Any length serves, as the upper 32 bits of the hash are taken as a fraction of it.
#[inline]
fn start(hash: u64, len: usize) -> usize {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    (((hash >> 32) * u64::from(len)) >> 32) as usize
}

/// Returns the place of the next link, around the end of the table.
#[inline]
fn after(at: usize, len: usize) -> usize {
    if at + 1 < len { at + 1 } else { 0 }
}
