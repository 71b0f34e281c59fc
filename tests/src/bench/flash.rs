//! The cost of an edit and a get in flash: programs, bytes, erases and reads, on the simulated
//! chip.
use contactbox_core::sim::Counters;

use super::chip::Chip;
use super::engine::{Engine, Trouble};
use super::work::{Choice, Work};

/// Bytes of a program word: serial NOR chips take single bytes.
pub const WORD_BYTES: usize = 1;
/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;
/// Pages of the chip: 512 KiB.
pub const PAGES: usize = 128;
/// The sizes of the records, once edited.
pub const RECORD_BYTES: std::ops::RangeInclusive<usize> = 90..=170;
/// The number of edits measured.
pub const EDITS: u32 = 8_000;
/// The number of gets measured.
pub const GETS: u32 = 2_000;
/// The seed of the random choices.
pub const SEED: u64 = 20_261_122;
/// The chip of this measurement.
pub type CostChip = Chip<WORD_BYTES, PAGE_BYTES>;

/// The bytes counted for an entry beside its record when a fill is turned into a number of
/// contacts: a header and a key of usual size, the same for all engines.
const ENTRY_OVERHEAD_BYTES: usize = 12;

/// A fill of the chip, and the number of contacts for it.
#[derive(Clone, Copy)]
pub struct Fill {
    /// The percentage of the chip's bytes.
    pub percent: u32,
    /// The number of contacts.
    pub contacts: usize,
}

impl Fill {
    /// Returns the fills of the table.
    pub fn all() -> [Self; 3] {
        [14, 50, 80].map(Self::new)
    }

    fn new(percent: u32) -> Self {
        let entry_bytes = (RECORD_BYTES.start() + RECORD_BYTES.end()) / 2 + ENTRY_OVERHEAD_BYTES;
        let bytes = PAGES * PAGE_BYTES * percent as usize / 100;
        // 14 % are 516 contacts; a round number is easier to read.
        let contacts = if percent == 14 { 500 } else { bytes / entry_bytes };
        Self { percent, contacts }
    }
}

/// The columns of [`Cost::cells`].
pub const COLUMNS: [&str; 10] = [
    "engine",
    "programs",
    "bytes",
    "x of record",
    "erases",
    "worst erases",
    "bytes read",
    "reads/get",
    "bytes/get",
    "warm-up",
];

/// The cost of one engine for one work.
pub struct Cost {
    edits: u32,
    edited: Counters,
    record_bytes: u64,
    erases_worst: u64,
    got: Counters,
    warm_up_bytes: u64,
}

/// Runs the work on an engine and counts. The error says where it stopped.
pub fn measure<E: Engine<WORD_BYTES, PAGE_BYTES>>(
    fill: Fill,
    choice: Choice,
) -> Result<Cost, String> {
    measure_edits::<E>(fill, choice, EDITS)
}

/// Does the same with fewer edits, for engines that are too slow for all of them.
pub fn measure_edits<E: Engine<WORD_BYTES, PAGE_BYTES>>(
    fill: Fill,
    choice: Choice,
    edits: u32,
) -> Result<Cost, String> {
    let (chip, mut work, mut engine) = filled::<E>(fill, choice)?;
    let mut cost = Cost {
        edits,
        edited: Counters::default(),
        record_bytes: 0,
        erases_worst: 0,
        got: Counters::default(),
        warm_up_bytes: 0,
    };
    chip.nor_mut().reset_counters();
    let mut erases = 0;
    for number in 1..=edits {
        let edit = work.edit();
        engine.put(&edit).map_err(|error| stopped("edit", number, &error))?;
        cost.record_bytes += edit.record.len() as u64;
        let erases_now = chip.nor().counters().erases;
        cost.erases_worst = cost.erases_worst.max(erases_now - erases);
        erases = erases_now;
    }
    cost.edited = chip.nor().counters();

    let mut record = Vec::new();
    chip.nor_mut().reset_counters();
    for number in 1..=GETS {
        let key = work.pick();
        let found = engine.get(key, &mut record).map_err(|error| stopped("get", number, &error))?;
        if !found || record != work.record(key) {
            return Err(format!("gave a wrong answer at get {number}"));
        }
    }
    cost.got = chip.nor().counters();

    drop(engine);
    chip.nor_mut().reset_counters();
    let mut engine = E::open(chip.clone(), 1).map_err(|error| format!("does not open: {error}"))?;
    check(&mut engine, &work)?;
    cost.warm_up_bytes = chip.nor().counters().read_bytes;
    Ok(cost)
}

/// Returns the least and the most erases of a page after `edits` edits: the evenness of the wear.
pub fn wear<E: Engine<WORD_BYTES, PAGE_BYTES>>(
    fill: Fill,
    choice: Choice,
    edits: u32,
) -> Result<(u32, u32), String> {
    let (chip, mut work, mut engine) = filled::<E>(fill, choice)?;
    for number in 1..=edits {
        engine.put(&work.edit()).map_err(|error| stopped("edit", number, &error))?;
    }
    check(&mut engine, &work)?;
    let nor = chip.nor();
    let erases = nor.page_erases();
    let (least, most) = (erases.iter().min(), erases.iter().max());
    Ok((least.copied().unwrap_or(0), most.copied().unwrap_or(0)))
}

fn filled<E: Engine<WORD_BYTES, PAGE_BYTES>>(
    fill: Fill,
    choice: Choice,
) -> Result<(CostChip, Work, E), String> {
    let nor = if E::IS_STRICT {
        contactbox_core::sim::Nor::strict(PAGES)
    } else {
        contactbox_core::sim::Nor::new(PAGES)
    };
    let chip = CostChip::from_nor(nor);
    let mut work = Work::new(fill.contacts, RECORD_BYTES, choice, SEED);
    let mut engine =
        E::format(chip.clone()).map_err(|error| format!("does not format: {error}"))?;
    for key in 0..work.contacts() {
        let edit = work.add(key);
        engine.put(&edit).map_err(|error| stopped("contact", key + 1, &error))?;
    }
    Ok((chip, work, engine))
}

fn check<E: Engine<WORD_BYTES, PAGE_BYTES>>(engine: &mut E, work: &Work) -> Result<(), String> {
    let mut record = Vec::new();
    for key in 0..work.contacts() {
        match engine.get(key, &mut record) {
            Ok(true) if record == work.record(key) => {}
            Ok(true) => return Err(format!("has contact {key} wrong at the end")),
            Ok(false) => return Err(format!("has no contact {key} at the end")),
            Err(error) => return Err(format!("has lost contact {key} at the end: {error}")),
        }
    }
    Ok(())
}

fn stopped(what: &str, number: u32, error: &Trouble) -> String {
    format!("stopped at {what} {number}: {error}")
}

impl Cost {
    /// Returns the bytes programmed for each byte of the records.
    pub fn bytes_per_byte(&self) -> f64 {
        self.edited.programmed_bytes as f64 / self.record_bytes as f64
    }

    /// Returns the program calls for each edit.
    pub fn programs_per_edit(&self) -> f64 {
        self.edited.programs as f64 / f64::from(self.edits)
    }

    /// Returns the most erases in one edit.
    pub fn erases_worst(&self) -> u64 {
        self.erases_worst
    }

    /// Returns the reads for each get.
    pub fn reads_per_get(&self) -> f64 {
        self.got.reads as f64 / f64::from(GETS)
    }

    /// Returns the cells of a table row under [`COLUMNS`].
    pub fn cells(&self, name: &str) -> Vec<String> {
        let per_edit = |number: u64| number as f64 / f64::from(self.edits);
        let per_get = |number: u64| number as f64 / f64::from(GETS);
        let whole = |number: f64| super::table::grouped(number.round() as u64);
        vec![
            name.to_string(),
            format!("{:.2}", self.programs_per_edit()),
            whole(per_edit(self.edited.programmed_bytes)),
            format!("{:.2}", self.bytes_per_byte()),
            format!("{:.4}", per_edit(self.edited.erases)),
            self.erases_worst.to_string(),
            whole(per_edit(self.edited.read_bytes)),
            format!("{:.1}", self.reads_per_get()),
            whole(per_get(self.got.read_bytes)),
            format!("{:.1} x", self.warm_up_bytes as f64 / (PAGES * PAGE_BYTES) as f64),
        ]
    }
}
