//! A box that is met: whom its records mean, in the terms of this box.

use super::Memory;
use crate::contact::{AuthorIndex, BoxIndex, Contact};
use crate::store::slab::Slab;

/// New boxes, and as many new authors, that one meeting may bring. What names others waits for
/// another meeting: no card and no cable can fill the tables of a box at one stroke.
pub const NEWCOMERS_MAX: u16 = 64;

/// How many rows the tables of this box may still grow by, in one meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    boxes: u16,
    authors: u16,
}

impl Quota {
    /// The quota of a meeting at its beginning.
    pub const NEW: Self = Self { boxes: NEWCOMERS_MAX, authors: NEWCOMERS_MAX };

    /// As many as the tables have room for: for a box that holds nothing yet, and
    /// for its own snapshots.
    pub const NONE: Self = Self { boxes: u16::MAX, authors: u16::MAX };

    /// The lower of two, of boxes and of authors.
    pub(crate) fn least(self, other: Self) -> Self {
        Self { boxes: self.boxes.min(other.boxes), authors: self.authors.min(other.authors) }
    }
}

/// The index that a peer uses for a box or an author, and the one that this box uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    theirs: u16,
    ours: u16,
}

impl Number {
    /// Stands for nobody; to fill memory with.
    pub const EMPTY: Self = Self { theirs: 0, ours: 0 };
}

/// Numbers of the one side by those of the other.
struct Numbers<M: Memory> {
    /// Rising by theirs.
    cells: M::Numbers,
    len: usize,
}

impl<M: Memory> Numbers<M> {
    fn new() -> Self {
        Self { cells: M::numbers(), len: 0 }
    }

    fn place(&self, theirs: u16) -> Result<usize, usize> {
        let known = self.cells.cells().get(..self.len).unwrap_or(&[]);
        known.binary_search_by_key(&theirs, |number| number.theirs)
    }

    fn get(&self, theirs: u16) -> Option<u16> {
        Some(self.cells.cells().get(self.place(theirs).ok()?)?.ours)
    }

    /// False when there is no memory for one more.
    fn put(&mut self, theirs: u16, ours: u16) -> bool {
        let place = match self.place(theirs) {
            Ok(place) => place,
            Err(place) => {
                if !self.cells.grow(self.len + 1) {
                    return false;
                }
                self.cells.cells_mut().copy_within(place..self.len, place + 1);
                self.len += 1;
                place
            }
        };
        match self.cells.cells_mut().get_mut(place) {
            Some(number) => *number = Number { theirs, ours },
            None => return false,
        }
        true
    }
}

/// Another box's numbering of boxes and authors, in the terms of this box's.
pub struct Peer<M: Memory> {
    boxes: Numbers<M>,
    authors: Numbers<M>,
    pub(super) quota: Quota,
    /// Boxes that were introduced and that the quota, or memory, had no place for.
    passed_by: u16,
    removals: Removals,
    removed: u32,
    held: u32,
    may_lack: bool,
}

/// The permission of a peer's records to remove contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removals {
    /// None: it has to be asked how many they are.
    None,
    /// Those that it was kept from removing.
    Held,
    /// All.
    All,
}

impl<M: Memory> Peer<M> {
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            boxes: Numbers::new(),
            authors: Numbers::new(),
            quota,
            passed_by: 0,
            removals: Removals::None,
            removed: 0,
            held: 0,
            may_lack: false,
        }
    }

    /// Returns the rest of what this meeting may bring.
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Boxes that were introduced and passed by.
    pub fn passed_by(&self) -> u16 {
        self.passed_by
    }

    /// Sets whether contacts are taken in whose photos and documents cannot be had at present, if
    /// nothing that is here loses by it. The blobs are wanted from then on: see
    /// [`super::Book::wants_back`].
    pub fn let_lack(&mut self, may_lack: bool) {
        self.may_lack = may_lack;
    }

    pub(super) fn may_lack(&self) -> bool {
        self.may_lack
    }

    /// Somebody has said yes to whatever it removes.
    pub fn accept_removals(&mut self) {
        self.removals = Removals::All;
    }

    /// Contacts that it has removed.
    pub fn removed(&self) -> u32 {
        self.removed
    }

    /// Contacts that it was kept from removing and has not given back since.
    pub fn held(&self) -> u32 {
        self.held
    }

    /// It may remove those that it was kept from removing.
    pub(super) fn admit(&mut self) {
        self.held = 0;
        if self.removals == Removals::None {
            self.removals = Removals::Held;
        }
    }

    /// Returns whether the peer may remove a contact: one whose removal was held before, or
    /// another. If not, the removal waits.
    pub(super) fn may_remove(&self, was_held: bool) -> bool {
        match self.removals {
            Removals::None => false,
            Removals::Held => was_held,
            Removals::All => true,
        }
    }

    /// It is kept from removing a contact. True when that is to be known again: it counts once,
    /// however often it is said.
    pub(super) fn hold(&mut self, was_held: bool) -> bool {
        // A contact that is marked after removals were admitted may be removed.
        let is_first = self.removals == Removals::None;
        self.held = self.held.saturating_add(u32::from(!(is_first && was_held)));
        is_first
    }

    /// It says of a contact that it was kept from removing what leaves that here.
    pub(super) fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// Takes note that it has removed a contact.
    pub(super) fn note_removal(&mut self) {
        self.removed = self.removed.saturating_add(1);
    }

    pub(super) fn knows(&self, contact: &Contact<'_>) -> bool {
        // A stamp's box is among those seen: `is_coherent` holds that.
        contact.seen().all(|row| self.boxes.get(row.0.0).is_some())
    }

    /// Returns this box's index for a box of the peer. A box that was not introduced gets an index
    /// behind every possible one, which `knows` keeps from being written.
    pub(super) fn origin(&self, origin: BoxIndex) -> BoxIndex {
        BoxIndex(self.boxes.get(origin.0).unwrap_or(u16::MAX))
    }

    /// Returns this box's index for an author of the peer. An author who was not introduced is
    /// nobody in particular.
    pub(super) fn author(&self, author: AuthorIndex) -> AuthorIndex {
        AuthorIndex(self.authors.get(author.0).unwrap_or(0))
    }

    /// Its index for a box stands for this one; for none, when the box is passed by.
    pub(super) fn note_box(&mut self, theirs: BoxIndex, ours: Option<BoxIndex>) {
        if !ours.is_some_and(|ours| self.boxes.put(theirs.0, ours.0)) {
            self.passed_by = self.passed_by.saturating_add(1);
        }
    }

    /// Its index for an author stands for this one.
    pub(super) fn note_author(&mut self, theirs: AuthorIndex, ours: AuthorIndex) {
        if theirs.0 != 0 {
            // Whom there is no memory for is nobody in particular.
            self.authors.put(theirs.0, ours.0);
        }
    }

    /// Takes one new box from the quota; false when nothing of it is left.
    pub(super) fn may_bring_box(&mut self) -> bool {
        let left = self.quota.boxes.checked_sub(1);
        self.quota.boxes = left.unwrap_or(0);
        left.is_some()
    }

    /// The same with an author.
    pub(super) fn may_bring_author(&mut self) -> bool {
        let left = self.quota.authors.checked_sub(1);
        self.quota.authors = left.unwrap_or(0);
        left.is_some()
    }
}
