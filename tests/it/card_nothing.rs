//! A card that lacks files or has damaged ones takes nothing away from a box.
use contactbox_core::card::{Card, SnapshotOwners};
use contactbox_core::contact::{Contact, Uid};
use contactbox_core::sim::RamCard;
use contactbox_core::store::{Book, BookConfig};
use contactbox_tests::cards::{back_up, find, keep, merge};
use contactbox_tests::random::Random;
use contactbox_tests::world::memory::parts;
use contactbox_tests::world::ops::{PEOPLE, script, uid_text};
use contactbox_tests::world::{Box, CONFIG, Chip, apply, look};
use embassy_futures::block_on;
use std::collections::BTreeMap;

const E: usize = 1024;
const PAGES: usize = 120;
type Small = Box<4, E>;

fn new(number: u64) -> Small {
    let config = BookConfig { id: CONFIG.id ^ (number << 32), ..CONFIG };
    block_on(Book::format(Chip::new(PAGES), config, parts(PAGES, E, 16 * 1024)))
        .expect("a sound chip can be formatted")
}

fn change(book: &mut Small, seed: u64, len: usize, now: u64) {
    for (now, op) in (now..).zip(script(seed, len)) {
        apply(book, op, now).expect("there is room");
    }
}

/// Returns the content of a box: for each contact that is not purged, every property with all its
/// stamps.
fn all(book: &mut Small) -> BTreeMap<Uid, Vec<String>> {
    let mut room = vec![0; 16 * 1024];
    let mut all = BTreeMap::new();
    for slot in 0..book.slots() {
        let contact = block_on(book.state(slot, &mut room)).expect("it can be read");
        if let Some(contact) = contact.filter(|contact| !contact.is_tombstone()) {
            all.insert(contact.uid(), said(&contact));
        }
    }
    all
}

fn said(contact: &Contact<'_>) -> Vec<String> {
    let properties = contact.properties().map(|property| {
        let content = property.content;
        format!("{} {:?} {:?}", content.name(), content.types, content.value)
    });
    properties.collect()
}

/// Checks that every contact and every property of before is still there.
fn nobody_is_missing(before: &BTreeMap<Uid, Vec<String>>, book: &mut Small, what: &str) {
    let after = all(book);
    for (uid, said) in before {
        let now = after.get(uid).unwrap_or_else(|| panic!("{what}: {uid} is gone"));
        for line in said {
            assert!(now.contains(line), "{what}: {uid} has lost {line}");
        }
    }
    for who in (0..PEOPLE).filter(|who| before.contains_key(&Uid::from_text(&uid_text(*who)))) {
        look(book, who).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

/// Returns a box, and a card with an older snapshot of it, appended to, and one of another box
/// about people with the same identities.
fn scene(seed: u64) -> (Small, RamCard) {
    let mut card = RamCard::new();
    let mut book = new(0);
    change(&mut book, seed, 40, 1_000);
    back_up(&mut book, &mut card).expect("the card takes it");
    back_up(&mut book, &mut card).expect("the card takes it");
    let mut own = find(&book, &mut card).expect("the card reads");
    for step in 0..6 {
        change(&mut book, seed * 7 + step, 1, 2_000 + step);
        keep(&mut book, &mut card, &mut own).expect("the card takes it");
    }
    // The other box has never met this one, so it cannot have removed anything of this one's.
    let mut other = new(1);
    change(&mut other, seed + 1_000, 60, 1_500);
    back_up(&mut other, &mut card).expect("the card takes it");
    change(&mut book, seed + 2_000, 30, 3_000);
    (book, card)
}

#[test]
fn empty_foreign_and_older_cards_take_nothing_away() {
    for seed in 0..20 {
        let (mut book, mut card) = scene(seed);
        let before = all(&mut book);
        merge(&mut book, &mut RamCard::new(), SnapshotOwners::All, 9_000)
            .expect("an empty card reads");
        nobody_is_missing(&before, &mut book, "an empty card");
        let mut stranger = RamCard::new();
        for name in ["AAAAAAAA.A", "README.TXT", "CONTACTS.VCF", "ZZZZZZZZ.B"] {
            let name = contactbox_core::card::FileName::parse(name).expect("a name");
            let bytes = Random::new(seed).bytes(3 * 512);
            block_on(stranger.write(&name, 0, &bytes)).expect("the card takes it");
        }
        merge(&mut book, &mut stranger, SnapshotOwners::All, 9_000)
            .expect("a stranger's card reads");
        nobody_is_missing(&before, &mut book, "a stranger's card");
        let (merged, _) =
            merge(&mut book, &mut card, SnapshotOwners::All, 9_000).expect("it reads");
        assert_eq!(merged.boxes, 2);
        nobody_is_missing(&before, &mut book, "a card of an older day");
    }
}

#[test]
fn damaged_and_half_cards_take_nothing_away() {
    let rounds = if std::env::var_os("CONTACTBOX_CAMPAIGN").is_some() { 20_000 } else { 1_500 };
    let (mut remarks, mut whole) = (0, 0);
    let mut scenes: Vec<(Chip<4, E>, RamCard)> = Vec::new();
    for seed in 0..5 {
        let (book, card) = scene(seed);
        scenes.push((book.into_flash(), card));
    }
    for round in 0..rounds {
        let mut random = Random::new(round);
        let (chip, card) = random.pick(&scenes).clone();
        let mut card: RamCard = card;
        let (mut book, _) = block_on(Book::open(chip, CONFIG, parts(PAGES, E, 16 * 1024)))
            .unwrap_or_else(|error| panic!("what was written can be opened: {error}"));
        let before = all(&mut book);
        for file in card.files_mut().values_mut() {
            match random.below(4) {
                // A few bits.
                0 => {
                    for _ in 0..1 + random.below(12) {
                        let (at, bit) = (random.below(file.len()), random.below(8));
                        file[at] ^= 1 << bit;
                    }
                }
                // A stretch of random bytes or zeros.
                1 => {
                    let at = random.below(file.len());
                    let len = 1 + random.below(1_500);
                    let zeros = random.chance(1, 3);
                    for byte in file[at..].iter_mut().take(len) {
                        *byte = if zeros { 0 } else { random.bits() as u8 };
                    }
                }
                // Half of it.
                2 => file.truncate(random.below(file.len() / 512) * 512),
                _ => {}
            }
        }
        let what = format!("round {round}");
        let (merged, _) = merge(&mut book, &mut card, SnapshotOwners::All, 9_000)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        nobody_is_missing(&before, &mut book, &what);
        remarks += merged.remarks;
        whole += u32::from(merged.remarks == 0);
        // The card can be used again.
        let root = block_on(book.root()).expect("everything can be read");
        let backup =
            back_up(&mut book, &mut card).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(backup.root, root, "{what}");
    }
    println!("{rounds} damaged cards, {whole} of them without a remark, {remarks} remarks");
}

#[test]
fn of_a_damaged_snapshot_what_is_left_is_taken_and_the_rest_from_the_older_one() {
    let mut card = RamCard::new();
    let mut book = new(0);
    change(&mut book, 3, 60, 1_000);
    back_up(&mut book, &mut card).expect("the card takes it");
    let newest = back_up(&mut book, &mut card).expect("the card takes it");
    let root = block_on(book.root()).expect("everything can be read");
    let bytes = newest.bytes as usize;
    for at in (512..bytes).step_by(97) {
        let mut struck = card.clone();
        let file = struck.files_mut().get_mut(&newest.file).expect("it was written");
        file[at..bytes.min(at + 40)].fill(0xEE);
        let mut restored = new(1);
        merge(&mut restored, &mut struck, SnapshotOwners::Others, 9_000).expect("the card reads");
        assert_eq!(block_on(restored.root()).expect("it reads"), root, "struck at {at}");
        // Without the older snapshot, everything but the damaged entry is there.
        struck.files_mut().retain(|name, _| *name == newest.file);
        let mut partly = new(2);
        merge(&mut partly, &mut struck, SnapshotOwners::Others, 9_000).expect("the card reads");
        let (all, left) = (restored.counts(), partly.counts());
        let (all, left) = (all.active + all.trashed, left.active + left.trashed);
        assert!(left + 2 >= all || at < 1_024, "struck at {at}: {left} of {all} are left");
    }
}
