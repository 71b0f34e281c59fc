//! Makes grams, the small facts about a contact that its signature remembers.
//!
//! A query asks for grams that every contact it matches must have. There are false alarms, which
//! are settled when the contact is read. There is never a miss; a property test holds this.

use super::key::{NameFinder, SortName};
use super::phone::Digits;
use super::text::{WordSink, is_own_word, searched, words};
use crate::contact::{Contact, SearchScope};
use heapless::Vec;

/// The kind of fact that a gram states, in its upper four bits. The rest is a hash, or a number
/// where there are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    /// A word begins with this letter from a to z, or this digit.
    Start1 = 0,
    /// A word begins with these two letters, the first of which is no digit.
    Start2 = 1,
    /// Three letters or digits stand next to each other in a word.
    ///
    /// It has these meanings, too: a word begins with this letter, which is not from a to z; a word
    /// begins with this digit and a letter or digit; a word of a script without spaces is followed
    /// by one that begins with this letter.
    Inside = 2,
    /// Three digits stand next to each other in a phone number, or a phone number begins with these
    /// two.
    Digits = 3,
    /// A word of a name begins with this letter from a to z, or this digit.
    Name1 = 4,
    /// In a name: the fact of `Start2`, or that of `Inside` for one letter or for a word and a
    /// letter.
    Name2 = 5,
    /// A word of a name begins with these three letters.
    Name3 = 6,
    /// A word of a name begins with a digit.
    NameDigit = 7,
    /// A national query with this one digit behind its 0 finds one of the phone numbers.
    National1 = 8,
    /// A national query with these two digits behind its 0 finds one of the phone numbers.
    National2 = 9,
    /// A word of a name begins with these four letters.
    Name4 = 10,
}

/// The number of sorts.
pub(super) const SORTS: usize = 11;

const SORT_SHIFT: u32 = 28;

/// The largest hash.
pub(super) const HASH_MAX: u32 = (1 << SORT_SHIFT) - 1;

/// The number of letters that have a number of their own: a to z, 0 to 9.
pub(super) const LETTERS: u32 = 36;

/// The number of the digit 0 among these letters.
const FIRST_DIGIT: u32 = 26;

/// Returns the number of a letter among these.
#[inline]
fn letter_index(letter: u32) -> Option<u32> {
    match letter {
        0x61..=0x7A => Some(letter - 0x61),
        0x30..=0x39 => Some(letter - 0x30 + FIRST_DIGIT),
        _ => None,
    }
}

/// Returns the letter for a number plus one.
fn letter_of(index: u32) -> u32 {
    if index <= 26 { index + 0x60 } else { index + 0x30 - 27 }
}

/// Returns the value of a digit, or of some other digit for a byte that is none.
pub(super) fn digit_value(digit: u8) -> u32 {
    u32::from(digit.wrapping_sub(b'0') % 10)
}

impl Sort {
    /// Returns the sort for the two first letters of a word, by the number of the first letter.
    ///
    /// Few words begin with a given pair of digits, so false alarms among them would count.
    #[inline]
    fn of_two(index: u32) -> Self {
        if index < FIRST_DIGIT { Self::Start2 } else { Self::Inside }
    }

    /// Returns the gram of this sort with a number.
    #[inline]
    pub(super) fn numbered(self, number: u32) -> u32 {
        (self as u32) << SORT_SHIFT | number
    }

    /// Returns the gram of this sort for up to four letters.
    fn gram(self, letters: &[u32]) -> u32 {
        let mut packed = 0;
        for &letter in letters {
            let Some(index) = letter_index(letter) else { return self.hashed(letters) };
            packed = packed << PACKED_BITS | (index + 1);
        }
        self.numbered(packed)
    }

    /// Returns the gram when there are letters other than a to z and digits.
    fn hashed(self, letters: &[u32]) -> u32 {
        // Each step multiplies and folds, with odd constants of xxHash. This is cheap on a chip
        // without a wide multiplier, and spreads well enough for a filter.
        let mut hash = 0x27D4_EB2F_u32;
        for &letter in letters {
            hash = (hash.rotate_left(13) ^ letter).wrapping_mul(0x9E37_79B1);
        }
        hash = (hash ^ hash >> 15).wrapping_mul(0x85EB_CA77);
        self.numbered((hash ^ hash >> 13) & HASH_MAX)
    }
}

/// Returns the sort of a gram, which is below [`SORTS`].
pub(super) fn sort_of(gram: u32) -> usize {
    (gram >> SORT_SHIFT) as usize
}

/// Returns the low bits of a gram: its hash or number.
pub(super) fn low_bits(gram: u32) -> u32 {
    gram & HASH_MAX
}

/// Makes grams of words that come letter by letter.
pub(super) struct Letters {
    /// The last four letters of the word.
    last: [u32; 4],
    /// The number of letters in the word, up to 5.
    count: u8,
    is_name: bool,
    /// True if the first letter is known to begin a word.
    pub(super) at_start: bool,
    /// The word up to here, if its script writes no spaces between words; else 0.
    own_word: u32,
    /// The word before, in the same form.
    own_word_before: u32,
}

impl Letters {
    pub(super) fn new(is_name: bool, at_start: bool) -> Self {
        Self { last: [0; 4], count: 0, is_name, at_start, own_word: 0, own_word_before: 0 }
    }

    /// Adds the grams of the next letter, or of the space before a word.
    pub(super) fn push(&mut self, letter: u32, add: &mut impl FnMut(u32)) {
        if letter == u32::from(' ') {
            self.count = 0;
            self.own_word_before = self.own_word;
            self.own_word = 0;
            return;
        }
        let [_, a, b, c] = self.last;
        self.last = [a, b, c, letter];
        self.count = (self.count + 1).min(5);
        if self.own_word != 0 {
            self.own_word = self.own_word.rotate_left(9) ^ letter;
        }
        match self.count {
            1 if self.at_start => self.first(letter, add),
            2 if self.at_start => {
                let index = letter_index(c).unwrap_or(0);
                self.start(Sort::of_two(index), Sort::Name2, &[c, letter], add);
            }
            3 | 4 if self.at_start && self.is_name => {
                let [sort, name] = [Sort::Inside, Sort::Name3];
                if self.count == 3 {
                    self.start(sort, name, &[b, c, letter], add);
                } else {
                    add(sort.gram(&[b, c, letter]));
                    add(Sort::Name4.gram(&self.last));
                }
            }
            3.. => add(Sort::Inside.gram(&[b, c, letter])),
            _ => {}
        }
    }

    /// Adds the grams of the first letter of a word.
    fn first(&mut self, letter: u32, add: &mut impl FnMut(u32)) {
        if let Some(index) = letter_index(letter) {
            return first_letter(index, self.is_name, add);
        }
        self.start(Sort::Inside, Sort::Name2, &[letter], add);
        if char::from_u32(letter).is_some_and(is_own_word) {
            if self.own_word_before != 0 {
                let pair = [self.own_word_before, letter, 0];
                self.start(Sort::Inside, Sort::Name2, &pair, add);
            }
            self.own_word = letter;
        }
    }

    fn start(&self, sort: Sort, name: Sort, letters: &[u32], add: &mut impl FnMut(u32)) {
        let gram = sort.gram(letters);
        add(gram);
        if self.is_name {
            add(name.numbered(low_bits(gram)));
        }
    }
}

/// Adds the grams of a word that begins with the letter of this number.
#[inline]
fn first_letter(index: u32, is_name: bool, add: &mut impl FnMut(u32)) {
    add(Sort::Start1.numbered(index));
    if is_name {
        add(Sort::Name1.numbered(index));
        if index >= FIRST_DIGIT {
            add(Sort::NameDigit.numbered(0));
        }
    }
}

/// A word of up to ten letters a to z or digits in one number: 6 bits for each letter's number plus
/// one.
type PackedWord = u64;
const PACKED_LETTERS_MAX: u32 = u64::BITS / PACKED_BITS;
const PACKED_BITS: u32 = 6;

/// Adds the grams of a word.
fn word_grams(word: PackedWord, count: u32, is_name: bool, add: &mut impl FnMut(u32)) {
    // Returns some letters of the word from a place on. Place 0 is the last letter.
    let part = |place: u32, letters: u32| {
        (word >> (place * PACKED_BITS)) as u32 & ((1 << (letters * PACKED_BITS)) - 1)
    };
    first_letter(part(count - 1, 1) - 1, is_name, add);
    let mut grams = Vec::<u32, 16>::new();
    let mut note = |sort: Sort, number: u32| {
        // There is at most one gram of two letters, eight of three and, in names, one each of two,
        // three and four.
        grams.push(sort.numbered(number)).ok();
    };
    if count >= 2 {
        note(Sort::of_two(part(count - 1, 1) - 1), part(count - 2, 2));
    }
    for (sort, letters) in [(Sort::Name2, 2), (Sort::Name3, 3), (Sort::Name4, 4)] {
        if is_name && count >= letters {
            note(sort, part(count - letters, letters));
        }
    }
    for place in 0..count.saturating_sub(2) {
        note(Sort::Inside, part(place, 3));
    }
    grams.iter().for_each(|&gram| add(gram));
}

/// The number of words of a contact that are remembered, so that their grams are added once: FN and
/// N have the same words.
const KNOWN_WORDS_MAX: usize = 24;

/// Adds the grams of a contact's words.
struct Grams<'a, F> {
    letters: Letters,
    /// The word up to here. It is held back, as it may be a known one.
    word: PackedWord,
    count: u32,
    /// True if the word is too long to be held back, or has other letters.
    goes_through: bool,
    /// The words whose grams were added, each with true if it was in a name.
    known: Vec<(PackedWord, bool), KNOWN_WORDS_MAX>,
    add: &'a mut F,
}

impl<F: FnMut(u32)> Grams<'_, F> {
    fn text(&mut self, scope: SearchScope, text: &str) {
        self.letters = Letters::new(scope == SearchScope::Name, true);
        words(scope, text, self);
    }

    /// Adds the grams of the word that has ended.
    #[inline]
    fn end_word(&mut self) {
        let (word, is_name) = (self.word, self.letters.is_name);
        if !self.goes_through && self.count > 0 {
            // The grams of a word in a text are among its grams in a name.
            if !self.known.iter().any(|&(known, named)| known == word && named >= is_name) {
                word_grams(word, self.count, is_name, self.add);
                self.known.push((word, is_name)).ok();
            }
        }
        (self.word, self.count, self.goes_through) = (0, 0, false);
    }

    /// Passes on the letters that were held back.
    fn let_through(&mut self) {
        for place in (0..self.count).rev() {
            let index = (self.word >> (place * PACKED_BITS)) as u32 & ((1 << PACKED_BITS) - 1);
            self.letters.push(letter_of(index), self.add);
        }
    }
}

impl<F: FnMut(u32)> WordSink for Grams<'_, F> {
    #[inline]
    fn ascii(&mut self, byte: u8) {
        if byte == b' ' {
            self.end_word();
            return self.letters.push(byte.into(), self.add);
        }
        match letter_index(byte.into()) {
            Some(index) if self.count < PACKED_LETTERS_MAX && !self.goes_through => {
                // The number plus one is stored, as 0 means no letter: a longer word is then never
                // equal.
                self.word = self.word << PACKED_BITS | PackedWord::from(index + 1);
                self.count += 1;
            }
            _ => self.other(byte.into()),
        }
    }

    fn other(&mut self, c: char) {
        if !self.goes_through {
            self.let_through();
            self.goes_through = true;
        }
        self.letters.push(c.into(), self.add);
    }

    fn end(&mut self) {
        self.end_word();
        self.letters = Letters::new(self.letters.is_name, true);
    }
}

/// Adds every gram of a contact. Some are added more than once.
pub fn grams(contact: &Contact<'_>, add: &mut impl FnMut(u32)) {
    grams_and_name(contact, add);
}

/// Adds every gram of a contact, and returns its sort name, which is found on the way.
pub(super) fn grams_and_name(contact: &Contact<'_>, add: &mut impl FnMut(u32)) -> SortName {
    let mut grams = Grams {
        letters: Letters::new(false, true),
        word: 0,
        count: 0,
        goes_through: false,
        known: Vec::new(),
        add,
    };
    let mut finder = NameFinder::new();
    for property in contact.properties() {
        finder.see(&property);
        searched(&property.content, |scope, text| match scope {
            SearchScope::Phone => phone_grams(&Digits::of(text), grams.add),
            _ => grams.text(scope, text),
        });
    }
    finder.name()
}

fn phone_grams(digits: &Digits, add: &mut impl FnMut(u32)) {
    first_digits(digits.get(), add);
    inner_digits(digits.get(), add);
    // A query without the national 0 finds the number from its second digit on.
    first_digits(digits.core(), add);
    for place in digits.national_places() {
        let found = digits.get().get(place..).unwrap_or(&[]);
        if let Some(&one) = found.first() {
            add(Sort::National1.numbered(digit_value(one)));
        }
        if let Some(&[one, other]) = found.get(..2) {
            add(Sort::National2.numbered(10 * digit_value(one) + digit_value(other)));
        }
    }
}

/// Adds the grams of a number that begins with these digits.
pub(super) fn first_digits(digits: &[u8], add: &mut impl FnMut(u32)) {
    if let Some(&one) = digits.first() {
        add(Sort::Start1.numbered(FIRST_DIGIT + digit_value(one)));
    }
    if let Some(&[one, other]) = digits.get(..2) {
        // The numbers behind those of three digits are used for pairs.
        add(Sort::Digits.numbered(1000 + 10 * digit_value(one) + digit_value(other)));
    }
}

/// Adds the grams of a number that holds these digits in a row.
pub(super) fn inner_digits(digits: &[u8], add: &mut impl FnMut(u32)) {
    for &[a, b, c] in digits.array_windows() {
        let value = 100 * digit_value(a) + 10 * digit_value(b) + digit_value(c);
        add(Sort::Digits.numbered(value));
    }
}
