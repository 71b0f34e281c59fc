//! The device: one box on a microcontroller, with `contactbox_core` as its whole memory.
#![no_std]

pub use contactbox_core;
