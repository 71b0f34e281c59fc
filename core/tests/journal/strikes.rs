//! Strikes boxes of every history with bursts: nothing acknowledged is lost without a report.
//!
//! One case is excepted, as nothing can tell it from a write that was cut: the change acknowledged
//! last, if the box has not come to rest since.

use crate::cuts::{Outcome, World};
use crate::damage::{explained, struck_keys};
use crate::support::{Held, Random, campaign};
use contactbox_core::sim::{Nor, Tear};

/// The results of a number of bursts.
#[derive(Debug, Default)]
struct Tally {
    harmless: u64,
    told: u64,
    /// Bursts that struck the last acknowledged change of a box that had not come to rest.
    like_a_cut: u64,
}

/// Makes a box with a history: work, idle work, chains of power cuts, in the end at rest or not.
fn lived<const W: usize, const E: usize>(
    seed: u64,
    pages: usize,
    keys: u64,
    len_max: u64,
    rests: bool,
) -> World<W, E> {
    let mut random = Random(seed);
    let mut nor = Nor::<1, W, E>::strict(pages);
    nor.seed(seed);
    let label = format!("word {W} page {E} pages {pages} keys {keys} seed {seed}");
    let mut world = World::new(nor, keys, len_max, label);
    for _ in 0..random.below(4) {
        for _ in 0..random.below(200) {
            assert!(world.step(&mut random) == Outcome::Done);
        }
        for _ in 0..random.below(3) {
            let tear = Tear::ALL[random.below(5) as usize];
            world.held.journal.flash_mut().cut_after(random.below(12), tear);
            while world.step(&mut random) == Outcome::Done {}
            world = world.recover();
        }
    }
    for _ in 0..random.below(12) {
        assert!(world.step(&mut random) == Outcome::Done);
    }
    if rests {
        world.held.rest();
    }
    world
}

/// Chooses the bit to strike: anywhere, or near the end of the written part of a page, where a box
/// is weakest.
fn place<const W: usize, const E: usize>(nor: &Nor<1, W, E>, random: &mut Random) -> u64 {
    let bits = nor.contents().len() as u64 * 8;
    let page = random.below((nor.contents().len() / E) as u64);
    let bytes = &nor.contents()[page as usize * E..][..E];
    let written = bytes.iter().rposition(|byte| *byte != 0xFF);
    match (random.below(3), written) {
        (0, Some(last)) => {
            let last = (page * E as u64 + last as u64) * 8;
            (last + 8).saturating_sub(random.below(60 * 8)).min(bits - 64)
        }
        (1, Some(_)) => (page * E as u64 + random.below(90)) * 8 + random.below(8),
        _ => random.below(bits - 64),
    }
}

fn strike<const W: usize, const E: usize>(
    world: &mut World<W, E>,
    rests: bool,
    seed: u64,
    count: u64,
    tally: &mut Tally,
) {
    let nor = world.held.journal.flash_mut().clone();
    let mut random = Random(seed);
    for case in 0..count {
        let (bit, length) = (place(&nor, &mut random), 2 + random.below(63) as u32);
        let label = format!(
            "{} rests {rests} case {case} burst of {length} at page {} byte {}",
            world.label,
            bit / 8 / E as u64,
            bit / 8 % E as u64
        );
        let mut damaged = nor.clone();
        damaged.seed(case);
        damaged.burst(bit, length);
        let (mut held, report) =
            Held::open(damaged).unwrap_or_else(|error| panic!("{label}: {error:?}"));
        let struck = struck_keys(&mut held, &world.oracle, &label);
        let silent: Vec<u32> =
            struck.iter().copied().filter(|key| !explained(&held.map.losses, *key)).collect();
        let told = struck.len() - silent.len();
        assert!(told <= 2, "{label}: {struck:?} {report:?} {:?}", held.map.losses);
        if silent.is_empty() {
            *if struck.is_empty() { &mut tally.harmless } else { &mut tally.told } += 1;
            continue;
        }
        // One burst can strike the last change together with the end of the one before.
        let [last, before] = &world.last;
        let is_last = silent.iter().any(|key| last.contains(key))
            && silent.iter().all(|key| last.contains(key) || before.contains(key));
        assert!(
            !rests && is_last && report.torn_tails > 0,
            "{label}: keys {silent:?} are stale in silence, the last were {:?}; {report:?} {:?}",
            world.last,
            held.map.losses
        );
        tally.like_a_cut += 1;
    }
}

fn strikes<const W: usize, const E: usize>(
    pages: usize,
    keys: u64,
    len_max: u64,
    seeds: u64,
    rests: bool,
) {
    let seeds = if campaign() { seeds * 100 } else { seeds };
    let mut tally = Tally::default();
    for seed in 0..seeds {
        let mut world = lived::<W, E>(seed, pages, keys, len_max, rests);
        strike(&mut world, rests, seed, 200, &mut tally);
    }
    println!("words of {W}, {pages} pages of {E}, {keys} keys, at rest {rests}: {tally:?}");
    assert!(tally.told > seeds * 5, "too few of them strike what counts: {tally:?}");
}

/// Strikes boxes with room and full ones, small and large pages, entries of a few bytes and of half
/// a page.
fn all_kinds(rests: bool) {
    strikes::<1, 512>(20, 30, 90, 30, rests);
    strikes::<1, 512>(40, 12, 260, 30, rests);
    strikes::<4, 512>(16, 42, 90, 30, rests);
    strikes::<4, 512>(14, 14, 200, 30, rests);
    strikes::<8, 512>(24, 40, 90, 30, rests);
    strikes::<8, 512>(60, 10, 240, 20, rests);
    strikes::<1, 4096>(12, 60, 250, 10, rests);
    strikes::<4, 4096>(12, 8, 2500, 10, rests);
    strikes::<8, 4096>(20, 16, 2500, 10, rests);
}

#[test]
fn a_box_at_rest_tells_of_every_burst() {
    all_kinds(true);
}

#[test]
fn without_rest_only_what_was_acknowledged_last_looks_like_a_cut() {
    all_kinds(false);
}
