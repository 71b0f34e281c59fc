//! Opening the box with two threads: one reads the log, the other makes the signatures for searching.

use super::desk::parts;
use crate::image::{Image, ImageError};
use crate::memory::{Growing, Heap};
use contactbox_core::store::{
    Book, BookConfig, Note, OpenError, OpenReport, Scribe, Signatures, Unsigned,
};
use embassy_futures::block_on;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

/// Records that go to the other thread together, in bytes.
const SHEET_BYTES: usize = 64 * 1024;

/// Such sheets that may be on their way.
const SHEETS: usize = 8;

type Opened = Result<(Book<Image, Heap>, OpenReport), OpenError<ImageError>>;

/// Opens the box in an image.
pub(super) fn open(image: Image, config: BookConfig) -> Opened {
    let (sender, sheets) = mpsc::sync_channel(SHEETS);
    let signer = thread::Builder::new()
        .name("signer".to_owned())
        .spawn(move || sign(Signatures::new(&config, Growing::new(0, 0)), &sheets));
    // Without a second thread it takes longer, and is the same.
    let Ok(signer) = signer else { return block_on(Book::open(image, config, parts())) };
    let mut writer = Writer { sheet: Sheet::default(), sender };
    let opened = block_on(Book::open_unsigned(image, config, parts(), &mut writer));
    writer.send();
    drop(writer);
    let signed = signer.join();
    let (book, report): (Unsigned<Image, Heap>, _) = opened?;
    let (signatures, keys) = match signed {
        Ok(Some(signed)) => signed,
        Ok(None) => return Err(OpenError::IndexFull { slots: book.slots() }),
        Err(fault) => std::panic::resume_unwind(fault),
    };
    let key = |slot: u32| keys.get(slot as usize).copied().unwrap_or(0);
    Ok((book.sign(signatures, key), report))
}

/// Notes on their way to the other thread: their records stand one behind the other.
#[derive(Default)]
struct Sheet {
    notes: Vec<Heading>,
    records: Vec<u8>,
}

/// A note without its record.
struct Heading {
    slot: u32,
    len: u32,
    is_again: bool,
    is_spilled: bool,
}

struct Writer {
    sheet: Sheet,
    sender: SyncSender<Sheet>,
}

impl Writer {
    fn send(&mut self) {
        // When the other thread has given up, joining it tells.
        self.sender.send(std::mem::take(&mut self.sheet)).ok();
    }
}

impl Scribe for Writer {
    fn note(&mut self, note: &Note<'_>) {
        let Note { slot, is_again, is_spilled, record } = *note;
        if self.sheet.records.len() + record.len() > SHEET_BYTES {
            self.send();
        }
        // A record that stands in one entry is shorter than a page.
        let len = record.len() as u32;
        self.sheet.notes.push(Heading { slot, len, is_again, is_spilled });
        self.sheet.records.extend_from_slice(record);
    }
}

/// The signatures, and the sort keys by slot; `None` when there is no memory for them.
type Signed = Option<(Signatures<Growing<u32>>, Vec<u64>)>;

fn sign(mut signatures: Signatures<Growing<u32>>, sheets: &Receiver<Sheet>) -> Signed {
    let mut keys = Vec::new();
    for Sheet { notes, records } in sheets {
        let mut rest = &records[..];
        for Heading { slot, len, is_again, is_spilled } in notes {
            let (record, more) = rest.split_at_checked(len as usize)?;
            rest = more;
            let key = signatures.take(&Note { slot, is_again, is_spilled, record })?;
            let place = slot as usize;
            if place >= keys.len() {
                keys.resize(place + 1, 0);
            }
            keys[place] = key;
        }
    }
    Some((signatures, keys))
}
