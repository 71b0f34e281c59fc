//! The exact costs of a card and a cable stay within their bounds.

use contactbox_tests::bench::card::contacts::counts;
use contactbox_tests::bench::card::print::{EDIT_SECTORS_MAX, NEXT_SYNC_BYTES_MAX};
use contactbox_tests::bench::card::{CHANGED, host};
use contactbox_tests::disk::Disk;
use contactbox_tests::emulator::CardImage;
use contactbox_tests::report;

/// The sectors of a snapshot of 1,000 contacts on an empty card: 326 for the content, 163 of room
/// to append behind it, the rest for the file system.
const SNAPSHOT_SECTORS_MAX: u64 = 556;

#[test]
fn what_a_card_and_a_cable_cost() {
    let folder = tempfile::tempdir().expect("room for temporary files");
    let card = CardImage::common(folder.path().join("card.img"));
    let costs = host::measure(&Disk::new(card.bytes())).expect("every work comes to its end");
    let [few, many] = counts();
    assert!((1..=EDIT_SECTORS_MAX).contains(&costs.edit.sectors), "{costs:?}");
    assert!((1..=SNAPSHOT_SECTORS_MAX).contains(&costs.snapshots[0].sectors), "{costs:?}");
    assert_eq!(costs.merge.sectors, 0, "a card is not written to by being read");
    assert!((1..NEXT_SYNC_BYTES_MAX).contains(&costs.next_sync.cable_bytes), "{costs:?}");
    assert!((1..=EDIT_SECTORS_MAX).contains(&costs.next_sync.sectors), "{costs:?}");
    report::line(
        "card cost",
        &format!(
            "an edit {} sectors, a snapshot of {few} contacts {}; {CHANGED} changes of {many} over a cable {} bytes",
            costs.edit.sectors, costs.snapshots[0].sectors, costs.next_sync.cable_bytes
        ),
    );
}
