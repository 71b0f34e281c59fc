//! The command line of contactbox, and a demonstration: clients of the daemon that they start.

pub mod cli;
pub mod client;
pub mod demo;
pub mod samples;
