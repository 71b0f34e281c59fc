//! The order of a list: the sort name of a contact, and the numbers that stand for its beginning.
//!
//! Lists are sorted by what they show first: the formatted name (FN). Who has said how to be sorted
//! (SORT-AS, SORT-STRING, a phonetic last name) is sorted so. Without a name: nickname,
//! organisation, email, phone. Contacts without any of these come last.

use super::phone::Digits;
use super::text::{Words, is_own_word, sort_as};
use crate::contact::{Contact, Kind, Stamp};

/// Bytes of a sort name; longer ones are cut.
pub const SORT_NAME_BYTES: usize = 32;

/// The sort key of a contact without a name.
pub const NO_NAME_KEY: u64 = u64::MAX;

/// A text as a name to sort by: words apart by one space, none around characters that are words
/// of their own. Cut, maybe inside of a character; the rest is zero.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) bytes: [u8; SORT_NAME_BYTES],
    len: usize,
    joins: bool,
    space: bool,
}

impl Name {
    pub(super) fn new() -> Self {
        Self { bytes: [0; SORT_NAME_BYTES], len: 0, joins: true, space: false }
    }

    /// Takes the next character of words as [`Words`] emits them.
    pub(super) fn push(&mut self, c: char) {
        if c == ' ' {
            self.space = true;
            return;
        }
        let is_own = is_own_word(c);
        if self.space && !self.joins && !is_own {
            self.put(b" ");
        }
        self.space = false;
        // Jamo after the leading one belong to its syllable.
        self.joins = is_own || (self.joins && matches!(u32::from(c), 0x1160..=0x11FF));
        self.put(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(slot) = self.bytes.get_mut(self.len) {
                *slot = byte;
                self.len += 1;
            }
        }
    }

    pub(super) fn get(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    fn of(text: &str) -> Self {
        let mut name = Self::new();
        Words::new().add(text, &mut |c: char| name.push(c));
        name
    }

    fn of_phone(text: &str) -> Self {
        let mut name = Self::new();
        Digits::of(text).get().iter().for_each(|&digit| name.push(char::from(digit)));
        name
    }
}

/// What a contact may be sorted by has a place each, the best first; the last is a phone number.
const CANDIDATES: usize = PHONE + 1;
const PHONE: usize = 9;

/// The name a contact is sorted by; bytes of 0xFF when it has none.
pub(super) fn name_of(contact: &Contact<'_>) -> Name {
    let mut found: [Option<(&str, Stamp)>; CANDIDATES] = [None; CANDIDATES];
    for property in contact.properties() {
        let content = property.content;
        let sort_as = sort_as(&content);
        let place = match content.kind {
            Kind::N => 5,
            Kind::FN => 4,
            Kind::SORT_STRING => 2,
            Kind::X_PHONETIC_LAST_NAME => 3,
            Kind::NICKNAME => 6,
            Kind::ORG => 7,
            Kind::EMAIL => 8,
            Kind::TEL => PHONE,
            _ => continue,
        };
        let wished = if content.kind == Kind::N { 0 } else { 1 };
        for (place, text) in [(wished, sort_as), (place, content.value.as_text())] {
            let (Some(slot), Some(text)) = (found.get_mut(place), text) else { continue };
            let stamp = property.last_stamp();
            // Of a kind that has one value, the one said last; of others, the one said first.
            if slot.is_none_or(|(_, known)| content.kind.is_single() && known < stamp) {
                *slot = Some((text, stamp));
            }
        }
    }
    for (place, text) in found.iter().enumerate() {
        let Some((text, _)) = text else { continue };
        let name = if place == PHONE { Name::of_phone(text) } else { Name::of(text) };
        if name.len > 0 {
            return name;
        }
    }
    Name { bytes: [0xFF; SORT_NAME_BYTES], len: SORT_NAME_BYTES, ..Name::new() }
}

/// The folded name a contact is sorted by, cut, filled up with zeros; 0xFF when it has none.
pub fn sort_name(contact: &Contact<'_>, out: &mut [u8; SORT_NAME_BYTES]) {
    *out = name_of(contact).bytes;
}

/// A number whose order is the order of sort names, as far as it reaches: 12 Latin letters, and six
/// in its upper 32 bits, which are such a number by themselves.
pub fn sort_key(contact: &Contact<'_>) -> u64 {
    key_of(name_of(contact).get()).0
}

// Codes of five bits, in the order of the characters; those outside ASCII are followed by more bits.
const SPACE: (u64, u32) = (1, 5);
const DIGIT: u64 = 2;
const LETTER: u64 = 3;
const TWO_BYTES: u64 = 29;
const THREE_BYTES: u64 = 30;
const FOUR_BYTES: u64 = 31;

/// The key of a name, and how many of its upper bits are told by the name's characters: all 64, or
/// fewer when the name is short. Bits that no character tells are 0.
pub(super) fn key_of(name: &[u8]) -> (u64, u32) {
    if name.first() == Some(&0xFF) {
        return (NO_NAME_KEY, u64::BITS);
    }
    let mut key = 0;
    let mut used = 0;
    // A character that the cut has halved is left out, as is all that no bit is left for.
    let chars = name.utf8_chunks().next().map_or("", |chunk| chunk.valid()).chars();
    for c in chars {
        let code = u64::from(u32::from(c));
        let (code, bits) = match c {
            // What a sort name is filled up with.
            '\0' => break,
            ' ' => SPACE,
            '0'..='9' => (DIGIT << 4 | (code - u64::from(b'0')), 9),
            'a'..='z' => (LETTER + code - u64::from(b'a'), 5),
            ..'\u{800}' => (TWO_BYTES << 11 | code, 16),
            ..'\u{10000}' => (THREE_BYTES << 16 | code, 21),
            _ => (FOUR_BYTES << 21 | code, 26),
        };
        let free = u64::BITS - used;
        if bits >= free {
            key |= code >> (bits - free);
            used = u64::BITS;
            break;
        }
        used += bits;
        key |= code << (u64::BITS - used);
    }
    (key, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> u64 {
        key_of(Name::of(text).get()).0
    }

    #[test]
    fn keys_are_in_the_order_of_names() {
        let names = [
            "",
            "0",
            "007",
            "1",
            "9 lives",
            "a",
            "A b",
            "Aa",
            "ab",
            "Abcdefghijkl",
            "abcdefghijlk",
            "b",
            "Zoë",
            "zoe z",
            "Åsa",
        ];
        for one in names {
            for other in names {
                let (a, b) = (Name::of(one), Name::of(other));
                for shift in [0, 32] {
                    let (x, y) = (key(one) >> shift, key(other) >> shift);
                    if x != y {
                        assert_eq!(x.cmp(&y), a.get().cmp(b.get()), "{one} {other}");
                    }
                }
            }
        }
        let scripts = ["z", "Ωμεγα", "Анна", "Борис", "עדה", "田中", "𠀋"];
        assert!(scripts.is_sorted_by(|a, b| key(a) >> 32 < key(b) >> 32));
        assert!(key("𠀋") < NO_NAME_KEY);
    }

    #[test]
    fn names_are_cut_and_joined() {
        assert_eq!(Name::of("  Ada   King-Noel ").get(), b"ada king noel");
        assert_eq!(Name::of("田中 太郎").get(), Name::of("田中太郎").get());
        assert_eq!(Name::of("김 철수").get(), Name::of("김철수").get());
        assert_eq!(Name::of(&"x".repeat(50)).get().len(), SORT_NAME_BYTES);
        assert_eq!(key_of(b"abc").1, 15);
        assert_eq!(key_of(b"abc"), key_of(b"abc\0\0"));
        assert_eq!(key_of(b"abcdefghijklm").1, 64);
    }
}
