//! An image of a whole card: a FAT file system in a file, with a partition table or without.

use super::folder::{FolderFault, OpenMode, lock};
use contactbox_core::card::fat::{
    Block, BlockCount, BlockDevice, BlockIdx, DriverFailure, FatCard, FenceError,
};
use contactbox_core::card::{Card, CardError, FileName, SECTOR_BYTES};
use contactbox_engine::Host;
use contactbox_engine::image::disk;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A file as a device of blocks.
struct Blocks(File);

fn at(start: BlockIdx, number: usize) -> u64 {
    (u64::from(start.0) + number as u64) * SECTOR_BYTES as u64
}

impl BlockDevice for Blocks {
    type Error = io::Error;

    fn read(&self, blocks: &mut [Block], start: BlockIdx) -> io::Result<()> {
        for (number, block) in blocks.iter_mut().enumerate() {
            disk::read_exact_at(&self.0, &mut block.contents, at(start, number))?;
        }
        Ok(())
    }

    fn write(&self, blocks: &[Block], start: BlockIdx) -> io::Result<()> {
        for (number, block) in blocks.iter().enumerate() {
            disk::write_all_at(&self.0, &block.contents, at(start, number))?;
        }
        Ok(())
    }

    fn num_blocks(&self) -> io::Result<BlockCount> {
        let blocks = self.0.metadata()?.len() / SECTOR_BYTES as u64;
        Ok(BlockCount(u32::try_from(blocks).unwrap_or(u32::MAX)))
    }
}

/// An image of a card, held against other programs of this kind.
pub struct ImageCard {
    card: FatCard<Blocks>,
}

impl ImageCard {
    /// Opens it, to be written to or only read.
    pub fn open(path: &Path, mode: OpenMode) -> Result<Self, CardError<FolderFault>> {
        let opened = OpenOptions::new().read(true).write(mode == OpenMode::Write).open(path);
        let file = match opened {
            // It is read then, and the first write says that it is not to be written.
            Err(error) if mode == OpenMode::Write && is_protected(&error) => File::open(path),
            opened => opened,
        };
        let file = file.map_err(|error| CardError::Device(FolderFault(error)))?;
        lock(&file, mode)?;
        let card = FatCard::new(Blocks(file), trouble, Host::now);
        Ok(Self { card: card.map_err(|(_, error)| told(error))? })
    }
}

fn is_protected(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// `EBADF` on Unix: written to a file that was opened for reading. `ERROR_ACCESS_DENIED` on Windows
/// is of a kind of its own.
const NOT_FOR_WRITING: i32 = 9;

fn trouble(error: &io::Error) -> DriverFailure {
    if is_protected(error) || (cfg!(unix) && error.raw_os_error() == Some(NOT_FOR_WRITING)) {
        DriverFailure::WriteProtected
    } else {
        DriverFailure::Other
    }
}

fn told(error: CardError<FenceError<io::Error>>) -> CardError<FolderFault> {
    match error {
        CardError::NoFileSystem => CardError::NoFileSystem,
        CardError::ExFat => CardError::ExFat,
        CardError::WriteProtected => CardError::WriteProtected,
        CardError::Forbidden => CardError::Forbidden,
        CardError::Full => CardError::Full,
        CardError::Removed => CardError::Removed,
        CardError::Inconsistent => CardError::Inconsistent,
        CardError::Device(FenceError::Device(error)) => CardError::Device(FolderFault(error)),
        CardError::Device(error) => {
            CardError::Device(FolderFault(io::Error::other(error.to_string())))
        }
    }
}

impl Card for ImageCard {
    type Error = FolderFault;

    async fn next_file(
        &mut self,
        after: Option<&FileName>,
    ) -> Result<Option<FileName>, CardError<FolderFault>> {
        self.card.next_file(after).await.map_err(told)
    }

    async fn len(&mut self, name: &FileName) -> Result<Option<u32>, CardError<FolderFault>> {
        self.card.len(name).await.map_err(told)
    }

    async fn read(
        &mut self,
        name: &FileName,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, CardError<FolderFault>> {
        self.card.read(name, offset, out).await.map_err(told)
    }

    async fn write(
        &mut self,
        name: &FileName,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), CardError<FolderFault>> {
        self.card.write(name, offset, bytes).await.map_err(told)
    }

    async fn flush(&mut self, name: &FileName) -> Result<(), CardError<FolderFault>> {
        self.card.flush(name).await.map_err(told)?;
        // On the disk, then out of memory: reading back reads the disk.
        let synced = self.card.with_device(|Blocks(file)| {
            let synced = file.sync_data();
            disk::forget(file);
            synced
        });
        match synced {
            // An image opened for reading has nothing to be put on the disk.
            Err(error) if trouble(&error) == DriverFailure::Other => {
                Err(CardError::Device(FolderFault(error)))
            }
            _ => Ok(()),
        }
    }

    fn sector_writes(&self) -> u64 {
        self.card.sector_writes()
    }
}
