//! What is kept in flash: the map of the store.
//!
//! - [`cells`]: memory that the caller provides
//! - [`seal`]: the checksum that everything stored or sent carries, and what it can mend
//! - [`page`]: the bytes of pages and entries
//! - [`journal`]: the log of entries over a NOR chip

pub mod cells;
pub mod journal;
pub mod page;
pub mod seal;
