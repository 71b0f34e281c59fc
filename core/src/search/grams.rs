//! Grams: the small facts about a contact that its signature remembers.
//!
//! A query asks for grams that every contact it matches must have. There are false alarms, which
//! reading the contact settles; there is never a miss, which a property test holds.

use super::phone::Digits;
use super::query::{Query, Term};
use super::text::{Scope, Sink, searched, words};
use crate::contact::Contact;
use heapless::Vec;

/// What a gram tells, in its upper three bits; the rest is a hash, or a letter's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    /// A word begins with this letter.
    Start1 = 0,
    /// A word begins with these two letters.
    Start2 = 1,
    /// Three letters next to each other in a word.
    Inside = 2,
    /// Three digits next to each other, in a phone number or a word.
    Digits = 3,
    /// A word of a name begins with this letter.
    Name1 = 4,
    /// A word of a name begins with these two letters.
    Name2 = 5,
    /// A word of a name begins with these three letters.
    Name3 = 6,
    /// A word of a name begins with a digit.
    NameDigit = 7,
}

/// How many sorts there can be.
pub(super) const SORTS: usize = 1 << (u32::BITS - SORT_SHIFT);

const SORT_SHIFT: u32 = 29;

/// The largest hash.
pub(super) const HASH_MAX: u32 = (1 << SORT_SHIFT) - 1;

/// Letters that grams of one letter tell apart: a-z, 0-9, all others.
pub(super) const LETTERS: u32 = 37;

impl Sort {
    #[inline]
    fn gram(self, [a, b, c]: [u32; 3]) -> u32 {
        let low = match self {
            Self::NameDigit => 0,
            Self::Start1 | Self::Name1 => match a {
                0x61..=0x7A => a - 0x61,
                0x30..=0x39 => a - 0x30 + 26,
                _ => LETTERS - 1,
            },
            _ => {
                // Multiply and fold, with the odd constants of xxHash: cheap on a chip without a
                // wide multiplier, and spread well enough for a filter.
                let hash = a.wrapping_mul(0x9E37_79B1)
                    ^ b.wrapping_mul(0x85EB_CA77).rotate_left(11)
                    ^ c.wrapping_mul(0xC2B2_AE3D).rotate_left(19);
                let hash = (hash ^ hash >> 15).wrapping_mul(0x2C1B_3C6D);
                (hash ^ hash >> 13) & HASH_MAX
            }
        };
        (self as u32) << SORT_SHIFT | low
    }
}

/// The sort of a gram, below [`SORTS`].
pub(super) fn sort_of(gram: u32) -> usize {
    (gram >> SORT_SHIFT) as usize
}

/// The low bits of a gram: its hash or letter.
pub(super) fn low_bits(gram: u32) -> u32 {
    gram & HASH_MAX
}

/// Makes grams of words that come letter by letter.
struct Letters {
    /// The last two letters of the word.
    last: [u32; 2],
    /// Letters of the word so far, up to 3.
    count: u8,
    is_name: bool,
    /// Whether the first word is known to begin where the letters do.
    at_start: bool,
}

impl Letters {
    fn new(is_name: bool, at_start: bool) -> Self {
        Self { last: [0; 2], count: 0, is_name, at_start }
    }

    #[inline]
    fn push(&mut self, letter: u32, add: &mut impl FnMut(u32)) {
        if letter == u32::from(' ') {
            self.count = 0;
            return;
        }
        let [a, b] = self.last;
        match self.count {
            0 => {
                if self.at_start {
                    self.start(Sort::Start1, Sort::Name1, [letter, 0, 0], add);
                    if self.is_name && letter < 0x61 {
                        add(Sort::NameDigit.gram([0; 3]));
                    }
                }
            }
            1 => {
                if self.at_start {
                    self.start(Sort::Start2, Sort::Name2, [b, letter, 0], add);
                }
            }
            count => {
                if count == 2 && self.at_start && self.is_name {
                    add(Sort::Name3.gram([a, b, letter]));
                }
                // The letters that are below 'a' are digits.
                let sort = if a.max(b).max(letter) < 0x61 { Sort::Digits } else { Sort::Inside };
                add(sort.gram([a, b, letter]));
            }
        }
        self.last = [b, letter];
        self.count = self.count.saturating_add(1).min(3);
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
    let mut letters = Letters::new(false, true);
    digits.get().iter().for_each(|&digit| letters.push(digit.into(), add));
    // A query without the national 0 finds the number where it goes on.
    let mut letters = Letters::new(false, true);
    digits.core().iter().take(2).for_each(|&digit| letters.push(digit.into(), add));
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
    let run = number.sure_run();
    // Few digits match where a number begins, but a national query also behind a country code.
    let at_start = run.len() < 3 && number.form != Form::National && number.core().len() < 3;
    let mut letters = Letters::new(false, at_start);
    run.iter().for_each(|&digit| letters.push(digit.into(), add));
}
