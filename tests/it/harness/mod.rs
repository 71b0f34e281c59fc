//! The harness itself: its models, its invented people, its numbers.
//!
//! The tests are here and not beside the code, so that the library is compiled once.

mod boards;
#[cfg(unix)]
mod card_cost;
mod frame;
mod mutate;
mod ours;
mod pagecache;
mod people;
mod random;
mod table;
#[cfg(unix)]
mod tally;
mod work;
