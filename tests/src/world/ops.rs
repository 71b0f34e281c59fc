//! What can be done to a box, as one type for the seeded tests, the sweeps and the fuzzer.

use crate::random::Random;
use contactbox_core::contact::{Draft, Kind, Property, Types, Value};

/// How many different people the operations are about.
pub const PEOPLE: u8 = 14;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Make a person's contact say what card `card` says.
    Put {
        /// Whose.
        who: u8,
        /// Which of the many cards of this person.
        card: u16,
    },
    /// Import card `card`.
    Import {
        /// Whose.
        who: u8,
        /// Which.
        card: u16,
    },
    /// The same as `Put`, with a photo.
    Photo {
        /// Whose.
        who: u8,
        /// Which; also which photo, of few, so that some are shared.
        card: u16,
    },
    /// Into the trash.
    Remove {
        /// Whose.
        who: u8,
    },
    /// Out of the trash.
    Restore {
        /// Whose.
        who: u8,
    },
    /// Away for good.
    Purge {
        /// Whose.
        who: u8,
    },
    /// A step of idle work.
    Tend,
    /// Vouch for what was written.
    Rest,
}

impl Op {
    /// An operation out of four bytes, for the fuzzer.
    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        let [what, who, low, high] = bytes;
        let who = who % PEOPLE;
        let card = u16::from_le_bytes([low, high]) % 200;
        match what % 16 {
            0..=4 => Self::Put { who, card },
            5..=8 => Self::Import { who, card },
            9 => Self::Photo { who, card },
            10 | 11 => Self::Remove { who },
            12 => Self::Restore { who },
            13 => Self::Purge { who },
            14 => Self::Tend,
            _ => Self::Rest,
        }
    }

    /// The person it is about.
    pub fn who(&self) -> Option<u8> {
        match *self {
            Self::Put { who, .. }
            | Self::Import { who, .. }
            | Self::Photo { who, .. }
            | Self::Remove { who }
            | Self::Restore { who }
            | Self::Purge { who } => Some(who),
            Self::Tend | Self::Rest => None,
        }
    }
}

/// A script of `len` operations.
pub fn script(seed: u64, len: usize) -> Vec<Op> {
    let mut random = Random::new(seed);
    (0..len).map(|_| Op::from_bytes((random.bits() as u32).to_le_bytes())).collect()
}

/// What a card says, line by line: name and value, the UID aside.
pub fn lines(who: u8, card: u16) -> Vec<(Kind, String)> {
    let mut random = Random::new(u64::from(who) << 16 | u64::from(card));
    let mut lines = vec![(Kind::FN, format!("Person {who} Smith"))];
    for _ in 0..random.below(3) {
        lines.push((Kind::TEL, format!("+49 171 {}", 100_000 + random.below(900_000))));
    }
    if random.below(2) == 0 {
        lines.push((Kind::EMAIL, format!("person{who}.{}@example.com", random.below(50))));
    }
    if random.below(3) == 0 {
        let words = random.below(if card % 40 == 7 { 150 } else { 12 });
        let note: Vec<_> =
            (0..words).map(|word| format!("w{}", (word * 7 + usize::from(who)) % 90)).collect();
        lines.push((Kind::NOTE, format!("note {}", note.join(" "))));
    }
    lines.sort();
    lines.dedup();
    lines
}

/// The UID that all cards of a person have.
pub fn uid_text(who: u8) -> String {
    format!("person-{who}@example.com")
}

/// One of seven photos, some larger than a page.
pub fn photo(card: u16) -> Vec<u8> {
    let number = card % 7;
    let mut random = Random::new(0xF0_0000 | u64::from(number));
    (0..150 + 130 * number).map(|_| random.bits() as u8).collect()
}

/// Writes a card into a draft.
pub fn write_card(draft: &mut Draft<'_>, who: u8, card: u16, with_photo: bool) {
    let uid = uid_text(who);
    let mut push = |content: &Property<'_>| draft.push(content).expect("the draft has room");
    push(&Property::text(Kind::UID, &uid));
    for (kind, value) in lines(who, card) {
        let types = if kind == Kind::TEL { Types::CELL } else { Types::default() };
        push(&Property { types, ..Property::text(kind, &value) });
    }
    if with_photo {
        let photo = photo(card);
        push(&Property { value: Value::Bytes(&photo), ..Property::text(Kind::PHOTO, "") });
    }
}
