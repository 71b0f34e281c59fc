//! B1: any unit that a chip or a disk loses from a box at rest is reported, on opening and by
//! `verify`.
//!
//! Nothing older is shown as the newest without its mark.

use contactbox_core::sim::{Nor, Tear};
use contactbox_core::store::Wide;
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::world::memory::{HostMemory, Roomy};
use contactbox_tests::world::ops::{Op, PEOPLE, script};
use contactbox_tests::world::oracle::Oracle;
use contactbox_tests::world::{self, Chip, DeviceMemory};
use embassy_futures::block_on;

/// The bytes that a disk loses at once.
const SECTOR: usize = 512;
/// The bytes of each page that are damaged sector by sector.
const SWEPT: usize = 4096;

/// The bytes that replace others.
#[derive(Clone, Copy, Debug)]
enum Strike {
    Zeros,
    Erased,
    Noise,
    /// The bytes from before the last checkpoint: a write that was lost.
    Before,
    /// The bytes from long before.
    LongBefore,
    /// The bytes of another place: a write that went astray.
    Astray,
    /// Zeros at the beginning, the rest unchanged.
    Beginning,
    /// Two wrong bytes: at the start of a page, one in its header and one in its start entry.
    TwoBytes,
}

const STRIKES: [Strike; 8] = [
    Strike::Zeros,
    Strike::Erased,
    Strike::Noise,
    Strike::Before,
    Strike::LongBefore,
    Strike::Astray,
    Strike::Beginning,
    Strike::TwoBytes,
];

/// The history of a box.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    pages: usize,
    /// The operations before its last checkpoint.
    ops: usize,
    /// True if it only imports, like a box that has just been filled.
    is_imported: bool,
    /// The power cuts on the way.
    cuts: usize,
    /// The pages added half way.
    grows_by: usize,
}

/// A box at rest, its known content, and its chip before the last checkpoint and long before.
struct Rested<const W: usize, const E: usize> {
    chip: Chip<W, E>,
    oracle: Oracle,
    before: Vec<u8>,
    long_before: Vec<u8>,
}

fn live<const W: usize, const E: usize>(kind: &Kind, seed: u64) -> Rested<W, E> {
    let mut random = Random::new(seed);
    let mut chip = Nor::new(kind.pages);
    chip.seed(seed);
    let mut book = world::format::<W, E>(chip);
    let mut oracle = Oracle::default();
    let mut long_before = book.flash().contents().to_vec();
    let mut ops = script(seed, kind.ops);
    if kind.is_imported {
        ops = (0..kind.ops).map(|who| Op::Import { who: who as u8 % PEOPLE, card: 3 }).collect();
    }
    for (at, op) in ops.iter().copied().enumerate() {
        if at == kind.ops / 2 {
            // A cut still to come is called off.
            book.flash().power_on();
            world::apply(&mut book, Op::Rest, 0).expect("a box can rest");
            long_before = book.flash().contents().to_vec();
            if kind.grows_by > 0 {
                book.flash().enlarge(kind.pages + kind.grows_by);
                block_on(book.extend()).expect("a box can grow");
            }
        }
        if kind.cuts > 0 && random.below(kind.ops) < kind.cuts {
            book.flash().cut_after(random.below(8) as u64, *random.pick(&Tear::ALL));
        }
        match world::apply(&mut book, op, 0) {
            Ok(()) => oracle.apply(op),
            Err(error) => {
                assert!(book.flash().is_cut(), "{kind:?}: {error}");
                let mut chip = book.into_flash();
                chip.power_on();
                book = world::open(chip).expect("a cut closes no box").0;
                world::check(&mut book, &mut oracle, Some(op)).expect("a cut loses nothing");
                world::apply(&mut book, op, 0).expect("the script fits the box");
                oracle.apply(op);
            }
        }
    }
    book.flash().power_on();
    world::apply(&mut book, Op::Rest, 0).expect("a box can rest");
    let before = book.flash().contents().to_vec();
    let last = Op::Put { who: random.below(usize::from(PEOPLE)) as u8, card: 180 };
    world::apply(&mut book, last, 0).expect("the script fits the box");
    oracle.apply(last);
    world::apply(&mut book, Op::Rest, 0).expect("a box can rest");
    let chip = book.into_flash();
    long_before.resize(chip.contents().len(), 0xFF);
    Rested { chip, oracle, before, long_before }
}

impl<const W: usize, const E: usize> Rested<W, E> {
    /// Returns the chip with a part of it replaced; `None` if that changes nothing.
    fn struck(
        &self,
        strike: Strike,
        at: usize,
        len: usize,
        random: &mut Random,
    ) -> Option<Chip<W, E>> {
        let mut chip = self.chip.clone();
        let was = self.chip.contents();
        let to = &mut chip.contents_mut()[at..at + len];
        match strike {
            Strike::Zeros => to.fill(0),
            Strike::Erased => to.fill(0xFF),
            Strike::Noise => to.fill_with(|| random.bits() as u8),
            Strike::Before => to.copy_from_slice(&self.before[at..at + len]),
            Strike::LongBefore => to.copy_from_slice(&self.long_before[at..at + len]),
            Strike::Astray => {
                let from = random.below(was.len() / len) * len;
                to.copy_from_slice(&was[from..from + len]);
            }
            Strike::Beginning => to[..len.min(100)].fill(0),
            Strike::TwoBytes => {
                for byte in [5, len.min(41) - 1] {
                    to[byte] ^= 1 + random.below(255) as u8;
                }
            }
        }
        (chip.contents() != was).then_some(chip)
    }

    /// Opens a damaged box and compares. Returns whether anything in it is wrong. A fault that is
    /// not reported is an error, also after maintenance and a checkpoint.
    fn judge<M: Roomy>(&self, chip: Chip<W, E>) -> Result<bool, String> {
        let (mut book, opened) = world::open_in::<W, E, M>(chip)?;
        let mut wrong = Vec::new();
        for who in 0..PEOPLE {
            let known = self.oracle.people.get(&who);
            match (world::look_closely(&mut book, who), known) {
                (Ok(None), None) => {}
                (Ok(Some((seen, _))), Some(person)) if seen.looks_like(person) => {}
                (Ok(Some((_, is_stale))), _) if !is_stale => {
                    return Err(format!("person {who} is old, and that is not said; {opened:?}"));
                }
                _ => wrong.push(who),
            }
        }
        if wrong.is_empty() {
            return Ok(false);
        }
        if opened.is_sound() {
            return Err(format!("{wrong:?} are wrong, and opening says nothing; {opened:?}"));
        }
        let verified = block_on(book.verify(|_| {})).map_err(|error| error.to_string())?;
        if verified.is_sound() {
            return Err(format!("{wrong:?} are wrong, and verify calls it sound; {opened:?}"));
        }
        for _ in 0..1_000 {
            if block_on(book.maintain()).map_err(|error| error.to_string())? {
                break;
            }
        }
        world::apply(&mut book, Op::Rest, 0)?;
        let (mut book, again) = world::open_in::<W, E, M>(book.into_flash())?;
        let verified = block_on(book.verify(|_| {})).map_err(|error| error.to_string())?;
        match verified.is_sound() {
            true => Err(format!("{wrong:?} are wrong, and at rest nothing says so; {again:?}")),
            false => Ok(true),
        }
    }
}

/// The cases, and how many of them had a fault.
#[derive(Default)]
struct Tally {
    cases: usize,
    told: usize,
    untold: Vec<String>,
}

fn sweep<const W: usize, const E: usize, M: Roomy>(kind: Kind, seeds: u64, tally: &mut Tally) {
    let seeds = if report::campaign() { seeds * 40 } else { seeds };
    for seed in 0..seeds {
        let rested = live::<W, E>(&kind, seed);
        assert_eq!(rested.judge::<M>(rested.chip.clone()), Ok(false), "{kind:?}: not struck");
        let mut random = Random::new(seed);
        let pages = rested.chip.contents().len() / E;
        for page in 0..pages {
            let base = page * E;
            if rested.chip.contents()[base..base + E].iter().all(|byte| *byte == 0xFF) {
                continue;
            }
            let sectors = (0..E.min(SWEPT)).step_by(SECTOR).map(|at| (at, SECTOR));
            let elsewhere = (0..4).map(|_| (random.below(E / SECTOR) * SECTOR, SECTOR));
            let whole = [(0, E), (0, 64), (0, E.min(4096))];
            // The header and the start entry, with the other entries of its group unchanged.
            let beginning = [(0, 33), (0, 41), (0, 48), (0, 53)];
            let places: Vec<_> = sectors.chain(elsewhere).chain(whole).chain(beginning).collect();
            for (at, len) in places {
                for strike in STRIKES {
                    let Some(chip) = rested.struck(strike, base + at, len, &mut random) else {
                        continue;
                    };
                    tally.cases += 1;
                    match rested.judge::<M>(chip) {
                        Ok(is_wrong) => tally.told += usize::from(is_wrong),
                        Err(error) => tally.untold.push(format!(
                            "{}, words of {W}, pages of {E}, seed {seed}: {len} bytes of page {page} \
                             from {at} {strike:?}: {error}",
                            kind.name
                        )),
                    }
                }
            }
        }
    }
}

#[test]
fn b1_whatever_is_lost_of_a_page_is_told() {
    let kind =
        |name, pages, ops| Kind { name, pages, ops, is_imported: false, cuts: 0, grows_by: 0 };
    let imported = |pages, ops| Kind { is_imported: true, ..kind("imported", pages, ops) };
    // More than a minute of one processor: the two halves run side by side.
    let mut halves = [Tally::default(), Tally::default()];
    let [one, other] = &mut halves;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            sweep::<4, 512, HostMemory<Wide>>(imported(24, 14), 2, one);
            sweep::<4, 65536, HostMemory<Wide>>(imported(12, 14), 1, one);
            sweep::<4, 512, HostMemory<Wide>>(kind("edited", 64, 60), 2, one);
            sweep::<4, 512, DeviceMemory>(kind("reclaimed", 64, 500), 2, one);
            sweep::<4, 4096, HostMemory<Wide>>(kind("reclaimed", 12, 600), 2, one);
            sweep::<1, 512, DeviceMemory>(kind("nearly full", 42, 300), 2, one);
            sweep::<4, 65536, HostMemory<Wide>>(
                Kind { grows_by: 6, ..kind("grown", 12, 60) },
                1,
                one,
            );
            sweep::<1, 4096, HostMemory<Wide>>(
                Kind { cuts: 12, ..kind("after cuts", 14, 300) },
                2,
                one,
            );
        });
        sweep::<4, 4096, DeviceMemory>(imported(12, 14), 2, other);
        sweep::<1, 512, DeviceMemory>(kind("young", 40, 4), 3, other);
        sweep::<1, 4096, DeviceMemory>(kind("edited", 16, 60), 2, other);
        sweep::<8, 512, HostMemory<Wide>>(kind("reclaimed", 72, 400), 2, other);
        sweep::<4, 512, HostMemory<Wide>>(kind("nearly full", 44, 300), 2, other);
        sweep::<4, 512, HostMemory<Wide>>(
            Kind { grows_by: 24, ..kind("grown", 44, 200) },
            2,
            other,
        );
        sweep::<4, 512, DeviceMemory>(Kind { cuts: 12, ..kind("after cuts", 64, 300) }, 3, other);
    });
    let [mut tally, other] = halves;
    tally.cases += other.cases;
    tally.told += other.told;
    tally.untold.extend(other.untold);
    let Tally { cases, told, untold } = tally;
    report::line(
        "struck pages",
        &format!("{cases} strikes at 15 kinds of box: {told} told, {} untold", untold.len()),
    );
    assert!(
        untold.is_empty(),
        "{} untold, the first:\n{}",
        untold.len(),
        untold[..untold.len().min(12)].join("\n")
    );
    // Most damage at the first bytes of a page costs nothing: the other entries in the start
    // entry's group can still be read.
    assert!(told > cases / 8, "too few of them strike what counts");
}

/// A fault that no log sees without help from outside: all of it is older.
#[cfg(unix)]
#[test]
fn b1_an_image_that_was_put_back_is_told_by_the_mark_beside_it() {
    let place = contactbox_tests::daemon::Place::new();
    let serve = || place.serve_with(&["--backup", "off"]);
    let said = "older than what this box has acknowledged";
    let daemon = serve();
    place.run(["add", "Ada"]).expect(0);
    assert!(daemon.stop().success());
    let before = std::fs::read(place.image()).expect("the image");
    let daemon = serve();
    assert!(!place.run(["info"]).expect(0).stderr.contains(said));
    place.run(["add", "Grace"]).expect(0);
    assert!(daemon.stop().success());
    std::fs::write(place.image(), before).expect("room for a file");
    let daemon = serve();
    place.run(["verify"]).expect(1).says(&[said]);
    // The later changes are newer than all the others. The fault is reported all the same, as long
    // as something is missing.
    place.run(["add", "Hedy"]).expect(0).says(&[said]);
    assert!(daemon.stop().success());
    let daemon = serve();
    place.run(["verify"]).expect(1).says(&[said, "contacts.box.mark"]);
    place.run(["add", "Rosalind"]).expect(0).says(&[said]);
    assert!(daemon.stop().success());
    // Nobody has it: the way that the message names.
    let mark = place.image().with_extension("box.mark");
    std::fs::remove_file(&mark).expect("it is there");
    let daemon = serve();
    assert!(!place.run(["info"]).expect(0).stderr.contains(said));
    place.run(["verify"]).expect(0);
    assert!(daemon.stop().success());
}

/// Its missing content comes back from its own backup before anything else happens, and nothing is
/// wrong after that.
#[cfg(unix)]
#[test]
fn b1_an_image_that_was_put_back_takes_back_what_its_backup_has() {
    let place = contactbox_tests::daemon::Place::new();
    let daemon = place.serve();
    place.run(["add", "Ada"]).expect(0);
    assert!(daemon.stop().success());
    let before = std::fs::read(place.image()).expect("the image");
    let daemon = place.serve();
    place.run(["add", "Grace"]).expect(0);
    assert!(daemon.stop().success());
    std::fs::write(place.image(), before).expect("room for a file");
    let daemon = place.serve();
    contactbox_tests::daemon::until("the backup is taken in", || {
        place.run(["find", "Grace"]).stdout.contains("Grace")
    });
    contactbox_tests::daemon::until("the box is sound again", || {
        place.run(["verify", "--json"]).stdout.contains("\"sound\":true")
    });
    assert!(!place.run(["info"]).expect(0).stderr.contains("older than what"));
    assert!(daemon.stop().success());
}

/// Its own snapshots, on a card or in its backup, made since it was put back, do not know what is
/// missing. A meeting with them, at once or after a restart, ends nothing.
#[cfg(unix)]
#[test]
fn b1_a_box_that_was_put_back_is_not_whole_by_its_own_later_word() {
    let place = contactbox_tests::daemon::Place::new();
    let card = tempfile::tempdir().expect("a folder");
    let folder = card.path().to_str().expect("a path of text");
    let daemon = place.serve_with(&["--backup", "off"]);
    place.run(["add", "Early Bird"]).expect(0);
    assert!(daemon.stop().success());
    let before = std::fs::read(place.image()).expect("the image");
    let daemon = place.serve_with(&["--backup", "off"]);
    place.run(["add", "Lost One"]).expect(0);
    assert!(daemon.stop().success());
    std::fs::write(place.image(), before).expect("room for a file");
    // This also holds before any change.
    let daemon = place.serve_with(&["--backup", "off"]);
    place.run(["card", "backup", folder]).expect(4);
    for _ in 0..3 {
        place.run(["card", "sync", folder]).expect(4);
    }
    place.run(["add", "Later"]).expect(0);
    for _ in 0..2 {
        place.run(["card", "sync", folder]).expect(4);
    }
    place.run(["verify"]).expect(1);
    assert!(daemon.stop().success());
    // With its backup, which it writes when it ends.
    for _ in 0..3 {
        let daemon = place.serve();
        place.run(["verify"]).expect(1);
        place.run(["find", "early"]).expect(4);
        place.run(["add", "More"]).expect(0);
        assert!(daemon.stop().success());
    }
    let daemon = place.serve();
    place.run(["verify"]).expect(1);
    assert!(daemon.stop().success());
}

/// A box that was put back changes something without knowing its own later state. Other boxes that
/// have that state must not take the change for one made with knowledge of it.
#[cfg(unix)]
#[test]
fn b1_a_box_that_was_put_back_removes_nothing_from_others() {
    let (here, there) =
        (contactbox_tests::daemon::Place::new(), contactbox_tests::daemon::Place::new());
    let card = tempfile::tempdir().expect("a folder");
    let folder = card.path().to_str().expect("a path of text");
    let serve = || here.serve_with(&["--backup", "off"]);
    let daemon = serve();
    here.run(["add", "Ada", "--tel", "+44 20 7946 0000"]).expect(0);
    assert!(daemon.stop().success());
    let before = std::fs::read(here.image()).expect("the image");
    let daemon = serve();
    here.run(["edit", "Ada", "--email", "ada@example.org"]).expect(0);
    here.run(["add", "Grace"]).expect(0);
    here.run(["card", "sync", folder]).expect(0);
    let other = there.serve_with(&["--backup", "off"]);
    there.run(["card", "sync", folder]).expect(0);
    assert!(daemon.stop().success());
    std::fs::write(here.image(), before).expect("room for a file");
    let daemon = serve();
    // Before it meets any other box.
    here.run(["edit", "Ada", "--note", "Engines"]).expect(0);
    for place in [&here, &there, &here, &there] {
        place.run(["card", "sync", folder]).expect(0);
    }
    for place in [&here, &there] {
        let shown = place.run(["show", "Ada"]).expect(0).stdout;
        for said in ["7946 0000", "ada@example.org", "Engines"] {
            assert!(shown.contains(said), "{said:?} is gone: {shown}");
        }
        place.run(["show", "Grace"]).expect(0);
    }
    assert!(daemon.stop().success());
    assert!(other.stop().success());
}
