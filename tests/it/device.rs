//! The emulated device, with the firmware as it ships: its power is cut at any moment, and what it has
//! acknowledged is there.

use contactbox_core::contact::{Kind, Uid};
use contactbox_core::service::cable::AskError;
use contactbox_core::service::{Fault, Request};
use contactbox_tests::behaviour::transcript;
use contactbox_tests::cable::Cable;
use contactbox_tests::emulator::{CardImage, Device};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// How long a device may take from power to an answer.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// Plugs in as soon as the device answers.
fn plug_in(device: &Device) -> Cable {
    let start = Instant::now();
    loop {
        match Cable::plug_in(&device.cable()) {
            Ok((cable, _)) => return cable,
            Err(error) if start.elapsed() > START_TIME_MAX => {
                panic!("the device does not answer: {error}\n{}", device.log())
            }
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// What a person's contact says, as the newest acknowledged change has it; and as one has it that was asked for
/// and not acknowledged.
#[derive(Default)]
struct Known {
    acknowledged: Option<String>,
    in_flight: Option<Option<String>>,
}

#[test]
fn what_the_device_acknowledged_survives_a_hundred_power_cuts() {
    let cuts = if report::campaign() { 1_000 } else { 100 };
    let folder = tempfile::tempdir().expect("room for temporary files");
    let card = CardImage::new(folder.path().join("card.img"));
    let mut device = Device::new();
    let mut random = Random::new(0xC07);
    let mut people: BTreeMap<Uid, Known> = BTreeMap::new();
    let (mut acknowledged, mut starting) = (0u32, 0u32);
    for cut in 0..cuts {
        device.start(Some(&card));
        if cut % 10 == 9 {
            // While it starts, opens its box and takes in the card.
            thread::sleep(Duration::from_millis(random.below(400) as u64));
            device.cut();
            starting += 1;
            continue;
        }
        let mut cable = plug_in(&device);
        check(&mut cable, &mut people);
        let lives = Duration::from_millis(random.below(1_200) as u64);
        thread::scope(|scope| {
            let (people, random, device) = (&mut people, &mut random, &mut device);
            let mut fork = Random::new(random.bits());
            let writer = scope.spawn(move || write(&mut cable, people, &mut fork));
            thread::sleep(lives);
            device.cut();
            acknowledged += writer.join().expect("the writer ends with the cable");
        });
    }
    device.start(Some(&card));
    check(&mut plug_in(&device), &mut people);
    assert_eq!(card.check(), Ok(()));
    report::line(
        "device",
        &format!(
            "{cuts} power cuts, {starting} of them while starting: all of {acknowledged} \
             acknowledged changes are there"
        ),
    );
}

/// Changes contacts until the power goes; returns how many changes were acknowledged.
fn write(cable: &mut Cable, people: &mut BTreeMap<Uid, Known>, random: &mut Random) -> u32 {
    for done in 0.. {
        let uid = Uid::from_text(&format!("person {}", random.below(30)));
        let known = people.entry(uid).or_default();
        let note = (random.below(6) > 0).then(|| format!("note {}", random.bits()));
        known.in_flight = Some(note.clone());
        let told = match &note {
            Some(note) => cable.put(Some(uid), &[(Kind::FN, "Somebody"), (Kind::NOTE, note)]),
            None => cable.change(&Request::Purge { uid }),
        };
        match told {
            Ok(_) => {}
            Err(AskError::Fault(Fault::NoSuchContact(_))) if note.is_none() => {}
            Err(AskError::Fault(fault)) => panic!("the device refuses: {fault}"),
            Err(_) => return done,
        }
        *known = Known { acknowledged: note, in_flight: None };
    }
    0
}

/// Compares all that the device holds with what it has acknowledged, and learns what became of what it has
/// not.
fn check(cable: &mut Cable, people: &mut BTreeMap<Uid, Known>) {
    for (uid, known) in people {
        let texts = cable.texts(*uid).unwrap_or_else(|error| panic!("{uid}: {error}"));
        let note = texts.and_then(|texts| {
            texts.into_iter().find(|(kind, _)| *kind == Kind::NOTE).map(|(_, text)| text)
        });
        let in_flight = known.in_flight.take();
        assert!(
            note == known.acknowledged || Some(&note) == in_flight.as_ref(),
            "{uid}: there is {note:?}, acknowledged was {:?}, in flight {in_flight:?}",
            known.acknowledged,
        );
        known.acknowledged = note;
    }
}

#[test]
fn the_emulated_device_answers_as_the_app_on_a_host() {
    let mut device = Device::new();
    device.start(None);
    let from_device = transcript(&mut plug_in(&device).asked());
    let from_app = contactbox_tests::behaviour::transcript_of_app();
    assert_eq!(from_device, from_app);
}
