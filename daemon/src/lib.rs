//! The contactbox daemon: a box in an image file, served on a local socket; and its command line.
//!
//! `config` holds the settings; `image` makes the file a NOR chip; `keeper` owns the book; `status`
//! tells how cards and devices are doing; `socket` admits clients, `session` talks to one of them,
//! `events` tells all who watch, `rpc` is their language. `private` checks the owner of a folder,
//! `user` names users, `log` bounds the daemon's log. `client` is the other end of the socket, `cli`
//! has the commands for people, `demo` plays the main task through.

pub mod card;
pub mod charset;
pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
pub mod device;
mod errors;
pub mod events;
pub mod image;
pub mod jcard;
pub mod keeper;
pub mod log;
pub mod memory;
pub mod private;
pub mod rpc;
pub mod samples;
pub mod serve;
pub mod session;
pub mod socket;
pub mod status;
pub mod user;
