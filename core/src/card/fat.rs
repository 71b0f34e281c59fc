//! Keeps a card with a FAT file system on any block device. The only file that names
//! `embedded_sdmmc`.
//!
//! Files are kept in the root folder. A file that is written in place and does not become longer is
//! written without a change to the file system. On every card, even a damaged one, only blocks
//! inside the file system of a checked boot sector are read or written.

mod boot;
mod chain;
mod fence;

pub use embedded_sdmmc::{Block, BlockCount, BlockDevice, BlockIdx, sdcard};
pub use fence::FenceError;

use super::medium::{Card, CardError, FileName, SECTOR_BYTES};
use crate::contact::Millis;
use core::ops::ControlFlow;
use embedded_sdmmc::{
    ClusterId, DirEntry, Error, Mode, RawDirectory, RawFile, TimeSource, Timestamp, VolumeIdx,
    VolumeManager,
};
use fence::{Fence, FenceResult};
use heapless::Vec;

/// Files that can be open at once: the two of a box, the one for phones, and one to read.
const FILES_MAX: usize = 4;

/// The most blocks read for one pass through the root folder, enough for 260,000 files. Only a
/// folder that leads back into itself needs more.
const FOLDER_READS_MAX: u32 = 1 << 14;

/// The most blocks read for one operation on a file, enough to follow a table of two terabytes.
const FILE_READS_MAX: u32 = 1 << 22;

/// The cause of a device's error, as far as its driver can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverFailure {
    /// The card was taken out: it does not answer.
    Removed,
    /// The card may not be written.
    WriteProtected,
    /// Anything else.
    Other,
}

/// A FAT16 or FAT32 card.
///
/// After an error of the device it must be dissolved ([`FatCard::into_device`]) and made anew.
pub struct FatCard<D: BlockDevice> {
    manager: VolumeManager<Fence<D>, FileTime, 1, FILES_MAX, 1>,
    root: RawDirectory,
    open: Vec<OpenFile, FILES_MAX>,
    trouble: fn(&D::Error) -> DriverFailure,
}

/// An open file.
struct OpenFile {
    name: FileName,
    file: RawFile,
    len: u32,
    /// The length that its folder states.
    len_told: u32,
    is_writable: bool,
    /// True if its folder does not state where on the card it begins. Nothing of it can be read.
    is_lost: bool,
}

/// Gives the time for the dates of files.
struct FileTime(fn() -> Millis);

impl TimeSource for FileTime {
    fn get_timestamp(&self) -> Timestamp {
        timestamp((self.0)())
    }
}

type FatError<D> = Error<FenceError<<D as BlockDevice>::Error>>;

impl<D: BlockDevice> FatCard<D> {
    /// Opens the file system of a card.
    ///
    /// `trouble` tells the cause of a device's error, and `clock` the time, or 0 if it is not
    /// known.
    pub fn new(
        device: D,
        trouble: fn(&D::Error) -> DriverFailure,
        clock: fn() -> Millis,
    ) -> Result<Self, (D, FenceResult<D>)> {
        let fence = match Fence::new(device, trouble) {
            Ok(fence) => fence,
            Err((device, error)) => return Err((device, of_device(error, trouble))),
        };
        let manager = VolumeManager::new_with_limits(fence, FileTime(clock), 1);
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

    /// Returns the device. Nothing is written: what was flushed is there.
    pub fn into_device(self) -> D {
        self.manager.free().0.into_device()
    }

    /// Calls `act` with the device behind the file system. `act` must not change the file system.
    pub fn with_device<R>(&self, act: impl FnOnce(&D) -> R) -> R {
        self.manager.device(|fence| act(fence.device()))
    }

    fn allow(&self, reads: u32) {
        self.manager.device(|fence| fence.allow(reads));
    }

    /// Turns an error into one that says what helps. Access to the device also drops the cache of
    /// one block, which may be wrong now.
    fn told(&self, error: FatError<D>) -> FenceResult<D> {
        let hidden = self.hidden();
        match (error, hidden) {
            (Error::DeviceError(error), _) => told(Error::DeviceError(error), self.trouble),
            (_, Err(hidden)) => hidden,
            (error, Ok(())) => told(error, self.trouble),
        }
    }

    /// Returns an error if the device failed in this operation and the file system did not report
    /// it.
    fn hidden(&self) -> Result<(), FenceResult<D>> {
        match self.manager.device(|fence| fence.failed()) {
            None => Ok(()),
            Some(DriverFailure::Removed) => Err(CardError::Removed),
            Some(DriverFailure::WriteProtected) => Err(CardError::WriteProtected),
            Some(DriverFailure::Other) => Err(CardError::Device(FenceError::Hidden)),
        }
    }

    fn entry(&mut self, name: &FileName) -> Result<Option<DirEntry>, FenceResult<D>> {
        self.allow(FOLDER_READS_MAX);
        match self.manager.find_directory_entry(self.root, name.as_str()) {
            Ok(entry) if entry.attributes.is_directory() => Err(CardError::Inconsistent),
            Ok(entry) => Ok(Some(entry)),
            // A folder that could not be read must not count as one without this file, or the file
            // would be created twice.
            Err(Error::NotFound) => self.hidden().map(|()| None),
            Err(error) => Err(self.told(error)),
        }
    }

    /// Opens a file for reading or writing, and returns its place among the open files.
    ///
    /// Returns `None` when there is no such file.
    fn open(
        &mut self,
        name: &FileName,
        is_writable: bool,
    ) -> Result<Option<usize>, FenceResult<D>> {
        if let Some(place) = self.open.iter().position(|open| open.name == *name) {
            if self.open[place].is_writable || !is_writable {
                return Ok(Some(place));
            }
            self.close(place)?;
        }
        let Some(entry) = self.entry(name)? else { return Ok(None) };
        let len = if is_writable { self.mend(&entry)? } else { entry.size };
        let is_lost = len > 0 && !self.has_beginning(&entry)?;
        self.free_file_slot()?;
        let mode = if is_writable { Mode::ReadWriteAppend } else { Mode::ReadOnly };
        let place = self.remember(name, len, mode)?;
        self.open[place].is_lost = is_lost;
        Ok(Some(place))
    }

    fn remember(&mut self, name: &FileName, len: u32, mode: Mode) -> Result<usize, FenceResult<D>> {
        self.allow(FILE_READS_MAX);
        let opened = self.manager.open_file_in_dir(self.root, name.as_str(), mode);
        let file = opened.map_err(|error| self.told(error))?;
        let is_writable = mode != Mode::ReadOnly;
        let open = OpenFile { name: *name, file, len, len_told: len, is_writable, is_lost: false };
        // `free_file_slot` made room before.
        self.open.push(open).map_err(|_| CardError::Inconsistent)?;
        Ok(self.open.len() - 1)
    }

    fn free_file_slot(&mut self) -> Result<(), FenceResult<D>> {
        if self.open.is_full() {
            // It costs nothing to close a file that was only read.
            let place = self.open.iter().position(|open| !open.is_writable).unwrap_or(0);
            self.close(place)?;
        }
        Ok(())
    }

    fn close(&mut self, place: usize) -> Result<(), FenceResult<D>> {
        let open = self.open.swap_remove(place);
        self.allow(FILE_READS_MAX);
        self.manager.close_file(open.file).map_err(|error| self.told(error))
    }

    fn create(&mut self, name: &FileName) -> Result<usize, FenceResult<D>> {
        self.free_file_slot()?;
        self.remember(name, 0, Mode::ReadWriteCreate)
    }
}

impl<D: BlockDevice> Card for FatCard<D> {
    type Error = FenceError<D::Error>;

    async fn next_file(
        &mut self,
        after: Option<&FileName>,
    ) -> Result<Option<FileName>, FenceResult<D>> {
        let mut next: Option<FileName> = None;
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

    async fn len(&mut self, name: &FileName) -> Result<Option<u32>, FenceResult<D>> {
        match self.open.iter().find(|open| open.name == *name) {
            Some(open) => Ok(Some(open.len)),
            None => Ok(self.entry(name)?.map(|entry| entry.size)),
        }
    }

    async fn read(
        &mut self,
        name: &FileName,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, FenceResult<D>> {
        let Some(place) = self.open(name, false)? else { return Ok(0) };
        let OpenFile { file, len, is_lost, .. } = self.open[place];
        if offset >= len || is_lost {
            return Ok(0);
        }
        self.allow(FILE_READS_MAX);
        let sought = self.manager.file_seek_from_start(file, offset);
        sought.map_err(|error| self.told(error))?;
        // Each piece lies in one cluster. Where the chain of clusters was cut short, the bytes
        // before the cut can be read, and the file ends earlier than its folder states.
        let mut done = 0;
        while let Some(left) = out.get_mut(done..).filter(|left| !left.is_empty()) {
            let at = (offset as usize + done) % SECTOR_BYTES;
            let piece = left.len().min(SECTOR_BYTES - at);
            match self.manager.read(file, &mut left[..piece]) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if is_chain_end(&error) => break,
                Err(error) => return Err(self.told(error)),
            }
        }
        Ok(done)
    }

    async fn write(
        &mut self,
        name: &FileName,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), FenceResult<D>> {
        let place = match self.open(name, true)? {
            Some(place) => place,
            None => self.create(name)?,
        };
        let OpenFile { file, len, .. } = self.open[place];
        // A file on FAT ends at 4 GiB less a byte.
        let end = offset.checked_add(bytes.len() as u32).ok_or(CardError::Full)?;
        self.allow(FILE_READS_MAX);
        let written = self.manager.file_seek_from_start(file, offset);
        let written = written.and_then(|()| self.manager.write(file, bytes));
        written.map_err(|error| self.told(error))?;
        self.hidden()?;
        self.open[place].len = len.max(end);
        Ok(())
    }

    async fn flush(&mut self, name: &FileName) -> Result<(), FenceResult<D>> {
        let open = self.open.iter().position(|open| open.name == *name);
        if let Some(place) = open
            && self.open[place].len != self.open[place].len_told
        {
            self.allow(FILE_READS_MAX);
            let flushed = self.manager.flush_file(self.open[place].file);
            flushed.map_err(|error| self.told(error))?;
            self.open[place].len_told = self.open[place].len;
        }
        // Access to the device drops the cached block: later reads come from the card.
        self.manager.device(|_| ());
        Ok(())
    }

    fn sector_writes(&self) -> u64 {
        self.manager.device(|fence| fence.writes())
    }
}

fn name_of(entry: &DirEntry) -> Option<FileName> {
    let mut text: heapless::String<12> = heapless::String::new();
    text.push_str(core::str::from_utf8(entry.name.base_name()).ok()?).ok()?;
    let extension = core::str::from_utf8(entry.name.extension()).ok()?;
    if !extension.is_empty() {
        text.push('.').ok()?;
        text.push_str(extension).ok()?;
    }
    FileName::parse(&text)
}

/// Returns whether an error only says that a chain of clusters leads nowhere.
fn is_chain_end<E: core::error::Error>(error: &Error<FenceError<E>>) -> bool {
    matches!(
        error,
        Error::EndOfFile
            | Error::UnterminatedFatChain
            | Error::BadCluster
            | Error::DeviceError(FenceError::Outside)
    )
}

fn told<E: core::error::Error>(
    error: Error<FenceError<E>>,
    trouble: fn(&E) -> DriverFailure,
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
    trouble: fn(&E) -> DriverFailure,
) -> CardError<FenceError<E>> {
    match error {
        CardError::Device(FenceError::Device(error)) => match trouble(&error) {
            DriverFailure::Removed => CardError::Removed,
            DriverFailure::WriteProtected => CardError::WriteProtected,
            DriverFailure::Other => CardError::Device(FenceError::Device(error)),
        },
        CardError::Device(_) => CardError::Inconsistent,
        error => error,
    }
}

/// Converts a time into one that FAT can hold, from 1980 to 2107.
///
/// The conversion of days to dates follows Hinnant, "chrono-compatible low-level date algorithms".
fn timestamp(time: Millis) -> Timestamp {
    let seconds = (time / 1_000).clamp(315_532_800, 4_354_819_199);
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March in this calculation.
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
