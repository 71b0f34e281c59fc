//! What goes wrong with the book, as clients see it.

use crate::image::ImageError;
use crate::rpc::{Fault, Kind};
use contactbox_core::contact::WriteError;
use contactbox_core::service;
use contactbox_core::store::book::{GetError, PutError};
use contactbox_core::store::journal::{AppendError, ReadError};

/// What the file says when it is the file that failed: a book knows it as its flash.
fn of_file(error: &GetError<ImageError>) -> Option<&ImageError> {
    match error {
        GetError::Journal(ReadError::Flash(error)) => Some(error),
        _ => None,
    }
}

/// Why something was not changed, in words for a person.
pub(super) fn in_words(error: &PutError<ImageError>) -> String {
    let file = match error {
        PutError::Journal(AppendError::Flash(error)) => Some(error),
        PutError::Get(error) => of_file(error),
        _ => None,
    };
    file.map_or_else(|| error.to_string(), ImageError::to_string)
}

/// Why something could not be read.
pub(super) fn of_get(error: GetError<ImageError>) -> Fault {
    match &error {
        GetError::NoSuchBlob => Fault::new(Kind::NoSuchBlob, error.to_string()),
        GetError::TooSmall { bytes } => Fault::new(
            Kind::TooLarge,
            format!("the contact has {bytes} bytes, which is more than this daemon reads"),
        ),
        _ if error.is_damage() => {
            Fault::new(Kind::Damaged, format!("{error}; box.verify tells the extent of the damage"))
        }
        _ => {
            let message = of_file(&error).map_or_else(|| error.to_string(), ImageError::to_string);
            Fault::new(Kind::Disk, message)
        }
    }
}

/// Why something was not changed.
pub(super) fn of_put(error: PutError<ImageError>) -> Fault {
    let message = in_words(&error);
    match error {
        PutError::Write(WriteError::TooLarge { bytes_max }) => {
            Fault::new(Kind::TooLarge, message).with("bytes_max", bytes_max)
        }
        PutError::Write(WriteError::FieldTooLong { bytes_max, .. }) => {
            Fault::new(Kind::TooLarge, message).with("bytes_max", bytes_max)
        }
        PutError::Write(WriteError::OtherUid) => Fault::new(Kind::InvalidParams, message),
        PutError::Write(_) => Fault::new(Kind::TooLarge, message),
        PutError::BlobTooLarge { bytes_max, .. } => {
            Fault::new(Kind::TooLarge, message).with("bytes_max", bytes_max)
        }
        PutError::Full { live_bytes, capacity_bytes } => Fault::new(Kind::Full, message)
            .with("live_bytes", live_bytes)
            .with("capacity_bytes", capacity_bytes),
        PutError::IndexFull { slots_max } => {
            Fault::new(Kind::Full, message).with("slots_max", slots_max)
        }
        PutError::Crowded(uid) => Fault::new(Kind::Conflict, message).with("uid", uid.to_string()),
        PutError::Removal(uid) => Fault::new(Kind::Conflict, message).with("uid", uid.to_string()),
        PutError::Removals { .. } => Fault::new(Kind::Conflict, message),
        PutError::TooManyBoxes { .. } => Fault::new(Kind::Full, message),
        PutError::Conflict { version } => {
            Fault::new(Kind::Conflict, message).with("version", version)
        }
        PutError::Exists(uid) => Fault::new(Kind::Conflict, message).with("uid", uid.to_string()),
        PutError::NoSuchContact(uid) => {
            Fault::new(Kind::NoSuchContact, message).with("uid", uid.to_string())
        }
        PutError::NoSuchBlob => Fault::new(Kind::NoSuchBlob, message),
        PutError::BadPiece { .. } | PutError::Foreign(_) => {
            Fault::new(Kind::InvalidParams, message)
        }
        PutError::Get(error) => of_get(error),
        PutError::Journal(_) => Fault::new(Kind::Disk, message),
    }
}

/// Why a request itself is none the box can do.
pub(super) fn of_service(fault: service::Fault) -> Fault {
    let message = fault.to_string();
    match fault {
        service::Fault::NoSuchContact(uid) => {
            Fault::new(Kind::NoSuchContact, message).with("uid", uid.to_string())
        }
        service::Fault::NoSuchBlob => Fault::new(Kind::NoSuchBlob, message),
        service::Fault::BadCard => Fault::new(Kind::BadCard, message),
        service::Fault::TooLarge { bytes_max } => {
            Fault::new(Kind::TooLarge, message).with("bytes_max", bytes_max)
        }
        service::Fault::TooLong { .. } => Fault::new(Kind::TooLarge, message),
        _ => Fault::params(message),
    }
}
