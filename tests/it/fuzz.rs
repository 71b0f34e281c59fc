//! Every fuzz target over its seeds and over seeded mutations of them.
use contactbox_tests::fuzz::{self, Mutator, Target};
use contactbox_tests::report;
use std::time::{Duration, Instant};

const CAMPAIGN_TIMES: usize = 100;
const LENGTH_MAX: usize = 8 * 1024;
/// The limit for one input. It catches loops, and is far above what a busy machine adds.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);

#[test]
fn targets_hold_on_seeds_and_mutations() {
    for Target { name, body, inputs } in fuzz::TARGETS {
        let count = inputs * if report::campaign() { CAMPAIGN_TIMES } else { 1 };
        let seeds = fuzz::seeds(name);
        assert!(!seeds.is_empty(), "the fuzz target {name} has no seeds");
        for seed in &seeds {
            body(seed);
        }
        let mut mutator = Mutator::new(seeds.clone(), 0x5eed, LENGTH_MAX);
        let mut slowest = Duration::ZERO;
        for number in 0..count {
            let input = mutator.next_input();
            let started = Instant::now();
            let outcome = std::panic::catch_unwind(|| body(&input));
            slowest = slowest.max(started.elapsed());
            assert!(
                outcome.is_ok(),
                "{name}: mutation {number} breaks it: {}",
                input.escape_ascii()
            );
            assert!(
                slowest < INPUT_TIME_MAX,
                "{name}: mutation {number} took {slowest:?}: {}",
                input.escape_ascii()
            );
        }
        report::line(
            "fuzz",
            &format!("{name}: {} seeds, {count} mutations, slowest {slowest:?}", seeds.len()),
        );
    }
}

#[test]
fn every_target_has_its_program() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    for Target { name, .. } in fuzz::TARGETS {
        let path = format!("{}/fuzz/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let program =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(
            program.contains(&format!("fuzz::run(\"{name}\", bytes)")),
            "{path} runs something else"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "fuzz/Cargo.toml does not list {name}"
        );
    }
}
