//! Records: what goes in comes out, and bytes from anywhere do no harm.

use super::universe::{UID, key};
use super::world::state;
use crate::contact::*;
use crate::limits::{BLOB_BYTES_MAX, MILLIS_MAX};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

/// A content with its texts owned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Owned {
    kind: u8,
    other: String,
    group: String,
    types: u32,
    params: String,
    form: u8,
    text: String,
    bytes: Vec<u8>,
    hash: [u8; 16],
    len: u32,
}

impl Owned {
    fn content(&self) -> Property<'_> {
        let kind = Kind::from_code(self.kind).unwrap();
        Property {
            kind,
            other: if kind == Kind::OTHER { &self.other } else { "" },
            group: &self.group,
            types: Types(self.types),
            params: &self.params,
            value: match self.form {
                0 => Value::text(&self.text),
                1 => Value::Uuid(UuidText {
                    bytes: if self.len.is_multiple_of(5) { UID.0 } else { self.hash },
                    urn: self.len.is_multiple_of(2),
                    upper: false,
                    ab_person: self.len.is_multiple_of(3),
                }),
                2 => Value::Bytes(&self.bytes),
                _ => Value::Blob(BlobRef { hash: self.hash, len: self.len }),
            },
        }
    }
}

fn owned() -> impl Strategy<Value = Owned> {
    let kinds: Vec<_> = (0..240u8).filter(|code| Kind::from_code(*code).is_some()).collect();
    let kind = prop::sample::select(kinds);
    (
        kind,
        "[A-Z-]{1,20}",
        prop_oneof![Just(String::new()), "[a-z0-9]{1,8}", "item[0-9]{1,3}"],
        prop_oneof![Just(0), any::<u32>()],
        prop_oneof![Just(String::new()), ".{1,30}"],
        0..4u8,
        ".{0,60}",
        vec(any::<u8>(), 0..40),
        any::<[u8; 16]>(),
        0..=BLOB_BYTES_MAX,
    )
        .prop_map(|(kind, other, group, types, params, form, text, bytes, hash, len)| Owned {
            kind,
            other,
            group,
            types,
            params,
            form,
            text,
            bytes,
            hash,
            len,
        })
}

fn written(contents: &[Owned], time: Millis, author: u16) -> Vec<u8> {
    let mut memory = vec![0; 64 * 1024];
    let mut draft = Draft::new(&mut memory);
    for content in contents {
        draft.push(&content.content()).unwrap();
    }
    let card = draft.finish();
    let change = Change::new(time, AuthorIndex(author), Origin::Edit);
    let (mut items, mut out) = ([Item::EMPTY; 64], vec![0; 64 * 1024]);
    let mut scratch = Scratch::new(&mut items);
    edit(None, UID, &card, change, &mut scratch, &mut out).unwrap().unwrap().to_vec()
}

/// Looks at everything a record shows, and puts it through every change.
fn exercise(bytes: &[u8]) {
    let Ok(contact) = Contact::parse(bytes) else { return };
    let mut count = 0;
    for property in contact.properties() {
        count += 1;
        assert!(property.stamps().is_sorted_by(|a, b| a < b));
        assert!(property.first_stamp() <= property.last_stamp());
        let content = property.content;
        key(&content);
        content.name();
        content.param("TYPE");
        split_params(content.params).count();
        content.types.names().count();
        contact.latest(content.kind).unwrap();
        contact.is_conflicted(content.kind);
    }
    assert_eq!(contact.is_tombstone(), count == 0);
    assert_eq!(contact.blobs().count() > 0, contact.has_blobs());
    let _ = (contact.uid(), contact.changed(), contact.origin(), contact.seen());
    contact.is_trashed();
    let (mut items, mut out) = ([Item::EMPTY; 256], vec![0; 256 * 1024]);
    let mut scratch = Scratch::new(&mut items);
    let change = Change::new(MILLIS_MAX, AuthorIndex(9), Origin::Edit);
    let mut memory = [0; 1024];
    let card = super::universe::draft(&mut memory, 0b1_0101, 0);
    let parses = |result: Result<Option<&[u8]>, WriteError>| {
        if let Ok(Some(record)) = result {
            Contact::parse(record).expect("what a change writes parses");
        }
    };
    parses(edit(Some(&contact), contact.uid(), &card, change, &mut scratch, &mut out));
    parses(import_into(Some(&contact), contact.uid(), &card, change, &mut scratch, &mut out));
    parses(trash(&contact, change, &mut scratch, &mut out));
    parses(restore(&contact, change, &mut scratch, &mut out));
    parses(purge(&contact, change, &mut out));
    let turned = |origin: BoxIndex| BoxIndex(origin.0.wrapping_add(3));
    let Ok(theirs) = rebase(&contact, turned, |author| author, &mut out) else { return };
    let theirs = theirs.to_vec();
    let theirs = Contact::parse(&theirs).expect("a record renamed parses");
    parses(merge(&contact, &theirs, change, &mut scratch, &mut out));
    parses(merge(&theirs, &contact, change, &mut scratch, &mut out));
}

#[test]
fn a_content_without_a_name_is_refused() {
    let mut memory = [0; 64];
    let mut draft = Draft::new(&mut memory);
    assert_eq!(draft.push(&Property::text(Kind::OTHER, "x")), Err(WriteError::NoName));
    let name = "X".repeat(256);
    let long = Property { other: &name, ..Property::text(Kind::OTHER, "x") };
    assert_eq!(draft.push(&long), Err(WriteError::FieldTooLong { bytes: 256, bytes_max: 255 }));
    assert_eq!(draft.contents().count(), 0);
}

#[test]
fn a_uuid_is_one_content_however_it_was_made() {
    let text = "0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1";
    let mut memory = [0; 128];
    let mut draft = Draft::new(&mut memory);
    let loose = Property { value: Value::Text(text), ..Property::text(Kind::UID, "") };
    draft.push(&loose).unwrap();
    assert_eq!(draft.contents().next().map(|content| content.value), Some(Value::text(text)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(400), failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_goes_in_comes_out(
        contents in btree_set(owned(), 1..20),
        time in 0..=MILLIS_MAX,
        author in any::<u16>(),
        spin in any::<prop::sample::Index>(),
    ) {
        let mut contents: Vec<_> = contents.into_iter().collect();
        let spin = spin.index(contents.len());
        contents.rotate_left(spin);
        let record = written(&contents, time, author);
        let contact = Contact::parse(&record).unwrap();
        let stamps: Vec<_> =
            contact.properties().map(|property| property.first_stamp()).collect();
        for (seq, stamp) in stamps.iter().enumerate() {
            prop_assert_eq!(stamp.time, time);
            prop_assert_eq!(stamp.author, AuthorIndex(author));
            prop_assert_eq!(usize::from(stamp.seq), seq);
        }
        let mut read: Vec<_> =
            contact.properties().map(|property| key(&property.content)).collect();
        let mut expected: Vec<_> =
            contents.iter().map(|content| key(&content.content())).collect();
        // Contents that differ only in what their form does not use are one.
        read.sort();
        expected.sort();
        expected.dedup();
        prop_assert_eq!(read, expected);
        // Written again from what was read, it is the same to the byte.
        let mut out = vec![0; record.len()];
        let same = rebase(&contact, |origin| origin, |author| author, &mut out).unwrap();
        prop_assert_eq!(same, &record[..]);
        exercise(&record);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
        // With a sound head they get further.
        let mut record = vec![0; 17];
        record.extend([5, 1]);
        record.extend(&bytes);
        exercise(&record);
    }

    #[test]
    fn struck_records_do_no_harm(
        contents in btree_set(owned(), 1..6),
        strikes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let contents: Vec<_> = contents.into_iter().collect();
        let mut record = written(&contents, 1_700_000_000_000, 1);
        for (at, value) in strikes {
            let at = at.index(record.len());
            record[at] = value;
        }
        exercise(&record);
        exercise(&record[..cut.index(record.len())]);
    }

    #[test]
    fn histories_struck_do_no_harm(
        ops in vec(super::world::op(), 5..30),
        pick in any::<usize>(),
        strikes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let world = super::world::World::after(&ops);
        if !world.old.is_empty() {
            let (at, place) = &world.old[pick % world.old.len()];
            let mut record = place.record.clone().unwrap();
            state(&record, *at);
            for (at, value) in strikes {
                let at = at.index(record.len());
                record[at] = value;
            }
            exercise(&record);
        }
    }
}
