//! Why a request was not done: a code and the numbers its asker needs next.
//!
//! No match here has a wildcard: a new error has its fault decided here.

#![deny(clippy::wildcard_enum_match_arm)]

use super::frame::FrameError;
use crate::contact::{Millis, Uid, WriteError};
use crate::limits::BOXES_MAX;
use crate::store::journal::{AppendError, ReadError};
use crate::store::{GetError, NEWCOMERS_MAX, PutError};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Why a request was not done. Codes are the order of the variants: appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The frame did not come whole. The request, if it was one, was not done.
    Frame(FrameError),
    /// The message is no request that this box knows, or exceeds a bound.
    NotUnderstood,
    /// The other side speaks only later versions of the protocol.
    Protocol {
        /// The highest this box speaks.
        spoken: u8,
    },
    /// There is no such contact.
    NoSuchContact(Uid),
    /// The contact is not at the version the change was made of.
    Conflict {
        /// The version it is at.
        version: Millis,
    },
    /// A contact of this identity is there already.
    Exists(Uid),
    /// It does not fit what this box takes.
    TooLarge {
        /// The most it takes, in bytes.
        bytes_max: u32,
    },
    /// The contact is longer than this box reads at once.
    TooLong {
        /// Its length, in bytes.
        bytes: u32,
    },
    /// The contact has more properties than this box can compare.
    TooManyProperties {
        /// The most it can, of both sides of a comparison.
        items_max: u32,
    },
    /// More live bytes than the box can keep.
    Full {
        /// Bytes in use.
        live_bytes: u64,
        /// Bytes there are.
        capacity_bytes: u64,
    },
    /// The box has memory for no more contacts.
    IndexFull {
        /// Contacts and chunks of blobs it has memory for.
        slots_max: u32,
    },
    /// Not in use: whoever is one too many is nobody in particular.
    TooManyAuthors,
    /// There is no place for a box that is met, or that a record names.
    TooManyBoxes {
        /// The most boxes that can be known.
        boxes_max: u32,
    },
    /// A photo or document is not here, or not all of it.
    NoSuchBlob,
    /// A piece of a blob does not begin or end where pieces do.
    BadPiece {
        /// Length of a piece, in bytes.
        piece_bytes: u32,
    },
    /// The card says nothing, or breaks a bound.
    BadCard,
    /// A record of another box's is not such as a box writes.
    Foreign(Uid),
    /// The data to be read is damaged.
    Damaged,
    /// Nothing was staged, or not all of it, or something else was asked for in between.
    NotStaged,
    /// The boxes have not been introduced since the cable was put in.
    NotMet,
    /// The box holds no such version of the contact.
    NoSuchVersion,
    /// The flash failed.
    Flash,
    /// The box takes no changes.
    ReadOnly,
    /// The box does not do this.
    Refused,
    /// The box cannot tell this identity from those of contacts it has.
    Crowded(Uid),
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
    /// The box is at work, and has not read the request yet.
    Busy,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::NotUnderstood => f.write_str(
                "the request is not understood; one of the two sides needs a newer version",
            ),
            Self::Protocol { spoken } => write!(
                f,
                "the box speaks protocol {spoken}, the other side only later ones; it needs a newer version"
            ),
            Self::NoSuchContact(uid) => write!(f, "there is no contact {uid}"),
            Self::Conflict { version } => write!(
                f,
                "somebody changed the contact meanwhile (it is at version {version} now); \
                 look at it again and repeat the change"
            ),
            Self::Exists(uid) => write!(f, "there is a contact {uid} already; edit that one"),
            Self::TooLarge { bytes_max } => {
                write!(f, "it is larger than the {bytes_max} bytes this box takes; shorten it")
            }
            Self::TooLong { bytes } => {
                write!(f, "the contact has {bytes} bytes, which is more than this box reads")
            }
            Self::TooManyProperties { items_max } => {
                write!(f, "the contact has more properties than the {items_max} that fit")
            }
            Self::Full { live_bytes, capacity_bytes } => write!(
                f,
                "the box is full: {live_bytes} of {capacity_bytes} bytes are in use; \
                 purge what is in the trash, or use a larger box"
            ),
            Self::IndexFull { slots_max } => {
                write!(f, "the box has memory for {slots_max} contacts and blob chunks; purge some")
            }
            Self::TooManyAuthors => f.write_str("the box knows as many authors as it can"),
            Self::TooManyBoxes { boxes_max } => write!(
                f,
                "it is of a box that there is no place for: {NEWCOMERS_MAX} new ones are taken in at one \
                 meeting, and {boxes_max} can be known; meet again, or move the contacts to a new box"
            ),
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
            Self::NoSuchBlob => f.write_str("the photo or document is not in the box"),
            Self::BadPiece { piece_bytes } => {
                write!(f, "photos and documents come in pieces of {piece_bytes} bytes")
            }
            Self::BadCard => {
                f.write_str("the card is empty or malformed; it needs at least a name")
            }
            Self::Foreign(uid) => {
                write!(f, "what the other box says of {uid} is not such as a box writes")
            }
            Self::Damaged => {
                f.write_str("it is damaged; verify the box, and let it meet another that has it")
            }
            Self::NotStaged => {
                f.write_str("what was sent in pieces is not complete; send it again")
            }
            Self::NotMet => f.write_str("the boxes have not been introduced; begin again"),
            Self::NoSuchVersion => f.write_str("the box no longer holds that version"),
            Self::Flash => f.write_str("the flash of the box failed"),
            Self::ReadOnly => f.write_str("the box takes no changes"),
            Self::Refused => f.write_str("the box does not do this"),
            Self::Crowded(uid) => write!(
                f,
                "the box cannot tell {uid} from other contacts it has; give the contact another UID"
            ),
            Self::Busy => f.write_str(
                "the device is at work on its box or its card, and answers when that is done; try again in a minute",
            ),
        }
    }
}

impl core::error::Error for Fault {}

/// Why a request was not done, with all that the flash has to say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError<E> {
    /// The request itself.
    Fault(Fault),
    /// Something could not be read.
    Get(GetError<E>),
    /// Something could not be changed.
    Put(PutError<E>),
}

impl<E> From<Fault> for AnswerError<E> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<E> From<GetError<E>> for AnswerError<E> {
    fn from(error: GetError<E>) -> Self {
        Self::Get(error)
    }
}

impl<E> From<PutError<E>> for AnswerError<E> {
    fn from(error: PutError<E>) -> Self {
        Self::Put(error)
    }
}

impl<E> AnswerError<E> {
    /// The same as it is told to the other side.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Fault(fault) => *fault,
            Self::Get(error) => of_get(error),
            Self::Put(error) => of_put(error),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for AnswerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Get(error) => error.fmt(f),
            Self::Put(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for AnswerError<E> {}

fn of_get<E>(error: &GetError<E>) -> Fault {
    match error {
        GetError::NoSuchBlob => Fault::NoSuchBlob,
        GetError::TooSmall { bytes } => Fault::TooLong { bytes: clamped(*bytes) },
        GetError::Damaged { .. } | GetError::Record(_) | GetError::Journal(ReadError::Damaged) => {
            Fault::Damaged
        }
        GetError::Journal(ReadError::Flash(_) | ReadError::Buffer { .. }) => Fault::Flash,
    }
}

fn of_put<E>(error: &PutError<E>) -> Fault {
    match *error {
        PutError::Write(error) => of_write(error),
        PutError::Full { live_bytes, capacity_bytes } => Fault::Full { live_bytes, capacity_bytes },
        PutError::IndexFull { slots_max } => Fault::IndexFull { slots_max: clamped(slots_max) },
        PutError::Conflict { version } => Fault::Conflict { version },
        PutError::NoSuchContact(uid) => Fault::NoSuchContact(uid),
        PutError::Exists(uid) => Fault::Exists(uid),
        PutError::Crowded(uid) => Fault::Crowded(uid),
        PutError::Removal(uid) => Fault::Removal(uid),
        PutError::Removals { count, removed, contacts } => {
            Fault::Removals { count, removed, contacts }
        }
        PutError::BlobTooLarge { bytes_max, .. } => {
            Fault::TooLarge { bytes_max: clamped(bytes_max) }
        }
        PutError::NoSuchBlob => Fault::NoSuchBlob,
        PutError::TooManyBoxes { boxes_max } => {
            Fault::TooManyBoxes { boxes_max: clamped(boxes_max) }
        }
        PutError::BadPiece { piece_bytes } => Fault::BadPiece { piece_bytes },
        PutError::Foreign(uid) => Fault::Foreign(uid),
        PutError::Get(ref error) => of_get(error),
        PutError::Journal(
            AppendError::Flash(_)
            | AppendError::Full { .. }
            | AppendError::TooLarge { .. }
            | AppendError::Kind(_)
            | AppendError::Worn,
        ) => Fault::Flash,
    }
}

pub(super) fn of_write(error: WriteError) -> Fault {
    match error {
        WriteError::TooLarge { bytes_max } | WriteError::FieldTooLong { bytes_max, .. } => {
            Fault::TooLarge { bytes_max: clamped(bytes_max) }
        }
        WriteError::TooManyProperties { items_max } => {
            Fault::TooManyProperties { items_max: clamped(items_max) }
        }
        WriteError::TooManyBoxes => Fault::TooManyBoxes { boxes_max: clamped(BOXES_MAX) },
        WriteError::TooManyAtOnce => Fault::TooManyProperties { items_max: u16::MAX.into() },
        WriteError::NoName | WriteError::OtherUid => Fault::BadCard,
    }
}

fn clamped(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
