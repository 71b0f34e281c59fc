//! What a device's program asks of its flash and its card, as the emulator's own
//! models of the two chips tell.
//!
//! The emulator says each event on a line of its error output when it is asked to; its counters of
//! drives do not count what these two models do.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// What is watched. What is not is not counted, and costs nothing.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Nothing.
    #[default]
    Nothing,
    /// The blocks of the card: so few events that the device is no slower for it.
    Card,
    /// The card, and the flash to the byte: the device is much slower for it.
    Everything,
}

impl Watched {
    /// What the emulator is told.
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

/// How often what was asked, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks read from the card.
    pub card_reads: u64,
    /// Blocks written to the card.
    pub card_writes: u64,
    /// When the card was first asked for a block.
    pub card_first: Option<Instant>,
    /// When a block was first written to the card.
    pub card_write_first: Option<Instant>,
    /// When the card was last asked for, or given, a block.
    pub card_last: Option<Instant>,
    /// Reads of the flash.
    pub flash_reads: u64,
    /// Bytes they gave.
    pub flash_read_bytes: u64,
}

impl Counts {
    fn card(&mut self) -> Instant {
        let now = Instant::now();
        self.card_first.get_or_insert(now);
        self.card_last = Some(now);
        now
    }

    /// Counts what a line tells; false when it tells of something else.
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

/// The command that reads a NOR chip, at the end of the line that tells of it.
pub const READ: &[u8] = b":0x3";

/// A running count, until the emulator ends.
#[derive(Default)]
pub struct Tally {
    counts: Arc<Mutex<Counts>>,
    thread: Option<JoinHandle<()>>,
}

impl Tally {
    /// Counts what is told; everything else goes to the log.
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

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        *locked(&self.counts)
    }

    /// What was counted to the end; waits for the emulator to end.
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
