//! What can go wrong with an image, each with its cure.

use super::{Displaced, HeaderError};
use embedded_storage_async::nor_flash::{NorFlashError, NorFlashErrorKind};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the image can not be opened or made; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenImageError {
    /// Somebody has it open.
    #[error("{} is in use: another contactbox daemon has this box open", path.display())]
    InUse {
        /// The image.
        path: PathBuf,
    },
    /// It is not an image, or not one this version reads.
    #[error("{}: {error}", path.display())]
    Header {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
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
    /// It is a link, and what that leads to is not there.
    #[error(
        "{} is a link to {}, which is not there: connect or mount the disk that it is on and try again; or remove the link, and a new and empty box is made",
        path.display(),
        target.display()
    )]
    LinkToNothing {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// Something has the name that a new box is made under.
    #[error(
        "there is no box at {}, and a new one is made under the name {} first, which something else has: if that is your box, give it back its name; if not, move it away",
        path.display(),
        draft.display()
    )]
    Occupied {
        /// Where the box is to be.
        path: PathBuf,
        /// The name it is made under.
        draft: PathBuf,
    },
    /// The disk has no room for a new box.
    #[error("the disk has no room for a box in {}: {bytes} bytes are needed; make room and start again", path.display())]
    DiskFull {
        /// Where it was to be.
        path: PathBuf,
        /// What it needs.
        bytes: u64,
    },
    /// The box can only be read from here and does not exist yet.
    #[error("no box can be made in {}: {error}", path.display())]
    NotWritable {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The system refuses.
    #[error("{} can not be opened: {error}", path.display())]
    Io {
        /// The image.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Why the image refused an operation.
#[derive(thiserror::Error)]
pub enum ImageError {
    /// The system says no.
    #[error(
        "the box's file can not be {doing}: {error}; see to the disk that it is on, then `contactbox stop` and start again"
    )]
    Io {
        /// "read", "written", "synced", "erased" or "extended".
        doing: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// Beyond the end of the image.
    #[error("offset {offset} is beyond the end of the box's file")]
    OutOfBounds {
        /// Where.
        offset: u64,
    },
    /// Not at a word or page.
    #[error("offset {offset} or length is not a multiple of {unit}")]
    NotAligned {
        /// Where.
        offset: u64,
        /// Of what it must be a multiple.
        unit: usize,
    },
    /// The file was opened for reading only.
    #[error("the box's file is read-only")]
    ReadOnly,
    /// It is not at its place any more, or not what was opened.
    #[error("{}", how.told(path, *number))]
    Displaced {
        /// Where it was.
        path: PathBuf,
        /// What became of it.
        how: Displaced,
        /// The number under which this process has it open.
        number: Option<i32>,
    },
    /// An earlier write failed.
    #[error(
        "the disk refused an earlier write, so the box takes no more changes until the daemon is started again: see to the disk, then `contactbox stop` and start again"
    )]
    Broken,
    /// What an earlier daemon wrote could not be put on the disk when the file was opened.
    #[error(
        "the disk did not take what had been written to the box's file before ({why}), so the box is read-only and may show what the disk does not hold: see to the disk, then `contactbox stop` and start again"
    )]
    Unsettled {
        /// What the system says.
        why: String,
    },
}

/// In words: a book tells what its flash says as it is debugged, since chips have no other way.
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

/// Why an image did not grow; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// The disk has no room.
    #[error("the disk has no room for {bytes} more bytes")]
    DiskFull {
        /// What was asked for.
        bytes: u64,
    },
    /// It has as many pages as can be addressed.
    #[error("the box has {pages_max} pages, which is as many as there can be")]
    TooManyPages {
        /// The bound.
        pages_max: u32,
    },
    /// The write failed.
    #[error(transparent)]
    Image(ImageError),
}
