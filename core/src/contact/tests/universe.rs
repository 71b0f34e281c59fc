//! The properties that the contact of the tests can have, and their keys in the oracle.

use crate::contact::*;

pub const TRASH_KEY: &str = "TRASHED";
pub const IMPORT_KEY: &str = "IMPORTED";
pub const UID: Uid = Uid([7; 16]);

/// Returns the properties that the contact can have.
pub fn universe() -> Vec<Property<'static>> {
    let tel = Property::text(Kind::TEL, "+49 171 555");
    vec![
        Property::text(Kind::FN, "Ada"),
        Property::text(Kind::FN, "Ada Lovelace"),
        tel,
        Property { types: Types::CELL.with(Types::HOME), ..tel },
        Property { group: "item1", params: "PREF=1;X-A=\"b;c\"", ..tel },
        Property::text(Kind::EMAIL, "ada@example.com"),
        Property::text(Kind::NOTE, ""),
        Property::text(Kind::REV, "20260101T000000Z"),
        Property::text(Kind::REV, "20260102T000000Z"),
        Property { other: "X-FOO", ..Property::text(Kind::OTHER, "bar") },
        Property::text(Kind::UID, "urn:uuid:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1"),
        Property { value: Value::Bytes(&[0, 255, 1]), ..Property::text(Kind::KEY, "") },
        Property {
            value: Value::Blob(BlobRef { hash: [9; 16], len: 70_000 }),
            ..Property::text(Kind::PHOTO, "")
        },
    ]
}

pub fn key(content: &Property<'_>) -> String {
    match content.kind {
        Kind::TRASHED => TRASH_KEY.into(),
        Kind::IMPORTED => format!("{IMPORT_KEY} {:?}", content.value),
        kind => format!(
            "{kind:?} {} {} {:x} {} {:?}",
            content.other, content.group, content.types.0, content.params, content.value
        ),
    }
}

/// The contents of the universe whose bits are set, in the order that `turn` asks for.
pub fn draft(memory: &mut [u8], mask: u16, turn: usize) -> Contents<'_> {
    let mut draft = Draft::new(memory);
    let mut chosen: Vec<_> = chosen(mask);
    let turn = turn % chosen.len().max(1);
    chosen.rotate_left(turn);
    for content in &chosen {
        draft.push(content).unwrap();
    }
    draft.finish()
}

fn chosen(mask: u16) -> Vec<Property<'static>> {
    universe()
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| mask >> bit & 1 != 0)
        .map(|(_, content)| content)
        .collect()
}
