//! The tenant of a journal: whoever knows what the entries mean.

/// Where an entry lies: its offset in flash in words (`WRITE_SIZE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u32);

/// An entry as it was read.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Where it lies.
    pub at: Address,
    /// The caller's kind, 0 to 0x17.
    pub kind: u8,
    /// The caller's bytes.
    pub payload: &'a [u8],
    /// Order of its page: grows with each page that is taken into use.
    pub page_order: u32,
}

/// What the tenant says of an entry met while opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It counts.
    Live,
    /// It counts, and the older one at this address, with a payload of this length, no longer does.
    Replaces(Address, u32),
    /// It says the same as the one at this address, which counts: a relocation was cut short. The
    /// journal decides which is to be kept, and calls [`EntryOwner::moved`] when it is this one.
    Equals(Address),
    /// It is superseded, or means nothing.
    Dead,
    /// That is to be told from the entry at this address, with a payload of this length: the
    /// journal reads that one again and asks [`EntryOwner::compare`].
    NeedsCompare(Address, u32),
}

/// Entries that have been there and cannot be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The page they were in.
    pub page: u32,
    /// Its order then: with `first` it names the loss for good.
    pub order: u32,
    /// Number of the first within the page.
    pub first: u16,
    /// How many; `u16::MAX` when nobody knows.
    pub count: u16,
    /// What the last of them was about, when that is known. Of the others nothing is.
    pub hint: Option<u16>,
}

/// How badly an entry is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// New data: refused before the reserve is touched.
    Data,
    /// A deletion, which makes room: may use part of the reserve.
    Deletion,
}

/// The owner of the entries' meaning. It keeps the address of each entry that counts.
///
/// Entries that were superseded stay in flash until their page is erased, and are found again at
/// each open: what supersedes an entry, a tombstone too, has to stay live as long as the tenant
/// would otherwise take the older one for the newest.
pub trait EntryOwner {
    /// An entry was found while opening; pages come in any order.
    fn on_entry(&mut self, entry: &Entry<'_>) -> Liveness;

    /// The same, now that the entry it [`Liveness::NeedsCompare`] with, at `at`, has been read:
    /// `None` when it cannot be read any more, which will be told as a loss. The answer may name
    /// yet another entry, as long as that comes to an end.
    fn compare(&mut self, entry: &Entry<'_>, at: Address, other: Option<&Entry<'_>>) -> Liveness {
        let _ = (entry, at, other);
        Liveness::Live
    }

    /// Whether this entry, at this address, counts.
    fn is_live(&self, entry: &Entry<'_>) -> bool;

    /// The entry at `entry.at` has been copied to `to`, verified; `entry.at` will be erased.
    fn moved(&mut self, entry: &Entry<'_>, to: Address);

    /// Entries have been lost; called for the same loss at each open and scan until it is healed.
    fn lost(&mut self, loss: &Loss);

    /// Whether what was lost is there again, or known to be superseded, so that it
    /// may be forgotten.
    fn is_healed(&self, loss: &Loss) -> bool;

    /// What the entry is about, as given to `append`. Needed when an entry is moved whose successor
    /// does not tell; 0 is "nothing".
    fn hint(&self, entry: &Entry<'_>) -> u16 {
        let _ = entry;
        0
    }
}
