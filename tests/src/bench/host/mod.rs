//! The daemon beside SQLite on the same people, queries and edits.

#[cfg(feature = "bench")]
pub mod client;
#[cfg(feature = "bench")]
pub mod daemon;
pub mod measure;
#[cfg(feature = "bench")]
pub mod run;
#[cfg(feature = "bench")]
pub mod service;
#[cfg(feature = "bench")]
pub mod sqlite;
#[cfg(feature = "bench")]
pub mod texts;
