//! Contacts that cannot be read, so that whoever lists contacts is told what is not in the list.

use crate::host::Host;
use contactbox_core::store::GetError;
use contactbox_core::store::book::Shelf;
use embassy_futures::block_on;
use std::collections::BTreeSet;

/// Contacts that are remembered, so that looking whether they can be read again takes no time.
const SLOTS_MAX: usize = 256;

/// The defect and its cure.
pub const REASON: &str = "it cannot be read; sync with a card, backup or box that has it";

/// Slots whose contacts could not be read when somebody last tried.
#[derive(Default)]
pub(crate) struct LeftOut {
    slots: BTreeSet<u32>,
    /// The time of the box's when it was last looked whether they still cannot.
    looked: u64,
}

impl LeftOut {
    /// These could not be read.
    pub(crate) fn note(&mut self, slots: &[u32]) {
        for &slot in slots {
            if self.slots.len() < SLOTS_MAX {
                self.slots.insert(slot);
            }
        }
    }
}

impl Host {
    /// Looks for contacts of which pieces are not here. All others could be read a moment ago,
    /// when the box was opened.
    pub(crate) fn look_for_unread(&mut self) {
        for slot in 0..self.book.slots() {
            if block_on(self.book.lacks_pieces(slot)).unwrap_or(true) {
                self.left_out.note(&[slot]);
            }
        }
    }

    /// Notes that these slots could not be read.
    pub fn note_left_out(&mut self, slots: &[u32]) {
        self.left_out.note(slots);
    }

    /// The contacts of a shelf that cannot be read, as far as is known.
    pub fn left_out(&mut self, shelf: Shelf) -> Vec<u32> {
        let Self { book, record, left_out, .. } = self;
        left_out.note(&book.take_unread());
        let time = book.time_max();
        if left_out.looked != time {
            // A contact that was written since, or has come from another box, is there again.
            left_out.looked = time;
            left_out.slots.retain(|&slot| {
                let read = block_on(book.get_slot(slot, record)).map(|_| ());
                read.as_ref().is_err_and(GetError::is_damage)
            });
        }
        if !left_out.slots.is_empty() {
            // Copies that others have of these contacts are wanted.
            book.doubt_pieces(true);
        }
        left_out.slots.iter().copied().filter(|&slot| book.is_on(shelf, slot)).collect()
    }
}
