//! Searches people: folding, phone digits, queries, ranking, and signatures that spare flash reads.
//!
//! The code is the same on every box, and so are the answers and their order. For each contact a
//! box keeps a [`SortKey`] and a signature ([`Slices`]) in memory. [`find`] reads only those
//! contacts from flash that these do not rule out.

mod code;
mod find;
mod grams;
mod key;
mod matcher;
mod phone;
mod query;
mod query_grams;
mod slices;
mod spell;
mod text;

pub use find::{ContactSource, Hit, PageRequest, find};
pub use grams::grams;
pub use key::{SORT_NAME_BYTES, SortKey, sort_name};
pub use matcher::{Class, Rank};
pub use query::Query;
pub use query_grams::{QUERY_GRAMS_MAX, QueryGrams};
pub use slices::{BLOCK_SLOTS, BlockBits, Probes, Slices};
pub use spell::spell_out;

#[cfg(test)]
mod people;
#[cfg(test)]
mod tests;
