//! The texts that SQLite searches: folded as the box folds them, words, phone digits.
use contactbox_core::search::{SORT_NAME_BYTES, spell_out};
use contactbox_core::text::fold;

use crate::people::Person;
use crate::random::Random;

/// A person as rows of tables, made before the clock starts so that SQLite need not parse vCards.
#[derive(Clone)]
pub struct Row {
    /// The identity.
    pub uid: String,
    /// The display name.
    pub name: String,
    /// The words of the display name, folded and cut, by which answers are sorted.
    pub sort: String,
    /// The vCard.
    pub card: String,
    /// All searched text but phone numbers, folded.
    pub text: String,
    /// The digits of the phone numbers.
    pub digits: String,
    /// The words of name and organisation, folded.
    pub name_words: Vec<String>,
    /// All other words.
    pub other_words: Vec<String>,
    /// The beginnings that a query for a phone number may have.
    pub phone_words: Vec<String>,
}

/// Two successive states of a contact.
#[derive(Clone)]
pub struct Edit {
    /// The state before.
    pub old: Row,
    /// The state after.
    pub new: Row,
}

impl Row {
    /// Returns the rows of a person.
    pub fn of(person: &Person) -> Self {
        let name = person.name();
        let names = [name.as_str(), &person.org].join(" ");
        let emails = person.emails.join(" ");
        let [title, street, code, city] =
            [&person.title, &person.street, &person.code, &person.city].map(String::as_str);
        let others = [title, street, code, city, &person.country, &emails, &person.note].join(" ");
        let (names, others) = (spellings(&names), spellings(&others));
        let numbers = person.phones.each_ref().map(|phone| Number::of(phone));
        let mut phone_words: Vec<_> = numbers.iter().flat_map(Number::beginnings).collect();
        phone_words.sort();
        phone_words.dedup();
        Self {
            uid: person.uid.clone(),
            sort: sort_name(&name),
            name,
            card: person.vcard(),
            name_words: words(&names),
            text: format!("{names} {others}"),
            digits: numbers.map(|number| number.digits).join(" "),
            other_words: words(&others),
            phone_words,
        }
    }
}

/// Returns the text as search sees it.
pub fn folded(text: &str) -> String {
    let mut folded = String::new();
    fold(text, |c| folded.push(c));
    folded
}

/// Returns the text as search sees it, in each of its spellings.
fn spellings(text: &str) -> String {
    let mut other = String::new();
    spell_out(text, |piece| other.push_str(piece));
    let other = if other.is_empty() { other } else { format!(" {}", folded(&other)) };
    folded(text) + &other
}

/// Returns the words of a name, separated by one space, and by none between characters that are
/// words of their own.
fn sort_name(name: &str) -> String {
    let mut sort = String::new();
    for word in folded(name).split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let joins = sort.chars().next_back().is_none_or(is_own_word);
        if !joins && !word.starts_with(is_own_word) {
            sort.push(' ');
        }
        sort.push_str(word);
    }
    sort.truncate(sort.floor_char_boundary(SORT_NAME_BYTES));
    sort
}

/// A phone number as it is searched.
struct Number {
    /// All digits without a leading `+` or `00`, and without a bracketed 0 behind the country code.
    digits: String,
    is_national: bool,
}

impl Number {
    fn of(phone: &str) -> Self {
        let is_international = phone.starts_with('+') || phone.starts_with("00");
        let text = if is_international { phone.replace("(0)", "") } else { phone.to_string() };
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let digits = digits.strip_prefix("00").unwrap_or(&digits).to_string();
        Self { is_national: digits.starts_with('0'), digits }
    }

    /// Returns the beginnings by which the number is found: its first digits, with or without the 0
    /// of a national one. A 0 typed first may stand for the country code of an international one.
    fn beginnings(&self) -> Vec<String> {
        let mut beginnings = vec![self.digits.clone()];
        if self.is_national {
            beginnings.push(self.digits[1..].to_string());
        } else {
            let behind = (0..=3).filter_map(|code| self.digits.get(code..));
            beginnings.extend(behind.map(|rest| format!("0{rest}")));
        }
        beginnings
    }

    /// Returns the number without its country code, as far as that can be told.
    fn national(&self, phone: &str) -> String {
        let has_code = phone.starts_with('+') || phone.starts_with("00");
        let skipped = if has_code { 2 } else { usize::from(self.is_national) };
        self.digits.chars().skip(skipped).collect()
    }
}

fn is_own_word(c: char) -> bool {
    ('\u{2E80}'..='\u{D7FF}').contains(&c)
}

/// Returns the words of a folded text. In a script without spaces each character starts one.
fn words(folded: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in folded.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        words.push(run.to_string());
        words.extend(
            run.char_indices()
                .skip(1)
                .filter(|(_, c)| is_own_word(*c))
                .map(|(at, _)| run[at..].to_string()),
        );
    }
    words.sort();
    words.dedup();
    words
}

/// Returns queries as people type them: the first 1 to 8 keys of a name or of a phone number.
pub fn queries(people: &[Person], count: usize, random: &mut Random) -> Vec<String> {
    let mut queries = Vec::with_capacity(count);
    while queries.len() < count {
        let person = random.pick(people);
        let whole = match random.below(10) {
            0..3 => person.given.clone(),
            3..7 => person.family.clone(),
            // The form on a letterhead in its own country, and the form without its leading 0.
            number => {
                let phone = &person.phones[0];
                let zero = if number == 7 { "0" } else { "" };
                zero.to_string() + &Number::of(phone).national(phone)
            }
        };
        let keys = 1 + random.below(8);
        let query: String = whole.chars().take(keys).collect();
        if !query.trim().is_empty() && !query.contains([' ', '-', '\'']) {
            queries.push(query);
        }
    }
    queries
}
