//! Counts a device's requests to its flash and its card, as the emulator's models of the chips
//! report them.
//!
//! The emulator can print each event as a line of its error output. Its own counters of drives do
//! not cover these two models.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// The events that are counted. Other events cost nothing.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub enum Watched {
    /// No event.
    #[default]
    Nothing,
    /// The blocks of the card: so few events that they do not slow the device down.
    Card,
    /// The card, and the flash to the byte, which makes the device much slower.
    Everything,
}

impl Watched {
    /// Returns the emulator's arguments.
    pub(crate) fn arguments(self) -> impl Iterator<Item = &'static str> {
        let events: &[&str] = match self {
            Self::Nothing => &[],
            Self::Card => &["sdcard_read_block", "sdcard_write_block"],
            Self::Everything => &[
                "sdcard_read_block",
                "sdcard_write_block",
                "m25p80_command_decoded",
                "m25p80_read_byte",
            ],
        };
        events.iter().flat_map(|event| ["-trace", event])
    }
}

/// The numbers and the times of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The blocks read from the card.
    pub card_reads: u64,
    /// The blocks written to the card.
    pub card_writes: u64,
    /// The time of the first block read from or written to the card.
    pub card_first: Option<Instant>,
    /// The time of the first block written to the card.
    pub card_write_first: Option<Instant>,
    /// The time of the last block read from or written to the card.
    pub card_last: Option<Instant>,
    /// The reads of the flash.
    pub flash_reads: u64,
    /// The bytes of these reads.
    pub flash_read_bytes: u64,
}

impl Counts {
    fn card(&mut self) -> Instant {
        let now = Instant::now();
        self.card_first.get_or_insert(now);
        self.card_last = Some(now);
        now
    }

    /// Counts the event in a line; returns false if the line is something else.
    pub fn count(&mut self, line: &[u8]) -> bool {
        if line.starts_with(b"m25p80_read_byte ") {
            self.flash_read_bytes += 1;
        } else if line.starts_with(b"m25p80_command_decoded ") {
            self.flash_reads += u64::from(line.trim_ascii_end().ends_with(READ));
        } else if line.starts_with(b"sdcard_read_block ") {
            self.card();
            self.card_reads += 1;
        } else if line.starts_with(b"sdcard_write_block ") {
            let now = self.card();
            self.card_write_first.get_or_insert(now);
            self.card_writes += 1;
        } else {
            return false;
        }
        true
    }
}

/// The command that reads a NOR chip, at the end of the line of its event.
pub const READ: &[u8] = b":0x3";

/// A running count, until the emulator ends.
#[derive(Default)]
pub struct Tally {
    counts: Arc<Mutex<Counts>>,
    thread: Option<JoinHandle<()>>,
}

impl Tally {
    /// Counts the events in `told`; all other lines go to the log.
    pub(crate) fn of(told: impl Read + Send + 'static, mut log: File) -> Self {
        let counts = Arc::<Mutex<Counts>>::default();
        let shared = counts.clone();
        let thread = std::thread::spawn(move || {
            let mut told = BufReader::new(told);
            let mut line = Vec::new();
            while told.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                if !locked(&shared).count(&line) {
                    log.write_all(&line).ok();
                }
                line.clear();
            }
        });
        Self { counts, thread: Some(thread) }
    }

    /// Returns the count so far.
    pub fn counts(&self) -> Counts {
        *locked(&self.counts)
    }

    /// Waits for the emulator to end and returns the whole count.
    pub fn total(&mut self) -> Counts {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("counting does not panic");
        }
        self.counts()
    }
}

fn locked(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
