//! B11: a verification in steps, with the box in use between them, finds the same as one in one go.

use contactbox_core::sim::Nor;
use contactbox_core::store::{Finding, Verification, VerifyReport};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::world::ops::{Op, script};
use contactbox_tests::world::{self, Box, Chip};
use embassy_futures::block_on;

/// Few enough that reclaiming never ends.
const PAGES: usize = 28;

fn filled(seed: u64) -> Chip<4, 512> {
    let mut book = world::format::<4, 512>(Nor::new(PAGES));
    for op in script(seed, 300) {
        // An operation that no longer fits is left out.
        world::apply(&mut book, op, 0).ok();
    }
    world::apply(&mut book, Op::Rest, 0).expect("a box can rest");
    book.into_flash()
}

fn at_once(book: &mut Box<4, 512>) -> VerifyReport {
    block_on(book.verify(|_| {})).expect("the chip can be read")
}

/// Verifies in the smallest steps, with a change of the box after each; returns the findings and
/// the number of steps.
fn in_steps(book: &mut Box<4, 512>, ops: &[Op]) -> (VerifyReport, Vec<Finding>, usize) {
    let mut verification = Verification::default();
    let (mut findings, mut steps) = (Vec::new(), 0);
    let mut ops = ops.iter().cycle();
    loop {
        let step = book.verify_step(&mut verification, 1, |finding| findings.push(*finding));
        if block_on(step).expect("the chip can be read") {
            return (*verification.report(), findings, steps);
        }
        steps += 1;
        for &op in ops.by_ref().take(1 + steps % 5) {
            // A contact that cannot be read cannot be changed either.
            world::apply(book, op, 0).ok();
        }
        block_on(book.maintain()).ok();
        assert!(steps < 100_000, "it comes to an end");
    }
}

#[test]
fn b11_what_moves_meanwhile_is_neither_damage_nor_hides_it() {
    let boxes = if report::campaign() { 2_000 } else { 12 };
    let mut random = Random::new(11);
    let (mut sound, mut struck, mut healed, mut all_steps, mut erases) = (0, 0, 0, 0, 0);
    for seed in 0..boxes {
        let chip = filled(seed);
        let ops = script(seed + 1000, 400);
        for strike in 0..6 {
            let mut chip = chip.clone();
            if strike > 0 {
                chip.seed(random.bits());
                let bit = random.below(chip.contents().len() * 8 - 512);
                chip.burst(bit as u64, 64 + random.below(448) as u32);
            }
            let name = format!("box {seed}, strike {strike}");
            // Damage that keeps the box from opening is not the subject here.
            let Ok((mut book, _)) = world::open(chip) else { continue };
            let before = at_once(&mut book);
            let erased = book.stats().journal.erases;
            let (stepped, findings, steps) = in_steps(&mut book, &ops);
            let after = at_once(&mut book);
            all_steps += steps;
            erases += book.stats().journal.erases - erased;
            assert_eq!(stepped.findings as usize, findings.len(), "{name}");
            assert!(
                stepped.is_sound() || !before.is_sound(),
                "{name}: nothing was wrong, and {stepped:?}, {findings:?}"
            );
            assert!(
                after.is_sound() || !stepped.is_sound(),
                "{name}: {after:?} is still wrong, and it was {stepped:?}"
            );
            match (before.is_sound(), after.is_sound()) {
                (true, _) => sound += 1,
                (false, false) => struck += 1,
                (false, true) => healed += 1,
            }
        }
    }
    report::line(
        "verify in steps",
        &format!(
            "{all_steps} steps with {erases} pages erased between them: {sound} sound boxes found sound, {struck} damaged ones \
             found damaged, {healed} mended meanwhile"
        ),
    );
    assert!(sound > 10 && struck > 20 && erases > 500);
}
