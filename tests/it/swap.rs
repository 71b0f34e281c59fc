//! Three boxes and two cards: after any edits, swaps, cuts and pulls all hold the same, and nothing
//! is lost.

use contactbox_core::sim::{SectorTear, Tear};
use contactbox_tests::report;
use contactbox_tests::swap::{BOXES, CARDS, PEOPLE, Step, World};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

fn step() -> impl Strategy<Value = Step> {
    let at = 0..BOXES;
    let who = 0..PEOPLE;
    let card = 0..CARDS;
    let tear = prop::sample::select(Tear::ALL.to_vec());
    let sector = prop::sample::select(SectorTear::ALL.to_vec());
    prop_oneof![
        8 => (at.clone(), who.clone(), prop::option::of(0..6usize))
            .prop_map(|(at, who, without)| Step::Edit { at, who, without }),
        1 => (at.clone(), who.clone()).prop_map(|(at, who)| Step::Trash { at, who }),
        1 => (at.clone(), who).prop_map(|(at, who)| Step::Purge { at, who }),
        6 => (at.clone(), card.clone()).prop_map(|(at, card)| Step::Put { at, card }),
        2 => (at, 0..30u64, tear).prop_map(|(at, after, tear)| Step::Cut { at, after, tear }),
        2 => (card, 0..12u64, sector)
            .prop_map(|(card, after, tear)| Step::Pull { card, after, tear }),
    ]
}

#[test]
fn boxes_that_swap_cards_end_with_the_same_and_lose_nothing() {
    let cases = if report::campaign() { 100_000 } else { 4_000 };
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::default()
    };
    let (steps, cuts) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let script = prop::collection::vec(step(), 1..80);
    let done = TestRunner::new(config).run(&script, |script| {
        let mut world = World::new();
        for &step in &script {
            world.step(step);
        }
        world.settle();
        steps.set(steps.get() + script.len());
        cuts.set(cuts.get() + world.cuts);
        Ok(())
    });
    done.unwrap_or_else(|failure| panic!("{failure}"));
    let told =
        format!("{cases} scripts, {} steps, {} cuts and pulled cards", steps.get(), cuts.get());
    report::line("swap", &format!("{told}: nothing lost, all roots equal"));
}
