//! Makes up people in made-up numbers, for the tests of search and for its benchmark.
//!
//! Both include this file, because neither a test nor an example can see into the other.

use crate::contact::{
    AuthorIndex, Change, Draft, Item, Kind, Origin, Property, Scratch, Uid, edit,
};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// The random numbers of SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    /// Returns one of the first choices often and one of the last seldom, as with names.
    fn skewed<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let end = 1 + self.below(choices.len());
        choices[self.below(end)]
    }
}

const GIVEN: &[&str] = &[
    "Anna",
    "Peter",
    "Maria",
    "Thomas",
    "Julia",
    "Michael",
    "Sarah",
    "Andreas",
    "Laura",
    "Stefan",
    "Katharina",
    "Christian",
    "Lisa",
    "Daniel",
    "Johanna",
    "Markus",
    "Sophie",
    "Martin",
    "Emma",
    "Alexander",
    "Hannah",
    "Jürgen",
    "Zoë",
    "José",
    "François",
    "Søren",
    "Łukasz",
    "Mehmet",
    "Ayşe",
    "Nguyễn",
    "Dmitri",
    "Olga",
    "Yuki",
    "Wei",
    "Fatima",
    "Omar",
    "Ingrid",
    "Björn",
    "Giulia",
    "Pedro",
    "Xaver",
    "Quentin",
    "Ursula",
    "Viktor",
    "Nadja",
    "Otto",
    "Rosa",
    "Tobias",
    "Walter",
    "Ian",
];
const FAMILY: &[&str] = &[
    "Müller",
    "Schmidt",
    "Schneider",
    "Fischer",
    "Weber",
    "Meyer",
    "Wagner",
    "Becker",
    "Schulz",
    "Hoffmann",
    "Koch",
    "Bauer",
    "Richter",
    "Klein",
    "Wolf",
    "Schröder",
    "Neumann",
    "Schwarz",
    "Braun",
    "Hofmann",
    "Zimmermann",
    "Krüger",
    "Smith",
    "Jones",
    "Taylor",
    "Brown",
    "O'Brien",
    "García",
    "Rossi",
    "Dubois",
    "Yılmaz",
    "Kowalski",
    "Novák",
    "Andersson",
    "Hansen",
    "Tanaka",
    "Wang",
    "Khan",
];
const SYLLABLES: &[&str] = &[
    "ba", "ber", "dorf", "el", "fen", "gard", "hol", "in", "jan", "kel", "lin", "mar", "nov", "os",
    "pret", "rau", "ski", "ster", "tal", "uhl", "ven", "witz", "xan", "yor", "zig",
];
const TRADES: &[&str] = &[
    "Elektro", "Bau", "Praxis", "Garten", "Software", "Druck", "Auto", "Licht", "Holz", "Consult",
];
const FORMS: &[&str] = &["GmbH", "AG", "KG", "Ltd", "Inc", "und Partner"];
const STREETS: &[&str] = &[
    "Haupt", "Bahnhof", "Garten", "Schiller", "Linden", "Kirch", "Berg", "Wald", "Mühlen",
    "Hannover",
];
const CITIES: &[&str] = &[
    "Berlin",
    "Hamburg",
    "München",
    "Köln",
    "Frankfurt",
    "Stuttgart",
    "Leipzig",
    "Wien",
    "Zürich",
    "Dresden",
    "Hannover",
    "Nürnberg",
    "Bremen",
    "Essen",
    "Graz",
    "Bonn",
];
const NOTES: &[&str] = &[
    "met at the fair",
    "prefers mail",
    "ask for the invoice",
    "neighbour of Annette",
    "speaks French",
    "allergic to nuts",
    "old school friend",
    "only in the morning",
    "repairs the heating",
];

/// Returns the properties of a made-up person: kind and value.
pub fn person(random: &mut Random) -> Vec<(Kind, String)> {
    let given = random.skewed(GIVEN);
    let family = if random.below(3) == 0 {
        random.skewed(FAMILY).to_string()
    } else {
        let mut name: String =
            (0..2 + random.below(2)).map(|_| SYLLABLES[random.below(SYLLABLES.len())]).collect();
        name[..1].make_ascii_uppercase();
        name
    };
    let trade = random.skewed(TRADES);
    let org = format!("{trade} {} {}", random.skewed(FAMILY), random.skewed(FORMS));
    let city = random.skewed(CITIES);
    let folded = |text: &str| {
        let mut out = String::new();
        crate::text::fold(text, |c| out.push(c));
        out
    };
    let mail = folded(&format!("{given}.{family}"));
    let mut person = Vec::from([
        (Kind::FN, format!("{given} {family}")),
        (Kind::N, format!("{family};{given};;;")),
        (Kind::ORG, org),
        (Kind::EMAIL, format!("{mail}@{}.example", folded(trade))),
        (
            Kind::ADR,
            format!(
                ";;{}straße {};{city};;{:05};Germany",
                random.skewed(STREETS),
                1 + random.below(150),
                random.below(100_000)
            ),
        ),
        (
            Kind::TEL,
            format!("+49 {} {}", 151 + random.below(29), 1_000_000 + random.below(9_000_000)),
        ),
        (Kind::TEL, format!("0{}/{}", 30 + random.below(900), 10_000 + random.below(9_000_000))),
    ]);
    if random.below(3) == 0 {
        person.push((Kind::NOTE, random.skewed(NOTES).to_string()));
    }
    person
}

/// Returns the record of a contact with these properties.
pub fn record(properties: &[(Kind, String)], number: u64) -> Vec<u8> {
    let mut memory = [0; 4096];
    let mut draft = Draft::new(&mut memory);
    for (kind, value) in properties {
        let content = match value.split_once('\u{1F}') {
            // The value has parameters in front.
            Some((params, value)) => Property { params, ..Property::text(*kind, value) },
            None => Property::text(*kind, value),
        };
        draft.push(&content).expect("a card in a test is small");
    }
    let mut uid = [0; 16];
    uid[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let change = Change::new(1 + number, AuthorIndex(0), Origin::Edit);
    let mut items = [Item::EMPTY; 64];
    let mut out = [0; 4096];
    let mut scratch = Scratch::new(&mut items);
    edit(None, Uid(uid), &draft.contents(), change, &mut scratch, &mut out)
        .expect("a card in a test fits")
        .expect("a card in a test says something")
        .to_vec()
}
