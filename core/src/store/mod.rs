//! Keeps contacts, settings and a diary in flash. This is the map of the store.
//!
//! - [`slab`]: memory that the caller provides
//! - [`seal`]: the checksum of everything stored or sent, and the mending of one flipped bit
//! - [`page`]: the bytes of pages and entries
//! - [`journal`]: the log of entries over a NOR chip
//! - [`settings`]: small values of one device that may fall back to a default
//! - [`diary`]: a device's notes about itself
//! - `entries`: the contents of a box's entries; `index`: the addresses of the newest ones
//! - `memory`: the memory that a box is given
//! - [`book`]: the interface to all of this

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
