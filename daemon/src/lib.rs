//! The contactbox daemon: a box in an image file, served on a local socket; and its command line.
//!
//! `image` makes the file a NOR chip; `keeper` owns the book; `socket` admits clients, `session`
//! talks to one of them, `rpc` is their language. `client` is the other end of the socket, `cli` has
//! the commands for people, `demo` plays the main task through.

pub mod card;
pub mod cli;
pub mod client;
pub mod demo;
pub mod device;
mod errors;
pub mod events;
pub mod image;
pub mod keeper;
pub mod memory;
pub mod rpc;
pub mod samples;
pub mod serve;
pub mod session;
pub mod socket;
pub mod status;
