//! The operations on a box, as one type for the seeded tests, the sweeps and the fuzzer.

use crate::random::Random;
use contactbox_core::contact::{Draft, Kind, Property, Types, Value};

/// The number of different people in the operations.
pub const PEOPLE: u8 = 14;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a person's contact to the content of vCard `card`.
    Put {
        /// The person.
        who: u8,
        /// The number of the vCard, of the many of this person.
        card: u16,
    },
    /// Imports vCard `card`.
    Import {
        /// The person.
        who: u8,
        /// The number of the vCard.
        card: u16,
    },
    /// Does the same as `Put`, with a photo.
    Photo {
        /// The person.
        who: u8,
        /// The number of the vCard and of the photo, of which there are few, so that some are
        /// shared.
        card: u16,
    },
    /// Puts a person into the trash.
    Remove {
        /// The person.
        who: u8,
    },
    /// Takes a person out of the trash.
    Restore {
        /// The person.
        who: u8,
    },
    /// Purges a person.
    Purge {
        /// The person.
        who: u8,
    },
    /// Does a step of maintenance.
    Tend,
    /// Commits what was written.
    Rest,
}

impl Op {
    /// Makes an operation from four bytes, for the fuzzer.
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

    /// Returns the person of the operation.
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

/// Returns a script of `len` operations.
pub fn script(seed: u64, len: usize) -> Vec<Op> {
    let mut random = Random::new(seed);
    (0..len).map(|_| Op::from_bytes((random.bits() as u32).to_le_bytes())).collect()
}

/// Returns the lines of a vCard without its UID, each a name and a value.
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

/// Returns the UID of all vCards of a person.
pub fn uid_text(who: u8) -> String {
    format!("person-{who}@example.com")
}

/// Returns one of seven photos, some larger than a page.
pub fn photo(card: u16) -> Vec<u8> {
    let number = card % 7;
    let mut random = Random::new(0xF0_0000 | u64::from(number));
    (0..150 + 130 * number).map(|_| random.bits() as u8).collect()
}

/// Writes a vCard into a draft.
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
