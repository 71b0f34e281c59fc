//! An entry of which a box has one: the latest counts.

use crate::store::entries::{ForgottenEntry, RemovalsEntry};
use crate::store::journal::{Address, Liveness};

/// An entry that says how late it is among those of its kind.
pub(super) trait Ordered: Copy {
    /// The entry with the largest counts.
    fn rank(&self) -> u64;
}

impl Ordered for RemovalsEntry {
    fn rank(&self) -> u64 {
        self.version.into()
    }
}

impl Ordered for ForgottenEntry {
    fn rank(&self) -> u64 {
        self.until
    }
}

/// The latest entry of a kind, and where it stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LatestEntry<E> {
    pub(super) entry: E,
    at: Option<(Address, u32)>,
}

impl<E: Ordered> LatestEntry<E> {
    /// Takes in an entry; the later counts.
    pub(super) fn take(&mut self, entry: &E, at: Address, len: u32) -> Liveness {
        match self.at {
            Some(_) if entry.rank() < self.entry.rank() => Liveness::Dead,
            Some((known, _)) if entry.rank() == self.entry.rank() => Liveness::Equals(known),
            known => {
                *self = Self { entry: *entry, at: Some((at, len)) };
                known.map_or(Liveness::Live, |(at, len)| Liveness::Replaces(at, len))
            }
        }
    }

    pub(super) fn is_at(&self, at: Address) -> bool {
        self.at.is_some_and(|known| known.0 == at)
    }

    pub(super) fn moved(&mut self, from: Address, to: Address) {
        if let Some((at, _)) = &mut self.at
            && *at == from
        {
            *at = to;
        }
    }
}
