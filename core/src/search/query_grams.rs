//! The grams that a query asks for: every contact it matches has them all.

use super::grams::{Letters, Sort, digit_value, first_digits, inner_digits};
use super::phone::{Digits, NumberForm};
use super::query::{Query, Term};
use heapless::Vec;

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

    /// Two sets of grams, of which every contact that this query matches has one: a number is found
    /// by its digits, or each of its words as text. `None` when that tells nothing more.
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

/// The grams of every contact that has a number which this one finds.
fn number_grams(number: &Digits, add: &mut impl FnMut(u32)) {
    if number.form == NumberForm::National {
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
    if run.len() < 3 && number.core().len() < 3 {
        // Few digits match where a number begins.
        first_digits(run, add);
    }
    inner_digits(run, add);
}
