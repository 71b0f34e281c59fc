//! Contacts of sizes nobody has, and what is said when they do not fit.

use super::universe::UID;
use super::world::merged;
use crate::contact::*;

const CHANGE: Change = Change::new(10, AuthorIndex(0), Origin::Edit);

fn with_phones(memory: &mut [u8], count: usize) -> Contents<'_> {
    let mut draft = Draft::new(memory);
    for number in 0..count {
        draft.push(&Property::text(Kind::TEL, &format!("+49 30 {number:07}"))).unwrap();
    }
    draft.finish()
}

#[test]
fn five_thousand_phone_numbers() {
    const COUNT: usize = 5_000;
    let (mut memory, mut out) = (vec![0; 256 * 1024], vec![0; 256 * 1024]);
    let mut items = vec![Item::EMPTY; 2 * COUNT];
    let mut scratch = Scratch::new(&mut items);
    let card = with_phones(&mut memory, COUNT);
    let record = edit(None, UID, &card, CHANGE, &mut scratch, &mut out).unwrap().unwrap().to_vec();
    let contact = Contact::parse(&record).unwrap();
    assert_eq!(contact.all(Kind::TEL).count(), COUNT);
    assert_eq!(edit(Some(&contact), UID, &card, CHANGE, &mut scratch, &mut out), Ok(None));

    let mut memory = vec![0; 256 * 1024];
    let fewer = with_phones(&mut memory, COUNT - 1);
    let later = Change { time: 20, ..CHANGE };
    let shorter = edit(Some(&contact), UID, &fewer, later, &mut scratch, &mut out);
    let shorter = shorter.unwrap().unwrap().to_vec();
    let shorter = Contact::parse(&shorter).unwrap();
    assert_eq!(shorter.all(Kind::TEL).count(), COUNT - 1);
    let later = Change { time: 30, ..CHANGE };
    let all = merge(&contact, &shorter, later, &mut scratch, &mut out).unwrap().unwrap();
    assert_eq!(Contact::parse(all).unwrap().all(Kind::TEL).count(), COUNT - 1);

    let mut few = vec![Item::EMPTY; COUNT + 7];
    let refused = edit(Some(&contact), UID, &card, CHANGE, &mut Scratch::new(&mut few), &mut out);
    assert_eq!(refused, Err(WriteError::TooManyProperties { items_max: COUNT + 7 }));
}

#[test]
fn the_same_line_five_thousand_times_is_one_property() {
    let mut memory = vec![0; 256 * 1024];
    let mut draft = Draft::new(&mut memory);
    for _ in 0..5_000 {
        draft.push(&Property::text(Kind::TEL, "+49 30 1")).unwrap();
    }
    let card = draft.finish();
    let (mut items, mut out) = (vec![Item::EMPTY; 5_000], [0; 128]);
    let mut scratch = Scratch::new(&mut items);
    let record = edit(None, UID, &card, CHANGE, &mut scratch, &mut out).unwrap().unwrap();
    assert_eq!(Contact::parse(record).unwrap().properties().count(), 1);
}

#[test]
fn names_of_ten_thousand_characters() {
    let name = "Ж".repeat(10_000);
    let (mut memory, mut out) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, &name)).unwrap();
    let card = draft.finish();
    let mut items = [Item::EMPTY; 4];
    let mut scratch = Scratch::new(&mut items);
    let record = edit(None, UID, &card, CHANGE, &mut scratch, &mut out).unwrap().unwrap();
    let contact = Contact::parse(record).unwrap();
    assert_eq!(contact.latest(Kind::FN).unwrap().content.value, Value::Text(&name));
}

#[test]
fn whatever_the_room_a_record_that_does_not_fit_says_so() {
    let mut memory = [0; 1024];
    let card = super::universe::draft(&mut memory, 0x1FFF, 0);
    let mut items = [Item::EMPTY; 64];
    let mut scratch = Scratch::new(&mut items);
    let mut out = [0; 1024];
    let whole = edit(None, UID, &card, CHANGE, &mut scratch, &mut out).unwrap().unwrap().to_vec();
    for bytes_max in 0..whole.len() {
        let mut out = vec![0; bytes_max];
        let refused = edit(None, UID, &card, CHANGE, &mut scratch, &mut out);
        assert_eq!(refused, Err(WriteError::TooLarge { bytes_max }));
        let contact = Contact::parse(&whole).unwrap();
        let moved = rebase(&contact, |origin| origin, |author| author, &mut out);
        assert_eq!(moved, Err(WriteError::TooLarge { bytes_max }));
    }
    let mut out = vec![0; whole.len()];
    assert_eq!(edit(None, UID, &card, CHANGE, &mut scratch, &mut out), Ok(Some(&whole[..])));
}

#[test]
fn a_draft_that_is_full_keeps_what_it_has() {
    let mut memory = [0; 20];
    let mut draft = Draft::new(&mut memory);
    let content = Property::text(Kind::FN, "Ada");
    draft.push(&content).unwrap();
    let long = Property::text(Kind::NOTE, "longer than the memory that is left");
    assert_eq!(draft.push(&long), Err(WriteError::TooLarge { bytes_max: 20 }));
    assert!(draft.contents().eq([content]));
}

#[test]
fn more_properties_at_once_than_a_stamp_can_number_are_refused() {
    const COUNT: usize = 65_537;
    let (mut memory, mut out) = (vec![0; 2 << 20], vec![0; 2 << 20]);
    let mut items = vec![Item::EMPTY; COUNT];
    let mut scratch = Scratch::new(&mut items);
    let card = with_phones(&mut memory, COUNT);
    let refused = edit(None, UID, &card, CHANGE, &mut scratch, &mut out);
    assert_eq!(refused, Err(WriteError::TooManyAtOnce));
}

#[test]
fn more_boxes_than_a_box_can_know_are_refused() {
    let mut memory = [0; 64];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, "Ada")).unwrap();
    let card = draft.finish();
    let (mut items, mut out) = ([Item::EMPTY; 256], vec![0; 8 * 1024]);
    let mut scratch = Scratch::new(&mut items);
    let count = 300u16;
    let one = edit(None, UID, &card, CHANGE, &mut scratch, &mut out).unwrap().unwrap().to_vec();
    let mut all = one.clone();
    for number in (1..count).rev() {
        let theirs = Contact::parse(&one).unwrap();
        let theirs = rebase(&theirs, |_| BoxIndex(number), |author| author, &mut out);
        all = merged(&all, theirs.unwrap(), 20).unwrap();
    }
    let contact = Contact::parse(&all).unwrap();
    assert!(contact.seen().map(|row| row.0).eq((0..count).map(BoxIndex)));
    assert_eq!(
        contact.properties().map(|property| property.stamps().count()).sum::<usize>(),
        count.into()
    );
    // Renamed, they are in order again, whatever the order of the new names.
    let names = |origin: BoxIndex| BoxIndex((origin.0 * 7 + 5) % 1_000);
    let renamed = rebase(&contact, names, |author| author, &mut out).unwrap();
    let renamed = Contact::parse(renamed).unwrap();
    let mut expected: Vec<_> = contact.seen().map(|row| (names(row.0), row.1)).collect();
    expected.sort();
    assert!(renamed.seen().eq(expected));
    let beyond = BoxIndex(crate::limits::BOXES_MAX as u16);
    let one = Contact::parse(&one).unwrap();
    let refused = Contact::parse(rebase(&one, |_| beyond, |author| author, &mut out).unwrap());
    assert_eq!(refused.err(), Some(RecordError::TooManyBoxes));
}
