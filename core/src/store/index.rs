//! The index in RAM: where the newest entry of each contact and each blob chunk is.
//!
//! Slots are dense and keep their number for as long as the box is open, so that the gram slices
//! of search can be addressed by slot. A table of slot numbers, open-addressed, finds a slot by
//! the salted hash of its identity.

use super::cells::Cells;
use super::journal::Address;
use crate::contact::{Millis, Uid, digest};

/// What a slot stands for, and what is known of it without reading flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Salted hash of the identity. Two identities with one hash are taken for the same: of a
    /// million contacts that befalls none in 37 million boxes, and it cannot be brought about
    /// without 2^64 tries, because the salt is the box's own.
    pub(super) hash: u64,
    /// The contact's version: the time of its newest record. For a chunk, 0.
    pub(super) version: Millis,
    /// Order-preserving prefix of the sort name. For a chunk, its blob's length.
    pub(super) key: u64,
    pub(super) at: Address,
    /// Length of the entry's payload in bytes.
    pub(super) len: u32,
    pub(super) flags: u16,
    /// What a neighbouring journal entry remembers of this one.
    pub(super) hint: u16,
}

/// The slot stands for nothing and can be taken.
pub(super) const VACANT: u16 = 1 << 0;
/// The slot is a chunk of a blob.
pub(super) const CHUNK: u16 = 1 << 1;
/// The contact is in the trash.
pub(super) const TRASHED: u16 = 1 << 2;
/// Nothing is left of the contact but the memory that it is gone.
pub(super) const TOMBSTONE: u16 = 1 << 3;
/// The contact refers to blobs.
pub(super) const HAS_BLOBS: u16 = 1 << 4;
/// The contact's record is kept in chunks.
pub(super) const SPILLED: u16 = 1 << 5;
/// The chunk was found referred to by the sweep under way.
pub(super) const MARKED: u16 = 1 << 6;
/// The chunk was stored after the last sweep began: what refers to it may still be on its way.
pub(super) const FRESH: u16 = 1 << 7;

impl Slot {
    /// A slot that stands for nothing, to fill memory with.
    pub const EMPTY: Self =
        Self { hash: 0, version: 0, key: 0, at: Address(0), len: 0, flags: VACANT, hint: 0 };

    pub(super) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Whether it is a contact that somebody may want to see.
    pub(super) fn is_contact(&self) -> bool {
        self.flags & (VACANT | CHUNK | TOMBSTONE) == 0
    }
}

/// Every slot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexFull {
    pub(super) slots_max: usize,
}

const LINK_NONE: u32 = 0;
const LINK_GONE: u32 = u32::MAX;

/// Slots by identity.
pub(super) struct Index<S, W> {
    slots: S,
    /// Slot numbers plus 1; a power of two of them.
    table: W,
    salt: u64,
    /// Slots ever taken; vacant ones among them are chained in `vacant`.
    len: u32,
    /// Number plus 1 of the first vacant slot; each names the next in its `len`.
    vacant: u32,
    taken: u32,
    gone: u32,
}

impl<S: Cells<Slot>, W: Cells<u32>> Index<S, W> {
    /// An empty index in the caller's memory.
    pub(super) fn new(slots: S, mut table: W, salt: u64) -> Self {
        table.cells_mut().fill(LINK_NONE);
        Self { slots, table, salt, len: 0, vacant: 0, taken: 0, gone: 0 }
    }

    /// The hash a contact is found by.
    pub(super) fn contact_hash(&self, uid: Uid) -> u64 {
        self.hash(b"contact", &uid.0, 0)
    }

    /// The hash a chunk is found by.
    pub(super) fn chunk_hash(&self, blob: &[u8; 16], number: u32) -> u64 {
        self.hash(b"chunk", blob, number)
    }

    fn hash(&self, domain: &[u8], id: &[u8], number: u32) -> u64 {
        let full = digest(domain, &[&self.salt.to_le_bytes(), id, &number.to_le_bytes()]);
        let [a, b, c, d, e, f, g, h, ..] = full;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// Slots ever taken: every slot number is below this.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// The slots, by number; vacant ones among them.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots.cells()[..self.len as usize]
    }

    pub(super) fn slot(&self, number: u32) -> &Slot {
        &self.slots.cells()[number as usize]
    }

    pub(super) fn slot_mut(&mut self, number: u32) -> &mut Slot {
        &mut self.slots.cells_mut()[number as usize]
    }

    /// The number of the slot with this hash.
    pub(super) fn find(&self, hash: u64) -> Option<u32> {
        let table = self.table.cells();
        if table.is_empty() {
            return None;
        }
        let mask = usable(table.len()) - 1;
        let mut at = hash as usize & mask;
        for _ in 0..=mask {
            match table[at] {
                LINK_NONE => return None,
                LINK_GONE => {}
                link if self.slot(link - 1).hash == hash => return Some(link - 1),
                _ => {}
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Takes a slot for an identity that has none yet.
    pub(super) fn insert(&mut self, slot: Slot) -> Result<u32, IndexFull> {
        self.make_room()?;
        let number = match self.vacant.checked_sub(1) {
            Some(number) => {
                self.vacant = self.slot(number).len;
                number
            }
            None => {
                self.len += 1;
                self.len - 1
            }
        };
        *self.slot_mut(number) = slot;
        self.taken += 1;
        self.link(slot.hash, number);
        Ok(number)
    }

    /// Whether `count` more slots can be taken, growing the memory where it grows.
    pub(super) fn reserve(&mut self, count: u32) -> Result<(), IndexFull> {
        let wanted = (self.taken + count) as usize;
        if wanted > self.slots.cells().len() && !self.slots.grow(wanted) {
            return Err(IndexFull { slots_max: self.slots.cells().len() });
        }
        Ok(())
    }

    /// Gives a slot back.
    pub(super) fn vacate(&mut self, number: u32) {
        let hash = self.slot(number).hash;
        let mask = usable(self.table.cells().len()) - 1;
        let table = self.table.cells_mut();
        let mut at = hash as usize & mask;
        for _ in 0..=mask {
            match table[at] {
                LINK_NONE => break,
                link if link == number + 1 => {
                    table[at] = LINK_GONE;
                    self.gone += 1;
                    break;
                }
                _ => at = (at + 1) & mask,
            }
        }
        let vacant = self.vacant;
        *self.slot_mut(number) = Slot { len: vacant, ..Slot::EMPTY };
        self.vacant = number + 1;
        self.taken -= 1;
    }

    fn link(&mut self, hash: u64, number: u32) {
        let table = self.table.cells_mut();
        let mask = usable(table.len()) - 1;
        let mut at = hash as usize & mask;
        // Ends: `make_room` keeps at least one link in eight free.
        loop {
            match table[at] {
                LINK_NONE => break,
                LINK_GONE => {
                    self.gone -= 1;
                    break;
                }
                _ => at = (at + 1) & mask,
            }
        }
        table[at] = number + 1;
    }

    fn make_room(&mut self) -> Result<(), IndexFull> {
        let slots_max = self.slots.cells().len();
        let is_out_of_slots = self.vacant == 0 && self.len as usize == slots_max;
        if is_out_of_slots && !self.slots.grow((slots_max + 1).max(64)) {
            return Err(IndexFull { slots_max });
        }
        let links = usable(self.table.cells().len());
        if (self.taken + 1) as usize > links / 8 * 7 {
            let wanted = (links * 2).max(128);
            if !self.table.grow(wanted) || usable(self.table.cells().len()) <= links {
                return Err(IndexFull { slots_max: links / 8 * 7 });
            }
            self.relink();
        } else if (self.taken + self.gone + 1) as usize > links / 8 * 7 {
            self.relink();
        }
        Ok(())
    }

    fn relink(&mut self) {
        self.table.cells_mut().fill(LINK_NONE);
        self.gone = 0;
        for number in 0..self.len {
            let slot = *self.slot(number);
            if !slot.has(VACANT) {
                self.link(slot.hash, number);
            }
        }
    }
}

/// The largest power of two in `len`: that much of the table is used.
fn usable(len: usize) -> usize {
    if len == 0 { 0 } else { 1 << len.ilog2() }
}
