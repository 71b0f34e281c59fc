//! The map of sequential-storage: a record under the number of its contact.
use embassy_futures::block_on;
use sequential_storage::cache::key_pointers::ArrayKeyPointers;
use sequential_storage::cache::page_pointers::ArrayPagePointers;
use sequential_storage::cache::page_states::ArrayPageStates;
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::map::{MapConfig, MapStorage};

use crate::bench::chip::Chip;
use crate::bench::engine::{Engine, Trouble};
use crate::bench::work::Edit;

/// The pages and keys that the caches hold.
const PAGES_MAX: usize = 128;
const KEYS_MAX: usize = 3_072;
/// The buffer for a key and a record that the map asks for.
const BUFFER_BYTES: usize = 4_096;

type Caches = Cache<
    ArrayPageStates<PAGES_MAX>,
    ArrayPagePointers<PAGES_MAX>,
    ArrayKeyPointers<u32, KEYS_MAX>,
    u32,
>;
type NoCaches = Cache<Uncached, Uncached, Uncached, u32>;

macro_rules! map_engine {
    ($(#[$doc:meta])* $engine:ident, $name:literal, $caches:ty, $cache:expr) => {
        $(#[$doc])*
        pub struct $engine<const WRITE: usize, const ERASE: usize> {
            map: MapStorage<u32, Chip<WRITE, ERASE>, $caches>,
            buffer: Vec<u8>,
        }

        impl<const WRITE: usize, const ERASE: usize> Engine<WRITE, ERASE> for $engine<WRITE, ERASE> {
            const NAME: &'static str = $name;

            fn format(chip: Chip<WRITE, ERASE>) -> Result<Self, Trouble> {
                Self::open(chip, 0)
            }

            fn open(chip: Chip<WRITE, ERASE>, _boot: u32) -> Result<Self, Trouble> {
                let config = MapConfig::try_new(0..chip.bytes() as u32).map_err(Trouble::of)?;
                Ok(Self { map: MapStorage::new(chip, config, $cache), buffer: vec![0; BUFFER_BYTES] })
            }

            fn put(&mut self, edit: &Edit) -> Result<(), Trouble> {
                let record = edit.record.as_slice();
                block_on(self.map.store_item(&mut self.buffer, &edit.key, &record))
                    .map_err(Trouble::of)
            }

            fn get(&mut self, key: u32, out: &mut Vec<u8>) -> Result<bool, Trouble> {
                let fetched = self.map.fetch_item::<&[u8]>(&mut self.buffer, &key);
                let record = block_on(fetched).map_err(Trouble::of)?;
                out.clear();
                out.extend_from_slice(record.unwrap_or_default());
                Ok(record.is_some())
            }
        }
    };
}

map_engine! {
    /// With a cache for every page and every key.
    Map, "sequential-storage map", Caches,
    Cache::new(ArrayPageStates::new(), ArrayPagePointers::new(), ArrayKeyPointers::new())
}

map_engine! {
    /// Without a cache: no memory, and every look-up reads the log.
    UncachedMap, "the same, no cache", NoCaches, Cache::new_uncached()
}
