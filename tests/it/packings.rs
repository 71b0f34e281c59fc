//! A box in a device's memory finds on any chip what one in a daemon's memory finds, and then
//! writes the same.

use contactbox_core::contact::Uid;
use contactbox_core::sim::{NorError, Tear};
use contactbox_core::store::{Book, Memory, OpenReport, Stats};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::world::memory::{HostMemory, Roomy};
use contactbox_tests::world::ops::{Op, PEOPLE, script};
use contactbox_tests::world::oracle::Person;
use contactbox_tests::world::{self, Box, Chip, CrowdedMemory, DeviceMemory};
use embassy_futures::block_on;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

const PAGES: usize = 48;

type Image = Chip<4, 512>;

/// The fate of a box before it is opened.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Rested,
    Cut { fuse: u64, tear: Tear },
    Struck { strikes: u8, bits: u32 },
}

fn fate(random: &mut Random) -> Fate {
    match random.below(3) {
        0 => Fate::Rested,
        1 => Fate::Cut { fuse: random.below(400) as u64, tear: *random.pick(&Tear::ALL) },
        _ => Fate::Struck { strikes: 1 + random.below(5) as u8, bits: 1 + random.below(64) as u32 },
    }
}

/// Returns a chip with a history.
fn image(seed: u64, ops: usize, fate: Fate) -> Image {
    let mut random = Random::new(seed);
    let mut chip = world::format::<4, 512>(Chip::new(PAGES)).into_flash();
    chip.seed(random.bits());
    if let Fate::Cut { fuse, tear } = fate {
        chip.cut_after(fuse, tear);
    }
    let mut book = world::open(chip).expect("an empty box opens").0;
    for op in script(seed, ops).into_iter().chain([Op::Rest]) {
        if world::apply(&mut book, op, 0).is_err() {
            break;
        }
    }
    let mut chip = book.into_flash();
    chip.power_on();
    if let Fate::Struck { strikes, bits } = fate {
        for _ in 0..strikes {
            chip.burst(random.below(PAGES * 512 * 8 - 64) as u64, bits);
        }
    }
    chip
}

/// Everything that can be seen of a box.
#[derive(Debug, PartialEq)]
struct Seen {
    report: OpenReport,
    stats: Stats,
    people: Vec<Result<Option<(Person, bool)>, String>>,
    versions: Vec<Vec<u64>>,
    slots: u32,
}

fn see<M: Memory>(book: &mut Box<4, 512, M>, report: OpenReport) -> Seen {
    let versions = |who| {
        let uid = Uid::from_text(&world::ops::uid_text(who));
        let mut memory = vec![0; 16 * 1024];
        match block_on(book.get(uid, &mut memory)) {
            Ok(Some(found)) => vec![found.contact.changed().time],
            _ => Vec::new(),
        }
    };
    let versions = (0..PEOPLE).map(versions).collect();
    let people = (0..PEOPLE).map(|who| world::look_closely(book, who)).collect();
    let mut stats = book.stats();
    // This counts every read of a flipped bit, and contacts that share a hash are read more often.
    stats.journal.corrected = 0;
    Seen { report, stats, people, versions, slots: book.slots() }
}

/// Opens, examines, goes on working, examines again. Returns what was seen, and the chip at the
/// end.
fn live_on<M: Roomy>(chip: Image, seed: u64) -> Result<(Vec<Seen>, Image), String> {
    let (mut book, report) = world::open_in::<4, 512, M>(chip)?;
    let mut seen = vec![see(&mut book, report)];
    for (number, op) in script(seed ^ 0xA5, 40).into_iter().enumerate() {
        // An operation may be refused because of damage, but then by all boxes.
        let done = world::apply(&mut book, op, 0);
        if number % 10 == 9 || done.is_err() {
            seen.push(see(&mut book, report));
        }
    }
    Ok((seen, book.into_flash()))
}

fn compare(case: &str, seed: u64, ops: usize, fate: Fate) {
    let chip = image(seed, ops, fate);
    let wide = live_on::<HostMemory>(chip.clone(), seed);
    let others = [
        ("a device's", live_on::<DeviceMemory>(chip.clone(), seed)),
        ("a crowded", live_on::<CrowdedMemory>(chip, seed)),
    ];
    for (name, other) in others {
        match (&wide, &other) {
            (Ok((wide, wide_chip)), Ok((other, other_chip))) => {
                for (step, (wide, other)) in wide.iter().zip(other).enumerate() {
                    assert_eq!(wide, other, "{case}: {name} memory at step {step}");
                }
                assert_eq!(wide.len(), other.len(), "{case}: {name} memory");
                assert!(
                    wide_chip.contents() == other_chip.contents(),
                    "{case}: {name} memory wrote otherwise"
                );
            }
            (wide, other) => {
                assert_eq!(wide.as_ref().err(), other.as_ref().err(), "{case}: {name} memory")
            }
        }
    }
}

#[test]
fn a_device_sees_what_a_daemon_sees() {
    let cases = if report::campaign() { 30_000 } else { 300 };
    for seed in 0..cases {
        let mut random = Random::new(seed);
        let (ops, fate) = (1 + random.below(400), fate(&mut random));
        compare(&format!("seed {seed}, {ops} operations, {fate:?}"), seed, ops, fate);
    }
    report::line(
        "packings",
        &format!(
            "{cases} images, sound, cut and struck: in three kinds of memory the same seen, and the same written after"
        ),
    );
}

/// A chip on which an entry reads correctly with its page, and wrongly ever after by itself.
struct Fickle {
    chip: Image,
    entry: u32,
}

impl ErrorType for Fickle {
    type Error = NorError;
}

impl ReadNorFlash for Fickle {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        ReadNorFlash::read(&mut self.chip, offset, bytes).await?;
        if bytes.len() < 512
            && offset == self.entry
            && let Some(byte) = bytes.get_mut(12)
        {
            *byte ^= 0x55;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        ReadNorFlash::capacity(&self.chip)
    }
}

impl NorFlash for Fickle {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 512;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        NorFlash::erase(&mut self.chip, from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
        NorFlash::write(&mut self.chip, offset, bytes).await
    }
}

#[test]
fn an_entry_that_vanishes_while_the_box_is_opened_is_told_as_a_loss() {
    let mut book = world::format::<4, 512>(Chip::new(PAGES));
    // Each person has several versions, in different pages.
    for op in (0..60).map(|number| Op::Put { who: number % PEOPLE, card: number.into() }) {
        world::apply(&mut book, op, 0).expect("the script fits the box");
    }
    world::apply(&mut book, Op::Rest, 0).expect("a box can rest");
    let chip = book.into_flash();
    let mut vanished = 0;
    for entry in (0..(PAGES * 512) as u32).step_by(4) {
        let fickle = Fickle { chip: chip.clone(), entry };
        let parts = <DeviceMemory as Roomy>::parts(PAGES, 512, 16 * 1024);
        let (mut book, _) = block_on(Book::open(fickle, world::CONFIG, parts)).expect("it opens");
        if book.losses() == 0 {
            continue;
        }
        vanished += 1;
        // An older version in its place does not pass for the newest.
        let mut memory = vec![0; 16 * 1024];
        let mut stale = 0;
        for who in 0..PEOPLE {
            let uid = Uid::from_text(&world::ops::uid_text(who));
            if let Ok(Some(found)) = block_on(book.get(uid, &mut memory)) {
                stale += u32::from(found.is_stale);
            }
        }
        assert_eq!(stale, 1, "the entry at {entry}");
    }
    report::line("packings", &format!("{vanished} entries vanished while being opened, each told"));
    assert!(vanished > 10, "only {vanished}");
}
