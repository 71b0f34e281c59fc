//! The main loop of a board once its box is open.

use crate::app::{App, Clock};
use crate::last_words::LastWords;
use contactbox_core::card::Card;
use embedded_io_async::{Read, Write};
use embedded_storage_async::nor_flash::NorFlash;

/// Notes the last panic, then runs the app for ever.
pub(super) async fn work<F: NorFlash, C: Card, L: Read + Write, K: Clock>(
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
