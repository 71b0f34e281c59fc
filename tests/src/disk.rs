//! The blocks of a card in RAM: formatted by the real tools, counting writes, pulled on command.

use crate::random::Random;
use contactbox_core::card::fat::{
    Block, BlockCount, BlockDevice, BlockIdx, DriverFailure, FatCard,
};
use contactbox_core::sim::{PullFuse, SectorTear};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::process::{Command, Output};
use std::rc::Rc;

const SECTOR: usize = 512;

/// The errors of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// The card was pulled.
    Out,
    /// The switch of the card is on LOCK.
    Locked,
    /// The block does not exist.
    NoSuchBlock(u32),
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for DiskError {}

/// Returns the source of a disk's error.
pub fn trouble(error: &DiskError) -> DriverFailure {
    match error {
        DiskError::Out => DriverFailure::Removed,
        DiskError::Locked => DriverFailure::WriteProtected,
        DiskError::NoSuchBlock(_) => DriverFailure::Other,
    }
}

/// Returns a card on such a disk.
pub fn card(disk: Disk) -> Result<FatCard<Disk>, String> {
    FatCard::new(disk, trouble, || 1_763_769_600_000).map_err(|(_, error)| error.to_string())
}

/// The layout of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// FAT with 16 bits, no partitions.
    Fat16,
    /// FAT with 16 bits in the first of two partitions; the second must not be touched.
    Fat16InPartition,
    /// FAT with 32 bits, no partitions.
    Fat32,
    /// FAT with 32 bits in the first of two partitions.
    Fat32InPartition,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Layout; 4] =
        [Self::Fat16, Self::Fat16InPartition, Self::Fat32, Self::Fat32InPartition];

    /// Returns the block at which the file system begins.
    pub fn start(self) -> usize {
        match self {
            Self::Fat16 | Self::Fat32 => 0,
            Self::Fat16InPartition | Self::Fat32InPartition => 64,
        }
    }
}

#[derive(Clone)]
struct State {
    written: HashMap<u32, [u8; SECTOR]>,
    writes: u64,
    fuse: Option<PullFuse>,
    is_out: bool,
    is_locked: bool,
    random: Random,
    /// The blocks written, in order.
    log: Vec<u32>,
}

/// The disk. A clone has the same content at first and is independent after that.
#[derive(Clone)]
pub struct Disk {
    base: Rc<Vec<u8>>,
    state: RefCell<State>,
}

impl Disk {
    /// Returns a disk with these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        let state = State {
            written: HashMap::new(),
            writes: 0,
            fuse: None,
            is_out: false,
            is_locked: false,
            random: Random::new(1),
            log: Vec::new(),
        };
        Self { base: Rc::new(bytes), state: RefCell::new(state) }
    }

    /// Returns a disk formatted by `mkfs.vfat`, with about this many kilobytes.
    pub fn formatted(layout: Layout, kilobytes: usize) -> Self {
        let bits = match layout {
            Layout::Fat16 | Layout::Fat16InPartition => "16",
            Layout::Fat32 | Layout::Fat32InPartition => "32",
        };
        let folder = tempfile::tempdir().expect("a folder for the image");
        let path = folder.path().join("card.img");
        let mut command = tool("mkfs.vfat");
        command.args(["-F", bits, "-s", "1", "-i", "c0ffee00", "-n", "CARD", "-C"]);
        told(command.arg(&path).arg(kilobytes.to_string()));
        let volume = std::fs::read(&path).expect("the image was made");
        let mut bytes = vec![0; layout.start() * SECTOR];
        let blocks = (volume.len() / SECTOR) as u32;
        bytes.extend(volume);
        if layout.start() > 0 {
            for (row, kind, start, blocks) in [
                (0, if bits == "16" { 0x06 } else { 0x0C }, layout.start() as u32, blocks),
                (1, 0x83, layout.start() as u32 + blocks, 64),
            ] {
                let at = 446 + 16 * row;
                bytes[at + 4] = kind;
                bytes[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
                bytes[at + 12..at + 16].copy_from_slice(&blocks.to_le_bytes());
            }
            bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
            bytes.extend(std::iter::repeat_n(0xA5, 64 * SECTOR));
        }
        Self::new(bytes)
    }

    /// Seeds the randomness of tears.
    pub fn seed(&self, seed: u64) {
        self.state.borrow_mut().random = Random::new(seed);
    }

    /// Sets a fuse, which pulls the card at a later write.
    pub fn set_fuse(&self, fuse: Option<PullFuse>) {
        self.state.borrow_mut().fuse = fuse;
    }

    /// Pulls the card.
    pub fn pull(&self) {
        self.state.borrow_mut().is_out = true;
    }

    /// Puts the card back.
    pub fn insert(&self) {
        let mut state = self.state.borrow_mut();
        state.is_out = false;
        state.fuse = None;
    }

    /// Sets the switch of the card.
    pub fn lock(&self, is_locked: bool) {
        self.state.borrow_mut().is_locked = is_locked;
    }

    /// Returns the number of blocks written so far.
    pub fn writes(&self) -> u64 {
        self.state.borrow().writes
    }

    /// Returns the numbers of the blocks written, in order.
    pub fn log(&self) -> Vec<u32> {
        self.state.borrow().log.clone()
    }

    /// Changes bytes of a block.
    pub fn strike(&self, block: u32, act: impl FnOnce(&mut [u8; SECTOR])) {
        let mut bytes = self.block(&self.state.borrow(), block).expect("the block is there");
        act(&mut bytes);
        self.state.borrow_mut().written.insert(block, bytes);
    }

    /// Returns the number of blocks.
    pub fn blocks(&self) -> u32 {
        (self.base.len() / SECTOR) as u32
    }

    /// Returns all bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = (*self.base).clone();
        for (block, sector) in &self.state.borrow().written {
            let at = *block as usize * SECTOR;
            bytes[at..at + SECTOR].copy_from_slice(sector);
        }
        bytes
    }

    /// Returns the findings of `fsck.vfat -n` that could cost a file or a part of one.
    pub fn fsck_harm(&self, layout: Layout) -> Vec<String> {
        harm(self.fsck(layout))
    }

    /// Returns the findings of `fsck.vfat -n`; empty if the file system is sound.
    pub fn fsck(&self, layout: Layout) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder for the image");
        let path = folder.path().join("card.img");
        self.save(layout, &path);
        let output = tool("fsck.vfat")
            .arg("-n")
            .arg(&path)
            .output()
            .expect("fsck.vfat is there (Debian: dosfstools)");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Vec::new() } else { findings(&text) }
    }

    /// Writes the file system alone into a file.
    pub fn save(&self, layout: Layout, path: &Path) {
        let bytes = self.bytes();
        let end = bytes.len() - if layout.start() > 0 { 64 * SECTOR } else { 0 };
        std::fs::write(path, &bytes[layout.start() * SECTOR..end]).expect("the image is written");
    }

    fn block(&self, state: &State, block: u32) -> Result<[u8; SECTOR], DiskError> {
        if let Some(sector) = state.written.get(&block) {
            return Ok(*sector);
        }
        let at = block as usize * SECTOR;
        let bytes = self.base.get(at..at + SECTOR).ok_or(DiskError::NoSuchBlock(block))?;
        Ok(bytes.try_into().expect("a sector's length"))
    }
}

/// Picks the findings out of what `fsck.vfat` printed.
pub fn findings(printed: &str) -> Vec<String> {
    let is_told = |line: &&str| {
        let is_frame = line.starts_with("fsck.fat") || line.ends_with(" clusters");
        !line.trim().is_empty() && !is_frame
    };
    printed.lines().filter(is_told).map(str::to_owned).collect()
}

/// Returns the findings that could cost a file or a part of one.
pub fn harm(findings: Vec<String>) -> Vec<String> {
    // Harmless: unused space, wrong counts, a chain longer than its file, tables that differ
    // because only one of them was written yet, and lines that only name a place.
    let harmless = [
        "Free cluster summary",
        "Leaving filesystem unchanged",
        "Reclaimed",
        "Reclaiming",
        "cluster chain length is >",
        "Truncating file to",
        "Auto-correcting",
        "FATs differ",
        "Using first FAT",
        "1) Use first FAT",
    ];
    let is_harm = |line: &String| {
        !line.starts_with('/') && !harmless.iter().any(|words| line.contains(words))
    };
    findings.into_iter().filter(is_harm).collect()
}

/// Returns a tool of the system, also from folders that are only on the administrator's path.
fn tool(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// Runs a tool, which must succeed.
pub fn told(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

impl BlockDevice for Disk {
    type Error = DiskError;

    fn read(&self, blocks: &mut [Block], start: BlockIdx) -> Result<(), DiskError> {
        let state = self.state.borrow();
        if state.is_out {
            return Err(DiskError::Out);
        }
        for (index, block) in (start.0..).zip(blocks) {
            block.contents = self.block(&state, index)?;
        }
        Ok(())
    }

    fn write(&self, blocks: &[Block], start: BlockIdx) -> Result<(), DiskError> {
        for (index, block) in (start.0..).zip(blocks) {
            let old = self.block(&self.state.borrow(), index)?;
            let mut state = self.state.borrow_mut();
            if state.is_out {
                return Err(DiskError::Out);
            }
            if state.is_locked {
                return Err(DiskError::Locked);
            }
            let mut now = block.contents;
            let is_cut = state.fuse.is_some_and(|fuse| fuse.writes == 0);
            if let Some(fuse) = &mut state.fuse {
                fuse.writes = fuse.writes.saturating_sub(1);
            }
            if is_cut {
                match state.fuse.map(|fuse| fuse.tear) {
                    Some(SectorTear::Old) => now = old,
                    Some(SectorTear::Torn) => {
                        let kept = state.random.below(SECTOR);
                        now[kept..].copy_from_slice(&old[kept..]);
                    }
                    Some(SectorTear::Garbage) => {
                        now.iter_mut().for_each(|byte| *byte = state.random.bits() as u8);
                    }
                    Some(SectorTear::New) | None => {}
                }
                state.is_out = true;
            }
            state.writes += 1;
            state.log.push(index);
            state.written.insert(index, now);
            if is_cut {
                return Err(DiskError::Out);
            }
        }
        Ok(())
    }

    fn num_blocks(&self) -> Result<BlockCount, DiskError> {
        if self.state.borrow().is_out { Err(DiskError::Out) } else { Ok(BlockCount(self.blocks())) }
    }
}
