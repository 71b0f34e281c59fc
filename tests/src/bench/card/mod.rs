//! The cost of a card and a cable to a device: its app on a host, and its program in the emulator.

pub mod boards;
pub mod boot;
pub mod contacts;
pub mod emulated;
pub mod host;
pub mod print;

use std::time::Duration;

/// The numbers of contacts to measure with, if the device holds so many.
pub const CONTACTS: [usize; 2] = [1_000, 10_000];

/// The contacts changed between two meetings over a cable, half of them on either side.
pub const CHANGED: usize = 10;

/// The number of edits, of which the most sectors and the median time are reported.
pub const EDITS: usize = 20;

/// The cost of a piece of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The sectors written to the card.
    pub sectors: u64,
    /// The bytes over the cable, in both directions.
    pub cable_bytes: u64,
    /// The time that it took.
    pub time: Duration,
}

/// The costs of all work in one place.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// One contact edited and appended to the card: the most sectors, the median time.
    pub edit: Cost,
    /// The whole box put on an empty card, with each number of contacts.
    pub snapshots: [Cost; 2],
    /// A card of another box, with the larger number of contacts, merged into an empty one.
    pub merge: Cost,
    /// The snapshot that the box then leaves on that card.
    pub after_merge: Cost,
    /// A meeting with an empty box, and the sectors that the card in its slot takes after it.
    pub first_sync: Cost,
    /// The same after [`CHANGED`] changes.
    pub next_sync: Cost,
}
