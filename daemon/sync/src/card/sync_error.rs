//! The reasons why a visit to a card, or a long request, ended early.

use crate::device::DeviceError;
use contactbox_core::card::{BackupError, CardError};
use contactbox_engine::BoxError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a visit to a card ended early. The box is as it was, or has more; the card has what it had,
/// or more.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The box.
    #[error(transparent)]
    Box(#[from] BoxError),
    /// A device on a cable.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The card, or its file system.
    #[error("{message}")]
    Card {
        /// The defect.
        reason: CardDefect,
        /// The defect in words, with its cure.
        message: String,
    },
    /// There is nothing at the path.
    #[error("there is no card at {}: {error}", path.display())]
    NoCard {
        /// The path.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The path is neither a folder nor an image.
    #[error("{} is no card: name a folder, or an image of a whole card", path.display())]
    NotACard {
        /// The path.
        path: PathBuf,
    },
    /// The path is the file of a box.
    #[error(
        "{} is the file of a box and no card: name a folder, or an image of a whole card",
        path.display()
    )]
    IsABox {
        /// The path.
        path: PathBuf,
    },
    /// The folder of the backup cannot be made.
    #[error("{} cannot be made: {error}", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The replica of the box, while a card was written from it or merged into it.
    #[error("{0}")]
    Book(String),
    /// The replica of the box cannot be opened.
    #[error("a copy of the box cannot be opened: {0}")]
    ReplicaNotOpened(String),
    /// The replica of the box cannot be made longer.
    #[error("a copy of the box cannot be made longer: {0}")]
    ReplicaNotExtended(String),
    /// The replica of the box cannot be read.
    #[error("a copy of the box cannot be read: {0}")]
    ReplicaNotRead(String),
    /// A photo or document on the card is shorter than its contact says.
    #[error("a photo on the card ends before its end")]
    BlobCutShort,
    /// A piece of a photo does not fit the memory for one.
    #[error("a piece of a photo has {bytes} bytes")]
    PieceTooLarge {
        /// Bytes of the piece.
        bytes: usize,
    },
    /// A card is restored into an empty box only.
    #[error(
        "this box has contacts already, or had some that were removed; `contactbox card sync` takes a card in beside what is there"
    )]
    NotEmpty {
        /// Contacts, trash and tombstones.
        contacts: u32,
    },
    /// No thread can be started for a long request.
    #[error(
        "this machine can start no thread for it ({0}); nothing was done; end other programs, or try again later"
    )]
    NoThread(io::Error),
    /// A fault of the program ended a long request.
    #[error("a fault of the program; the box is as it was")]
    Panicked,
}

/// The defect of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardDefect {
    /// There is no file system that boxes can use.
    NoFileSystem,
    /// It is formatted as exFAT.
    ExFat,
    /// It cannot be written.
    WriteProtected,
    /// The user may not read or write it.
    Forbidden,
    /// It has no room.
    Full,
    /// It is not there any more.
    Removed,
    /// Its file system contradicts itself.
    Inconsistent,
    /// The medium failed.
    Device,
    /// It does not give back what was written to it.
    NotReadBack,
}

impl<E: fmt::Debug> From<CardError<E>> for SyncError {
    fn from(error: CardError<E>) -> Self {
        let reason = match &error {
            CardError::NoFileSystem => CardDefect::NoFileSystem,
            CardError::ExFat => CardDefect::ExFat,
            CardError::WriteProtected => CardDefect::WriteProtected,
            CardError::Forbidden => CardDefect::Forbidden,
            CardError::Full => CardDefect::Full,
            CardError::Removed => CardDefect::Removed,
            CardError::Inconsistent => CardDefect::Inconsistent,
            CardError::Device(_) => CardDefect::Device,
        };
        Self::Card { reason, message: error.to_string() }
    }
}

impl<F: fmt::Debug, C: fmt::Debug> From<BackupError<F, C>> for SyncError {
    fn from(error: BackupError<F, C>) -> Self {
        let message = error.to_string();
        match error {
            BackupError::Card(error) => error.into(),
            BackupError::Book(_) => Self::Book(message),
            BackupError::NotReadBack { .. } => {
                Self::Card { reason: CardDefect::NotReadBack, message }
            }
        }
    }
}
