//! What is kept in flash: the map of the store.
//!
//! - [`cells`]: memory that the caller provides
//! - [`seal`]: the checksum that everything stored or sent carries, and what it can mend
//! - [`page`]: the bytes of pages and entries
//! - [`journal`]: the log of entries over a NOR chip
//! - [`settings`]: what is small, local to a device and may fall back to a default
//! - [`diary`]: what a device notes of itself
//! - `entries`: what the entries of a box hold; `index`: where the newest of them are
//! - `memory`: the memory a box is given
//! - [`book`]: the facade

pub mod book;
pub mod cells;
pub mod diary;
mod entries;
mod index;
pub mod journal;
mod memory;
pub mod page;
mod region;
pub mod seal;
pub mod settings;

pub use region::RegionError;

pub use book::{
    Aside, AuthorCell, BRAKE, Book, BookConfig, BoxCell, Brake, Consent, Counts, Finding,
    FlashTooLarge, FormatError, Found, GetError, Intake, KEEP_MILLIS, Kept, NEWCOMERS_MAX, Note,
    Number, OpenError, Outcome, Peer, Put, PutError, Quota, Root, Scribe, Shelf, Signatures,
    StartError, Stats, Unsigned, Verification, VerifyReport, says,
};
pub use cells::Cells;
pub use index::{Link, Narrow, Packed, Slot, Wide};
pub use journal::{Barrier, OpenReport, PageState};
pub use memory::{Memory, Parts, index_bytes, links};
