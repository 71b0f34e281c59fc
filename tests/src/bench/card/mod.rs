//! What a card and a cable cost a device: its app on a host, and its program in the emulator.

pub mod boards;
pub mod boot;
pub mod contacts;
pub mod emulated;
pub mod host;
pub mod print;

use std::time::Duration;

/// The numbers of contacts of the works, if the device holds so many.
pub const CONTACTS: [usize; 2] = [1_000, 10_000];

/// Contacts changed between two meetings over a cable, half of them on either side.
pub const CHANGED: usize = 10;

/// Edits of which the dearest is told, and the middle one of the times.
pub const EDITS: usize = 20;

/// What something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Sectors written to the card.
    pub sectors: u64,
    /// Bytes over the cable, both ways together.
    pub cable_bytes: u64,
    /// How long it took.
    pub time: Duration,
}

/// What all the works cost in one place.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// One contact edited, and appended to the card: the most sectors, the middle time.
    pub edit: Cost,
    /// All of the box onto an empty card, with each number of contacts.
    pub snapshots: [Cost; 2],
    /// A card of another box with the more contacts merged into an empty one.
    pub merge: Cost,
    /// What the box then leaves on that card.
    pub after_merge: Cost,
    /// A meeting with an empty box, and the sectors that this changes on the card in its slot.
    pub first_sync: Cost,
    /// A meeting after [`CHANGED`] changes, and the same.
    pub next_sync: Cost,
}
