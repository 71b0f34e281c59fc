//! Power cuts over any engine: cut at every flash operation, reopen, compare, go on, compare again.
use std::panic::{self, AssertUnwindSafe};

use contactbox_core::sim::{Nor, Tear};

use super::chip::Chip;
use super::engine::{Engine, Trouble};
use super::work::{Choice, Edit, Work};
use crate::random::Random;

/// Bytes of a program word.
pub const WORD_BYTES: usize = 4;
/// The seed of the random choices.
pub const SEED: u64 = 20_261_122;
/// Operations of the chip that one opening or one edit may take before it counts as stuck.
const PATIENCE: u64 = 1_000_000;
/// Edits made after the last cut of a run, before the box is opened once more.
const EDITS_AFTER: usize = 40;
/// The second cut of a double one falls at most this many operations after the first.
const SECOND_CUT_MAX: usize = 24;

/// The script of one engine: few and small pages, so that they are reused several times.
#[derive(Clone, Copy)]
pub struct Plan {
    /// The pages of the chip.
    pub pages: usize,
    /// The contacts, which are added first.
    pub contacts: usize,
    /// The number of edits after that.
    pub edits: usize,
}

/// Returns the result of an engine, or `None` if it failed or panicked. At the moment of a cut it
/// may do either; with the power on, neither.
fn attempt<T>(act: impl FnOnce() -> Result<T, Trouble>) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(act)).ok()?.ok()
}

/// The state in which a cut chip was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// All acknowledged edits are there.
    Whole,
    /// An acknowledged contact is gone, unreadable, or in a state that it never had.
    Lost,
    /// A contact is an older version of itself.
    Stale,
    /// The store does not open or takes no more edits.
    Stuck,
}

/// The results of all runs in one tear mode.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// The number of runs.
    pub runs: u64,
    /// Runs that lost an acknowledged contact.
    pub lost: u64,
    /// Runs that showed an older version as the newest.
    pub stale: u64,
    /// Runs that ended with an unusable store.
    pub stuck: u64,
}

impl Tally {
    fn count(&mut self, verdict: Verdict) {
        self.runs += 1;
        match verdict {
            Verdict::Whole => {}
            Verdict::Lost => self.lost += 1,
            Verdict::Stale => self.stale += 1,
            Verdict::Stuck => self.stuck += 1,
        }
    }

    /// Adds two tallies.
    pub fn plus(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            lost: self.lost + other.lost,
            stale: self.stale + other.stale,
            stuck: self.stuck + other.stuck,
        }
    }
}

/// The script, and the right state after each of its edits.
pub struct Script {
    plan: Plan,
    edits: Vec<Edit>,
}

impl Script {
    /// Returns the script, which is the same for every engine with the same plan.
    pub fn new(plan: Plan) -> Self {
        let mut work = Work::new(plan.contacts, 60..=90, Choice::Skewed, SEED);
        let mut edits: Vec<_> = (0..work.contacts()).map(|key| work.add(key)).collect();
        edits.extend((0..plan.edits).map(|_| work.edit()));
        Self { plan, edits }
    }

    /// Returns the flash operations (programs and erases) of the whole script, all of which are
    /// cut.
    pub fn operations<E: Engine<WORD_BYTES, ERASE>, const ERASE: usize>(
        &self,
    ) -> Result<u64, String> {
        let chip = self.chip::<E, ERASE>();
        let mut engine = E::format(chip.clone()).map_err(|error| error.to_string())?;
        let before = chip.nor().operations();
        for edit in &self.edits {
            engine.put(edit).map_err(|error| error.to_string())?;
        }
        let operations = chip.nor().operations() - before;
        match self.compare(&mut engine, self.edits.len()) {
            Verdict::Whole => Ok(operations),
            verdict => Err(format!("{verdict:?} without any cut")),
        }
    }

    /// Makes one run with a cut at each operation.
    pub fn single<E: Engine<WORD_BYTES, ERASE>, const ERASE: usize>(
        &self,
        operations: u64,
        tear: Tear,
    ) -> Tally {
        let mut tally = Tally::default();
        for at in 0..operations {
            tally.count(self.run::<E, ERASE>(&[at], tear, SEED ^ at));
        }
        tally
    }

    /// Makes `runs` runs with two cuts: one anywhere, one soon after it.
    pub fn double<E: Engine<WORD_BYTES, ERASE>, const ERASE: usize>(
        &self,
        operations: u64,
        tear: Tear,
        runs: u64,
    ) -> Tally {
        let mut random = Random::new(SEED ^ tear as u64);
        let mut tally = Tally::default();
        for _ in 0..runs {
            let first = random.below(operations as usize) as u64;
            let second = random.below(SECOND_CUT_MAX) as u64;
            tally.count(self.run::<E, ERASE>(&[first, second], tear, random.bits()));
        }
        tally
    }

    fn chip<E: Engine<WORD_BYTES, ERASE>, const ERASE: usize>(&self) -> Chip<WORD_BYTES, ERASE> {
        let nor =
            if E::IS_STRICT { Nor::strict(self.plan.pages) } else { Nor::new(self.plan.pages) };
        Chip::from_nor(nor)
    }

    /// Makes a run: formats, works with a cut after each of `cuts` operations, then works without
    /// cuts.
    fn run<E: Engine<WORD_BYTES, ERASE>, const ERASE: usize>(
        &self,
        cuts: &[u64],
        tear: Tear,
        seed: u64,
    ) -> Verdict {
        let chip = self.chip::<E, ERASE>();
        chip.nor_mut().seed(seed);
        let mut engine = E::format(chip.clone()).ok();
        let mut done = 0;
        for (boot, cut) in (1..).zip(cuts) {
            chip.nor_mut().cut_after(*cut, tear);
            chip.set_patience(PATIENCE);
            if boot > 1 {
                engine = attempt(|| E::open(chip.clone(), boot));
            }
            if let Some(engine) = &mut engine {
                while let Some(edit) = self.edits.get(done) {
                    chip.set_patience(PATIENCE);
                    if attempt(|| engine.put(edit)).is_none() {
                        break;
                    }
                    done += 1;
                }
            }
            // The engine gave up with the power on, before the end of the script.
            if !chip.nor().is_cut() && done < self.edits.len() {
                return Verdict::Stuck;
            }
            drop(engine.take());
            chip.nor_mut().power_on();
        }
        self.aftermath::<E, ERASE>(&chip, done, cuts.len() as u32)
    }

    /// Opens the store, compares, goes on for a while, opens it once more, compares again.
    fn aftermath<E: Engine<WORD_BYTES, ERASE>, const ERASE: usize>(
        &self,
        chip: &Chip<WORD_BYTES, ERASE>,
        mut done: usize,
        boots: u32,
    ) -> Verdict {
        chip.set_patience(PATIENCE);
        let open = |boot| attempt(|| E::open(chip.clone(), boot));
        let Some(mut engine) = open(boots + 1) else { return Verdict::Stuck };
        let verdict = self.compare(&mut engine, done);
        if verdict != Verdict::Whole {
            return verdict;
        }
        for edit in self.edits.iter().skip(done).take(EDITS_AFTER) {
            chip.set_patience(PATIENCE);
            if attempt(|| engine.put(edit)).is_none() {
                return Verdict::Stuck;
            }
            done += 1;
        }
        drop(engine);
        chip.set_patience(PATIENCE);
        let Some(mut engine) = open(boots + 2) else { return Verdict::Stuck };

        self.compare(&mut engine, done)
    }

    /// Compares with the right state after `done` edits; the next one was interrupted.
    fn compare<E: Engine<WORD_BYTES, ERASE>, const ERASE: usize>(
        &self,
        engine: &mut E,
        done: usize,
    ) -> Verdict {
        let mut found = Vec::new();
        let mut worst = Verdict::Whole;
        for key in 0..self.plan.contacts as u32 {
            let versions = |edits: &[Edit]| edits.iter().rposition(|edit| edit.key == key);
            let newest = versions(&self.edits[..done]).map(|at| &self.edits[at].record);
            let in_flight = self.edits.get(done).filter(|edit| edit.key == key);
            let is_there = match attempt(|| engine.get(key, &mut found)) {
                Some(is_there) => is_there,
                // A contact that was never acknowledged cannot be lost.
                None if newest.is_none() => continue,
                None => return Verdict::Lost,
            };
            let is_right = match (newest, is_there) {
                (Some(newest), true) => *newest == found,
                (Some(_), false) => false,
                (None, there) => !there,
            } || is_there && in_flight.is_some_and(|edit| edit.record == found);
            if is_right {
                continue;
            }
            let was_right =
                self.edits[..done].iter().any(|edit| edit.key == key && edit.record == found);
            if !(is_there && was_right) {
                return Verdict::Lost;
            }
            worst = Verdict::Stale;
        }
        worst
    }
}
