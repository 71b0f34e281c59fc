//! The only file that names what differs between systems: reading at a place, taking space,
//! zeroing.

use super::{BackingFile, Displaced};
pub use contactbox_system::files::{forget, make_private_folder, private, room_in, sync_folder_of};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Reads until `bytes` is full or the file ends; returns how many were read.
pub fn read_up_to(
    file: &(impl BackingFile + ?Sized),
    bytes: &mut [u8],
    at: u64,
) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], at + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Reads until `bytes` is full; an error if the file ends before.
pub fn read_exact_at(
    file: &(impl BackingFile + ?Sized),
    bytes: &mut [u8],
    at: u64,
) -> io::Result<()> {
    let done = read_up_to(file, bytes, at)?;
    if done < bytes.len() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// Writes all of `bytes` at a place.
pub fn write_all_at(file: &(impl BackingFile + ?Sized), bytes: &[u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], at + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn write_zeros(file: &dyn BackingFile, mut at: u64, end: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    while at < end {
        let len = (end - at).min(ZEROS.len() as u64);
        write_all_at(file, &ZEROS[..len as usize], at)?;
        at += len;
    }
    Ok(())
}

/// Makes the file end at `end`, with zeros from `start` on and the space for them taken.
pub(super) fn reserve(file: &dyn BackingFile, start: u64, end: u64) -> io::Result<()> {
    // Bytes that a power cut left behind the old end must not pass for new pages.
    file.set_len(start)?;
    // Writing is the one way to take space that every file system knows.
    if retry_interrupted(|| file.take_room(start, end - start))? {
        Ok(())
    } else {
        write_zeros(file, start, end)
    }
}

/// Writes zeros to a part of the file, whose space stays taken.
pub(super) fn zero(file: &dyn BackingFile, start: u64, len: u64) -> io::Result<()> {
    let is_done = retry_interrupted(|| file.zero_range(start, len))?;
    if is_done { Ok(()) } else { write_zeros(file, start, start + len) }
}

/// Repeats a call that a signal interrupted: such a call has done nothing.
fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Returns whether a part of the file is all zeros.
pub(super) fn is_zero(file: &dyn BackingFile, mut start: u64, len: u64) -> io::Result<bool> {
    let end = start + len;
    let mut bytes = [0; 4096];
    while start < end {
        let piece = (end - start).min(bytes.len() as u64) as usize;
        read_exact_at(file, &mut bytes[..piece], start)?;
        if bytes[..piece].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        start += piece as u64;
    }
    Ok(true)
}

impl BackingFile for File {
    #[cfg(unix)]
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, bytes, at)
    }

    #[cfg(windows)]
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, bytes, at)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self, bytes, at)
    }

    #[cfg(windows)]
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(self, bytes, at)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(target_os = "linux")]
    fn next_data(&self, at: u64) -> io::Result<Option<u64>> {
        match rustix::fs::seek(self, rustix::fs::SeekFrom::Data(at)) {
            Ok(data) => Ok(Some(data)),
            Err(rustix::io::Errno::NXIO) => Ok(None),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::OPNOTSUPP) => Ok(Some(at)),
            Err(error) => Err(error.into()),
        }
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        Self::set_len(self, bytes)
    }

    #[cfg(target_os = "linux")]
    fn take_room(&self, start: u64, len: u64) -> io::Result<bool> {
        allocate(self, rustix::fs::FallocateFlags::empty(), start, len)
    }

    #[cfg(target_os = "linux")]
    fn zero_range(&self, start: u64, len: u64) -> io::Result<bool> {
        allocate(self, rustix::fs::FallocateFlags::ZERO_RANGE, start, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        Self::sync_all(self)
    }

    fn forget(&self) {
        forget(self);
    }

    fn reader(&self) -> io::Result<Box<dyn BackingFile>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn name_lost(&self, path: &Path) -> Option<Displaced> {
        name_lost(self, path)
    }

    #[cfg(target_os = "linux")]
    fn number(&self) -> Option<i32> {
        Some(std::os::fd::AsRawFd::as_raw_fd(self))
    }
}

/// Calls `fallocate`; returns false if the file system does not support it.
#[cfg(target_os = "linux")]
fn allocate(
    file: &File,
    flags: rustix::fs::FallocateFlags,
    start: u64,
    len: u64,
) -> io::Result<bool> {
    match rustix::fs::fallocate(file, flags, start, len) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns what became of an open file's name, if `path` is no longer that file.
#[cfg(unix)]
fn name_lost(file: &File, path: &Path) -> Option<Displaced> {
    use std::os::unix::fs::MetadataExt;
    // A system that gives no answer proves nothing: the disk itself has taken every write.
    let held = file.metadata().ok()?;
    if held.nlink() == 0 {
        return Some(Displaced::Deleted);
    }
    match std::fs::metadata(path) {
        Ok(named) if (named.dev(), named.ino()) != (held.dev(), held.ino()) => {
            Some(Displaced::Replaced)
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
                || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) =>
        {
            Some(Displaced::Moved)
        }
        _ => None,
    }
}

/// Reports nothing on this system, where an open file is taken to keep its name.
#[cfg(not(unix))]
fn name_lost(_: &File, _: &Path) -> Option<Displaced> {
    None
}

/// Returns the present name of a file that this process has open, if the system tells one and it
/// leads to the file.
#[cfg(unix)]
pub(super) fn name_now(number: i32) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let open = format!("/proc/self/fd/{number}");
    let name = std::fs::read_link(&open).ok()?;
    let file_of = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    (file_of(open.as_ref())? == file_of(&name)?).then_some(name)
}

#[cfg(not(unix))]
pub(super) fn name_now(_: i32) -> Option<PathBuf> {
    None
}

/// Returns the disk of a file's folder, whether the file is there or not; of a link, the disk that
/// it leads to. Returns 0 if that cannot be told.
#[cfg(unix)]
pub(super) fn disk_of(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut path = path.to_path_buf();
    // The number of links that Linux follows.
    for _ in 0..40 {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    let folders = path.ancestors().skip(1).map(|folder| match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    });
    let mut there = folders.filter_map(|folder| std::fs::metadata(folder).ok());
    there.next().map_or(0, |folder| folder.dev())
}

/// Reports no disk on this system, where an open file is taken to keep its disk.
#[cfg(not(unix))]
pub(super) fn disk_of(_: &Path) -> u64 {
    0
}
