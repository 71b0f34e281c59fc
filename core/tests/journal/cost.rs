//! Measures the exact cost of an edit on the simulator: 512 KiB in 4 KiB pages, contacts of 90 to
//! 170 bytes.

use crate::support::{Held, Random, campaign};
use contactbox_core::sim::Nor;

/// The cost of a number of edits.
#[derive(Debug)]
struct Cost {
    /// The bytes programmed for each payload byte.
    amplification: f64,
    programs: f64,
    erases: f64,
    read_bytes: f64,
    /// The most erases in one edit.
    erases_max: u64,
    /// The most and the fewest erases of a page.
    wear: (u32, u32),
}

fn measure<const W: usize>(contacts: u64, edits: u64, skewed: bool) -> Cost {
    let mut held = Held::format(Nor::<1, W, 4096>::strict(128));
    let mut random = Random(1);
    let mut revision = 0;
    for key in 0..contacts {
        revision += 1;
        held.put(key as u32, revision, 90 + random.below(81) as usize).unwrap();
    }
    let mut edit = |held: &mut Held<W, 4096>, random: &mut Random| {
        let key = match skewed && random.below(10) != 0 {
            true => random.below(contacts / 10),
            false => random.below(contacts),
        };
        let len = 90 + random.below(81) as usize;
        revision += 1;
        let before = held.journal.flash_mut().counters().erases;
        held.put(key as u32, revision, len).unwrap();
        (len as u64, held.journal.flash_mut().counters().erases - before)
    };
    // This goes on until all pages were used and the mixture is steady.
    for _ in 0..edits / 2 {
        edit(&mut held, &mut random);
    }
    held.journal.flash_mut().reset_counters();
    let (mut payload, mut erases_max) = (0, 0);
    for _ in 0..edits {
        let (len, erases) = edit(&mut held, &mut random);
        payload += len;
        erases_max = erases_max.max(erases);
    }
    let counters = held.journal.flash_mut().counters();
    let stats = held.journal.stats();
    let per_edit = |count: u64| count as f64 / edits as f64;
    Cost {
        amplification: counters.programmed_bytes as f64 / payload as f64,
        programs: per_edit(counters.programs),
        erases: per_edit(counters.erases),
        read_bytes: per_edit(counters.read_bytes),
        erases_max,
        wear: (stats.erases_max, stats.erases_min),
    }
}

/// Returns the number of contacts of 141 bytes, headers included, that fill this part of the box.
fn contacts(percent: u64) -> u64 {
    let capacity = Held::format(Nor::<1, 4, 4096>::strict(128)).journal.stats().capacity_bytes;
    percent * capacity / 100 / 141
}

fn check(contacts: u64, skewed: bool, amplification_max: f64) {
    let edits = if campaign() { 100_000 } else { 12_000 };
    let words = [measure::<1>(contacts, edits, skewed), measure::<4>(contacts, edits, skewed)];
    for (word, cost) in [1, 4].into_iter().zip(words) {
        println!(
            "{contacts} contacts, 90/10 {skewed}, words of {word}: {:.3} bytes a byte, {:.3} programs, {:.4} erases, {:.0} bytes read an edit",
            cost.amplification, cost.programs, cost.erases, cost.read_bytes
        );
        assert!(cost.amplification <= amplification_max, "{cost:?}");
        assert_eq!(cost.erases_max, 1, "no edit waits for more than one erase");
    }
}

#[test]
fn an_edit_of_a_box_with_room_costs_its_bytes_and_one_program_call() {
    // This is 14 % of the chip, headers included.
    check(500, false, 1.105);
}

#[test]
fn an_edit_costs_little_more_in_a_box_that_is_80_percent_full() {
    check(contacts(50), false, 1.4);
    check(contacts(80), false, 2.8);
    check(contacts(80), true, 2.1);
}

#[test]
fn pages_wear_alike() {
    let edits = if campaign() { 1_000_000 } else { 60_000 };
    for skewed in [false, true] {
        let cost = measure::<4>(500, edits, skewed);
        let (most, fewest) = cost.wear;
        println!("after {} edits, 90/10 {skewed}: {fewest} to {most} erases a page", edits * 3 / 2);
        // The two are within 10 % of each other, once that is more than the spread allowed.
        assert!(most - fewest <= (most / 10).max(12), "{fewest} to {most}");
    }
}
