//! The contact box itself as one of the engines: the whole book, index and search included.
use contactbox_core::contact::AuthorIndex;
use contactbox_core::store::{Book, BookConfig};
use embassy_futures::block_on;

use super::chip::Chip;
use super::engine::{Engine, Trouble};
use super::work::{Edit, uid};
use crate::world::memory::{HostMemory, parts};

/// The largest contact of all works, with its entry's header.
const CONTACT_BYTES_MAX: usize = 4_096;
/// The configuration of a device: one slice of 32 bits for each contact.
const CONFIG: BookConfig = BookConfig { id: 0x0C01_7AC7_B0C5, gram_slices: 32, gram_probes: 1 };

/// A box on a chip.
pub struct Ours<const WRITE: usize, const ERASE: usize> {
    book: Book<Chip<WRITE, ERASE>, HostMemory>,
    buffer: Vec<u8>,
}

impl<const WRITE: usize, const ERASE: usize> Engine<WRITE, ERASE> for Ours<WRITE, ERASE> {
    const NAME: &'static str = "contactbox";
    const IS_STRICT: bool = true;

    fn format(chip: Chip<WRITE, ERASE>) -> Result<Self, Trouble> {
        let memory = parts(chip.bytes() / ERASE, ERASE, CONTACT_BYTES_MAX);
        let book = block_on(Book::format(chip, CONFIG, memory)).map_err(Trouble::of)?;
        Ok(Self { book, buffer: vec![0; CONTACT_BYTES_MAX] })
    }

    fn open(chip: Chip<WRITE, ERASE>, _boot: u32) -> Result<Self, Trouble> {
        let memory = parts(chip.bytes() / ERASE, ERASE, CONTACT_BYTES_MAX);
        let (book, _report) = block_on(Book::open(chip, CONFIG, memory)).map_err(Trouble::of)?;
        Ok(Self { book, buffer: vec![0; CONTACT_BYTES_MAX] })
    }

    fn put(&mut self, edit: &Edit) -> Result<(), Trouble> {
        let put = edit.with_draft(|draft| {
            let card = draft.contents();
            block_on(self.book.put(uid(edit.key), &card, None, AuthorIndex(0), edit.now))
        });
        put.map(drop).map_err(Trouble::of)
    }

    fn get(&mut self, key: u32, out: &mut Vec<u8>) -> Result<bool, Trouble> {
        out.clear();
        let found = block_on(self.book.get(uid(key), &mut self.buffer)).map_err(Trouble::of)?;
        // A contact known to be stale does not pass for the newest.
        let Some(found) = found else { return Ok(false) };
        if found.is_stale {
            return Err(Trouble("a newer version of it was lost, which the box says".into()));
        }
        out.extend_from_slice(found.contact.bytes());
        Ok(true)
    }
}
