//! The harness, the models and the worlds for the tests of the whole project.

#[cfg(unix)]
pub mod behaviour;
pub mod bench;
#[cfg(unix)]
pub mod cable;
pub mod cards;
pub mod corpus;
#[cfg(unix)]
pub mod daemon;
pub mod desk;
pub mod desk_device;
pub mod disk;
#[cfg(unix)]
pub mod emulator;
pub mod fuzz;
pub mod meet;
pub mod pagecache;
pub mod people;
#[cfg(unix)]
pub mod pictures;
pub mod random;
pub mod report;
#[cfg(unix)]
pub mod stack;
pub mod swap;
#[cfg(unix)]
pub mod tally;
pub mod vcards;
pub mod world;
