//! Flipped bits and bursts in a filled box.
//!
//! A single bit is corrected or harmless. A burst costs at most the entries that it hit, is
//! reported, and never passes an older version off as the newest.

use contactbox_core::sim::{Nor, Tear};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::world::ops::{Op, PEOPLE, script};
use contactbox_tests::world::oracle::Oracle;
use contactbox_tests::world::{self, Chip};

const PAGES: usize = 64;
type Filled = (Chip<4, 512>, Oracle);

/// Makes a box with a history, after a checkpoint.
fn filled(seed: u64) -> Filled {
    let mut book = world::format::<4, 512>(Nor::new(PAGES));
    let mut oracle = Oracle::default();
    for op in script(seed, 300) {
        world::apply(&mut book, op, 0).expect("the script fits the box");
        oracle.apply(op);
    }
    world::apply(&mut book, Op::Rest, 0).expect("a box can rest");
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

/// Checks that the entry is rewritten as a whole: by maintenance, or, for the last one written, as
/// soon as the box has written more.
fn mends(mut book: world::Box<4, 512>, oracle: &Oracle) {
    let mut oracle = oracle.clone();
    for op in script(999, 300) {
        world::apply(&mut book, op, 0).expect("the script fits the box");
        oracle.apply(op);
    }
    for _ in 0..2_000 {
        if embassy_futures::block_on(book.maintain()).expect("idle work goes on") {
            break;
        }
    }
    let (mut book, opened) = world::open(book.into_flash()).expect("it opens");
    assert_eq!(opened.corrected, 0, "what was corrected has been written anew");
    assert_eq!(world::check(&mut book, &mut oracle, None), Ok(()));
}

/// Makes a box with a longer history: work, restarts, power cuts during the work, and a checkpoint
/// at the end.
fn lived<const W: usize, const E: usize>(seed: u64, pages: usize) -> (Chip<W, E>, Oracle) {
    let mut random = Random::new(seed);
    let mut chip = Nor::new(pages);
    chip.seed(seed);
    let mut book = world::format::<W, E>(chip);
    let mut oracle = Oracle::default();
    let ops = 20 + random.below(400);
    for op in script(seed, ops) {
        if random.chance(1, 40) {
            let (after, tear) = (random.below(8) as u64, *random.pick(&Tear::ALL));
            book.flash().cut_after(after, tear);
        }
        match world::apply(&mut book, op, 0) {
            Ok(()) => oracle.apply(op),
            Err(_) if book.flash().is_cut() => {
                let mut chip = book.into_flash();
                chip.power_on();
                book = world::open(chip).expect("a cut closes no box").0;
                let checked = world::check(&mut book, &mut oracle, Some(op));
                checked.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                // An import that shows nothing may or may not have been noted, which cannot be
                // seen.
                world::apply(&mut book, op, 0).expect("the script fits the box");
                oracle.apply(op);
            }
            Err(error) => panic!("seed {seed}: the script fits the box: {error}"),
        }
    }
    book.flash().power_on();
    world::apply(&mut book, Op::Rest, 0).expect("a box can rest");
    (book.into_flash(), oracle)
}

/// The results of the bursts.
#[derive(Default)]
struct Told {
    silent: usize,
    reported: usize,
    stale: usize,
    gone: usize,
}

/// Returns a bit to begin at: anywhere, or near one of the ends of what is written in a page.
fn place<const W: usize, const E: usize>(chip: &Chip<W, E>, random: &mut Random) -> u64 {
    let bits = (chip.contents().len() * 8 - 64) as u64;
    let page = random.below(chip.contents().len() / E);
    let written = chip.contents()[page * E..][..E].iter().rposition(|byte| *byte != 0xFF);
    let bit = match (written, random.below(4)) {
        (Some(last), 0) => ((page * E + last) * 8 + 8).saturating_sub(random.below(60 * 8)),
        (Some(_), 1) => page * E * 8 + random.below(100 * 8),
        _ => random.below(bits as usize),
    };
    bits.min(bit as u64)
}

/// Puts bursts of 2 to 64 bits into one box.
fn strike<const W: usize, const E: usize>(seed: u64, pages: usize, bursts: usize, told: &mut Told) {
    let mut random = Random::new(seed);
    let (chip, oracle) = lived::<W, E>(seed, pages);
    for burst in 0..bursts {
        let mut struck = chip.clone();
        let (bit, bits) = (place(&chip, &mut random), 2 + random.below(63) as u32);
        struck.seed(random.bits());
        struck.burst(bit, bits);
        let name = format!(
            "words of {W}, pages of {E}, seed {seed}, burst {burst} of {bits} bits at page {} byte {}",
            bit / 8 / E as u64,
            bit / 8 % E as u64
        );
        let (mut book, opened) =
            world::open(struck).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (mut lost, mut photos) = (0, 0);
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
                    told.stale += 1;
                    lost += 1;
                }
                // Some people share a photo.
                (Err(error), _) if error.starts_with("the photo") => photos += 1,
                (Ok(None) | Err(_), _) => {
                    told.gone += 1;
                    lost += 1;
                }
            }
        }
        assert!(lost <= 2, "{name}: {lost} people lost; {opened:?}");
        if opened.is_sound() && opened.corrected == 0 {
            assert_eq!(lost + photos, 0, "{name}: {lost} people lost and nothing said");
            told.silent += 1;
        } else {
            told.reported += 1;
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

fn bursts<const W: usize, const E: usize>(pages: usize, boxes: u64) {
    let bursts = 1_000;
    let boxes = if report::campaign() { boxes * 150 } else { boxes };
    let mut told = Told::default();
    for seed in 0..boxes {
        strike::<W, E>(seed, pages, bursts, &mut told);
    }
    let Told { silent, reported, stale, gone } = told;
    report::line(
        "bit rot",
        &format!(
            "{} bursts into {boxes} boxes, words of {W}, pages of {E}: {reported} reported, {silent} harmless; \
             {stale} contacts shown as possibly stale, {gone} not shown; none passed off as newest",
            boxes as usize * bursts
        ),
    );
    assert!(reported > boxes as usize * bursts / 4);
}

#[test]
fn a_burst_is_reported_and_costs_only_what_it_struck() {
    bursts::<1, 512>(64, 8);
    bursts::<4, 512>(64, 12);
}

#[test]
fn a_burst_is_reported_with_wide_words_and_large_pages() {
    bursts::<8, 512>(72, 5);
    bursts::<1, 4096>(12, 5);
    bursts::<4, 4096>(16, 5);
    bursts::<8, 4096>(12, 5);
}
