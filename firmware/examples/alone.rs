//! The smallest program around core: it builds only while core needs neither std nor an allocator.
//!
//! A library alone does not show that: a crate that brings `alloc` in compiles, and the first
//! program that uses it does not.
#![cfg_attr(target_os = "none", no_std)]

pub use contactbox_firmware::contactbox_core;

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
