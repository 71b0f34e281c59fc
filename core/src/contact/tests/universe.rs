//! What can be said of the contact of the tests, and the keys it has in the oracle.

use crate::contact::*;

pub const TRASH_KEY: &str = "TRASHED";
pub const IMPORT_KEY: &str = "IMPORTED";
pub const UID: Uid = Uid([7; 16]);

/// What can be said of the contact.
pub fn universe() -> Vec<Content<'static>> {
    let tel = Content::text(Kind::TEL, "+49 171 555");
    vec![
        Content::text(Kind::FN, "Ada"),
        Content::text(Kind::FN, "Ada Lovelace"),
        tel,
        Content { types: Types::CELL.with(Types::HOME), ..tel },
        Content { group: "item1", params: "PREF=1;X-A=\"b;c\"", ..tel },
        Content::text(Kind::EMAIL, "ada@example.com"),
        Content::text(Kind::NOTE, ""),
        Content::text(Kind::REV, "20260101T000000Z"),
        Content::text(Kind::REV, "20260102T000000Z"),
        Content { other: "X-FOO", ..Content::text(Kind::OTHER, "bar") },
        Content::text(Kind::UID, "urn:uuid:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1"),
        Content { value: Value::Bytes(&[0, 255, 1]), ..Content::text(Kind::KEY, "") },
        Content {
            value: Value::Blob(BlobRef { hash: [9; 16], len: 70_000 }),
            ..Content::text(Kind::PHOTO, "")
        },
    ]
}

pub fn key(content: &Content<'_>) -> String {
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

fn chosen(mask: u16) -> Vec<Content<'static>> {
    universe()
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| mask >> bit & 1 != 0)
        .map(|(_, content)| content)
        .collect()
}
