//! Hardware in RAM that counts, enforces and fails on command. For tests; the only place
//! where the core uses std.

mod card;
mod nor;

pub use card::{PullFuse, RamCard, RamCardError, SectorTear};
pub use nor::{Counters, Failing, Nor, NorError, Tear};
