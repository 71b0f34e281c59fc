//! Parses a query: the text a person typed becomes folded terms, all of which must match.

use super::key::SortName;
use super::phone::{Digits, is_number_like};
use super::text::Words;
use crate::limits::{QUERY_BYTES_MAX, QUERY_TERMS_MAX};
use heapless::Vec;

/// The number of folded bytes kept of a query. Folding makes few letters longer, and those by
/// little.
pub(super) const FOLDED_BYTES_MAX: usize = QUERY_BYTES_MAX + QUERY_BYTES_MAX / 2;

/// The number of letters from which on a term also matches inside of words.
const INSIDE_LETTERS_MIN: usize = 3;

/// A term: words in this order. The first may begin and the last may end inside a word of the text.
#[derive(Clone, Copy)]
pub(super) struct Term {
    start: u8,
    end: u8,
    /// True if the term matches only at the beginning of a word.
    pub(super) at_word_start: bool,
    /// The number that this term was typed as a part of. If the number is found, so is the term.
    pub(super) number: Option<u8>,
}

/// A parsed query.
///
/// Words that are apart by spaces may match anywhere and in any order. Words that are joined by
/// punctuation ("ada@example.com") or in quotes must follow each other. Consecutive words of digits
/// and phone punctuation are one phone number, or each match as text.
#[derive(Clone)]
pub struct Query {
    /// The folded terms, each with a space before it, as words have in a text.
    folded: Vec<u8, FOLDED_BYTES_MAX>,
    terms: Vec<Term, QUERY_TERMS_MAX>,
    numbers: Vec<Digits, QUERY_TERMS_MAX>,
    /// All terms in the form of a sort name.
    name: SortName,
    /// True if only blanks were typed.
    is_blank: bool,
}

impl Query {
    /// Parses the text that a person typed.
    ///
    /// Everything has a meaning, so nothing is refused. Text beyond [`QUERY_BYTES_MAX`] bytes or
    /// [`QUERY_TERMS_MAX`] terms is ignored.
    pub fn parse(text: &str) -> Self {
        let text = text.get(..text.floor_char_boundary(QUERY_BYTES_MAX)).unwrap_or(text);
        let mut query = Self {
            folded: Vec::new(),
            terms: Vec::new(),
            numbers: Vec::new(),
            name: SortName::new(),
            is_blank: text.trim().is_empty(),
        };
        let mut number: Option<(usize, usize)> = None;
        let mut rest = text;
        loop {
            rest = rest.trim_start();
            let from = text.len() - rest.len();
            let (token, is_quoted, after) = token(rest);
            let is_number = !token.is_empty() && !is_quoted && is_number_like(token);
            if is_number {
                // A number continues as long as words of digits follow each other.
                let start = number.map_or(from, |(start, _)| start);
                number = Some((start, from + token.len()));
                query.push(token, Some(query.numbers.len() as u8));
            } else {
                if let Some((start, end)) = number.take() {
                    query.number(text.get(start..end).unwrap_or(""));
                }
                query.push(token, None);
            }
            if after.is_empty() {
                if let Some((start, end)) = number {
                    query.number(text.get(start..end).unwrap_or(""));
                }
                let mut name = SortName::new();
                query.words().chars().for_each(|c| name.push(c));
                query.name = name;
                return query;
            }
            rest = after;
        }
    }

    /// Adds a term, unless it has no word or there is no room.
    fn push(&mut self, token: &str, number: Option<u8>) {
        let start = self.folded.len();
        let mut fits = true;
        let mut first_letters = 0;
        let mut words = 0;
        Words::plain().add(token, &mut |c: char| {
            words += usize::from(c == ' ');
            first_letters += usize::from(c != ' ' && words == 1);
            fits &= self.folded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()).is_ok();
        });
        let term = Term {
            start: start as u8,
            end: self.folded.len() as u8,
            at_word_start: first_letters < INSIDE_LETTERS_MIN,
            number,
        };
        if words == 0 || !fits || self.terms.push(term).is_err() {
            self.folded.truncate(start);
        }
    }

    /// Adds a number whose words were added before.
    fn number(&mut self, text: &str) {
        // There are never more numbers than terms: a number without a term is not kept.
        let index = self.numbers.len() as u8;
        if self.terms.iter().any(|term| term.number == Some(index)) {
            self.numbers.push(Digits::of(text)).ok();
        }
    }

    /// Returns whether the query is blank, so that every contact matches.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.is_blank
    }

    /// Returns whether text was typed that has no word to look for, so that no contact matches.
    pub fn fits_nobody(&self) -> bool {
        self.terms.is_empty() && !self.is_blank
    }

    pub(super) fn terms(&self) -> &[Term] {
        &self.terms
    }

    pub(super) fn numbers(&self) -> &[Digits] {
        &self.numbers
    }

    /// Returns the bytes of a term, with the space before its first word.
    pub(super) fn bytes(&self, term: &Term) -> &[u8] {
        self.folded.get(usize::from(term.start)..usize::from(term.end)).unwrap_or(&[])
    }

    /// Returns the beginning that a sort name must have for the best class.
    pub(super) fn name(&self) -> &SortName {
        &self.name
    }

    /// Returns all terms as words, each with a space before it.
    pub(super) fn words(&self) -> &str {
        core::str::from_utf8(&self.folded).unwrap_or("")
    }

    /// Returns whether each term is one word and none is a number.
    pub(super) fn is_plain_words(&self) -> bool {
        self.numbers.is_empty()
            && self.folded.iter().filter(|&&byte| byte == b' ').count() == self.terms.len()
    }
}

/// Returns the next word as typed, true if it was in quotes, and the rest of the text.
fn token(rest: &str) -> (&str, bool, &str) {
    if let Some(quoted) = rest.strip_prefix(['"', '\u{201C}', '\u{201E}']) {
        let (token, after) =
            quoted.split_once(['"', '\u{201D}', '\u{201C}']).unwrap_or((quoted, ""));
        return (token, true, after);
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (token, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    (token, false, after)
}

const _: () = assert!(FOLDED_BYTES_MAX <= u8::MAX as usize);
