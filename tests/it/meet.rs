//! Boxes that meet hold the same, lose nothing, and do not bring back what was removed.

use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid};
use contactbox_core::store::{Book, BookConfig, Root};
use contactbox_tests::meet::hand_over;
use contactbox_tests::random::Random;
use contactbox_tests::world::memory::parts;
use contactbox_tests::world::ops::{self, Op, PEOPLE};
use contactbox_tests::world::{self, Box, CONFIG, Chip};
use embassy_futures::block_on;

const PAGE: usize = 512;
type Small = Box<4, PAGE>;

fn config(number: u64) -> BookConfig {
    BookConfig { id: 0x1000_0000 + number, ..CONFIG }
}

fn new(number: u64) -> Small {
    block_on(Book::format(Chip::<4, PAGE>::new(256), config(number), parts(256, PAGE, 16 * 1024)))
        .unwrap_or_else(|error| panic!("a sound chip can be formatted: {error}"))
}

fn reopened(book: Small) -> Small {
    let flash = book.into_flash();
    block_on(Book::open(flash, config(0), parts(256, PAGE, 16 * 1024)))
        .unwrap_or_else(|error| panic!("what was written can be opened: {error}"))
        .0
}

fn root(book: &mut Small) -> Root {
    block_on(book.root()).unwrap_or_else(|error| panic!("everything can be read: {error}"))
}

/// Lets every box hand everything to every other until nothing changes.
fn settle(books: &mut [Small], now: u64) {
    for _ in 0..4 {
        let mut changed = 0;
        for from in 0..books.len() {
            for to in 0..books.len() {
                if from != to {
                    let [one, other] = books
                        .get_disjoint_mut([from, to])
                        .unwrap_or_else(|error| panic!("two boxes: {error}"));
                    changed += hand_over(one, other, now).unwrap_or_else(|error| panic!("{error}"));
                }
            }
        }
        if changed == 0 {
            return;
        }
    }
    panic!("boxes that have met go on changing each other");
}

#[test]
fn boxes_that_have_met_hold_the_same() {
    let rounds = if std::env::var_os("CONTACTBOX_CAMPAIGN").is_some() { 200 } else { 12 };
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut books = [new(1), new(2), new(3)];
        for (step, op) in ops::script(seed, 150).into_iter().enumerate() {
            let at = random.below(3);
            // The clocks are close, so that stamps of different boxes fall on the same moment.
            let now = 1_000 + step as u64 / 3;
            world::apply(&mut books[at], op, now).unwrap_or_else(|error| panic!("{op:?}: {error}"));
            if random.below(12) == 0 {
                let other = (at + 1 + random.below(2)) % 3;
                let [from, to] = books.get_disjoint_mut([at, other]).expect("two boxes");
                hand_over(from, to, now).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        settle(&mut books, 2_000);
        let roots: Vec<Root> = books.iter_mut().map(root).collect();
        assert!(roots.iter().all(|one| *one == roots[0]), "seed {seed}: {roots:?}");
        for who in 0..PEOPLE {
            let seen: Vec<_> = books.iter_mut().map(|book| world::look(book, who)).collect();
            assert!(seen.iter().all(|one| *one == seen[0]), "seed {seed}, person {who}");
        }
        // The root updated with each change equals the one computed anew.
        let again: Vec<Root> = books.map(reopened).iter_mut().map(root).collect();
        assert_eq!(again, roots, "seed {seed}");
    }
}

fn uid() -> Uid {
    Uid::from_text("somebody")
}

fn put(book: &mut Small, lines: &[(Kind, &str)], now: u64) {
    let mut memory = [0; 1024];
    let mut draft = Draft::new(&mut memory);
    for &(kind, text) in lines {
        draft.push(&Property::text(kind, text)).expect("room for a few lines");
    }
    block_on(book.put(uid(), &draft.finish(), None, AuthorIndex::default(), now))
        .unwrap_or_else(|error| panic!("{error}"));
}

fn lines(book: &mut Small) -> Vec<String> {
    let mut memory = vec![0; 16 * 1024];
    let found = block_on(book.get(uid(), &mut memory)).unwrap_or_else(|error| panic!("{error}"));
    let Some(found) = found else { return vec!["gone".to_owned()] };
    let contents = found.contact.properties().map(|property| property.content);
    let mut lines: Vec<String> = contents
        .filter(|content| !content.kind.is_internal())
        .filter_map(|content| content.value.as_text().map(str::to_owned))
        .collect();
    lines.sort();
    if found.contact.is_trashed() {
        lines.push("(in the trash)".to_owned());
    }
    lines
}

const ADA: (Kind, &str) = (Kind::FN, "Ada");

/// Makes two boxes that both know Ada with one number.
fn two() -> [Small; 2] {
    let mut books = [new(1), new(2)];
    put(&mut books[0], &[ADA, (Kind::TEL, "1")], 10);
    settle(&mut books, 20);
    assert_eq!(lines(&mut books[1]), ["1", "Ada"]);
    books
}

fn meet(mut books: [Small; 2]) -> Vec<String> {
    settle(&mut books, 100);
    let [mut one, mut other] = books;
    assert_eq!(root(&mut one), root(&mut other));
    assert_eq!(lines(&mut one), lines(&mut other));
    lines(&mut one)
}

#[test]
fn two_edits_of_one_field_leave_both_values() {
    let mut books = two();
    put(&mut books[0], &[ADA, (Kind::TEL, "2")], 30);
    put(&mut books[1], &[ADA, (Kind::TEL, "3")], 30);
    assert_eq!(meet(books), ["2", "3", "Ada"]);
}

#[test]
fn an_edit_later_than_a_deletion_brings_the_contact_back() {
    let mut books = two();
    block_on(books[0].remove(uid(), AuthorIndex::default(), 30)).expect("a sound chip");
    put(&mut books[1], &[ADA, (Kind::TEL, "2")], 40);
    assert_eq!(meet(books), ["2", "Ada"]);
}

#[test]
fn an_edit_earlier_than_a_deletion_stays_in_the_trash_with_it() {
    let mut books = two();
    put(&mut books[1], &[ADA, (Kind::TEL, "2")], 30);
    block_on(books[0].remove(uid(), AuthorIndex::default(), 40)).expect("a sound chip");
    assert_eq!(meet(books), ["2", "Ada", "(in the trash)"]);
}

#[test]
fn a_purge_outlives_a_deletion() {
    let mut books = two();
    block_on(books[0].remove(uid(), AuthorIndex::default(), 40)).expect("a sound chip");
    block_on(books[1].purge(uid(), AuthorIndex::default(), 30)).expect("a sound chip");
    // The wish to have it in the trash remains; of its content, nothing does.
    let seen = meet(books);
    assert!(seen.iter().all(|line| line == "gone" || line == "(in the trash)"), "{seen:?}");
}

#[test]
fn what_was_said_after_a_purge_elsewhere_is_kept() {
    let mut books = two();
    block_on(books[0].purge(uid(), AuthorIndex::default(), 30)).expect("a sound chip");
    put(&mut books[1], &[ADA, (Kind::TEL, "1"), (Kind::NOTE, "call her")], 30);
    assert_eq!(meet(books), ["call her"]);
}

#[test]
fn damage_in_one_box_does_not_make_another_forget() {
    let mut books = two();
    put(&mut books[0], &[ADA, (Kind::TEL, "1"), (Kind::TEL, "0171222")], 30);
    settle(&mut books, 40);
    let [mut one, mut other] = books;
    block_on(one.checkpoint()).expect("a sound chip");
    // The last entry of the first box is damaged. It shows its older state, as stale.
    let mut chip = one.into_flash();
    let found = chip.contents().windows(7).rposition(|window| window == b"0171222");
    chip.burst(found.expect("the number is in the flash") as u64 * 8, 40);
    let (mut one, report) = block_on(Book::open(chip, config(0), parts(256, PAGE, 16 * 1024)))
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(!report.is_sound(), "{report:?}");
    assert_eq!(lines(&mut one), ["1", "Ada"]);
    // Somebody goes on with that state.
    put(&mut one, &[ADA, (Kind::TEL, "1"), (Kind::NOTE, "hello")], 50);
    hand_over(&mut one, &mut other, 60).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(lines(&mut other), ["0171222", "1", "Ada", "hello"]);
    hand_over(&mut other, &mut one, 70).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(lines(&mut one), ["0171222", "1", "Ada", "hello"]);
    assert_eq!(root(&mut one), root(&mut other));
}

#[test]
fn a_photo_that_is_not_what_its_hash_says_is_not_taken() {
    let mut books = [new(1), new(2)];
    let op = Op::Photo { who: 1, card: 3 };
    world::apply(&mut books[0], op, 10).unwrap_or_else(|error| panic!("{error}"));
    let [from, to] = &mut books;
    let blob = (0..from.slots())
        .find_map(|slot| block_on(from.blob_at(slot)).expect("a sound chip"))
        .expect("a photo");
    // Other bytes are sent under the photo's hash.
    let piece_bytes = to.blob_piece_bytes();
    while let Some(offset) = to.blob_missing(blob) {
        let bytes = (blob.len - offset).min(piece_bytes as u32) as usize;
        block_on(to.put_blob_piece(blob, offset, &vec![7; bytes]))
            .expect("pieces of the right length");
    }
    let mut peer = contactbox_tests::meet::introduce(from, to).expect("two boxes");
    let mut memory = vec![0; 16 * 1024];
    let state = (0..from.slots()).find(|&slot| from.is_state(slot)).expect("a contact");
    let record = block_on(from.state(state, &mut memory)).expect("a sound chip").expect("a state");
    assert!(block_on(to.take(&mut peer, record.bytes(), 20)).is_err());
    assert_eq!(to.blob_missing(blob), Some(0));
    hand_over(from, to, 30).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(root(from), root(to));
}

#[test]
fn another_box_heals_what_can_not_be_read_any_more() {
    let mut books = two();
    put(&mut books[0], &[ADA, (Kind::TEL, "0171222")], 30);
    settle(&mut books, 40);
    let [mut one, mut other] = books;
    let found = one.flash().contents().windows(7).rposition(|window| window == b"0171222");
    one.flash().burst(found.expect("the number is in the flash") as u64 * 8, 40);
    let mut memory = vec![0; 16 * 1024];
    assert!(block_on(one.get(uid(), &mut memory)).is_err());
    hand_over(&mut other, &mut one, 50).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(lines(&mut one), ["0171222", "Ada"]);
    assert_eq!(root(&mut one), root(&mut other));
}
