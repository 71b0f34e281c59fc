//! The box's image as it was at one moment, as a chip for work that takes long or may hang: cards.
//!
//! It reads the box's own file, where what was written since is not seen. So clients are served
//! while a card is written, however slow or broken that is, no second image takes room on the disk,
//! and what is read for a backup is what the box acknowledged at one moment. What is written into
//! it stays in it: pages of its own, as many as were written to.

use crate::error::BoxError;
use crate::handle::Handle;
use crate::image::{ImageError, PAGE_BYTES, PageStore, View, WORD_BYTES, complement, parts};
use contactbox_core::store::book::Root;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The box's image at one moment, as a chip.
pub struct ImageCopy {
    handle: Handle,
    /// The folder for pages that memory is too small for.
    folder: PathBuf,
    view: View,
    pages: u32,
    /// The root of the box at that moment, if it was known.
    root: Option<Root>,
    /// Pages that were written to here, complemented as in the image's file.
    own: BTreeMap<u32, usize>,
    store: PageStore,
}

impl ImageCopy {
    /// The box of `handle` as it is now; `folder` is where pages go that memory is too small for.
    pub fn new(handle: &Handle, folder: &Path) -> Result<Self, BoxError> {
        let (view, root) = moment(handle, folder)?;
        Ok(Self {
            handle: handle.clone(),
            folder: folder.to_path_buf(),
            pages: view.pages(),
            view,
            root,
            own: BTreeMap::new(),
            store: PageStore::new(folder),
        })
    }

    /// Makes it the box as it is now; what was written here is gone.
    pub fn refresh(&mut self) -> Result<(), BoxError> {
        (self.view, self.root) = moment(&self.handle, &self.folder)?;
        self.pages = self.view.pages();
        self.own.clear();
        self.store.clear();
        Ok(())
    }

    /// Makes it longer by blank pages than the box it is of.
    pub fn grow(&mut self, pages: u32) {
        self.pages = self.pages.saturating_add(pages).min(crate::image::PAGES_MAX);
    }

    /// The root of the box at that moment, if it was known then.
    pub fn root(&self) -> Option<Root> {
        self.root
    }

    fn check(&self, offset: u32, len: usize, unit: usize) -> Result<(), ImageError> {
        let offset = u64::from(offset);
        if !offset.is_multiple_of(unit as u64) || !len.is_multiple_of(unit) {
            return Err(ImageError::NotAligned { offset, unit });
        }
        if offset + len as u64 > self.capacity() as u64 {
            return Err(ImageError::OutOfBounds { offset });
        }
        Ok(())
    }

    fn get(&self, page: u32, offset: usize, bytes: &mut [u8]) -> Result<(), ImageError> {
        match self.own.get(&page) {
            Some(&number) => self.store.read(number, offset, bytes).map_err(failed("read")),
            None if page < self.view.pages() => self.view.read(page, offset, bytes),
            None => {
                bytes.fill(0);
                Ok(())
            }
        }
    }

    fn put(&mut self, page: u32, offset: usize, bytes: &[u8]) -> Result<(), ImageError> {
        if let Some(&number) = self.own.get(&page) {
            return self.store.write(number, offset, bytes).map_err(failed("written"));
        }
        let mut whole = vec![0; PAGE_BYTES];
        if bytes.len() < PAGE_BYTES {
            self.get(page, 0, &mut whole)?;
        }
        whole[offset..offset + bytes.len()].copy_from_slice(bytes);
        let number = self.store.add(whole).map_err(failed("written"))?;
        self.own.insert(page, number);
        Ok(())
    }
}

fn moment(handle: &Handle, folder: &Path) -> Result<(View, Option<Root>), BoxError> {
    let folder = folder.to_path_buf();
    handle.have(move |host| Ok((host.view(&folder)?, host.root())))
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> ImageError {
    move |error| ImageError::Io { doing, error }
}

impl ErrorType for ImageCopy {
    type Error = ImageError;
}

impl ReadNorFlash for ImageCopy {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ImageError> {
        self.check(offset, bytes.len(), Self::READ_SIZE)?;
        let mut rest = bytes;
        for (page, part) in parts(offset.into(), rest.len()) {
            let (now, later) = rest.split_at_mut(part.len());
            self.get(page, part.start, now)?;
            now.iter_mut().for_each(|byte| *byte = !*byte);
            rest = later;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.pages as usize * PAGE_BYTES
    }
}

impl NorFlash for ImageCopy {
    const WRITE_SIZE: usize = WORD_BYTES;
    const ERASE_SIZE: usize = PAGE_BYTES;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), ImageError> {
        let len = to.checked_sub(from).ok_or(ImageError::OutOfBounds { offset: from.into() })?;
        self.check(from, len as usize, PAGE_BYTES)?;
        for (page, _) in parts(from.into(), len as usize) {
            self.put(page, 0, &[0; PAGE_BYTES])?;
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageError> {
        self.check(offset, bytes.len(), WORD_BYTES)?;
        let mut stored = bytes.to_vec();
        complement(&mut stored);
        let mut rest = stored.as_slice();
        for (page, part) in parts(offset.into(), rest.len()) {
            let (now, later) = rest.split_at(part.len());
            self.put(page, part.start, now)?;
            rest = later;
        }
        Ok(())
    }
}
