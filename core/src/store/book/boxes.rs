//! The table of boxes: who has written what is in this box, and how far this box has kept up with each.

use crate::contact::{BoxIndex, Contact, digest};
use crate::limits::BOXES_MAX;
use crate::store::entries::BoxEntry;
use crate::store::journal::{Address, Standing};
use heapless::Vec;

/// A box of the table.
#[derive(Clone, Copy)]
struct Known {
    entry: BoxEntry,
    at: Address,
    /// Length of the journal entry's payload in bytes.
    len: u32,
}

/// Boxes by index minus 1; the box itself, index 0, needs no place.
pub(super) struct Boxes {
    known: Vec<Option<Known>, { BOXES_MAX - 1 }>,
    /// The highest index that a record names.
    named: u8,
}

impl Boxes {
    pub(super) fn new() -> Self {
        Self { known: Vec::new(), named: 0 }
    }

    fn get(&self, index: u8) -> Option<&Known> {
        self.known.get(usize::from(index).checked_sub(1)?)?.as_ref()
    }

    /// Whom an index stands for, in a box with this identity.
    ///
    /// The entry that told may have been lost to damage. Then the index is given a name of its own
    /// that nobody else has: what that box wrote stays apart, and is met again as if written anew.
    pub(super) fn id(&self, own: u64, index: BoxIndex) -> u64 {
        match self.get(index.0) {
            _ if index == BoxIndex::SELF => own,
            Some(known) => known.entry.id,
            None => derived(own, b"unknown", u64::from(index.0)),
        }
    }

    pub(super) fn find(&self, id: u64) -> Option<&BoxEntry> {
        self.known.iter().flatten().map(|known| &known.entry).find(|entry| entry.id == id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &BoxEntry> {
        self.known.iter().flatten().map(|known| &known.entry)
    }

    /// The name under which this box writes: the last it has taken.
    pub(super) fn writer(&self) -> BoxIndex {
        let own = self.iter().filter(|entry| entry.is_self).map(|entry| entry.index).max();
        own.map_or(BoxIndex::SELF, BoxIndex)
    }

    /// Whether nothing has been written yet under the last name that this box has taken.
    pub(super) fn is_writer_new(&self) -> bool {
        let writer = self.writer();
        writer != BoxIndex::SELF && writer.0 > self.named
    }

    /// Whether it is this box, under whatever name.
    pub(super) fn is_own(&self, index: BoxIndex) -> bool {
        index == BoxIndex::SELF || self.get(index.0).is_some_and(|known| known.entry.is_self)
    }

    /// An index that nothing was written under; `None` when all are taken.
    pub(super) fn free(&self) -> Option<u8> {
        let index = self.known.len().max(self.named.into()) + 1;
        (index < BOXES_MAX).then_some(index as u8)
    }

    /// A record names these boxes: their indices are taken, whatever became of the entries that tell who they are.
    pub(super) fn note(&mut self, contact: &Contact<'_>) {
        self.named = self.named.max(contact.box_max().0);
    }

    pub(super) fn is_at(&self, entry: &BoxEntry, at: Address) -> bool {
        self.get(entry.index).is_some_and(|known| known.at == at)
    }

    pub(super) fn moved(&mut self, entry: &BoxEntry, from: Address, to: Address) {
        let place = usize::from(entry.index).wrapping_sub(1);
        if let Some(Some(known)) = self.known.get_mut(place)
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
            Standing::Replaces(at, len) => Some((at, len)),
            _ => None,
        }
    }

    /// Takes an entry in; of two about one box the one that has kept up further counts.
    pub(super) fn take(&mut self, entry: &BoxEntry, at: Address, len: u32) -> Standing {
        let place = usize::from(entry.index).wrapping_sub(1);
        while self.known.len() <= place {
            if self.known.push(None).is_err() {
                return Standing::Dead;
            }
        }
        let slot = &mut self.known[place];
        let new = Some(Known { entry: *entry, at, len });
        match *slot {
            None => {
                *slot = new;
                Standing::Live
            }
            Some(old) if old.entry.met > entry.met => Standing::Dead,
            Some(old) if old.entry.met == entry.met => Standing::Equals(old.at),
            Some(old) => {
                *slot = new;
                Standing::Replaces(old.at, old.len)
            }
        }
    }
}

/// An identity made from a box's own.
pub(super) fn derived(own: u64, domain: &[u8], number: u64) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest(domain, &[&own.to_le_bytes(), &number.to_le_bytes()]);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
