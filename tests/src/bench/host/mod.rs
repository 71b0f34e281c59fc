//! The daemon beside SQLite on the same people, queries and edits.

pub mod client;
pub mod daemon;
pub mod measure;
pub mod run;
pub mod service;
pub mod sqlite;
pub mod texts;
