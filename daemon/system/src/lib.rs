//! Asks the operating system, for both ends of the socket: users, private files, settings, the log.
//!
//! The ground floor of the daemon. It knows nothing of boxes beside the names of their files.

pub mod config;
pub mod files;
pub mod heap;
pub mod lock;
pub mod log;
pub mod private;
pub mod socket;
pub mod user;
