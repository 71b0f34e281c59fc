//! A copy of the box's image that is kept in step, for work that takes long or may hang: cards.
//!
//! The keeper only hands over what changed since the last time, on the disk already. So clients are
//! served while a card is written, however slow or broken that is; and what is read for a backup is
//! what the box acknowledged at one moment. What is written into a copy is the copy's alone.

use crate::image::disk::{read_exact_at, room_in, write_all_at};
use crate::image::{BackingFile, HEADER_BYTES, Image, ImageError, PAGE_BYTES, WORD_BYTES};
use crate::keeper::Asker;
use crate::rpc::{Fault, Kind};
use contactbox_core::store::book::Root;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Pages that are copied while clients wait: 2 MiB, about a millisecond.
const PAGES_AT_ONCE: usize = 32;

/// How often to try for few enough pages to be left before taking all that are.
const ROUNDS_MAX: u32 = 8;

/// Room that is left on the disk beside the copy: for the box to grow.
const SPARE_BYTES: u64 = 16 * 1024 * 1024;

/// Pages of zeros are not written: the copy's file is zeros where nobody wrote.
static ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// The file of a copy, which has no name and goes with whoever has it open.
pub struct Copier {
    copy: File,
    number: u32,
    is_last: bool,
    /// Pages to be copied whatever the image says: written to here.
    own: BTreeSet<u32>,
}

/// What a copy still needs.
pub struct Leftover {
    /// Pages of the image.
    pub pages: u32,
    /// Pages to be copied before asking again; none when the copy is in step.
    pub stale: BTreeSet<u32>,
    /// The image, for reading them.
    pub source: Option<Box<dyn BackingFile>>,
}

impl Copier {
    /// Copies from the image while nobody writes to it.
    pub fn copy_from(&self, image: &mut Image) -> io::Result<Leftover> {
        let pages = image.pages();
        let touched = image.track(self.number);
        let mut stale = touched.unwrap_or_else(|| (0..pages).collect());
        stale.extend(self.own.iter().filter(|&&page| page < pages));
        let source = image.reader()?;
        if stale.len() > PAGES_AT_ONCE && !self.is_last {
            return Ok(Leftover { pages, stale, source: Some(source) });
        }
        copy(&*source, &self.copy, &stale)?;
        Ok(Leftover { pages, stale: BTreeSet::new(), source: None })
    }
}

fn copy(source: &dyn BackingFile, copy: &File, pages: &BTreeSet<u32>) -> io::Result<()> {
    let mut bytes = vec![0; PAGE_BYTES];
    let mut old = vec![0; PAGE_BYTES];
    for &page in pages {
        let at = HEADER_BYTES as u64 + u64::from(page) * PAGE_BYTES as u64;
        read_exact_at(source, &mut bytes, at)?;
        // A hole stays one.
        if bytes == ZEROS && read_exact_at(copy, &mut old, at).is_ok() && old == ZEROS {
            continue;
        }
        write_all_at(copy, &bytes, at)?;
    }
    Ok(())
}

/// A copy of the box's image, as a chip.
pub struct Mirror {
    copier: Arc<Copier>,
    asker: Asker,
    pages: u32,
    /// The root of the box when the copy was brought in step, if it was known.
    root: Option<Root>,
    buffer: Vec<u8>,
}

impl Mirror {
    /// A copy of the box of `asker` in a file without a name in `folder`.
    pub fn new(asker: &Asker, folder: &Path) -> Result<Self, Fault> {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        let bytes = asker.have(|desk| Ok(desk.image_bytes()))?;
        if let Some(room) = room_in(folder)
            && room < bytes + SPARE_BYTES
        {
            return Err(Fault::new(
                Kind::Disk,
                format!(
                    "a backup needs {bytes} bytes for a while in {}, and there are {room}; make room on that disk",
                    folder.display()
                ),
            ));
        }
        // A box that can only be read is copied to where the system keeps such files.
        let copy = tempfile::tempfile_in(folder).or_else(|_| tempfile::tempfile());
        let copy = copy.map_err(disk)?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let copier = Copier { copy, number, is_last: false, own: BTreeSet::new() };
        let mut mirror = Self {
            copier: Arc::new(copier),
            asker: asker.clone(),
            pages: 0,
            root: None,
            buffer: Vec::new(),
        };
        mirror.refresh()?;
        Ok(mirror)
    }

    /// Brings it in step with the box; what was written into the copy is undone.
    pub fn refresh(&mut self) -> Result<(), Fault> {
        for round in 1..=ROUNDS_MAX {
            self.change(|copier| copier.is_last = round == ROUNDS_MAX);
            let copier = self.copier.clone();
            let (left, root) = self.asker.have(move |desk| {
                let left = desk.copy_to(&copier)?;
                Ok((left, desk.root()))
            })?;
            (self.pages, self.root) = (left.pages, root);
            let len = HEADER_BYTES as u64 + u64::from(left.pages) * PAGE_BYTES as u64;
            let has = self.copier.copy.metadata().map_err(disk)?.len();
            if let Some(source) = &left.source {
                copy(&**source, &self.copier.copy, &left.stale).map_err(disk)?;
            }
            if has != len {
                // It had more where it was written to beyond the box's end.
                self.copier.copy.set_len(len).map_err(disk)?;
            }
            self.change(|copier| copier.own.clear());
            if left.source.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Makes it longer by blank pages than the box it is a copy of.
    pub fn grow(&mut self, pages: u32) -> Result<(), Fault> {
        self.pages = self.pages.saturating_add(pages).min(crate::image::PAGES_MAX);
        let len = HEADER_BYTES as u64 + u64::from(self.pages) * PAGE_BYTES as u64;
        self.copier.copy.set_len(len).map_err(disk)
    }

    /// The root of the box when the copy was brought in step, if it was known then.
    pub fn root(&self) -> Option<Root> {
        self.root
    }

    /// The keeper holds the copier only while it copies, and this waits meanwhile.
    fn change(&mut self, change: impl FnOnce(&mut Copier)) {
        if let Some(copier) = Arc::get_mut(&mut self.copier) {
            change(copier);
        }
    }

    fn check(&self, offset: u32, len: usize, unit: usize) -> Result<u64, ImageError> {
        let offset = u64::from(offset);
        if !offset.is_multiple_of(unit as u64) || !len.is_multiple_of(unit) {
            return Err(ImageError::NotAligned { offset, unit });
        }
        if offset + len as u64 > self.capacity() as u64 {
            return Err(ImageError::OutOfBounds { offset });
        }
        Ok(HEADER_BYTES as u64 + offset)
    }

    fn put(&mut self, offset: u32, at: u64, len: usize) -> Result<(), ImageError> {
        let first = offset / PAGE_BYTES as u32;
        let last = (u64::from(offset) + (len as u64).saturating_sub(1)) / PAGE_BYTES as u64;
        self.change(|copier| copier.own.extend(first..=last as u32));
        write_all_at(&self.copier.copy, &self.buffer[..len], at)
            .map_err(|error| ImageError::Io { doing: "written", error })
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let number = self.copier.number;
        // Not waited for: the keeper may have ended.
        drop(self.asker.task(move |desk| {
            desk.forget_copy(number);
            Ok(())
        }));
    }
}

fn disk(error: io::Error) -> Fault {
    Fault::new(Kind::Disk, format!("the box can not be copied for a backup: {error}"))
}

impl ErrorType for Mirror {
    type Error = ImageError;
}

impl ReadNorFlash for Mirror {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ImageError> {
        let at = self.check(offset, bytes.len(), Self::READ_SIZE)?;
        read_exact_at(&self.copier.copy, bytes, at)
            .map_err(|error| ImageError::Io { doing: "read", error })?;
        for byte in bytes {
            *byte = !*byte;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.pages as usize * PAGE_BYTES
    }
}

impl NorFlash for Mirror {
    const WRITE_SIZE: usize = WORD_BYTES;
    const ERASE_SIZE: usize = PAGE_BYTES;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), ImageError> {
        let len = to.checked_sub(from).ok_or(ImageError::OutOfBounds { offset: from.into() })?;
        let at = self.check(from, len as usize, PAGE_BYTES)?;
        self.buffer.clear();
        self.buffer.resize(len as usize, 0);
        self.put(from, at, len as usize)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageError> {
        let at = self.check(offset, bytes.len(), WORD_BYTES)?;
        self.buffer.clear();
        self.buffer.extend(bytes.iter().map(|byte| !byte));
        self.put(offset, at, bytes.len())
    }
}
