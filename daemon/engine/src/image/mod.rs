//! The image file of a box: a NOR flash chip in a file, which can grow.
//!
//! Bytes are stored complemented, so a part of the file that was never written reads as zeros, and
//! thus as erased flash. When the chip grows, it takes all of its new space from the disk at once.
//! Erasing keeps the space. So no program or erase can meet a full disk.
//!
//! A programmed byte is on the disk when [`Image::sync`] has returned, not before. An erase waits
//! for everything programmed before it. The journal puts a page on the disk before it writes the
//! first entry there, so the image need not order later programs after an erase. When the disk
//! refuses a write, nobody can tell what it holds: the image takes no more writes until it is
//! opened again. Opening puts on the disk what an earlier daemon left in the system's memory, then
//! reads the disk itself: nothing is built on bytes that are in memory only.

mod backing;
mod complement;
pub mod disk;
mod error;
mod header;
mod place;
mod salvage;
mod view;

pub use backing::BackingFile;
pub use error::{GrowError, ImageError, OpenImageError};
pub use header::is_image;
pub use header::{HEADER_BYTES, HeaderError, ImageHeader};
pub use place::Displaced;
pub use view::{PageStore, View, parts};

pub use complement::complement;
use place::WrittenTail;
use view::ViewWitness;

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Takes the lock on an open image.
fn lock(file: &File, path: &Path) -> Result<(), OpenImageError> {
    contactbox_system::lock::lock(file).map_err(|error| match error {
        TryLockError::WouldBlock => OpenImageError::InUse { path: path.to_path_buf() },
        TryLockError::Error(error) => OpenImageError::Io { path: path.to_path_buf(), error },
    })
}

/// Bytes erased at once. Large, so that the page table of a box of a million contacts stays small.
pub const PAGE_BYTES: usize = 64 * 1024;

/// The unit of programming.
pub const WORD_BYTES: usize = 4;

/// Pages of an empty box: 1 MiB.
pub const PAGES_MIN: u32 = 16;

/// Most pages: journal addresses count words in 32 bits, which is 16 GiB.
pub const PAGES_MAX: u32 = (u32::MAX / (PAGE_BYTES / WORD_BYTES) as u32) - 1;

/// States whether the image takes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Writes are taken.
    ReadWrite,
    /// The file or its disk is read-only.
    ReadOnly,
    /// A write failed.
    Broken,
    /// The file was taken away, or changed by somebody else.
    Displaced(Displaced),
    /// On opening, the disk refused bytes of the file that were still in the system's memory.
    Unsettled,
}

impl Access {
    /// Returns whether writes were taken at first and are refused now.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Broken | Self::Displaced(_))
    }
}

/// A NOR chip in a file, locked against a second opener.
pub struct Image {
    file: Box<dyn BackingFile>,
    path: PathBuf,
    /// The disk that held the image's folder when it was opened.
    disk: u64,
    /// The name of a new image's file until [`Image::publish`].
    draft: Option<PathBuf>,
    header: ImageHeader,
    access: Access,
    /// Complemented bytes on their way to the file.
    buffer: Vec<u8>,
    /// The newest bytes that a sync has put on the disk. Another copy of the box lacks them.
    synced: Vec<WrittenTail>,
    /// The newest bytes written since the last sync.
    unsynced: Option<WrittenTail>,
    /// Set while programmed bytes wait for a sync.
    is_programmed: bool,
    /// Set while an erase waits for a sync.
    is_erased: bool,
    /// Set until the first sync after opening succeeds. Opening read the disk as far as systems can
    /// be made to read it; the first acknowledgement waits for the disk all the same.
    is_unproven: bool,
    /// The reason why the disk refused bytes in memory when the file was opened.
    refusal: Option<String>,
    syncs: u64,
    /// The image's ends of the views that may still be read.
    views: Vec<ViewWitness>,
}

impl Image {
    /// Opens the image at `path`, or makes one where there is none. A new image has another name
    /// until [`Image::publish`]. A file that can only be read is opened read-only.
    pub fn open(path: &Path, is_salvage: bool) -> Result<Self, OpenImageError> {
        let io = |error| OpenImageError::Io { path: path.to_path_buf(), error };
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Self::take(file, path, Access::ReadWrite, is_salvage),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A link that leads nowhere: the box exists, and its disk is not there.
                match std::fs::read_link(path) {
                    Ok(target) => {
                        Err(OpenImageError::LinkToNothing { path: path.to_path_buf(), target })
                    }
                    Err(_) => Self::create(path),
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                let file = File::open(path).map_err(io)?;
                Self::take(file, path, Access::ReadOnly, false)
            }
            Err(error) => Err(io(error)),
        }
    }

    fn take(
        file: File,
        path: &Path,
        access: Access,
        is_salvage: bool,
    ) -> Result<Self, OpenImageError> {
        lock(&file, path)?;
        Self::over(Box::new(file), path, access, is_salvage)
    }

    /// Opens the image in a file that nobody else has open; `path` is its name.
    pub fn over(
        file: Box<dyn BackingFile>,
        path: &Path,
        access: Access,
        is_salvage: bool,
    ) -> Result<Self, OpenImageError> {
        let io = |error| OpenImageError::Io { path: path.to_path_buf(), error };
        // A killed daemon, or one that the disk refused, leaves bytes in the system's memory that
        // are not on the disk, though they may count as written there. So they are put on the disk
        // first, then that memory is given up, and only then is anything read.
        let settled = file.sync_data();
        file.forget();
        let (access, refusal) = match (access, settled) {
            (Access::ReadWrite, Err(error)) => (Access::Unsettled, Some(error.to_string())),
            // A read-only image acknowledges nothing, so a refusal does not matter to it.
            (access, _) => (access, None),
        };
        let wrong = |error| OpenImageError::Header { path: path.to_path_buf(), error };
        let mut block = [0; HEADER_BYTES];
        let bytes = disk::read_up_to(&*file, &mut block, 0).map_err(io)?;
        let found = ImageHeader::newest(&block[..bytes])
            .and_then(|header| header.fits(PAGE_BYTES, WORD_BYTES, PAGES_MAX).map(|()| header));
        let mut header = match found {
            Ok(header) => header,
            Err(error @ (HeaderError::Foreign | HeaderError::Damaged)) => {
                let header = salvage::header_of(&*file).map_err(io)?.ok_or_else(|| wrong(error))?;
                if !is_salvage {
                    return Err(wrong(HeaderError::Struck));
                }
                tracing::warn!("the image's header is made anew from the pages behind it");
                salvage::write(&*file, &header).map_err(io)?;
                header
            }
            Err(error) => return Err(wrong(error)),
        };
        let bytes = file.bytes().map_err(io)?;
        let bytes_expected = end_of(header.pages);
        if bytes < bytes_expected {
            if !is_salvage {
                return Err(OpenImageError::CutShort {
                    path: path.to_path_buf(),
                    bytes,
                    bytes_expected,
                });
            }
            if !salvage::has_page_of(&*file, header.box_id).map_err(io)? {
                return Err(wrong(HeaderError::Hollow));
            }
            tracing::warn!(
                bytes,
                bytes_expected,
                "the box's file was cut short: contacts may be missing, or older than they were"
            );
            // The note must be on the disk before the file gets its old length back. It is reported
            // at each open until the journal has recorded it.
            header = header.noting(header.gone_from.min(page_at(bytes)).or(page_at(bytes)));
            salvage::write(&*file, &header).map_err(io)?;
            disk::reserve(&*file, bytes, bytes_expected).map_err(io)?;
        }
        // A file that cannot be read is for the journal to report.
        let synced = place::newest(&*file, header.pages).unwrap_or_default();
        let mut image = Self::new(file, path, header, access);
        image.synced = synced;
        image.refusal = refusal;
        image.is_unproven = access == Access::ReadWrite;
        Ok(image)
    }

    fn create(path: &Path) -> Result<Self, OpenImageError> {
        let not_writable = |error| OpenImageError::NotWritable { path: path.to_path_buf(), error };
        let folder = path.parent().unwrap_or(Path::new("."));
        disk::make_private_folder(folder).map_err(not_writable)?;
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        let occupied =
            || OpenImageError::Occupied { path: path.to_path_buf(), draft: draft.clone() };
        if std::fs::symlink_metadata(&draft).is_ok_and(|found| !found.is_file()) {
            return Err(occupied());
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = disk::private(&mut options).open(&draft).map_err(not_writable)?;
        lock(&file, path)?;
        if !is_unfinished(&file).map_err(not_writable)? {
            return Err(occupied());
        }
        if std::fs::symlink_metadata(path).is_ok() {
            // Another daemon held the lock before and has finished its image.
            return Err(OpenImageError::InUse { path: path.to_path_buf() });
        }
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| not_writable(io::Error::other(error)))?;
        let header = ImageHeader {
            page_bytes: PAGE_BYTES as u32,
            word_bytes: WORD_BYTES as u32,
            pages: PAGES_MIN,
            generation: 1,
            gone_from: None,
            box_id: u64::from_le_bytes(id),
        };
        let filled = file.set_len(0).and_then(|()| disk::reserve(&file, 0, end_of(PAGES_MIN)));
        match filled {
            Ok(()) => {
                let mut image = Self::new(Box::new(file), path, header, Access::ReadWrite);
                image.draft = Some(draft);
                Ok(image)
            }
            Err(error) => {
                std::fs::remove_file(&draft).ok();
                Err(match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        OpenImageError::DiskFull {
                            path: path.to_path_buf(),
                            bytes: end_of(PAGES_MIN),
                        }
                    }
                    _ => not_writable(error),
                })
            }
        }
    }

    fn new(file: Box<dyn BackingFile>, path: &Path, header: ImageHeader, access: Access) -> Self {
        Self {
            file,
            path: path.to_path_buf(),
            disk: disk::disk_of(path),
            draft: None,
            header,
            access,
            buffer: Vec::new(),
            synced: Vec::new(),
            unsynced: None,
            is_programmed: false,
            is_erased: false,
            is_unproven: false,
            refusal: None,
            syncs: 0,
            views: Vec::new(),
        }
    }

    /// Returns whether the image was made just now and holds no box yet.
    pub fn is_new(&self) -> bool {
        self.draft.is_some()
    }

    /// Gives a new image its header and its name, with all of its content on the disk. After a
    /// power cut there is a whole box or none.
    pub fn publish(&mut self) -> Result<(), ImageError> {
        let Some(draft) = self.draft.clone() else { return Ok(()) };
        let written = self.header.write_twice(&*self.file);
        self.checked("written", written)?;
        self.is_programmed = true;
        self.sync()?;
        std::fs::rename(&draft, &self.path)
            .and_then(|()| disk::sync_folder_of(&self.path))
            .map_err(|error| ImageError::Io { doing: "written", error })?;
        self.draft = None;
        Ok(())
    }

    /// Returns the identity of the box in the image.
    pub fn box_id(&self) -> u64 {
        self.header.box_id
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how many pages the image has now.
    pub fn pages(&self) -> u32 {
        self.header.pages
    }

    /// Returns whether the image takes writes, and why not.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Returns the first page that was cut off the file, wholly or in part; it reads as blank from
    /// the cut on. It is reported at each open until [`Image::note_gone`].
    pub fn gone_from(&self) -> Option<u32> {
        self.header.gone_from
    }

    /// Forgets the cut, once the journal has recorded it; that record goes to the disk first.
    pub fn note_gone(&mut self) -> Result<(), ImageError> {
        self.sync()?;
        let header = self.header.noting(None);
        let written = header.write_twice(&*self.file);
        self.checked("written", written)?;
        self.header = header;
        self.is_programmed = true;
        self.sync()
    }

    /// Takes no more writes, because memory may differ from what belongs on the disk.
    pub fn close(&mut self) {
        self.access = Access::Broken;
    }

    /// Returns whether the next [`Image::sync`] has something to put on the disk.
    pub fn is_dirty(&self) -> bool {
        self.is_programmed || self.is_erased
    }

    /// Returns the number of syncs so far. A rise means that earlier writes are on the disk.
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    /// Returns the image as it is now, for a reader beside further writes. Pages too many for
    /// memory go into a file in `folder`.
    pub fn view(&mut self, folder: &Path) -> io::Result<View> {
        let (view, witness) = View::new(self.file.reader()?, self.header.pages, folder);
        self.views.retain(ViewWitness::is_read);
        self.views.push(witness);
        Ok(view)
    }

    /// Puts everything programmed and erased on the disk. Fails as well when the file is no longer
    /// at its place: its content must not be acknowledged then.
    pub fn sync(&mut self) -> Result<(), ImageError> {
        if !self.is_dirty() && !self.is_unproven {
            return Ok(());
        }
        self.writable()?;
        let synced = self.file.sync_data();
        self.checked("synced", synced)?;
        self.syncs += 1;
        self.is_programmed = false;
        self.is_erased = false;
        self.is_unproven = false;
        self.check_place()?;
        if let Some(tail) = self.unsynced.take() {
            self.synced = vec![tail];
        }
        Ok(())
    }

    /// Checks that the file is still at its place and still the same; refuses further writes if
    /// not.
    pub fn look(&mut self) -> Access {
        if self.access == Access::ReadWrite {
            // The access holds the failure from now on.
            self.check_place().ok();
        }
        self.access
    }

    /// Refuses further writes if the file has left its place or is another one.
    fn check_place(&mut self) -> Result<(), ImageError> {
        if self.draft.is_some() {
            // Nothing in a draft has been acknowledged, and it has no header yet.
            return Ok(());
        }
        let how = place::displaced(&*self.file, &self.path, self.disk, &self.header);
        let is_ours = || self.synced.iter().all(|tail| tail.is_in(&*self.file));
        let Some(how) = how.or_else(|| (!is_ours()).then_some(Displaced::Overwritten)) else {
            return Ok(());
        };
        self.access = Access::Displaced(how);
        let error = self.displaced(how);
        tracing::error!("{error}");
        Err(error)
    }

    fn displaced(&self, how: Displaced) -> ImageError {
        ImageError::Displaced { path: self.path.clone(), how, number: self.file.number() }
    }

    /// Returns the free bytes of the disk; `None` if the system does not tell.
    pub fn room(&self) -> Option<u64> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        disk::room_in(folder.unwrap_or(Path::new(".")))
    }

    /// Takes space from the disk until the image has `pages` pages.
    pub fn grow(&mut self, pages: u32) -> Result<(), GrowError> {
        if pages <= self.header.pages {
            return Ok(());
        }
        if pages > PAGES_MAX {
            return Err(GrowError::TooManyPages { pages_max: PAGES_MAX });
        }
        // Making the file longer would hide that somebody has cut it short.
        self.writable().and_then(|()| self.check_place()).map_err(GrowError::Image)?;
        let (start, end) = (end_of(self.header.pages), end_of(pages));
        if let Err(error) = disk::reserve(&*self.file, start, end) {
            // The space is given back; the header still has the old size.
            self.file.set_len(start).ok();
            return Err(match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => GrowError::DiskFull { bytes: end - start },
                _ => GrowError::Image(ImageError::Io { doing: "extended", error }),
            });
        }
        let header = ImageHeader {
            pages,
            generation: self.header.generation.wrapping_add(1),
            ..self.header
        };
        // The space is on the disk before the header names it, and the header before any page in
        // it: after a power cut the image has grown or it has not.
        let written = self
            .file
            .sync_all()
            .and_then(|()| disk::write_all_at(&*self.file, &header.encode(), header.offset()));
        self.checked("written", written).map_err(GrowError::Image)?;
        self.is_programmed = true;
        self.header = header;
        self.sync().map_err(GrowError::Image)
    }

    /// Returns an error if writes are refused.
    pub fn writable(&self) -> Result<(), ImageError> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(ImageError::ReadOnly),
            Access::Broken => Err(ImageError::Broken),
            Access::Displaced(how) => Err(self.displaced(how)),
            Access::Unsettled => {
                Err(ImageError::Unsettled { why: self.refusal.clone().unwrap_or_default() })
            }
        }
    }

    /// Refuses further writes after a failed one: the file may hold anything, and a later sync may
    /// report success.
    fn checked(&mut self, doing: &'static str, result: io::Result<()>) -> Result<(), ImageError> {
        result.map_err(|error| {
            tracing::error!(%error, "the box's file cannot be {doing}; no more changes are taken");
            self.access = Access::Broken;
            ImageError::Io { doing, error }
        })
    }

    fn check(&self, offset: u64, len: usize, unit: usize) -> Result<u64, ImageError> {
        if !offset.is_multiple_of(unit as u64) || !len.is_multiple_of(unit) {
            return Err(ImageError::NotAligned { offset, unit });
        }
        let end = offset.checked_add(len as u64);
        if end.is_none_or(|end| end > self.capacity() as u64) {
            return Err(ImageError::OutOfBounds { offset });
        }
        Ok(HEADER_BYTES as u64 + offset)
    }
}

/// Returns whether the file is an unfinished image: it has no header until it gets its name. A file
/// with another beginning belongs to somebody else.
fn is_unfinished(file: &File) -> io::Result<bool> {
    let mut block = [0; HEADER_BYTES];
    let bytes = disk::read_up_to(file, &mut block, 0)?;
    Ok(block[..bytes].iter().all(|&byte| byte == 0))
}

impl Drop for Image {
    fn drop(&mut self) {
        if let Some(draft) = &self.draft {
            std::fs::remove_file(draft).ok();
        }
    }
}

/// Returns the length of a file with `pages` pages.
fn end_of(pages: u32) -> u64 {
    HEADER_BYTES as u64 + u64::from(pages) * PAGE_BYTES as u64
}

/// Returns the page that holds this byte of a file.
fn page_at(byte: u64) -> Option<u32> {
    u32::try_from(byte.saturating_sub(HEADER_BYTES as u64) / PAGE_BYTES as u64).ok()
}

impl ErrorType for Image {
    type Error = ImageError;
}

impl ReadNorFlash for Image {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ImageError> {
        let at = self.check(u64::from(offset), bytes.len(), Self::READ_SIZE)?;
        disk::read_exact_at(&*self.file, bytes, at)
            .map_err(|error| ImageError::Io { doing: "read", error })?;
        complement(bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.header.pages as usize * PAGE_BYTES
    }
}

impl NorFlash for Image {
    const WRITE_SIZE: usize = WORD_BYTES;
    const ERASE_SIZE: usize = PAGE_BYTES;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), ImageError> {
        let (from, to) = (u64::from(from), u64::from(to));
        let len = to.checked_sub(from).ok_or(ImageError::OutOfBounds { offset: from })?;
        let at = self.check(from, len as usize, PAGE_BYTES)?;
        self.writable()?;
        // New pages are zeros on the disk already. This saves two syncs for each page of an import.
        let blank = disk::is_zero(&*self.file, at, len);
        if blank.map_err(|error| ImageError::Io { doing: "read", error })? {
            return Ok(());
        }
        // Entries moved out of the page must be on the disk before the page goes.
        if self.is_programmed {
            self.sync()?;
        }
        for view in &self.views {
            parts(from, len as usize).for_each(|(page, _)| view.before_erase(&*self.file, page));
        }
        self.synced.retain(|tail| !tail.is_within(at, len));
        self.unsynced = self.unsynced.take().filter(|tail| !tail.is_within(at, len));
        let erased = disk::zero(&*self.file, at, len);
        self.checked("erased", erased)?;
        self.is_erased = true;
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageError> {
        let at = self.check(u64::from(offset), bytes.len(), WORD_BYTES)?;
        self.writable()?;
        if at + bytes.len() as u64 == end_of(self.header.pages) {
            // A file that was cut short gets its length back by a write at its end, which hides the
            // cut.
            self.check_place()?;
        }
        self.views.iter().for_each(|view| view.before_write(offset.into(), bytes.len()));
        self.buffer.clear();
        self.buffer.extend(bytes.iter().map(|byte| !byte));
        let written = disk::write_all_at(&*self.file, &self.buffer, at);
        self.checked("written", written)?;
        self.unsynced = Some(WrittenTail::of(&self.buffer, at));
        self.is_programmed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
