//! The errors of an image, each with its cure.

use super::{Displaced, HeaderError};
use embedded_storage_async::nor_flash::{NorFlashError, NorFlashErrorKind};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an image cannot be opened or made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenImageError {
    /// Another daemon has it open.
    #[error("{} is in use: another contactbox daemon has this box open", path.display())]
    InUse {
        /// The image.
        path: PathBuf,
    },
    /// The file is not an image, or not one that this version reads.
    #[error("{}: {error}", path.display())]
    Header {
        /// The image.
        path: PathBuf,
        /// The defect of its header.
        error: HeaderError,
    },
    /// The file is shorter than the box in it.
    #[error(
        "{} was cut short: it has {bytes} bytes of {bytes_expected}. Put the whole file back; or open what is left of it with --salvage true",
        path.display()
    )]
    CutShort {
        /// The image.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The length it must have.
        bytes_expected: u64,
    },
    /// The path is a link whose target is not there.
    #[error(
        "{} is a link to {}, which is not there: connect or mount the disk that it is on and try again; or remove the link, and a new and empty box is made",
        path.display(),
        target.display()
    )]
    LinkToNothing {
        /// The link.
        path: PathBuf,
        /// The target of the link.
        target: PathBuf,
    },
    /// Another file has the name under which a new box is made.
    #[error(
        "there is no box at {}, and a new one is made under the name {} first, which something else has: if that is your box, give it back its name; if not, move it away",
        path.display(),
        draft.display()
    )]
    Occupied {
        /// The path that the box is to have.
        path: PathBuf,
        /// The name under which it is made.
        draft: PathBuf,
    },
    /// The disk has no room for a new box.
    #[error("the disk has no room for a box in {}: {bytes} bytes are needed; make room and start again", path.display())]
    DiskFull {
        /// The path that the box was to have.
        path: PathBuf,
        /// The bytes that a new box needs.
        bytes: u64,
    },
    /// The box does not exist yet, and cannot be made there.
    #[error("no box can be made in {}: {error}", path.display())]
    NotWritable {
        /// The path that the box was to have.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The system refused to open the file.
    #[error("{} cannot be opened: {error}", path.display())]
    Io {
        /// The image.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// Why the image refused an operation.
#[derive(thiserror::Error)]
pub enum ImageError {
    /// The system refused the operation.
    #[error(
        "the box's file cannot be {doing}: {error}; see to the disk that it is on, then `contactbox stop` and start again"
    )]
    Io {
        /// "read", "written", "synced", "erased" or "extended".
        doing: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// The offset is beyond the end of the image.
    #[error("offset {offset} is beyond the end of the box's file")]
    OutOfBounds {
        /// The offset.
        offset: u64,
    },
    /// The offset or the length is not a multiple of a word or a page.
    #[error("offset {offset} or length is not a multiple of {unit}")]
    NotAligned {
        /// The offset.
        offset: u64,
        /// The unit that it must be a multiple of.
        unit: usize,
    },
    /// The file was opened for reading only.
    #[error("the box's file is read-only")]
    ReadOnly,
    /// The file is no longer at its place, or is another one.
    #[error("{}", how.message(path, *number))]
    Displaced {
        /// The path that it had.
        path: PathBuf,
        /// The change.
        how: Displaced,
        /// The file descriptor under which this process has it open.
        number: Option<i32>,
    },
    /// An earlier write failed.
    #[error(
        "the disk refused an earlier write, so the box takes no more changes until the daemon is started again: see to the disk, then `contactbox stop` and start again"
    )]
    Broken,
    /// The disk refused to take an earlier daemon's writes when the file was opened.
    #[error(
        "the disk did not take what had been written to the box's file before ({why}), so the box is read-only and may show what the disk does not hold: see to the disk, then `contactbox stop` and start again"
    )]
    Unsettled {
        /// The system's error, as text.
        why: String,
    },
}

/// In words, because a book reports an error of its flash by `Debug`: chips implement nothing else.
impl fmt::Debug for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl NorFlashError for ImageError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds { .. } => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned { .. } => NorFlashErrorKind::NotAligned,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// Why an image did not grow. It is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// The disk has no space.
    #[error("the disk has no room for {bytes} more bytes")]
    DiskFull {
        /// The bytes that were asked for.
        bytes: u64,
    },
    /// The image has as many pages as can be addressed.
    #[error("the box has {pages_max} pages, which is as many as there can be")]
    TooManyPages {
        /// The bound.
        pages_max: u32,
    },
    /// The write failed.
    #[error(transparent)]
    Image(ImageError),
}
