//! The device: the same core on a microcontroller.
#![no_std]
