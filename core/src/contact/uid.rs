//! The identity of a contact: 128 bits, the same on every box that met the same card.

use super::value::UuidText;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Identity of a contact.
///
/// A card whose UID is a UUID has that UUID; any other UID is hashed; a card without
/// one is known by the digest of its content, so that the same file imported twice, or
/// on two boxes, is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Uid(pub [u8; 16]);

impl Uid {
    /// The identity that a card's UID text stands for. Blanks around it, as some programs fold and
    /// unfold them in, say nothing.
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        match UuidText::in_any_letters(text) {
            Some(uuid) => Self(uuid.identity()),
            None => Self(digest(b"uid", &[text.as_bytes()])),
        }
    }

    /// 32 bits for tables in RAM.
    pub fn hash32(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        let [.., w, x, y, z] = self.0;
        u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes([w, x, y, z]).rotate_left(13)
    }

    /// 15 bits: what a neighbouring journal entry remembers of this contact. What it remembers of
    /// others has the bit before these.
    pub fn hint(&self) -> u16 {
        let hash = self.hash32().wrapping_mul(0x9E37_79B1);
        (hash >> 17) as u16
    }
}

impl core::fmt::Display for Uid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        UuidText::plain(self.0).fmt(f)
    }
}

/// The first 128 bits of SHA-256 over a domain word and parts, each preceded by its length.
pub fn digest(domain: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in core::iter::once(domain).chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let full: [u8; 32] = hash.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}
