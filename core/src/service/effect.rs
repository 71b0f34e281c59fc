//! Says of each request whether it writes to the box, and whether it needs what was staged.

#![deny(clippy::wildcard_enum_match_arm)]

use super::protocol::{NewContact, Request};

/// The effect of a request on the box that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It writes nothing.
    Reads,
    /// It changes one contact, and does so once, however often it is asked under one number.
    ChangesContact,
    /// It may write; asked again it finds that done.
    Writes,
}

impl Request<'_> {
    /// Returns its effect on the box.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Hello { .. }
            | Self::Info
            | Self::Stats
            | Self::Verify
            | Self::Find { .. }
            | Self::Get { .. }
            | Self::Piece { .. }
            | Self::Stage { .. }
            | Self::History { .. }
            | Self::Version { .. }
            | Self::Blob { .. }
            | Self::Root
            | Self::Tables { .. }
            | Self::Offers { .. }
            | Self::Want { .. }
            | Self::Records { .. }
            | Self::Missing { .. } => Effect::Reads,
            Self::Put { .. } | Self::Remove { .. } | Self::Restore { .. } | Self::Purge { .. } => {
                Effect::ChangesContact
            }
            Self::Author { .. }
            | Self::Meet { .. }
            | Self::Introduce { .. }
            | Self::Take { .. }
            | Self::TakeStaged
            | Self::PutBlob { .. }
            | Self::PutBlobStaged { .. }
            | Self::Met { .. }
            | Self::Removals { .. } => Effect::Writes,
        }
    }

    /// Returns whether it adds to what is staged, or takes that. Any other may use the memory it
    /// lies in.
    pub(super) fn uses_staged(&self) -> bool {
        match self {
            Self::Stage { .. } | Self::TakeStaged | Self::PutBlobStaged { .. } => true,
            Self::Put { card, .. } => matches!(card, NewContact::Staged),
            Self::Hello { .. }
            | Self::Info
            | Self::Stats
            | Self::Verify
            | Self::Find { .. }
            | Self::Get { .. }
            | Self::Piece { .. }
            | Self::Remove { .. }
            | Self::Restore { .. }
            | Self::Purge { .. }
            | Self::History { .. }
            | Self::Version { .. }
            | Self::Author { .. }
            | Self::Blob { .. }
            | Self::Root
            | Self::Tables { .. }
            | Self::Meet { .. }
            | Self::Introduce { .. }
            | Self::Offers { .. }
            | Self::Want { .. }
            | Self::Records { .. }
            | Self::Take { .. }
            | Self::Missing { .. }
            | Self::PutBlob { .. }
            | Self::Met { .. }
            | Self::Removals { .. } => false,
        }
    }
}
