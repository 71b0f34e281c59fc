//! Stamps: who added a property, and when. Every box agrees on their order in time; stamps of one
//! moment are ordered by the box's own table, for bookkeeping only.

use core::cmp::Ordering;

/// Milliseconds since 1970-01-01T00:00Z by a hybrid logical clock: never behind the wall clock a
/// box was given, strictly increasing in each box, and in each change of a contact ahead of what
/// was said of that contact before.
pub type Millis = u64;

/// A box, as an index into this box's table of known boxes; 0 is this box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoxIndex(pub u16);

impl BoxIndex {
    /// The box itself.
    pub const SELF: Self = Self(0);
}

/// A person or program that edits, as an index into this box's table of authors; 0 is nobody in
/// particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorIndex(pub u16);

/// The tag of one addition of one property.
///
/// `(time, origin, seq)` is unique in the world of boxes that have met; the author rides along.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// When, by the clock of the box that wrote it.
    pub time: Millis,
    /// The box that wrote it.
    pub origin: BoxIndex,
    /// The place among the properties written at that time; it keeps a vCard's own order.
    pub seq: u16,
    /// The author.
    pub author: AuthorIndex,
}

impl Stamp {
    fn key(&self) -> (Millis, BoxIndex, u16) {
        (self.time, self.origin, self.seq)
    }

    /// Returns whether nothing at all differs, the author included.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self == other && self.author == other.author
    }

    /// The same moment and writer, for the property after this one.
    pub(crate) fn next(self) -> Self {
        Self { seq: self.seq.wrapping_add(1), ..self }
    }
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Stamp {}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
