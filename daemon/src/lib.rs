//! The contactbox daemon: a box in an image file, served on a local socket; and its command line.
//!
//! `config` says where things are; `image` is the file as a NOR chip; `keeper` owns the book;
//! `socket` lets clients in, `session` talks to one of them, `rpc` is what they say. `private`
//! says whose a folder is, `user` who somebody is, `log` keeps what the daemon tells of itself
//! small. `client` is the other end of the socket, `cli` the commands of a person, `demo` the
//! main job played through.

pub mod card;
pub mod charset;
pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
pub mod device;
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
pub mod user;
