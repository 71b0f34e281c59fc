//! Defines a card as a box sees it: a few named files that keep what was written, more or less.

use core::fmt;

/// Bytes of a sector: the unit of writing, and the unit that is torn when a card is pulled.
pub const SECTOR_BYTES: usize = 512;

/// A card in its slot, or anything else that keeps files: a folder, an image.
///
/// **When the card is pulled or the power fails**, each sector written since the last
/// [`flush`](Card::flush) of its file may hold its old bytes, its new bytes, or any mixture or
/// other bytes (torn). The order of writing does not matter. The length of that file may then be
/// any that it had since the flush. Sectors that were there at the last flush and not written since
/// are unchanged, and so are all other files.
///
/// Offsets and lengths of writes are whole sectors ([`SECTOR_BYTES`]). Files are written from their
/// beginning to their end, or in place: an offset is never beyond the file's length.
///
/// An error leaves the file as a power cut would. After an error, and after the card was changed
/// for another, every file must be looked up again.
#[allow(
    async_fn_in_trait,
    reason = "used with static dispatch by executors that need no Send futures"
)]
pub trait Card {
    /// The error of the medium itself.
    type Error: fmt::Debug;

    /// Returns the first file whose name comes after `after` in the order of bytes.
    ///
    /// Repeated calls with the name returned last list all files. A file is skipped if its name is
    /// no [`FileName`].
    async fn next_file(
        &mut self,
        after: Option<&FileName>,
    ) -> Result<Option<FileName>, CardError<Self::Error>>;

    /// Returns the length of a file in bytes; `None` when there is no file of this name.
    async fn len(&mut self, name: &FileName) -> Result<Option<u32>, CardError<Self::Error>>;

    /// Reads as many bytes of a file as there are, up to `out.len()`, and returns how many.
    ///
    /// The bytes come from the medium, not from a cache of what was written: a backup counts only
    /// when it was read back.
    async fn read(
        &mut self,
        name: &FileName,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, CardError<Self::Error>>;

    /// Writes whole sectors into a file.
    ///
    /// The file becomes longer where they reach beyond its end, and is created when there is none.
    async fn write(
        &mut self,
        name: &FileName,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), CardError<Self::Error>>;

    /// Returns when all that was written to a file, and its length, would survive a cut.
    async fn flush(&mut self, name: &FileName) -> Result<(), CardError<Self::Error>>;

    /// Returns the sectors written since the card was put in, those of the file system included.
    fn sector_writes(&self) -> u64;
}

/// The reason why a card did not do what it should. Each says what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardError<E> {
    /// The card has no file system that boxes can use.
    NoFileSystem,
    /// The card is formatted as exFAT.
    ExFat,
    /// The card cannot be written: a switch on it, or its file system, forbids it.
    WriteProtected,
    /// The user that this program runs as may not read or write the card.
    Forbidden,
    /// The card has no room left.
    Full,
    /// The card was taken out.
    Removed,
    /// The file system contradicts itself.
    Inconsistent,
    /// The medium failed.
    Device(E),
}

impl<E: fmt::Debug> fmt::Display for CardError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFileSystem => f.write_str(
                "there is no FAT file system on it; if it is a card, format it as FAT32 on a PC or a camera; \
                 a file of contacts is imported instead",
            ),
            Self::ExFat => f.write_str(
                "the card is formatted as exFAT, as cards over 32 GB are when bought; \
                 format it as FAT32",
            ),
            Self::WriteProtected => f.write_str(
                "the card is write-protected; slide the switch at its side away from LOCK",
            ),
            Self::Forbidden => f.write_str(
                "the card may not be read or written by the user this program runs as; mount it for that user, or change who owns it",
            ),
            Self::Full => {
                f.write_str("the card is full; delete something from it, or use another card")
            }
            Self::Removed => {
                f.write_str("the card was taken out; put it in again, nothing is lost")
            }
            Self::Inconsistent => f.write_str(
                "the file system of the card is damaged; have a PC repair it, or use another card",
            ),
            Self::Device(error) => write!(f, "the card failed ({error:?}); try another card"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for CardError<E> {}

/// The name of a file on a card, in upper case.
///
/// It has up to 8 characters and up to 3 more behind a dot, as every FAT keeps names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    bytes: [u8; 12],
    len: u8,
}

impl FileName {
    /// The name of the file that phones read.
    pub const PHONE: FileName = FileName { bytes: *b"CONTACTS.VCF", len: 12 };

    /// Makes a name out of text; letters become upper case. Returns `None` for text that is no
    /// name.
    pub fn parse(text: &str) -> Option<Self> {
        let (stem, extension) = text.split_once('.').unwrap_or((text, ""));
        let is_fine = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-~!#$%&".contains(&byte))
        };
        if !(1..=8).contains(&stem.len())
            || extension.len() > 3
            || (extension.is_empty() && text.contains('.'))
            || !is_fine(stem)
            || !is_fine(extension)
        {
            return None;
        }
        let mut bytes = [0; 12];
        for (place, byte) in bytes.iter_mut().zip(text.bytes()) {
            *place = byte.to_ascii_uppercase();
        }
        Some(Self { bytes, len: text.len() as u8 })
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        // The name is made of ASCII only and never longer than its memory.
        core::str::from_utf8(self.bytes.get(..usize::from(self.len)).unwrap_or(&[])).unwrap_or("")
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_every_fat() {
        for text in ["A.B", "ABCDEFGH.IJK", "README", "K7QF3ZJA.A", "CONTACTS.VCF"] {
            assert_eq!(FileName::parse(text).map(|name| name.as_str().len()), Some(text.len()));
        }
        for text in ["", ".", ".A", "A.", "ABCDEFGHI", "A.BCDE", "A B", "A.B.C", "a/b", "ä"] {
            assert_eq!(FileName::parse(text), None, "{text}");
        }
        assert_eq!(FileName::parse("contacts.vcf"), Some(FileName::PHONE));
    }
}
