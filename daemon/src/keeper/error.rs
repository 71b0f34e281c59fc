//! The reasons why the host did not do what it was asked, each with the numbers its cure needs.

use crate::image::ImageError;
use crate::rpc::RpcError;
use contactbox_core::contact::{Uid, WriteError};
use contactbox_core::service;
use contactbox_core::store::book::{GetError, PutError};
use contactbox_core::store::journal::{AppendError, ReadError};
use contactbox_core::vcard::{Rejection, WriteCardError};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Why the host did not do something. The box is as it was, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum BoxError {
    /// A parameter that is read only when its turn comes is malformed.
    #[error(transparent)]
    Malformed(RpcError),
    /// The parameters contradict each other, or have no meaning.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The text or jCard to be written is no contact.
    #[error(transparent)]
    Vcard(#[from] VcardError),
    /// A vCard does not fit the memory it is read into.
    #[error("{0}")]
    DraftFull(WriteError),
    /// A contact does not fit a record.
    #[error("{0}")]
    Write(#[from] WriteError),
    /// A contact that was read a moment ago cannot be written as a vCard.
    #[error("{0}")]
    WriteCard(WriteCardError<GetError<ImageError>>),
    /// There is no contact with this identity.
    #[error("there is no contact {0}")]
    NoSuchContact(Uid),
    /// There is no contact whose identity begins so.
    #[error("there is no contact {text}")]
    UnknownIdentity {
        /// The beginning that the client gave.
        text: String,
    },
    /// More than one contact has an identity that begins so.
    #[error("several contacts begin with {text}; give more digits")]
    Ambiguous {
        /// The beginning that the client gave.
        text: String,
        /// Two of the contacts.
        matches: [Uid; 2],
    },
    /// The contact has no property that is to be removed.
    #[error("the contact has no such {name}; look at it again")]
    NoSuchProperty {
        /// The name of the property.
        name: String,
    },
    /// There is no photo or document with this hash.
    #[error("there is no blob {hash}")]
    NoSuchBlob {
        /// The hash in hex digits, as the client gave it.
        hash: String,
    },
    /// The answer does not fit a frame.
    #[error("the answer is longer than a frame; ask for less at once")]
    AnswerTooLong {
        /// Bytes of an answer that a frame takes.
        bytes_max: usize,
    },
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
    /// An import ended early; what these numbers count is in the box.
    #[error("{error}")]
    ImportStopped {
        /// The error that ended it.
        error: Box<BoxError>,
        /// Contacts that are new.
        added: u32,
        /// Contacts that were changed.
        updated: u32,
        /// Contacts that said nothing new.
        unchanged: u32,
    },
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
    /// An answer cannot be written as JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
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

/// Why the parameters of a request have no meaning.
#[derive(Debug, thiserror::Error)]
pub enum ParamsError {
    /// Exactly one of two parameters is to be given.
    #[error("{method} takes either {one} or {other}")]
    Either {
        /// The method.
        method: &'static str,
        /// One parameter.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// A version was given of no contact.
    #[error("version goes with a uid, or with a card that has one")]
    VersionAlone,
    /// A property to remove was given by its value and its place.
    #[error("remove takes a name with either value or index")]
    ValueAndIndex,
    /// A text is neither an identity nor the beginning of one.
    #[error("{0:?} is no identity: give all of it, or at least its first 4 hex digits")]
    NoIdentity(String),
    /// A text is not base64.
    #[error("base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// A text is not the hash of a photo or document.
    #[error("hash has 32 hex digits")]
    NoHash,
    /// The cursor is of another request.
    #[error("this cursor is not of this request; begin with the first page")]
    ForeignCursor,
    /// The cursor is of an earlier run of the daemon.
    #[error("the daemon was started again; begin with the first page")]
    OldCursor,
}

/// Why what is to be written is no contact.
#[derive(Debug, thiserror::Error)]
pub enum VcardError {
    /// It has no properties.
    #[error("the card is empty; it needs at least a name (FN)")]
    Empty,
    /// It is no jCard.
    #[error("{0}")]
    Jcard(String),
    /// One of the properties to add is none.
    #[error("add, property {place}: {why}")]
    Property {
        /// Its place among those to add.
        place: usize,
        /// The defect.
        why: String,
    },
    /// The text is no vCard.
    #[error("{0}")]
    Rejected(Rejection),
    /// The text has several vCards, or none.
    #[error("contact.put takes one card, and this text has {count}; contact.import takes many")]
    NotOne {
        /// The number it has.
        count: u32,
    },
}

/// The disk refused what was to be put on it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}{}", with_cure(error, backup.as_deref()), if *is_unsure { UNSURE } else { "" })]
pub struct DiskRefusal {
    /// The disk's own words.
    pub(super) error: String,
    /// The backup, when that is what helps.
    pub(super) backup: Option<PathBuf>,
    /// Nobody can tell whether the change is on the disk.
    pub(super) is_unsure: bool,
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
pub(super) fn change_words(error: &PutError<ImageError>) -> String {
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
