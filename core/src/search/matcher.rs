//! Matches contacts against a query: reads off a record how well it fits.

use super::key::{NameFinder, SORT_NAME_BYTES, SortName, name_of};
use super::phone::Digits;
use super::query::{FOLDED_BYTES_MAX, Query};
use super::text::{WordSink, searched, words};
use crate::contact::{Contact, SearchScope, Uid};

/// The class of a match, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// The text that the contact is sorted by begins with the query.
    Begins = 0,
    /// Every term begins a word of a name, nickname or organisation.
    Named = 1,
    /// The contact matches in another way.
    Elsewhere = 2,
}

/// The place of a contact among the answers to a query; the lowest comes first.
///
/// It is the same on every box, so a page can begin behind the last rank of the page before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The class of the match.
    pub class: Class,
    /// The sort name, see [`super::sort_name`].
    pub name: [u8; SORT_NAME_BYTES],
    /// The identity of the contact.
    pub uid: Uid,
}

/// The number of folded bytes that are searched at once. Longer texts are searched in overlapping
/// parts.
const WINDOW_BYTES: usize = 2 * FOLDED_BYTES_MAX;

struct Matcher<'q> {
    query: &'q Query,
    /// The terms that were found, one bit for each.
    found: u8,
    /// The terms that begin a word of a name, one bit for each.
    named: u8,
    window: [u8; WINDOW_BYTES],
    len: usize,
    /// True while the window holds names.
    is_name: bool,
}

/// The separator between two texts in the window, so that no term reaches from one into the other.
const TEXT_END: u8 = b'\n';

impl Matcher<'_> {
    fn text(&mut self, scope: SearchScope, text: &str) {
        let is_name = scope == SearchScope::Name;
        if is_name != self.is_name {
            self.search();
            self.len = 0;
            self.is_name = is_name;
        }
        words(scope, text, self);
    }

    /// Makes room in a full window.
    #[cold]
    fn turn_over(&mut self) {
        self.search();
        // The longest term, less its last byte, may have begun in this part.
        let kept = self.len.min(FOLDED_BYTES_MAX);
        self.window.copy_within(self.len - kept..self.len, 0);
        self.len = kept;
    }

    /// Searches the window for the terms that were not found yet.
    fn search(&mut self) {
        let text = self.window.get(..self.len).unwrap_or(&[]);
        for (at, term) in self.query.terms().iter().enumerate() {
            let bit = 1 << at;
            let known = if self.is_name { self.named } else { self.found };
            if known & bit != 0 {
                continue;
            }
            let words = self.query.bytes(term);
            if term.at_word_start {
                if places(text, words).next().is_some() {
                    self.found |= bit;
                    self.named |= if self.is_name { bit } else { 0 };
                }
                continue;
            }
            for place in places(text, words.get(1..).unwrap_or(&[])) {
                self.found |= bit;
                let before = place.checked_sub(1).and_then(|before| text.get(before));
                if !self.is_name {
                    break;
                } else if before == Some(&b' ') {
                    self.named |= bit;
                    break;
                }
            }
        }
    }

    fn phone(&mut self, text: &str) {
        let stored = Digits::of(text);
        for (at, number) in self.query.numbers().iter().enumerate() {
            if number.finds(&stored) {
                for (bit, term) in self.query.terms().iter().enumerate() {
                    if term.number == Some(at as u8) {
                        self.found |= 1 << bit;
                    }
                }
            }
        }
    }
}

impl WordSink for Matcher<'_> {
    #[inline]
    fn ascii(&mut self, byte: u8) {
        if self.len == WINDOW_BYTES {
            self.turn_over();
        }
        if let Some(room) = self.window.get_mut(self.len) {
            *room = byte;
            self.len += 1;
        }
    }

    fn other(&mut self, c: char) {
        if self.len + c.len_utf8() > WINDOW_BYTES {
            self.turn_over();
        }
        if let Some(room) = self.window.get_mut(self.len..self.len + c.len_utf8()) {
            c.encode_utf8(room);
            self.len += c.len_utf8();
        }
    }

    #[inline]
    fn end(&mut self) {
        self.ascii(TEXT_END);
    }
}

/// Returns the places of `part`, which has two bytes or more, in `text`.
fn places<'t>(text: &'t [u8], part: &'t [u8]) -> impl Iterator<Item = usize> + 't {
    let (head, rest) = part.split_first_chunk().unwrap_or((&[0, 0], &[]));
    text.windows(2)
        .enumerate()
        .filter(move |(_, pair)| *pair == head)
        .filter_map(move |(place, _)| text.get(place + 2..)?.starts_with(rest).then_some(place))
}

impl Query {
    /// Returns how well a contact matches; `None` when it does not.
    pub fn judge(&self, contact: &Contact<'_>) -> Option<Class> {
        self.judge_named(contact).map(|(class, _)| class)
    }

    /// Returns the place of a contact among the answers; `None` when it does not match.
    pub fn rank(&self, contact: &Contact<'_>) -> Option<Rank> {
        let (class, name) = self.judge_named(contact)?;
        let name = name.unwrap_or_else(|| name_of(contact));
        Some(Rank { class, name: name.bytes, uid: contact.uid() })
    }

    fn judge_named(&self, contact: &Contact<'_>) -> Option<(Class, Option<SortName>)> {
        if self.fits_nobody() {
            return None;
        }
        if self.is_empty() {
            return Some((Class::Begins, None));
        }
        let mut judge = Matcher {
            query: self,
            found: 0,
            named: 0,
            window: [0; WINDOW_BYTES],
            len: 0,
            is_name: false,
        };
        let mut finder = NameFinder::new();
        for property in contact.properties() {
            finder.see(&property);
            searched(&property.content, |scope, text| match scope {
                SearchScope::Phone => judge.phone(text),
                _ => judge.text(scope, text),
            });
        }
        judge.search();
        // There are at most eight terms, with a bit each.
        let all = u8::MAX >> (u8::BITS as usize - self.terms().len());
        if judge.found != all {
            return None;
        }
        let name = finder.name();
        let class = if name.get().starts_with(self.name().get()) {
            Class::Begins
        } else if judge.named == all {
            Class::Named
        } else {
            Class::Elsewhere
        };
        Some((class, Some(name)))
    }
}

const _: () = assert!(crate::limits::QUERY_TERMS_MAX <= u8::BITS as usize);
