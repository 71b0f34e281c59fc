//! The contact box itself, as an engine among the others: the whole book, index and search included.
use contactbox_core::contact::AuthorIndex;
use contactbox_core::store::{Book, BookConfig};
use embassy_futures::block_on;

use super::chip::Chip;
use super::engine::{Engine, Trouble};
use super::work::{Edit, uid};
use crate::world::memory::{HostMemory, parts};

/// The largest contact of any work here, with room for an entry's header.
const CONTACT_BYTES_MAX: usize = 4_096;
/// A device's: one slice of 32 bits a contact.
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
        // What is known to be stale is not passed off as the newest.
        let Some(found) = found else { return Ok(false) };
        if found.is_stale {
            return Err(Trouble("a newer version of it was lost, which the box says".into()));
        }
        out.extend_from_slice(found.contact.bytes());
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::Ours;
    use crate::bench::flash::{self, Fill, PAGE_BYTES, WORD_BYTES};
    use crate::bench::work::Choice;
    use crate::report;

    /// The bounds are what the box costs now, a little rounded up: a change that makes it dearer
    /// should be seen.
    #[test]
    fn an_edit_costs_no_more_than_it_did() {
        let bounds = [(1.10, 1.13, 1.1), (1.36, 1.20, 1.15), (2.90, 1.60, 1.4)];
        for (fill, (uniform, skewed, programs_max)) in Fill::all().into_iter().zip(bounds) {
            for (choice, bytes_max) in Choice::ALL.into_iter().zip([uniform, skewed]) {
                let cost = flash::measure::<Ours<WORD_BYTES, PAGE_BYTES>>(fill, choice)
                    .unwrap_or_else(|why| panic!("{} %: {why}", fill.percent));
                let (bytes, programs) = (cost.bytes_per_byte(), cost.programs_per_edit());
                let work = format!("{} % full, {}", fill.percent, choice.name());
                let said = format!("{work}: {bytes:.2} x, {programs:.2} programs an edit");
                report::line("an_edit_costs_no_more_than_it_did", &said);
                assert!(bytes <= bytes_max, "{said}");
                assert!(programs <= programs_max, "{said}");
                assert!(cost.erases_worst() <= 1, "{work}: {} erases", cost.erases_worst());
                assert!(cost.reads_per_get() == 1.0, "{work}: {} reads", cost.reads_per_get());
            }
        }
    }
}
