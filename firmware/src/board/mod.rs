//! The boards. What is under here, and only that, names a chip.

#[cfg(all(target_os = "none", target_arch = "arm"))]
pub mod pico;
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
pub mod qemu_sifive_u;
#[cfg(target_os = "none")]
mod sd;

#[cfg(target_os = "none")]
use crate::app::{App, Clock};
#[cfg(target_os = "none")]
use crate::last_words::LastWords;
#[cfg(target_os = "none")]
use contactbox_core::card::Card;
#[cfg(target_os = "none")]
use embedded_io_async::{Read, Write};
#[cfg(target_os = "none")]
use embedded_storage_async::nor_flash::NorFlash;

/// What a board does once its box is open, for ever.
#[cfg(target_os = "none")]
async fn work<F: NorFlash, C: Card, L: Read + Write, K: Clock>(
    app: &mut App<F, C, L, K>,
    words: Option<LastWords>,
) -> ! {
    if let Some(words) = words {
        crate::say!("the last run ended at {}:{}", words.file(), words.line);
        app.note_panic(words.file(), words.line).await;
    }
    loop {
        crate::stack::tell();
        app.turn().await;
    }
}
