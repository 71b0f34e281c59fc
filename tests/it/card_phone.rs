//! The file for phones: its contacts, its form for other readers, and its updates.
use calcard::vcard::{VCard, VCardProperty};
use calcard::{Entry, Parser};
use contactbox_core::card::{Card, FileName, PhoneFile, SECTOR_BYTES, write_phone_file};
use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid, Value};
use contactbox_core::sim::{PullFuse, RamCard, SectorTear};
use contactbox_core::store::Book;
use contactbox_tests::random::Random;
use contactbox_tests::world::memory::parts;
use contactbox_tests::world::ops::{Op, script, uid_text};
use contactbox_tests::world::{Box, CONFIG, Chip, apply};
use embassy_futures::block_on;

const E: usize = 4096;
type Small = Box<4, E>;

fn filled(len: usize) -> Small {
    let mut book = block_on(Book::format(Chip::new(120), CONFIG, parts(120, E, 16 * 1024)))
        .expect("a sound chip can be formatted");
    for (now, op) in (1000..).zip(script(4, len)) {
        apply(&mut book, op, now).expect("there is room");
    }
    book
}

fn put(book: &mut Small, uid: &str, lines: &[(Kind, &str)], photo: Option<&[u8]>) {
    let mut memory = vec![0; 200 * 1024];
    let mut draft = Draft::new(&mut memory);
    for (kind, value) in lines {
        draft.push(&Property::text(*kind, value)).expect("the draft has room");
    }
    if let Some(photo) = photo {
        let content = Property { value: Value::Bytes(photo), ..Property::text(Kind::PHOTO, "") };
        draft.push(&content).expect("the draft has room");
    }
    let by = AuthorIndex::default();
    block_on(book.put(Uid::from_text(uid), &draft.finish(), None, by, 9_000)).expect("it fits");
}

fn write(book: &mut Small, card: &mut RamCard) -> Result<PhoneFile, String> {
    let mut room = vec![0; 16 * 1024];
    block_on(write_phone_file(book, card, &mut room)).map_err(|error| error.to_string())
}

fn text(card: &mut RamCard) -> String {
    let file = card.files_mut().get(&FileName::PHONE).expect("it was written").clone();
    assert!(file.len().is_multiple_of(SECTOR_BYTES));
    String::from_utf8(file).expect("the file is text")
}

/// Reads the file with an independent reader.
fn read(text: &str) -> Vec<VCard> {
    let mut parser = Parser::new(text);
    let mut cards = Vec::new();
    loop {
        match parser.entry() {
            Entry::VCard(card) => cards.push(card),
            Entry::Eof => return cards,
            other => panic!("not a card: {other:?}"),
        }
    }
}

fn names(cards: &[VCard]) -> Vec<String> {
    let all = cards.iter().flat_map(|card| &card.entries);
    let named = all.filter(|entry| entry.name == VCardProperty::Fn);
    let mut names: Vec<String> =
        named.filter_map(|entry| entry.values.first()?.as_text().map(str::to_owned)).collect();
    names.sort();
    names
}

#[test]
fn phones_read_who_is_not_private_and_not_in_the_trash() {
    let mut book = filled(0);
    let mut card = RamCard::new();
    let photo: Vec<u8> = Random::new(5).bytes(5_000);
    put(&mut book, "a", &[(Kind::FN, "Ada"), (Kind::TEL, "+44 20 7946 0000")], Some(&photo));
    put(&mut book, "b", &[(Kind::FN, "Bob"), (Kind::CLASS, "PRIVATE")], None);
    put(&mut book, "c", &[(Kind::FN, "Cleo"), (Kind::CLASS, "Confidential")], None);
    put(&mut book, "d", &[(Kind::FN, "Dora"), (Kind::CLASS, "public")], None);
    put(&mut book, "e", &[(Kind::FN, "Eve")], None);
    block_on(book.remove(Uid::from_text("e"), AuthorIndex::default(), 9_001)).expect("it is there");
    let long = "word, ".repeat(2_000);
    put(&mut book, "f", &[(Kind::FN, "Fay"), (Kind::NOTE, &long.replace(',', "\\,"))], None);
    let report = write(&mut book, &mut card).expect("the card takes it");
    assert_eq!((report.cards, report.private, report.without_blob), (3, 2, 0));
    let text = text(&mut card);
    let cards = read(&text);
    assert_eq!(names(&cards), ["Ada", "Dora", "Fay"]);
    assert!(text.lines().all(|line| line.len() <= 75));
    let unfolded = text.replace("\r\n ", "");
    let bytes = unfolded.lines().find_map(|line| line.strip_prefix("PHOTO;ENCODING=b:"));
    let decoded = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        bytes.expect("Ada has a photo"),
    );
    assert_eq!(decoded.expect("it is base64"), photo);
    let note = unfolded.lines().find_map(|line| line.strip_prefix("NOTE:"));
    assert_eq!(note.map(|note| note.replace("\\,", ",")), Some(long));
}

#[test]
fn what_a_phone_exported_is_left_alone() {
    let mut book = filled(20);
    for theirs in
        [&b"BEGIN:VCARD\r\nVERSION:2.1\r\nN:Lund;Ada\r\nEND:VCARD\r\n"[..], b"a list of my own"]
    {
        let mut card = RamCard::new();
        // A card is written by sectors.
        let mut theirs = theirs.to_vec();
        theirs.resize(SECTOR_BYTES, b' ');
        block_on(card.write(&FileName::PHONE, 0, &theirs)).expect("the card takes it");
        let report = write(&mut book, &mut card).expect("the card reads");
        assert!(report.is_foreign && report.sector_writes == 0, "{report:?}");
        assert_eq!(text(&mut card).as_bytes(), theirs);
    }
}

#[test]
fn large_photos_are_left_out() {
    let mut book = filled(0);
    let mut card = RamCard::new();
    put(&mut book, "a", &[(Kind::FN, "Ada")], Some(&vec![7; 129 * 1024]));
    let report = write(&mut book, &mut card).expect("the card takes it");
    assert_eq!((report.cards, report.without_blob), (1, 1));
    assert_eq!(names(&read(&text(&mut card))), ["Ada"]);
}

#[test]
fn the_file_is_made_when_something_changed_and_only_then() {
    let mut book = filled(120);
    let mut card = RamCard::new();
    let first = write(&mut book, &mut card).expect("the card takes it");
    assert!(first.cards > 3 && !first.was_current);
    let again = write(&mut book, &mut card).expect("the card takes it");
    assert!(again.was_current && again.sector_writes == 0);
    // If a contact loses something, the file does not grow and has one contact less.
    let who = (0..14).find(|&who| {
        apply(&mut book, Op::Remove { who }, 9_000).expect("there is room");
        block_on(book.state_of(Uid::from_text(&uid_text(who)), &mut vec![0; 16 * 1024]))
            .expect("it can be read")
            .is_some_and(|contact| contact.is_trashed() && contact.changed().time >= 9_000)
    });
    assert!(who.is_some());
    let less = write(&mut book, &mut card).expect("the card takes it");
    assert_eq!(less.cards, first.cards - 1);
    let text = text(&mut card);
    assert_eq!(read(text.trim_end()).len() as u32, less.cards);
    assert!(text.ends_with("END:VCARD\r\n") || text.ends_with("\r\n\r\n") || text.ends_with('\n'));
}

#[test]
fn a_cut_leaves_cards_and_the_next_time_makes_it_right() {
    let (before, mut after) = (filled(60), filled(160));
    let mut points = 0;
    let mut base = RamCard::new();
    let mut book = before;
    write(&mut book, &mut base).expect("the card takes it");
    let mut whole = base.clone();
    let writes = write(&mut after, &mut whole).expect("the card takes it").sector_writes;
    let expected = text(&mut whole);
    for tear in SectorTear::ALL {
        for cut in 0..writes {
            let mut card = base.clone();
            card.seed(cut);
            card.set_fuse(Some(PullFuse { writes: cut, tear, forgets: false }));
            write(&mut after, &mut card).expect_err("the card is pulled");
            card.insert();
            let report = write(&mut after, &mut card).expect("the card takes it");
            // The relevant part of the last sector may be there already.
            assert!(!report.was_current || cut + 1 == writes, "{tear:?} at {cut}");
            assert_eq!(text(&mut card), expected, "{tear:?} at {cut}");
            points += 1;
        }
    }
    println!("{points} cuts of a file for phones");
}
