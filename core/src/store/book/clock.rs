//! The box's own clock: which times it gives to what it writes.
//!
//! Every version of a contact that this box writes, merges among them, has a time of its own, later
//! than that of every version it wrote before: `time_max` is the latest. That is all that the marks
//! of snapshots, `met` of a peer and the offers of a cable rest on. "Everything up to time T" means
//! what this box wrote, in the order it wrote it; nobody compares the times of two boxes for it. So
//! what other boxes hold never has to move this clock, and does not: a merge is written at the next
//! own time, with stamps and rows of `seen` in it that may be later.
//!
//! The merge rests on the stamps of one contact: a state has seen a stamp of a box when its row of
//! that box is not earlier. For that, what a box writes of a contact must be later than all it
//! wrote of it before, which rising times see to. And what was said last of a contact shall count
//! last (whether it is in the trash, which of two values is shown): so a change of a contact is
//! later than all that was said of it anywhere. That is where the clock of another box can move
//! this one, by no more than that contact, and up to [`CLOCK_MILLIS_MAX`] at most.
//!
//! Stamps beyond that come from no clock. They are taken, up to [`FOREIGN_MILLIS_MAX`], because a
//! box whose own clock was carried to the bound goes on from there by one a change, and what it
//! writes is to be had everywhere; but nothing is written later for their sake. What a change keeps
//! of such a contact it says anew, under its own time, so that the change counts last all the same.
//! So no own time is ever more than a life's changes past [`CLOCK_MILLIS_MAX`], whatever was taken
//! in, and every other box takes it.
//!
//! There is one more case: another box tells of something that this box wrote under one of its
//! names and has forgotten. The clock then goes past that time, because others may have met this
//! box at it.

use super::{Book, Memory};
use crate::contact::{Contact, Millis};
use crate::limits::{CLOCK_MILLIS_MAX, FOREIGN_MILLIS_MAX, LIFE_CHANGES, MILLIS_MAX};
use embedded_storage_async::nor_flash::NorFlash;

const _: () = assert!(FOREIGN_MILLIS_MAX - CLOCK_MILLIS_MAX > LIFE_CHANGES);
const _: () = assert!(MILLIS_MAX - FOREIGN_MILLIS_MAX > LIFE_CHANGES);

/// The times that a change of a contact has to be later than.
#[derive(Clone, Copy, Default)]
pub(super) struct ChangeFloor {
    /// The latest time said of it that a clock can have shown.
    latest: Millis,
    /// The latest time that this box, under its present name, has said something of it.
    own: Millis,
    /// Something was said of it at a time that no clock shows.
    is_beyond: bool,
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// The time of the next version, whatever it is of.
    pub(super) fn tick(&self, now: Millis) -> Millis {
        now.min(CLOCK_MILLIS_MAX).max(self.ledger.time_max + 1)
    }

    /// The time of a change of a contact.
    pub(super) fn tick_past(&self, now: Millis, past: &ChangeFloor) -> Millis {
        let time = self.tick(now).max(past.latest + 1).max(past.own + 1);
        // The moment before is left free for what is said anew of it.
        time + Millis::from(past.is_beyond)
    }

    /// Returns the times of everything said about the contact.
    pub(super) fn past(&self, contact: &Contact<'_>) -> ChangeFloor {
        let writer = self.ledger.boxes.writer();
        let mut past = ChangeFloor::default();
        for (origin, time) in contact.seen() {
            match time <= CLOCK_MILLIS_MAX {
                true => past.latest = past.latest.max(time),
                false => past.is_beyond = true,
            }
            if origin == writer {
                past.own = time;
            }
        }
        past
    }

    /// Returns whether others report that this box said something about a contact which it cannot
    /// have said yet.
    pub(super) fn is_ahead(&self, past: &ChangeFloor) -> bool {
        past.own > self.ledger.time_max
    }
}
