//! B7: whoever is met, and whatever a card says, the owner of a box goes on writing, and what is removed
//! elsewhere in great numbers waits for a yes.

use contactbox_core::card::{Remark, Whose};
use contactbox_core::contact::{AuthorIndex, Content, Draft, Kind, Uid};
use contactbox_core::sim::RamCard;
use contactbox_core::store::{Book, BookConfig, Memory, Outcome, Quota, Wide};
use contactbox_tests::cards::{back_up, merge};
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
    draft.push(&Content::text(Kind::FN, name)).expect("room for a name");
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

/// A box in which so many people have written, one contact each.
fn office(id: u64, people: usize) -> Owned {
    let mut book = new(id);
    for number in 1..=people {
        let by = author(&mut book, &format!("employee {number}"));
        put_by(&mut book, &format!("contact {number}"), by, 1_000 + number as u64);
    }
    book
}

/// B7: as many names as a box can know, on one card, and nobody could write in it any more.
#[test]
fn the_owner_writes_beside_all_the_authors_of_a_card() {
    let mut card = RamCard::new();
    back_up(&mut office(1, AUTHORS_MAX), &mut card).expect("a card with room");
    let mut book = new(2);
    let (merged, remarks) = merge(&mut book, &mut card, Whose::Others, 9_000).expect("it reads");
    assert_eq!((merged.added as usize, remarks), (AUTHORS_MAX, vec![]));
    let by = author(&mut book, "the owner");
    put_by(&mut book, "of the owner", by, 9_001);
    assert!(holds(&mut book, "of the owner"));
}

/// B7: with no malice, the employee who was one too many.
#[test]
fn one_employee_more_than_a_box_can_know_writes_as_nobody() {
    let mut book = office(1, AUTHORS_MAX + 1);
    let last = author(&mut book, &format!("employee {}", AUTHORS_MAX + 1));
    assert_eq!(last, AuthorIndex::default());
    assert!(holds(&mut book, &format!("contact {}", AUTHORS_MAX + 1)));
    // Whom it knows it knows still, and a box made from it is written in by anybody, too.
    assert_eq!(author(&mut book, "employee 7"), AuthorIndex(7));
    let mut card = RamCard::new();
    back_up(&mut book, &mut card).expect("a card with room");
    let mut restored = new(2);
    merge(&mut restored, &mut card, Whose::All, 9_000).expect("it reads");
    let by = author(&mut restored, "another user");
    put_by(&mut restored, "of another user", by, 9_001);
    assert!(holds(&mut restored, "of another user"));
}

/// A box that knows as many others as it can.
fn acquainted(id: u64) -> Owned {
    let mut book = new(id);
    for number in 0..BOXES_MAX as u64 {
        block_on(book.meet(0xF000 + number, Quota::NONE)).ok();
    }
    book
}

/// B7: so many boxes that there is no place for another one: that one is passed by, and all else goes on.
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
    let (merged, remarks) = merge(&mut book, &mut card, Whose::Others, 2_000).expect("it reads");
    assert_eq!(merged.added, 1, "{remarks:?}");
    assert!(matches!(remarks[..], [Remark::Stranger { .. }]), "{remarks:?}");
    assert!(holds(&mut book, "of a friend") && !holds(&mut book, "of a stranger"));
    // What a friend brings of a stranger is passed by, the rest of that friend's is not.
    put(&mut known, "of a friend too", 3_000);
    hand_over(&mut stranger, &mut known, 3_000).expect("they meet");
    back_up(&mut known, &mut card).expect("a card with room");
    let (merged, remarks) = merge(&mut book, &mut card, Whose::Others, 4_000).expect("it reads");
    assert_eq!(merged.added, 1, "{remarks:?}");
    assert!(remarks.contains(&Remark::ByStrangers(uid("of a stranger"))), "{remarks:?}");
    put(&mut book, "own too", 5_000);
    let mut memory = vec![0; 16 * 1024];
    let removed = block_on(book.remove(uid("own"), AuthorIndex::default(), 5_001));
    assert!(removed.is_ok_and(|put| put.outcome == Outcome::Updated));
    assert!(block_on(book.get(uid("own"), &mut memory)).is_ok());
}
