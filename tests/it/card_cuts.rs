//! Cards pulled at every sector write: the old backup or the new one is there, whole, and work goes
//! on.
use contactbox_core::card::{
    Card, FileReport, Listing, SnapshotOwners, SnapshotState, list, verify,
};
use contactbox_core::sim::{PullFuse, RamCard, SectorTear};
use contactbox_core::store::{Book, BookConfig, Root};
use contactbox_tests::cards::{back_up, find, keep, merge};
use contactbox_tests::disk::{Disk, Layout, card};
use contactbox_tests::world::memory::parts;
use contactbox_tests::world::ops::script;
use contactbox_tests::world::{Box, CONFIG, Chip, apply};
use embassy_futures::block_on;
use std::collections::HashSet;

const E: usize = 512;
const PAGES: usize = 160;
type Small = Box<4, E>;

fn config(number: u64) -> BookConfig {
    BookConfig { id: CONFIG.id ^ (number << 32), ..CONFIG }
}

fn new(number: u64) -> Small {
    block_on(Book::format(Chip::new(PAGES), config(number), parts(PAGES, E, 16 * 1024)))
        .expect("a sound chip can be formatted")
}

fn change(book: &mut Small, seed: u64, len: usize, now: u64) {
    for (now, op) in (now..).zip(script(seed, len)) {
        apply(book, op, now).expect("there is room");
    }
}

fn root(book: &mut Small) -> Root {
    block_on(book.root()).expect("everything can be read")
}

/// A box in the middle of its life: its state after the last backup, and its state now.
#[derive(Clone)]
struct Scene {
    chip: Chip<4, E>,
    /// The roots that the card may show: that of the last backup, then those of the changes
    /// acknowledged since.
    roots: Vec<Root>,
    /// The digests of all states in any of these roots.
    states: HashSet<[u8; 16]>,
}

/// Returns the digests of all states of a box.
fn states(book: &mut Small) -> HashSet<[u8; 16]> {
    let mut room = vec![0; 16 * 1024];
    let mut states = HashSet::new();
    for slot in 0..book.slots() {
        if let Some(contact) = block_on(book.state(slot, &mut room)).expect("it can be read") {
            states.insert(book.state_digest(&contact));
        }
    }
    states
}

impl Scene {
    fn book(&self) -> Small {
        block_on(Book::open(self.chip.clone(), config(0), parts(PAGES, E, 16 * 1024)))
            .unwrap_or_else(|error| panic!("what was written can be opened: {error}"))
            .0
    }
}

/// The work that is interrupted by pulling the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// The first snapshot on this card.
    First,
    /// The append of one change.
    Append,
    /// A snapshot over an older, shorter one.
    Grow,
    /// A snapshot over an older one.
    Again,
    /// The import of another box's snapshot, then a backup.
    Meet,
}

const DEEDS: [Deed; 5] = [Deed::First, Deed::Append, Deed::Grow, Deed::Again, Deed::Meet];

fn act<C: Card>(deed: Deed, book: &mut Small, card: &mut C) -> Result<(), String> {
    match deed {
        Deed::Append => {
            let mut own = find(book, card)?;
            assert!(!keep(book, card, &mut own)?, "there is room to append");
        }
        Deed::Meet => {
            merge(book, card, SnapshotOwners::Others, 50_000)?;
            let mut own = find(book, card)?;
            keep(book, card, &mut own)?;
        }
        Deed::First | Deed::Grow | Deed::Again => {
            back_up(book, card)?;
        }
    }
    Ok(())
}

/// Brings box and card to the beginning of the work.
fn prepare<C: Card>(deed: Deed, mut card: C) -> (Scene, C) {
    let mut book = new(0);
    change(&mut book, 11, 90, 1_000);
    let (mut roots, mut known) = (Vec::new(), HashSet::new());
    if deed == Deed::Meet {
        let mut other = new(1);
        change(&mut other, 12, 90, 2_000);
        back_up(&mut other, &mut card).expect("the card takes it");
    }
    if deed != Deed::First {
        back_up(&mut book, &mut card).expect("the card takes it");
        if matches!(deed, Deed::Grow | Deed::Again) {
            back_up(&mut book, &mut card).expect("the card takes it");
        }
        roots.push(root(&mut book));
        known = states(&mut book);
    }
    match deed {
        Deed::Append => change(&mut book, 13, 5, 3_000),
        Deed::Grow => change(&mut book, 14, 400, 3_000),
        Deed::First | Deed::Again | Deed::Meet => change(&mut book, 15, 6, 3_000),
    }
    roots.push(root(&mut book));
    known.extend(states(&mut book));
    block_on(book.checkpoint()).expect("there is room");
    (Scene { chip: book.into_flash(), roots, states: known }, card)
}

/// Returns the newest whole snapshots of a box on a card, newest first.
fn whole<C: Card>(card: &mut C, id: u64) -> Vec<FileReport> {
    let mut listed: Vec<Listing> = Vec::new();
    block_on(list(card, |listing| listed.push(*listing))).expect("the card reads");
    let mut reports = Vec::new();
    let mut room = vec![0; 16 * 1024];
    let mut latest = [contactbox_core::card::LatestContact::EMPTY; 64];
    for listing in listed {
        if let SnapshotState::Snapshot { header, .. } = listing.state
            && header.box_id == id
        {
            let report =
                block_on(verify(card, &listing.file, &mut room, &mut [0; 64], &mut latest))
                    .expect("the card reads")
                    .expect("it has a header");
            if report.is_sound() {
                reports.push(report);
            }
        }
    }
    reports.sort_by_key(|report| std::cmp::Reverse(report.header.generation));
    reports
}

/// Checks a card that was pulled: it has a whole backup of before or after, an empty box can be
/// restored from it, and work goes on.
fn examine<C: Card>(scene: &Scene, deed: Deed, card: &mut C, what: &str) {
    let mut book = scene.book();
    let id = book.id();
    let reports = whole(card, id);
    if deed != Deed::First {
        assert!(!reports.is_empty(), "{what}: no whole backup is left");
    }
    if deed != Deed::Meet {
        let mut restored = new(7);
        merge(&mut restored, card, SnapshotOwners::Others, 60_000).expect("the card reads");
        let now = root(&mut restored);
        let is_empty = restored.counts().active + restored.counts().trashed == 0;
        // The changes already appended are imported, so each contact is in the state before or
        // after.
        let is_between = deed == Deed::Append && states(&mut restored).is_subset(&scene.states);
        assert!(
            scene.roots.contains(&now) || is_between || (deed == Deed::First && is_empty),
            "{what}: the card restores to something else"
        );
    }
    act(deed, &mut book, card).unwrap_or_else(|error| panic!("{what}: the next time: {error}"));
    let mut third = new(8);
    let (_, remarks) =
        merge(&mut third, card, SnapshotOwners::Others, 60_000).expect("the card reads");
    assert_eq!(remarks, [], "{what}");
    assert_eq!(root(&mut third), root(&mut book), "{what}: afterwards the card has everything");
}

#[test]
fn a_card_in_ram_pulled_at_every_write() {
    let mut points = 0;
    for deed in DEEDS {
        let (scene, base) = prepare(deed, RamCard::new());
        let mut book = scene.book();
        let mut trial = base.clone();
        let before = trial.sector_writes();
        act(deed, &mut book, &mut trial).expect("the card takes it");
        let writes = trial.sector_writes() - before;
        for tear in SectorTear::ALL {
            for forgets in [false, true] {
                for cut in 0..writes {
                    let what = format!("{deed:?}, {tear:?} at {cut} of {writes}, {forgets}");
                    let mut card = base.clone();
                    card.seed(cut);
                    card.set_fuse(Some(PullFuse { writes: cut, tear, forgets }));
                    act(deed, &mut scene.book(), &mut card).expect_err(&what);
                    card.insert();
                    examine(&scene, deed, &mut card, &what);
                    points += 1;
                }
            }
        }
        println!("{deed:?}: {writes} writes");
    }
    println!("{points} cuts of a card in RAM");
}

/// The number of cut points of which one is examined by `fsck.vfat`.
const FSCK_EVERY: u64 = 25;

#[test]
fn a_fat_card_pulled_at_every_write() {
    let is_campaign = std::env::var_os("CONTACTBOX_CAMPAIGN").is_some();
    let (mut points, mut checked) = (0, 0);
    for (layout, kilobytes) in [(Layout::Fat16, 4 * 1024), (Layout::Fat32InPartition, 40 * 1024)] {
        let formatted = Disk::formatted(layout, kilobytes);
        for deed in DEEDS {
            let empty = card(formatted.clone()).expect("it is formatted");
            let (scene, base) = prepare(deed, empty);
            let base = base.into_device();
            let trial = base.clone();
            let before = trial.writes();
            let mut trial = card(trial).expect("it is formatted");
            act(deed, &mut scene.book(), &mut trial).expect("the card takes it");
            let writes = trial.into_device().writes() - before;
            // A usual run takes samples of long work, and all of its beginning and end.
            let step = if is_campaign { 1 } else { 1 + writes / 48 };
            // Garbage in the middle of the file system costs files on every FAT. These cases are
            // what cards do: whole sectors, and half received ones.
            for tear in [SectorTear::Old, SectorTear::New, SectorTear::Torn] {
                for cut in 0..writes {
                    let is_edge = cut < 16 || cut + 16 > writes;
                    if !is_edge && cut % step != 0 {
                        continue;
                    }
                    let what = format!("{layout:?}, {deed:?}, {tear:?} at {cut} of {writes}");
                    let disk = base.clone();
                    disk.seed(cut);
                    disk.set_fuse(Some(PullFuse { writes: cut, tear, forgets: false }));
                    let mut fat = card(disk).expect("it is formatted");
                    act(deed, &mut scene.book(), &mut fat).expect_err(&what);
                    let disk = fat.into_device();
                    disk.insert();
                    points += 1;
                    if is_campaign || points % FSCK_EVERY == 0 {
                        assert_eq!(disk.fsck_harm(layout), Vec::<String>::new(), "{what}");
                        checked += 1;
                    }
                    let mut fat = card(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
                    examine(&scene, deed, &mut fat, &what);
                }
            }
            println!("{layout:?}, {deed:?}: {writes} writes");
        }
    }
    println!("{points} cuts of a FAT card, {checked} of them examined by fsck.vfat");
}
