//! Makes the grams of a query, all of which a contact must have to match.

use super::grams::{Letters, Sort, digit_value, first_digits, inner_digits};
use super::phone::{Digits, NumberForm};
use super::query::{Query, Term};
use heapless::Vec;

/// The most grams of one query. Others are left out, which only makes more false alarms.
pub const QUERY_GRAMS_MAX: usize = 48;

/// Grams that a contact must all have.
pub type QueryGrams = Vec<u32, QUERY_GRAMS_MAX>;

impl Query {
    /// Returns the grams that every contact has that this query matches.
    pub fn grams(&self) -> QueryGrams {
        let mut all = QueryGrams::new();
        for term in self.terms() {
            let Some(number) = term.number.and_then(|at| self.numbers().get(usize::from(at)))
            else {
                self.term_grams(term, false, &mut |gram| note(&mut all, gram));
                continue;
            };
            // The term matches as part of a number or as text. Only grams that both need are
            // certain.
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

    /// Returns two sets of grams, one of which every matching contact has.
    ///
    /// A number is found by its digits, or each of its words as text. Returns `None` when this
    /// tells nothing more.
    pub fn either_grams(&self) -> Option<[QueryGrams; 2]> {
        // One number is enough, as people type only one.
        let number = self.numbers().first()?;
        let mut ways = [QueryGrams::new(), QueryGrams::new()];
        let [phone, text] = &mut ways;
        number_grams(number, &mut |gram| note(phone, gram));
        for term in self.terms().iter().filter(|term| term.number == Some(0)) {
            self.term_grams(term, false, &mut |gram| note(text, gram));
        }
        ways.iter().all(|way| !way.is_empty()).then_some(ways)
    }

    /// Returns the grams of every contact whose terms all begin words of its names.
    ///
    /// The best class through another text that a contact is sorted by shows in its key.
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
            // Every word but the first begins where a word of the text begins.
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

/// Adds the grams of every contact with a number that this one finds.
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
        // Few digits match only at the beginning of a number.
        first_digits(run, add);
    }
    inner_digits(run, add);
}
