//! The device: one box on a microcontroller, with `contactbox_core` as its whole memory.
//!
//! Everything here but the boards also compiles and runs on a host, where the tests are.
#![cfg_attr(target_os = "none", no_std)]

pub mod app;
pub mod board;
pub mod card_bus;
pub mod card_slot;
pub mod gate;
#[cfg(target_os = "none")]
pub mod last_words;
pub mod log;
#[cfg(target_os = "none")]
pub mod stack;

pub use contactbox_core;
