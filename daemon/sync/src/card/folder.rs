//! A folder as a card: a mounted card, or any folder that boxes leave snapshots in.

use contactbox_core::card::{Card, CardError, FileName, SECTOR_BYTES};
use contactbox_engine::image::disk;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another program may be at work on a card.
const TURN_TIME_MAX: Duration = Duration::from_secs(30);

/// The system's error.
pub struct FolderFault(pub io::Error);

/// In the words of the system: this is what people read.
impl fmt::Debug for FolderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// States what a card is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It is only read, beside others that read it.
    Read,
    /// It may be written to, by nobody else at the same time.
    Write,
}

/// A folder, held against other programs that would write to it as a card.
pub struct FolderCard {
    folder: PathBuf,
    /// The folder itself: locked as long as this is there.
    _lock: Option<File>,
    open: HashMap<FileName, OpenedFile>,
    /// Names of the files, from when they were last gone through from the first.
    names: BTreeSet<FileName>,
    sector_writes: u64,
}

struct OpenedFile {
    file: File,
    is_writable: bool,
    /// Its name is not on the disk yet.
    is_new: bool,
}

impl FolderCard {
    /// A folder that is to be written to, or only read.
    pub fn open(folder: &Path, mode: OpenMode) -> Result<Self, CardError<FolderFault>> {
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => CardError::Removed,
            _ => CardError::Device(FolderFault(error)),
        };
        if !std::fs::metadata(folder).map_err(gone)?.is_dir() {
            return Err(CardError::Device(FolderFault(io::ErrorKind::NotADirectory.into())));
        }
        // Folders cannot be opened everywhere; then only this daemon's own order holds.
        let held = File::open(folder).ok();
        if let Some(file) = &held {
            lock(file, mode)?;
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            _lock: held,
            open: HashMap::new(),
            names: BTreeSet::new(),
            sector_writes: 0,
        })
    }

    fn path(&self, name: &FileName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// Returns the meaning of a system's error for a card.
    fn error(&mut self, error: io::Error) -> CardError<FolderFault> {
        self.open.clear();
        match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => CardError::WriteProtected,
            io::ErrorKind::PermissionDenied => CardError::Forbidden,
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => CardError::Full,
            _ if is_gone(&error) || !self.folder.is_dir() => CardError::Removed,
            _ => CardError::Device(FolderFault(error)),
        }
    }

    /// The file of this name, if there is one.
    fn file(&mut self, name: &FileName) -> Result<Option<&File>, CardError<FolderFault>> {
        if !self.open.contains_key(name) {
            let file = match open_plain(OpenOptions::new().read(true), &self.path(name)) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.folder.is_dir() => {
                    return Ok(None);
                }
                Err(error) => return Err(self.error(error)),
            };
            self.open.insert(*name, OpenedFile { file, is_writable: false, is_new: false });
        }
        Ok(self.open.get(name).map(|open| &open.file))
    }

    /// The file of this name for writing; made if there is none.
    fn writable(&mut self, name: &FileName) -> Result<&File, CardError<FolderFault>> {
        if self.open.get(name).is_none_or(|open| !open.is_writable) {
            let path = self.path(name);
            let opened = open_plain(OpenOptions::new().read(true).write(true), &path);
            let (file, is_new) = match opened {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let mut options = OpenOptions::new();
                    options.read(true).write(true).create(true).truncate(false);
                    // The file is as private as the box. A user who shares a folder gives others
                    // the right to read it, and that stays, because the file is written in place.
                    let made = open_plain(disk::private(&mut options), &path);
                    (made.map_err(|error| self.error(error))?, true)
                }
                opened => (opened.map_err(|error| self.error(error))?, false),
            };
            self.open.insert(*name, OpenedFile { file, is_writable: true, is_new });
        }
        self.open.get(name).map(|open| &open.file).ok_or(CardError::Removed)
    }
}

impl Card for FolderCard {
    type Error = FolderFault;

    async fn next_file(
        &mut self,
        after: Option<&FileName>,
    ) -> Result<Option<FileName>, CardError<FolderFault>> {
        let Some(after) = after else {
            self.names.clear();
            let entries = std::fs::read_dir(&self.folder).map_err(|error| self.error(error))?;
            for entry in entries {
                let entry = entry.map_err(|error| self.error(error))?;
                let name = entry.file_name();
                let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
                if let Some(name) = name.to_str().and_then(FileName::parse).filter(|_| is_file)
                    // A file system whose names differ by case can have one that only looks like
                    // it.
                    && self.path(&name).exists()
                {
                    self.names.insert(name);
                }
            }
            return Ok(self.names.first().copied());
        };
        use std::ops::Bound::{Excluded, Unbounded};
        Ok(self.names.range((Excluded(*after), Unbounded)).next().copied())
    }

    async fn len(&mut self, name: &FileName) -> Result<Option<u32>, CardError<FolderFault>> {
        let Some(file) = self.file(name)? else { return Ok(None) };
        match file.metadata() {
            Ok(told) => Ok(Some(u32::try_from(told.len()).unwrap_or(u32::MAX))),
            Err(error) => Err(self.error(error)),
        }
    }

    async fn read(
        &mut self,
        name: &FileName,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, CardError<FolderFault>> {
        let Some(file) = self.file(name)? else { return Ok(0) };
        let read = disk::read_up_to(file, out, offset.into());
        read.map_err(|error| self.error(error))
    }

    async fn write(
        &mut self,
        name: &FileName,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), CardError<FolderFault>> {
        let file = self.writable(name)?;
        let written = disk::write_all_at(file, bytes, offset.into());
        self.sector_writes += bytes.len().div_ceil(SECTOR_BYTES) as u64;
        written.map_err(|error| self.error(error))
    }

    async fn flush(&mut self, name: &FileName) -> Result<(), CardError<FolderFault>> {
        let Some(open) = self.open.get_mut(name).filter(|open| open.is_writable) else {
            return Ok(());
        };
        // Everything on the disk, then nothing in memory: reading back reads the card.
        let is_new = std::mem::take(&mut open.is_new);
        let synced = open.file.sync_data();
        if synced.is_ok() {
            disk::forget(&open.file);
        }
        let path = self.path(name);
        let synced = match is_new {
            true => synced.and_then(|()| disk::sync_folder_of(&path)),
            false => synced,
        };
        synced.map_err(|error| self.error(error))
    }

    fn sector_writes(&self) -> u64 {
        self.sector_writes
    }
}

/// Opens a file of a card, which is an ordinary file in its folder: whoever could lay a link there
/// would have something else overwritten, and a pipe is waited for without end.
pub(super) fn open_plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let strange = |what: &str| {
        let path = path.display();
        io::Error::other(format!("{path} is {what} and no ordinary file; take it away"))
    };
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits() as i32);
    }
    // Before it is opened as well: not every system has a way to open a link as a link, and a pipe
    // that nobody reads from refuses with an error that says nothing.
    let told = std::fs::symlink_metadata(path);
    let kind = told.as_ref().map(std::fs::Metadata::file_type);
    if kind.is_ok_and(|kind| kind.is_symlink()) {
        return Err(strange("a symbolic link"));
    }
    if told.is_ok_and(|told| !told.is_file()) {
        return Err(strange("a folder, a pipe or a device"));
    }
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(strange("a folder, a pipe or a device")),
    }
}

/// Waits for whoever is at work on a card. File systems without locks are used without.
pub(super) fn lock(file: &File, mode: OpenMode) -> Result<(), CardError<FolderFault>> {
    let begun = Instant::now();
    loop {
        let locked = match mode {
            OpenMode::Write => file.try_lock(),
            OpenMode::Read => file.try_lock_shared(),
        };
        match locked {
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => return Ok(()),
            Err(std::fs::TryLockError::WouldBlock) if begun.elapsed() > TURN_TIME_MAX => {
                let message = "another contactbox has been at work on it for half a minute";
                return Err(CardError::Device(FolderFault(io::Error::other(message))));
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Errors of a device that is not there any more.
fn is_gone(error: &io::Error) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        let gone = [Errno::NODEV, Errno::NXIO, Errno::NOMEDIUM, Errno::SHUTDOWN, Errno::STALE];
        gone.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = error;
        false
    }
}
