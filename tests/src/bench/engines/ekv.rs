//! ekv: an LSM tree on flash, with its checksums on, a transaction for each edit.
use contactbox_core::sim::NorError;
use ekv::flash::{Flash, PageID};
use ekv::{Config, Database, ReadError};
use embassy_futures::block_on;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embedded_storage_async::nor_flash::{NorFlash, ReadNorFlash};

use crate::bench::chip::Chip;
use crate::bench::engine::{Engine, Trouble};
use crate::bench::work::Edit;

/// A page of this build of ekv, set by a feature of the crate.
const PAGE_BYTES: usize = ekv::config::PAGE_SIZE;

/// The chip in the form that ekv takes.
struct Pages<const WRITE: usize>(Chip<WRITE, PAGE_BYTES>);

impl<const WRITE: usize> Flash for Pages<WRITE> {
    type Error = NorError;

    fn page_count(&self) -> usize {
        self.0.bytes() / PAGE_BYTES
    }

    async fn erase(&mut self, page: PageID) -> Result<(), NorError> {
        let start = (page.index() * PAGE_BYTES) as u32;
        self.0.erase(start, start + PAGE_BYTES as u32).await
    }

    async fn read(&mut self, page: PageID, offset: usize, data: &mut [u8]) -> Result<(), NorError> {
        self.0.read((page.index() * PAGE_BYTES + offset) as u32, data).await
    }

    async fn write(&mut self, page: PageID, offset: usize, data: &[u8]) -> Result<(), NorError> {
        self.0.write((page.index() * PAGE_BYTES + offset) as u32, data).await
    }
}

/// The engine: a record under the number of its contact, four bytes in big-endian order.
pub struct Ekv<const WRITE: usize> {
    database: Database<Pages<WRITE>, NoopRawMutex>,
}

impl<const WRITE: usize> Engine<WRITE, PAGE_BYTES> for Ekv<WRITE> {
    const NAME: &'static str = "ekv with CRC";

    fn format(chip: Chip<WRITE, PAGE_BYTES>) -> Result<Self, Trouble> {
        let database = Database::new(Pages(chip), Config::default());
        block_on(database.format()).map_err(Trouble::of)?;
        Ok(Self { database })
    }

    fn open(chip: Chip<WRITE, PAGE_BYTES>, boot: u32) -> Result<Self, Trouble> {
        let mut config = Config::default();
        config.random_seed = boot;
        let database = Database::new(Pages(chip), config);
        block_on(database.mount()).map_err(Trouble::of)?;
        Ok(Self { database })
    }

    fn put(&mut self, edit: &Edit) -> Result<(), Trouble> {
        block_on(async {
            let mut transaction = self.database.write_transaction().await;
            transaction.write(&edit.key.to_be_bytes(), &edit.record).await.map_err(Trouble::of)?;
            transaction.commit().await.map_err(Trouble::of)
        })
    }

    fn get(&mut self, key: u32, out: &mut Vec<u8>) -> Result<bool, Trouble> {
        block_on(async {
            out.resize(ekv::config::MAX_VALUE_SIZE, 0);
            let transaction = self.database.read_transaction().await;
            let found = match transaction.read(&key.to_be_bytes(), out).await {
                Ok(bytes) => {
                    out.truncate(bytes);
                    true
                }
                Err(ReadError::KeyNotFound) => false,
                Err(error) => return Err(Trouble::of(error)),
            };
            Ok(found)
        })
    }
}
