//! A hash of 32 bits that is the same everywhere and for ever: FNV-1a.

use core::fmt;

/// The hash of what was added so far (FNV-1a, 32 bits).
pub struct Fnv32(u32);

impl Fnv32 {
    /// The hash of nothing.
    #[expect(clippy::new_without_default, reason = "nobody asks for a default hash")]
    pub fn new() -> Self {
        Self(0x811C_9DC5)
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }

    /// The hash.
    pub fn value(&self) -> u32 {
        self.0
    }
}

impl fmt::Write for Fnv32 {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_its_authors() {
        for (text, expected) in [("", 0x811C_9DC5), ("a", 0xE40C_292C), ("foobar", 0xBF9C_F968)] {
            let mut hash = Fnv32::new();
            hash.add(text.as_bytes());
            assert_eq!(hash.value(), expected, "{text}");
        }
    }
}
