//! The parts that the benchmark programs share: the chip, the work, the engines compared, tables.
//!
//! [`flash`] and [`crash`] run any [`engine::Engine`] over the same simulated chip. Parts that need
//! a crate of their own (other engines, SQLite) are behind the feature `bench`, and no test needs
//! it.

#[cfg(unix)]
pub mod card;
pub mod chip;
pub mod crash;
pub mod engine;
#[cfg(feature = "bench")]
pub mod engines;
pub mod flash;
#[cfg(all(feature = "bench", unix))]
pub mod host;
pub mod ours;
pub mod table;
pub mod work;
