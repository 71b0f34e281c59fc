//! The calls that an image needs of its file, and the promises of each.
//!
//! The daemon uses [`std::fs::File`]. Tests use a modelled disk, which loses power, or fails, at
//! any call. FORMAT.md has the assumptions about the medium in its chapter of that name.

use super::Displaced;
use std::io;
use std::path::Path;

/// A file with an image in it. Only the two syncs promise anything about the disk.
pub trait BackingFile: Send {
    /// Reads at a place, perhaps less than asked for; 0 at the end. Every byte written before is
    /// read, also one that is not on the disk yet.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes at a place, perhaps less than asked for. If power fails before the next sync has
    /// returned, each byte is the old or the new one.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Returns the length of the file.
    fn bytes(&self) -> io::Result<u64>;

    /// Returns the place of the next byte from `at` on that was ever written, as far as the file
    /// system tells; `None` if there is none before the end.
    fn next_data(&self, at: u64) -> io::Result<Option<u64>> {
        Ok(Some(at))
    }

    /// Makes the file shorter, or longer by zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Makes the file longer by zeros and takes the space for them, so that no write to them meets
    /// a full disk. Returns false, and does nothing, if the file system has no such call.
    fn take_room(&self, start: u64, len: u64) -> io::Result<bool> {
        let _ = (start, len);
        Ok(false)
    }

    /// Makes a part of the file zeros and keeps its space. Returns false, and does nothing, if the
    /// file system has no such call.
    fn zero_range(&self, start: u64, len: u64) -> io::Result<bool> {
        let _ = (start, len);
        Ok(false)
    }

    /// Puts everything written so far, and the length, on the disk. After an error any part of what
    /// was written since the last success may be there, and a later success proves nothing of it.
    fn sync_data(&self) -> io::Result<()>;

    /// Does the same, and puts the file's metadata on the disk as well.
    fn sync_all(&self) -> io::Result<()>;

    /// Drops the system's memory of the file where it counts as written, so that reads come from
    /// the disk. Where the system cannot do this, the file is read as it is.
    fn forget(&self);

    /// Returns another handle to the same file, for reading only.
    fn reader(&self) -> io::Result<Box<dyn BackingFile>>;

    /// Returns what became of its name, if it is no longer the file at `path`.
    fn name_lost(&self, path: &Path) -> Option<Displaced> {
        let _ = path;
        None
    }

    /// Returns the file descriptor of this process, where the system can open the file by it.
    fn number(&self) -> Option<i32> {
        None
    }
}
