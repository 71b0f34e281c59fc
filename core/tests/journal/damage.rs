//! Damages boxes: single flipped bits, bursts, pages gone, random images.

use crate::support::{DELETE, Held, Oracle, PUT, Random, campaign, hint};
use contactbox_core::sim::Nor;
use contactbox_core::store::journal::{JournalOpenError, Loss};
use embassy_futures::block_on;

/// Makes a box that has done work for a while and come to rest.
fn filled<const W: usize, const E: usize>(
    seed: u64,
    pages: usize,
    keys: u64,
    edits: u32,
    rests: bool,
) -> (Nor<1, W, E>, Oracle) {
    let mut random = Random(seed);
    let mut held = Held::format(Nor::<1, W, E>::strict(pages));
    let mut oracle = Oracle::new();
    for revision in 1..=edits {
        let key = random.below(keys) as u32;
        if random.below(8) == 0 {
            held.delete(key, revision).unwrap();
            oracle.insert(key, (revision, 8, DELETE));
        } else if random.below(8) == 0 {
            let other = (key + 1) % keys as u32;
            held.put_group(&[(key, revision, 30), (other, revision, 40)]).unwrap();
            oracle.insert(key, (revision, 30, PUT));
            oracle.insert(other, (revision, 40, PUT));
        } else {
            let len = 8 + random.below(100) as usize;
            held.put(key, revision, len).unwrap();
            oracle.insert(key, (revision, len, PUT));
        }
        if random.below(60) == 0 {
            held = held.reopen().0;
        }
    }
    if rests {
        held.rest();
    }
    held.compare(&oracle).unwrap();
    (held.journal.into_flash(), oracle)
}

fn flips<const W: usize, const E: usize>(
    pages: usize,
    keys: u64,
    edits: u32,
    count: u64,
) -> (u64, u64) {
    let (nor, oracle) = filled::<W, E>(3, pages, keys, edits, true);
    let mut random = Random(7);
    let bits = nor.contents().len() as u64 * 8;
    let (mut corrected, mut harmless) = (0, 0);
    for case in 0..count {
        let bit = random.below(bits);
        let mut struck = nor.clone();
        struck.flip(bit);
        let (mut held, report) =
            Held::open(struck).unwrap_or_else(|error| panic!("bit {bit}: {error:?}"));
        held.compare(&oracle).unwrap_or_else(|error| panic!("bit {bit}: {error} {report:?}"));
        assert!(held.map.losses.is_empty(), "bit {bit}: {:?}", held.map.losses);
        if report.corrected > 0 {
            corrected += 1;
        } else {
            harmless += 1;
        }
        if case % 10 == 0 {
            // Mended entries are written anew: no entry that counts needs mending any more.
            held.put(0, 1_000_000, 20).unwrap();
            while !held.tend(10) {}
            held.rest();
            let (mut held, report) = held.reopen();
            let mut oracle = oracle.clone();
            oracle.insert(0, (1_000_000, 20, PUT));
            held.compare(&oracle).unwrap_or_else(|error| panic!("bit {bit}: {error}"));
            assert_eq!(held.journal.stats().corrected, u64::from(report.corrected), "bit {bit}");
        }
    }
    (corrected, harmless)
}

#[test]
fn one_flipped_bit_is_corrected_or_harmless() {
    let count = if campaign() { 100_000 } else { 1_500 };
    println!("flips (corrected, harmless): {:?}", flips::<1, 512>(20, 30, 400, count));
    println!("flips (corrected, harmless): {:?}", flips::<4, 512>(20, 30, 400, count));
    println!("flips (corrected, harmless): {:?}", flips::<8, 4096>(12, 100, 1200, count / 3));
}

/// Returns whether the losses explain that this key does not show its newest version.
pub fn explained(losses: &[Loss], key: u32) -> bool {
    losses.iter().any(|loss| loss.hint == Some(hint(key)) || loss.hint.is_none() || loss.count > 1)
}

pub fn struck_keys<const W: usize, const E: usize>(
    held: &mut Held<W, E>,
    oracle: &Oracle,
    label: &str,
) -> Vec<u32> {
    let mut struck = Vec::new();
    for (key, (revision, len, _)) in oracle {
        if !held.holds(*key, *revision, *len) {
            assert!(
                held.map.index.get(key).is_none_or(|kept| kept.revision < *revision),
                "{label}: key {key} shows its newest version but it cannot be read"
            );
            struck.push(*key);
        }
    }
    struck
}

fn bursts<const W: usize, const E: usize>(
    pages: usize,
    keys: u64,
    edits: u32,
    count: u64,
) -> (u64, u64) {
    let (nor, oracle) = filled::<W, E>(5, pages, keys, edits, true);
    let mut random = Random(11);
    let bits = nor.contents().len() as u64 * 8;
    let (mut with_loss, mut without) = (0, 0);
    for case in 0..count {
        let (bit, length) = (random.below(bits - 64), 2 + random.below(63) as u32);
        let label = format!(
            "word {W} page {E} burst of {length} at {bit} (page {} offset {})",
            bit / 8 / E as u64,
            bit / 8 % E as u64
        );
        let mut damaged = nor.clone();
        damaged.seed(case);
        damaged.burst(bit, length);
        let (mut held, report) =
            Held::open(damaged.clone()).unwrap_or_else(|error| panic!("{label}: {error:?}"));
        let struck = struck_keys(&mut held, &oracle, &label);
        assert!(struck.len() <= 2, "{label}: {struck:?}");
        for key in &struck {
            assert!(
                explained(&held.map.losses, *key),
                "{label}: key {key} is stale in silence; {:?} {report:?}",
                held.map.losses
            );
        }
        if struck.is_empty() {
            without += 1;
        } else {
            with_loss += 1;
        }
        // In a box that is open at that moment, `scan` finds the same.
        let (mut open, _) = Held::open(nor.clone()).unwrap();
        *open.journal.flash_mut() = damaged;
        block_on(open.journal.scan(&mut open.map, |_| {})).unwrap();
        for key in &struck {
            assert!(
                explained(&open.map.losses, *key),
                "{label}: scan is silent about key {key}; {:?}",
                open.map.losses
            );
        }
        // If nobody looks, work goes on in the open box, and the loss is reported before its page
        // is erased.
        if case % 20 == 0 && !struck.is_empty() {
            let (mut open, _) = Held::open(nor.clone()).unwrap();
            *open.journal.flash_mut() = held.journal.flash_mut().clone();
            let quiet: Vec<u32> =
                oracle.keys().copied().filter(|key| !struck.contains(key)).collect();
            for revision in 0..300 {
                let key = quiet[revision % quiet.len()];
                open.put(key, 1_000_000 + revision as u32, 60).unwrap();
            }
            let (open, _) = open.reopen();
            for key in &struck {
                assert!(explained(&open.map.losses, *key), "{label}: lost while open");
            }
        }
        // Work goes on, the page is reclaimed, and the loss is still known.
        if case % 10 == 0 && !struck.is_empty() {
            let losses = held.map.losses.clone();
            let quiet: Vec<u32> =
                oracle.keys().copied().filter(|key| !struck.contains(key)).collect();
            for revision in 0..300 {
                held.put(quiet[revision % quiet.len()], 1_000_000 + revision as u32, 60).unwrap();
            }
            let (mut held, _) = held.reopen();
            for key in &struck {
                assert!(explained(&held.map.losses, *key), "{label}: forgotten; was {losses:?}");
            }
            // A healed loss is dropped.
            held.map.all_healed = true;
            for revision in 0..1000 {
                held.put(quiet[revision % quiet.len()], 2_000_000 + revision as u32, 60).unwrap();
            }
            let (held, _) = held.reopen();
            assert!(held.map.losses.len() <= losses.len() + 1, "{label}: {:?}", held.map.losses);
        }
    }
    (with_loss, without)
}

#[test]
fn a_burst_is_never_silent() {
    let count = if campaign() { 50_000 } else { 1_200 };
    println!("bursts (with loss, without): {:?}", bursts::<1, 512>(20, 30, 400, count));
    println!("bursts (with loss, without): {:?}", bursts::<4, 512>(20, 30, 400, count));
    println!("bursts (with loss, without): {:?}", bursts::<8, 512>(20, 30, 400, count));
    println!("bursts (with loss, without): {:?}", bursts::<4, 4096>(12, 100, 1200, count / 4));
}

/// Without a checkpoint behind it, the last write may have been cut or struck.
#[test]
fn a_burst_on_what_was_written_last_is_told_as_a_torn_tail() {
    let (nor, oracle) = filled::<4, 512>(19, 20, 30, 400, false);
    let mut random = Random(23);
    let bits = nor.contents().len() as u64 * 8;
    let mut torn = 0;
    for case in 0..if campaign() { 50_000 } else { 2_000 } {
        let (bit, length) = (random.below(bits - 64), 2 + random.below(63) as u32);
        let label = format!("burst of {length} at {bit}");
        let mut damaged = nor.clone();
        damaged.seed(case);
        damaged.burst(bit, length);
        let (mut held, report) = Held::open(damaged).unwrap();
        for key in struck_keys(&mut held, &oracle, &label) {
            let told = explained(&held.map.losses, key) || report.torn_tails > 0;
            assert!(told, "{label}: key {key} is stale in silence; {report:?}");
        }
        torn += u64::from(report.torn_tails > 0);
    }
    assert!(torn > 0);
}

#[test]
fn random_images_neither_panic_nor_loop() {
    let (nor, _) = filled::<4, 512>(13, 16, 24, 300, true);
    let mut random = Random(17);
    for case in 0..if campaign() { 20_000 } else { 600 } {
        let mut image = nor.clone();
        let bytes = image.contents_mut();
        let len = bytes.len() as u64;
        match case % 4 {
            0 => bytes.iter_mut().for_each(|byte| *byte = random.next() as u8),
            1 => (0..random.below(400))
                .for_each(|_| bytes[random.below(len) as usize] = random.next() as u8),
            2 => {
                for _ in 0..random.below(8) {
                    let start = random.below(len) as usize;
                    let end = (start + random.below(700) as usize).min(bytes.len());
                    let fill = [0, 0xFF, random.next() as u8][random.below(3) as usize];
                    bytes[start..end].fill(fill);
                }
            }
            _ => {
                // The pages have changed places.
                for _ in 0..6 {
                    let (from, to) =
                        (random.below(16) as usize * 512, random.below(16) as usize * 512);
                    bytes.copy_within(from..from + 512, to);
                }
            }
        }
        match Held::open(image) {
            Err(
                JournalOpenError::Foreign | JournalOpenError::Blank | JournalOpenError::Version(_),
            ) => {}
            Err(error) => panic!("{error:?}"),
            Ok((mut held, _)) => {
                for revision in 0..40 {
                    let _ = held.put(revision % 7, 5_000_000 + revision, 50);
                    held.tend(1);
                }
                let _ = block_on(held.journal.scan(&mut held.map, |_| {}));
                held.reopen();
            }
        }
    }
}
