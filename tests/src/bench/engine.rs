//! What every engine under comparison can do: keep records under keys on a chip.
use std::fmt;

use super::chip::Chip;
use super::work::Edit;

/// Why an engine did not do what it was asked. Whether the power was cut, the chip knows.
#[derive(Clone, Debug)]
pub struct Trouble(pub String);

impl Trouble {
    /// From an engine's own error.
    pub fn of(error: impl fmt::Debug) -> Self {
        Self(format!("{error:?}"))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A store of contacts over a chip with words of `WRITE` bytes and pages of `ERASE` bytes.
///
/// Every engine keeps the very same records: what the contact box makes of a contact, with its
/// identity and its stamps.
pub trait Engine<const WRITE: usize, const ERASE: usize>: Sized {
    /// What it is called in tables.
    const NAME: &'static str;

    /// Whether it keeps the rule of chips that forbid programming a word twice.
    const IS_STRICT: bool = false;

    /// An empty store on an erased chip.
    fn format(chip: Chip<WRITE, ERASE>) -> Result<Self, Trouble>;

    /// The store that is on the chip. `boot` differs at each start, for engines that want a seed.
    fn open(chip: Chip<WRITE, ERASE>, boot: u32) -> Result<Self, Trouble>;

    /// Makes an edit durable.
    fn put(&mut self, edit: &Edit) -> Result<(), Trouble>;

    /// The record of a contact into `out`; false when there is none.
    fn get(&mut self, key: u32, out: &mut Vec<u8>) -> Result<bool, Trouble>;
}
