//! Flipped bits and bursts in a filled box: one bit is corrected or harmless, a burst costs at most
//! the entries it struck, is reported, and never passes an older version off as the newest.

use contactbox_core::sim::Nor;
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::world::ops::{PEOPLE, script};
use contactbox_tests::world::oracle::Oracle;
use contactbox_tests::world::{self, Chip};

const PAGES: usize = 64;
type Filled = (Chip<4, 512>, Oracle);

/// A box with a history, resting.
fn filled(seed: u64) -> Filled {
    let mut book = world::format::<4, 512>(Nor::new(PAGES));
    let mut oracle = Oracle::default();
    for op in script(seed, 300) {
        world::apply(&mut book, op, 0).expect("the script fits the box");
        oracle.apply(op);
    }
    world::apply(&mut book, world::ops::Op::Rest, 0).expect("a box can rest");
    (book.into_flash(), oracle)
}

#[test]
fn one_flipped_bit_loses_nothing() {
    const FLIPS: usize = 10_000;
    let mut random = Random::new(7);
    let (mut corrected, mut harmless) = (0, 0);
    for round in 0..10 {
        let (chip, mut oracle) = filled(round);
        for flip in 0..FLIPS / 10 {
            let mut chip = chip.clone();
            chip.flip(random.below(PAGES * 512 * 8) as u64);
            let (mut book, opened) = world::open(chip).expect("one bit does not close a box");
            if let Err(error) = world::check(&mut book, &mut oracle, None) {
                panic!("round {round}, flip {flip}: {error}; {opened:?}");
            }
            assert_eq!(book.losses(), 0, "round {round}, flip {flip}: {opened:?}");
            if opened.corrected > 0 {
                corrected += 1
            } else {
                harmless += 1
            }
            if flip % 50 == 0 {
                mends(book, &oracle);
            }
        }
    }
    report::line(
        "bit rot",
        &format!("{FLIPS} single flips: {corrected} corrected, {harmless} harmless, none lost"),
    );
    assert!(corrected > FLIPS / 4, "most of the box is entries");
}

/// The entry stands elsewhere, whole, after idle work; where it was written last, as soon as the
/// box has written on.
fn mends(mut book: world::Box<4, 512>, oracle: &Oracle) {
    let mut oracle = oracle.clone();
    for op in script(999, 300) {
        world::apply(&mut book, op, 0).expect("the script fits the box");
        oracle.apply(op);
    }
    for _ in 0..2_000 {
        if embassy_futures::block_on(book.tend()).expect("idle work goes on") {
            break;
        }
    }
    let (mut book, opened) = world::open(book.into_flash()).expect("it opens");
    assert_eq!(opened.corrected, 0, "what was corrected has been written anew");
    assert_eq!(world::check(&mut book, &mut oracle, None), Ok(()));
}

#[test]
fn a_burst_is_reported_and_costs_only_what_it_struck() {
    const BURSTS: usize = 10_000;
    let mut random = Random::new(8);
    let (mut silent, mut reported, mut stale, mut gone) = (0, 0, 0, 0);
    for round in 0..10 {
        let (chip, oracle) = filled(100 + round);
        for burst in 0..BURSTS / 10 {
            let mut struck = chip.clone();
            let bits = 2 + random.below(63) as u32;
            struck.seed(random.bits());
            struck.burst(random.below(PAGES * 512 * 8 - 64) as u64, bits);
            let name = format!("round {round}, burst {burst} of {bits} bits");
            let (mut book, opened) = world::open(struck).expect("a burst does not close a box");
            let mut lost = 0;
            for who in 0..PEOPLE {
                let known = oracle.people.get(&who);
                match (world::look_closely(&mut book, who), known) {
                    (Ok(None), None) => {}
                    (Ok(Some((seen, _))), Some(person)) if seen.looks_like(person) => {}
                    (Ok(Some((_, is_stale))), _) => {
                        assert!(
                            is_stale,
                            "{name}: person {who} is old, and that is not said: {opened:?}"
                        );
                        stale += 1;
                        lost += 1;
                    }
                    (Ok(None) | Err(_), _) => {
                        gone += 1;
                        lost += 1;
                    }
                }
            }
            assert!(lost <= 2, "{name}: {lost} people lost; {opened:?}");
            if opened.is_sound() && opened.corrected == 0 {
                assert_eq!(lost, 0, "{name}: {lost} people lost and nothing said");
                silent += 1;
            } else {
                reported += 1;
            }
            if burst % 20 == 0 {
                let losses = book.losses();
                let verified =
                    embassy_futures::block_on(book.verify(|_| {})).expect("it can be verified");
                assert_eq!(verified.is_sound(), opened.is_sound(), "{name}: {verified:?}");
                assert_eq!(book.losses(), losses, "{name}: told twice is lost once");
            }
        }
    }
    report::line(
        "bit rot",
        &format!(
            "{BURSTS} bursts: {reported} reported, {silent} harmless; {stale} contacts shown as \
             possibly stale, {gone} not shown; none passed off as newest"
        ),
    );
    assert!(reported > BURSTS / 4);
}
