//! What an image needs of the file it is in, and what each call of it may be relied on for.
//!
//! The daemon's is a [`std::fs::File`]. Tests put a modelled disk in its place, which
//! loses power, or fails, at any call. FORMAT.md says what is assumed of the medium, in
//! its chapter of that name.

use super::Displaced;
use std::io;
use std::path::Path;

/// A file that an image is in. No call but the two syncs says anything of the disk.
pub trait BackingFile: Send {
    /// Reads at a place, perhaps less than asked for; 0 at the end. What was written is read,
    /// be it on the disk or not.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes at a place, perhaps less than asked for. If power fails before the next sync has
    /// returned, each byte of it is as before or as after.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Its length.
    fn bytes(&self) -> io::Result<u64>;

    /// Where from `at` on the next byte is that was ever written, as far as the file system tells;
    /// `None` when there is none before its end.
    fn next_data(&self, at: u64) -> io::Result<Option<u64>> {
        Ok(Some(at))
    }

    /// Makes it shorter, or longer by zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Makes it longer by zeros whose room is taken, so that no write to them meets a full disk.
    /// False, and nothing done, where the file system has no such call.
    fn take_room(&self, start: u64, len: u64) -> io::Result<bool> {
        let _ = (start, len);
        Ok(false)
    }

    /// Makes a stretch of it zeros and keeps its room. False, and nothing done, where the file
    /// system has no such call.
    fn zero_range(&self, start: u64, len: u64) -> io::Result<bool> {
        let _ = (start, len);
        Ok(false)
    }

    /// Has returned without an error: all that was written before, and the length, is on the disk.
    /// With an error: of all that was written since the last time, any part may be, and the next
    /// call that succeeds proves nothing of it.
    fn sync_data(&self) -> io::Result<()>;

    /// The same, with what the file system notes of the file beside.
    fn sync_all(&self) -> io::Result<()>;

    /// Forgets what is in memory of it and is believed to be on the disk, so that reading it reads
    /// the disk. Where the system has no way to do it the file is read as it is.
    fn forget(&self);

    /// The same file once more, for somebody who only reads.
    fn reader(&self) -> io::Result<Box<dyn BackingFile>>;

    /// What became of its name, if it is no longer the file at `path`.
    fn name_lost(&self, path: &Path) -> Option<Displaced> {
        let _ = path;
        None
    }

    /// The number under which this process has it open, where that leads to it.
    fn number(&self) -> Option<i32> {
        None
    }
}
