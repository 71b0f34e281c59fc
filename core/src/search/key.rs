//! Orders lists: makes the sort name of a contact and the number that stands for its beginning.
//!
//! Lists are sorted by what they show first, the formatted name (FN). A contact that states how to
//! sort it (SORT-AS, SORT-STRING, a phonetic last name) is sorted that way. Without a formatted
//! name the other [`NAMES`] are used in their order. Contacts without any of these come last.

use super::code;
use super::phone::Digits;
use super::text::{Words, is_own_word, sort_as};
use crate::contact::{Contact, Kind, NAMES, NameRole, Stamp, StampedProperty, Uid, own_name};

/// Bytes of a sort name. A longer one is cut.
pub const SORT_NAME_BYTES: usize = 32;

/// A text as a name to sort by.
///
/// Its words are separated by one space, with none around characters that are words of their own.
/// It is cut, maybe inside a character, and the rest is zero.
#[derive(Clone, Copy)]
pub(super) struct SortName {
    pub(super) bytes: [u8; SORT_NAME_BYTES],
    len: usize,
    joins: bool,
    space: bool,
}

impl SortName {
    pub(super) fn new() -> Self {
        Self { bytes: [0; SORT_NAME_BYTES], len: 0, joins: true, space: false }
    }

    /// Adds the next character of words as [`Words`] emits them.
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

/// Each text that a contact may be sorted by has a place, the best first: the SORT-AS of N and of
/// FN, then the texts that only say how to sort, then the names.
const SORTED: usize = 2;
const NAMED: usize = SORTED + 2;
const CANDIDATES: usize = NAMED + NAMES.len();
const PHONE: usize = match Kind::TEL.name_role() {
    Some(NameRole::Named(rank)) => NAMED + rank as usize,
    _ => CANDIDATES,
};

/// Finds the name that a contact is sorted by, from its properties one by one.
pub(super) struct NameFinder<'a> {
    found: [Option<(&'a str, Stamp)>; CANDIDATES],
}

impl<'a> NameFinder<'a> {
    pub(super) fn new() -> Self {
        Self { found: [None; CANDIDATES] }
    }

    #[inline]
    pub(super) fn see(&mut self, property: &StampedProperty<'a>) {
        let content = property.content;
        let place = match content.kind.name_role() {
            Some(NameRole::Sorts(rank)) => SORTED + usize::from(rank),
            Some(NameRole::Named(rank)) => NAMED + usize::from(rank),
            None => return,
        };
        let wished = if content.kind == Kind::N { 0 } else { 1 };
        let own = content.value.as_text().map(|text| own_name(content.kind, text));
        for (place, text) in [(wished, sort_as(&content)), (place, own)] {
            let (Some(slot), Some(text)) = (self.found.get_mut(place), text) else { continue };
            let stamp = property.last_stamp();
            // A kind with a single value takes the one stated last; other kinds take the one stated
            // first.
            if slot.is_none_or(|(_, known)| content.kind.is_single() && known < stamp) {
                *slot = Some((text, stamp));
            }
        }
    }

    /// Returns the best name that was found; bytes of 0xFF when there was none.
    pub(super) fn name(&self) -> SortName {
        for (place, text) in self.found.iter().enumerate() {
            let Some((text, _)) = text else { continue };
            let name = if place == PHONE { SortName::of_phone(text) } else { SortName::of(text) };
            if name.len > 0 {
                return name;
            }
        }
        SortName { bytes: [0xFF; SORT_NAME_BYTES], len: SORT_NAME_BYTES, ..SortName::new() }
    }
}

/// Returns the name that a contact is sorted by; bytes of 0xFF when it has none.
pub(super) fn name_of(contact: &Contact<'_>) -> SortName {
    let mut finder = NameFinder::new();
    contact.properties().for_each(|property| finder.see(&property));
    finder.name()
}

/// Writes the folded name that a contact is sorted by, cut or filled up with zeros; 0xFF when it
/// has none.
pub fn sort_name(contact: &Contact<'_>, out: &mut [u8; SORT_NAME_BYTES]) {
    *out = name_of(contact).bytes;
}

/// A number that has the order of contacts in a list, as far as its bits reach.
///
/// The order is by sort name, then by identity. Most names fit whole. The key is computed whenever
/// a box is opened, and never stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortKey(u128);

impl SortKey {
    /// Returns the key of a contact.
    pub fn of(contact: &Contact<'_>) -> Self {
        Self::named(&name_of(contact).bytes, contact.uid())
    }

    /// Returns the key for this [`sort_name`] and identity.
    pub fn named(name: &[u8; SORT_NAME_BYTES], uid: Uid) -> Self {
        Self(code::key(name, &uid))
    }

    /// Returns the upper bits. Any number of them has the same order: 32 bits hold six Latin
    /// letters, 64 bits fourteen.
    pub fn upper(self) -> u64 {
        (self.0 >> u64::BITS) as u64
    }

    /// Returns all bits of the key. The lowest is 1.
    pub(super) fn all(self) -> u128 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    fn name(text: &str) -> SortName {
        SortName::of(text)
    }

    fn key(text: &str, who: u8) -> u128 {
        code::key(&name(text).bytes, &Uid([who; 16]))
    }

    /// Returns names in many scripts, made of a few letters each so that many begin alike.
    fn names() -> Vec<String> {
        const LETTERS: [&[&str]; 12] = [
            &["a", "b", "e", "z", " ", " ", "0", "9"],
            &["a", "é", "ß", "ŋ", "ə", " "],
            &["α", "β", "ω", "ϙ", " "],
            &["а", "ё", "я", "і", "ґ", "ѳ", " "],
            &["א", "ב", "ת", " "],
            &["ا", "ب", "ی", "پ", "ے", " "],
            &["田", "中", "一", "龥", "㐀", "𠀋"],
            &["た", "ナ", "ー", "ん", "田", " "],
            &["김", "가", "철", "힣", "ㄱ", " "],
            &["ก", "ข", "เ", "๙", " "],
            &["अ", "क", "ह", "ক", "ஃ", "ა", "ա", "አ", "က"],
            &["a", "я", "田", "김", "ก", "א", " ", "7", "𝔸", "\u{10FFFD}"],
        ];
        let mut state = 1u64;
        let mut below = move |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % end
        };
        (0..2400)
            .map(|_| {
                let letters = LETTERS[below(LETTERS.len())];
                (0..1 + below(14)).map(|_| letters[below(letters.len())]).collect()
            })
            .collect()
    }

    #[test]
    fn keys_are_in_the_order_of_names_and_identities() {
        let texts = names();
        let mut all: Vec<_> = texts
            .iter()
            .map(|text| (name(text).bytes, key(text, 7)))
            .filter(|(bytes, _)| bytes[0] != 0)
            .collect();
        all.sort_unstable();
        for pair in all.windows(2) {
            let [(one, a), (other, b)] = pair else { unreachable!("windows of two") };
            let shown = || format!("{} {}", one.escape_ascii(), other.escape_ascii());
            assert!(a <= b, "{}", shown());
            assert_eq!(one == other, a == b, "{}", shown());
        }
        for who in 0..u8::MAX {
            assert!(key("Анна Ёлкина", who) < key("Анна Ёлкина", who + 1));
            assert!(key("Анна", who) < key("Анна Ё", 0));
        }
    }

    #[test]
    fn a_beginning_holds_the_keys_of_what_begins_so_and_no_others() {
        let texts = names();
        let mut begun = 0;
        for text in texts.iter().step_by(7) {
            let wanted = name(text);
            let wanted = wanted.get();
            let all = code::beginning(wanted);
            for other in &texts {
                let begins = name(other).get().starts_with(wanted);
                let is_among = (all.first..=all.last).contains(&key(other, 255));
                assert!(!begins || is_among, "{text} {other}");
                assert!(begins || !is_among || !all.is_whole, "{text} {other}");
                begun += usize::from(begins);
            }
        }
        assert!(begun > 2000, "only {begun} began so");
    }

    #[test]
    fn a_key_tells_much_of_a_name() {
        // These are the letters for which 32, 40, 64 and 128 bits have room.
        for (text, expected) in [
            ("christopher robin", [6, 8, 14, 17]),
            ("елена кузнецова", [4, 6, 11, 15]),
            ("גולדה מאיר", [5, 7, 10, 10]),
            ("فاطمة الزهراء", [4, 6, 10, 13]),
            ("佐藤太郎花子", [1, 2, 3, 6]),
            ("さとうはなこ", [3, 4, 6, 6]),
            ("김철수", [4, 5, 8, 8]),
        ] {
            let bytes = name(text);
            let letters = core::str::from_utf8(bytes.get()).expect("it is short");
            let told = [32, 40, 64, 127].map(|bits| {
                let ends = letters.char_indices().map(|(at, c)| at + c.len_utf8());
                ends.take_while(|&end| {
                    let all = code::beginning(&letters.as_bytes()[..end]);
                    all.is_whole && (all.last - all.first).leading_zeros() <= bits
                })
                .count()
            });
            assert_eq!(told, expected, "{text}");
        }
    }

    #[test]
    fn nobody_comes_last() {
        let none = code::key(&[0xFF; SORT_NAME_BYTES], &Uid([0; 16]));
        for text in ["\u{10FFFD}", "zz", "龥", "𠀋"] {
            assert!(key(text, 255) < none, "{text}");
        }
    }

    #[test]
    fn names_are_cut_and_joined() {
        assert_eq!(SortName::of("  Ada   King-Noel ").get(), b"ada king noel");
        assert_eq!(SortName::of("田中 太郎").get(), SortName::of("田中太郎").get());
        assert_eq!(SortName::of("김 철수").get(), SortName::of("김철수").get());
        assert_eq!(SortName::of(&"x".repeat(50)).get().len(), SORT_NAME_BYTES);
        // A character that was cut in two still sorts in its place.
        let cut = |last: &str| key(&format!("{}{last}", "x".repeat(31)), 7);
        let ends = ["", " y", "a", "é", "я", "丁", "乙", "田", "𠀋"];
        assert!(ends.is_sorted_by(|a, b| cut(a) <= cut(b)));
    }
}
