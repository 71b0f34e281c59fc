//! What goes wrong with the book, as clients see it.

use crate::image::ImageError;
use crate::rpc::{ErrorKind, RpcError};
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
pub(super) fn of_get(error: GetError<ImageError>) -> RpcError {
    match &error {
        GetError::NoSuchBlob => RpcError::new(ErrorKind::NoSuchBlob, error.to_string()),
        GetError::TooSmall { bytes } => RpcError::new(
            ErrorKind::TooLarge,
            format!("the contact has {bytes} bytes, which is more than this daemon reads"),
        ),
        _ if error.is_damage() => RpcError::new(
            ErrorKind::Damaged,
            format!("{error}; box.verify tells the extent of the damage"),
        ),
        _ => {
            let message = of_file(&error).map_or_else(|| error.to_string(), ImageError::to_string);
            RpcError::new(ErrorKind::Disk, message)
        }
    }
}

/// Why something was not changed.
pub(super) fn of_put(error: PutError<ImageError>) -> RpcError {
    let message = in_words(&error);
    match error {
        PutError::Write(WriteError::TooLarge { bytes_max }) => {
            RpcError::new(ErrorKind::TooLarge, message)
                .with(|data| data.bytes_max = Some(widened(bytes_max)))
        }
        PutError::Write(WriteError::FieldTooLong { bytes_max, .. }) => {
            RpcError::new(ErrorKind::TooLarge, message)
                .with(|data| data.bytes_max = Some(widened(bytes_max)))
        }
        PutError::Write(WriteError::OtherUid) => RpcError::new(ErrorKind::InvalidParams, message),
        PutError::Write(_) => RpcError::new(ErrorKind::TooLarge, message),
        PutError::BlobTooLarge { bytes_max, .. } => RpcError::new(ErrorKind::TooLarge, message)
            .with(|data| data.bytes_max = Some(widened(bytes_max))),
        PutError::Full { live_bytes, capacity_bytes } => RpcError::new(ErrorKind::Full, message)
            .with(|data| data.live_bytes = Some(widened(live_bytes)))
            .with(|data| data.capacity_bytes = Some(widened(capacity_bytes))),
        PutError::IndexFull { slots_max } => RpcError::new(ErrorKind::Full, message)
            .with(|data| data.slots_max = Some(widened(slots_max))),
        PutError::Crowded(uid) => RpcError::new(ErrorKind::Conflict, message)
            .with(|data| data.uid = Some(uid.to_string())),
        PutError::Removal(uid) => RpcError::new(ErrorKind::Conflict, message)
            .with(|data| data.uid = Some(uid.to_string())),
        PutError::Removals { .. } => RpcError::new(ErrorKind::Conflict, message),
        PutError::TooManyBoxes { .. } => RpcError::new(ErrorKind::Full, message),
        PutError::Conflict { version } => {
            RpcError::new(ErrorKind::Conflict, message).with(|data| data.version = Some(version))
        }
        PutError::Exists(uid) => RpcError::new(ErrorKind::Conflict, message)
            .with(|data| data.uid = Some(uid.to_string())),
        PutError::NoSuchContact(uid) => RpcError::new(ErrorKind::NoSuchContact, message)
            .with(|data| data.uid = Some(uid.to_string())),
        PutError::NoSuchBlob => RpcError::new(ErrorKind::NoSuchBlob, message),
        PutError::BadPiece { .. } | PutError::Foreign(_) => {
            RpcError::new(ErrorKind::InvalidParams, message)
        }
        PutError::Get(error) => of_get(error),
        PutError::Journal(_) => RpcError::new(ErrorKind::Disk, message),
    }
}

/// Why a request itself is none the box can do.
pub(super) fn of_service(fault: service::Fault) -> RpcError {
    let message = fault.to_string();
    match fault {
        service::Fault::NoSuchContact(uid) => RpcError::new(ErrorKind::NoSuchContact, message)
            .with(|data| data.uid = Some(uid.to_string())),
        service::Fault::NoSuchBlob => RpcError::new(ErrorKind::NoSuchBlob, message),
        service::Fault::BadCard => RpcError::new(ErrorKind::BadVcard, message),
        service::Fault::TooLarge { bytes_max } => RpcError::new(ErrorKind::TooLarge, message)
            .with(|data| data.bytes_max = Some(widened(bytes_max))),
        service::Fault::TooLong { .. } => RpcError::new(ErrorKind::TooLarge, message),
        _ => RpcError::params(message),
    }
}

/// A number as it goes with an error.
fn widened(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(u64::MAX)
}
