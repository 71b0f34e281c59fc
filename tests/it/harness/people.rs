//! The invented people of tests and benchmarks repeat, differ, and are folded correctly.

use contactbox_tests::people::people;
use std::collections::HashSet;

#[test]
fn the_same_seed_gives_the_same_people() {
    let cards = |seed| people(50, seed).map(|person| person.vcard()).collect::<Vec<_>>();
    assert_eq!(cards(7), cards(7));
    assert_ne!(cards(7), cards(8));
}

#[test]
fn people_differ() {
    let uids: HashSet<_> = people(2_000, 1).map(|person| person.uid).collect();
    assert_eq!(uids.len(), 2_000);
    let names: HashSet<_> = people(2_000, 1).map(|person| person.name()).collect();
    assert!(names.len() > 1_500, "{}", names.len());
}

#[test]
fn cards_are_folded_between_characters() {
    for person in people(500, 3) {
        let card = person.vcard();
        assert!(card.lines().all(|line| line.len() <= 75), "{card}");
        assert!(card.starts_with("BEGIN:VCARD\r\n") && card.ends_with("END:VCARD\r\n"));
    }
}
