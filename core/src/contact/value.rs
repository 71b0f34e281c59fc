//! The value of a property: text, a UUID, a few bytes, or a reference to a blob.

use core::fmt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A value, as kept.
///
/// Text is unfolded UTF-8 with the escapes of vCard 4.0 (`\\`, `\,`, `\;`, `\n`); the separators
/// of structured values (`;`) and lists (`,`) stand bare. The value of a property this box does
/// not know is kept as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text, escaped as in vCard 4.0.
    Text(&'a str),
    /// A UUID in one of its usual spellings; packed to 17 bytes.
    Uuid(UuidText),
    /// A small binary value (`ENCODING=b`), decoded.
    Bytes(&'a [u8]),
    /// A large binary value, kept apart.
    Blob(BlobRef),
}

impl<'a> Value<'a> {
    /// The text as the tightest form that gives it back to the letter.
    pub fn text(text: &'a str) -> Self {
        UuidText::parse(text).map_or(Self::Text(text), Self::Uuid)
    }

    /// The text, when it is kept as text.
    pub fn as_text(&self) -> Option<&'a str> {
        match *self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A blob: content-addressed, so equal values are stored once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    /// First 128 bits of the SHA-256 of the content.
    pub hash: [u8; 16],
    /// Length of the content in bytes.
    pub len: u32,
}

/// The hash of a blob whose content comes in pieces.
pub struct BlobHasher {
    hash: Sha256,
    len: u32,
}

impl BlobHasher {
    /// For a content of `len` bytes.
    pub fn new(len: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update((b"blob".len() as u64).to_le_bytes());
        hash.update(b"blob");
        hash.update(u64::from(len).to_le_bytes());
        Self { hash, len: 0 }
    }

    /// Takes the next piece.
    pub fn add(&mut self, piece: &[u8]) {
        self.hash.update(piece);
        self.len = self.len.saturating_add(piece.len() as u32);
    }

    /// The reference to all that was added.
    pub fn finish(self) -> BlobRef {
        let full: [u8; 32] = self.hash.finalize().into();
        let mut hash = [0; 16];
        hash.copy_from_slice(&full[..16]);
        BlobRef { hash, len: self.len }
    }
}

impl BlobRef {
    /// The reference to a content; its length must be within `BLOB_BYTES_MAX`.
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = BlobHasher::new(content.len() as u32);
        hasher.add(content);
        hasher.finish()
    }
}

/// A UUID in canonical spelling, with or without `urn:uuid:`, in one letter case; or such a one
/// with `:ABPerson` behind it, as Apple's address books name people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UuidText {
    /// The 128 bits.
    pub bytes: [u8; 16],
    /// Preceded by `urn:uuid:`.
    pub urn: bool,
    /// Hex digits in upper case.
    pub upper: bool,
    /// Followed by `:ABPerson`.
    pub ab_person: bool,
}

const URN: &str = "urn:uuid:";
const UUID_CHARS: usize = 36;
const AB_PERSON: &str = ":ABPerson";

/// Makes another identity of a UUID that has `:ABPerson` behind it than of the UUID alone. Random.
const AB_PERSON_MASK: [u8; 16] = [
    0x8A, 0x1C, 0x67, 0xD4, 0x2E, 0xB9, 0x03, 0x5F, 0xC1, 0x70, 0x96, 0xEA, 0x4D, 0x38, 0xF5, 0x2B,
];

impl UuidText {
    /// Reads a UUID that [`fmt::Display`] would write back to the letter; otherwise `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (urn, rest) = match text.strip_prefix(URN) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (ab_person, hex) = match rest.strip_suffix(AB_PERSON) {
            Some(hex) => (true, hex),
            None => (false, rest),
        };
        let hex = hex.as_bytes();
        if hex.len() != UUID_CHARS {
            return None;
        }
        let upper = hex.iter().any(u8::is_ascii_uppercase);
        let mut bytes = [0u8; 16];
        let mut digits = 0;
        for (at, &c) in hex.iter().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if c != b'-' {
                    return None;
                }
                continue;
            }
            let digit = match c {
                b'0'..=b'9' => c - b'0',
                b'a'..=b'f' if !upper => c - b'a' + 10,
                b'A'..=b'F' if upper => c - b'A' + 10,
                _ => return None,
            };
            bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
            digits += 1;
        }
        Some(Self { bytes, urn, upper, ab_person })
    }

    /// Reads a UUID, with or without `urn:uuid:`, in letters of any case, also of both: for the
    /// identity, to which case says nothing (RFC 8141, section 3.1; RFC 9562, section 4). How the
    /// text was written is lost.
    pub(super) fn in_any_letters(text: &str) -> Option<Self> {
        let rest = match text.split_at_checked(URN.len()) {
            Some((urn, rest)) if urn.eq_ignore_ascii_case(URN) => rest,
            _ => text,
        };
        let (hex, tail) = rest.split_at_checked(UUID_CHARS)?;
        let mut lower = [0; UUID_CHARS];
        lower.copy_from_slice(hex.as_bytes());
        lower.make_ascii_lowercase();
        let uuid = Self::parse(core::str::from_utf8(&lower).ok()?)?;
        let ab_person = match tail {
            "" => false,
            AB_PERSON => true,
            _ => return None,
        };
        Some(Self { ab_person, ..uuid })
    }

    /// A UUID alone, in lower case.
    pub fn plain(bytes: [u8; 16]) -> Self {
        Self { bytes, urn: false, upper: false, ab_person: false }
    }

    /// The identity it stands for.
    pub(super) fn identity(&self) -> [u8; 16] {
        self.masked(self.bytes)
    }

    /// In this spelling, the UUID that stands for an identity.
    pub(super) fn of_identity(self, identity: [u8; 16]) -> Self {
        Self { bytes: self.masked(identity), ..self }
    }

    fn masked(&self, bytes: [u8; 16]) -> [u8; 16] {
        if !self.ab_person {
            return bytes;
        }
        core::array::from_fn(|at| bytes[at] ^ AB_PERSON_MASK[at])
    }
}

impl fmt::Display for UuidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.urn {
            f.write_str(URN)?;
        }
        for (at, byte) in self.bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            if self.upper {
                write!(f, "{byte:02X}")?;
            } else {
                write!(f, "{byte:02x}")?;
            }
        }
        if self.ab_person {
            f.write_str(AB_PERSON)?;
        }
        Ok(())
    }
}
