//! B7: whatever boxes are met and whatever a card contains, the owner of a box can go on writing,
//! and a large number of foreign removals waits for consent.

use contactbox_core::card::{Remark, SnapshotOwners};
use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid};
use contactbox_core::sim::RamCard;
use contactbox_core::store::{
    BRAKE, Book, BookConfig, Consent, Memory, NEWCOMERS_MAX, Outcome, Quota, Root, Wide,
};
use contactbox_tests::cards::{back_up, find, keep, merge, merge_with};
use contactbox_tests::meet::hand_over;
use contactbox_tests::world::memory::{HostMemory, parts};
use contactbox_tests::world::{Box, CONFIG, Chip};
use embassy_futures::block_on;

const PAGE: usize = 4096;
const BOXES_MAX: usize = HostMemory::<Wide>::BOXES;
const AUTHORS_MAX: usize = HostMemory::<Wide>::AUTHORS;
type Owned = Box<4, PAGE>;

fn new(id: u64) -> Owned {
    let config = BookConfig { id, ..CONFIG };
    block_on(Book::format(Chip::<4, PAGE>::new(64), config, parts(64, PAGE, 16 * 1024)))
        .unwrap_or_else(|error| panic!("a sound chip can be formatted: {error}"))
}

fn uid(name: &str) -> Uid {
    Uid::from_text(name)
}

fn put_by(book: &mut Owned, name: &str, by: AuthorIndex, now: u64) {
    let mut memory = [0; 1024];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, name)).expect("room for a name");
    let put = block_on(book.put(uid(name), &draft.finish(), None, by, now));
    put.unwrap_or_else(|error| panic!("{name}: {error}"));
}

fn put(book: &mut Owned, name: &str, now: u64) {
    put_by(book, name, AuthorIndex::default(), now);
}

fn author(book: &mut Owned, name: &str) -> AuthorIndex {
    block_on(book.author(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn holds(book: &mut Owned, name: &str) -> bool {
    let mut memory = vec![0; 16 * 1024];
    block_on(book.get(uid(name), &mut memory)).expect("it can be read").is_some()
}

/// Makes a box in which this many people have written, one contact each.
fn office(id: u64, people: usize) -> Owned {
    let mut book = new(id);
    for number in 1..=people {
        let by = author(&mut book, &format!("employee {number}"));
        put_by(&mut book, &format!("contact {number}"), by, 1_000 + number as u64);
    }
    book
}

/// B7: a card with as many names as a box can know must not keep the owner from writing.
#[test]
fn the_owner_writes_beside_all_the_authors_of_a_card() {
    let mut card = RamCard::new();
    back_up(&mut office(1, AUTHORS_MAX), &mut card).expect("a card with room");
    let mut book = new(2);
    let (merged, remarks) =
        merge(&mut book, &mut card, SnapshotOwners::Others, 9_000).expect("it reads");
    assert_eq!((merged.added as usize, remarks), (AUTHORS_MAX, vec![]));
    // Some of the places for authors are the owner's own.
    let by = author(&mut book, "the owner");
    assert_ne!(by, AuthorIndex::default());
    put_by(&mut book, "of the owner", by, 9_001);
    assert!(holds(&mut book, "of the owner"));
}

/// B7: without malice, the employee who was one too many.
#[test]
fn one_employee_more_than_a_box_can_know_writes_as_nobody() {
    let mut book = office(1, AUTHORS_MAX + 1);
    let last = author(&mut book, &format!("employee {}", AUTHORS_MAX + 1));
    assert_eq!(last, AuthorIndex::default());
    assert!(holds(&mut book, &format!("contact {}", AUTHORS_MAX + 1)));
    // It still knows those it knew, and anybody can write in a box made from it.
    assert_eq!(author(&mut book, "employee 7"), AuthorIndex(7));
    let mut card = RamCard::new();
    back_up(&mut book, &mut card).expect("a card with room");
    let mut restored = new(2);
    merge(&mut restored, &mut card, SnapshotOwners::All, 9_000).expect("it reads");
    let by = author(&mut restored, "another user");
    put_by(&mut restored, "of another user", by, 9_001);
    assert!(holds(&mut restored, "of another user"));
}

/// Makes a box that knows as many others as it can.
fn acquainted(id: u64) -> Owned {
    let mut book = new(id);
    for number in 0..BOXES_MAX as u64 {
        block_on(book.meet(0xF000 + number, Quota::NONE)).ok();
    }
    book
}

/// B7: with no place left for another box, that one is passed over, and everything else goes on.
#[test]
fn a_box_that_knows_all_it_can_is_written_in_and_passes_others_by() {
    let mut book = acquainted(1);
    put(&mut book, "own", 1_000);
    let mut stranger = new(3);
    put(&mut stranger, "of a stranger", 1_000);
    let mut known = new(0xF003);
    put(&mut known, "of a friend", 1_000);
    let mut card = RamCard::new();
    back_up(&mut stranger, &mut card).expect("a card with room");
    back_up(&mut known, &mut card).expect("a card with room");
    let (merged, remarks) =
        merge(&mut book, &mut card, SnapshotOwners::Others, 2_000).expect("it reads");
    assert_eq!(merged.added, 1, "{remarks:?}");
    assert!(matches!(remarks[..], [Remark::Stranger { .. }]), "{remarks:?}");
    assert!(holds(&mut book, "of a friend") && !holds(&mut book, "of a stranger"));
    // A stranger's contacts that a friend brings are passed over; the friend's own are not.
    put(&mut known, "of a friend too", 3_000);
    hand_over(&mut stranger, &mut known, 3_000).expect("they meet");
    back_up(&mut known, &mut card).expect("a card with room");
    let (merged, remarks) =
        merge(&mut book, &mut card, SnapshotOwners::Others, 4_000).expect("it reads");
    assert_eq!(merged.added, 1, "{remarks:?}");
    assert!(remarks.contains(&Remark::ByStrangers(uid("of a stranger"))), "{remarks:?}");
    put(&mut book, "own too", 5_000);
    let mut memory = vec![0; 16 * 1024];
    let removed = block_on(book.remove(uid("own"), AuthorIndex::default(), 5_001));
    assert!(removed.is_ok_and(|put| put.outcome == Outcome::Updated));
    assert!(block_on(book.get(uid("own"), &mut memory)).is_ok());
}

/// B7: no card fills the tables of a box at one stroke.
#[test]
fn one_meeting_brings_so_many_newcomers_and_no_more() {
    let mut book = new(1);
    put(&mut book, "own", 1_000);
    let mut crowd = acquainted(2);
    put(&mut crowd, "of the crowd", 1_000);
    for number in 1..100 {
        let by = author(&mut crowd, &format!("somebody {number}"));
        put_by(&mut crowd, "of the crowd", by, 1_000 + number);
    }
    for meeting in 1..=2 {
        let mut card = RamCard::new();
        put(&mut crowd, &format!("of meeting {meeting}"), 5_000 + meeting);
        back_up(&mut crowd, &mut card).expect("a card with room");
        let (_, remarks) =
            merge(&mut book, &mut card, SnapshotOwners::Others, 9_000).expect("it reads");
        assert_eq!(remarks, [], "what is of the crowd's own box is taken in");
        assert!(holds(&mut book, &format!("of meeting {meeting}")));
        let most = meeting as usize * usize::from(NEWCOMERS_MAX);
        assert!(book.boxes().count() <= 1 + most, "{}", book.boxes().count());
        assert!(book.authors().count() <= most, "{}", book.authors().count());
    }
    assert_eq!(book.authors().count(), 99);
}

const YEARS_10: u64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// B7: a snapshot under the name of another box, with a time that the box has not reached, hides
/// nothing of that box.
#[test]
fn a_forged_mark_hides_nothing_of_the_box_it_names() {
    let mut book = new(1);
    put(&mut book, "own", 1_000);
    let mut forger = new(7);
    put(&mut forger, "of the forger", 2_000 + YEARS_10);
    let mut card = RamCard::new();
    back_up(&mut forger, &mut card).expect("a card with room");
    merge(&mut book, &mut card, SnapshotOwners::Others, 3_000).expect("it reads");
    let mut friend = new(7);
    let mut card = RamCard::new();
    for (number, name) in ["first", "second", "third"].into_iter().enumerate() {
        put(&mut friend, name, 4_000 + number as u64);
        back_up(&mut friend, &mut card).expect("a card with room");
        let (merged, _) =
            merge(&mut book, &mut card, SnapshotOwners::Others, 5_000).expect("it reads");
        assert_eq!((merged.added, merged.known), (1, 0), "{name}");
        assert!(holds(&mut book, name));
        // A snapshot that was read once is known.
        let (merged, _) =
            merge(&mut book, &mut card, SnapshotOwners::Others, 5_000).expect("it reads");
        assert_eq!((merged.boxes, merged.known), (0, 1), "{name}");
    }
}

const HOUR: u64 = 60 * 60 * 1000;
const NOW: u64 = 1_763_769_600_000;

/// Makes two boxes with the same `count` contacts.
fn two(count: usize) -> [Owned; 2] {
    let mut books = [new(1), new(2)];
    for number in 0..count {
        put(&mut books[1], &format!("contact {number}"), NOW - HOUR + number as u64);
    }
    let [book, other] = &mut books;
    hand_over(other, book, NOW - HOUR / 2).expect("they meet");
    books
}

fn purge(book: &mut Owned, name: &str, now: u64) {
    let purged = block_on(book.purge(uid(name), AuthorIndex::default(), now));
    purged.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// Imports what the other box left on a card; returns how many removals wait.
fn meet_by_card(book: &mut Owned, other: &mut Owned, consent: Consent, now: u64) -> u32 {
    let mut card = RamCard::new();
    back_up(other, &mut card).expect("a card with room");
    let (merged, remarks) =
        merge_with(book, &mut card, SnapshotOwners::Others, consent, now).expect("it reads");
    let told = remarks.iter().any(|remark| matches!(remark, Remark::Removals { .. }));
    assert_eq!(told, merged.held > 0, "{remarks:?}");
    merged.held
}

fn active(book: &Owned) -> u32 {
    book.counts().active
}

fn root(book: &mut Owned) -> Root {
    block_on(book.root()).unwrap_or_else(|error| panic!("everything can be read: {error}"))
}

fn reopened(book: Owned) -> Owned {
    let parts = parts(64, PAGE, 16 * 1024);
    let config = BookConfig { id: 0, ..CONFIG };
    block_on(Book::open(book.into_flash(), config, parts))
        .unwrap_or_else(|error| panic!("what was written can be opened: {error}"))
        .0
}

/// Removes everything from a contact that tells who it was.
fn strip(book: &mut Owned, name: &str, now: u64) {
    strip_to(book, name, Kind::NOTE, "gone", now);
}

fn strip_to(book: &mut Owned, name: &str, kind: Kind, text: &str, now: u64) {
    let mut memory = [0; 64];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(kind, text)).expect("room for a note");
    let put = block_on(book.put(uid(name), &draft.finish(), None, AuthorIndex(0), now));
    put.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// The brake counts by what the box had, whether a removed contact is still shown, emptied, or not.
#[test]
fn what_is_removed_counts_once() {
    let [mut book, mut other] = two(100);
    let mut removed = 0;
    for round in 0..4u64 {
        for number in removed..removed + 7 {
            let name = format!("contact {number}");
            match number % 2 {
                0 => purge(&mut other, &name, NOW + round * HOUR),
                _ => strip(&mut other, &name, NOW + round * HOUR),
            }
        }
        // 7 and then 14 of 100 go. The third time it would be 21, and none of the last 7 goes.
        let mut card = RamCard::new();
        back_up(&mut other, &mut card).expect("a card with room");
        let now = NOW + round * HOUR + HOUR / 2;
        let (_, remarks) =
            merge_with(&mut book, &mut card, SnapshotOwners::Others, Consent::Ask, now)
                .expect("it reads");
        let told = remarks.iter().find_map(|remark| match remark {
            Remark::Removals { count, removed, contacts, .. } => {
                Some((*count, *removed, *contacts))
            }
            _ => None,
        });
        removed += 7;
        match removed {
            ..=20 => assert_eq!(told, None, "round {round}"),
            21 => assert_eq!(told, Some((7, 14, 100))),
            _ => assert_eq!(told, Some((14, 14, 100))),
        }
    }
}

/// A name without a letter, or a number without a digit: nobody is found by these.
#[test]
fn what_is_left_empty_is_removed() {
    let unseen = [
        " ",
        "\\n",
        "\u{3000}\u{200B}",
        "\u{AD}",
        "\u{3164}",
        "\u{2800}",
        "\u{301}",
        "\u{E0041}",
        "?!",
    ];
    let names = unseen.into_iter().map(|text| (Kind::FN, text));
    let others = [
        (Kind::N, ";;;;"),
        (Kind::TEL, "- ()"),
        (Kind::TEL, "tel:"),
        (Kind::TEL, "unknown"),
        (Kind::EMAIL, "mailto:"),
    ];
    for (kind, text) in names.chain(others) {
        let [mut book, mut other] = two(30);
        for number in 0..30 {
            strip_to(&mut other, &format!("contact {number}"), kind, text, NOW);
        }
        let held = meet_by_card(&mut book, &mut other, Consent::Ask, NOW + HOUR);
        assert_eq!(held, 30, "{kind:?} {text:?}");
    }
}

/// New contacts from a box make no room for its removals, at once or on the same day.
#[test]
fn what_is_brought_does_not_loosen_the_brake() {
    let [mut book, mut other] = two(60);
    for number in 0..700 {
        put(&mut other, &format!("new {number}"), NOW + number);
    }
    for number in 0..31 {
        purge(&mut other, &format!("contact {number}"), NOW + 1_000 + number);
    }
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW + HOUR), 31);
    let [mut book, mut other] = two(60);
    for number in 0..10 {
        purge(&mut other, &format!("contact {number}"), NOW + number);
    }
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW + HOUR), 0);
    for number in 0..700 {
        put(&mut other, &format!("new {number}"), NOW + 1_000 + number);
    }
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW + 2 * HOUR), 0);
    for number in 10..25 {
        purge(&mut other, &format!("contact {number}"), NOW + 2_000 + number);
    }
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW + 3 * HOUR), 15);
}

/// A contact that came and went before it was ever here is no removal, not even in an empty box.
#[test]
fn what_was_never_here_is_not_removed() {
    let mut books = [new(1), new(2)];
    let [book, other] = &mut books;
    let mut card = RamCard::new();
    put(other, "comes and goes", NOW);
    put(other, "stays", NOW);
    back_up(other, &mut card).expect("a card with room");
    purge(other, "comes and goes", NOW + 1);
    back_up(other, &mut card).expect("a card with room");
    let (merged, remarks) =
        merge_with(book, &mut card, SnapshotOwners::Others, Consent::Ask, NOW + 2)
            .expect("it reads");
    assert_eq!((merged.held, active(book)), (0, 1), "{remarks:?}");
    // At the next meeting it has been here.
    purge(other, "stays", NOW + 3);
    assert_eq!(meet_by_card(book, other, Consent::Ask, NOW + 4), 1);
}

/// The changes of one contact in a file count once: emptied, put into the trash, purged.
#[test]
fn a_contact_that_goes_in_steps_counts_once() {
    let steps = |gone: u64, consent| {
        let [mut book, mut other] = two(40);
        let mut card = RamCard::new();
        back_up(&mut other, &mut card).expect("a card with room");
        for step in 0..3u64 {
            for number in 0..gone {
                let name = format!("contact {number}");
                let now = NOW + step * 1_000 + number;
                match step {
                    0 => strip(&mut other, &name, now),
                    1 => {
                        let removed = block_on(other.remove(uid(&name), AuthorIndex(0), now));
                        removed.unwrap_or_else(|error| panic!("{name}: {error}"));
                    }
                    _ => purge(&mut other, &name, now),
                }
            }
            let mut own = find(&other, &mut card).expect("it has been here");
            keep(&mut other, &mut card, &mut own).expect("a card with room");
        }
        let (merged, _) =
            merge_with(&mut book, &mut card, SnapshotOwners::Others, consent, NOW + HOUR)
                .expect("it reads");
        (u64::from(merged.held), u64::from(active(&book)))
    };
    assert_eq!(steps(19, Consent::Ask), (0, 21));
    assert_eq!(steps(21, Consent::Ask), (21, 40));
    assert_eq!(steps(21, Consent::Given), (0, 19));
}

/// In no 24 hours do more contacts go than the brake allows, wherever a day may begin.
#[test]
fn a_day_that_begins_anew_gives_nobody_twice() {
    let [mut book, mut other] = two(400);
    let mut next = 0;
    let mut remove = |other: &mut Owned, count: u64, now: u64| {
        for number in next..next + count {
            purge(other, &format!("contact {number}"), now + number);
        }
        next += count;
    };
    const MINUTE: u64 = 60_000;
    for (count, at, held) in [
        (1, 0, 0),
        (19, 24 * HOUR - MINUTE, 0),
        (20, 24 * HOUR + MINUTE, 20),
        (0, 47 * HOUR, 20),
        // The 19 are more than a day ago, even if a part of a day counts in full.
        (0, 57 * HOUR, 0),
    ] {
        remove(&mut other, count, NOW + at);
        let met = meet_by_card(&mut book, &mut other, Consent::Ask, NOW + at + 1);
        assert_eq!(met, held, "{count} after {} minutes", at / MINUTE);
    }
}

/// A contact that was removed and restored before anybody read of it counts as no removal, and
/// hides none.
#[test]
fn what_was_given_back_is_not_held() {
    for real in [0, 3, 30] {
        let [mut book, mut other] = two(100);
        let mut card = RamCard::new();
        back_up(&mut other, &mut card).expect("a card with room");
        let mut append = |other: &mut Owned| {
            let mut own = find(other, &mut card).expect("it has been here");
            keep(other, &mut card, &mut own).expect("a card with room");
        };
        for number in 0..60 {
            let removed =
                block_on(other.remove(uid(&format!("contact {number}")), AuthorIndex(0), NOW));
            removed.expect("it is there");
        }
        append(&mut other);
        for number in 0..60 {
            let back = block_on(other.restore(
                uid(&format!("contact {number}")),
                AuthorIndex(0),
                NOW + HOUR,
            ));
            back.expect("it is in the trash");
        }
        for number in 60..60 + real {
            purge(&mut other, &format!("contact {number}"), NOW + HOUR);
        }
        append(&mut other);
        let (merged, remarks) =
            merge_with(&mut book, &mut card, SnapshotOwners::Others, Consent::Ask, NOW + 2 * HOUR)
                .expect("it reads");
        let held = if real > 20 { real as u32 } else { 0 };
        assert_eq!(merged.held, held, "{remarks:?}");
        assert_eq!(u64::from(active(&book)), if held > 0 { 100 } else { 100 - real });
        let (merged, _) = merge_with(
            &mut book,
            &mut card,
            SnapshotOwners::Others,
            Consent::Given,
            NOW + 3 * HOUR,
        )
        .expect("it reads");
        assert_eq!((merged.held, u64::from(active(&book))), (0, 100 - real));
        assert_eq!(root(&mut book), root(&mut other));
    }
}

/// A clock that is put back, and forward again, begins no new day; consent does.
#[test]
fn a_clock_put_back_gives_nobody_more() {
    let [mut book, mut other] = two(400);
    let mut next = 0;
    let mut remove = |other: &mut Owned, count: u64| {
        for number in next..next + count {
            purge(other, &format!("contact {number}"), NOW + number);
        }
        next += count;
    };
    remove(&mut other, 10);
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW + HOUR), 0);
    remove(&mut other, 10);
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW - 400 * 24 * HOUR), 0);
    remove(&mut other, 1);
    for now in [NOW + HOUR, NOW - 400 * 24 * HOUR] {
        assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, now), 1);
    }
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Given, NOW - 400 * 24 * HOUR), 0);
    remove(&mut other, 5);
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW - 399 * 24 * HOUR), 0);
}

/// A box of 20 contacts under a card of tombstones.
#[test]
fn a_box_of_20_contacts_under_a_card_of_tombstones() {
    for count in [20, 51] {
        let [mut book, mut other] = two(count);
        for number in 0..count {
            purge(&mut other, &format!("contact {number}"), NOW + number as u64);
        }
        put(&mut other, "new there", NOW + 1_000);
        let held = meet_by_card(&mut book, &mut other, Consent::Ask, NOW + HOUR);
        assert_eq!(held as usize, count);
        assert_eq!(active(&book) as usize, count + 1, "nothing went, and the rest was taken in");
        assert!(holds(&mut book, "new there"));
        // The trash, and the removal of name, number and mail, are no ways round it.
        let [mut book, mut other] = two(count);
        for number in 0..count {
            let name = format!("contact {number}");
            if number % 2 == 0 {
                let removed = block_on(other.remove(uid(&name), AuthorIndex::default(), NOW));
                removed.unwrap_or_else(|error| panic!("{name}: {error}"));
                continue;
            }
            strip(&mut other, &name, NOW);
        }
        let held = meet_by_card(&mut book, &mut other, Consent::Ask, NOW + HOUR);
        assert_eq!((held as usize, active(&book) as usize), (count, count));
    }
}

/// A removal held over ten restarts and then accepted (roots equal).
#[test]
fn a_removal_held_over_ten_restarts_and_then_accepted() {
    let [mut book, mut other] = two(30);
    for number in 0..25 {
        purge(&mut other, &format!("contact {number}"), NOW + number);
    }
    let mut card = RamCard::new();
    back_up(&mut other, &mut card).expect("a card with room");
    for day in 0..10 {
        let now = NOW + day * 33 * HOUR;
        let (merged, _) =
            merge_with(&mut book, &mut card, SnapshotOwners::Others, Consent::Ask, now)
                .expect("it reads");
        assert_eq!((merged.held, active(&book)), (25, 30), "day {day}");
        book = reopened(book);
    }
    let now = NOW + 300 * HOUR;
    let (merged, remarks) =
        merge_with(&mut book, &mut card, SnapshotOwners::Others, Consent::Given, now)
            .expect("it reads");
    assert_eq!((merged.held, merged.updated, remarks), (0, 25, vec![]));
    assert_eq!((active(&book), root(&mut book)), (5, root(&mut other)));
    // An accepted removal does not count.
    purge(&mut other, "contact 29", now);
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, now + 1), 0);
    assert_eq!((active(&book), root(&mut book)), (4, root(&mut other)));
}

/// The removals of others count together for a day, also over restarts.
#[test]
fn removals_of_a_day_count_together() {
    let [mut book, mut other] = two(100);
    let mut gone = 0;
    let mut remove = |other: &mut Owned, count: usize, now| {
        for number in gone..gone + count {
            purge(other, &format!("contact {number}"), now);
        }
        gone += count;
    };
    remove(&mut other, 15, NOW);
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW), 0);
    assert_eq!(active(&book), 85);
    let mut book = reopened(book);
    remove(&mut other, 6, NOW + HOUR);
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW + 23 * HOUR), 6);
    assert_eq!(active(&book), 85);
    // A clock that is put back makes no room.
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW - 500 * HOUR), 6);
    assert_eq!(meet_by_card(&mut book, &mut other, Consent::Ask, NOW + BRAKE.millis * 3 / 2), 0);
    assert_eq!((active(&book), root(&mut book)), (79, root(&mut other)));
}
