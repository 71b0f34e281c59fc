//! Simulates a card in RAM that counts sector writes and can be pulled at any of them.

use crate::card::{Card, CardError, FileName, SECTOR_BYTES};
use std::collections::BTreeMap;

/// The state in which a pulled card leaves the sector that was being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectorTear {
    /// The old contents.
    Old,
    /// The new contents, though the writer saw an error.
    New,
    /// The beginning is new and the rest is old.
    Torn,
    /// Random bytes, neither old nor new.
    Garbage,
}

impl SectorTear {
    /// All four of them, for sweeps.
    pub const ALL: [SectorTear; 4] = [Self::Old, Self::New, Self::Torn, Self::Garbage];
}

/// The moment and the way in which the card is pulled.
#[derive(Clone, Copy, Debug)]
pub struct PullFuse {
    /// Sector writes that still succeed.
    pub writes: u64,
    /// The state of the sector in the write after these.
    pub tear: SectorTear,
    /// True if sectors written since the last flush may be lost too, each at random.
    pub forgets: bool,
}

/// An error of the simulated card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RamCardError {
    /// A write that is not of whole sectors, or begins beyond the end of the file.
    BadWrite {
        /// The offset of the write.
        offset: u32,
        /// The number of bytes.
        bytes: usize,
    },
}

/// A sector as it was before a write that is not flushed yet.
#[derive(Clone)]
struct Undo {
    name: FileName,
    offset: usize,
    /// The old sector; `None` when the write made the file longer.
    old: Option<Vec<u8>>,
}

/// A card in RAM.
#[derive(Clone, Default)]
pub struct RamCard {
    files: BTreeMap<FileName, Vec<u8>>,
    undo: Vec<Undo>,
    writes: u64,
    fuse: Option<PullFuse>,
    is_out: bool,
    is_protected: bool,
    bytes_max: Option<usize>,
    random: u64,
}

impl RamCard {
    /// Makes an empty card.
    pub fn new() -> Self {
        Self::default()
    }

    /// Seeds the randomness of tears.
    pub fn seed(&mut self, seed: u64) {
        self.random = seed;
    }

    /// Sets the sector write at which the card is pulled.
    pub fn set_fuse(&mut self, fuse: Option<PullFuse>) {
        self.fuse = fuse;
    }

    /// Takes the card out while nothing is written.
    pub fn pull(&mut self) {
        self.is_out = true;
    }

    /// Puts the card in again, with the contents that it has.
    pub fn insert(&mut self) {
        self.is_out = false;
        self.fuse = None;
        self.undo.clear();
    }

    /// Returns whether the card is out.
    pub fn is_out(&self) -> bool {
        self.is_out
    }

    /// Sets the write protection switch at the card's side.
    pub fn protect(&mut self, is_protected: bool) {
        self.is_protected = is_protected;
    }

    /// Limits the bytes of all files together.
    pub fn limit(&mut self, bytes_max: Option<usize>) {
        self.bytes_max = bytes_max;
    }

    /// Returns the files, for tests that read or damage them.
    pub fn files_mut(&mut self) -> &mut BTreeMap<FileName, Vec<u8>> {
        &mut self.files
    }

    /// Returns a number that looks random (SplitMix64).
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn check(&self) -> Result<(), CardError<RamCardError>> {
        if self.is_out { Err(CardError::Removed) } else { Ok(()) }
    }

    fn write_sector(
        &mut self,
        name: &FileName,
        offset: usize,
        sector: &[u8],
    ) -> Result<(), CardError<RamCardError>> {
        let held: usize = self.files.values().map(Vec::len).sum();
        let len = self.files.get(name).map_or(0, Vec::len);
        let is_longer = offset + sector.len() > len;
        if is_longer && self.bytes_max.is_some_and(|max| held + sector.len() > max) {
            return Err(CardError::Full);
        }
        let old = self.files.get(name).and_then(|file| file.get(offset..offset + sector.len()));
        let old = old.map(<[u8]>::to_vec);
        self.undo.push(Undo { name: *name, offset, old: old.clone() });
        let mut now = sector.to_vec();
        let is_cut = self.fuse.as_mut().is_some_and(|fuse| {
            let is_cut = fuse.writes == 0;
            fuse.writes = fuse.writes.saturating_sub(1);
            is_cut
        });
        let fuse = self.fuse.filter(|_| is_cut);
        if let Some(fuse) = fuse {
            let before = old.clone().unwrap_or_else(|| vec![0; sector.len()]);
            match fuse.tear {
                SectorTear::Old => now = before,
                SectorTear::New => {}
                SectorTear::Torn => {
                    let kept = self.next() as usize % SECTOR_BYTES;
                    now[kept..].copy_from_slice(&before[kept..]);
                }
                SectorTear::Garbage => now.iter_mut().for_each(|byte| *byte = self.next() as u8),
            }
        }
        if !(is_longer && fuse.is_some_and(|fuse| fuse.tear == SectorTear::Old)) {
            let file = self.files.entry(*name).or_default();
            if is_longer {
                file.resize(offset + sector.len(), 0);
            }
            file[offset..offset + sector.len()].copy_from_slice(&now);
        }
        self.writes += 1;
        match fuse {
            Some(fuse) => {
                self.is_out = true;
                if fuse.forgets {
                    self.forget();
                }
                Err(CardError::Removed)
            }
            None => Ok(()),
        }
    }

    /// Loses some of the sectors that were not flushed.
    fn forget(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        let mut is_kept_longer = true;
        for step in undo.iter().rev() {
            let is_lost = self.next() & 1 == 1;
            let Some(file) = self.files.get_mut(&step.name) else { continue };
            match &step.old {
                Some(old) if is_lost => {
                    if let Some(place) = file.get_mut(step.offset..step.offset + old.len()) {
                        place.copy_from_slice(old);
                    }
                }
                // A file becomes shorter only from its end.
                None if is_lost && is_kept_longer => file.truncate(step.offset),
                None => is_kept_longer = false,
                Some(_) => {}
            }
        }
        self.files.retain(|_, file| !file.is_empty());
    }
}

impl Card for RamCard {
    type Error = RamCardError;

    async fn next_file(
        &mut self,
        after: Option<&FileName>,
    ) -> Result<Option<FileName>, CardError<RamCardError>> {
        self.check()?;
        Ok(self.files.keys().find(|&name| after.is_none_or(|after| name > after)).copied())
    }

    async fn len(&mut self, name: &FileName) -> Result<Option<u32>, CardError<RamCardError>> {
        self.check()?;
        Ok(self.files.get(name).map(|file| file.len() as u32))
    }

    async fn read(
        &mut self,
        name: &FileName,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, CardError<RamCardError>> {
        self.check()?;
        let file = self.files.get(name).map_or(&[][..], Vec::as_slice);
        let there = file.get(offset as usize..).unwrap_or(&[]);
        let count = there.len().min(out.len());
        out[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    async fn write(
        &mut self,
        name: &FileName,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), CardError<RamCardError>> {
        self.check()?;
        if self.is_protected {
            return Err(CardError::WriteProtected);
        }
        let len = self.files.get(name).map_or(0, Vec::len);
        let is_whole = (offset as usize).is_multiple_of(SECTOR_BYTES)
            && bytes.len().is_multiple_of(SECTOR_BYTES);
        if !is_whole || offset as usize > len {
            return Err(CardError::Device(RamCardError::BadWrite { offset, bytes: bytes.len() }));
        }
        for (number, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
            self.write_sector(name, offset as usize + number * SECTOR_BYTES, sector)?;
        }
        Ok(())
    }

    async fn flush(&mut self, name: &FileName) -> Result<(), CardError<RamCardError>> {
        self.check()?;
        self.undo.retain(|undo| undo.name != *name);
        Ok(())
    }

    fn sector_writes(&self) -> u64 {
        self.writes
    }
}
