//! The image as it was at one moment, for a reader while the box goes on writing.
//!
//! No second image is made. Nothing is programmed twice (rule 2 of the journal), so a byte
//! programmed since that moment was blank then, and reads as blank here. Only a page that is erased
//! is copied first. A box at rest costs nothing; a busy one costs the pages that it reclaims during
//! the reading.

use super::{BackingFile, HEADER_BYTES, ImageError, PAGE_BYTES, disk};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Pages kept in memory: 16 MiB. Further ones go into a file without a name.
const PAGES_IN_MEMORY: usize = 256;

/// Bytes left free on the disk beside that file, for the box to grow.
const SPARE_BYTES: u64 = 16 * 1024 * 1024;

/// The image at one moment.
pub struct View {
    file: Box<dyn BackingFile>,
    pages: u32,
    since: Arc<Mutex<ChangesSince>>,
}

/// The image's end of a view, which is told of every change to come.
pub(super) struct ViewWitness(Weak<Mutex<ChangesSince>>);

/// The changes of the image since that moment.
struct ChangesSince {
    /// The number of pages at that moment.
    pages: u32,
    /// The parts programmed since, for each page; blank at that moment.
    programmed: BTreeMap<u32, Vec<Range<usize>>>,
    /// The pages erased since, each with its number in `kept`.
    erased: BTreeMap<u32, usize>,
    kept: PageStore,
    /// The reason why an erased page could not be kept.
    lost: Option<String>,
}

fn lock(since: &Mutex<ChangesSince>) -> MutexGuard<'_, ChangesSince> {
    since.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ViewWitness {
    /// Returns whether the view is still in use.
    pub(super) fn is_read(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Records a program to come, which begins `offset` bytes into the image's pages.
    pub(super) fn before_write(&self, offset: u64, len: usize) {
        if let Some(since) = self.0.upgrade() {
            lock(&since).before_write(offset, len);
        }
    }

    /// Keeps a page of the image in `file` before it is erased.
    pub(super) fn before_erase(&self, file: &dyn BackingFile, page: u32) {
        if let Some(since) = self.0.upgrade() {
            lock(&since).before_erase(file, page);
        }
    }
}

impl ChangesSince {
    fn before_write(&mut self, offset: u64, len: usize) {
        for (page, part) in parts(offset, len) {
            if page >= self.pages || self.erased.contains_key(&page) {
                continue;
            }
            let programmed = self.programmed.entry(page).or_default();
            match programmed.last_mut() {
                // The journal went on where it had ended.
                Some(last) if last.end == part.start => last.end = part.end,
                _ => programmed.push(part),
            }
        }
    }

    fn before_erase(&mut self, file: &dyn BackingFile, page: u32) {
        if page >= self.pages || self.lost.is_some() || self.erased.contains_key(&page) {
            return;
        }
        let mut bytes = vec![0; PAGE_BYTES];
        let kept = disk::read_exact_at(file, &mut bytes, at(page, 0)).and_then(|()| {
            blank(&mut bytes, 0, self.programmed.get(&page));
            self.kept.add(bytes)
        });
        match kept {
            Ok(number) => {
                self.programmed.remove(&page);
                self.erased.insert(page, number);
            }
            // The box comes first: it goes on, and this view is of no more use.
            Err(error) => {
                self.lost = Some(error.to_string());
                self.kept.clear();
            }
        }
    }
}

impl View {
    /// Returns a view of `pages` pages of the image in `file`, a handle for reading, and the
    /// image's end of it. Pages too many for memory go into a file in `folder`.
    pub(super) fn new(
        file: Box<dyn BackingFile>,
        pages: u32,
        folder: &Path,
    ) -> (Self, ViewWitness) {
        let since = Arc::new(Mutex::new(ChangesSince {
            pages,
            programmed: BTreeMap::new(),
            erased: BTreeMap::new(),
            kept: PageStore::new(folder),
            lost: None,
        }));
        let witness = ViewWitness(Arc::downgrade(&since));
        (Self { file, pages, since }, witness)
    }

    /// Returns how many pages the view has.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Reads within a page, in the form of the file.
    pub fn read(&self, page: u32, offset: usize, bytes: &mut [u8]) -> Result<(), ImageError> {
        let failed = |error| ImageError::Io { doing: "read", error };
        // Read without the lock, because the box waits for it. Every change up to now is known once
        // the lock is taken.
        disk::read_exact_at(&*self.file, bytes, at(page, offset)).map_err(failed)?;
        let since = lock(&self.since);
        if let Some(why) = &since.lost {
            let message = format!("the box reclaims faster than it is copied ({why})");
            return Err(failed(io::Error::other(message)));
        }
        match since.erased.get(&page) {
            Some(&number) => since.kept.read(number, offset, bytes).map_err(failed),
            None => {
                blank(bytes, offset, since.programmed.get(&page));
                Ok(())
            }
        }
    }
}

/// Clears the programmed parts; `bytes` begin `offset` bytes into the page.
fn blank(bytes: &mut [u8], offset: usize, programmed: Option<&Vec<Range<usize>>>) {
    for part in programmed.into_iter().flatten() {
        let start = part.start.saturating_sub(offset).min(bytes.len());
        let end = part.end.saturating_sub(offset).min(bytes.len());
        bytes[start..end].fill(0);
    }
}

fn at(page: u32, offset: usize) -> u64 {
    HEADER_BYTES as u64 + u64::from(page) * PAGE_BYTES as u64 + offset as u64
}

/// Splits a stretch of the pages into pages and the range within each.
pub fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u32, Range<usize>)> {
    let end = offset + len as u64;
    let mut from = offset;
    std::iter::from_fn(move || {
        let page = from / PAGE_BYTES as u64;
        let to = end.min((page + 1) * PAGE_BYTES as u64);
        let within = |at: u64| (at - page * PAGE_BYTES as u64) as usize;
        let part = (from < end).then(|| (page as u32, within(from)..within(to)));
        from = to.max(from);
        part
    })
}

/// A store of pages by number: the first in memory, further ones in a file without a name, which
/// goes when it is closed.
pub struct PageStore {
    memory: Vec<Vec<u8>>,
    file: Option<File>,
    pages: usize,
    folder: PathBuf,
}

impl PageStore {
    /// Returns an empty store, with its file in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { memory: Vec::new(), file: None, pages: 0, folder: folder.to_path_buf() }
    }

    /// Keeps a page; returns its number.
    pub fn add(&mut self, page: Vec<u8>) -> io::Result<usize> {
        let number = self.pages;
        if number < PAGES_IN_MEMORY {
            self.memory.push(page);
        } else {
            let file = self.file()?;
            disk::write_all_at(file, &page, place(number, 0))?;
        }
        self.pages += 1;
        Ok(number)
    }

    fn file(&mut self) -> io::Result<&File> {
        let room = disk::room_in(&self.folder);
        if room.is_some_and(|room| room < SPARE_BYTES) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.file.is_none() {
            // A box that can only be read has no writable folder: the system's place for such files
            // serves.
            let made = tempfile::tempfile_in(&self.folder).or_else(|_| tempfile::tempfile())?;
            self.file = Some(made);
        }
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Reads within a page.
    pub fn read(&self, number: usize, offset: usize, bytes: &mut [u8]) -> io::Result<()> {
        if let Some(page) = self.memory.get(number) {
            let there = page.get(offset..offset + bytes.len());
            bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            return Ok(());
        }
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        disk::read_exact_at(file, bytes, place(number, offset))
    }

    /// Writes within a page.
    pub fn write(&mut self, number: usize, offset: usize, bytes: &[u8]) -> io::Result<()> {
        if let Some(page) = self.memory.get_mut(number) {
            let there = page.get_mut(offset..offset + bytes.len());
            there.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(bytes);
            return Ok(());
        }
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        disk::write_all_at(file, bytes, place(number, offset))
    }

    /// Forgets all pages.
    pub fn clear(&mut self) {
        (self.memory, self.file, self.pages) = (Vec::new(), None, 0);
    }
}

fn place(number: usize, offset: usize) -> u64 {
    ((number - PAGES_IN_MEMORY) * PAGE_BYTES + offset) as u64
}

#[cfg(test)]
mod tests {
    use super::super::{Image, PAGES_MIN};
    use super::*;
    use embassy_futures::block_on;
    use embedded_storage_async::nor_flash::NorFlash;

    fn read(view: &View, page: u32) -> Vec<u8> {
        let mut bytes = vec![0; PAGE_BYTES];
        view.read(page, 0, &mut bytes).expect("it is kept");
        bytes
    }

    /// A view stays the same whatever the box does later.
    #[test]
    fn b13_a_view_stays_what_it_was() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let mut image = Image::open(&folder.path().join("a.box"), false).expect("a new image");
        let page_of = |page: u32| page * PAGE_BYTES as u32;
        for page in 0..3 {
            block_on(image.write(page_of(page), &[page as u8 + 1; 4096])).expect("it is written");
        }
        let view = image.view(folder.path()).expect("a view");
        let before: Vec<Vec<u8>> = (0..4).map(|page| read(&view, page)).collect();
        block_on(image.write(page_of(0) + 4096, &[7; 4096])).expect("it goes on");
        block_on(image.write(page_of(0) + 8192, &[7; 64])).expect("and on");
        block_on(image.write(page_of(3) - 8, &[7; 16])).expect("over the end of a page");
        block_on(image.erase(page_of(1), page_of(2))).expect("erased");
        block_on(image.write(page_of(1), &[9; 4096])).expect("and taken again");
        block_on(image.erase(page_of(0), page_of(1))).expect("erased, written to as it is");
        image.grow(PAGES_MIN + 4).expect("it grows");
        let after: Vec<Vec<u8>> = (0..4).map(|page| read(&view, page)).collect();
        assert!(before == after);
        let now = image.view(folder.path()).expect("another view");
        assert!(read(&now, 1) != before[1] && now.pages() > view.pages());
    }

    #[test]
    fn a_stretch_goes_page_by_page() {
        let page = PAGE_BYTES as u64;
        let all: Vec<_> = parts(page - 8, 16).collect();
        assert_eq!(all, [(0, PAGE_BYTES - 8..PAGE_BYTES), (1, 0..8)]);
        assert_eq!(parts(page, 0).count(), 0);
    }
}
