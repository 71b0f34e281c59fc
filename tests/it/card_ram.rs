//! Snapshots on a card in RAM: written, read back, appended to, restored from.
use contactbox_core::card::{
    Card, FileName, LatestContact, Remark, RootCheck, SECTOR_BYTES, SnapshotOwners, SnapshotState,
    list, verify,
};
use contactbox_core::sim::RamCard;
use contactbox_core::store::{Book, BookConfig, Root};
use contactbox_tests::cards::{back_up, find, keep, merge};
use contactbox_tests::world::memory::parts;
use contactbox_tests::world::ops::{Op, script};
use contactbox_tests::world::{Box, CONFIG, Chip, apply};
use embassy_futures::block_on;

const E: usize = 1024;
type Small = Box<4, E>;

fn new(number: u64) -> Small {
    let config = BookConfig { id: CONFIG.id ^ (number << 32), ..CONFIG };
    let parts = parts(120, E, 16 * 1024);
    block_on(Book::format(Chip::new(120), config, parts)).expect("a sound chip can be formatted")
}

fn filled(number: u64, seed: u64, len: usize) -> Small {
    let mut book = new(number);
    for (now, op) in (1000..).zip(script(seed, len)) {
        apply(&mut book, op, now).expect("there is room");
    }
    book
}

fn root(book: &mut Small) -> Root {
    block_on(book.root()).expect("everything can be read")
}

#[test]
fn an_empty_box_restored_from_a_card_is_the_same() {
    for seed in 0..6 {
        let mut book = filled(0, seed, 120);
        let mut card = RamCard::new();
        let backup = back_up(&mut book, &mut card).expect("the card takes it");
        assert_eq!((backup.root, backup.unreadable), (root(&mut book), 0));
        assert!(backup.blobs > 0, "the script has photos");
        let mut restored = new(1);
        let (merged, remarks) =
            merge(&mut restored, &mut card, SnapshotOwners::Others, 9_000).expect("it reads");
        assert_eq!(remarks, []);
        assert_eq!((merged.boxes, merged.added), (1, backup.records));
        assert_eq!(root(&mut restored), root(&mut book), "seed {seed}");
        let (merged, _) =
            merge(&mut restored, &mut card, SnapshotOwners::Others, 9_001).expect("it reads");
        assert_eq!((merged.boxes, merged.known), (0, 1), "a card is read once");
    }
}

#[test]
fn what_changes_is_appended_and_found() {
    let mut book = filled(0, 7, 60);
    let mut card = RamCard::new();
    back_up(&mut book, &mut card).expect("the card takes it");
    let mut own = find(&book, &mut card).expect("the card reads");
    let mut other = new(1);
    merge(&mut other, &mut card, SnapshotOwners::Others, 5_000).expect("it reads");
    let (mut snapshots, mut most) = (0, 0);
    for (now, op) in (6_000..).zip(script(8, 400)) {
        apply(&mut book, op, now).expect("there is room");
        let before = card.sector_writes();
        let is_snapshot = keep(&mut book, &mut card, &mut own).expect("the card takes it");
        snapshots += u32::from(is_snapshot);
        if !is_snapshot && !matches!(op, Op::Photo { .. }) {
            most = most.max(card.sector_writes() - before);
        }
        if now % 16 == 0 {
            let (_, remarks) =
                merge(&mut other, &mut card, SnapshotOwners::Others, now).expect("it reads");
            assert_eq!(remarks, []);
            assert_eq!(root(&mut other), root(&mut book), "after {op:?} at {now}");
            let again = find(&book, &mut card).expect("the card reads");
            assert_eq!(again.time(), own.time());
            own = again;
        }
    }
    println!("{snapshots} snapshots, at most {most} sector writes for a change");
    assert!(snapshots > 1 && snapshots < 40, "{snapshots} snapshots");
    assert!(most <= 3, "a change cost {most} sector writes");
}

#[test]
fn every_box_writes_its_own_files_only() {
    let mut card = RamCard::new();
    for number in 0..5 {
        let mut book = filled(number, number, 30);
        back_up(&mut book, &mut card).expect("the card takes it");
        let before = card.files_mut().clone();
        back_up(&mut book, &mut card).expect("the card takes it");
        let changed = card.files_mut().iter().filter(|(name, file)| before.get(name) != Some(file));
        assert_eq!(changed.count(), 1);
    }
    assert_eq!(card.files_mut().len(), 10);
}

#[test]
fn the_name_of_another_box_is_left_to_it() {
    let mut card = RamCard::new();
    let mut a = filled(0, 1, 30);
    back_up(&mut a, &mut card).expect("the card takes it");
    // The identities have the same upper 40 bits.
    let config = BookConfig { id: CONFIG.id ^ 1, ..CONFIG };
    let mut b: Small = block_on(Book::format(Chip::new(120), config, parts(120, E, 16 * 1024)))
        .expect("a sound chip can be formatted");
    let (merged, _) = merge(&mut b, &mut card, SnapshotOwners::Others, 5_000).expect("it reads");
    assert_eq!(merged.boxes, 1);
    let backup = back_up(&mut b, &mut card).expect("the card takes it");
    assert_eq!(card.files_mut().len(), 2);
    let own = find(&a, &mut card).expect("the card reads");
    assert_eq!(own.newest().map(|header| header.box_id), Some(a.id()));
    assert_eq!(
        find(&b, &mut card).expect("it reads").newest().map(|own| own.root),
        Some(backup.root)
    );
}

#[test]
fn a_newer_version_is_left_alone() {
    let mut card = RamCard::new();
    let mut book = filled(0, 1, 30);
    let backup = back_up(&mut book, &mut card).expect("the card takes it");
    let file = card.files_mut().get_mut(&backup.file).expect("it was written");
    file[8] = 9;
    let sum = contactbox_core::store::seal::Seal::new().over(&file[..SECTOR_BYTES - 4]).value();
    file[SECTOR_BYTES - 4..SECTOR_BYTES].copy_from_slice(&sum.to_le_bytes());
    let kept = file.clone();
    for _ in 0..3 {
        back_up(&mut book, &mut card).expect("the card takes it");
    }
    assert_eq!(card.files_mut().get(&backup.file), Some(&kept), "it was not touched");
    let mut other = new(1);
    let (_, remarks) =
        merge(&mut other, &mut card, SnapshotOwners::Others, 5_000).expect("it reads");
    assert_eq!(remarks, [Remark::Newer { file: backup.file, version: 9 }]);
    assert_eq!(root(&mut other), root(&mut book));
}

#[test]
fn a_card_is_listed_and_verified() {
    let mut card = RamCard::new();
    let mut book = filled(0, 7, 60);
    back_up(&mut book, &mut card).expect("the card takes it");
    back_up(&mut filled(1, 9, 30), &mut card).expect("the card takes it");
    let mut own = find(&book, &mut card).expect("the card reads");
    for (now, op) in (6_000..).zip(script(8, 20)) {
        apply(&mut book, op, now).expect("there is room");
        keep(&mut book, &mut card, &mut own).expect("the card takes it");
    }
    let mut listed = Vec::new();
    block_on(list(&mut card, |listing| listed.push(*listing))).expect("the card reads");
    assert_eq!(listed.len(), 2);
    let mut room = vec![0; 16 * 1024];
    for listing in &listed {
        let SnapshotState::Snapshot { header, time } = listing.state else { panic!("{listing:?}") };
        let mut latest = [LatestContact::EMPTY; 30];
        let report =
            block_on(verify(&mut card, &listing.file, &mut room, &mut [0; 64], &mut latest))
                .expect("the card reads")
                .expect("it is of this version");
        assert!(report.is_sound(), "{report:?}");
        assert_eq!((report.root, report.root_appended), (RootCheck::Right, RootCheck::Right));
        assert_eq!((report.time, report.header), (time, header));
        assert_eq!(report.appended > 0, header.box_id == book.id());
    }
    let mine = listed.iter().find(|it| Some(it.file.as_str()) == Some("L3WQWDC6.A"));
    let file = mine.expect("the box's own name").file;
    let report = block_on(verify(&mut card, &file, &mut room, &mut [0; 64], &mut []))
        .expect("the card reads");
    assert_eq!(report.map(|report| report.root_appended), Ok(RootCheck::Unknown));
    // Every damaged entry is found.
    let mut restored = new(2);
    merge(&mut restored, &mut card, SnapshotOwners::Others, 9_000).expect("it reads");
    let both = root(&mut restored);
    let (mut struck_bytes, mut gaps) = (0, 0);
    let whole = card.files_mut().get(&file).expect("it is there").clone();
    let end = find(&book, &mut card).expect("it reads").newest().expect("there is one").body_end;
    for at in (SECTOR_BYTES..end as usize - 4).step_by(7) {
        let mut struck = whole.clone();
        struck[at] ^= 0x40;
        card.files_mut().insert(file, struck);
        let report =
            block_on(verify(&mut card, &file, &mut room, &mut [0; 64], &mut [])).expect("it reads");
        if report.is_ok_and(|report| report.is_sound()) {
            // The damage was in the padding of an entry to a whole word, or of a sector.
            let mut restored = new(2);
            merge(&mut restored, &mut card, SnapshotOwners::Others, 9_000).expect("it reads");
            assert_eq!(root(&mut restored), both, "at {at}");
            gaps += 1;
        }
        struck_bytes += 1;
    }
    println!("{struck_bytes} bytes struck, {gaps} of them between entries");
    assert!(gaps * 4 < struck_bytes);
}

#[test]
fn each_trouble_has_its_own_words() {
    let mut book = filled(0, 1, 60);
    let mut card = RamCard::new();
    let said = |result: Result<_, String>| result.expect_err("the card is in trouble");
    card.protect(true);
    assert!(said(back_up(&mut book, &mut card)).contains("write-protected"));
    card.protect(false);
    card.limit(Some(2 * SECTOR_BYTES));
    assert!(said(back_up(&mut book, &mut card)).contains("full"));
    card.limit(None);
    card.pull();
    assert!(said(back_up(&mut book, &mut card)).contains("taken out"));
    card.insert();
    back_up(&mut book, &mut card).expect("the card is well again");
    // Room for the snapshots but not for what would be appended to them.
    let len = block_on(card.len(&FileName::PHONE)).expect("the card reads");
    assert_eq!(len, None);
}
