//! The queue of sequential-storage used as a journal.
//!
//! An entry has a key and a number, and the entry with the highest number of a key is its state.
//! Live entries on the pages to be overwritten next are pushed again.
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use embassy_futures::block_on;
use embedded_storage_async::nor_flash::ReadNorFlash;
use sequential_storage::cache::page_pointers::ArrayPagePointers;
use sequential_storage::cache::page_states::ArrayPageStates;
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::queue::{QueueConfig, QueueStorage};

use crate::bench::chip::Chip;
use crate::bench::engine::{Engine, Trouble};
use crate::bench::work::Edit;

const PAGES_MAX: usize = 128;
/// The bytes of the key and the number before each record, four bytes each.
const HEAD_BYTES: usize = 8;
const BUFFER_BYTES: usize = 1_024;

type Caches = Cache<ArrayPageStates<PAGES_MAX>, ArrayPagePointers<PAGES_MAX>, Uncached>;
type Storage<const WRITE: usize, const ERASE: usize> = QueueStorage<Watched<WRITE, ERASE>, Caches>;

/// A chip that remembers the place of the last access. The queue does not tell where its items are,
/// and the last access of a push or of a step of its iterator is the data of the item.
#[derive(Clone)]
struct Watched<const WRITE: usize, const ERASE: usize> {
    chip: Chip<WRITE, ERASE>,
    last: Rc<Cell<u32>>,
}

mod watched {
    //! The traits of the chip, which record each place.
    use super::Watched;
    use contactbox_core::sim::NorError;
    use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

    impl<const WRITE: usize, const ERASE: usize> ErrorType for Watched<WRITE, ERASE> {
        type Error = NorError;
    }

    impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Watched<WRITE, ERASE> {
        const READ_SIZE: usize = 1;

        async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
            self.last.set(offset);
            self.chip.read(offset, bytes).await
        }

        fn capacity(&self) -> usize {
            self.chip.capacity()
        }
    }

    impl<const WRITE: usize, const ERASE: usize> NorFlash for Watched<WRITE, ERASE> {
        const WRITE_SIZE: usize = WRITE;
        const ERASE_SIZE: usize = ERASE;

        async fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
            self.chip.erase(from, to).await
        }

        async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
            self.last.set(offset);
            self.chip.write(offset, bytes).await
        }
    }
}

#[derive(Clone, Copy)]
struct Place {
    number: u32,
    offset: u32,
    bytes: usize,
}

fn key_and_number(entry: &[u8]) -> Option<(u32, u32)> {
    let (key, rest) = entry.split_first_chunk::<4>()?;
    let (number, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*key), u32::from_le_bytes(*number)))
}

/// The journal: the queue, and the place of the newest entry of each contact.
pub struct Queue<const WRITE: usize, const ERASE: usize> {
    queue: Storage<WRITE, ERASE>,
    last: Rc<Cell<u32>>,
    places: HashMap<u32, Place>,
    number: u32,
    /// The place of the last entry.
    head: u32,
    pages: u32,
}

impl<const WRITE: usize, const ERASE: usize> Queue<WRITE, ERASE> {
    /// Pushes one entry, reads it back, and records its place.
    fn push(&mut self, key: u32, number: u32, record: &[u8]) -> Result<(), Trouble> {
        let mut entry = Vec::with_capacity(HEAD_BYTES + record.len());
        entry.extend_from_slice(&key.to_le_bytes());
        entry.extend_from_slice(&number.to_le_bytes());
        entry.extend_from_slice(record);
        block_on(self.queue.push(&entry, true)).map_err(Trouble::of)?;
        let offset = self.last.get();
        // A tail shorter than a word is written by itself, behind the rest.
        let offset = if entry.len().is_multiple_of(WRITE) || entry.len() < WRITE {
            offset
        } else {
            offset - (entry.len() / WRITE * WRITE) as u32
        };
        let mut back = vec![0; entry.len()];
        block_on(self.queue.flash().read(offset, &mut back)).map_err(Trouble::of)?;
        if back != entry {
            return Err(Trouble("what was pushed does not read back".into()));
        }
        self.places.insert(key, Place { number, offset, bytes: entry.len() });
        self.head = offset;
        Ok(())
    }

    /// Returns the entry at a place, without its head.
    fn read(&mut self, place: Place) -> Result<Vec<u8>, Trouble> {
        let mut entry = vec![0; place.bytes];
        block_on(self.queue.flash().read(place.offset, &mut entry)).map_err(Trouble::of)?;
        Ok(entry.split_off(HEAD_BYTES))
    }

    /// Pushes the live entries of the pages to be overwritten next, until there are none.
    ///
    /// It looks two pages ahead, because a push that clears the second may begin to overwrite the
    /// first.
    fn clear_ahead(&mut self) -> Result<(), Trouble> {
        // Each round may itself move on to a new page. A chip on which this never ends is full.
        for _ in 0..self.pages {
            let head = self.head / ERASE as u32;
            let is_next = |place: &Place| {
                (1..=2).any(|ahead| place.offset / ERASE as u32 == (head + ahead) % self.pages)
            };
            let mut keys: Vec<_> = self.places.iter().filter(|(_, place)| is_next(place)).collect();
            keys.sort_by_key(|(_, place)| place.number);
            let keys: Vec<_> = keys.into_iter().map(|(key, place)| (*key, *place)).collect();
            if keys.is_empty() {
                return Ok(());
            }
            for (key, place) in keys {
                let record = self.read(place)?;
                self.push(key, place.number, &record)?;
            }
        }
        Err(Trouble("the journal is too full to be cleared ahead".into()))
    }
}

impl<const WRITE: usize, const ERASE: usize> Engine<WRITE, ERASE> for Queue<WRITE, ERASE> {
    const NAME: &'static str = "sequential-storage queue";

    fn format(chip: Chip<WRITE, ERASE>) -> Result<Self, Trouble> {
        Self::open(chip, 0)
    }

    fn open(chip: Chip<WRITE, ERASE>, _boot: u32) -> Result<Self, Trouble> {
        let (bytes, pages) = (chip.bytes() as u32, (chip.bytes() / ERASE) as u32);
        let config = QueueConfig::try_new(0..bytes).map_err(Trouble::of)?;
        let cache = Cache::new(ArrayPageStates::new(), ArrayPagePointers::new(), Uncached);
        let last = Rc::new(Cell::new(0));
        let mut queue = QueueStorage::new(Watched { chip, last: last.clone() }, config, cache);
        let (mut places, mut highest, mut head) = (HashMap::<u32, Place>::new(), 0, 0);
        let mut buffer = vec![0; BUFFER_BYTES];
        block_on(async {
            let mut entries = queue.iter().await?;
            while let Some(entry) = entries.next(&mut buffer).await? {
                head = last.get();
                let Some((key, number)) = key_and_number(&entry) else { continue };
                let place = Place { number, offset: last.get(), bytes: entry.len() };
                // The later of two copies of an entry is not about to be overwritten.
                if places.get(&key).is_none_or(|known| known.number <= number) {
                    places.insert(key, place);
                }
                highest = highest.max(number);
            }
            Ok(())
        })
        .map_err(|error: sequential_storage::Error<_>| Trouble::of(error))?;
        Ok(Self { queue, last, places, number: highest, head, pages })
    }

    fn put(&mut self, edit: &Edit) -> Result<(), Trouble> {
        // A power cut may have come between the last push and this one.
        self.clear_ahead()?;
        self.number += 1;
        self.push(edit.key, self.number, &edit.record)?;
        self.clear_ahead()
    }

    fn get(&mut self, key: u32, out: &mut Vec<u8>) -> Result<bool, Trouble> {
        out.clear();
        let Some(place) = self.places.get(&key).copied() else { return Ok(false) };
        out.append(&mut self.read(place)?);
        Ok(true)
    }
}
