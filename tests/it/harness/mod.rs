//! The harness itself: its models, its made-up people, its numbers. Here and not beside them, so
//! that the library is compiled once.

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
