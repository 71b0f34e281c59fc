//! The table of boxes: who has written what is in this box, and how far this box
//! has kept up with each.

use super::Memory;
use crate::contact::{BoxIndex, Contact, Millis, digest};
use crate::limits::{BOXES_MAX, OWN_PLACES};
use crate::store::entries::BoxEntry;
use crate::store::journal::{Address, Liveness};
use crate::store::slab::Slab;

/// A place for a box in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxCell {
    id: u64,
    met: Millis,
    at: Address,
    version: u32,
    link: u32,
    /// Length of the journal entry's payload in bytes; 0 where there is none.
    len: u8,
    is_self: bool,
}

impl BoxCell {
    /// Nobody; to fill memory with.
    pub const EMPTY: Self =
        Self { id: 0, met: 0, at: Address(0), version: 0, link: 0, len: 0, is_self: false };

    fn entry(&self, index: u16) -> BoxEntry {
        let Self { id, met, version, link, is_self, .. } = *self;
        BoxEntry { index, id, version, met, link, is_self, key_bytes: 0 }
    }
}

/// Boxes by index minus 1; the box itself, index 0, needs no place.
pub(super) struct Boxes<M: Memory> {
    cells: M::Boxes,
    /// Places in use, vacant ones among them.
    len: u16,
    /// The highest index that a record names.
    named: u16,
    /// The last name that this box has taken.
    writer: u16,
}

impl<M: Memory> Boxes<M> {
    /// An empty table in the caller's memory.
    pub(super) fn new(cells: M::Boxes) -> Self {
        Self { cells, len: 0, named: 0, writer: 0 }
    }

    fn known(&self) -> &[BoxCell] {
        self.cells.cells().get(..self.len.into()).unwrap_or(&[])
    }

    fn get(&self, index: u16) -> Option<&BoxCell> {
        self.known().get(usize::from(index).checked_sub(1)?).filter(|known| known.len > 0)
    }

    /// Whom an index stands for, in a box with this identity.
    ///
    /// The entry that told may have been lost to damage. Then the index is given a name of its own
    /// that nobody else has: what that box wrote stays apart, and is met again as if written anew.
    pub(super) fn id(&self, own: u64, index: BoxIndex) -> u64 {
        match self.get(index.0) {
            _ if index == BoxIndex::SELF => own,
            Some(known) => known.id,
            None => derived(own, b"unknown", u64::from(index.0)),
        }
    }

    pub(super) fn find(&self, id: u64) -> Option<BoxEntry> {
        self.iter().find(|entry| entry.id == id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = BoxEntry> + '_ {
        let known = (1u16..).zip(self.known());
        known.filter(|(_, known)| known.len > 0).map(|(index, known)| known.entry(index))
    }

    /// The name under which this box writes: the last it has taken.
    pub(super) fn writer(&self) -> BoxIndex {
        BoxIndex(self.writer)
    }

    /// When the name under which this box writes was taken, by its clock, and the order of the
    /// oldest page that what it has written since can be in; `None` for its first name.
    pub(super) fn writer_since(&self) -> Option<(Millis, u32)> {
        self.get(self.writer).map(|known| (known.met, known.link))
    }

    /// Returns whether nothing has been written yet under the last name that this box has taken.
    pub(super) fn is_writer_new(&self) -> bool {
        self.writer > self.named
    }

    /// Returns whether an index stands for this box, under any of its names.
    pub(super) fn is_own(&self, index: BoxIndex) -> bool {
        index == BoxIndex::SELF || self.get(index.0).is_some_and(|known| known.is_self)
    }

    /// An index that nothing was written under; `None` when all are taken. Some are there for the
    /// box's own names only.
    pub(super) fn free(&self, is_self: bool) -> Option<u16> {
        let own = if is_self { 0 } else { M::BOXES / OWN_PLACES };
        let index = self.len.max(self.named) + 1;
        (usize::from(index) < M::BOXES.min(BOXES_MAX) - own).then_some(index)
    }

    /// A record names these boxes: their indices are taken, whatever became of the
    /// entries that tell who they are.
    pub(super) fn note(&mut self, contact: &Contact<'_>) {
        self.named = self.named.max(contact.box_max().0);
    }

    /// Returns whether an entry is the one that counts, or is about a box that there is no memory
    /// for. Such an entry stays.
    pub(super) fn is_at(&self, entry: &BoxEntry, at: Address) -> bool {
        match self.get(entry.index) {
            Some(known) => known.at == at,
            None => entry.index > self.len,
        }
    }

    pub(super) fn moved(&mut self, entry: &BoxEntry, from: Address, to: Address) {
        let place = usize::from(entry.index).wrapping_sub(1);
        if let Some(known) = self.cells.cells_mut().get_mut(place)
            && known.len > 0
            && known.at == from
        {
            known.at = to;
        }
    }

    /// Takes in an entry just written, and returns what it replaces.
    pub(super) fn replace(
        &mut self,
        entry: &BoxEntry,
        at: Address,
        len: u32,
    ) -> Option<(Address, u32)> {
        match self.take(entry, at, len) {
            Liveness::Replaces(at, len) => Some((at, len)),
            _ => None,
        }
    }

    /// Takes an entry in; of two about one box the later counts.
    pub(super) fn take(&mut self, entry: &BoxEntry, at: Address, len: u32) -> Liveness {
        let place = usize::from(entry.index).wrapping_sub(1);
        if place + 1 >= M::BOXES.min(BOXES_MAX) || !self.cells.grow(place + 1) {
            return Liveness::Live;
        }
        let len = u8::try_from(len).unwrap_or(u8::MAX);
        let BoxEntry { id, met, version, link, is_self, .. } = *entry;
        let new = BoxCell { id, met, at, version, link, len, is_self };
        for vacant in usize::from(self.len)..place {
            // Memory may hold what an earlier box left in it.
            self.cells.cells_mut()[vacant] = BoxCell::EMPTY;
        }
        let is_new = place >= usize::from(self.len);
        self.len = self.len.max(entry.index);
        let Some(cell) = self.cells.cells_mut().get_mut(place) else { return Liveness::Live };
        let old = if is_new { BoxCell::EMPTY } else { *cell };
        if old.len > 0 && old.version > version {
            return Liveness::Dead;
        }
        if old.len > 0 && old.version == version {
            return Liveness::Equals(old.at);
        }
        *cell = new;
        if is_self {
            self.writer = self.writer.max(entry.index);
        }
        if old.len == 0 { Liveness::Live } else { Liveness::Replaces(old.at, old.len.into()) }
    }
}

/// An identity made from a box's own.
pub(super) fn derived(own: u64, domain: &[u8], number: u64) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest(domain, &[&own.to_le_bytes(), &number.to_le_bytes()]);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
