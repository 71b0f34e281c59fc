//! Chooses the texts of a contact that are searched, and turns them into words.
//!
//! A text becomes folded words, each with one space before it. Every character that is no letter or
//! digit separates words. In scripts that write no spaces between words every character is a word
//! of its own, so that "田中太郎", "田中 太郎" and the query "太郎" match.

use super::spell::{has_other_spelling, spell_out};
use crate::contact::{Kind, Property, SearchScope};
use crate::text::{fold_char, unescaped};

/// The longest value without a space that is searched in a property this box does not know. Longer
/// ones are data and not words.
const UNKNOWN_BYTES_MAX: usize = 160;

/// Passes the searched texts of a property to `visit`, raw, with their scope.
///
/// The matcher and the signatures both use it, which is why a signature never misses what the
/// matcher would find.
#[inline]
pub(super) fn searched<'a>(content: &Property<'a>, mut visit: impl FnMut(SearchScope, &'a str)) {
    let Some(scope) = content.kind.search_scope() else { return };
    if let Some(text) = content.value.as_text() {
        match content.kind {
            Kind::OTHER if text.len() > UNKNOWN_BYTES_MAX && !text.contains(' ') => {}
            // The first field is the type of the row, the same in every such property.
            Kind::X_ANDROID_CUSTOM => visit(scope, text.split_once(';').map_or("", |at| at.1)),
            _ => visit(scope, text),
        }
    }
    if let Some(text) = sort_as(content) {
        visit(SearchScope::Name, text);
    }
}

/// Returns the sort name that a name states (RFC 6350, 5.9).
pub(super) fn sort_as<'a>(content: &Property<'a>) -> Option<&'a str> {
    if content.params.is_empty() || !matches!(content.kind, Kind::FN | Kind::N) {
        return None;
    }
    content.param("SORT-AS")
}

const SEPARATOR: u8 = b' ';
const SKIPPED: u8 = 0;
const ESCAPE: u8 = b'\\';

/// The part of each ASCII byte in a word: itself in lower case, a separator, nothing, or an escape.
static WORD_BYTES: [u8; 128] = {
    let mut table = [SEPARATOR; 128];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table[b'\'' as usize] = SKIPPED;
    table[b'`' as usize] = SKIPPED;
    table[b'\\' as usize] = ESCAPE;
    table
};

/// Returns whether a folded character is a word of its own.
///
/// These are Han, kana, bopomofo, and the leading jamo that begins each Hangul syllable.
pub(super) fn is_own_word(c: char) -> bool {
    c >= '\u{1100}'
        && matches!(
            u32::from(c),
            0x1100..=0x115F | 0x3005..=0x3007 | 0x3041..=0x30FF | 0x3105..=0x312F | 0x31A0..=0x31BF
                | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xA960..=0xA97C | 0xF900..=0xFAFF
                | 0x20000..=0x3FFFF
        )
}

/// Returns whether a folded character belongs into a word.
///
/// Letters of which whole names are made are found at once, as Unicode's table takes time.
fn is_letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_common_letter(c) || c.is_alphanumeric()
}

fn is_common_letter(c: char) -> bool {
    matches!(
        u32::from(c),
        0x3B1..=0x3C9 | 0x430..=0x481 | 0x5D0..=0x5EA | 0x621..=0x64A | 0x1100..=0x11FF
            | 0x3041..=0x3096 | 0x4E00..=0x9FFF
    )
}

/// Returns whether a jamo continues a syllable.
fn goes_on(c: char) -> bool {
    matches!(u32::from(c), 0x1160..=0x11FF | 0xD7B0..=0xD7FF)
}

/// Takes folded words letter by letter.
pub(super) trait WordSink {
    /// Takes a space before a word, or an ASCII letter or digit.
    fn ascii(&mut self, byte: u8);

    /// Takes any other letter or digit.
    fn other(&mut self, c: char);

    /// Ends a text: no word continues in the next text, and none there follows one of this.
    fn end(&mut self);
}

impl<F: FnMut(char)> WordSink for F {
    fn ascii(&mut self, byte: u8) {
        self(char::from(byte));
    }

    fn other(&mut self, c: char) {
        self(c);
    }

    fn end(&mut self) {}
}

/// Turns text into folded words, character by character: a space before each word, no others.
pub(super) struct Words {
    in_word: bool,
    after_own_word: bool,
    has_escapes: bool,
}

impl Words {
    /// Makes one for vCard text, whose escapes are undone.
    pub(super) fn new() -> Self {
        Self { in_word: false, after_own_word: false, has_escapes: true }
    }

    /// Makes one for text that a person typed.
    pub(super) fn plain() -> Self {
        Self { has_escapes: false, ..Self::new() }
    }

    /// Emits the words of `text`. A word may continue in the next text given.
    #[inline]
    pub(super) fn add(&mut self, text: &str, emit: &mut impl WordSink) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let Some(&word) = WORD_BYTES.get(usize::from(byte)) else {
                // The character is not ASCII. `at` is always at the beginning of one: an ASCII byte
                // is a character, and this steps over a whole one.
                let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { return };
                at += c.len_utf8();
                self.other(c, emit);
                continue;
            };
            at += 1;
            match word {
                SEPARATOR => self.in_word = false,
                SKIPPED => {}
                ESCAPE if !self.has_escapes => self.in_word = false,
                ESCAPE => {
                    let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                        return;
                    };
                    at += c.len_utf8();
                    self.other(unescaped(c), emit);
                }
                word => {
                    if !self.in_word || self.after_own_word {
                        self.in_word = true;
                        self.after_own_word = false;
                        emit.ascii(b' ');
                    }
                    emit.ascii(word);
                }
            }
        }
    }

    #[cold]
    fn other(&mut self, c: char, emit: &mut impl WordSink) {
        fold_char(c, |c| {
            if !is_letter_or_digit(c) {
                self.in_word = false;
                return;
            }
            let is_own_word = is_own_word(c);
            if !self.in_word || is_own_word || (self.after_own_word && !goes_on(c)) {
                emit.ascii(b' ');
            }
            self.in_word = true;
            self.after_own_word = is_own_word || (self.after_own_word && goes_on(c));
            match u8::try_from(c) {
                Ok(byte) if byte.is_ascii() => emit.ascii(byte),
                _ => emit.other(c),
            }
        });
    }
}

/// Emits the digits of a date as one word, without what stands between them.
pub(super) fn date_digits(text: &str, emit: &mut impl WordSink) {
    let date = text.split(['T', 't']).next().unwrap_or(text);
    let mut is_first = true;
    for digit in date.bytes().filter(u8::is_ascii_digit) {
        if is_first {
            emit.ascii(b' ');
            is_first = false;
        }
        emit.ascii(digit);
    }
}

/// Emits a searched text as words, by its scope, in each of its spellings. Phone numbers give none.
#[inline]
pub(super) fn words(scope: SearchScope, text: &str, emit: &mut impl WordSink) {
    match scope {
        SearchScope::Name | SearchScope::Text => {
            Words::new().add(text, emit);
            if has_other_spelling(text) {
                emit.end();
                other_spelling(text, emit);
            }
        }
        SearchScope::Date => date_digits(text, emit),
        SearchScope::Phone => {}
    }
    emit.end();
}

/// Few texts have another spelling.
#[cold]
fn other_spelling(text: &str, emit: &mut impl WordSink) {
    let mut words = Words::new();
    spell_out(text, |piece| words.add(piece, emit));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn words_of(text: &str) -> String {
        let mut out = String::new();
        words(SearchScope::Text, text, &mut |c: char| out.push(c));
        out
    }

    #[test]
    fn words_are_what_lies_between() {
        for (text, expected) in [
            ("Ada King, Countess", " ada king countess"),
            (r"Lovelace;Ada;;;", " lovelace ada"),
            (r"two\nlines\, one\\two", " two lines one two"),
            ("O'Brien-Ñandú", " obrien nandu"),
            ("Ute Müller-Özil", " ute muller ozil ute mueller oezil"),
            ("ada@example.com", " ada example com"),
            ("田中太郎", " 田 中 太 郎"),
            ("A田b中", " a 田 b 中"),
            ("한국x", " \u{1112}\u{1161}\u{11AB} \u{1100}\u{116E}\u{11A8} x"),
            ("\\", ""),
            ("  -- ", ""),
            ("½ straße", " 1 2 strasse"),
        ] {
            assert_eq!(words_of(text), expected, "{text}");
        }
    }

    #[test]
    fn common_letters_are_letters() {
        let all = ('\0'..=char::MAX).filter(|&c| is_common_letter(c));
        assert!(all.clone().all(char::is_alphanumeric));
        assert_eq!(all.count(), 21_510);
    }

    #[test]
    fn a_date_is_one_word() {
        let mut out = String::new();
        words(SearchScope::Date, "1980-04-12T10:00:00Z", &mut |c: char| out.push(c));
        assert_eq!(out, " 19800412");
    }
}
