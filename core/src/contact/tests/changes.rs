//! Tests what each change keeps, one story at a time.

use super::universe::{UID, draft, key, universe};
use super::world::{merged, moved, state};
use crate::contact::*;
use crate::limits::IMPORTS_MAX;

const FN: u16 = 1 << 0;
const FULL_NAME: u16 = 1 << 1;
const TEL: u16 = 1 << 2;
const CELL: u16 = 1 << 3;
const EMAIL: u16 = 1 << 5;
const REV: u16 = 1 << 7;
const LATER_REV: u16 = 1 << 8;

type Record = Option<Vec<u8>>;

fn change(time: Millis, origin: Origin) -> Change {
    Change::new(time, AuthorIndex(1), origin)
}

/// Runs one change with memory for it.
fn with(
    old: Option<&[u8]>,
    run: impl for<'b> FnOnce(
        Option<&Contact<'_>>,
        &mut Scratch<'_>,
        &'b mut [u8],
    ) -> Result<Option<&'b [u8]>, WriteError>,
) -> Record {
    let old = old.map(|record| Contact::parse(record).unwrap());
    let (mut items, mut out) = ([Item::EMPTY; 64], [0; 4096]);
    let new = run(old.as_ref(), &mut Scratch::new(&mut items), &mut out).unwrap();
    new.map(|record| {
        Contact::parse(record).expect("what a change writes parses");
        record.to_vec()
    })
}

fn edited(old: Option<&[u8]>, mask: u16, time: Millis) -> Record {
    let mut memory = [0; 1024];
    let card = draft(&mut memory, mask, 0);
    with(old, |old, scratch, out| edit(old, UID, &card, change(time, Origin::Edit), scratch, out))
}

fn imported(old: Option<&[u8]>, mask: u16, time: Millis) -> Record {
    let mut memory = [0; 1024];
    let card = draft(&mut memory, mask, 0);
    let change = change(time, Origin::Import);
    with(old, |old, scratch, out| import_into(old, UID, &card, change, scratch, out))
}

fn trashed(old: &[u8], time: Millis) -> Record {
    let change = change(time, Origin::Trash);
    with(Some(old), |old, scratch, out| trash(old.unwrap(), change, scratch, out))
}

fn restored(old: &[u8], time: Millis) -> Record {
    let change = change(time, Origin::Restore);
    with(Some(old), |old, scratch, out| restore(old.unwrap(), change, scratch, out))
}

fn purged(old: &[u8], time: Millis) -> Record {
    with(Some(old), |old, _, out| purge(old.unwrap(), change(time, Origin::Purge), out))
}

/// Returns the contents of a record, marks aside, as bits of the universe.
fn says(record: &[u8]) -> u16 {
    let known: Vec<_> = universe().iter().map(key).collect();
    let keys: Vec<_> = Contact::parse(record)
        .unwrap()
        .properties()
        .filter(|property| !property.content.kind.is_internal())
        .map(|property| key(&property.content))
        .collect();
    keys.iter().map(|key| 1 << known.iter().position(|known| known == key).unwrap()).sum()
}

fn is_trashed(record: &[u8]) -> bool {
    Contact::parse(record).unwrap().is_trashed()
}

#[test]
fn an_edit_gives_exactly_the_card_and_keeps_the_stamps_of_what_was_there() {
    let old = edited(None, FN | TEL, 10).unwrap();
    let new = edited(Some(&old), TEL | EMAIL, 20).unwrap();
    assert_eq!(says(&new), TEL | EMAIL);
    let contact = Contact::parse(&new).unwrap();
    let times: Vec<_> = contact.properties().map(|property| property.first_stamp().time).collect();
    assert_eq!(times, [10, 20]);
    assert_eq!((contact.changed().time, contact.origin()), (20, Origin::Edit));
}

#[test]
fn a_change_that_changes_nothing_is_none() {
    let old = edited(None, FN | TEL, 10).unwrap();
    assert_eq!(edited(Some(&old), FN | TEL, 20), None);
    assert_eq!(restored(&old, 20), None);
    let gone = trashed(&old, 20).unwrap();
    assert_eq!(trashed(&gone, 30), None);
    let back = restored(&gone, 30).unwrap();
    assert_eq!(restored(&back, 40), None);
    let purged_once = purged(&back, 40).unwrap();
    assert_eq!(purged(&purged_once, 50), None);
    assert_eq!(trashed(&purged_once, 50), None);
    assert_eq!(merged(&old, &old, 50), None);
}

#[test]
fn the_same_card_imported_again_changes_nothing_whatever_was_edited() {
    let first = imported(None, FN | TEL | REV, 10).unwrap();
    assert_eq!(imported(Some(&first), FN | TEL | REV, 20), None);
    // Exported again later by the same phone: another REV, the same card.
    assert_eq!(imported(Some(&first), FN | TEL | LATER_REV, 20), None);
    let edited = edited(Some(&first), FN | EMAIL, 20).unwrap();
    assert_eq!(imported(Some(&edited), FN | TEL | REV, 30), None);
}

#[test]
fn an_import_adds_and_removes_nothing() {
    let old = edited(None, FN | TEL | REV, 10).unwrap();
    let new = imported(Some(&old), FN | EMAIL | LATER_REV, 20).unwrap();
    assert_eq!(says(&new), FN | TEL | EMAIL | LATER_REV);
}

#[test]
fn a_file_with_several_cards_of_one_uid_can_be_imported_twice() {
    let cards = [FN, FN | TEL, FN | CELL, FULL_NAME];
    assert!(cards.len() <= IMPORTS_MAX);
    let mut record = None;
    for (time, card) in (10..).zip(cards) {
        record = imported(record.as_deref(), card, time).or(record);
    }
    // Removed by hand: the second import must not bring it back.
    let record = edited(record.as_deref(), FN | TEL, 50).unwrap();
    for card in cards.into_iter().skip(1) {
        assert_eq!(imported(Some(&record), card, 60), None);
    }
}

#[test]
fn imports_remembered_are_bounded() {
    let mut record = None;
    for (time, card) in (10..).zip([FN, TEL, CELL, EMAIL, FULL_NAME, REV | 1 << 6, 1 << 9]) {
        record = imported(record.as_deref(), card, time).or(record);
        let record = record.as_deref().unwrap();
        let marks = Contact::parse(record).unwrap().all(Kind::IMPORTED).count();
        assert!(marks <= IMPORTS_MAX);
    }
    assert_eq!(imported(record.as_deref(), 1 << 9, 90), None);
}

#[test]
fn a_card_without_uid_is_remembered_by_its_identity() {
    let mut memory = [0; 256];
    let mut card = Draft::new(&mut memory);
    card.push(&Property::text(Kind::FN, "Ada")).unwrap();
    card.push(&Property::text(Kind::TEL, "1")).unwrap();
    let card = card.finish();
    let uid = card.uid();
    let import = |old: Option<&[u8]>, time| {
        with(old, |old, scratch, out| {
            import_into(old, uid, &card, change(time, Origin::Import), scratch, out)
        })
    };
    let record = import(None, 10).unwrap();
    let contact = Contact::parse(&record).unwrap();
    let marks: Vec<_> = contact.all(Kind::IMPORTED).map(|mark| mark.content.value).collect();
    assert_eq!(marks, [Value::Bytes(&[])]);
    // Removed by hand: the same card again does not bring it back.
    let mut memory = [0; 256];
    let mut less = Draft::new(&mut memory);
    less.push(&Property::text(Kind::FN, "Ada")).unwrap();
    let less = less.finish();
    let record = with(Some(&record), |old, scratch, out| {
        edit(old, uid, &less, change(20, Origin::Edit), scratch, out)
    });
    assert_eq!(import(record.as_deref(), 30), None);
}

#[test]
fn uids_of_apple_address_books_cost_little_and_are_their_own() {
    let plain = "0B0C7C1E-37AB-4A35-9A57-0F2E5CE1A9D1";
    let long = "0B0C7C1E-37AB-4A35-9A57-0F2E5CE1A9D1:ABPerson";
    assert_ne!(Uid::from_text(plain), Uid::from_text(long));
    for text in [plain, long, "urn:uuid:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1:ABPerson"] {
        let Value::Uuid(uuid) = Value::text(text) else { panic!("{text} is not packed") };
        assert_eq!(uuid.to_string(), text);
        let mut memory = [0; 256];
        let mut card = Draft::new(&mut memory);
        card.push(&Property::text(Kind::UID, text)).unwrap();
        let card = card.finish();
        assert_eq!(card.uid(), Uid::from_text(text));
        let record = with(None, |old, scratch, out| {
            edit(old, card.uid(), &card, change(10, Origin::Edit), scratch, out)
        });
        let record = record.unwrap();
        let contact = Contact::parse(&record).unwrap();
        assert_eq!(contact.latest(Kind::UID).unwrap().content.value, Value::Uuid(uuid));
        // Flags, identity, time, author; kind, flags, spelling.
        assert_eq!(record.len(), 1 + 16 + 1 + 1 + 3);
    }
}

/// RFC 8141: the letters before the last part of a name mean the same in either case;
/// RFC 9562: so do the digits.
#[test]
fn a_uuid_is_the_same_in_any_letters() {
    let plain = Uid::from_text("0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1");
    for text in [
        "urn:uuid:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1",
        "URN:UUID:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1",
        "URN:UUID:0B0C7C1E-37AB-4A35-9A57-0F2E5CE1A9D1",
        "urn:UUID:0B0C7C1E-37ab-4A35-9A57-0F2E5CE1A9D1",
        "Urn:Uuid:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9D1",
        "0B0C7C1E-37AB-4A35-9A57-0F2E5CE1A9D1",
        "0b0c7c1e-37ab-4a35-9a57-0f2e5ce1A9D1",
        " 0b0c7c1e-37ab-4a35-9a57-0f2e5ce1A9D1 ",
        "\turn:uuid:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1",
    ] {
        assert_eq!(Uid::from_text(text), plain, "{text}");
        let mut memory = [0; 256];
        let mut card = Draft::new(&mut memory);
        card.push(&Property::text(Kind::UID, text)).unwrap();
        let card = card.finish();
        assert_eq!(card.uid(), plain);
        let record = with(None, |old, scratch, out| {
            edit(old, card.uid(), &card, change(10, Origin::Edit), scratch, out)
        });
        let record = record.unwrap();
        let contact = Contact::parse(&record).unwrap();
        let told = match contact.latest(Kind::UID).unwrap().content.value {
            Value::Uuid(uuid) => uuid.to_string(),
            value => value.as_text().unwrap().to_string(),
        };
        assert_eq!(told, text, "as it was written");
    }
    let person = "urn:uuid:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1:ABPerson";
    assert_eq!(Uid::from_text(person), Uid::from_text(&person.replace("urn:uuid", "URN:UUID")));
    // A UID that is no UUID is known by its text, to the letter.
    for text in [
        "urn:uuid:",
        "URN:UUID:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d",
        "URN:UUID:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1x",
        "URN:UUID:urn:uuid:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1",
        "URN:UUI\u{445}:0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1",
        "0b0c7c1e 37ab-4a35-9a57-0f2e5ce1A9D1",
    ] {
        assert_ne!(Uid::from_text(text), plain, "{text}");
    }
}

#[test]
fn a_uid_is_the_same_with_blanks_around_it_and_of_blanks_alone_is_none() {
    assert_eq!(Uid::from_text(" 17 "), Uid::from_text("17"));
    assert_ne!(Uid::from_text("1 7"), Uid::from_text("17"));
    let uid = |uid: &str, name: &str| {
        let mut memory = [0; 256];
        let mut card = Draft::new(&mut memory);
        card.push(&Property::text(Kind::UID, uid)).unwrap();
        card.push(&Property::text(Kind::FN, name)).unwrap();
        let card = card.finish();
        (card.has_uid(), card.uid())
    };
    assert_eq!(uid("17", "Anna"), uid("17 ", "Bert"));
    for blank in ["", " ", " \t"] {
        assert!(!uid(blank, "Anna").0);
        assert_ne!(uid(blank, "Anna"), uid(blank, "Bert"));
    }
}

#[test]
fn a_uuid_imported_in_another_spelling_is_no_second_uid() {
    let plain = "0b0c7c1e-37ab-4a35-9a57-0f2e5ce1a9d1";
    let uid = Uid::from_text(plain);
    let import = |old: Option<&[u8]>, spelling: &str, phone: &str, time| {
        let mut memory = [0; 256];
        let mut card = Draft::new(&mut memory);
        card.push(&Property::text(Kind::UID, spelling)).unwrap();
        card.push(&Property::text(Kind::TEL, phone)).unwrap();
        let card = card.finish();
        with(old, |old, scratch, out| {
            import_into(old, uid, &card, change(time, Origin::Import), scratch, out)
        })
    };
    let first = import(None, plain, "1", 10).unwrap();
    let urn = format!("urn:uuid:{plain}");
    assert_eq!(import(Some(&first), &urn, "1", 20), None);
    let both = import(Some(&first), &urn.to_uppercase(), "2", 30).unwrap();
    let contact = Contact::parse(&both).unwrap();
    assert_eq!(contact.all(Kind::TEL).count(), 2);
    assert_eq!(contact.all(Kind::UID).count(), 1);
    assert!(!contact.is_conflicted(Kind::UID));
}

#[test]
fn a_card_cannot_carry_the_marks_of_a_box() {
    let mut memory = [0; 256];
    let mut card = Draft::new(&mut memory);
    card.push(&Property::text(Kind::FN, "Ada")).unwrap();
    card.push(&Property::text(Kind::TRASHED, "")).unwrap();
    let card = card.finish();
    let change = change(10, Origin::Edit);
    let new = with(None, |old, scratch, out| edit(old, UID, &card, change, scratch, out)).unwrap();
    assert!(!is_trashed(&new));
    assert_eq!(says(&new), FN);
}

#[test]
fn two_who_change_one_field_at_the_same_time_leave_both() {
    let both = edited(None, FN | TEL, 10).unwrap();
    let here = edited(Some(&both), FULL_NAME | TEL, 20).unwrap();
    let there = edited(Some(&moved(&both, 0, 1)), FN | EMAIL, 20).unwrap();
    let all = merged(&here, &moved(&there, 1, 0), 30).unwrap();
    assert_eq!(says(&all), FULL_NAME | EMAIL);
    let there = edited(Some(&moved(&both, 0, 1)), 1 << 10 | TEL, 20).unwrap();
    let all = merged(&here, &moved(&there, 1, 0), 30).unwrap();
    assert_eq!(says(&all), FULL_NAME | TEL | 1 << 10);
}

#[test]
fn two_names_after_a_merge_are_a_conflict_until_an_edit_settles_it() {
    let here = edited(None, FN, 10).unwrap();
    let there = edited(None, FULL_NAME, 11).unwrap();
    let all = merged(&here, &moved(&there, 1, 0), 20).unwrap();
    let contact = Contact::parse(&all).unwrap();
    assert!(contact.is_conflicted(Kind::FN));
    let shown = contact.latest(Kind::FN).unwrap().content.value;
    assert_eq!(shown, Value::Text("Ada Lovelace"));
    let settled = edited(Some(&all), FN, 30).unwrap();
    assert!(!Contact::parse(&settled).unwrap().is_conflicted(Kind::FN));
    assert_eq!(merged(&settled, &moved(&there, 1, 0), 40), None);
}

#[test]
fn boxes_show_the_same_name_when_two_were_written_at_one_moment() {
    let here = edited(None, FN, 10).unwrap();
    let there = edited(None, FULL_NAME, 10).unwrap();
    let shown =
        |record: &[u8]| key(&Contact::parse(record).unwrap().latest(Kind::FN).unwrap().content);
    let here_all = merged(&here, &moved(&there, 1, 0), 20).unwrap();
    let there_all = merged(&there, &moved(&here, 0, 1), 20).unwrap();
    assert_eq!(state(&here_all, 0), state(&there_all, 1));
    assert_eq!(shown(&here_all), shown(&there_all));
}

#[test]
fn a_later_edit_elsewhere_brings_it_out_of_the_trash_and_an_earlier_one_does_not() {
    let both = edited(None, FN | TEL, 10).unwrap();
    let gone = trashed(&both, 20).unwrap();
    for (time, is_gone) in [(15, true), (20, false), (25, false)] {
        let there = edited(Some(&moved(&both, 0, 1)), FN | TEL | EMAIL, time).unwrap();
        let all = merged(&gone, &moved(&there, 1, 0), 30).unwrap();
        assert_eq!(is_trashed(&all), is_gone, "edited at {time}");
        assert_eq!(says(&all), FN | TEL | EMAIL);
        // Whichever box looks.
        let all = merged(&there, &moved(&gone, 0, 1), 30).unwrap();
        assert_eq!(is_trashed(&all), is_gone, "edited at {time}");
    }
}

#[test]
fn restored_on_one_box_is_restored_on_all() {
    let gone = trashed(&edited(None, FN, 10).unwrap(), 20).unwrap();
    let there = moved(&gone, 0, 1);
    let back = restored(&gone, 30).unwrap();
    let there = merged(&there, &moved(&back, 0, 1), 40).unwrap();
    assert!(!is_trashed(&there));
    assert_eq!(says(&there), FN);
}

#[test]
fn what_was_purged_no_old_state_brings_back_but_what_was_new_survives() {
    let both = edited(None, FN | TEL, 10).unwrap();
    let there = moved(&both, 0, 1);
    let purged = purged(&both, 20).unwrap();
    assert!(Contact::parse(&purged).unwrap().is_tombstone());
    assert_eq!(merged(&purged, &both, 30), None);
    assert_eq!(merged(&purged, &moved(&there, 1, 0), 30), None);
    let all = merged(&there, &moved(&purged, 0, 1), 30).unwrap();
    assert!(Contact::parse(&all).unwrap().is_tombstone());
    let edited = edited(Some(&there), FN | TEL | EMAIL, 15).unwrap();
    let all = merged(&purged, &moved(&edited, 1, 0), 30).unwrap();
    assert_eq!(says(&all), EMAIL);
    // Somebody imports the file again: that is a wish, not an old state.
    assert_eq!(imported(Some(&purged), FN | TEL, 40).map(|new| says(&new)), Some(FN | TEL));
}

#[test]
fn a_card_that_comes_back_with_the_identity_the_box_gave_it_says_nothing_new() {
    let first = imported(None, 0b11, 10).unwrap();
    let name = UuidText { urn: true, ..UuidText::plain(UID.0) };
    let mut memory = [0; 1024];
    let len = draft(&mut memory, 0b11, 0).count();
    let mut again = [0; 2048];
    let mut card = Draft::new(&mut again);
    for content in draft(&mut memory, 0b11, 0) {
        card.push(&content).unwrap();
    }
    card.push(&Property { value: Value::Uuid(name), ..Property::text(Kind::UID, "") }).unwrap();
    let card = card.finish();
    assert_eq!(card.clone().count(), len + 1);
    let import = change(20, Origin::Import);
    let edit_at = change(30, Origin::Edit);
    assert_eq!(
        with(Some(&first), |old, scratch, out| import_into(old, UID, &card, import, scratch, out)),
        None
    );
    assert_eq!(
        with(Some(&first), |old, scratch, out| edit(old, UID, &card, edit_at, scratch, out)),
        None
    );
    // As a first import it is kept to the letter.
    let named = with(None, |old, scratch, out| import_into(old, UID, &card, import, scratch, out));
    let named = named.unwrap();
    assert_eq!(Contact::parse(&named).unwrap().all(Kind::UID).count(), 1);
}
