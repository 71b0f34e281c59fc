//! Records pinned for ever: what one version wrote, every later one reads, and writes alike.

use super::world::merged;
use crate::contact::*;

/// Records as hex, each byte in two digits, `#` before what explains them.
fn bytes(hex: &str) -> Vec<u8> {
    hex.lines()
        .flat_map(|line| line.split('#').next().unwrap_or("").split_whitespace())
        .map(|byte| u8::from_str_radix(byte, 16).expect("two hex digits"))
        .collect()
}

const PLAIN: &str = include_str!("../../../tests/golden/record-plain.hex");
const RICH: &str = include_str!("../../../tests/golden/record-rich.hex");
const TOMBSTONE: &str = include_str!("../../../tests/golden/record-tombstone.hex");
const CODES: &str = include_str!("../../../tests/golden/record-codes.txt");
const FORMAT: &str = include_str!("../../../FORMAT.md");

fn uid() -> Uid {
    Uid::from_text("0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1")
}

fn change(time: Millis, author: u16, origin: Origin) -> Change {
    Change::new(time, AuthorIndex(author), origin)
}

fn edited(old: Option<&[u8]>, card: &[Property<'_>], change: Change) -> Vec<u8> {
    let mut memory = [0; 1024];
    let mut draft = Draft::new(&mut memory);
    for content in card {
        draft.push(content).unwrap();
    }
    let card = draft.finish();
    let old = old.map(|record| Contact::parse(record).unwrap());
    let (mut items, mut out) = ([Item::EMPTY; 64], [0; 1024]);
    let mut scratch = Scratch::new(&mut items);
    match change.origin {
        Origin::Import => import_into(old.as_ref(), uid(), &card, change, &mut scratch, &mut out),
        _ => edit(old.as_ref(), uid(), &card, change, &mut scratch, &mut out),
    }
    .unwrap()
    .unwrap()
    .to_vec()
}

fn plain() -> Vec<u8> {
    let tel = Property::text(Kind::TEL, "+44 20 7946 0000");
    let card = [
        Property::text(Kind::FN, "Ada Lovelace"),
        Property { types: Types::CELL.with(Types::PREF), ..tel },
    ];
    edited(None, &card, change(1_763_769_600_000, 1, Origin::Edit))
}

fn rich() -> Vec<u8> {
    let card = [
        Property::text(Kind::FN, "Ada"),
        Property {
            other: "X-FOO",
            group: "item1",
            params: "X-A=\"b;c\"",
            ..Property::text(Kind::OTHER, "bar")
        },
        Property::text(Kind::UID, "urn:uuid:0B0C7C1E-37AB-4A35-9A57-0F2E5CE1A9D1"),
        Property { value: Value::Bytes(&[0, 255]), ..Property::text(Kind::KEY, "") },
        Property { value: Value::Blob(BlobRef::of(b"a photo")), ..Property::text(Kind::PHOTO, "") },
    ];
    let mine = edited(None, &card, change(1_000, 1, Origin::Import));
    let theirs = edited(None, &card[..1], change(900, 2, Origin::Edit));
    let theirs = Contact::parse(&theirs).unwrap();
    let mut out = [0; 256];
    let theirs =
        rebase(&theirs, |_| BoxIndex(3), |author| AuthorIndex(author.0 + 5), &mut out).unwrap();
    merged(&mine, theirs, 1_200).unwrap()
}

fn tombstone() -> Vec<u8> {
    let (plain, mut out) = (plain(), [0; 64]);
    let plain = Contact::parse(&plain).unwrap();
    let change = change(1_763_769_700_000, 1, Origin::Purge);
    purge(&plain, change, &mut out).unwrap().unwrap().to_vec()
}

#[test]
fn records_are_written_as_ever() {
    for (record, hex) in [(plain(), PLAIN), (rich(), RICH), (tombstone(), TOMBSTONE)] {
        let written: Vec<_> = record.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(record, bytes(hex), "written: {}", written.join(" "));
    }
}

#[test]
fn the_example_in_the_format_is_the_record_pinned() {
    assert!(FORMAT.contains(PLAIN.trim_end()));
}

#[test]
fn a_record_pinned_is_read_as_ever() {
    let record = bytes(RICH);
    let contact = Contact::parse(&record).unwrap();
    assert_eq!(contact.origin(), Origin::Merge);
    assert!(contact.seen().eq([(BoxIndex::SELF, 1_000), (BoxIndex(3), 900)]));
    let name = contact.latest(Kind::FN).unwrap();
    let stamps: Vec<_> = name
        .stamps()
        .map(|stamp| (stamp.time, stamp.origin.0, stamp.seq, stamp.author.0))
        .collect();
    assert_eq!(stamps, [(900, 3, 0, 7), (1_000, 0, 0, 1)]);
    assert_eq!(contact.properties().count(), 6);
    assert_eq!(contact.blobs().next(), Some(BlobRef::of(b"a photo")));
}

/// Codes in records, by name: new ones may come, none may change.
#[test]
fn codes_of_kinds_types_and_marks_stay() {
    let kinds = Kind::KNOWN.iter().map(|kind| format!("kind {} {}", kind.code(), kind.name()));
    let types = Types::ALL.iter().map(|(bit, name)| format!("type {} {name}", bit.0.ilog2()));
    let codes: Vec<_> = kinds.chain(types).collect();
    for pinned in CODES.lines() {
        assert!(codes.iter().any(|code| code == pinned), "{pinned}");
    }
    let marks = [Kind::OTHER, Kind::TRASHED, Kind::IMPORTED].map(Kind::code);
    assert_eq!(marks, [0, 240, 241]);
}
