//! What comes of taking in a card: whose snapshots, what was taken, what was left,
//! and why it ended early.

use super::medium::{CardError, FileName};
use crate::contact::{Millis, Uid};
use crate::store::{Aside, PutError};
use core::fmt;

/// Whose snapshots are taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapshotOwners {
    /// Those of other boxes; of the box itself only where it holds nothing, has lost something, or
    /// is behind what it left on the card.
    #[default]
    Others,
    /// The same, and that of the box itself: where it was not this run that left it there,
    /// the flash may be an older copy, or a copy in use elsewhere, and the snapshot may
    /// have been damaged since.
    OthersAndOwn,
    /// That of the box itself alone.
    Own,
    /// All.
    All,
}

/// A snapshot of the box itself of which nothing is missing, neither in it nor here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnWhole {
    /// All that the box held at this time of its own.
    pub time: Millis,
    /// When the latest of the names of its own that it tells of was taken; 0 of none. What a box
    /// writes after its flash was put back to an earlier state has a later time than what is
    /// missing, and tells of the name that it took then.
    pub named: Millis,
}

/// What came of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Boxes whose snapshots were read.
    pub boxes: u32,
    /// Boxes whose snapshots have nothing that was not taken in before.
    pub known: u32,
    /// Contacts that are new here.
    pub added: u32,
    /// Contacts that are other than before.
    pub updated: u32,
    /// Contacts that said nothing new.
    pub unchanged: u32,
    /// Contacts that were kept aside; each was shown to the visitor, and stays on the card.
    pub aside: u32,
    /// Contacts, entries and files that could not be taken in; each was shown to the visitor.
    pub remarks: u32,
    /// Contacts that would be removed, and were not, as nobody has said yes to so many.
    pub held: u32,
    /// What the box itself had left there, if all of that is here now.
    pub own: Option<OwnWhole>,
    /// The newest snapshot of the box itself is not whole, or later than the box: a new one is due.
    pub is_own_damaged: bool,
    /// The box itself had written some of it, and did not know: it goes on under a new name.
    pub has_forgotten: bool,
}

/// Something of a card that was not taken in. It stays on the card, and is tried again next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A newer version of contactbox wrote this file; a newer version can read it.
    Newer {
        /// The file.
        file: FileName,
        /// Its version.
        version: u16,
    },
    /// This file has no beginning: half written, or damaged. The other of its box may do.
    NoHeader {
        /// The file.
        file: FileName,
    },
    /// So many entries of this file are damaged or missing.
    Damaged {
        /// The file.
        file: FileName,
        /// How many.
        entries: u32,
    },
    /// This contact is larger than the memory of this box allows.
    TooLarge(Uid),
    /// This contact has a photo or document that is not whole on the card. One that is new here is
    /// taken in without it; what it changes of one that is here waits for it.
    NoBlob(Uid),
    /// This contact was written by boxes the file does not tell of, or says what cannot be.
    Foreign(Uid),
    /// There is no place for the box that wrote this file.
    Stranger {
        /// The file.
        file: FileName,
    },
    /// There is no place for a box that has written this contact.
    ByStrangers(Uid),
    /// This file would remove so many contacts that it waits for a yes.
    Removals {
        /// The file.
        file: FileName,
        /// Contacts that it would remove.
        count: u32,
        /// Contacts that others have removed shortly before.
        removed: u32,
        /// Contacts there were before all of that.
        contacts: u32,
    },
    /// This contact is kept aside, for this reason.
    Aside(Uid, Aside),
}

/// Why taking in ended early. What was taken in until then is in the box.
#[derive(Debug)]
pub enum MergeError<F, C> {
    /// The card did not do it.
    Card(CardError<C>),
    /// The box did not take it.
    Book(PutError<F>),
    /// A piece of a photo needs more memory than was given.
    RoomTooSmall {
        /// Bytes needed.
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
