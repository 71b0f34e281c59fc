//! Checks a region of flash for settings or diary, and reads back what is written to it.

use core::fmt;
use core::ops::Range;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// The largest program or read unit that is supported, in bytes.
const WORD_BYTES_MAX: usize = 32;

/// The reason why a range of flash is not usable. This is a mistake in the layout of a device, not
/// a fault of its flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError {
    /// An end of the region is not on the boundary of a page.
    NotAligned {
        /// The size of a page (erase unit) in bytes.
        page_bytes: u32,
    },
    /// The region is smaller than its contents may become.
    TooSmall {
        /// The size of the region in bytes.
        bytes: u32,
        /// The size needed in bytes.
        bytes_min: u32,
    },
    /// The region is not within the chip.
    OutOfBounds {
        /// The end of the region.
        end: u32,
        /// The size of the chip in bytes.
        capacity_bytes: u32,
    },
    /// The chip's program or read unit is larger than 32 bytes.
    WordTooLarge,
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAligned { page_bytes } => {
                write!(f, "the region does not start and end at a page of {page_bytes} bytes")
            }
            Self::TooSmall { bytes, bytes_min } => {
                write!(f, "the region has {bytes} bytes and needs {bytes_min}")
            }
            Self::OutOfBounds { end, capacity_bytes } => {
                write!(f, "the region ends at {end}, the chip at {capacity_bytes}")
            }
            Self::WordTooLarge => {
                write!(f, "the chip's words are larger than {WORD_BYTES_MAX} bytes")
            }
        }
    }
}

impl core::error::Error for RegionError {}

/// Returns the size of the larger of the program and read units, in bytes.
pub(super) const fn word_bytes<F: NorFlash>() -> usize {
    if F::WRITE_SIZE > F::READ_SIZE { F::WRITE_SIZE } else { F::READ_SIZE }
}

/// Returns the bytes that an item with `data` bytes takes: a header of 8, each part filled up to a
/// word.
pub(super) const fn item_bytes<F: NorFlash>(data: usize) -> usize {
    8usize.next_multiple_of(word_bytes::<F>()) + data.next_multiple_of(word_bytes::<F>())
}

/// Returns the bytes of a page that items can use: all but a word at each end.
pub(super) const fn page_room<F: NorFlash>() -> usize {
    F::ERASE_SIZE.saturating_sub(2 * word_bytes::<F>())
}

/// Checks a range against the chip and against the number of pages needed.
pub(super) fn check<F: NorFlash>(
    flash: &F,
    range: &Range<u32>,
    pages_min: usize,
) -> Result<(), RegionError> {
    let page_bytes = F::ERASE_SIZE as u32;
    if word_bytes::<F>() > WORD_BYTES_MAX {
        return Err(RegionError::WordTooLarge);
    }
    if !range.start.is_multiple_of(page_bytes) || !range.end.is_multiple_of(page_bytes) {
        return Err(RegionError::NotAligned { page_bytes });
    }
    let bytes = range.end.saturating_sub(range.start);
    let bytes_min = u32::try_from(pages_min * F::ERASE_SIZE).unwrap_or(u32::MAX);
    if bytes < bytes_min {
        return Err(RegionError::TooSmall { bytes, bytes_min });
    }
    let capacity_bytes = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
    if range.end > capacity_bytes {
        return Err(RegionError::OutOfBounds { end: range.end, capacity_bytes });
    }
    Ok(())
}

/// A buffer for one item, aligned as some chips need it.
#[repr(align(8))]
pub(super) struct Buffer<const BYTES: usize>(pub(super) [u8; BYTES]);

impl<const BYTES: usize> Buffer<BYTES> {
    pub(super) fn new() -> Self {
        Self([0; BYTES])
    }
}

/// Flash whose writes are read back, so that a failed write is an error at once.
pub(super) struct Checked<F>(pub(super) F);

/// An error of [`Checked`] flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedError<E> {
    /// The flash itself reports an error.
    Flash(E),
    /// The flash reports success but holds something else.
    Mismatch,
}

impl<E: NorFlashError> NorFlashError for CheckedError<E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Flash(error) => error.kind(),
            Self::Mismatch => NorFlashErrorKind::Other,
        }
    }
}

impl<F: NorFlash> ErrorType for Checked<F> {
    type Error = CheckedError<F::Error>;
}

impl<F: NorFlash> ReadNorFlash for Checked<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.read(offset, bytes).await.map_err(CheckedError::Flash)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<F: NorFlash> NorFlash for Checked<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.0.erase(from, to).await.map_err(CheckedError::Flash)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.write(offset, bytes).await.map_err(CheckedError::Flash)?;
        let mut at = offset;
        for chunk in bytes.chunks(WORD_BYTES_MAX) {
            let mut buffer = Buffer::<WORD_BYTES_MAX>::new();
            // `chunks` never returns more than `WORD_BYTES_MAX` bytes.
            let held = &mut buffer.0[..chunk.len()];
            self.0.read(at, held).await.map_err(CheckedError::Flash)?;
            if held != chunk {
                return Err(CheckedError::Mismatch);
            }
            at += chunk.len() as u32;
        }
        Ok(())
    }
}
