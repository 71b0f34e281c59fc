//! Contacts that can not be read, so that whoever lists contacts is told what is not in the list.

use super::{BoxError, Host};
use contactbox_core::store::GetError;
use contactbox_core::store::book::Shelf;
use embassy_futures::block_on;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Contacts that are remembered, so that looking whether they can be read again takes no time.
const SLOTS_MAX: usize = 256;

/// Contacts that are told one by one.
pub(super) const TOLD_MAX: usize = 100;

/// What helps.
pub const REASON: &str = "it can not be read; sync with a card, backup or box that has it";

/// Slots whose contacts could not be read when somebody last tried.
#[derive(Default)]
pub(super) struct LeftOut {
    slots: BTreeSet<u32>,
    /// The time of the box's when it was last looked whether they still can not.
    looked: u64,
}

impl LeftOut {
    /// These could not be read.
    pub(super) fn note(&mut self, slots: &[u32]) {
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
    pub(super) fn look_for_unread(&mut self) {
        for slot in 0..self.book.slots() {
            if block_on(self.book.lacks_pieces(slot)).unwrap_or(true) {
                self.left_out.note(&[slot]);
            }
        }
    }

    /// The contacts of a shelf that can not be read, as far as is known.
    pub(super) fn left_out(&mut self, shelf: Shelf) -> Vec<u32> {
        let Self { book, record, left_out, .. } = self;
        left_out.note(&book.take_unread());
        let time = book.time_max();
        if left_out.looked != time {
            // What has been written since, or has come from another box, is there again.
            left_out.looked = time;
            left_out.slots.retain(|&slot| {
                let read = block_on(book.get_slot(slot, record)).map(|_| ());
                read.as_ref().is_err_and(GetError::is_damage)
            });
        }
        if !left_out.slots.is_empty() {
            // What others have of them is wanted.
            book.doubt_pieces(true);
        }
        left_out.slots.iter().copied().filter(|&slot| book.is_on(shelf, slot)).collect()
    }

    /// What is told of contacts that are left out: the first of them, one by one.
    pub(super) fn tell_left_out(&mut self, slots: &[u32]) -> Result<Vec<Json>, BoxError> {
        let mut rows = Vec::new();
        for &slot in slots.iter().take(TOLD_MAX) {
            let mut row = json!({ "slot": slot, "reason": REASON });
            if let Some(uid) = block_on(self.book.uid_at(slot))? {
                row["uid"] = json!(uid.to_string());
            }
            rows.push(row);
        }
        Ok(rows)
    }
}
