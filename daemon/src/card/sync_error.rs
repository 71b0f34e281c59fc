//! What goes wrong with a card, as clients and the log say it.

use crate::rpc::{ErrorKind, RpcError};
use contactbox_api::error::CardReason;
use contactbox_core::card::{BackupError, CardError};
use std::fmt;

/// Why a visit to a card ended early. The box is as it was, or has more; the card
/// has what it had, or more.
#[derive(Clone, Debug)]
pub struct SyncError {
    fault: RpcError,
    /// Whether the card was there no more.
    pub is_removed: bool,
}

impl SyncError {
    /// What a client is told.
    pub fn into_fault(self) -> RpcError {
        self.fault
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl From<RpcError> for SyncError {
    fn from(fault: RpcError) -> Self {
        Self { fault, is_removed: false }
    }
}

impl<E: fmt::Debug> From<CardError<E>> for SyncError {
    fn from(error: CardError<E>) -> Self {
        let reason = match &error {
            CardError::NoFileSystem => CardReason::NoFileSystem,
            CardError::ExFat => CardReason::ExFat,
            CardError::WriteProtected => CardReason::WriteProtected,
            CardError::Forbidden => CardReason::Forbidden,
            CardError::Full => CardReason::Full,
            CardError::Removed => CardReason::Removed,
            CardError::Inconsistent => CardReason::Inconsistent,
            CardError::Device(_) => CardReason::Device,
        };
        let is_removed = matches!(error, CardError::Removed);
        let fault = RpcError::new(ErrorKind::Card, error.to_string())
            .with(|data| data.reason = Some(reason));
        Self { fault, is_removed }
    }
}

impl<F: fmt::Debug, C: fmt::Debug> From<BackupError<F, C>> for SyncError {
    fn from(error: BackupError<F, C>) -> Self {
        let message = error.to_string();
        match error {
            BackupError::Card(error) => error.into(),
            BackupError::Book(_) => RpcError::new(ErrorKind::Disk, message).into(),
            BackupError::NotReadBack { .. } => not_read_back(message),
        }
    }
}

fn not_read_back(message: String) -> SyncError {
    RpcError::new(ErrorKind::Card, message)
        .with(|data| data.reason = Some(CardReason::NotReadBack))
        .into()
}
