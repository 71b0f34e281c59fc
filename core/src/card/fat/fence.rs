//! Shows one checked file system of a block device and nothing else.
//!
//! Nothing is read or written outside, no operation goes round in circles, and writes are counted.

use super::boot::{Geometry, Lead, ShownBlock, lead, mend_info, partition, partition_table};
use super::{Block, BlockCount, BlockDevice, BlockIdx, DriverFailure};
use crate::card::medium::{CardError, SECTOR_BYTES};
use core::cell::Cell;
use core::fmt;

/// An error of the fence, or of the device behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FenceError<E> {
    /// The device failed.
    Device(E),
    /// The file system refers to a block outside itself.
    Outside,
    /// The file system leads round in circles: an operation read too many blocks.
    Endless,
    /// The device failed, and the file system did not pass on its error.
    Hidden,
}

impl<E: fmt::Debug> fmt::Display for FenceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => write!(f, "{error:?}"),
            Self::Outside => f.write_str("the file system leads out of itself"),
            Self::Endless => f.write_str("the file system leads round in circles"),
            Self::Hidden => f.write_str("the device failed"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for FenceError<E> {}

/// A device with a fence around one of its partitions.
///
/// Block 0 is a partition table with only that partition, which begins at block 1. A card without
/// partitions thus looks like every other.
pub(super) struct Fence<D: BlockDevice> {
    device: D,
    geometry: Geometry,
    writes: Cell<u64>,
    /// The blocks that the current operation may still read.
    reads_left: Cell<u32>,
    trouble: fn(&D::Error) -> DriverFailure,
    /// The failure in the current operation, if any. The file system takes some failures for a full
    /// card, or for the end of a folder.
    failed: Cell<Option<DriverFailure>>,
}

/// The error of a card behind the fence.
pub(super) type FenceResult<D> = CardError<FenceError<<D as BlockDevice>::Error>>;

impl<D: BlockDevice> Fence<D> {
    /// Finds the file system of a card and puts the fence around it.
    pub(super) fn new(
        device: D,
        trouble: fn(&D::Error) -> DriverFailure,
    ) -> Result<Self, (D, FenceResult<D>)> {
        match find(&device) {
            Ok(geometry) => Ok(Self {
                device,
                geometry,
                writes: Cell::new(0),
                reads_left: Cell::new(u32::MAX),
                trouble,
                failed: Cell::new(None),
            }),
            Err(error) => Err((device, error)),
        }
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Returns the number of sectors written.
    pub(super) fn writes(&self) -> u64 {
        self.writes.get()
    }

    /// Begins an operation, which may read this many blocks.
    pub(super) fn allow(&self, reads: u32) {
        self.reads_left.set(reads);
        self.failed.set(None);
    }

    /// Returns the failure in the current operation, even if the file system did not report it.
    pub(super) fn failed(&self) -> Option<DriverFailure> {
        self.failed.get()
    }

    /// Records a failure and returns it.
    fn note(&self, error: FenceError<D::Error>) -> FenceError<D::Error> {
        let trouble = match &error {
            FenceError::Device(error) => (self.trouble)(error),
            _ => DriverFailure::Other,
        };
        self.failed.set(Some(trouble));
        error
    }

    pub(super) fn into_device(self) -> D {
        self.device
    }

    pub(super) fn device(&self) -> &D {
        &self.device
    }

    /// Finds the block behind one that is shown to the driver.
    fn place(&self, index: u32) -> Result<ShownBlock, FenceError<D::Error>> {
        let inside = index.checked_sub(1).and_then(|inside| self.geometry.shown(inside));
        inside.ok_or(FenceError::Outside)
    }

    /// Returns the block of the card. The file system was checked to end within the card.
    fn on_card(&self, inside: u32) -> BlockIdx {
        BlockIdx(self.geometry.start + inside)
    }

    /// Repairs a block that was read, so that it can be trusted.
    fn mend(&self, inside: u32, sector: &mut [u8; SECTOR_BYTES]) {
        let Geometry { fat_at, fat_blocks, fats, clusters, entry_bytes, .. } = self.geometry;
        if inside == 0 {
            self.geometry.show(sector);
        }
        if Some(inside) == self.geometry.info_at {
            mend_info(sector, clusters);
        }
        let in_tables = inside.checked_sub(fat_at).filter(|&at| at < fats * fat_blocks);
        let Some(in_table) = in_tables.map(|at| at % fat_blocks) else { return };
        // Behind the entry of the last cluster a table may hold anything. Zeros there would count
        // as free clusters, beyond the end of the card.
        let end = u64::from(clusters + 2) * u64::from(entry_bytes);
        let begin = u64::from(in_table) * SECTOR_BYTES as u64;
        if end < begin + SECTOR_BYTES as u64 {
            let from = end.saturating_sub(begin) as usize;
            in_use(&mut sector[from..], entry_bytes as usize);
        }
    }
}

/// Fills a part of a table with entries of clusters in use.
fn in_use(entries: &mut [u8], entry_bytes: usize) {
    for entry in entries.chunks_exact_mut(entry_bytes) {
        entry.fill(0xFF);
        if let [.., last] = entry
            && entry_bytes == 4
        {
            *last = 0x0F;
        }
    }
}

/// Finds the file system of a card.
fn find<D: BlockDevice>(device: &D) -> Result<Geometry, FenceResult<D>> {
    let failed = |error| CardError::Device(FenceError::Device(error));
    let blocks = device.num_blocks().map_err(failed)?.0;
    let read = |index: u32| {
        let mut block = [Block::new()];
        device.read(&mut block, BlockIdx(index)).map_err(failed)?;
        let [block] = block;
        Ok(block.contents)
    };
    let starts = match lead(&read(0)?, blocks)? {
        Lead::Here(geometry) => return Ok(geometry),
        Lead::Partitions(starts) => starts,
    };
    let mut fault = CardError::NoFileSystem;
    for start in starts {
        if start == 0 || start >= blocks {
            continue;
        }
        match partition::<FenceError<D::Error>>(&read(start)?, start, blocks) {
            Ok(geometry) => return Ok(geometry),
            Err(CardError::ExFat) => fault = CardError::ExFat,
            Err(_) => {}
        }
    }
    Err(fault)
}

impl<D: BlockDevice> BlockDevice for Fence<D> {
    type Error = FenceError<D::Error>;

    fn read(&self, blocks: &mut [Block], start: BlockIdx) -> Result<(), Self::Error> {
        for (index, block) in (start.0..).zip(blocks) {
            if index == 0 {
                block.contents = partition_table(self.geometry.blocks_shown());
                continue;
            }
            let left = self.reads_left.get().checked_sub(1);
            let left = left.ok_or_else(|| self.note(FenceError::Endless))?;
            self.reads_left.set(left);
            let inside = match self.place(index).map_err(|error| self.note(error))? {
                ShownBlock::Block(inside) => inside,
                ShownBlock::InUse => {
                    in_use(&mut block.contents, self.geometry.entry_bytes as usize);
                    continue;
                }
            };
            let block = core::slice::from_mut(block);
            let read = self.device.read(block, self.on_card(inside));
            read.map_err(|error| self.note(FenceError::Device(error)))?;
            if let [block] = block {
                self.mend(inside, &mut block.contents);
            }
        }
        Ok(())
    }

    fn write(&self, blocks: &[Block], start: BlockIdx) -> Result<(), Self::Error> {
        for (index, block) in (start.0..).zip(blocks) {
            let ShownBlock::Block(inside) = self.place(index).map_err(|error| self.note(error))?
            else {
                return Err(self.note(FenceError::Outside));
            };
            self.writes.set(self.writes.get() + 1);
            let written = self.device.write(core::slice::from_ref(block), self.on_card(inside));
            written.map_err(|error| self.note(FenceError::Device(error)))?;
        }
        Ok(())
    }

    fn num_blocks(&self) -> Result<BlockCount, Self::Error> {
        Ok(BlockCount(self.geometry.blocks_shown() + 1))
    }
}
