//! The reasons why a request was not answered, each with the numbers its cure needs.

use contactbox_api::ApiError;
use contactbox_core::contact::{Uid, WriteError};
use contactbox_core::service;
use contactbox_core::store::book::GetError;
use contactbox_core::vcard::{Rejection, WriteCardError};
use contactbox_engine::BoxError;
use contactbox_engine::image::ImageError;
use contactbox_sync::card::SyncError;

/// Why a request was not answered. The box is as it was, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The box did not do what was asked of it.
    #[error(transparent)]
    Box(#[from] BoxError),
    /// The work with a card or a device was not done.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// A parameter that is read only when its turn comes is malformed.
    #[error(transparent)]
    Malformed(ApiError),
    /// The parameters contradict each other, or have no meaning.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The text or jCard to be written is no contact.
    #[error(transparent)]
    Vcard(#[from] VcardError),
    /// A vCard does not fit the memory it is read into.
    #[error("{0}")]
    DraftFull(WriteError),
    /// A contact that was read a moment ago cannot be written as a vCard.
    #[error("{0}")]
    WriteCard(WriteCardError<GetError<ImageError>>),
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
    /// An import ended early; what these numbers count is in the box.
    #[error("{error}")]
    ImportStopped {
        /// The error that ended it.
        error: BoxError,
        /// Contacts that are new.
        added: u32,
        /// Contacts that were changed.
        updated: u32,
        /// Contacts that said nothing new.
        unchanged: u32,
    },
    /// An answer cannot be written as JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// Something could not be read.
impl From<GetError<ImageError>> for CallError {
    fn from(error: GetError<ImageError>) -> Self {
        Self::Box(error.into())
    }
}

/// A contact does not fit a record.
impl From<WriteError> for CallError {
    fn from(error: WriteError) -> Self {
        Self::Box(error.into())
    }
}

/// The request itself is none the box can do.
impl From<service::Fault> for CallError {
    fn from(fault: service::Fault) -> Self {
        Self::Box(fault.into())
    }
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
