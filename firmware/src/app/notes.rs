//! Writes the device's diary: starts, panics, damage, cards that failed.
//!
//! The diary helps a person who looks after the device. If it cannot be written, the box works
//! without it.

use super::App;
use contactbox_core::card::{Card, CardError};
use contactbox_core::store::diary::{CardFault, Cause, Diary, DiaryEntry, DiaryEvent};
use embedded_io_async::{Read, Write};
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, C: Card, L: Read + Write, K: super::Clock> App<F, C, L, K> {
    /// Notes the cause of the start, and damage found on opening the box.
    pub(super) async fn note_start(&mut self, cause: Cause) {
        self.write_down(DiaryEvent::Started { cause }).await;
        let (lost, mended) = (self.opened.missing, self.opened.corrected);
        if lost > 0 || mended > 0 {
            self.write_down(DiaryEvent::Damaged { lost, mended }).await;
        }
    }

    /// Notes the place at which the program stopped itself the last time.
    pub async fn note_panic(&mut self, file: &str, line: u32) {
        self.write_down(DiaryEvent::panicked(file, line)).await;
    }

    /// Notes a fault of a card.
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

/// Returns the diary's word for an error of a card; `None` for an empty slot, which is no fault.
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
