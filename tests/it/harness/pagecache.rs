//! The modelled disk keeps what was synced, and mixes what was not.

use contactbox_tests::pagecache::{BLOCK, CUTS, Change, Cut, PageCache};
use contactbox_tests::random::Random;

fn written() -> PageCache {
    let mut file = PageCache::of(&[1; 3 * BLOCK]);
    for block in 0..3 {
        file.apply(&Change::Write(block * BLOCK as u64 + 10, [2; 600].into()));
    }
    file.apply(&Change::Write(3 * BLOCK as u64, [3; 100].into()));
    file
}

#[test]
fn what_was_synced_survives_and_the_rest_is_old_or_new() {
    let mut random = Random::new(1);
    let mut file = written();
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..2000 {
        let cut = CUTS[round % CUTS.len()];
        let after = file.after(cut, &mut random).contents();
        for (at, byte) in after.iter().enumerate() {
            let is_touched = at >= 3 * BLOCK || (10..610).contains(&(at % BLOCK));
            assert!(*byte == 1 || is_touched, "{cut:?}: byte {at}");
        }
        seen.insert(after);
    }
    assert!(seen.len() > 300, "{} outcomes", seen.len());
    file.sync();
    let synced = file.contents();
    for cut in CUTS {
        assert!(file.after(cut, &mut random).contents() == synced, "{cut:?}");
    }
}

#[test]
fn what_a_failed_sync_lost_passes_for_written_until_it_is_forgotten() {
    let mut random = Random::new(2);
    let mut file = written();
    let shown = file.contents();
    file.sync_failing(&mut random);
    file.sync();
    assert!(file.contents() == shown, "the memory still has it");
    assert!(file.after(Cut::All, &mut random).contents() != shown, "and the disk has not");
    file.forget();
    assert!(file.contents() != shown);
}
