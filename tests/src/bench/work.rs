//! The work of all engines: contacts of a chosen size, edited at random, always in the same order.
use contactbox_core::contact::{
    AuthorIndex, Change, Contact, Draft, Item, Kind, Origin, Property, Scratch, Uid, digest, edit,
};

use crate::random::Random;

const GIVEN: [&str; 12] = [
    "Ada", "Björn", "Chloé", "Dmitri", "Eleni", "Fatma", "Giulia", "Hiroko", "Inés", "Jan", "Kofi",
    "Łucja",
];
const FAMILY: [&str; 12] = [
    "Adeyemi",
    "Bianchi",
    "Çelik",
    "Dvořák",
    "Eriksson",
    "Fischer",
    "García",
    "Hoàng",
    "Ivanova",
    "Jørgensen",
    "Kowalski",
    "Lefèvre",
];
const WORDS: [&str; 16] = [
    "prefers", "mornings", "met", "at", "the", "fair", "invoice", "by", "post", "second", "floor",
    "speaks", "Polish", "call", "after", "six",
];
/// The first edit is at 2026-01-01T00:00Z, the others a minute apart.
const FIRST_EDIT: u64 = 1_767_225_600_000;
const EDIT_GAP: u64 = 60_000;

/// The most memory that a contact of this work needs.
const CARD_BYTES_MAX: usize = 1024;

/// Returns the identity of the contact with this number.
pub fn uid(key: u32) -> Uid {
    Uid(digest(b"bench", &[&key.to_le_bytes()]))
}

/// One edit of one contact: the client's request and the record that the box makes of it.
#[derive(Clone)]
pub struct Edit {
    /// The number of the contact.
    pub key: u32,
    /// The time on the wall clock.
    pub now: u64,
    /// The contact as the client sends it, property by property.
    pub card: Vec<(Kind, String)>,
    /// The whole new state of the contact as the box keeps it.
    pub record: Vec<u8>,
}

impl Edit {
    /// Calls `then` with the contact as a draft.
    pub fn with_draft<R>(&self, then: impl FnOnce(&Draft<'_>) -> R) -> R {
        let mut memory = [0; CARD_BYTES_MAX];
        then(&draft(&self.card, &mut memory))
    }
}

fn draft<'b>(card: &[(Kind, String)], memory: &'b mut [u8]) -> Draft<'b> {
    let mut draft = Draft::new(memory);
    for (kind, value) in card {
        draft.push(&Property::text(*kind, value)).expect("a card of this work is small");
    }
    draft
}

/// The rule by which the edits choose their contacts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Each contact is equally likely.
    Uniform,
    /// Nine of ten edits go to one of ten contacts.
    Skewed,
}

impl Choice {
    /// Both rules.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Skewed];

    /// Returns the name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Skewed => "90/10",
        }
    }
}

/// The contacts as they are after the edits so far, and the source of further edits.
pub struct Work {
    random: Random,
    choice: Choice,
    cards: Vec<Vec<(Kind, String)>>,
    records: Vec<Vec<u8>>,
    items: Vec<Item>,
    edits: u64,
}

impl Work {
    /// Returns work with `contacts` contacts, whose records, once edited, are evenly spread between
    /// the two sizes.
    pub fn new(
        contacts: usize,
        bytes: std::ops::RangeInclusive<usize>,
        choice: Choice,
        seed: u64,
    ) -> Self {
        let mut work = Self {
            random: Random::new(seed),
            choice,
            cards: Vec::with_capacity(contacts),
            records: vec![Vec::new(); contacts],
            items: vec![Item::EMPTY; 64],
            edits: 0,
        };
        for _ in 0..contacts {
            let spread = bytes.end() - bytes.start() + 1;
            let size = bytes.start() + work.random.below(spread);
            let card = work.card_of(size);
            work.cards.push(card);
        }
        work
    }

    /// Returns the number of contacts.
    pub fn contacts(&self) -> u32 {
        self.cards.len() as u32
    }

    /// Returns the current record of a contact; empty before it was added.
    pub fn record(&self, key: u32) -> &[u8] {
        &self.records[key as usize]
    }

    /// Returns the mean size of the current records.
    pub fn mean_record_bytes(&self) -> f64 {
        self.records.iter().map(Vec::len).sum::<usize>() as f64 / self.records.len() as f64
    }

    /// Returns the edit that adds a contact.
    pub fn add(&mut self, key: u32) -> Edit {
        self.make(key)
    }

    /// Returns the next random edit: a new phone number of the same length for one contact.
    pub fn edit(&mut self) -> Edit {
        let contacts = self.cards.len();
        let hot = contacts.div_ceil(10);
        let key = match self.choice {
            Choice::Skewed if self.random.chance(9, 10) => self.random.below(hot),
            // The rest goes to the other nine tenths, so that a contact is either hot or cold.
            Choice::Skewed if contacts > hot => hot + self.random.below(contacts - hot),
            _ => self.random.below(contacts),
        };
        let number = phone(&mut self.random);
        let phone = self.cards[key].iter_mut().find(|(kind, _)| *kind == Kind::TEL);
        phone.expect("every card of this work has a phone").1 = number;
        self.make(key as u32)
    }

    /// Returns a random contact to read.
    pub fn pick(&mut self) -> u32 {
        self.random.below(self.cards.len()) as u32
    }

    fn make(&mut self, key: u32) -> Edit {
        let now = FIRST_EDIT + self.edits * EDIT_GAP;
        self.edits += 1;
        let change = Change::new(now, AuthorIndex(0), Origin::Edit);
        let card = &self.cards[key as usize];
        let old = &mut self.records[key as usize];
        let record = record_of(old, key, card, change, &mut self.items);
        old.clone_from(&record);
        Edit { key, now, card: card.clone(), record }
    }

    /// Returns a contact whose record has this size once its number was changed, because the older
    /// stamps are spelled out then.
    fn card_of(&mut self, record_bytes: usize) -> Vec<(Kind, String)> {
        let random = &mut self.random;
        let (given, family) = (*random.pick::<&str>(&GIVEN), *random.pick::<&str>(&FAMILY));
        let mut card = vec![(Kind::FN, format!("{given} {family}")), (Kind::TEL, phone(random))];
        card.push((Kind::NOTE, String::new()));
        let room = record_bytes.saturating_sub(self.edited_bytes(&card));
        let mut note = String::new();
        while note.len() < room {
            note += *self.random.pick::<&str>(&WORDS);
            note.push(' ');
        }
        note.truncate(room);
        card[2].1 = note;
        card
    }

    fn edited_bytes(&mut self, card: &[(Kind, String)]) -> usize {
        let mut record = Vec::new();
        let mut card = card.to_vec();
        for time in [FIRST_EDIT, FIRST_EDIT + 1_000 * EDIT_GAP] {
            let change = Change::new(time, AuthorIndex(0), Origin::Edit);
            record = record_of(&record, 0, &card, change, &mut self.items);
            card[1].1 = String::from("+49 100 0000000");
        }
        record.len()
    }
}

fn phone(random: &mut Random) -> String {
    format!("+49 {:03} {:07}", 100 + random.below(900), random.below(10_000_000))
}

fn record_of(
    old: &[u8],
    key: u32,
    card: &[(Kind, String)],
    change: Change,
    items: &mut [Item],
) -> Vec<u8> {
    let (mut memory, mut out) = ([0; CARD_BYTES_MAX], [0; CARD_BYTES_MAX]);
    let old = (!old.is_empty()).then(|| Contact::parse(old).expect("it was written by this code"));
    let contents = draft(card, &mut memory).finish();
    let record =
        edit(old.as_ref(), uid(key), &contents, change, &mut Scratch::new(items), &mut out)
            .expect("a record of this work is small");
    match record {
        Some(record) => record.to_vec(),
        // The number drawn was the old one.
        None => old.expect("a new contact is a change").bytes().to_vec(),
    }
}
