//! The reasons why the host did not do what it was asked, each with the numbers its cure needs.

use crate::image::ImageError;
use contactbox_core::contact::{Uid, WriteError};
use contactbox_core::service;
use contactbox_core::store::book::{GetError, PutError};
use contactbox_core::store::journal::{AppendError, ReadError};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Why the host did not do something. The box is as it was, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum BoxError {
    /// A contact does not fit a record.
    #[error("{0}")]
    Write(#[from] WriteError),
    /// There is no contact with this identity.
    #[error("there is no contact {0}")]
    NoSuchContact(Uid),
    /// Something could not be read.
    #[error("{}", get_words(.0))]
    Get(#[from] GetError<ImageError>),
    /// Something was not changed.
    #[error("{}", put_words(.0))]
    Put(PutError<ImageError>),
    /// The box is full, and its file cannot grow because the disk has no room.
    #[error("the disk has no room for {bytes} more bytes; make room on it ({})", put_words(error))]
    DiskFull {
        /// Bytes that the disk had no room for.
        bytes: u64,
        /// The error of the box.
        error: PutError<ImageError>,
    },
    /// The request itself is none the box can do.
    #[error("{0}")]
    Service(#[from] service::Fault),
    /// The file of the box takes no changes.
    #[error("{}", with_cure(error, backup.as_deref()))]
    NotWritable {
        /// The file's own words.
        error: String,
        /// The backup, when that is what helps.
        backup: Option<PathBuf>,
    },
    /// A fault of the program has closed the box to changes.
    #[error("the box takes no more changes after a fault of the program; start the daemon again")]
    Closed,
    /// The disk refused a change on its way there.
    #[error(transparent)]
    Refused(#[from] DiskRefusal),
    /// The file took no write, so it is not to be copied.
    #[error("the box's file took no write, so what is in it is not copied; start the daemon again")]
    NotWhole,
    /// The image could not be made ready for reading beside the book.
    #[error("{0}")]
    View(std::io::Error),
    /// A record of another box is malformed.
    #[error("a record that came from a card is none")]
    NoRecord,
    /// The box gave an answer that does not fit the question.
    #[error("the box has answered another question; this is a fault of the program")]
    OtherAnswer,
    /// A change was answered by something else.
    #[error("a change was answered by something else")]
    OtherChange,
    /// A fault of the program during a change has closed the box.
    #[error(
        "a fault of the program; the box takes no more changes until the daemon is started again"
    )]
    Panicked,
    /// A fault of the program while everything was read.
    #[error("a fault of the program; nothing was changed by it")]
    PanickedReading,
    /// The writer thread has ended, or is about to.
    #[error("the daemon is stopping")]
    Stopping,
}

/// The disk refused what was to be put on it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}{}", with_cure(error, backup.as_deref()), if *is_unsure { UNSURE } else { "" })]
pub struct DiskRefusal {
    /// The disk's own words.
    pub(crate) error: String,
    /// The backup, when that is what helps.
    pub(crate) backup: Option<PathBuf>,
    /// Nobody can tell whether the change is on the disk.
    pub(crate) is_unsure: bool,
}

const UNSURE: &str = ". Whether the change is on the disk nobody can tell: look at it when the daemon has been started again";

/// An error of the box's file, and where else the box is when that is what helps.
fn with_cure(error: &impl Display, backup: Option<&Path>) -> String {
    match backup {
        Some(folder) => {
            let folder = folder.display();
            format!(
                "{error}. Its backup is in {folder}, unless that was moved as well: `contactbox restore {folder}` takes it into an empty box"
            )
        }
        None => error.to_string(),
    }
}

/// The file's own error when it is the file that failed: a book knows it as its flash.
fn file_error(error: &GetError<ImageError>) -> Option<&ImageError> {
    match error {
        GetError::Journal(ReadError::Flash(error)) => Some(error),
        GetError::Journal(ReadError::Damaged | ReadError::Buffer { .. })
        | GetError::Damaged { .. }
        | GetError::Record(_)
        | GetError::TooSmall { .. }
        | GetError::NoSuchBlob => None,
    }
}

fn get_words(error: &GetError<ImageError>) -> String {
    match error {
        GetError::NoSuchBlob => error.to_string(),
        GetError::TooSmall { bytes } => {
            format!("the contact has {bytes} bytes, which is more than this daemon reads")
        }
        GetError::Damaged { .. } | GetError::Record(_) | GetError::Journal(_) => {
            match file_error(error) {
                _ if error.is_damage() => {
                    format!("{error}; box.verify tells the extent of the damage")
                }
                Some(file) => file.to_string(),
                None => error.to_string(),
            }
        }
    }
}

fn put_words(error: &PutError<ImageError>) -> String {
    match error {
        PutError::Get(error) => get_words(error),
        error => change_words(error),
    }
}

/// Why something was not changed, without a cure.
pub(crate) fn change_words(error: &PutError<ImageError>) -> String {
    let file = match error {
        PutError::Journal(AppendError::Flash(error)) => Some(error),
        PutError::Get(error) => file_error(error),
        PutError::Journal(
            AppendError::Full { .. }
            | AppendError::TooLarge { .. }
            | AppendError::Kind(_)
            | AppendError::Worn,
        )
        | PutError::Write(_)
        | PutError::Full { .. }
        | PutError::IndexFull { .. }
        | PutError::Crowded(_)
        | PutError::Conflict { .. }
        | PutError::NoSuchContact(_)
        | PutError::Exists(_)
        | PutError::BlobTooLarge { .. }
        | PutError::NoSuchBlob
        | PutError::BadPiece { .. }
        | PutError::TooManyBoxes { .. }
        | PutError::Foreign(_)
        | PutError::Removal(_)
        | PutError::Removals { .. } => None,
    };
    file.map_or_else(|| error.to_string(), ImageError::to_string)
}
