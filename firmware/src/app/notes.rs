//! What the device writes in its diary: starts, panics, damage, cards that failed.
//!
//! The diary is a help for whoever looks after the device. Where it cannot be written,
//! the box goes on without.

use super::App;
use contactbox_core::card::{Card, CardError};
use contactbox_core::store::diary::{CardFault, Cause, Diary, DiaryEntry, DiaryEvent};
use embedded_io_async::{Read, Write};
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, C: Card, L: Read + Write, K: super::Clock> App<F, C, L, K> {
    /// Notes why the device started, and what opening the box found.
    pub(super) async fn note_start(&mut self, cause: Cause) {
        self.write_down(DiaryEvent::Started { cause }).await;
        let (lost, mended) = (self.opened.missing, self.opened.corrected);
        if lost > 0 || mended > 0 {
            self.write_down(DiaryEvent::Damaged { lost, mended }).await;
        }
    }

    /// Notes where the program stopped itself the last time.
    pub async fn note_panic(&mut self, file: &str, line: u32) {
        self.write_down(DiaryEvent::panicked(file, line)).await;
    }

    /// Notes what a card did.
    pub(super) async fn note_card(&mut self, fault: CardFault) {
        self.write_down(DiaryEvent::CardFailed { fault, block: None }).await;
    }

    async fn write_down(&mut self, event: DiaryEvent<'_>) {
        let entry = DiaryEntry { time: self.book.time_max(), event };
        let range = self.layout.diary.clone();
        if let Ok(mut diary) = Diary::open(self.book.flash().whole(), range) {
            diary.note(&entry).await.ok();
        }
    }
}

/// A card's error as the diary has it; `None` for what is no fault: a slot without a card.
pub(super) fn fault_of<E>(error: &CardError<E>) -> Option<CardFault> {
    Some(match error {
        CardError::Removed => return None,
        CardError::NoFileSystem | CardError::ExFat => CardFault::Foreign,
        CardError::WriteProtected | CardError::Forbidden => CardFault::Write,
        CardError::Full => CardFault::Full,
        CardError::Inconsistent => CardFault::Snapshot,
        CardError::Device(_) => CardFault::Silent,
    })
}
