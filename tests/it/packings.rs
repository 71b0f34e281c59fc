//! Whatever a chip holds, a box in a device's memory finds in it what one in a daemon's finds, and from
//! then on writes the same.

use contactbox_core::sim::Tear;
use contactbox_core::store::{Memory, OpenReport, Stats};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::world::memory::{HostMemory, Roomy};
use contactbox_tests::world::ops::{Op, PEOPLE, script};
use contactbox_tests::world::oracle::Person;
use contactbox_tests::world::{self, Box, Chip, CrowdedMemory, DeviceMemory};
use embassy_futures::block_on;

const PAGES: usize = 48;

type Image = Chip<4, 512>;

/// What befell a box before it is opened.
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

/// A chip with a history.
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

/// All there is to know of a box.
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
        let uid = contactbox_core::contact::Uid::from_text(&world::ops::uid_text(who));
        let mut memory = vec![0; 16 * 1024];
        match block_on(book.get(uid, &mut memory)) {
            Ok(Some(found)) => vec![found.contact.changed().time],
            _ => Vec::new(),
        }
    };
    let versions = (0..PEOPLE).map(versions).collect();
    let people = (0..PEOPLE).map(|who| world::look_closely(book, who)).collect();
    let mut stats = book.stats();
    // Counts each time that a flipped bit is read, and who shares a hash is read more often.
    stats.journal.corrected = 0;
    Seen { report, stats, people, versions, slots: book.slots() }
}

/// Opens, looks, goes on working, looks again; returns what was seen and what is on the chip then.
fn live_on<M: Roomy>(chip: Image, seed: u64) -> Result<(Vec<Seen>, Image), String> {
    let (mut book, report) = world::open_in::<4, 512, M>(chip)?;
    let mut seen = vec![see(&mut book, report)];
    for (number, op) in script(seed ^ 0xA5, 40).into_iter().enumerate() {
        // It may be refused, for damage: then by all alike.
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
    let cases = if report::campaign() { 30_000 } else { 600 };
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
