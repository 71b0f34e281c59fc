//! Describes the result of taking in a card: what was taken, what was left, and why it ended early.

use super::medium::{CardError, FileName};
use crate::contact::{Millis, Uid};
use crate::store::{Aside, PutError};
use core::fmt;

/// The owners of the snapshots that are taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapshotOwners {
    /// Other boxes. The box's own snapshot is read only if the box is empty, has lost something, or
    /// is behind what it left on the card.
    #[default]
    Others,
    /// Other boxes and the box itself.
    ///
    /// This is for a snapshot that was not left by this run of the program. The flash may then be
    /// an older copy, or a copy in use elsewhere, and the snapshot may have been damaged since.
    OthersAndOwn,
    /// The box itself, and no other.
    Own,
    /// All boxes, even if their snapshots were taken in before.
    All,
}

/// A whole snapshot of the box itself, of which the box has everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnWhole {
    /// The time, by the box's own clock, up to which the snapshot holds everything.
    pub time: Millis,
    /// The time when the box took the latest of its own names that the snapshot mentions; 0 if it
    /// mentions none.
    ///
    /// After its flash was put back to an earlier state, a box takes a new name. What it writes
    /// from then on is later than what is missing, and mentions that name.
    pub named: Millis,
}

/// The counts of what was taken in from a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Boxes whose snapshots were read.
    pub boxes: u32,
    /// Boxes whose snapshots hold nothing new.
    pub known: u32,
    /// Contacts that are new here.
    pub added: u32,
    /// Contacts that were changed here.
    pub updated: u32,
    /// Contacts that brought nothing new.
    pub unchanged: u32,
    /// Contacts that were kept aside. Each was shown to the visitor, and stays on the card.
    pub aside: u32,
    /// Contacts, entries and files that could not be taken in. Each was shown to the visitor.
    pub remarks: u32,
    /// Contacts whose removal waits: nobody has yet agreed to remove so many.
    pub held: u32,
    /// The box's own snapshot on the card, if everything in it is in the box now.
    pub own: Option<OwnWhole>,
    /// True if the newest snapshot of the box itself is not whole, or is later than the box. A new
    /// snapshot is then due.
    pub is_own_damaged: bool,
    /// True if the card holds something that the box wrote itself and has lost. The box then
    /// continues under a new name.
    pub has_forgotten: bool,
}

/// Something on a card that was not taken in. It stays on the card, and is tried again next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A newer version of contactbox wrote this file; a newer version can read it.
    Newer {
        /// The file.
        file: FileName,
        /// The version of the file.
        version: u16,
    },
    /// This file has no header: it is half written, or damaged. The other file of its box may
    /// serve.
    NoHeader {
        /// The file.
        file: FileName,
    },
    /// Some entries of this file are damaged or missing.
    Damaged {
        /// The file.
        file: FileName,
        /// The number of these entries.
        entries: u32,
    },
    /// This contact is larger than the memory of this box allows.
    TooLarge(Uid),
    /// This contact has a photo or document that is not whole on the card.
    ///
    /// A contact that is new here is taken in without it. A change of a contact that is here waits
    /// for it.
    NoBlob(Uid),
    /// This contact was written by boxes that the file does not mention, or says something
    /// impossible.
    Foreign(Uid),
    /// The table of boxes has no place left for the box that wrote this file.
    Stranger {
        /// The file.
        file: FileName,
    },
    /// The table of boxes has no place left for a box that has written this contact.
    ByStrangers(Uid),
    /// This file would remove so many contacts that somebody must agree first.
    Removals {
        /// The file.
        file: FileName,
        /// Contacts that it would remove.
        count: u32,
        /// Contacts that were removed by others shortly before.
        removed: u32,
        /// Contacts before any of these removals.
        contacts: u32,
    },
    /// This contact was kept aside, for this reason.
    Aside(Uid, Aside),
}

/// The reason why taking in ended early. All that was taken in before is in the box.
#[derive(Debug)]
pub enum MergeError<F, C> {
    /// The card failed.
    Card(CardError<C>),
    /// The box refused it or failed.
    Book(PutError<F>),
    /// A piece of a photo needs more memory than was given.
    RoomTooSmall {
        /// The number of bytes needed.
        bytes: usize,
    },
}

impl<F, C> From<CardError<C>> for MergeError<F, C> {
    fn from(error: CardError<C>) -> Self {
        Self::Card(error)
    }
}

impl<F, C> From<PutError<F>> for MergeError<F, C> {
    fn from(error: PutError<F>) -> Self {
        Self::Book(error)
    }
}

impl<F: fmt::Debug, C: fmt::Debug> fmt::Display for MergeError<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(error) => error.fmt(f),
            Self::Book(error) => error.fmt(f),
            Self::RoomTooSmall { bytes } => write!(f, "{bytes} bytes of memory are needed"),
        }
    }
}

impl<F: fmt::Debug, C: fmt::Debug> core::error::Error for MergeError<F, C> {}
