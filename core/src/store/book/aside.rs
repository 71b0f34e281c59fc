//! Keeps aside states of other boxes that cannot be taken in: each stays where it is, is told to a
//! person, and does not keep the rest from being taken in.
//!
//! Nothing is stored for it. Whoever takes in from a source remembers no later time of that source
//! than before the first state that was kept aside ([`super::Book::note_met`]), so that it comes
//! again the next time, and is taken then if what kept it aside has passed.

use super::Written;
use crate::contact::{Millis, Uid};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Why a state is kept aside. On the cable the code is the order of the variants: appended, never
/// renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aside {
    /// It tells of a time that no box comes to in all its life. It never passes by itself.
    BeyondTime {
        /// The latest time it tells of.
        time: Millis,
    },
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeyondTime { time } => write!(
                f,
                "it carries the time {time}, which no clock of a box comes to, and is kept aside; \
                 if the contact is to be had, export it as a vCard where it is and import that here"
            ),
        }
    }
}

/// The outcome for a state of another box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// All of it is in this box; [`super::Outcome::Unchanged`] says that it was before.
    Taken(Written),
    /// It is not.
    Aside(Uid, Aside),
}
