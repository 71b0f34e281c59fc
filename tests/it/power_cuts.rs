//! Power cuts at every flash operation of a long script, in every tear mode, once, twice, and in
//! chains.
//!
//! Every acknowledged change is there, the interrupted one is in the state before or after, and the
//! box goes on.

use contactbox_core::sim::Tear;
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::world::memory::{HostMemory, Roomy};
use contactbox_tests::world::ops::{Op, script};
use contactbox_tests::world::oracle::Oracle;
use contactbox_tests::world::{self, Chip, CrowdedMemory, DeviceMemory};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

/// The operations in the script.
const OPS: usize = 420;
/// The operations after each recovery, and after that of a second cut.
const AFTERLIFE: usize = 12;
const SECOND_AFTERLIFE: usize = 4;

/// A box after a cut: the chip without power, the acknowledged state, and the interrupted
/// operation.
#[derive(Clone)]
struct Cut<const W: usize, const E: usize> {
    chip: Chip<W, E>,
    oracle: Oracle,
    in_flight: Option<Op>,
    next: usize,
}

/// Opens the box, compares, and does up to `count` operations of the script. `Err` is a cut. If the
/// chip collects cuts instead, `kept` is given each.
fn go_on<const W: usize, const E: usize, M: Roomy>(
    mut cut: Cut<W, E>,
    chip: Chip<W, E>,
    script: &[Op],
    count: usize,
    kept: &mut dyn FnMut(Cut<W, E>),
) -> Result<Cut<W, E>, Box<Cut<W, E>>> {
    let before = format!("in flight {:?}, before operation {}", cut.in_flight, cut.next);
    let programs = chip.operations();
    let (mut book, opened) =
        world::open_in::<W, E, M>(chip).unwrap_or_else(|error| panic!("{before}: {error}"));
    assert_eq!(book.flash().operations(), programs, "{before}: opening wrote");
    assert!(opened.is_sound(), "{before}: damage reported where there was a cut: {opened:?}");
    if let Err(error) = world::check(&mut book, &mut cut.oracle, cut.in_flight) {
        panic!("{before}: {error}");
    }
    // An import that changes nothing visible may or may not have been noted, which cannot be seen.
    // It is repeated, as its user would do.
    let again = cut.in_flight.filter(|op| matches!(op, Op::Import { .. }));
    let ops = again.into_iter().chain(script.iter().copied().cycle().skip(cut.next).take(count));
    for op in ops {
        let done = world::apply(&mut book, op, 0);
        for chip in book.flash().take_cuts() {
            kept(Cut { chip, oracle: cut.oracle.clone(), in_flight: Some(op), next: cut.next });
        }
        match done {
            Ok(()) => {
                cut.oracle.apply(op);
                cut.in_flight = None;
            }
            Err(_) if book.flash().is_cut() => {
                cut.in_flight = Some(op);
                cut.chip = book.into_flash();
                return Err(Box::new(cut));
            }
            Err(error) => panic!("{before}: {op:?} was refused: {error}"),
        }
        if again != Some(op) {
            cut.next = (cut.next + 1) % script.len();
        }
    }
    cut.in_flight = None;
    cut.chip = book.into_flash();
    Ok(cut)
}

/// Takes no collected cuts, for a run with a single cut.
fn none<const W: usize, const E: usize>(_: Cut<W, E>) {
    unreachable!("cuts are kept of chips that were asked to");
}

/// Returns a new box.
fn untouched<const W: usize, const E: usize>(pages: usize) -> Cut<W, E> {
    let chip = world::format::<W, E>(Chip::strict(pages)).into_flash();
    Cut { chip, oracle: Oracle::default(), in_flight: None, next: 0 }
}

/// Runs the script on an empty box until the fuse burns; `None` if it outlasts the script.
fn run<const W: usize, const E: usize, M: Roomy>(
    untouched: &Cut<W, E>,
    script: &[Op],
    fuse: u64,
    tear: Tear,
) -> Option<Cut<W, E>> {
    let mut chip = untouched.chip.clone();
    chip.seed(fuse.wrapping_mul(0x9E37_79B9) ^ tear as u64);
    chip.cut_after(fuse, tear);
    let cut = go_on::<W, E, M>(untouched.clone(), chip, script, script.len(), &mut none);
    cut.err().map(|cut| *cut)
}

/// Recovers after a cut: opens, compares, does `count` operations, opens and compares again. With
/// `second`, every `stride`th flash operation from `first` on is cut as well, and `kept` is given
/// the result.
fn recover<const W: usize, const E: usize, M: Roomy>(
    cut: &Cut<W, E>,
    script: &[Op],
    count: usize,
    second: Option<(u64, u64)>,
    kept: &mut dyn FnMut(Cut<W, E>),
) {
    let mut chip = cut.chip.clone();
    chip.power_on();
    if let Some((first, stride)) = second {
        chip.keep_cuts(first, stride);
    }
    let Ok(cut) = go_on::<W, E, M>(cut.clone(), chip, script, count, kept) else {
        panic!("no second cut was asked for")
    };
    let mut chip = cut.chip.clone();
    chip.power_on();
    assert!(go_on::<W, E, M>(cut, chip, script, 0, &mut none).is_ok());
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Runs `work` for every number below `end` on all processors.
fn in_parallel(end: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..processors() {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= end {
                        break;
                    }
                    work(number);
                }
            });
        }
    });
}

/// Runs the script once on every processor. `work` is given the result of a cut at every `stride`th
/// flash operation, in every tear mode. Returns the number of operations.
fn cuts_of_script<const W: usize, const E: usize, M: Roomy>(
    pages: usize,
    script: &[Op],
    stride: u64,
    work: impl Fn(u64, Cut<W, E>) + Sync,
) -> u64 {
    let untouched = untouched::<W, E>(pages);
    let start = untouched.chip.operations();
    let (taken, operations) = (AtomicU64::new(0), AtomicU64::new(0));
    in_parallel(processors(), |_| {
        let mut chip = untouched.chip.clone();
        chip.keep_cuts(0, stride);
        let mut number = 0;
        let mut kept = |cut: Cut<W, E>| {
            // The thread that comes to a cut first takes it.
            if taken.compare_exchange(number, number + 1, Relaxed, Relaxed).is_ok() {
                work(number / Tear::ALL.len() as u64, cut);
            }
            number += 1;
        };
        let done = go_on::<W, E, M>(untouched.clone(), chip, script, script.len(), &mut kept);
        let Ok(done) = done else { panic!("no cut was asked for") };
        operations.store(done.chip.operations() - start, Relaxed);
        let counters = done.chip.counters();
        assert!(counters.erases > pages as u64, "reclaiming runs: {counters:?}");
    });
    operations.into_inner()
}

fn every_single_cut<const W: usize, const E: usize, M: Roomy>(
    name: &str,
    pages: usize,
    stride: u64,
) {
    let script = script(41, OPS);
    let cases = AtomicU64::new(0);
    let operations = cuts_of_script::<W, E, M>(pages, &script, stride, |_, cut| {
        recover::<W, E, M>(&cut, &script, AFTERLIFE, None, &mut none);
        cases.fetch_add(1, Relaxed);
    });
    let cases = cases.into_inner();
    assert_eq!(cases, operations.div_ceil(stride) * Tear::ALL.len() as u64, "each cut once");
    report::line(
        name,
        &format!(
            "{cases} single cuts in {operations} flash operations, words of {W}, pages of {E}: nothing lost, no box stuck"
        ),
    );
}

#[test]
fn every_single_cut_words_of_4() {
    every_single_cut::<4, 512, HostMemory>("power cuts", 64, 1);
}

#[test]
fn single_cuts_with_a_devices_memory() {
    let stride = if report::campaign() { 1 } else { 5 };
    every_single_cut::<4, 512, DeviceMemory>("power cuts, narrow slots", 64, stride);
    every_single_cut::<4, 512, CrowdedMemory>("power cuts, shared hashes", 64, stride);
    every_single_cut::<1, 4096, CrowdedMemory>("power cuts, shared hashes", 12, 2 * stride);
}

#[test]
fn single_cuts_words_of_1_and_8_and_large_pages() {
    let stride = if report::campaign() { 1 } else { 11 };
    every_single_cut::<1, 512, HostMemory>("power cuts", 64, stride);
    every_single_cut::<8, 512, HostMemory>("power cuts", 64, stride);
    every_single_cut::<1, 4096, HostMemory>("power cuts", 12, stride);
}

/// Cuts the script at every `first_stride`th operation, and each recovery at every
/// `second_stride`th. Returns the number of pairs of cuts.
fn second_cuts<M: Roomy>(name: &str, first_stride: u64, second_stride: u64) -> u64 {
    let script = script(42, OPS);
    let cases = AtomicU64::new(0);
    cuts_of_script::<4, 512, M>(64, &script, first_stride, |number, cut| {
        let second = Some((number % second_stride, second_stride));
        recover::<4, 512, M>(&cut, &script, AFTERLIFE, second, &mut |second| {
            recover::<4, 512, M>(&second, &script, SECOND_AFTERLIFE, None, &mut none);
            let count = 1 + cases.fetch_add(1, Relaxed);
            if count.is_multiple_of(500_000) {
                report::line(name, &format!("{count} pairs of cuts so far"));
            }
        });
    });
    let cases = cases.into_inner();
    report::line(
        name,
        &format!("{cases} pairs of cuts, the second during recovery: nothing lost, no box stuck"),
    );
    cases
}

#[test]
fn a_second_cut_during_recovery() {
    // A usual run takes a sample of at least 20,000; a campaign takes all of them.
    let (first, second) = if report::campaign() { (1, 1) } else { (30, 13) };
    let cases = second_cuts::<HostMemory>("power cuts", first, second);
    assert!(cases >= 20_000, "only {cases} cases");
}

#[test]
fn a_second_cut_with_a_devices_memory() {
    let (first, second) = if report::campaign() { (1, 1) } else { (199, 9) };
    let cases = second_cuts::<DeviceMemory>("power cuts, narrow slots", first, second)
        + second_cuts::<CrowdedMemory>("power cuts, shared hashes", first, second);
    assert!(cases >= 8_000, "only {cases} cases");
}

fn chains<M: Roomy>(name: &str, chains: usize) {
    let script = script(43, OPS);
    let untouched = untouched::<4, 512>(64);
    let cuts = AtomicU64::new(0);
    in_parallel(chains, |number| {
        let mut random = Random::new(number as u64);
        let fuse = random.below(900) as u64;
        let tear = *random.pick(&Tear::ALL);
        let Some(mut cut) = run::<4, 512, M>(&untouched, &script, fuse, tear) else { return };
        for _ in 0..random.below(50) {
            let mut chip = cut.chip.clone();
            chip.power_on();
            chip.seed(random.bits());
            // Often right after opening, before anything is done.
            let fuse = if random.chance(1, 3) { 0 } else { random.below(12) as u64 };
            chip.cut_after(fuse, *random.pick(&Tear::ALL));
            cut = match go_on::<4, 512, M>(cut, chip, &script, AFTERLIFE, &mut none) {
                Ok(cut) => cut,
                Err(cut) => {
                    cuts.fetch_add(1, Relaxed);
                    *cut
                }
            };
        }
        recover::<4, 512, M>(&cut, &script, AFTERLIFE, None, &mut none);
    });
    report::line(
        name,
        &format!(
            "{} cuts in {chains} chains of up to 50: nothing lost, no box stuck",
            cuts.into_inner()
        ),
    );
}

#[test]
fn chains_of_up_to_fifty_cuts() {
    let count = if report::campaign() { 20_000 } else { 260 };
    chains::<HostMemory>("power cuts", count);
    chains::<DeviceMemory>("power cuts, narrow slots", count / 2);
    chains::<CrowdedMemory>("power cuts, shared hashes", count / 2);
}

#[test]
fn a_cut_while_formatting() {
    let mut cases = 0;
    for tear in Tear::ALL {
        for fuse in 0.. {
            let mut chip = Chip::<4, 512>::strict(16);
            chip.seed(fuse);
            chip.cut_after(fuse, tear);
            if world::try_format(&mut chip).is_ok() {
                break;
            }
            cases += 1;
            chip.power_on();
            // Either there is no box yet, which opening reports, or there is a whole and empty one.
            if let Ok((mut book, _)) = world::open(chip.clone()) {
                let checked = world::check(&mut book, &mut Oracle::default(), None);
                assert_eq!(checked, Ok(()), "{tear:?} at {fuse}");
            }
            let mut book = world::format(chip);
            assert!(world::apply(&mut book, Op::Put { who: 1, card: 1 }, 0).is_ok());
        }
    }
    assert!(cases > 10, "only {cases} cases");
}
