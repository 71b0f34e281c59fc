//! What a device notes of itself: starts, panics, damage, faults of cards. One of the two files
//! that name `sequential_storage`.
//!
//! The newest entries are kept, as many as fit; the oldest make room a page at a time. A region
//! that makes no sense is erased at the next note, which says so first.

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

/// An entry: what happened, and when by the box's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiaryEntry<'a> {
    /// When.
    pub time: Millis,
    /// What.
    #[serde(borrow)]
    pub event: DiaryEvent<'a>,
}

/// What can happen. The order is that of the codes in flash: appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiaryEvent<'a> {
    /// The device started.
    Started {
        /// Why.
        cause: Cause,
    },
    /// The program stopped itself; see [`DiaryEvent::panicked`].
    Panicked {
        /// Source file, from its end.
        file: &'a str,
        /// Line in it.
        line: u32,
    },
    /// The diary made no sense and was begun anew.
    DiaryRenewed,
    /// The settings made no sense and were written anew.
    SettingsRenewed,
    /// Opening or checking the box found damage.
    Damaged {
        /// Entries of the journal that are lost.
        lost: u32,
        /// Entries that could be mended.
        mended: u32,
    },
    /// A page of the flash holds nothing any more and was left.
    PageLeft {
        /// Its number in the chip.
        page: u32,
    },
    /// A card did not do what it should.
    CardFailed {
        /// What it did.
        fault: CardFault,
        /// The block it was about, if any.
        block: Option<u32>,
    },
}

impl<'a> DiaryEvent<'a> {
    /// A panic; of a long file name the end is kept.
    pub fn panicked(file: &'a str, line: u32) -> Self {
        let start = file.ceil_char_boundary(file.len().saturating_sub(DIARY_FILE_BYTES_MAX));
        Self::Panicked { file: file.get(start..).unwrap_or(""), line }
    }
}

/// Why a device started. Appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Power came.
    Power,
    /// Power was too low for a moment.
    BrownOut,
    /// Somebody pressed reset.
    Button,
    /// The program did not come round in time.
    Watchdog,
    /// The program asked for it.
    Request,
    /// The processor met what it cannot do.
    Fault,
    /// The chip does not tell.
    Unknown,
}

/// What is wrong with a card. Appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CardFault {
    /// It does not answer.
    Silent,
    /// A block could not be read.
    Read,
    /// A block could not be written, or reads back otherwise.
    Write,
    /// It has no file system of a kind this device knows.
    Foreign,
    /// It is full.
    Full,
    /// A snapshot on it is damaged.
    Snapshot,
    /// It was pulled in the middle of work.
    Pulled,
}

/// Why an entry was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteError<E> {
    /// The entry is larger than an entry may be.
    TooLarge {
        /// Most bytes of an encoded entry.
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

/// What a reading of the diary met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Entries visited.
    pub entries: u32,
    /// Entries of kinds this version does not know.
    pub unknown: u32,
    /// Whether the reading ended early; the diary is begun anew at the next note.
    pub is_damaged: bool,
}

type Queue<F> = QueueStorage<Checked<F>, Cache<Uncached, Uncached, Uncached>>;

type EntryBuffer = Buffer<{ DIARY_ENTRY_BYTES_MAX.next_multiple_of(32) }>;

/// The diary of a device.
pub struct Diary<F: NorFlash> {
    queue: Queue<F>,
    is_damaged: bool,
    /// Whether a note of this run has been seen again by reading: until then, pages may lie in an
    /// order in which a reading does not reach the newest.
    is_proven: bool,
}

impl<F: NorFlash> Diary<F> {
    /// Pages needed: with two, there is always at least one page of the past.
    pub const PAGES_MIN: usize = {
        assert!(
            region::page_room::<F>() >= region::item_bytes::<F>(DIARY_ENTRY_BYTES_MAX),
            "a page must hold the largest entry"
        );
        2
    };

    /// The diary kept in `range` of the flash; reads and writes nothing.
    pub fn open(flash: F, range: Range<u32>) -> Result<Self, RegionError> {
        region::check(&flash, &range, Self::PAGES_MIN)?;
        let page_bytes = F::ERASE_SIZE as u32;
        let config =
            QueueConfig::try_new(range).map_err(|_| RegionError::NotAligned { page_bytes })?;
        let queue = Queue::new(Checked(flash), config, Cache::new_uncached());
        Ok(Self { queue, is_damaged: false, is_proven: false })
    }

    /// Notes an entry. When this returns, it is kept, until newer ones need its page.
    pub async fn note(&mut self, entry: &DiaryEntry<'_>) -> Result<(), NoteError<F::Error>> {
        let mut buffer = EntryBuffer::new();
        let bytes = encode(entry, &mut buffer)?;
        if !self.is_damaged {
            // A place that did not take it is left behind; the second try goes elsewhere.
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
            // The flash may answer another time: what is in it is not to blame.
            Err(Error::Storage { value: CheckedError::Flash(error), .. }) => return Err(error),
            Err(_) => self.is_damaged = true,
        }
        reading.is_damaged = self.is_damaged;
        Ok(reading)
    }

    /// The flash.
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

    /// Whether a reading ends with this entry. Looked up once: it reads the whole diary.
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
