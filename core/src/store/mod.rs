//! What is kept in flash: the map of the store.
//!
//! - [`slab`]: memory that the caller provides
//! - [`seal`]: the checksum that everything stored or sent carries, and what it can mend
//! - [`page`]: the bytes of pages and entries
//! - [`journal`]: the log of entries over a NOR chip
//! - [`settings`]: what is small, local to a device and may fall back to a default
//! - [`diary`]: what a device notes of itself
//! - `entries`: what the entries of a box hold; `index`: where the newest of them are
//! - `memory`: the memory a box is given
//! - [`book`]: the facade

pub mod book;
pub mod diary;
mod entries;
mod index;
pub mod journal;
mod memory;
pub mod page;
mod region;
pub mod seal;
pub mod settings;
pub mod slab;

pub use region::RegionError;

pub use book::{
    Aside, AuthorCell, BRAKE, Book, BookConfig, BookWithoutFilter, BoxCell, Brake, Consent, Counts,
    FilterInput, FilterSink, Finding, FlashTooLarge, FormatError, Found, GetError, GramFilter,
    Intake, KEEP_MILLIS, KeptState, NEWCOMERS_MAX, Number, OpenError, Outcome, Peer, PutError,
    Quota, Root, Shelf, StartError, Stats, Verification, VerifyReport, Written, says,
};
pub use index::{Link, Narrow, Packed, Slot, Wide};
pub use journal::{Barrier, OpenReport, PageState};
pub use memory::{Memory, Parts, index_bytes, links};
pub use slab::Slab;
