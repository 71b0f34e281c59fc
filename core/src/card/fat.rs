//! A card with a FAT file system on any block device. The only file that names `embedded_sdmmc`.
//!
//! Files are kept in the root folder. A file that is written in place, and does not become longer, is
//! written without a change to the file system. Of every card, also a damaged one, only what a
//! checked boot sector says is the file system is read or written.

mod boot;
mod fence;

pub use embedded_sdmmc::{Block, BlockCount, BlockDevice, BlockIdx, sdcard};
pub use fence::FenceError;

use super::medium::{Card, CardError, Name, SECTOR_BYTES};
use crate::contact::Millis;
use core::ops::ControlFlow;
use embedded_sdmmc::{
    ClusterId, DirEntry, Error, Mode, RawDirectory, RawFile, TimeSource, Timestamp, VolumeIdx,
    VolumeManager,
};
use fence::{Fence, Told};
use heapless::Vec;

/// Files open at once: the two of a box, that for phones, and one that is read.
const FILES_MAX: usize = 4;

/// Blocks that going through the root folder may read: 260,000 files. More can only be a circle.
const FOLDER_READS_MAX: u32 = 1 << 14;

/// Blocks that one operation on a file may read: enough to find one's way in a table of two terabytes.
const FILE_READS_MAX: u32 = 1 << 22;

/// What a device's error comes from, as far as its driver can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The card does not answer: it was taken out.
    Removed,
    /// The card may not be written.
    WriteProtected,
    /// Anything else.
    Other,
}

/// A FAT16 or FAT32 card.
///
/// After an error of the device it is to be let go ([`FatCard::into_device`]) and made anew.
pub struct FatCard<D: BlockDevice> {
    manager: VolumeManager<Fence<D>, Clock, 1, FILES_MAX, 1>,
    root: RawDirectory,
    open: Vec<Open, FILES_MAX>,
    trouble: fn(&D::Error) -> Trouble,
}

/// An open file.
struct Open {
    name: Name,
    file: RawFile,
    len: u32,
    /// Its length as its folder tells it.
    len_told: u32,
    is_writable: bool,
}

/// The time that files are said to be from.
struct Clock(fn() -> Millis);

impl TimeSource for Clock {
    fn get_timestamp(&self) -> Timestamp {
        timestamp((self.0)())
    }
}

type Failure<D> = Error<FenceError<<D as BlockDevice>::Error>>;

impl<D: BlockDevice> FatCard<D> {
    /// Looks for the file system of a card. `trouble` tells what an error of the device comes from,
    /// `clock` what time it is; 0 where nobody knows.
    pub fn new(
        device: D,
        trouble: fn(&D::Error) -> Trouble,
        clock: fn() -> Millis,
    ) -> Result<Self, (D, Told<D>)> {
        let fence = match Fence::new(device, trouble) {
            Ok(fence) => fence,
            Err((device, error)) => return Err((device, of_device(error, trouble))),
        };
        let manager = VolumeManager::new_with_limits(fence, Clock(clock), 1);
        let opened =
            manager.open_raw_volume(VolumeIdx(0)).and_then(|volume| manager.open_root_dir(volume));
        match opened {
            Ok(root) => Ok(Self { manager, root, open: Vec::new(), trouble }),
            Err(error) => {
                let error = told(error, trouble);
                Err((manager.free().0.into_device(), error))
            }
        }
    }

    /// Gives the device back. Nothing is written: what was flushed is there.
    pub fn into_device(self) -> D {
        self.manager.free().0.into_device()
    }

    /// Does something with the device behind the file system that changes nothing of it.
    pub fn with_device<R>(&self, act: impl FnOnce(&D) -> R) -> R {
        self.manager.device(|fence| act(fence.device()))
    }

    fn allow(&self, reads: u32) {
        self.manager.device(|fence| fence.allow(reads));
    }

    /// Turns an error into what helps. What the cache of one block holds is no longer believed.
    fn told(&self, error: Failure<D>) -> Told<D> {
        let hidden = self.hidden();
        match (error, hidden) {
            (Error::DeviceError(error), _) => told(Error::DeviceError(error), self.trouble),
            (_, Err(hidden)) => hidden,
            (error, Ok(())) => told(error, self.trouble),
        }
    }

    /// An error if the device failed in this operation and the file system did not pass that on.
    fn hidden(&self) -> Result<(), Told<D>> {
        match self.manager.device(|fence| fence.failed()) {
            None => Ok(()),
            Some(Trouble::Removed) => Err(CardError::Removed),
            Some(Trouble::WriteProtected) => Err(CardError::WriteProtected),
            Some(Trouble::Other) => Err(CardError::Device(FenceError::Hidden)),
        }
    }

    fn entry(&mut self, name: &Name) -> Result<Option<DirEntry>, Told<D>> {
        self.allow(FOLDER_READS_MAX);
        match self.manager.find_directory_entry(self.root, name.as_str()) {
            Ok(entry) if entry.attributes.is_directory() => Err(CardError::Inconsistent),
            Ok(entry) => Ok(Some(entry)),
            // To take a folder that cannot be read for one without this file would make a second one.
            Err(Error::NotFound) => self.hidden().map(|()| None),
            Err(error) => Err(self.told(error)),
        }
    }

    /// The place among the open files of one opened for what is to be done; `None` when there is no
    /// such file.
    fn open(&mut self, name: &Name, is_writable: bool) -> Result<Option<usize>, Told<D>> {
        if let Some(place) = self.open.iter().position(|open| open.name == *name) {
            if self.open[place].is_writable || !is_writable {
                return Ok(Some(place));
            }
            self.close(place)?;
        }
        let Some(entry) = self.entry(name)? else { return Ok(None) };
        self.check(&entry, is_writable)?;
        self.make_room()?;
        let mode = if is_writable { Mode::ReadWriteAppend } else { Mode::ReadOnly };
        self.remember(name, entry.size, mode).map(Some)
    }

    fn remember(&mut self, name: &Name, len: u32, mode: Mode) -> Result<usize, Told<D>> {
        self.allow(FILE_READS_MAX);
        let opened = self.manager.open_file_in_dir(self.root, name.as_str(), mode);
        let file = opened.map_err(|error| self.told(error))?;
        let is_writable = mode != Mode::ReadOnly;
        let open = Open { name: *name, file, len, len_told: len, is_writable };
        // `make_room` saw to it.
        self.open.push(open).map_err(|_| CardError::Inconsistent)?;
        Ok(self.open.len() - 1)
    }

    fn make_room(&mut self) -> Result<(), Told<D>> {
        if self.open.is_full() {
            // Closing one that was only read costs nothing.
            let place = self.open.iter().position(|open| !open.is_writable).unwrap_or(0);
            self.close(place)?;
        }
        Ok(())
    }

    fn close(&mut self, place: usize) -> Result<(), Told<D>> {
        let open = self.open.swap_remove(place);
        self.allow(FILE_READS_MAX);
        self.manager.close_file(open.file).map_err(|error| self.told(error))
    }

    /// Follows the clusters of a file: a damaged table must not lead what is written into another
    /// file, or into the table itself. Where it goes wrong only behind the end of the file, as a cut
    /// may leave it, the chain is ended there.
    fn check(&mut self, entry: &DirEntry, is_writable: bool) -> Result<(), Told<D>> {
        let geometry = self.manager.device(|fence| fence.geometry());
        let first = self.first_cluster(entry)?;
        if entry.size == 0 && entry.cluster == ClusterId::EMPTY {
            return Ok(());
        }
        if !geometry.has(first) {
            return Err(CardError::Inconsistent);
        }
        if !is_writable {
            return Ok(());
        }
        let needed = entry.size.div_ceil(geometry.cluster_bytes).max(1);
        let (mut cluster, mut count, mut last_needed) = (first, 1, first);
        // A chain may lead back into itself, and then has fewer clusters than one can go through. Brent's way to
        // find that out: a mark that is set anew after 1, 2, 4, 8... clusters, and is met again.
        let (mut mark, mut lap, mut lap_max) = (first, 0, 1);
        self.allow(FILE_READS_MAX);
        loop {
            if count == needed {
                last_needed = cluster;
            }
            let next = self.next_cluster(cluster)?;
            let is_end =
                if geometry.entry_bytes == 2 { next >= 0xFFF8 } else { next >= 0x0FFF_FFF8 };
            if is_end && count >= needed {
                return Ok(());
            }
            if !geometry.has(next) {
                break;
            }
            lap += 1;
            if next == mark {
                count = self.clusters_before_circle(first, lap)?.saturating_add(lap);
                break;
            }
            if lap == lap_max {
                (mark, lap, lap_max) = (next, 0, lap_max.saturating_mul(2));
            }
            (cluster, count) = (next, count + 1);
        }
        if count < needed {
            return Err(CardError::Inconsistent);
        }
        self.end_chain(last_needed)
    }

    /// How many clusters of a chain come before the circle of `circle` clusters that it leads into.
    fn clusters_before_circle(&mut self, first: u32, circle: u32) -> Result<u32, Told<D>> {
        let (mut behind, mut ahead, mut count) = (first, first, 0);
        for _ in 0..circle {
            ahead = self.next_cluster(ahead)?;
        }
        while behind != ahead {
            (behind, ahead) = (self.next_cluster(behind)?, self.next_cluster(ahead)?);
            count += 1;
        }
        Ok(count)
    }

    /// The first cluster of a file, out of its row in the folder.
    fn first_cluster(&mut self, entry: &DirEntry) -> Result<u32, Told<D>> {
        let row = self.block(entry.entry_block)?;
        let at = entry.entry_offset as usize;
        let Some(row) = row.get(at..at + 32) else { return Err(CardError::Inconsistent) };
        let low = u16::from_le_bytes([row[26], row[27]]);
        // With 16 bits this field is somebody else's.
        let is_long = self.manager.device(|fence| fence.geometry().entry_bytes == 4);
        let high = if is_long { u16::from_le_bytes([row[20], row[21]]) } else { 0 };
        Ok(u32::from(high) << 16 | u32::from(low))
    }

    /// Block and offset of a cluster's entry in the first table.
    fn table_place(&self, cluster: u32) -> (BlockIdx, usize) {
        let geometry = self.manager.device(|fence| fence.geometry());
        let at = u64::from(cluster) * u64::from(geometry.entry_bytes);
        let block = (at / SECTOR_BYTES as u64) as u32;
        (BlockIdx(1 + geometry.fat_at + block), (at % SECTOR_BYTES as u64) as usize)
    }

    fn next_cluster(&mut self, cluster: u32) -> Result<u32, Told<D>> {
        let (block, at) = self.table_place(cluster);
        let is_long = self.manager.device(|fence| fence.geometry().entry_bytes == 4);
        let table = self.block(block)?;
        Ok(match table.get(at..) {
            Some(&[a, b, c, d, ..]) if is_long => u32::from_le_bytes([a, b, c, d]) & 0x0FFF_FFFF,
            Some(&[a, b, ..]) if !is_long => u32::from(u16::from_le_bytes([a, b])),
            _ => return Err(CardError::Inconsistent),
        })
    }

    fn end_chain(&mut self, cluster: u32) -> Result<(), Told<D>> {
        let (index, at) = self.table_place(cluster);
        let geometry = self.manager.device(|fence| fence.geometry());
        let mut block = Block { contents: self.block(index)? };
        if let Some(entry) = block.contents.get_mut(at..at + geometry.entry_bytes as usize) {
            let kept = entry.last().map_or(0, |last| last & 0xF0);
            entry.fill(0xFF);
            if let (4, Some(last)) = (geometry.entry_bytes, entry.last_mut()) {
                *last = kept | 0x0F;
            }
        }
        for copy in 0..geometry.fats {
            let index = BlockIdx(index.0 + copy * geometry.fat_blocks);
            let write = |fence: &mut Fence<D>| fence.write(core::slice::from_ref(&block), index);
            self.manager.device(write).map_err(|error| self.told(Error::DeviceError(error)))?;
        }
        Ok(())
    }

    fn block(&mut self, index: BlockIdx) -> Result<[u8; SECTOR_BYTES], Told<D>> {
        let mut block = [Block::new()];
        let read = self.manager.device(|fence| fence.read(&mut block, index));
        read.map_err(|error| self.told(Error::DeviceError(error)))?;
        let [block] = block;
        Ok(block.contents)
    }

    fn create(&mut self, name: &Name) -> Result<usize, Told<D>> {
        self.make_room()?;
        self.remember(name, 0, Mode::ReadWriteCreate)
    }
}

impl<D: BlockDevice> Card for FatCard<D> {
    type Error = FenceError<D::Error>;

    async fn next_file(&mut self, after: Option<&Name>) -> Result<Option<Name>, Told<D>> {
        let mut next: Option<Name> = None;
        self.allow(FOLDER_READS_MAX);
        let gone_through = self.manager.iterate_dir(self.root, |entry| {
            let is_file = !entry.attributes.is_directory() && !entry.attributes.is_volume();
            if let Some(name) = name_of(entry).filter(|_| is_file)
                && after.is_none_or(|after| name > *after)
                && next.is_none_or(|next| name < next)
            {
                next = Some(name);
            }
            ControlFlow::Continue(())
        });
        gone_through.map_err(|error| self.told(error))?;
        self.hidden()?;
        Ok(next)
    }

    async fn len(&mut self, name: &Name) -> Result<Option<u32>, Told<D>> {
        match self.open.iter().find(|open| open.name == *name) {
            Some(open) => Ok(Some(open.len)),
            None => Ok(self.entry(name)?.map(|entry| entry.size)),
        }
    }

    async fn read(&mut self, name: &Name, offset: u32, out: &mut [u8]) -> Result<usize, Told<D>> {
        let Some(place) = self.open(name, false)? else { return Ok(0) };
        let Open { file, len, .. } = self.open[place];
        if offset >= len {
            return Ok(0);
        }
        self.allow(FILE_READS_MAX);
        let read = self.manager.file_seek_from_start(file, offset);
        let read = read.and_then(|()| self.manager.read(file, out));
        read.map_err(|error| self.told(error))
    }

    async fn write(&mut self, name: &Name, offset: u32, bytes: &[u8]) -> Result<(), Told<D>> {
        let place = match self.open(name, true)? {
            Some(place) => place,
            None => self.create(name)?,
        };
        let Open { file, len, .. } = self.open[place];
        // FAT ends at 4 GiB less a byte.
        let end = offset.checked_add(bytes.len() as u32).ok_or(CardError::Full)?;
        self.allow(FILE_READS_MAX);
        let written = self.manager.file_seek_from_start(file, offset);
        let written = written.and_then(|()| self.manager.write(file, bytes));
        written.map_err(|error| self.told(error))?;
        self.hidden()?;
        self.open[place].len = len.max(end);
        Ok(())
    }

    async fn flush(&mut self, name: &Name) -> Result<(), Told<D>> {
        let open = self.open.iter().position(|open| open.name == *name);
        if let Some(place) = open
            && self.open[place].len != self.open[place].len_told
        {
            self.allow(FILE_READS_MAX);
            let flushed = self.manager.flush_file(self.open[place].file);
            flushed.map_err(|error| self.told(error))?;
            self.open[place].len_told = self.open[place].len;
        }
        // What is read from here on comes from the card.
        self.manager.device(|_| ());
        Ok(())
    }

    fn sector_writes(&self) -> u64 {
        self.manager.device(|fence| fence.writes())
    }
}

fn name_of(entry: &DirEntry) -> Option<Name> {
    let mut text: heapless::String<12> = heapless::String::new();
    text.push_str(core::str::from_utf8(entry.name.base_name()).ok()?).ok()?;
    let extension = core::str::from_utf8(entry.name.extension()).ok()?;
    if !extension.is_empty() {
        text.push('.').ok()?;
        text.push_str(extension).ok()?;
    }
    Name::parse(&text)
}

fn told<E: core::error::Error>(
    error: Error<FenceError<E>>,
    trouble: fn(&E) -> Trouble,
) -> CardError<FenceError<E>> {
    match error {
        Error::DeviceError(error) => of_device(CardError::Device(error), trouble),
        Error::DiskFull | Error::NotEnoughSpace => CardError::Full,
        Error::ReadOnly => CardError::WriteProtected,
        _ => CardError::Inconsistent,
    }
}

fn of_device<E>(
    error: CardError<FenceError<E>>,
    trouble: fn(&E) -> Trouble,
) -> CardError<FenceError<E>> {
    match error {
        CardError::Device(FenceError::Device(error)) => match trouble(&error) {
            Trouble::Removed => CardError::Removed,
            Trouble::WriteProtected => CardError::WriteProtected,
            Trouble::Other => CardError::Device(FenceError::Device(error)),
        },
        CardError::Device(_) => CardError::Inconsistent,
        error => error,
    }
}

/// A time as FAT can tell it, from 1980 to 2107 (days to dates after Hinnant, "chrono-compatible
/// low-level date algorithms").
fn timestamp(time: Millis) -> Timestamp {
    let seconds = (time / 1_000).clamp(315_532_800, 4_354_819_199);
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5;
    let (month, is_next) = if month < 10 { (month + 2, 0) } else { (month - 10, 1) };
    Timestamp {
        year_since_1970: (era * 400 + year_of_era + is_next - 1_970) as u8,
        zero_indexed_month: month as u8,
        zero_indexed_day: day as u8,
        hours: (second / 3_600) as u8,
        minutes: (second / 60 % 60) as u8,
        seconds: (second % 60) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        for (time, date) in [
            (0, (10, 0, 0, 0, 0, 0)),
            (951_782_400_000, (30, 1, 28, 0, 0, 0)),
            (1_795_305_599_000, (56, 10, 20, 23, 59, 59)),
            (u64::MAX, (137, 11, 30, 23, 59, 59)),
        ] {
            let it = timestamp(time);
            let told = (
                it.year_since_1970,
                it.zero_indexed_month,
                it.zero_indexed_day,
                it.hours,
                it.minutes,
                it.seconds,
            );
            assert_eq!(told, date, "{time}");
        }
    }
}
