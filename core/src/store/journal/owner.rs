//! The owner of a journal's entries: the caller that knows what they mean.

/// The position of an entry: its offset in flash, in words of `WRITE_SIZE` bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u32);

/// An entry as it was read.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The position of the entry.
    pub at: Address,
    /// The caller's kind, 0 to 0x17.
    pub kind: u8,
    /// The caller's bytes.
    pub payload: &'a [u8],
    /// The order of its page, which grows with each page that is taken into use.
    pub page_order: u32,
}

/// The owner's judgement of an entry found while opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// The entry counts.
    Live,
    /// The entry counts, and the older one at this address no longer does. The number is the length
    /// of the older one's payload.
    Replaces(Address, u32),
    /// The entry says the same as the one at this address, which counts: a relocation was cut
    /// short. The journal decides which of the two is kept, and calls [`EntryOwner::moved`] when it
    /// is this one.
    Equals(Address),
    /// The entry is superseded, or means nothing.
    Dead,
    /// The owner must see the entry at this address first; the number is the length of its payload.
    /// The journal reads that entry again and calls [`EntryOwner::compare`].
    NeedsCompare(Address, u32),
}

/// Entries that were there and cannot be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The page they were in.
    pub page: u32,
    /// The order of the page at that time; together with `first` it names the loss for good.
    pub order: u32,
    /// The number of the first lost entry within the page.
    pub first: u16,
    /// The number of lost entries; `u16::MAX` when it is unknown.
    pub count: u16,
    /// The hint of the last lost entry, when it is known. The hints of the others never are.
    pub hint: Option<u16>,
}

/// The urgency of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// New data: refused before the reserve is touched.
    Data,
    /// A deletion, which makes room: may use part of the reserve.
    Deletion,
}

/// The owner of the entries' meaning. It keeps the address of each entry that counts.
///
/// Superseded entries stay in flash until their page is erased, and are found again at each open.
/// An entry that supersedes another, a tombstone too, must therefore stay live as long as the owner
/// would otherwise take the older one for the newest.
pub trait EntryOwner {
    /// Judges an entry found while opening; pages come in any order.
    fn on_entry(&mut self, entry: &Entry<'_>) -> Liveness;

    /// Judges an entry again after [`Liveness::NeedsCompare`], with the entry at `at` read. `other`
    /// is `None` when that one cannot be read any more, which is also reported as a loss. The
    /// answer may name yet another entry, as long as this comes to an end.
    fn compare(&mut self, entry: &Entry<'_>, at: Address, other: Option<&Entry<'_>>) -> Liveness {
        let _ = (entry, at, other);
        Liveness::Live
    }

    /// Returns whether this entry, at this address, counts.
    fn is_live(&self, entry: &Entry<'_>) -> bool;

    /// Takes note that the entry at `entry.at` has been copied to `to` and verified. `entry.at`
    /// will be erased.
    fn moved(&mut self, entry: &Entry<'_>, to: Address);

    /// Takes note of lost entries. Called for the same loss at each open and scan until it is
    /// healed.
    fn lost(&mut self, loss: &Loss);

    /// Returns whether the lost entries are there again, or known to be superseded. The loss may
    /// then be forgotten.
    fn is_healed(&self, loss: &Loss) -> bool;

    /// Returns the hint of the entry, as given to `append`. It is needed when an entry is moved and
    /// the entry after it does not tell the hint; 0 is "nothing".
    fn hint(&self, entry: &Entry<'_>) -> u16 {
        let _ = entry;
        0
    }
}
