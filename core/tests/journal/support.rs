//! A small entry owner that maps a u32 key to its newest version by a u32 revision, and helpers of
//! the tests.

use contactbox_core::sim::{Nor, NorError};
use contactbox_core::store::journal::{
    Address, AppendError, Entry, EntryOwner, Journal, JournalConfig, JournalOpenError, Liveness,
    Loss, Need, OpenReport, PageState,
};
use embassy_futures::block_on;
use std::collections::BTreeMap;

pub const PUT: u8 = 1;
pub const DELETE: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub revision: u32,
    pub at: Address,
    pub len: u32,
    pub kind: u8,
}

#[derive(Clone, Debug, Default)]
pub struct Map {
    pub index: BTreeMap<u32, Kept>,
    pub losses: Vec<Loss>,
    pub all_healed: bool,
    pub moves: u64,
}

pub fn hint(key: u32) -> u16 {
    (key.wrapping_mul(40503) >> 3) as u16 | 1
}

fn parse(entry: &Entry<'_>) -> (u32, u32) {
    let word = |at: usize| u32::from_le_bytes(entry.payload[at..at + 4].try_into().unwrap());
    (word(0), word(4))
}

impl EntryOwner for Map {
    fn on_entry(&mut self, entry: &Entry<'_>) -> Liveness {
        if entry.payload.len() < 8 {
            return Liveness::Dead;
        }
        let (key, revision) = parse(entry);
        let kept =
            Kept { revision, at: entry.at, len: entry.payload.len() as u32, kind: entry.kind };
        let known = self.index.get(&key).copied();
        match known {
            None => {
                self.index.insert(key, kept);
                Liveness::Live
            }
            Some(old) if old.revision < revision => {
                self.index.insert(key, kept);
                Liveness::Replaces(old.at, old.len)
            }
            Some(old) if old.revision == revision => Liveness::Equals(old.at),
            Some(_) => Liveness::Dead,
        }
    }

    fn is_live(&self, entry: &Entry<'_>) -> bool {
        let (key, _) = parse(entry);
        self.index.get(&key).is_some_and(|kept| kept.at == entry.at)
    }

    fn moved(&mut self, entry: &Entry<'_>, to: Address) {
        let (key, revision) = parse(entry);
        let kept = self.index.get_mut(&key).expect("only live entries are moved");
        assert_eq!((kept.revision, kept.at), (revision, entry.at));
        kept.at = to;
        self.moves += 1;
    }

    fn lost(&mut self, loss: &Loss) {
        if !self.losses.contains(loss) {
            self.losses.push(*loss);
        }
    }

    fn is_healed(&self, loss: &Loss) -> bool {
        // This is as strict as can be: a loss that was not reported counts as healed.
        self.all_healed || !self.losses.contains(loss)
    }

    fn hint(&self, entry: &Entry<'_>) -> u16 {
        hint(parse(entry).0)
    }
}

/// The random numbers of SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

pub fn payload(key: u32, revision: u32, len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(&key.to_le_bytes());
    out.extend_from_slice(&revision.to_le_bytes());
    let mut random = Random(u64::from(key) << 32 | u64::from(revision));
    while out.len() < len {
        out.push(random.next() as u8);
    }
    out
}

/// The contents that the box should have: key to (revision, length, kind).
pub type Oracle = BTreeMap<u32, (u32, usize, u8)>;

pub struct Held<const W: usize, const E: usize> {
    pub journal: Journal<Nor<1, W, E>, Growing<PageState>, Growing<u8>>,
    pub map: Map,
}

/// Memory that grows, as the daemon's does.
#[derive(Clone, Default)]
pub struct Growing<T>(pub Vec<T>);
impl<T: Clone + Default> contactbox_core::store::slab::Slab<T> for Growing<T> {
    fn cells(&self) -> &[T] {
        &self.0
    }
    fn cells_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
    fn grow(&mut self, len: usize) -> bool {
        if self.0.len() < len {
            self.0.resize(len, T::default());
        }
        true
    }
}

impl<const W: usize, const E: usize> Held<W, E> {
    pub fn format(nor: Nor<1, W, E>) -> Self {
        let config = JournalConfig { salt: 0x1234_5678_9ABC_DEF0 };
        match block_on(Journal::format(nor, config, Growing::default(), Growing(vec![0; E]))) {
            Ok(journal) => Held { journal, map: Map::default() },
            Err(error) => panic!("format: {error:?}"),
        }
    }

    pub fn open(nor: Nor<1, W, E>) -> Result<(Self, OpenReport), JournalOpenError<NorError>> {
        let mut map = Map::default();
        let (journal, report) = block_on(Journal::open(
            nor,
            Growing::default(),
            Growing(vec![0; E]),
            &mut [],
            &mut map,
        ))?;
        Ok((Held { journal, map }, report))
    }

    pub fn reopen(self) -> (Self, OpenReport) {
        let nor = self.journal.into_flash();
        let operations = nor.operations();
        let (mut this, report) = Self::open(nor).expect("opens again");
        assert_eq!(this.journal.flash_mut().operations(), operations, "opening never writes");
        (this, report)
    }

    pub fn put(
        &mut self,
        key: u32,
        revision: u32,
        len: usize,
    ) -> Result<(), AppendError<NorError>> {
        self.append(Need::Data, PUT, key, revision, len)
    }

    pub fn delete(&mut self, key: u32, revision: u32) -> Result<(), AppendError<NorError>> {
        self.append(Need::Deletion, DELETE, key, revision, 8)
    }

    fn append(
        &mut self,
        need: Need,
        kind: u8,
        key: u32,
        revision: u32,
        len: usize,
    ) -> Result<(), AppendError<NorError>> {
        let bytes = payload(key, revision, len);
        let (head, tail) = bytes.split_at(8);
        let at = block_on(self.journal.append_needing(
            &mut self.map,
            need,
            kind,
            hint(key),
            &[head, tail],
        ))?;
        self.enter(key, Kept { revision, at, len: len as u32, kind });
        Ok(())
    }

    pub fn put_group(&mut self, items: &[(u32, u32, usize)]) -> Result<(), AppendError<NorError>> {
        let payloads: Vec<_> =
            items.iter().map(|(key, revision, len)| payload(*key, *revision, *len)).collect();
        let entries: Vec<_> = items
            .iter()
            .zip(&payloads)
            .map(|((key, ..), payload)| (PUT, hint(*key), payload.as_slice()))
            .collect();
        let mut out = vec![Address::default(); items.len()];
        block_on(self.journal.append_group(&mut self.map, &entries, &mut out))?;
        for ((key, revision, len), at) in items.iter().zip(out) {
            self.enter(*key, Kept { revision: *revision, at, len: *len as u32, kind: PUT });
        }
        Ok(())
    }

    fn enter(&mut self, key: u32, kept: Kept) {
        if let Some(old) = self.map.index.insert(key, kept) {
            self.journal.retire(old.at, old.len);
        }
    }

    pub fn tend(&mut self, budget: u32) -> bool {
        block_on(self.journal.maintain(&mut self.map, budget)).unwrap_or(false)
    }

    pub fn rest(&mut self) {
        let _ = block_on(self.journal.confirm_tails(&mut self.map));
    }

    /// Reads an entry and compares it with the expected one.
    pub fn holds(&mut self, key: u32, revision: u32, len: usize) -> bool {
        let Some(kept) = self.map.index.get(&key).copied() else { return false };
        let mut buf = vec![0; E];
        match block_on(self.journal.read(kept.at, kept.len as usize, &mut buf)) {
            Ok(entry) => entry.payload == payload(key, revision, len) && entry.kind == kept.kind,
            Err(_) => false,
        }
    }

    /// Compares all with the oracle. The `in_flight` version (key, revision) may be there or not.
    pub fn compare(&mut self, oracle: &Oracle) -> Result<(), String> {
        for (key, (revision, len, kind)) in oracle {
            let Some(kept) = self.map.index.get(key).copied() else {
                return Err(format!("key {key} is gone"));
            };
            if kept.revision != *revision || kept.kind != *kind {
                return Err(format!(
                    "key {key}: {kept:?} instead of revision {revision} kind {kind}"
                ));
            }
            if !self.holds(*key, *revision, *len) {
                return Err(format!("key {key} at {:?} cannot be read", kept.at));
            }
        }
        if self.map.index.len() != oracle.len() {
            return Err(format!("{} keys instead of {}", self.map.index.len(), oracle.len()));
        }
        Ok(())
    }
}

/// Returns whether the large numbers of cases are asked for.
pub fn campaign() -> bool {
    std::env::var_os("CONTACTBOX_CAMPAIGN").is_some()
}
