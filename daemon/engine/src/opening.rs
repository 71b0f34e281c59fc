//! Opening the box with two threads: one reads the log, the other makes the
//! signatures for searching.

use crate::host::parts;
use crate::image::{Image, ImageError};
use crate::memory::{Growing, Heap};
use contactbox_core::store::{
    Book, BookConfig, BookWithoutFilter, FilterInput, FilterSink, GramFilter, OpenError, OpenReport,
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
pub(crate) fn open(image: Image, config: BookConfig) -> Opened {
    let (sender, sheets) = mpsc::sync_channel(SHEETS);
    let signer = thread::Builder::new()
        .name("signer".to_owned())
        .spawn(move || filter(GramFilter::new(&config, Growing::new(0, 0)), &sheets));
    // Without a second thread it takes longer, and is the same.
    let Ok(signer) = signer else { return block_on(Book::open(image, config, parts())) };
    let mut writer = FilterThread { sheet: FilterBatch::default(), sender };
    let opened = block_on(Book::open_unsigned(image, config, parts(), &mut writer));
    writer.send();
    drop(writer);
    let signed = signer.join();
    let (book, report): (BookWithoutFilter<Image, Heap>, _) = opened?;
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
struct FilterBatch {
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

struct FilterThread {
    sheet: FilterBatch,
    sender: SyncSender<FilterBatch>,
}

impl FilterThread {
    fn send(&mut self) {
        // When the other thread has given up, joining it tells.
        self.sender.send(std::mem::take(&mut self.sheet)).ok();
    }
}

impl FilterSink for FilterThread {
    fn note(&mut self, note: &FilterInput<'_>) {
        let FilterInput { slot, is_again, is_spilled, record } = *note;
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
type Signed = Option<(GramFilter<Growing<u32>>, Vec<u64>)>;

fn filter(mut signatures: GramFilter<Growing<u32>>, sheets: &Receiver<FilterBatch>) -> Signed {
    let mut keys = Vec::new();
    for FilterBatch { notes, records } in sheets {
        let mut rest = &records[..];
        for Heading { slot, len, is_again, is_spilled } in notes {
            let (record, more) = rest.split_at_checked(len as usize)?;
            rest = more;
            let key = signatures.take(&FilterInput { slot, is_again, is_spilled, record })?;
            let place = slot as usize;
            if place >= keys.len() {
                keys.resize(place + 1, 0);
            }
            keys[place] = key;
        }
    }
    Some((signatures, keys))
}
