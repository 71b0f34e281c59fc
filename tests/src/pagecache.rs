//! A file on a host's disk under the system's page cache, in which a power cut may drop unsynced
//! writes.
//!
//! The model is that of ALICE (Pillai and others, OSDI 2014), for one file. Between two syncs each
//! block may go to the disk at any moment or not at all, in any order, whole or in part. A sync
//! that fails leaves any part of the writes on the disk, and the system takes all of them for
//! written, as Linux does since 4.13.

use crate::random::Random;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The bytes that systems keep in memory together.
pub const BLOCK: usize = 4096;

/// The bytes that disks write together.
pub const SECTOR: usize = 512;

type Block = Arc<[u8; BLOCK]>;

/// A change of the file.
#[derive(Clone, Debug)]
pub enum Change {
    /// Bytes were written at a place.
    Write(u64, Arc<[u8]>),
    /// A part, given by its place and its length, was made zeros.
    Zero(u64, u64),
    /// The file was given this length.
    Len(u64),
}

/// The bytes of a file, shared with its copies as long as they are the same.
#[derive(Clone, Default)]
struct Bytes {
    blocks: Vec<Block>,
    len: u64,
}

impl Bytes {
    fn blank() -> Block {
        Arc::new([0; BLOCK])
    }

    fn block(&self, index: usize) -> Block {
        self.blocks.get(index).cloned().unwrap_or_else(Self::blank)
    }

    fn read(&self, out: &mut [u8], at: u64) -> usize {
        let len = (self.len.saturating_sub(at)).min(out.len() as u64) as usize;
        let mut done = 0;
        while done < len {
            let place = at as usize + done;
            let from = place % BLOCK;
            let piece = (BLOCK - from).min(len - done);
            out[done..done + piece]
                .copy_from_slice(&self.blocks[place / BLOCK][from..from + piece]);
            done += piece;
        }
        len
    }

    fn set_len(&mut self, len: u64) {
        let blocks = (len as usize).div_ceil(BLOCK);
        if blocks > self.blocks.len() {
            let blank = Self::blank();
            self.blocks.resize(blocks, blank);
        } else {
            self.blocks.truncate(blocks);
        }
        let from = len as usize % BLOCK;
        if len < self.len && from > 0 {
            Arc::make_mut(&mut self.blocks[blocks - 1])[from..].fill(0);
        }
        self.len = len;
    }

    /// Applies a change, and returns the blocks that it touched.
    fn apply(&mut self, change: &Change) -> std::ops::Range<usize> {
        match change {
            Change::Write(at, bytes) => self.put(*at, bytes.len(), |from, to| {
                to.copy_from_slice(&bytes[from..from + to.len()]);
            }),
            Change::Zero(at, len) => self.put(*at, *len as usize, |_, to| to.fill(0)),
            Change::Len(len) => {
                let before = self.blocks.len();
                self.set_len(*len);
                before.min(self.blocks.len())..self.blocks.len()
            }
        }
    }

    fn put(
        &mut self,
        at: u64,
        len: usize,
        mut fill: impl FnMut(usize, &mut [u8]),
    ) -> std::ops::Range<usize> {
        let (at, end) = (at as usize, at as usize + len);
        if end as u64 > self.len {
            self.set_len(end as u64);
        }
        let mut done = at;
        while done < end {
            let from = done % BLOCK;
            let piece = (BLOCK - from).min(end - done);
            let block = Arc::make_mut(&mut self.blocks[done / BLOCK]);
            fill(done - at, &mut block[from..from + piece]);
            done += piece;
        }
        at / BLOCK..end.div_ceil(BLOCK)
    }
}

/// The remains of the writes since the last sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// All of them, in memory only: the process was killed, and the power stayed.
    Kill,
    /// All of them.
    All,
    /// None.
    Nothing,
    /// The first ones, and a part of the next.
    Prefix,
    /// Each block as at any moment.
    Blocks,
    /// Each sector as at any moment.
    Sectors,
    /// The same, and sectors that mix two moments.
    Torn,
    /// All but some of them.
    Dropped,
    /// All but some of them, in another order.
    Reordered,
}

/// Every kind of cut.
pub const CUTS: [Cut; 9] = [
    Cut::Kill,
    Cut::All,
    Cut::Nothing,
    Cut::Prefix,
    Cut::Blocks,
    Cut::Sectors,
    Cut::Torn,
    Cut::Dropped,
    Cut::Reordered,
];

/// A file on a disk and in memory.
#[derive(Clone, Default)]
pub struct PageCache {
    disk: Bytes,
    memory: Bytes,
    /// The states since the last sync of each block to be written.
    moments: BTreeMap<usize, Vec<Block>>,
    lens: Vec<u64>,
    /// The changes since the last sync.
    pending: Vec<Change>,
}

impl PageCache {
    /// Returns a file with these bytes, which are on the disk.
    pub fn of(bytes: &[u8]) -> Self {
        let mut disk = Bytes::default();
        disk.apply(&Change::Write(0, bytes.into()));
        Self { memory: disk.clone(), disk, ..Self::default() }
    }

    /// Returns the length of the file.
    pub fn bytes(&self) -> u64 {
        self.memory.len
    }

    /// Reads from memory; returns the number of bytes read.
    pub fn read(&self, out: &mut [u8], at: u64) -> usize {
        self.memory.read(out, at)
    }

    /// Returns all bytes in memory.
    pub fn contents(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.memory.len as usize];
        self.memory.read(&mut bytes, 0);
        bytes
    }

    /// Returns whether a sync would have something to do.
    pub fn is_dirty(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Applies a change in memory.
    pub fn apply(&mut self, change: &Change) {
        let blocks = self.memory.apply(change);
        for index in blocks {
            self.moments.entry(index).or_default().push(self.memory.block(index));
        }
        self.lens.push(self.memory.len);
        self.pending.push(change.clone());
    }

    /// Puts on the disk everything that is known to be in memory only.
    pub fn sync(&mut self) {
        self.disk.set_len(self.memory.len);
        for &index in self.moments.keys() {
            if let Some(block) = self.disk.blocks.get_mut(index) {
                *block = self.memory.block(index);
            }
        }
        self.settle();
    }

    /// Fails to sync: some blocks get to the disk, and all of them pass for written.
    pub fn sync_failing(&mut self, random: &mut Random) {
        if random.below(2) == 0 {
            self.disk.set_len(self.memory.len);
        }
        for &index in self.moments.keys() {
            if let Some(block) = self.disk.blocks.get_mut(index)
                && random.below(2) == 0
            {
                *block = self.memory.block(index);
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.moments.clear();
        self.lens.clear();
        self.pending.clear();
    }

    /// Drops the memory of all blocks that pass for written.
    pub fn forget(&mut self) {
        for index in 0..self.memory.blocks.len() {
            if !self.moments.contains_key(&index) {
                self.memory.blocks[index] = self.disk.block(index);
            }
        }
    }

    /// Returns the file when the power is back.
    pub fn after(&self, cut: Cut, random: &mut Random) -> Self {
        let mut disk = self.disk.clone();
        match cut {
            Cut::Kill => return self.clone(),
            Cut::Nothing => {}
            Cut::All => {
                let mut all = self.clone();
                all.sync();
                return all.forgotten();
            }
            Cut::Prefix => {
                let whole = random.below(self.pending.len() + 1);
                for change in &self.pending[..whole] {
                    disk.apply(change);
                }
                if let Some(Change::Write(at, bytes)) = self.pending.get(whole) {
                    let kept = &bytes[..random.below(bytes.len() + 1)];
                    disk.apply(&Change::Write(*at, kept.into()));
                }
            }
            Cut::Dropped | Cut::Reordered => {
                let mut kept: Vec<_> =
                    self.pending.iter().filter(|_| random.below(3) > 0).collect();
                if cut == Cut::Reordered {
                    for last in (1..kept.len()).rev() {
                        kept.swap(last, random.below(last + 1));
                    }
                }
                for change in kept {
                    disk.apply(change);
                }
            }
            Cut::Blocks | Cut::Sectors | Cut::Torn => self.mix(&mut disk, cut, random),
        }
        Self { memory: disk.clone(), disk, ..Self::default() }
    }

    /// Returns this file as if nothing had been synced since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let mut file = before.clone();
        let whole: Arc<[u8]> = self.contents().into();
        file.apply(&Change::Write(0, whole));
        file
    }

    fn forgotten(mut self) -> Self {
        self.memory = self.disk.clone();
        self
    }

    /// Sets each unit to its state at some moment since the last sync.
    fn mix(&self, disk: &mut Bytes, cut: Cut, random: &mut Random) {
        if let Some(len) = self.lens.get(random.below(self.lens.len() + 1)) {
            disk.set_len(*len);
        }
        for (&index, moments) in &self.moments {
            let before = self.disk.block(index);
            let any = |random: &mut Random| {
                moments.get(random.below(moments.len() + 1)).unwrap_or(&before).clone()
            };
            let Some(block) = disk.blocks.get_mut(index) else { continue };
            if cut == Cut::Blocks {
                *block = any(random);
                continue;
            }
            let mut now = *before;
            for at in (0..BLOCK).step_by(SECTOR) {
                let (one, other) = (any(random), any(random));
                let torn = match cut {
                    Cut::Torn if random.below(3) == 0 => random.below(SECTOR),
                    _ => SECTOR,
                };
                now[at..at + torn].copy_from_slice(&one[at..at + torn]);
                now[at + torn..at + SECTOR].copy_from_slice(&other[at + torn..at + SECTOR]);
            }
            *block = Arc::new(now);
        }
    }

    /// Returns a number that is the same for two equal outcomes of a cut at one place.
    pub fn print(&self, of: &Self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.memory.len.hash(&mut hasher);
        self.is_dirty().hash(&mut hasher);
        for index in of.moments.keys() {
            (index, &self.memory.block(*index)[..]).hash(&mut hasher);
        }
        hasher.finish()
    }
}
