//! Simulates hardware in RAM that counts, enforces its rules and fails on command, for tests. The
//! only place where the core uses std.

mod card;
mod memory;
mod nor;

pub use card::{PullFuse, RamCard, RamCardError, SectorTear};
pub use memory::{Growing, Heap, parts};
pub use nor::{Counters, Failing, Nor, NorError, Tear};
