//! The errors of a book, one enum for each operation.

use super::NEWCOMERS_MAX;
use crate::contact::{Millis, RecordError, Uid, WriteError};
use crate::store::index::IndexFull;
use crate::store::journal;
use core::fmt;

/// A flash is larger than the addresses that slots hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashTooLarge {
    /// Bytes of the flash.
    pub bytes: u64,
    /// Bytes that addresses reach.
    pub bytes_max: u64,
}

impl fmt::Display for FlashTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, bytes_max } = self;
        write!(f, "the flash has {bytes} bytes, and this machine's memory is for {bytes_max}")
    }
}

/// Memory and flash do not fit each other.
pub(super) enum Unfit {
    FlashTooLarge(FlashTooLarge),
    /// So many page states, and so many bytes of the page buffer, are needed.
    Memory {
        pages: u32,
        buffer_bytes: u32,
    },
}

/// Why a box could not be made. The flash holds no box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError<E> {
    /// The journal could not be made.
    Journal(journal::JournalFormatError<E>),
    /// The index cannot tell where things are on so large a flash.
    FlashTooLarge(FlashTooLarge),
}

impl<E> From<journal::JournalFormatError<E>> for FormatError<E> {
    fn from(error: journal::JournalFormatError<E>) -> Self {
        Self::Journal(error)
    }
}

impl<E> From<Unfit> for FormatError<E> {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::FlashTooLarge(error) => Self::FlashTooLarge(error),
            Unfit::Memory { pages, buffer_bytes } => {
                journal::JournalFormatError::Memory { pages, buffer_bytes }.into()
            }
        }
    }
}

impl<E: fmt::Debug> fmt::Display for FormatError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => write!(f, "the box could not be made: {error}"),
            Self::FlashTooLarge(error) => write!(f, "the box could not be made: {error}"),
        }
    }
}

/// Why a box could not be opened. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError<E> {
    /// The journal could not be read, or there is none.
    Journal(journal::JournalOpenError<E>),
    /// The memory for the index is too small for what the box holds.
    IndexFull {
        /// Slots there were.
        slots: u32,
    },
    /// The index cannot tell where things are on so large a flash.
    FlashTooLarge(FlashTooLarge),
}

impl<E> From<journal::JournalOpenError<E>> for OpenError<E> {
    fn from(error: journal::JournalOpenError<E>) -> Self {
        Self::Journal(error)
    }
}

impl<E> From<Unfit> for OpenError<E> {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::FlashTooLarge(error) => Self::FlashTooLarge(error),
            Unfit::Memory { pages, buffer_bytes } => {
                journal::JournalOpenError::Memory { pages, buffer_bytes }.into()
            }
        }
    }
}

impl<E: fmt::Debug> fmt::Display for OpenError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => write!(f, "the box could not be opened: {error}"),
            Self::FlashTooLarge(error) => write!(f, "the box could not be opened: {error}"),
            Self::IndexFull { slots } => {
                write!(
                    f,
                    "the box holds more than the {slots} contacts this machine has memory for"
                )
            }
        }
    }
}

/// Why there is no box to work with. What the flash held before is as it was, or was nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError<E> {
    /// The flash failed.
    Flash(E),
    /// There is a box, or something else, that could not be opened.
    Open(OpenError<E>),
    /// There was nothing, and a box could not be made.
    Format(FormatError<E>),
}

impl<E: fmt::Debug> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Open(error) => error.fmt(f),
            Self::Format(error) => error.fmt(f),
        }
    }
}

/// Why something could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetError<E> {
    /// The entry is damaged, or a chunk it needs is missing.
    Damaged {
        /// The slot it was known by.
        slot: u32,
    },
    /// The record is whole but cannot be understood.
    Record(RecordError),
    /// The caller's memory is too small.
    TooSmall {
        /// Bytes needed, the entry's header included.
        bytes: usize,
    },
    /// No chunk of this blob is here.
    NoSuchBlob,
    /// The journal could not be read.
    Journal(journal::ReadError<E>),
}

impl<E> GetError<E> {
    /// Returns whether what was to be read is damaged, as against the flash or the caller's memory
    /// failing.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::Record(_)
            | Self::NoSuchBlob
            | Self::Journal(journal::ReadError::Damaged) => true,
            Self::TooSmall { .. }
            | Self::Journal(journal::ReadError::Flash(_) | journal::ReadError::Buffer { .. }) => {
                false
            }
        }
    }
}

impl<E> From<journal::ReadError<E>> for GetError<E> {
    fn from(error: journal::ReadError<E>) -> Self {
        Self::Journal(error)
    }
}

impl<E: fmt::Debug> fmt::Display for GetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { slot } => write!(f, "what slot {slot} stands for is damaged"),
            Self::Record(error) => error.fmt(f),
            Self::TooSmall { bytes } => write!(f, "{bytes} bytes of memory are needed"),
            Self::NoSuchBlob => f.write_str("there is no such photo or document"),
            Self::Journal(error) => error.fmt(f),
        }
    }
}

/// Why a change was not made. The box is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutError<E> {
    /// The contact cannot be written so: too large, or a part of it is.
    Write(WriteError),
    /// The box is full.
    Full {
        /// Bytes of all that is live.
        live_bytes: u64,
        /// Bytes that fit.
        capacity_bytes: u64,
    },
    /// There are as many contacts and chunks as there is memory for.
    IndexFull {
        /// The number there can be.
        slots_max: usize,
    },
    /// As many contacts as can share what the index keeps of an identity do share this one's.
    Crowded(Uid),
    /// The contact changed since the version the change was based on.
    Conflict {
        /// The version it has now.
        version: Millis,
    },
    /// There is no such contact, or only the memory of one.
    NoSuchContact(Uid),
    /// A new contact has the identity of one that is there.
    Exists(Uid),
    /// A photo or document is too large.
    BlobTooLarge {
        /// Its length.
        bytes: usize,
        /// The largest that fits.
        bytes_max: usize,
    },
    /// The contact refers to a photo or document that is not in the box.
    NoSuchBlob,
    /// A piece of a photo or document that does not begin or end where pieces do.
    BadPiece {
        /// Length of a piece, in bytes.
        piece_bytes: u32,
    },
    /// There are as many boxes as a box can know, and what was to be taken in is of another one.
    TooManyBoxes {
        /// The number it can know.
        boxes_max: usize,
    },
    /// A record of another box's is not such as a box writes: it names boxes that nobody has
    /// introduced, or claims not to know what it says itself.
    Foreign(Uid),
    /// It would remove this contact: it waits until that is admitted.
    Removal(Uid),
    /// So many removals wait for a yes.
    Removals {
        /// Contacts that would be removed.
        count: u32,
        /// Contacts that others have removed shortly before.
        removed: u32,
        /// Contacts there were before all of that.
        contacts: u32,
    },
    /// The contact as it is could not be read.
    Get(GetError<E>),
    /// The journal could not be written.
    Journal(journal::AppendError<E>),
}

impl<E> From<WriteError> for PutError<E> {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl<E> From<GetError<E>> for PutError<E> {
    fn from(error: GetError<E>) -> Self {
        Self::Get(error)
    }
}

impl<E> From<IndexFull> for PutError<E> {
    fn from(error: IndexFull) -> Self {
        Self::IndexFull { slots_max: error.slots_max }
    }
}

impl<E> From<journal::AppendError<E>> for PutError<E> {
    fn from(error: journal::AppendError<E>) -> Self {
        match error {
            journal::AppendError::Full { live_bytes, capacity_bytes } => {
                Self::Full { live_bytes: live_bytes.into(), capacity_bytes: capacity_bytes.into() }
            }
            error => Self::Journal(error),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for PutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(error) => error.fmt(f),
            Self::Full { live_bytes, capacity_bytes } => write!(
                f,
                "the box is full: {live_bytes} of {capacity_bytes} bytes are in use; \
                 purge what is in the trash, or use a larger box"
            ),
            Self::IndexFull { slots_max } => {
                write!(f, "the box has memory for {slots_max} contacts and blob chunks; purge some")
            }
            Self::Crowded(uid) => write!(
                f,
                "the box cannot tell {uid} from other contacts it has; give the contact another UID"
            ),
            Self::Conflict { version } => write!(
                f,
                "somebody changed the contact meanwhile (it is at version {version} now); \
                 look at it again and repeat the change"
            ),
            Self::NoSuchContact(uid) => write!(f, "there is no contact {uid}"),
            Self::Exists(uid) => write!(f, "there is a contact {uid} already; edit that one"),
            Self::BlobTooLarge { bytes, bytes_max } => write!(
                f,
                "a photo or document of {bytes} bytes does not fit; at most {bytes_max} bytes do"
            ),
            Self::NoSuchBlob => {
                f.write_str("the contact refers to a photo or document that is not in the box")
            }
            Self::BadPiece { piece_bytes } => {
                write!(f, "photos and documents come in pieces of {piece_bytes} bytes")
            }
            Self::TooManyBoxes { boxes_max } => write!(
                f,
                "it is of a box that there is no place for: {NEWCOMERS_MAX} new ones are taken in at one \
                 meeting, and {boxes_max} can be known; meet again, or move the contacts to a new box"
            ),
            Self::Foreign(uid) => {
                write!(f, "what the other box says of {uid} is not such as a box writes")
            }
            Self::Removal(uid) => {
                write!(f, "the other box would remove {uid}, which waits for a yes")
            }
            Self::Removals { count, removed: 0, contacts } => {
                write!(f, "{count} of {contacts} contacts would be removed, which waits for a yes")
            }
            Self::Removals { count, removed, contacts } => write!(
                f,
                "{count} more of {contacts} contacts would be removed, {removed} in the last day were; \
                 that waits for a yes"
            ),
            Self::Get(error) => error.fmt(f),
            Self::Journal(error) => error.fmt(f),
        }
    }
}

macro_rules! error {
    ($($name:ident),*) => {
        $(impl<E: fmt::Debug> core::error::Error for $name<E> {})*
    };
}

error!(FormatError, OpenError, StartError, GetError, PutError);
