//! Tests that what another box removes is kept here for a while.

use crate::support::*;
use contactbox_core::contact::Kind;
use contactbox_core::sim::Tear;
use contactbox_core::store::{KEEP_MILLIS, Narrow, Packed, Wide};
use embassy_futures::block_on;

const ADA: [(Kind, &str); 2] = [(Kind::FN, "Ada"), (Kind::TEL, "+44 20 7946 0000")];
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Makes two boxes that hold Ada with her photo.
fn two<S: Packed>(pages: usize) -> (Box<S>, Box<S>) {
    let (mut here, mut there) = (format::<S>(1, pages), format::<S>(2, pages));
    put(&mut there, 1, &ADA, Some(&photo(1)), NOW).expect("there is room");
    put(&mut there, 2, &[(Kind::FN, "Grace")], None, NOW).expect("there is room");
    hand_over(&mut there, &mut here, NOW).expect("there is room");
    hand_over(&mut here, &mut there, NOW).expect("there is room");
    assert_eq!(kept(&mut here), []);
    (here, there)
}

/// Checks that Ada with her photo is kept, and nothing else.
fn keeps_ada<S: Packed>(book: &mut Box<S>) {
    let all = kept(book);
    assert_eq!(all.len(), 1);
    let (whose, _, name, picture) = &all[0];
    assert_eq!((*whose, name.as_str()), (uid(1), "Ada"));
    assert_eq!(picture.as_ref(), Some(&photo(1)));
}

fn what_a_peer_purges_is_kept<S: Packed>() {
    let (mut here, mut there) = two::<S>(48);
    purge(&mut there, 1, NOW + DAY);
    hand_over(&mut there, &mut here, NOW + DAY).expect("there is room");
    hand_over(&mut here, &mut there, NOW + DAY).expect("there is room");
    assert!(!is_there(&mut here, 1));
    keeps_ada(&mut here);
    // The other box removed the contact itself, so it keeps nothing.
    assert_eq!(kept(&mut there), []);
    assert_eq!(block_on(here.root()).ok(), block_on(there.root()).ok());

    // The state is kept wherever it is moved, and whatever a cut leaves of it twice.
    for _ in 0..4 {
        churn(&mut here, 150, NOW + 2 * DAY);
        keeps_ada(&mut here);
        here = open(here.into_flash());
        keeps_ada(&mut here);
        tend(&mut here);
        block_on(here.checkpoint()).expect("the chip works");
    }
    assert!(here.stats().journal.erases_max > 3, "{:?}", here.stats().journal);
    assert_eq!(here.counts().tombstones, 1);

    // The clock is put back, or stands right before the end.
    for now in [0, NOW - 400 * DAY, NOW + DAY + KEEP_MILLIS - 1] {
        here.tell_time(now);
        tend(&mut here);
        keeps_ada(&mut here);
    }
    let before = here.counts();
    assert!(before.chunks > 0);
    here.tell_time(NOW + DAY + KEEP_MILLIS);
    assert_eq!(kept(&mut here), []);
    tend(&mut here);
    assert_eq!(here.counts().chunks, 0, "its photo is nobody's any more");
    here = open(here.into_flash());
    here.tell_time(NOW + DAY + KEEP_MILLIS);
    tend(&mut here);
    assert_eq!(kept(&mut here), []);
    assert_eq!(here.counts().chunks, 0);
}

#[test]
fn b7_what_a_peer_purges_is_kept_for_30_days_with_its_photo() {
    assert_eq!(KEEP_MILLIS, 30 * DAY);
    what_a_peer_purges_is_kept::<Wide>();
    what_a_peer_purges_is_kept::<Narrow>();
    what_a_peer_purges_is_kept::<Narrow<2>>();
}

#[test]
fn b7_what_goes_by_way_of_the_trash_is_kept_when_it_goes_from_there() {
    let (mut here, mut there) = two::<Wide>(32);
    block_on(there.remove(uid(1), Default::default(), NOW + 1)).expect("it was there");
    hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
    assert_eq!(kept(&mut here), [], "what is in the trash still has all it said");
    assert!(is_there(&mut here, 1));
    purge(&mut there, 1, NOW + 2);
    hand_over(&mut there, &mut here, NOW + 2).expect("there is room");
    assert!(!is_there(&mut here, 1));
    keeps_ada(&mut here);
    // The same state again is nothing new, and nothing is kept twice.
    hand_over(&mut there, &mut here, NOW + 3).expect("there is room");
    keeps_ada(&mut here);
}

#[test]
fn b7_a_contact_that_loses_its_last_name_and_number_is_kept() {
    let (mut here, mut there) = two::<Wide>(32);
    put(&mut there, 1, &[(Kind::TEL, "1"), (Kind::NOTE, "less")], Some(&photo(1)), NOW + 1)
        .expect("there is room");
    hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
    assert_eq!(kept(&mut here), [], "there still is a number");
    put(&mut there, 1, &ADA, Some(&photo(1)), NOW + 2).expect("there is room");
    hand_over(&mut there, &mut here, NOW + 2).expect("there is room");
    put(&mut there, 1, &[(Kind::NOTE, "nobody")], None, NOW + 3).expect("there is room");
    hand_over(&mut there, &mut here, NOW + 3).expect("there is room");
    assert!(is_there(&mut here, 1));
    tend(&mut here);
    keeps_ada(&mut here);
    assert_eq!(block_on(here.root()).ok(), block_on(there.root()).ok());
}

#[test]
fn b7_a_removal_in_the_middle_of_a_sweep_keeps_the_photo() {
    let (mut here, mut there) = two::<Narrow>(48);
    for number in 100..500 {
        put(&mut here, number, &[(Kind::FN, "Somebody")], None, NOW).expect("there is room");
    }
    purge(&mut there, 1, NOW + 1);
    let untouched = here.into_flash();
    for steps in 0..16 {
        // After an opening, no chunk is marked as just stored.
        let mut here = open::<Narrow>(untouched.clone());
        for _ in 0..steps {
            block_on(here.maintain()).expect("the chip works");
        }
        hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
        for _ in 0..2 {
            tend(&mut here);
            keeps_ada(&mut here);
        }
    }
}

#[test]
fn b7_what_the_owner_removes_is_not_kept() {
    let (mut here, _) = two::<Wide>(32);
    purge(&mut here, 1, NOW + 1);
    assert_eq!(kept(&mut here), []);
}

#[test]
fn b7_a_large_contact_is_kept_too() {
    let (mut here, mut there) = (format::<Narrow>(1, 64), format::<Narrow>(2, 64));
    let note = "a long story ".repeat(800);
    let texts = [(Kind::FN, "Ada"), (Kind::NOTE, note.as_str())];
    put(&mut there, 1, &texts, Some(&photo(1)), NOW).expect("there is room");
    hand_over(&mut there, &mut here, NOW).expect("there is room");
    purge(&mut there, 1, NOW + 1);
    hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
    churn(&mut here, 300, NOW + 2);
    keeps_ada(&mut here);
    let mut here = open::<Narrow>(here.into_flash());
    tend(&mut here);
    keeps_ada(&mut here);
    block_on(here.forget_kept()).expect("there is room");
    tend(&mut here);
    assert_eq!(here.counts().chunks, 0);
}

#[test]
fn b7_a_removal_that_leaves_as_much_as_it_takes_is_kept_before_it() {
    // The two records do not fit into one group.
    let (mut here, mut there) = (format::<Wide>(1, 32), format::<Wide>(2, 32));
    let limit = PAGE_BYTES / 2 - 420;
    let note = "n".repeat(limit);
    put(&mut there, 1, &[(Kind::FN, "Ada"), (Kind::NOTE, &note)], Some(&photo(1)), NOW)
        .expect("there is room");
    hand_over(&mut there, &mut here, NOW).expect("there is room");
    let other = "m".repeat(limit);
    put(&mut there, 1, &[(Kind::NOTE, &other)], None, NOW + 1).expect("there is room");
    let before = here.stats().journal.programs;
    hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
    assert!(here.stats().journal.programs > before + 1);
    keeps_ada(&mut here);
    let mut here = open::<Wide>(here.into_flash());
    tend(&mut here);
    keeps_ada(&mut here);
}

#[test]
fn b7_what_is_forgotten_stays_forgotten_and_what_comes_later_is_kept() {
    let (mut here, mut there) = two::<Narrow>(32);
    purge(&mut there, 1, NOW + 1);
    hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
    tend(&mut here);
    keeps_ada(&mut here);
    block_on(here.forget_kept()).expect("there is room");
    assert_eq!(kept(&mut here), []);
    tend(&mut here);
    assert_eq!(here.counts().chunks, 0);
    let mut here = open::<Narrow>(here.into_flash());
    assert_eq!(kept(&mut here), []);
    block_on(here.forget_kept()).expect("there is room");
    // This comes later, though the clock has been put back by a year.
    purge(&mut there, 2, NOW + 2);
    hand_over(&mut there, &mut here, NOW - 365 * DAY).expect("there is room");
    let mut here = open::<Narrow>(here.into_flash());
    here.tell_time(NOW - 365 * DAY);
    tend(&mut here);
    let names: Vec<String> = kept(&mut here).into_iter().map(|kept| kept.2).collect();
    assert_eq!(names, ["Grace"]);
}

#[test]
fn b7_stamps_of_others_do_not_end_it_early() {
    let (mut here, mut there) = two::<Wide>(32);
    purge(&mut there, 1, NOW + 1);
    // The other clock is a thousand years ahead, and the owner edits what it wrote.
    put(&mut there, 3, &[(Kind::FN, "Future")], None, NOW + 365_000 * DAY).expect("room");
    hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
    put(&mut here, 3, &[(Kind::FN, "Future"), (Kind::TEL, "1")], None, NOW + 2).expect("room");
    assert!(here.time_max() > NOW + 365_000 * DAY);
    tend(&mut here);
    keeps_ada(&mut here);
}

/// Cuts a removal at every operation, with `changes` made before it to fill its page to some
/// degree.
fn a_cut_loses_nothing<S: Packed>(tear: Tear, changes: u32) -> u64 {
    let (mut here, mut there) = two::<S>(14);
    churn(&mut here, changes, NOW);
    purge(&mut there, 1, NOW + 1);
    let untouched = here.into_flash();
    let mut fuse = 0;
    loop {
        let mut chip = untouched.clone();
        chip.seed(fuse ^ tear as u64);
        let mut here = open::<S>(chip);
        here.flash().cut_after(fuse, tear);
        let done = hand_over(&mut there, &mut here, NOW + 1);
        let is_cut = here.flash().is_cut();
        assert_eq!(done.is_err(), is_cut);
        let mut here = open::<S>(here.into_flash());
        let is_kept = !kept(&mut here).is_empty();
        if is_kept {
            keeps_ada(&mut here);
        }
        assert!(is_kept || is_there(&mut here, 1), "after {fuse} operations");
        assert!(is_cut || is_kept);
        // The box continues from there.
        hand_over(&mut there, &mut here, NOW + 2).expect("there is room");
        assert!(!is_there(&mut here, 1));
        keeps_ada(&mut here);
        churn(&mut here, 12, NOW + 3);
        let mut here = open::<S>(here.into_flash());
        keeps_ada(&mut here);
        if !is_cut {
            return fuse;
        }
        fuse += 1;
    }
}

#[test]
fn b7_a_cut_at_any_operation_loses_neither_the_contact_nor_what_is_kept() {
    for tear in Tear::ALL {
        let mut most = 0;
        for changes in 60..68 {
            let wide = a_cut_loses_nothing::<Wide>(tear, changes);
            most = most.max(wide).max(a_cut_loses_nothing::<Narrow<4>>(tear, changes));
            assert!(wide > 0);
        }
        // In some of these runs pages are reclaimed on the way.
        assert!(most > 3, "{tear:?}: {most}");
    }
}

#[test]
fn b7_without_room_to_keep_it_a_contact_is_not_removed() {
    let (mut there, slots) = (format::<Narrow>(2, 32), 9);
    let mut here = format_with::<Narrow>(1, 32, slots);
    for number in 0..slots as u32 {
        let name = format!("Person {number}");
        put(&mut there, number, &[(Kind::FN, &name)], None, NOW).expect("there is room");
    }
    hand_over(&mut there, &mut here, NOW).expect("there is room");
    purge(&mut there, 3, NOW + 1);
    assert!(hand_over(&mut there, &mut here, NOW + 1).is_err());
    assert!(is_there(&mut here, 3));
    assert_eq!(kept(&mut here), []);
    let mut here = open_with::<Narrow>(here.into_flash(), slots);
    assert!(is_there(&mut here, 3));
    // With one more slot the contact is removed.
    let mut here = open_with::<Narrow>(here.into_flash(), slots + 1);
    hand_over(&mut there, &mut here, NOW + 2).expect("there is room");
    assert!(!is_there(&mut here, 3));
    assert_eq!(kept(&mut here).len(), 1);
    block_on(here.forget_kept()).expect("there is room");
    // A forgotten entry that is still in a page does not stop the box from opening.
    put(&mut here, 77, &[(Kind::FN, "New")], None, NOW + 3).expect("there is room");
    let mut here = open_with::<Narrow>(here.into_flash(), slots + 1);
    assert!(is_there(&mut here, 77));
    assert_eq!(kept(&mut here), []);
}
