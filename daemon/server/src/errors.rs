//! The only file that turns errors of the box, of cards, devices and sessions into errors that
//! clients see. No match here has a wildcard: a new error has its kind decided here.

#![deny(clippy::wildcard_enum_match_arm)]

use crate::answer::{CallError, ParamsError, VcardError};
use crate::rpc::{ErrorKind, RpcError};
use crate::session::SessionError;
use contactbox_api::error::CardReason;
use contactbox_core::contact::WriteError;
use contactbox_core::service::Fault;
use contactbox_core::store::GetError;
use contactbox_core::store::book::PutError;
use contactbox_core::store::journal::{AppendError, ReadError};
use contactbox_engine::image::ImageError;
use contactbox_engine::{BoxError, DiskRefusal};
use contactbox_sync::card::{CardDefect, SyncError};
use contactbox_sync::device::DeviceError;

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        let as_kind = |kind| Self::new(kind, message.as_str());
        match error {
            CallError::Box(error) => of_box(error),
            CallError::Sync(error) => of_sync(error),
            CallError::Malformed(error) => error,
            CallError::Params(error) => error.into(),
            CallError::Vcard(error) => error.into(),
            CallError::DraftFull(_) => as_kind(ErrorKind::TooLarge),
            CallError::UnknownIdentity { text } => {
                as_kind(ErrorKind::NoSuchContact).with(|data| data.uid = Some(text))
            }
            CallError::Ambiguous { text, matches } => as_kind(ErrorKind::Ambiguous)
                .with(|data| data.uid = Some(text))
                .with(|data| data.matches = Some(matches.map(|uid| uid.to_string()).to_vec())),
            CallError::NoSuchProperty { name } => {
                as_kind(ErrorKind::NoSuchProperty).with(|data| data.name = Some(name))
            }
            CallError::NoSuchBlob { hash } => {
                as_kind(ErrorKind::NoSuchBlob).with(|data| data.hash = Some(hash))
            }
            CallError::AnswerTooLong { bytes_max } => {
                as_kind(ErrorKind::TooLarge).with(|data| data.bytes_max = Some(widened(bytes_max)))
            }
            CallError::ImportStopped { error, added, updated, unchanged } => of_box(error)
                .with(|data| data.added = Some(widened(added)))
                .with(|data| data.updated = Some(widened(updated)))
                .with(|data| data.unchanged = Some(widened(unchanged))),
            CallError::WriteCard(_) | CallError::Json(_) => as_kind(ErrorKind::Internal),
        }
    }
}

fn of_box(error: BoxError) -> RpcError {
    let message = error.to_string();
    let as_kind = |kind| RpcError::new(kind, message.as_str());
    match error {
        BoxError::Write(error) => of_write(error, message),
        BoxError::NoSuchContact(uid) => {
            as_kind(ErrorKind::NoSuchContact).with(|data| data.uid = Some(uid.to_string()))
        }
        BoxError::Get(error) => of_get(&error, message),
        BoxError::Put(error) => of_put(&error, message),
        BoxError::DiskFull { bytes, error } => {
            of_put(&error, message).with(|data| data.disk_bytes_wanted = Some(widened(bytes)))
        }
        BoxError::Service(fault) => of_service(fault, message),
        BoxError::NotWritable { .. } | BoxError::Closed => as_kind(ErrorKind::ReadOnly),
        BoxError::Refused(DiskRefusal { .. }) | BoxError::NotWhole | BoxError::View(_) => {
            as_kind(ErrorKind::Disk)
        }
        BoxError::NoRecord => as_kind(ErrorKind::Damaged),
        BoxError::OtherAnswer
        | BoxError::OtherChange
        | BoxError::Panicked
        | BoxError::PanickedReading => as_kind(ErrorKind::Internal),
        BoxError::Stopping => as_kind(ErrorKind::Stopping),
    }
}

impl From<ParamsError> for RpcError {
    fn from(error: ParamsError) -> Self {
        Self::params(error.to_string())
    }
}

impl From<VcardError> for RpcError {
    fn from(error: VcardError) -> Self {
        let fault = Self::new(ErrorKind::BadVcard, error.to_string());
        match error {
            VcardError::Rejected(rejection) => fault
                .with(|data| data.line = Some(widened(rejection.line)))
                .with(|data| data.at = Some(widened(rejection.at))),
            VcardError::Empty
            | VcardError::Jcard(_)
            | VcardError::Property { .. }
            | VcardError::NotOne { .. } => fault,
        }
    }
}

fn of_get(error: &GetError<ImageError>, message: String) -> RpcError {
    let kind = match error {
        GetError::NoSuchBlob => ErrorKind::NoSuchBlob,
        GetError::TooSmall { .. } => ErrorKind::TooLarge,
        GetError::Damaged { .. } | GetError::Record(_) | GetError::Journal(ReadError::Damaged) => {
            ErrorKind::Damaged
        }
        GetError::Journal(ReadError::Flash(_) | ReadError::Buffer { .. }) => ErrorKind::Disk,
    };
    RpcError::new(kind, message)
}

fn of_write(error: WriteError, message: String) -> RpcError {
    match error {
        WriteError::TooLarge { bytes_max } | WriteError::FieldTooLong { bytes_max, .. } => {
            RpcError::new(ErrorKind::TooLarge, message)
                .with(|data| data.bytes_max = Some(widened(bytes_max)))
        }
        WriteError::OtherUid => RpcError::params(message),
        WriteError::NoName
        | WriteError::TooManyProperties { .. }
        | WriteError::TooManyBoxes
        | WriteError::TooManyAtOnce => RpcError::new(ErrorKind::TooLarge, message),
    }
}

fn of_put(error: &PutError<ImageError>, message: String) -> RpcError {
    let as_kind = |kind| RpcError::new(kind, message.as_str());
    match error {
        PutError::Write(error) => of_write(*error, message),
        PutError::BlobTooLarge { bytes_max, .. } => {
            as_kind(ErrorKind::TooLarge).with(|data| data.bytes_max = Some(widened(*bytes_max)))
        }
        PutError::Full { live_bytes, capacity_bytes } => as_kind(ErrorKind::Full)
            .with(|data| data.live_bytes = Some(widened(*live_bytes)))
            .with(|data| data.capacity_bytes = Some(widened(*capacity_bytes))),
        PutError::IndexFull { slots_max } => {
            as_kind(ErrorKind::Full).with(|data| data.slots_max = Some(widened(*slots_max)))
        }
        PutError::TooManyBoxes { .. } => as_kind(ErrorKind::Full),
        PutError::Crowded(uid) | PutError::Removal(uid) | PutError::Exists(uid) => {
            as_kind(ErrorKind::Conflict).with(|data| data.uid = Some(uid.to_string()))
        }
        PutError::Removals { .. } => as_kind(ErrorKind::Conflict),
        PutError::Conflict { version } => {
            as_kind(ErrorKind::Conflict).with(|data| data.version = Some(widened(*version)))
        }
        PutError::NoSuchContact(uid) => {
            as_kind(ErrorKind::NoSuchContact).with(|data| data.uid = Some(uid.to_string()))
        }
        PutError::NoSuchBlob => as_kind(ErrorKind::NoSuchBlob),
        PutError::BadPiece { .. } | PutError::Foreign(_) => RpcError::params(message),
        PutError::Get(error) => of_get(error, message),
        PutError::Journal(
            AppendError::Flash(_)
            | AppendError::Full { .. }
            | AppendError::TooLarge { .. }
            | AppendError::Kind(_)
            | AppendError::Worn,
        ) => as_kind(ErrorKind::Disk),
    }
}

fn of_service(fault: Fault, message: String) -> RpcError {
    let as_kind = |kind| RpcError::new(kind, message.as_str());
    match fault {
        Fault::NoSuchContact(uid) => {
            as_kind(ErrorKind::NoSuchContact).with(|data| data.uid = Some(uid.to_string()))
        }
        Fault::NoSuchBlob => as_kind(ErrorKind::NoSuchBlob),
        Fault::BadCard => as_kind(ErrorKind::BadVcard),
        Fault::TooLarge { bytes_max } => {
            as_kind(ErrorKind::TooLarge).with(|data| data.bytes_max = Some(widened(bytes_max)))
        }
        Fault::TooLong { .. } => as_kind(ErrorKind::TooLarge),
        // The other faults are said to a device or by one, and stand for a wrong request here.
        Fault::Frame(_)
        | Fault::NotUnderstood
        | Fault::Protocol { .. }
        | Fault::Conflict { .. }
        | Fault::Exists(_)
        | Fault::TooManyProperties { .. }
        | Fault::Full { .. }
        | Fault::IndexFull { .. }
        | Fault::TooManyAuthors
        | Fault::TooManyBoxes { .. }
        | Fault::BadPiece { .. }
        | Fault::Foreign(_)
        | Fault::Damaged
        | Fault::NotStaged
        | Fault::NotMet
        | Fault::NoSuchVersion
        | Fault::Flash
        | Fault::ReadOnly
        | Fault::Refused
        | Fault::Crowded(_)
        | Fault::Removal(_)
        | Fault::Removals { .. }
        | Fault::Busy => RpcError::params(message),
    }
}

fn of_sync(error: SyncError) -> RpcError {
    let message = error.to_string();
    let of_card = |reason: CardDefect| {
        RpcError::new(ErrorKind::Card, message.as_str())
            .with(|data| data.reason = Some(reason_of(reason)))
    };
    match error {
        SyncError::Box(error) => of_box(error),
        SyncError::Device(error) => of_device(error),
        SyncError::Card { reason, .. } => of_card(reason),
        SyncError::NoCard { .. } => of_card(CardDefect::Removed),
        SyncError::NotACard { .. } | SyncError::IsABox { .. } => of_card(CardDefect::NoFileSystem),
        SyncError::Book(_)
        | SyncError::ReplicaNotOpened(_)
        | SyncError::ReplicaNotExtended(_)
        | SyncError::ReplicaNotRead(_)
        | SyncError::NoFolder { .. } => RpcError::new(ErrorKind::Disk, message),
        SyncError::BlobCutShort => RpcError::new(ErrorKind::Damaged, message),
        SyncError::PieceTooLarge { .. } | SyncError::Panicked => {
            RpcError::new(ErrorKind::Internal, message)
        }
        SyncError::NoThread(_) => RpcError::new(ErrorKind::Busy, message),
        SyncError::NotEmpty { contacts } => RpcError::new(ErrorKind::NotEmpty, message)
            .with(|data| data.contacts = Some(widened(contacts))),
    }
}

/// Returns what the protocol calls a defect of a card.
fn reason_of(defect: CardDefect) -> CardReason {
    match defect {
        CardDefect::NoFileSystem => CardReason::NoFileSystem,
        CardDefect::ExFat => CardReason::ExFat,
        CardDefect::WriteProtected => CardReason::WriteProtected,
        CardDefect::Forbidden => CardReason::Forbidden,
        CardDefect::Full => CardReason::Full,
        CardDefect::Removed => CardReason::Removed,
        CardDefect::Inconsistent => CardReason::Inconsistent,
        CardDefect::Device => CardReason::Device,
        CardDefect::NotReadBack => CardReason::NotReadBack,
    }
}

/// Returns a number as it goes with an error.
fn widened(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(u64::MAX)
}

fn of_device(error: DeviceError) -> RpcError {
    let message = error.to_string();
    match error {
        DeviceError::Box(error) => of_box(error),
        DeviceError::Replica(error) => of_sync(*error),
        DeviceError::Cable { .. } | DeviceError::Ask { .. } | DeviceError::Meeting { .. } => {
            RpcError::new(ErrorKind::Device, message)
        }
    }
}

impl From<SessionError> for RpcError {
    fn from(error: SessionError) -> Self {
        let message = error.to_string();
        match error {
            SessionError::TooManyConnections { connections_max } => {
                Self::new(ErrorKind::TooManyConnections, message)
                    .with(|data| data.connections_max = Some(widened(connections_max)))
            }
            SessionError::OwnersOnly => Self::new(ErrorKind::NotAllowed, message),
            SessionError::MayNotUse { user } | SessionError::MayNotStop { user } => {
                Self::new(ErrorKind::NotAllowed, message).with(|data| data.user = Some(user))
            }
            SessionError::BadAuthor { .. } => Self::params(message),
            SessionError::LineTooLong { bytes_max } => Self::new(ErrorKind::TooLarge, message)
                .with(|data| data.bytes_max = Some(widened(bytes_max))),
            SessionError::LineTooSlow { seconds } => Self::new(ErrorKind::Timeout, message)
                .with(|data| data.seconds = Some(widened(seconds))),
            SessionError::NoMemory => Self::new(ErrorKind::Busy, message),
        }
    }
}
