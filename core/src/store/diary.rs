//! Keeps a device's diary: starts, panics, damage, faults of cards. One of the two files that name
//! `sequential_storage`.
//!
//! It holds as many of the newest entries as fit. The oldest are dropped a page at a time. A region
//! that cannot be read as a diary is erased at the next note, and the first new entry says so.

use super::region::{self, Buffer, Checked, CheckedError, RegionError};
use crate::contact::Millis;
use crate::limits::{DIARY_ENTRY_BYTES_MAX, DIARY_FILE_BYTES_MAX};
use core::fmt;
use core::ops::Range;
use embedded_storage_async::nor_flash::NorFlash;
use sequential_storage::Error;
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::queue::{QueueConfig, QueueStorage};
use serde::{Deserialize, Serialize};

/// An entry: an event and its time by the box's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiaryEntry<'a> {
    /// The time of the event.
    pub time: Millis,
    /// The event.
    #[serde(borrow)]
    pub event: DiaryEvent<'a>,
}

/// An event. The order is that of the codes in flash: events are appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiaryEvent<'a> {
    /// The device started.
    Started {
        /// The cause of the start.
        cause: Cause,
    },
    /// The program stopped itself, see [`DiaryEvent::panicked`].
    Panicked {
        /// The end of the source file's name.
        file: &'a str,
        /// The line in the file.
        line: u32,
    },
    /// The diary could not be read and was begun anew.
    DiaryRenewed,
    /// The settings could not be read and were written anew.
    SettingsRenewed,
    /// Opening or checking the box found damage.
    Damaged {
        /// The number of journal entries lost.
        lost: u32,
        /// The number of journal entries mended.
        mended: u32,
    },
    /// A page of the flash no longer holds data and was given up.
    PageLeft {
        /// The number of the page in the chip.
        page: u32,
    },
    /// A card failed.
    CardFailed {
        /// The kind of failure.
        fault: CardFault,
        /// The block on which it failed, if any.
        block: Option<u32>,
    },
}

impl<'a> DiaryEvent<'a> {
    /// Makes the event of a panic. Of a long file name the end is kept.
    pub fn panicked(file: &'a str, line: u32) -> Self {
        let start = file.ceil_char_boundary(file.len().saturating_sub(DIARY_FILE_BYTES_MAX));
        Self::Panicked { file: file.get(start..).unwrap_or(""), line }
    }
}

/// The cause of a device's start. Causes are appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The power was switched on.
    Power,
    /// The power was too low for a moment.
    BrownOut,
    /// The reset button was pressed.
    Button,
    /// The program did not serve the watchdog in time.
    Watchdog,
    /// The program asked for a restart.
    Request,
    /// The processor met an operation that it cannot do.
    Fault,
    /// The chip does not report the cause.
    Unknown,
}

/// A fault of a card. Faults are appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CardFault {
    /// The card does not answer.
    Silent,
    /// A block could not be read.
    Read,
    /// A block could not be written, or reads back differently.
    Write,
    /// The card has no file system of a kind that this device knows.
    Foreign,
    /// The card is full.
    Full,
    /// A snapshot on the card is damaged.
    Snapshot,
    /// The card was pulled in the middle of work.
    Pulled,
}

/// The reason why an entry was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteError<E> {
    /// The entry is larger than an entry may be.
    TooLarge {
        /// The most bytes of an encoded entry.
        bytes_max: usize,
    },
    /// The flash reports an error.
    Flash(E),
    /// The flash does not hold what is written to it.
    Unfit,
}

impl<E: fmt::Debug> fmt::Display for NoteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes_max } => {
                write!(f, "the entry is larger than {bytes_max} bytes")
            }
            Self::Flash(error) => write!(f, "the flash of the diary failed: {error:?}"),
            Self::Unfit => f.write_str("the flash of the diary does not hold what is written"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for NoteError<E> {}

/// The result of reading the diary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The number of entries visited.
    pub entries: u32,
    /// The number of entries of kinds that this version does not know.
    pub unknown: u32,
    /// True if the reading ended early. The diary is then begun anew at the next note.
    pub is_damaged: bool,
}

type Queue<F> = QueueStorage<Checked<F>, Cache<Uncached, Uncached, Uncached>>;

type EntryBuffer = Buffer<{ DIARY_ENTRY_BYTES_MAX.next_multiple_of(32) }>;

/// The diary of a device.
pub struct Diary<F: NorFlash> {
    queue: Queue<F>,
    is_damaged: bool,
    /// True once a note of this run was read back. Until then, pages may be in an order in which a
    /// reading does not reach the newest entry.
    is_proven: bool,
}

impl<F: NorFlash> Diary<F> {
    /// The pages needed. With two, at least one page of older entries always remains.
    pub const PAGES_MIN: usize = {
        assert!(
            region::page_room::<F>() >= region::item_bytes::<F>(DIARY_ENTRY_BYTES_MAX),
            "a page must hold the largest entry"
        );
        2
    };

    /// Opens the diary in `range` of the flash, without a read or write.
    pub fn open(flash: F, range: Range<u32>) -> Result<Self, RegionError> {
        region::check(&flash, &range, Self::PAGES_MIN)?;
        let page_bytes = F::ERASE_SIZE as u32;
        let config =
            QueueConfig::try_new(range).map_err(|_| RegionError::NotAligned { page_bytes })?;
        let queue = Queue::new(Checked(flash), config, Cache::new_uncached());
        Ok(Self { queue, is_damaged: false, is_proven: false })
    }

    /// Adds an entry. When this returns, the entry is kept until newer ones need its page.
    pub async fn note(&mut self, entry: &DiaryEntry<'_>) -> Result<(), NoteError<F::Error>> {
        let mut buffer = EntryBuffer::new();
        let bytes = encode(entry, &mut buffer)?;
        if !self.is_damaged {
            // The queue leaves a failed place behind, so the second try goes elsewhere.
            for _ in 0..2 {
                if self.queue.push(bytes, true).await.is_ok() && self.is_newest(bytes).await {
                    return Ok(());
                }
            }
        }
        self.renew(entry.time, bytes).await
    }

    /// Visits the entries, oldest first.
    pub async fn read(
        &mut self,
        mut visit: impl FnMut(&DiaryEntry<'_>),
    ) -> Result<Reading, F::Error> {
        let mut reading = Reading::default();
        match self.visit(&mut visit, &mut reading).await {
            Ok(()) => {}
            // The flash may work the next time, and its contents are not to blame.
            Err(Error::Storage { value: CheckedError::Flash(error), .. }) => return Err(error),
            Err(_) => self.is_damaged = true,
        }
        reading.is_damaged = self.is_damaged;
        Ok(reading)
    }

    /// Returns the flash.
    pub fn into_flash(self) -> F {
        self.queue.destroy().0.0
    }

    async fn visit(
        &mut self,
        visit: &mut impl FnMut(&DiaryEntry<'_>),
        reading: &mut Reading,
    ) -> Result<(), Error<CheckedError<F::Error>>> {
        let mut buffer = EntryBuffer::new();
        let mut items = self.queue.iter().await?;
        while let Some(item) = items.next(&mut buffer.0).await? {
            match postcard::from_bytes::<DiaryEntry<'_>>(&item) {
                Ok(entry) => {
                    reading.entries += 1;
                    visit(&entry);
                }
                Err(_) => reading.unknown += 1,
            }
        }
        Ok(())
    }

    /// Returns whether the newest entry is this one. It is looked up only once, as this reads the
    /// whole diary.
    async fn is_newest(&mut self, bytes: &[u8]) -> bool {
        if !self.is_proven {
            let mut buffer = EntryBuffer::new();
            let Ok(mut items) = self.queue.iter().await else { return false };
            loop {
                match items.next(&mut buffer.0).await {
                    Ok(Some(item)) => self.is_proven = *item == *bytes,
                    Ok(None) => break,
                    Err(_) => return false,
                }
            }
        }
        self.is_proven
    }

    async fn renew(&mut self, time: Millis, bytes: &[u8]) -> Result<(), NoteError<F::Error>> {
        let mut buffer = EntryBuffer::new();
        let first = DiaryEntry { time, event: DiaryEvent::DiaryRenewed };
        let first = encode(&first, &mut buffer)?;
        let fault = |error| match error {
            Error::Storage { value: CheckedError::Flash(error), .. } => NoteError::Flash(error),
            _ => NoteError::Unfit,
        };
        self.queue.erase_all().await.map_err(fault)?;
        self.queue.push(first, true).await.map_err(fault)?;
        self.queue.push(bytes, true).await.map_err(fault)?;
        self.is_damaged = false;
        self.is_proven = true;
        Ok(())
    }
}

fn encode<'b, E>(
    entry: &DiaryEntry<'_>,
    buffer: &'b mut EntryBuffer,
) -> Result<&'b [u8], NoteError<E>> {
    let bytes_max = DIARY_ENTRY_BYTES_MAX;
    let room = buffer.0.get_mut(..bytes_max).ok_or(NoteError::TooLarge { bytes_max })?;
    match postcard::to_slice(entry, room) {
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(NoteError::TooLarge { bytes_max }),
    }
}

#[cfg(test)]
mod tests;
