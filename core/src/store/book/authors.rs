//! The table of authors: who has written what is in this box.

use super::Memory;
use crate::contact::AuthorIndex;
use crate::limits::{AUTHOR_NAME_BYTES_MAX, AUTHORS_MAX, OWN_PLACES};
use crate::store::entries::AuthorEntry;
use crate::store::journal::{Address, Liveness};
use crate::store::slab::Slab;

/// A place for an author in the table.
#[derive(Clone, Copy)]
pub struct AuthorCell {
    name: [u8; AUTHOR_NAME_BYTES_MAX],
    /// Bytes of the name; 0 where there is nobody.
    len: u8,
    at: Address,
}

impl AuthorCell {
    /// Nobody; to fill memory with.
    pub const EMPTY: Self = Self { name: [0; AUTHOR_NAME_BYTES_MAX], len: 0, at: Address(0) };

    fn new(name: &str, at: Address) -> Self {
        let mut cell = Self { at, ..Self::EMPTY };
        for (place, byte) in cell.name.iter_mut().zip(name.bytes()) {
            *place = byte;
            cell.len += 1;
        }
        cell
    }

    fn name(&self) -> &str {
        let name = self.name.get(..self.len.into()).unwrap_or(&[]);
        core::str::from_utf8(name).unwrap_or_default()
    }
}

/// Authors by index minus 1; nobody in particular, index 0, needs no place.
pub(super) struct Authors<M: Memory> {
    cells: M::Authors,
    /// Places in use, vacant ones among them.
    len: u16,
}

impl<M: Memory> Authors<M> {
    /// An empty table in the caller's memory.
    pub(super) fn new(cells: M::Authors) -> Self {
        Self { cells, len: 0 }
    }

    fn known(&self) -> &[AuthorCell] {
        self.cells.cells().get(..self.len.into()).unwrap_or(&[])
    }

    fn get(&self, index: u16) -> Option<&AuthorCell> {
        self.known().get(usize::from(index).checked_sub(1)?).filter(|known| known.len > 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (AuthorIndex, &str)> + '_ {
        let known = (1u16..).map(AuthorIndex).zip(self.known());
        known.filter(|(_, known)| known.len > 0).map(|(index, known)| (index, known.name()))
    }

    /// The name of an author; empty for nobody in particular and for the unknown.
    pub(super) fn name(&self, author: AuthorIndex) -> &str {
        self.get(author.0).map_or("", AuthorCell::name)
    }

    pub(super) fn find(&self, name: &str) -> Option<AuthorIndex> {
        self.iter().find(|known| known.1 == name).map(|known| known.0)
    }

    /// An index that nobody has; `None` when all are taken. Some are there for whom
    /// the owner names, `is_own`.
    pub(super) fn free(&self, is_own: bool) -> Option<AuthorIndex> {
        let own = if is_own { 0 } else { M::AUTHORS / OWN_PLACES };
        let index = self.len + 1;
        (usize::from(index) < M::AUTHORS.min(AUTHORS_MAX) - own).then_some(AuthorIndex(index))
    }

    /// Takes an entry in. The name of an author never changes: a second one is a copy.
    pub(super) fn take(&mut self, entry: &AuthorEntry<'_>, at: Address) -> Liveness {
        let place = usize::from(entry.index).wrapping_sub(1);
        if let Some(known) = self.get(entry.index) {
            return Liveness::Equals(known.at);
        }
        if place + 1 >= M::AUTHORS.min(AUTHORS_MAX) || !self.cells.grow(place + 1) {
            return Liveness::Live;
        }
        for vacant in usize::from(self.len)..place {
            // Memory may hold what an earlier box left in it.
            self.cells.cells_mut()[vacant] = AuthorCell::EMPTY;
        }
        if let Some(cell) = self.cells.cells_mut().get_mut(place) {
            *cell = AuthorCell::new(entry.name, at);
            self.len = self.len.max(entry.index);
        }
        Liveness::Live
    }

    /// Returns whether an entry is the one that counts, or is about an author that there is no
    /// memory for. Such an entry stays.
    pub(super) fn is_at(&self, entry: &AuthorEntry<'_>, at: Address) -> bool {
        match self.get(entry.index) {
            Some(known) => known.at == at,
            None => entry.index > self.len,
        }
    }

    pub(super) fn moved(&mut self, entry: &AuthorEntry<'_>, from: Address, to: Address) {
        let place = usize::from(entry.index).wrapping_sub(1);
        if let Some(known) = self.cells.cells_mut().get_mut(place)
            && known.len > 0
            && known.at == from
        {
            known.at = to;
        }
    }
}
