//! Chooses the slot of the index for an entry, and the kept state that makes way when there is
//! none.

use super::Memory;
use super::state::BookState;
use crate::contact::{Millis, Uid};
use crate::store::entries::Chunk;
use crate::store::index::{self, Slot};
use crate::store::journal::Address;

impl<M: Memory> BookState<M> {
    /// Takes a chunk in; one just stored with [`index::FRESH`], lest a sweep under way give it up.
    pub(super) fn take_chunk(
        &mut self,
        chunk: &Chunk<'_>,
        at: Address,
        len: u16,
        marks: u8,
    ) -> Option<(Address, u16)> {
        self.place_chunk(chunk, at, len, marks)?.1
    }

    /// The same; `None` when there is no slot for it.
    pub(super) fn place_chunk(
        &mut self,
        chunk: &Chunk<'_>,
        at: Address,
        len: u16,
        marks: u8,
    ) -> Option<(u32, Option<(Address, u16)>)> {
        let seat = self.index.chunk(&chunk.blob.hash, chunk.number);
        let (hash, key) = self.index.chunk_hash(&chunk.blob.hash, chunk.number);
        let slot = Slot { hash, version: Some(0), key, at, len, flags: index::CHUNK | marks };
        self.place(seat, slot)
    }

    /// Takes in a state that was just kept of a contact, for which a slot was reserved.
    pub(super) fn take_kept(
        &mut self,
        (uid, time): (Uid, Millis),
        at: Address,
        len: u16,
        flags: u8,
    ) -> Option<u32> {
        Some(self.place_kept((uid, time), at, len, flags)?.0)
    }

    pub(super) fn place_kept(
        &mut self,
        (uid, time): (Uid, Millis),
        at: Address,
        len: u16,
        flags: u8,
    ) -> Option<(u32, Option<(Address, u16)>)> {
        self.time_max = self.time_max.max(time);
        let (hash, key) = self.index.kept_hash(uid, time);
        let flags = index::KEPT | flags & (index::HAS_BLOBS | index::SPILLED);
        let placed = self.place(None, Slot { hash, version: Some(0), key, at, len, flags })?;
        self.keeping.note(time);
        Some(placed)
    }

    /// Puts a slot where another is, or into a new one; also tells what it replaces. While a box is
    /// opened, what there is no slot for makes others give way: a contact chunks and kept states, a
    /// kept state chunks. They come back if they are needed and there is room: see `refit`.
    pub(super) fn place(
        &mut self,
        seat: Option<u32>,
        slot: Slot,
    ) -> Option<(u32, Option<(Address, u16)>)> {
        if let Some(number) = seat {
            let old = self.index.slot(number);
            self.index.change(number, |known| *known = slot);
            return Some((number, Some((old.at, old.len))));
        }
        let mut evicted = None;
        let placed = self.index.insert(slot).or_else(|full| {
            evicted = self.evict(&slot);
            if evicted.is_some() { self.index.insert(slot) } else { Err(full) }
        });
        match placed {
            Ok(number) if self.reserve_signatures(number + 1) => Some((number, evicted)),
            placed => {
                if let Ok(number) = placed {
                    self.index.vacate(number);
                }
                self.note_passed_over(&slot);
                self.is_overfull |= !slot.has(index::CHUNK);
                None
            }
        }
    }

    fn note_passed_over(&mut self, slot: &Slot) {
        self.has_passed_over |= slot.has(index::CHUNK);
        self.has_lost_kept |= slot.is_kept();
    }

    /// Gives up a slot for what a box cannot do without, or rather not; where its
    /// entry is, and how long.
    fn evict(&mut self, wanted: &Slot) -> Option<(Address, u16)> {
        let slots = self.evicted_before..self.index.len();
        let chunk = match wanted.is_chunk() {
            true => None,
            false => slots.clone().find(|&at| self.index.slot(at).is_chunk()),
        };
        if let Some(number) = chunk {
            self.evicted_before = number;
        }
        // A chunk is marked when a contact refers to it.
        let is_needed = !wanted.has(index::CHUNK) || wanted.is_chunk() && wanted.has(index::MARKED);
        let number = match chunk {
            None if is_needed => (0..slots.end).find(|&at| self.index.slot(at).is_kept()),
            chunk => chunk,
        }?;
        let slot = self.index.slot(number);
        self.note_passed_over(&slot);
        self.index.vacate(number);
        Some((slot.at, slot.len))
    }
}
