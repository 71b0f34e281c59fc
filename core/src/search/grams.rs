//! Grams: the small facts about a contact that its signature remembers.
//!
//! A query asks for grams that every contact it matches must have. There are false alarms, which
//! reading the contact settles; there is never a miss, which a property test holds.

use super::phone::Digits;
use super::query::{Query, Term};
use super::text::{Scope, Sink, is_own_word, searched, words};
use crate::contact::Contact;
use heapless::Vec;

/// What a gram tells, in its upper four bits; the rest is a hash, or a number where there are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    /// A word begins with this letter from a to z, or digit.
    Start1 = 0,
    /// A word begins with these two letters, with this letter that is neither of those, or is this
    /// one letter and followed by a word that begins with that one.
    Start2 = 1,
    /// Three letters or digits next to each other in a word.
    Inside = 2,
    /// Three digits next to each other in a phone number.
    Digits = 3,
    /// A word of a name begins with this letter from a to z, or digit.
    Name1 = 4,
    /// As `Start2`, in a name.
    Name2 = 5,
    /// A word of a name begins with these three letters.
    Name3 = 6,
    /// A word of a name begins with a digit.
    NameDigit = 7,
    /// A national number that has this one digit behind its 0 finds one of the phone numbers.
    National1 = 8,
    /// A national number that has these two digits behind its 0 finds one of the phone numbers.
    National2 = 9,
    /// A word of a name begins with these four letters.
    Name4 = 10,
}

/// How many sorts there are.
pub(super) const SORTS: usize = 11;

const SORT_SHIFT: u32 = 28;

/// The largest hash.
pub(super) const HASH_MAX: u32 = (1 << SORT_SHIFT) - 1;

/// Letters that grams of one letter tell apart: a-z, 0-9.
pub(super) const LETTERS: u32 = 36;

/// The number of a letter among those.
#[inline]
fn letter_index(letter: u32) -> Option<u32> {
    match letter {
        0x61..=0x7A => Some(letter - 0x61),
        0x30..=0x39 => Some(letter - 0x30 + 26),
        _ => None,
    }
}

/// What a digit is worth, or some other digit for what is none.
fn digit_value(digit: u8) -> u32 {
    u32::from(digit.wrapping_sub(b'0') % 10)
}

impl Sort {
    /// The gram of this sort that has a number.
    #[inline]
    fn numbered(self, number: u32) -> u32 {
        (self as u32) << SORT_SHIFT | number
    }

    /// The gram of this sort and these letters.
    #[inline]
    fn gram(self, letters: [u32; 3]) -> u32 {
        self.longer_gram(letters, 0)
    }

    /// The gram of this sort and these letters, with another one behind them.
    #[inline]
    fn longer_gram(self, [a, b, c]: [u32; 3], d: u32) -> u32 {
        // Multiply and fold, with the odd constants of xxHash: cheap on a chip without a
        // wide multiplier, and spread well enough for a filter.
        let hash = a.wrapping_mul(0x9E37_79B1)
            ^ b.wrapping_mul(0x85EB_CA77).rotate_left(11)
            ^ c.wrapping_mul(0xC2B2_AE3D).rotate_left(19)
            ^ d.wrapping_mul(0x27D4_EB2F).rotate_left(7);
        let hash = (hash ^ hash >> 15).wrapping_mul(0x2C1B_3C6D);
        self.numbered((hash ^ hash >> 13) & HASH_MAX)
    }
}

/// The sort of a gram, below [`SORTS`].
pub(super) fn sort_of(gram: u32) -> usize {
    (gram >> SORT_SHIFT) as usize
}

/// The low bits of a gram: its hash or number.
pub(super) fn low_bits(gram: u32) -> u32 {
    gram & HASH_MAX
}

/// Makes grams of words that come letter by letter.
struct Letters {
    /// The last three letters of the word.
    last: [u32; 3],
    /// Letters of the word so far, up to 4.
    count: u8,
    is_name: bool,
    /// They are the digits of a phone number.
    is_phone: bool,
    /// Whether the first word is known to begin where the letters do.
    at_start: bool,
    /// The word so far, when its script writes no spaces between words; else 0.
    own_word: u32,
    /// That of the word before.
    own_word_before: u32,
}

impl Letters {
    fn new(is_name: bool, at_start: bool) -> Self {
        Self {
            last: [0; 3],
            count: 0,
            is_name,
            is_phone: false,
            at_start,
            own_word: 0,
            own_word_before: 0,
        }
    }

    fn of_phone(at_start: bool) -> Self {
        Self { is_phone: true, ..Self::new(false, at_start) }
    }

    #[inline]
    fn push(&mut self, letter: u32, add: &mut impl FnMut(u32)) {
        if letter == u32::from(' ') {
            self.count = 0;
            self.own_word_before = self.own_word;
            self.own_word = 0;
            return;
        }
        let [a, b, c] = self.last;
        match self.count {
            0 => {
                if self.at_start {
                    self.first(letter, add);
                }
            }
            1 => {
                if self.at_start {
                    self.start(Sort::Start2, Sort::Name2, [c, letter, 0], add);
                }
            }
            count => {
                if self.is_name && self.at_start {
                    match count {
                        2 => add(Sort::Name3.gram([b, c, letter])),
                        3 => add(Sort::Name4.longer_gram([a, b, c], letter)),
                        _ => {}
                    }
                }
                let sort = if self.is_phone { Sort::Digits } else { Sort::Inside };
                add(sort.gram([b, c, letter]));
            }
        }
        if self.own_word != 0 {
            self.own_word = self.own_word.rotate_left(9) ^ letter;
        }
        self.last = [b, c, letter];
        self.count = (self.count + 1).min(4);
    }

    /// The first letter of a word.
    #[inline]
    fn first(&mut self, letter: u32, add: &mut impl FnMut(u32)) {
        let Some(index) = letter_index(letter) else {
            return self.first_other(letter, add);
        };
        add(Sort::Start1.numbered(index));
        if self.is_name {
            add(Sort::Name1.numbered(index));
            if letter < 0x61 {
                add(Sort::NameDigit.numbered(0));
            }
        }
    }

    /// The first letter of a word, when it is none from a to z and no digit.
    #[cold]
    fn first_other(&mut self, letter: u32, add: &mut impl FnMut(u32)) {
        self.start(Sort::Start2, Sort::Name2, [letter, 0, 0], add);
        if char::from_u32(letter).is_some_and(is_own_word) {
            if self.own_word_before != 0 {
                let pair = [self.own_word_before, letter, 1];
                self.start(Sort::Start2, Sort::Name2, pair, add);
            }
            self.own_word = letter;
        }
    }

    #[inline]
    fn start(&self, sort: Sort, name: Sort, letters: [u32; 3], add: &mut impl FnMut(u32)) {
        add(sort.gram(letters));
        if self.is_name {
            add(name.gram(letters));
        }
    }
}

struct Grams<'a, F> {
    letters: Letters,
    add: &'a mut F,
}

impl<F: FnMut(u32)> Sink for Grams<'_, F> {
    #[inline]
    fn ascii(&mut self, byte: u8) {
        self.letters.push(byte.into(), self.add);
    }

    fn other(&mut self, c: char) {
        self.letters.push(c.into(), self.add);
    }
}

/// Every gram of a contact; some more than once.
pub fn grams(contact: &Contact<'_>, add: &mut impl FnMut(u32)) {
    searched(contact, |scope, text| {
        if scope == Scope::Phone {
            phone_grams(&Digits::of(text), add);
        } else {
            let letters = Letters::new(scope == Scope::Name, true);
            words(scope, text, &mut Grams { letters, add });
        }
    });
}

fn phone_grams(digits: &Digits, add: &mut impl FnMut(u32)) {
    let mut letters = Letters::of_phone(true);
    digits.get().iter().for_each(|&digit| letters.push(digit.into(), add));
    // A query without the national 0 finds the number where it goes on.
    let mut letters = Letters::of_phone(true);
    digits.core().iter().take(2).for_each(|&digit| letters.push(digit.into(), add));
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

/// Grams of one query; further ones are left out, which only makes more false alarms.
pub const QUERY_GRAMS_MAX: usize = 48;

/// Grams that a contact must all have.
pub type QueryGrams = Vec<u32, QUERY_GRAMS_MAX>;

impl Query {
    /// The grams that every contact this query matches has.
    pub fn grams(&self) -> QueryGrams {
        let mut all = QueryGrams::new();
        for term in self.terms() {
            let Some(number) = term.number.and_then(|at| self.numbers().get(usize::from(at)))
            else {
                self.term_grams(term, false, &mut |gram| note(&mut all, gram));
                continue;
            };
            // Found as a part of a number or as text: only what both ways have is sure.
            let mut phone = QueryGrams::new();
            number_grams(number, &mut |gram| note(&mut phone, gram));
            self.term_grams(term, false, &mut |gram| {
                if phone.contains(&gram) {
                    note(&mut all, gram);
                }
            });
        }
        all
    }

    /// Two sets of grams, of which every contact that this query matches has one: a number is found by
    /// its digits, or each of its words as text. `None` when that tells nothing more.
    pub fn either_grams(&self) -> Option<[QueryGrams; 2]> {
        // The first number is enough: people type one.
        let number = self.numbers().first()?;
        let mut ways = [QueryGrams::new(), QueryGrams::new()];
        let [phone, text] = &mut ways;
        number_grams(number, &mut |gram| note(phone, gram));
        for term in self.terms().iter().filter(|term| term.number == Some(0)) {
            self.term_grams(term, false, &mut |gram| note(text, gram));
        }
        ways.iter().all(|way| !way.is_empty()).then_some(ways)
    }

    /// The grams that every contact has whose terms all begin words of its
    /// names. Class 0 by what else a contact is sorted by is told by its key.
    pub fn name_grams(&self) -> QueryGrams {
        let mut all = QueryGrams::new();
        for term in self.terms() {
            self.term_grams(term, true, &mut |gram| note(&mut all, gram));
        }
        all
    }

    fn term_grams(&self, term: &Term, is_name: bool, add: &mut impl FnMut(u32)) {
        let mut letters = Letters::new(is_name, is_name || term.at_word_start);
        let text = core::str::from_utf8(self.bytes(term)).unwrap_or("");
        for (at, c) in text.char_indices() {
            // All words but the first begin where a word begins.
            letters.at_start |= c == ' ' && at > 0;
            letters.push(c.into(), add);
        }
    }
}

fn note(grams: &mut QueryGrams, gram: u32) {
    if !grams.contains(&gram) {
        grams.push(gram).ok();
    }
}

fn number_grams(number: &Digits, add: &mut impl FnMut(u32)) {
    use super::phone::Form;
    if number.form == Form::National {
        match *number.core() {
            [one] => return add(Sort::National1.numbered(digit_value(one))),
            [one, other] => {
                let both = 10 * digit_value(one) + digit_value(other);
                return add(Sort::National2.numbered(both));
            }
            _ => {}
        }
    }
    let run = number.sure_run();
    // Few digits match where a number begins.
    let mut letters = Letters::of_phone(run.len() < 3 && number.core().len() < 3);
    run.iter().for_each(|&digit| letters.push(digit.into(), add));
}
