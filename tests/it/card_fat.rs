//! Snapshots on FAT cards: every layout and every failure, checked by the tools that others use.
use contactbox_core::card::fat::FatCard;
use contactbox_core::card::{Card, FileName, SECTOR_BYTES, SnapshotOwners};
use contactbox_core::store::{Book, BookConfig, Root};
use contactbox_tests::cards::{back_up, find, keep, merge};
use contactbox_tests::disk::{Disk, Layout, card, told};
use contactbox_tests::random::Random;
use contactbox_tests::world::memory::parts;
use contactbox_tests::world::ops::{Op, script};
use contactbox_tests::world::{Box, CONFIG, Chip, apply};
use embassy_futures::block_on;
use std::process::Command;

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

fn kilobytes(layout: Layout) -> usize {
    match layout {
        Layout::Fat16 | Layout::Fat16InPartition => 4 * 1024,
        Layout::Fat32 | Layout::Fat32InPartition => 40 * 1024,
    }
}

#[test]
fn every_layout_takes_a_box_there_and_back() {
    for layout in Layout::ALL {
        let disk = Disk::formatted(layout, kilobytes(layout));
        let mut book = filled(0, 3, 80);
        let mut fat = card(disk).expect("it is formatted");
        let first = back_up(&mut book, &mut fat).expect("the card takes it");
        let mut own = find(&book, &mut fat).expect("the card reads");
        let (mut most, mut metadata) = (0, 0);
        for (now, op) in (6_000..).zip(script(8, 150)) {
            apply(&mut book, op, now).expect("there is room");
            let before = fat.with_device(Disk::log).len();
            let is_snapshot = keep(&mut book, &mut fat, &mut own).expect("the card takes it");
            let log = fat.with_device(Disk::log);
            if !is_snapshot && !matches!(op, Op::Photo { .. }) {
                most = most.max(log.len() - before);
            }
            if !is_snapshot {
                // The file system itself: everything before the first cluster with data.
                let blocks = log[before..].iter();
                metadata += blocks.filter(|&&block| (block as usize) < layout.start() + 32).count();
            }
        }
        println!(
            "{layout:?}: {} for a first snapshot of {} bytes, at most {most} for a change",
            first.sector_writes, first.bytes
        );
        assert!(most <= 8, "{layout:?}: a change cost {most} sector writes");
        assert_eq!(metadata, 0, "{layout:?}: appending changed the file system");
        let mut other = new(1);
        let (_, remarks) =
            merge(&mut other, &mut fat, SnapshotOwners::Others, 9_000).expect("it reads");
        assert_eq!((remarks.len(), root(&mut other)), (0, root(&mut book)), "{layout:?}");
        back_up(&mut other, &mut fat).expect("the card takes it");
        let disk = fat.into_device();
        assert_eq!(disk.fsck(layout), Vec::<String>::new(), "{layout:?}");
        let bytes = disk.bytes();
        if layout.start() > 0 {
            assert!(bytes[bytes.len() - 64 * 512..].iter().all(|&byte| byte == 0xA5));
        }
        let mut third = new(2);
        let mut fat = card(disk).expect("it is formatted");
        merge(&mut third, &mut fat, SnapshotOwners::Others, 9_000).expect("it reads");
        assert_eq!(root(&mut third), root(&mut book), "{layout:?}");
    }
}

#[test]
fn other_tools_read_the_same_bytes() {
    let layout = Layout::Fat32;
    let disk = Disk::formatted(layout, kilobytes(layout));
    let mut fat = card(disk).expect("it is formatted");
    let backup = back_up(&mut filled(0, 3, 80), &mut fat).expect("the card takes it");
    let mut bytes = vec![0; backup.bytes as usize];
    block_on(fat.read(&backup.file, 0, &mut bytes)).expect("the card reads");
    let folder = tempfile::tempdir().expect("a folder for the image");
    let (image, copy) = (folder.path().join("card.img"), folder.path().join("copy"));
    fat.into_device().save(layout, &image);
    let from = format!("::/{}", backup.file);
    told(Command::new("mcopy").arg("-i").arg(&image).arg(from).arg(&copy));
    let copied = std::fs::read(&copy).expect("it was copied");
    assert_eq!(copied[..bytes.len()], bytes);
}

#[test]
fn each_trouble_of_a_card_has_its_own_words() {
    let said = |result: Result<_, String>| result.expect_err("the card is in trouble");
    let mut book = filled(0, 3, 60);
    let fresh = || Disk::formatted(Layout::Fat16InPartition, kilobytes(Layout::Fat16));
    let none = card(Disk::new(vec![0; 4096 * SECTOR_BYTES])).map(|_| ());
    assert!(said(none).contains("no FAT file system"));
    let disk = fresh();
    disk.strike(0, |sector| sector[446 + 4] = 0x07);
    disk.strike(64, |sector| sector[3..11].copy_from_slice(b"EXFAT   "));
    assert!(said(card(disk).map(|_| ())).contains("exFAT"));
    let disk = fresh();
    disk.strike(0, |sector| sector[446 + 4] = 0x83);
    assert!(said(card(disk).map(|_| ())).contains("no FAT file system"));
    let mut fat = card(fresh()).expect("it is formatted");
    fat.with_device(|disk| disk.lock(true));
    assert!(said(back_up(&mut book, &mut fat).map(|_| ())).contains("write-protected"));
    fat.with_device(|disk| disk.lock(false));
    back_up(&mut book, &mut fat).expect("the card is well again");
    fat.with_device(Disk::pull);
    assert!(said(back_up(&mut book, &mut fat).map(|_| ())).contains("taken out"));
    fat.with_device(Disk::insert);
    back_up(&mut book, &mut fat).expect("the card is in again");
}

#[test]
fn a_full_card_keeps_what_it_has_and_what_is_behind_it() {
    for layout in [Layout::Fat16InPartition, Layout::Fat32InPartition] {
        let disk = Disk::formatted(layout, kilobytes(layout));
        let mut book = filled(0, 3, 60);
        let mut fat = card(disk).expect("it is formatted");
        let backup = back_up(&mut book, &mut fat).expect("the card takes it");
        // A file of somebody else.
        let film = FileName::parse("FILM.AVI").expect("a name");
        let mut at = 0;
        let full = loop {
            match block_on(fat.write(&film, at, &vec![0x5A; 64 * SECTOR_BYTES])) {
                Ok(()) => at += 64 * SECTOR_BYTES as u32,
                Err(error) => break error.to_string(),
            }
        };
        assert!(full.contains("full"), "{full}");
        block_on(fat.flush(&film)).expect("the card takes it");
        let error = back_up(&mut book, &mut fat).expect_err("the card is full");
        assert!(error.contains("full"), "{error}");
        let mut fat = card(fat.into_device()).expect("it is formatted");
        let own = find(&book, &mut fat).expect("the card reads");
        assert_eq!(own.newest().map(|header| header.root), Some(backup.root));
        let disk = fat.into_device();
        assert_eq!(disk.fsck_harm(layout), Vec::<String>::new(), "{layout:?}");
        let bytes = disk.bytes();
        assert!(bytes[bytes.len() - 64 * 512..].iter().all(|&byte| byte == 0xA5), "{layout:?}");
    }
}

#[test]
fn no_damage_to_a_file_system_harms_a_box_or_stops_it() {
    let rounds = if std::env::var_os("CONTACTBOX_CAMPAIGN").is_some() { 20_000 } else { 300 };
    let mut faults = 0;
    for layout in [Layout::Fat16, Layout::Fat32InPartition] {
        let disk = Disk::formatted(layout, kilobytes(layout));
        let mut source = filled(0, 3, 40);
        let mut fat = card(disk).expect("it is formatted");
        back_up(&mut source, &mut fat).expect("the card takes it");
        let disk = fat.into_device();
        let mut places: Vec<u32> = disk.log();
        places.extend([0, 1, layout.start() as u32, layout.start() as u32 + 1]);
        places.sort_unstable();
        places.dedup();
        let mut book = filled(1, 5, 10);
        let before = book.counts();
        let file_system = places.iter().filter(|&&block| (block as usize) < layout.start() + 900);
        let file_system: Vec<u32> = file_system.copied().collect();
        for seed in 0..rounds / 2 {
            let mut random = Random::new(seed);
            let disk = disk.clone();
            for _ in 0..1 + random.below(4) {
                let struck = if random.chance(3, 4) { &file_system } else { &places };
                let block = *random.pick(struck);
                disk.strike(block, |sector| {
                    let (at, len) = (random.below(512), 1 + random.below(16));
                    sector[at..].iter_mut().take(len).for_each(|byte| *byte = random.bits() as u8);
                });
            }
            let Ok(mut fat) = card(disk) else {
                faults += 1;
                continue;
            };
            faults += u32::from(merge(&mut book, &mut fat, SnapshotOwners::All, 20_000).is_err());
            faults += u32::from(back_up(&mut source, &mut fat).is_err());
            let after = book.counts();
            assert!(after.active + after.trashed >= before.active, "seed {seed}");
        }
    }
    println!("{rounds} damaged file systems, {faults} refusals");
}

/// The tables of a disk.
struct Tables {
    at: u32,
    blocks: u32,
    entry_bytes: usize,
}

impl Tables {
    fn of(layout: Layout, disk: &Disk) -> Self {
        let bytes = disk.bytes();
        let boot = &bytes[layout.start() * SECTOR_BYTES..];
        let short = |at: usize| u32::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let is_long = short(22) == 0;
        let blocks = if is_long { short(36) | short(38) << 16 } else { short(22) };
        let at = layout.start() as u32 + short(14);
        Self { at, blocks, entry_bytes: if is_long { 4 } else { 2 } }
    }

    /// Makes a cluster lead to another, in both tables.
    fn lead(&self, disk: &Disk, from: u32, to: u32) {
        let at = from as usize * self.entry_bytes;
        for copy in 0..2 {
            let block = self.at + copy * self.blocks + (at / SECTOR_BYTES) as u32;
            disk.strike(block, |sector| {
                let entry = &mut sector[at % SECTOR_BYTES..][..self.entry_bytes];
                entry.copy_from_slice(&to.to_le_bytes()[..self.entry_bytes]);
            });
        }
    }
}

/// Checks that other tools read the whole of each file, with the same bytes.
fn others_read(mut fat: FatCard<Disk>, layout: Layout, files: &[FileName]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder for the image");
    let (image, copy) = (folder.path().join("card.img"), folder.path().join("copy"));
    let mut ours = Vec::new();
    for name in files {
        let len = block_on(fat.len(name)).expect("it reads").expect("it is there");
        let mut bytes = vec![0; len as usize];
        let read = block_on(fat.read(name, 0, &mut bytes)).map_err(|error| error.to_string())?;
        assert_eq!(read, bytes.len());
        ours.push(bytes);
    }
    fat.into_device().save(layout, &image);
    for (name, bytes) in files.iter().zip(ours) {
        let mut copying = Command::new("mcopy");
        copying.args(["-n", "-o", "-i"]).arg(&image).arg(format!("::/{name}")).arg(&copy);
        told(&mut copying);
        if std::fs::read(&copy).expect("it was copied") != bytes {
            return Err(format!("{name} has other bytes"));
        }
    }
    Ok(())
}

/// Item 7: a broken chain of clusters costs what lies behind the break, and only of that one file.
#[test]
fn a_chain_cut_short_costs_no_other_file_and_is_mended_when_written() {
    for layout in [Layout::Fat16, Layout::Fat32] {
        let fresh = Disk::formatted(layout, kilobytes(layout));
        let tables = Tables::of(layout, &fresh);
        let mut fat = card(fresh).expect("it is formatted");
        let (mut source, mut second) = (filled(0, 3, 80), filled(1, 4, 20));
        for _ in 0..2 {
            back_up(&mut source, &mut fat).expect("the card takes it");
        }
        back_up(&mut second, &mut fat).expect("the card takes it");
        let (root_of_source, root_of_second) = (root(&mut source), root(&mut second));
        let own = find(&source, &mut fat).expect("the card reads");
        let newest = own.newest().expect("it is there").generation;
        let mut both = new(3);
        merge(&mut both, &mut fat, SnapshotOwners::Others, 9_000).expect("it reads");
        let both = root(&mut both);
        let written = fat.into_device();
        let (mut told, mut whole) = (0, 0);
        // To a free cluster, a bad one, and one that the card does not have; and an end.
        let ends =
            [0, if layout == Layout::Fat16 { 0xFFF7 } else { 0x0FFF_FFF7 }, 0xFFF0, u32::MAX];
        for from in (2u32..160).step_by(7) {
            for to in ends {
                let disk = written.clone();
                tables.lead(&disk, from, to);
                let case = format!("{layout:?}: {from} leads to {to:x}");
                let mut fat = card(disk).expect("it is formatted");
                let mut other = new(2);
                let (merged, remarks) = merge(&mut other, &mut fat, SnapshotOwners::Others, 9_000)
                    .unwrap_or_else(|error| panic!("{case}: {error}"));
                told += u32::from(!remarks.is_empty());
                // A part without a remark is there, and one of the two snapshots of each box always
                // is.
                assert_eq!(merged.boxes, 2, "{case}");
                whole += u32::from(root(&mut other) == both);
                if remarks.is_empty() {
                    assert_eq!(root(&mut other), both, "{case}: not told");
                }
                // Each box goes on using the card.
                for (book, root) in [(&mut source, root_of_source), (&mut second, root_of_second)] {
                    for _ in 0..2 {
                        let backup = back_up(book, &mut fat)
                            .unwrap_or_else(|error| panic!("{case}: {error}"));
                        assert_eq!(backup.root, root, "{case}");
                    }
                }
                let mut fat = card(fat.into_device()).expect("it is formatted");
                let mut third = new(4);
                let (_, remarks) = merge(&mut third, &mut fat, SnapshotOwners::Others, 9_000)
                    .unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!((remarks.len(), root(&mut third)), (0, both), "{case}");
                let own = find(&source, &mut fat).expect("the card reads");
                assert!(own.newest().is_some_and(|header| header.generation > newest), "{case}");
            }
        }
        println!("{layout:?}: chains cut short, {told} told of, {whole} times nothing was missing");
        assert!(told > 0);
    }
}

/// Item 7: Linux and fsck.vfat take a table without a 16-bit length for FAT32, however few clusters
/// there are.
#[test]
fn fat32_with_few_clusters_is_read_and_written_as_others_do() {
    let layout = Layout::Fat32;
    for kilobytes in [1024, 4 * 1024, 20 * 1024] {
        let mut fat = card(Disk::formatted(layout, kilobytes)).expect("others read it, too");
        let mut book = filled(0, 3, 80);
        for _ in 0..2 {
            back_up(&mut book, &mut fat).expect("the card takes it");
        }
        let disk = fat.into_device();
        assert_eq!(disk.fsck(layout), Vec::<String>::new(), "{kilobytes} KiB");
        let mut fat = card(disk).expect("it is formatted");
        let mut other = new(1);
        merge(&mut other, &mut fat, SnapshotOwners::Others, 9_000).expect("it reads");
        assert_eq!(root(&mut other), root(&mut book));
        // To the last cluster, and no further.
        let film = FileName::parse("FILM.AVI").expect("a name");
        let mut at = 0;
        let full = loop {
            match block_on(fat.write(&film, at, &vec![0x5A; 64 * SECTOR_BYTES])) {
                Ok(()) => at += 64 * SECTOR_BYTES as u32,
                Err(error) => break error.to_string(),
            }
        };
        assert!(full.contains("full"), "{full}");
        block_on(fat.flush(&film)).expect("the card takes it");
        let disk = fat.into_device();
        assert_eq!(disk.fsck_harm(layout), Vec::<String>::new(), "{kilobytes} KiB");
        let mut third = new(2);
        let mut fat = card(disk).expect("it is formatted");
        merge(&mut third, &mut fat, SnapshotOwners::Others, 9_000).expect("it reads");
        assert_eq!(root(&mut third), root(&mut book), "{kilobytes} KiB");
    }
}

/// Chains that lead back into themselves, which never end for a reader.
#[test]
fn a_backup_is_where_others_find_it_or_is_refused() {
    // Each case has mtools read it: a usual run takes a sample.
    let step = if std::env::var_os("CONTACTBOX_CAMPAIGN").is_some() { 1 } else { 7 };
    for layout in [Layout::Fat16, Layout::Fat32] {
        let fresh = Disk::formatted(layout, kilobytes(layout));
        let tables = Tables::of(layout, &fresh);
        let mut book = filled(0, 3, 80);
        let mut fat = card(fresh).expect("it is formatted");
        for _ in 0..2 {
            back_up(&mut book, &mut fat).expect("the card takes it");
        }
        let written = fat.into_device();
        let (mut refused, mut taken) = (0, 0);
        for from in (2u32..160).step_by(step) {
            for to in [from, 3, 60, from.saturating_sub(5).max(2)] {
                let disk = written.clone();
                tables.lead(&disk, from, to);
                let Ok(mut fat) = card(disk) else { continue };
                let backups: Vec<_> = (0..2).map(|_| back_up(&mut book, &mut fat)).collect();
                let files: Vec<FileName> =
                    backups.iter().flatten().map(|backup| backup.file).collect();
                refused += 2 - files.len();
                taken += files.len();
                let fat = card(fat.into_device()).expect("it is formatted");
                let read = others_read(fat, layout, &files);
                assert_eq!(read, Ok(()), "{layout:?}: {from} leads to {to}: {backups:?}");
            }
        }
        println!("{layout:?}: chains in circles, {refused} backups refused, {taken} taken");
        assert!(refused > 0 && taken > 0);
    }
}
