//! Tests ordinary work against an oracle: edits, groups, deletions, idle work, reopening, filling
//! up, growing, failing pages.

use crate::support::{DELETE, Held, Oracle, PUT, Random, campaign, payload};
use contactbox_core::sim::{Failing, Nor};
use contactbox_core::store::journal::{AppendError, Journal, JournalOpenError};
use embassy_futures::block_on;

fn work<const W: usize, const E: usize>(
    seed: u64,
    pages: usize,
    keys: u64,
    len_max: u64,
    edits: u32,
) {
    let mut random = Random(seed);
    let mut nor = Nor::<1, W, E>::strict(pages);
    nor.seed(seed);
    let mut held = Held::format(nor);
    let mut oracle = Oracle::new();
    for revision in 1..=edits {
        let key = random.below(keys) as u32;
        match random.below(100) {
            0..4 => {
                held = held.reopen().0;
                held.compare(&oracle)
                    .unwrap_or_else(|error| panic!("seed {seed} edit {revision}: {error}"));
            }
            4..8 => {
                held.tend(random.below(6) as u32);
            }
            8..12 => held.rest(),
            12..18 => {
                let len = 8 + random.below(len_max / 3) as usize;
                let other = (key + 1) % keys as u32;
                held.put_group(&[(key, revision, len), (other, revision, len)]).unwrap();
                oracle.insert(key, (revision, len, PUT));
                oracle.insert(other, (revision, len, PUT));
            }
            18..25 => {
                held.delete(key, revision).unwrap();
                oracle.insert(key, (revision, 8, DELETE));
            }
            _ => {
                let len = 8 + random.below(len_max) as usize;
                held.put(key, revision, len)
                    .unwrap_or_else(|error| panic!("seed {seed} edit {revision}: {error:?}"));
                oracle.insert(key, (revision, len, PUT));
            }
        }
    }
    held.compare(&oracle).unwrap();
    let (mut held, report) = held.reopen();
    held.compare(&oracle).unwrap();
    assert_eq!(
        (report.missing, report.pages_struck, report.corrected),
        (0, 0, 0),
        "seed {seed}: {report:?}"
    );
    assert!(held.map.losses.is_empty());
    let scan = block_on(held.journal.scan(&mut held.map, |_| {})).unwrap();
    assert_eq!(
        (scan.missing, scan.pages_struck, scan.corrected),
        (0, 0, 0),
        "seed {seed}: {scan:?}"
    );
    assert_eq!(held.journal.stats().unannounced, 0);
}

#[test]
fn edits_survive_on_small_pages() {
    for seed in 0..8 {
        work::<1, 512>(seed, 24, 40, 100, 1500);
        work::<4, 512>(seed, 24, 40, 100, 1500);
        work::<8, 512>(seed, 24, 40, 100, 1500);
    }
}

#[test]
fn edits_survive_on_usual_pages() {
    for seed in 0..if campaign() { 150 } else { 3 } {
        work::<1, 4096>(seed, 16, 150, 200, 6000);
        work::<4, 4096>(seed, 16, 26, 1800, 3000);
        work::<8, 65536>(seed, 10, 500, 600, 8000);
        // There are few pages, each with more entries than one step usually moves.
        work::<1, 4096>(seed, 10, 330, 20, 6000);
        work::<4, 16384>(seed, 9, 900, 20, 8000);
    }
}

#[test]
fn a_full_box_refuses_with_numbers_and_deleting_works() {
    let mut held = Held::format(Nor::<1, 4, 512>::strict(24));
    let mut oracle = Oracle::new();
    let mut key = 0;
    let full = loop {
        match held.put(key, 1, 90) {
            Ok(()) => oracle.insert(key, (1, 90, PUT)),
            Err(error) => break error,
        };
        key += 1;
    };
    let AppendError::Full { live_bytes, capacity_bytes } = full else { panic!("{full:?}") };
    assert!(live_bytes > capacity_bytes * 8 / 10, "{live_bytes} of {capacity_bytes}");
    held.compare(&oracle).unwrap();
    for round in 0..4 {
        held = held.reopen().0;
        held.compare(&oracle).unwrap();
        for victim in (round..key).step_by(4) {
            held.delete(victim, 2).unwrap_or_else(|error| panic!("delete {victim}: {error:?}"));
            oracle.insert(victim, (2, 8, DELETE));
        }
    }
    held.compare(&oracle).unwrap();
    for key in 1000..1020 {
        held.put(key, 1, 90).unwrap();
    }
}

#[test]
fn a_box_grows() {
    let mut held = Held::format(Nor::<1, 4, 512>::strict(8));
    let mut oracle = Oracle::new();
    for key in 0..400 {
        while let Err(error) = held.put(key, 1, 90) {
            assert!(matches!(error, AppendError::Full { .. }), "{error:?}");
            held.journal.flash_mut().enlarge(4);
            block_on(held.journal.extend()).unwrap();
        }
        oracle.insert(key, (1, 90, PUT));
        if key % 37 == 0 {
            held = held.reopen().0;
        }
    }
    let (mut held, report) = held.reopen();
    held.compare(&oracle).unwrap();
    assert_eq!(report.pages_struck, 0);
}

#[test]
fn failing_pages_are_left_for_others() {
    for how in [Failing::Erase, Failing::Program, Failing::Silent] {
        let mut held = Held::format(Nor::<1, 4, 512>::strict(32));
        let mut oracle = Oracle::new();
        let mut random = Random(9);
        for revision in 1..2000 {
            if revision % 300 == 0 {
                let page = random.below(32) as u32;
                held.journal.flash_mut().fail_page(page, how);
            }
            let key = random.below(30) as u32;
            held.put(key, revision, 60)
                .unwrap_or_else(|error| panic!("{how:?} {revision}: {error:?}"));
            oracle.insert(key, (revision, 60, PUT));
            if revision % 171 == 0 {
                held.tend(10);
            }
        }
        held.compare(&oracle).unwrap();
        let (mut held, _) = held.reopen();
        held.compare(&oracle).unwrap();
    }
}

#[test]
fn what_is_not_a_box_is_told_apart() {
    let blank = Nor::<1, 4, 512>::new(16);
    assert!(matches!(Held::open(blank.clone()), Err(JournalOpenError::Blank)));
    let mut foreign = blank.clone();
    foreign.contents_mut()[3000] = 7;
    assert!(matches!(Held::open(foreign), Err(JournalOpenError::Foreign)));
    let held = Held::format(blank);
    let mut newer = held.journal.into_flash();
    let mut header = newer.contents()[..24].to_vec();
    header[3] = 2;
    // This is the checksum of the page at 0.
    let crc = contactbox_core::store::seal::Seal::new().over(&[0; 4]).over(&header[..20]).value();
    header[20..].copy_from_slice(&crc.to_le_bytes());
    newer.contents_mut()[..24].copy_from_slice(&header);
    assert!(matches!(Held::open(newer), Err(JournalOpenError::Version(2))));
}

#[test]
fn one_read_suffices_to_get_an_entry_and_opening_reads_each_page_once() {
    let mut held = Held::format(Nor::<1, 4, 512>::strict(24));
    for key in 0..30 {
        held.put(key, 1, 80).unwrap();
    }
    let kept = held.map.index[&17];
    let before = held.journal.flash_mut().counters();
    let mut buf = [0; 128];
    let entry = block_on(held.journal.read(kept.at, 80, &mut buf)).unwrap();
    assert_eq!(entry.payload, payload(17, 1, 80));
    assert_eq!(held.journal.flash_mut().counters().reads, before.reads + 1);
    let entry = block_on(held.journal.read(kept.at, 0, &mut buf)).unwrap();
    assert_eq!(entry.payload, payload(17, 1, 80));
    assert_eq!(held.journal.flash_mut().counters().reads, before.reads + 3);
    assert!(block_on(held.journal.read(kept.at, 80, &mut buf[..50])).is_err());
    let mut nor = held.journal.into_flash();
    nor.reset_counters();
    let mut map = crate::support::Map::default();
    let memory = [Default::default(); 24];
    let (mut journal, _) =
        block_on(Journal::open(nor, memory, [0; 512], &mut [], &mut map)).unwrap();
    let counters = journal.flash_mut().counters();
    assert_eq!((counters.reads, counters.read_bytes, counters.programs), (24, 24 * 512, 0));
}
