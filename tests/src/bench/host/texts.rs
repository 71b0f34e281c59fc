//! What SQLite is given to search in: texts folded as the box folds them, words, phone digits.
use contactbox_core::search::fold;

use crate::people::Person;
use crate::random::Random;

/// A person as rows of tables. Made before the clock starts: SQLite need not parse cards.
#[derive(Clone)]
pub struct Row {
    /// The identity.
    pub uid: String,
    /// The display name.
    pub name: String,
    /// The display name, folded: what answers are sorted by.
    pub sort: String,
    /// The vCard.
    pub card: String,
    /// All that is searched, folded, but phone numbers.
    pub text: String,
    /// The digits of the phone numbers.
    pub digits: String,
    /// Words of name and organisation, folded.
    pub name_words: Vec<String>,
    /// All other words, and the digits of phones.
    pub other_words: Vec<String>,
}

/// A contact's state and its next one.
#[derive(Clone)]
pub struct Edit {
    /// Before.
    pub old: Row,
    /// After.
    pub new: Row,
}

impl Row {
    /// The rows of a person.
    pub fn of(person: &Person) -> Self {
        let name = person.name();
        let names = [name.as_str(), &person.org].join(" ");
        let emails = person.emails.join(" ");
        let [title, street, code, city] =
            [&person.title, &person.street, &person.code, &person.city].map(String::as_str);
        let others = [title, street, code, city, &person.country, &emails, &person.note].join(" ");
        let (names, others) = (folded(&names), folded(&others));
        let digits = person.phones.each_ref().map(|phone| significant(phone));
        let mut other_words = words(&others);
        other_words.extend(digits.iter().cloned());
        Self {
            uid: person.uid.clone(),
            sort: folded(&name),
            name,
            card: person.vcard(),
            name_words: words(&names),
            text: format!("{names} {others}"),
            digits: digits.join(" "),
            other_words,
        }
    }
}

/// The text as search sees it.
pub fn folded(text: &str) -> String {
    fold(text).collect()
}

/// The digits of a number from the country or area code on: no `+`, no `00`, no leading or
/// bracketed 0.
pub fn significant(phone: &str) -> String {
    let digits: String = phone.replace("(0)", "").chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    digits.strip_prefix('0').unwrap_or(digits).to_string()
}

/// The words of a folded text; where a script does not set them apart, each character starts one.
fn words(folded: &str) -> Vec<String> {
    let is_own_word = |c: char| ('\u{2E80}'..='\u{D7FF}').contains(&c);
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

/// Queries as people type them: the first 1 to 8 keys of a name or of a phone number.
pub fn queries(people: &[Person], count: usize, random: &mut Random) -> Vec<String> {
    let mut queries = Vec::with_capacity(count);
    while queries.len() < count {
        let person = random.pick(people);
        let whole = match random.below(10) {
            0..3 => person.given.clone(),
            3..7 => person.family.clone(),
            // As it is on a letterhead in its own country, and without its leading 0.
            7 => format!("0{}", national(person)),
            _ => national(person),
        };
        let keys = 1 + random.below(8);
        let query: String = whole.chars().take(keys).collect();
        if !query.trim().is_empty() && !query.contains([' ', '-', '\'']) {
            queries.push(query);
        }
    }
    queries
}

/// A number without its country code, as far as one can tell from its spelling.
fn national(person: &Person) -> String {
    let phone = &person.phones[0];
    let digits = significant(phone);
    let has_country_code = phone.starts_with('+') || phone.starts_with("00");
    if has_country_code { digits.chars().skip(2).collect() } else { digits }
}
