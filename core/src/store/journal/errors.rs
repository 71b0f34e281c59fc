//! Why an operation of the journal failed: one enum each, generic in the flash error.

use core::fmt;

/// Why a chip could not be made into a box. It holds no box then; formatting can be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalFormatError<E> {
    /// The flash failed.
    Flash(E),
    /// The chip has too few pages.
    TooSmall {
        /// Pages of the chip.
        pages: u32,
        /// Pages a box needs.
        pages_min: u32,
    },
    /// The memory given does not suffice.
    Memory {
        /// Page states needed.
        pages: u32,
        /// Bytes of buffer needed.
        buffer_bytes: u32,
    },
    /// The first page does not hold what is written to it.
    Worn,
}

/// Why a box could not be opened. Nothing has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalOpenError<E> {
    /// The flash failed.
    Flash(E),
    /// The chip is erased, or a first format of it never finished: there is no box on it.
    Blank,
    /// Something is on the chip, but not a box.
    Foreign,
    /// A box in a format that this program does not know.
    Version(u8),
    /// The memory given does not suffice.
    Memory {
        /// Page states needed.
        pages: u32,
        /// Bytes of buffer needed.
        buffer_bytes: u32,
    },
}

/// Why nothing was appended. What was there before is as it was; the new entries are not
/// acknowledged, and may be found or not when the box is next opened if the flash failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError<E> {
    /// The flash failed.
    Flash(E),
    /// There is no room: something must be deleted first.
    Full {
        /// Bytes of entries that are live.
        live_bytes: u32,
        /// Bytes of entries that can be live.
        capacity_bytes: u32,
    },
    /// It does not fit a page, however empty.
    TooLarge {
        /// Bytes with headers.
        bytes: u32,
        /// Bytes that fit.
        bytes_max: u32,
    },
    /// The kind is not a caller's.
    Kind(u8),
    /// Several pages in a row did not hold what was written to them.
    Worn,
}

/// Why an entry could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError<E> {
    /// The flash failed.
    Flash(E),
    /// The entry is damaged beyond mending, or there is none at this address.
    Damaged,
    /// The buffer is too short.
    Buffer {
        /// Bytes needed, header and alignment included.
        bytes: u32,
    },
}

/// Why idle work stopped. Nothing is lost; it can be taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TendError<E> {
    /// The flash failed.
    Flash(E),
    /// Several pages in a row did not hold what was written to them.
    Worn,
}

/// Why the box could not be extended. It goes on with the size it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendError<E> {
    /// The flash failed.
    Flash(E),
    /// The memory given does not suffice.
    Memory {
        /// Page states needed.
        pages: u32,
    },
    /// Several pages in a row did not hold what was written to them.
    Worn,
}

/// The reasons for which an operation inside the journal fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JournalFailure<E> {
    Flash(E),
    /// No page can be taken, nor one be emptied.
    NoRoom,
    Worn,
}

impl<E> From<JournalFailure<E>> for TendError<E> {
    fn from(trouble: JournalFailure<E>) -> Self {
        match trouble {
            JournalFailure::Flash(error) => TendError::Flash(error),
            JournalFailure::NoRoom | JournalFailure::Worn => TendError::Worn,
        }
    }
}

impl<E: fmt::Debug> fmt::Display for JournalFormatError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::TooSmall { pages, pages_min } => {
                write!(f, "the flash has {pages} pages; a box needs at least {pages_min}")
            }
            Self::Memory { pages, buffer_bytes } => {
                write!(f, "memory for {pages} pages and a buffer of {buffer_bytes} bytes is needed")
            }
            Self::Worn => f.write_str("the first page does not hold what is written to it"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for JournalOpenError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Blank => f.write_str("there is no box yet"),
            Self::Foreign => f.write_str("what is there is not a box"),
            Self::Version(version) => {
                write!(
                    f,
                    "the box has format {version}, which needs a newer version of this program"
                )
            }
            Self::Memory { pages, buffer_bytes } => {
                write!(f, "memory for {pages} pages and a buffer of {buffer_bytes} bytes is needed")
            }
        }
    }
}

impl<E: fmt::Debug> fmt::Display for AppendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Full { live_bytes, capacity_bytes } => {
                write!(f, "{live_bytes} of {capacity_bytes} bytes are in use")
            }
            Self::TooLarge { bytes, bytes_max } => {
                write!(f, "an entry of {bytes} bytes does not fit a page; {bytes_max} do")
            }
            Self::Kind(kind) => write!(f, "kind {kind} is not for callers"),
            Self::Worn => f.write_str("several pages in a row do not hold what is written to them"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Damaged => f.write_str("the entry is damaged"),
            Self::Buffer { bytes } => write!(f, "{bytes} bytes of memory are needed"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for TendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Worn => f.write_str("several pages in a row do not hold what is written to them"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for ExtendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Memory { pages } => write!(f, "memory for {pages} pages is needed"),
            Self::Worn => f.write_str("several pages in a row do not hold what is written to them"),
        }
    }
}
