//! The reasons why a meeting with a device ended early.

use crate::card::SyncError;
use contactbox_core::service::{cable::AskError, sync};
use contactbox_engine::BoxError;
use std::io;
use std::path::PathBuf;

/// Why a meeting with a device ended early. What was taken in by either is there.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The box of this daemon.
    #[error(transparent)]
    Box(#[from] BoxError),
    /// The replica of the box that its root is computed from.
    #[error(transparent)]
    Replica(Box<SyncError>),
    /// The port cannot be opened or set.
    #[error("{}: {error}", path.display())]
    Cable {
        /// The port.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The device did not answer a request, or refused it.
    #[error("{}: {error}", path.display())]
    Ask {
        /// The port.
        path: PathBuf,
        /// The outcome of the request.
        error: AskError<io::Error>,
    },
    /// The two boxes cannot meet.
    #[error("{}: {error}", path.display())]
    Meeting {
        /// The port.
        path: PathBuf,
        /// The reason.
        error: Box<sync::SyncError<BoxError, io::Error>>,
    },
}
