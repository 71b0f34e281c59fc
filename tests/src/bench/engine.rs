//! The trait of the engines under comparison: they keep records under keys on a chip.
use std::fmt;

use super::chip::Chip;
use super::work::Edit;

/// Why an engine failed. The chip knows whether its power was cut.
#[derive(Clone, Debug)]
pub struct Trouble(pub String);

impl Trouble {
    /// Wraps an engine's own error.
    pub fn of(error: impl fmt::Debug) -> Self {
        Self(format!("{error:?}"))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every engine keeps the same records: those that the contact box makes of a contact, with its
/// identity and its stamps.
pub trait Engine<const WRITE: usize, const ERASE: usize>: Sized {
    /// The name in tables.
    const NAME: &'static str;

    /// True if the engine keeps the rule of chips that forbid programming a word twice.
    const IS_STRICT: bool = false;

    /// Makes an empty store on an erased chip.
    fn format(chip: Chip<WRITE, ERASE>) -> Result<Self, Trouble>;

    /// Opens the store on the chip. `boot` differs at each start, for engines that need a seed.
    fn open(chip: Chip<WRITE, ERASE>, boot: u32) -> Result<Self, Trouble>;

    /// Makes an edit durable.
    fn put(&mut self, edit: &Edit) -> Result<(), Trouble>;

    /// Reads the record of a contact into `out`; false if there is none.
    fn get(&mut self, key: u32, out: &mut Vec<u8>) -> Result<bool, Trouble>;
}
