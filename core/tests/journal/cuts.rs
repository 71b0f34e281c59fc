//! Cuts the power at every operation in every tear mode, and in long chains, always on strict
//! flash.

use crate::support::{DELETE, Held, Oracle, PUT, Random, campaign};
use contactbox_core::sim::{Nor, Tear};
use contactbox_core::store::journal::AppendError;
use std::collections::BTreeMap;

/// A version that a key may show: (revision, length, kind).
type Version = (u32, usize, u8);

/// A box under cuts, with the acknowledged version of each key and those that were in flight.
pub struct World<const W: usize, const E: usize> {
    pub held: Held<W, E>,
    pub oracle: Oracle,
    /// The keys of the last change, acknowledged or found after a cut, and of the one before.
    pub last: [Vec<u32>; 2],
    /// The versions that a key may show besides or instead of the oracle's, as they were in flight
    /// when the power went. `None` stands for no version.
    in_flight: BTreeMap<u32, Vec<Option<Version>>>,
    revision: u32,
    keys: u64,
    len_max: u64,
    pub label: String,
}

/// The result of a step.
#[derive(PartialEq)]
pub enum Outcome {
    Done,
    Cut,
}

impl<const W: usize, const E: usize> World<W, E> {
    pub fn new(nor: Nor<1, W, E>, keys: u64, len_max: u64, label: String) -> Self {
        World {
            held: Held::format(nor),
            oracle: Oracle::new(),
            last: [Vec::new(), Vec::new()],
            in_flight: BTreeMap::new(),
            revision: 0,
            keys,
            len_max,
            label,
        }
    }

    fn attempt(&mut self, items: &[(u32, Version)]) -> Outcome {
        let result = match items {
            [(key, (revision, len, PUT))] => self.held.put(*key, *revision, *len),
            [(key, (revision, _, _))] => self.held.delete(*key, *revision),
            items => {
                let items: Vec<_> =
                    items.iter().map(|(key, (revision, len, _))| (*key, *revision, *len)).collect();
                self.held.put_group(&items)
            }
        };
        match result {
            Ok(()) => {
                self.in_flight.clear();
                self.oracle.extend(items.iter().copied());
                self.is_last(items.iter().map(|(key, _)| *key).collect());
                Outcome::Done
            }
            Err(error) if self.is_cut() => {
                assert!(matches!(error, AppendError::Flash(_)), "{}: {error:?}", self.label);
                for (key, version) in items {
                    let may = self.in_flight.entry(*key).or_default();
                    may.push(self.oracle.get(key).copied());
                    may.push(Some(*version));
                }
                Outcome::Cut
            }
            Err(error) => {
                panic!("{}: stuck with {error:?}, {:?}", self.label, self.held.journal.stats());
            }
        }
    }

    fn is_last(&mut self, keys: Vec<u32>) {
        self.last.swap(0, 1);
        self.last[0] = keys;
    }

    fn is_cut(&mut self) -> bool {
        self.held.journal.flash_mut().is_cut()
    }

    pub fn step(&mut self, random: &mut Random) -> Outcome {
        self.revision += 1;
        let key = random.below(self.keys) as u32;
        let len = 8 + random.below(self.len_max) as usize;
        let outcome = match random.below(20) {
            0 => {
                self.held.tend(1 + random.below(4) as u32);
                Outcome::Done
            }
            1 => {
                self.held.rest();
                Outcome::Done
            }
            2 | 3 => {
                let other = (key + 1) % self.keys as u32;
                let version = (self.revision, len / 2 + 8, PUT);
                self.attempt(&[(key, version), (other, version)])
            }
            4 | 5 => self.attempt(&[(key, (self.revision, 8, DELETE))]),
            _ => self.attempt(&[(key, (self.revision, len, PUT))]),
        };
        if self.is_cut() { Outcome::Cut } else { outcome }
    }

    /// Switches the power on. All that is found must have been acknowledged or in flight.
    pub fn recover(mut self) -> Self {
        self.held.journal.flash_mut().power_on();
        let (mut held, report) = self.held.reopen();
        let found: Oracle = held
            .map
            .index
            .iter()
            .map(|(key, kept)| (*key, (kept.revision, kept.len as usize, kept.kind)))
            .collect();
        let keys: Vec<u32> = self.oracle.keys().chain(found.keys()).copied().collect();
        for key in keys {
            let (was, is) = (self.oracle.get(&key).copied(), found.get(&key).copied());
            let may = self.in_flight.get(&key);
            assert!(
                was == is || may.is_some_and(|may| may.contains(&is)),
                "{}: key {key} shows {is:?} instead of {was:?} or {may:?}",
                self.label
            );
        }
        held.compare(&found).unwrap_or_else(|error| panic!("{}: {error}", self.label));
        assert!(held.map.losses.is_empty(), "{}: {:?} {report:?}", self.label, held.map.losses);
        // A group is there as a whole or not at all: both keys have the revision of the group that
        // was cut.
        for (key, version) in &found {
            let new = self.in_flight.get(key).is_some_and(|may| may.contains(&Some(*version)));
            if new && self.oracle.get(key) != Some(version) && version.2 == PUT {
                let partners =
                    self.in_flight.iter().filter(|(_, may)| may.contains(&Some(*version)));
                for (partner, _) in partners {
                    assert_eq!(found.get(partner), Some(version), "{}: half a group", self.label);
                }
            }
        }
        let done: Vec<u32> = found
            .iter()
            .filter(|(key, version)| self.oracle.get(key) != Some(version))
            .map(|(key, _)| *key)
            .collect();
        let mut this = World { held, oracle: found, ..self };
        if !done.is_empty() {
            this.is_last(done);
        }
        this
    }
}

/// Cuts the script of `seed` at every operation (or every `stride`-th) in every mode.
///
/// Returns the number of cases.
fn sweep<const W: usize>(seed: u64, pages: usize, keys: u64, steps: u32, stride: usize) -> u64 {
    let mut nor = Nor::<1, W, 512>::strict(pages);
    nor.seed(seed);
    let script = |world: &mut World<W, 512>, random: &mut Random, steps: u32| {
        for _ in 0..steps {
            if world.step(random) == Outcome::Cut {
                return false;
            }
        }
        true
    };
    let mut world = World::new(nor.clone(), keys, 90, String::new());
    let formatted = world.held.journal.flash_mut().operations();
    assert!(script(&mut world, &mut Random(seed), steps));
    let operations = world.held.journal.flash_mut().operations() - formatted;
    let mut cases = 0;
    for cut in (0..operations).step_by(stride) {
        for tear in Tear::ALL {
            let label = format!("word {W} seed {seed} cut {cut} {tear:?}");
            let mut world = World::new(nor.clone(), keys, 90, label);
            world.held.journal.flash_mut().cut_after(cut, tear);
            let mut random = Random(seed);
            assert!(!script(&mut world, &mut random, steps));
            let mut world = world.recover();
            assert!(script(&mut world, &mut random, 40));
            let world = world.recover();
            assert_eq!(world.held.journal.stats().holes, 0);
            cases += 1;
        }
    }
    cases
}

#[test]
fn a_cut_at_any_operation_loses_nothing() {
    let (steps, seeds) = if campaign() { (600, 20) } else { (200, 1) };
    let mut cases = 0;
    for seed in 0..seeds {
        cases += sweep::<1>(seed, 16, 24, steps, 1);
        cases += sweep::<4>(seed, 16, 24, steps, 1);
        cases += sweep::<8>(seed, 16, 24, steps, 1);
    }
    println!("{cases} single cuts");
}

/// Runs a chain of cuts, some during or right after opening, then ordinary work.
fn chain<const W: usize, const E: usize>(
    seed: u64,
    pages: usize,
    keys: u64,
    len_max: u64,
    unstable: bool,
) {
    let mut random = Random(seed);
    let mut nor = Nor::<1, W, E>::strict(pages);
    nor.seed(seed);
    nor.tears_are_unstable(unstable);
    let label = format!("word {W} page {E} seed {seed} unstable {unstable}");
    let mut world = World::new(nor, keys, len_max, label);
    for _ in 0..random.below(300) {
        assert!(world.step(&mut random) == Outcome::Done);
    }
    let most = [2, 6, 12, 30][random.below(4) as usize];
    for _ in 0..2 + random.below(49) {
        let tear = Tear::ALL[random.below(5) as usize];
        let after = random.below(most);
        world.held.journal.flash_mut().cut_after(after, tear);
        let mut steps = 0;
        while world.step(&mut random) == Outcome::Done {
            steps += 1;
            assert!(steps < 1000, "{}: the fuse does not burn", world.label);
        }
        world = world.recover();
    }
    for _ in 0..60 {
        assert!(world.step(&mut random) == Outcome::Done);
    }
    world.recover();
}

#[test]
fn chains_of_cuts_lose_nothing() {
    let chains = if campaign() { 20_000 } else { 1_000 };
    for seed in 0..chains {
        chain::<1, 512>(seed, 16, 24, 90, false);
        chain::<4, 512>(seed, 14, 20, 90, seed % 2 == 0);
        chain::<8, 512>(seed, 24, 40, 90, false);
        // The box is as full as it may be: 80 % and more of what it takes.
        chain::<4, 512>(seed, 16, 42, 90, seed % 2 == 1);
        if seed % 10 == 0 {
            chain::<4, 4096>(seed, 12, 60, 250, seed % 20 == 0);
        }
    }
    println!("{} chains of up to 50 cuts", chains * 41 / 10);
}
