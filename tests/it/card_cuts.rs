//! Cards pulled at every sector write: the backup before or the new one is there,
//! whole, and work goes on.
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

/// A box in the middle of its life: what it held when it last came to an end with its
/// card, and what it holds.
#[derive(Clone)]
struct Scene {
    chip: Chip<4, E>,
    /// Roots that the card may show: that of the last backup, then those of what
    /// was acknowledged since.
    roots: Vec<Root>,
    /// The digests of all states that any of these roots is made of.
    states: HashSet<[u8; 16]>,
}

/// The digests of all states of a box.
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

/// What is done with the card when it is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// The first snapshot on this card.
    First,
    /// One change, appended.
    Append,
    /// A snapshot over an older one, longer than it.
    Grow,
    /// A snapshot over an older one.
    Again,
    /// Another box's is taken in, then backed up.
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

/// Brings box and card to where the deed begins.
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

/// The newest snapshots of a box on a card that are whole, newest first.
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

/// What must hold of a card that was pulled: a whole backup of before or after, an empty box that
/// restores to it, and work that goes on.
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
        // Of changes that were being appended those are taken that are there already: each contact
        // is as before or as after.
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

/// Of how many cut points one is examined by `fsck.vfat`.
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
            // Long ones are sampled in a usual run, their beginnings and ends aside.
            let step = if is_campaign { 1 } else { 1 + writes / 48 };
            // What is torn to garbage in the middle of the file system costs files on every FAT:
            // what is asked here is what cards do, whole sectors and such as were half received.
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
