//! The emulated device with the firmware as it ships: power cuts at any moment lose nothing
//! acknowledged.

use contactbox_core::card::OwnFiles;
use contactbox_core::contact::{Contact, Kind, Uid};
use contactbox_core::service::cable::{AskError, Exchange};
use contactbox_core::service::sync::{SyncError, sync};
use contactbox_core::service::{Fault, Reply, Request};
use contactbox_core::store::Consent;
use contactbox_core::store::Root;
use contactbox_tests::behaviour::{meeting_transcript, transcript, transcripts_of_app};
use contactbox_tests::cable::Cable;
use contactbox_tests::desk::Desk;
use contactbox_tests::disk::{Disk, card, findings, harm};
use contactbox_tests::emulator::{CardImage, Device, Power};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::stack;
use contactbox_tests::tally::Watched;
use embassy_futures::block_on;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest time from power to an answer.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// The contacts that are changed on the device, and on the PC that it meets.
const PEOPLE: usize = 30;
const PEOPLE_THERE: usize = 200;

/// The contacts changed on the PC between two meetings.
const CHANGED_THERE: usize = 60;

/// The longest time in microseconds for which a request runs before the power is cut.
const REQUEST_MICROS: usize = 10_000;

/// The time without a change after which a count has come to its end.
const STILL_TIME: Duration = Duration::from_secs(2);

/// Waits until a count has reached `end`, or has stopped.
fn wait_for(end: u64, count: impl Fn() -> u64) {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let now = count();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        // The device may open its box before the first event.
        let still = if now == 0 { START_TIME_MAX } else { STILL_TIME };
        if now >= end || since.elapsed() > still {
            return;
        }
        thread::sleep(Duration::from_micros(100));
    }
}

/// Connects as soon as the device answers.
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

/// A person's contact after the newest acknowledged change, and after one that was asked for and
/// not acknowledged.
#[derive(Default)]
struct Known {
    acknowledged: Option<String>,
    in_flight: Option<Option<String>>,
    /// The digest of its state when it was last read and matched what was acknowledged; `None` if
    /// it may have changed since.
    looked_at: Option<[u8; 8]>,
}

type People = BTreeMap<Uid, Known>;

/// The work that a power cut interrupts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The opening of the box and the import of the card.
    Start,
    /// Edits, each appended to the card.
    Edits,
    /// A whole snapshot onto the card.
    Backup,
    /// A meeting over the cable.
    Sync,
}

/// Returns the work for a cut; each kind has its share of twenty.
fn moment(cut: u32) -> Moment {
    match cut % 20 {
        9 | 19 => Moment::Start,
        1 | 5 | 8 | 13 | 16 => Moment::Backup,
        2 | 6 | 11 | 14 | 17 => Moment::Sync,
        _ => Moment::Edits,
    }
}

/// A device, its card, the PC that it meets, and the content that must be there.
struct World {
    device: Device,
    /// The identity of the device's box.
    id: u64,
    card: CardImage,
    /// The card when it was empty.
    blank: Vec<u8>,
    /// The card with a snapshot of the device when it was empty, and the root of that snapshot.
    old: Option<(Vec<u8>, Root)>,
    desk: Desk,
    /// The notes of the contacts on the PC.
    notes: BTreeMap<Uid, Option<String>>,
    random: Random,
    /// The sectors of a whole snapshot on an empty card, and the requests of a meeting to the
    /// device. The power is cut within little more than these, however fast the machine is.
    backup_sectors: u64,
    sync_requests: u64,
    /// The contacts changed on the device.
    people: People,
    /// The contacts changed on the PC, as far as the device has acknowledged them.
    there: People,
    told: Told,
}

/// The figures reported at the end.
#[derive(Default)]
struct Told {
    edits: u32,
    taken: u32,
    starting: u32,
    in_edits: u32,
    backups: u32,
    backups_broken: u32,
    syncs: u32,
    syncs_broken: u32,
}

#[test]
fn what_the_device_acknowledged_survives_fifty_power_cuts() {
    let cuts = if report::campaign() { 1_000 } else { 50 };
    let folder = tempfile::tempdir().expect("room for temporary files");
    let card = CardImage::new(folder.path().join("card.img"));
    let mut world = World {
        blank: card.bytes(),
        card,
        old: None,
        device: Device::new(),
        id: 0,
        desk: Desk::new(2, 16 << 20),
        notes: BTreeMap::new(),
        random: Random::new(0xC07),
        backup_sectors: 0,
        sync_requests: 0,
        people: People::new(),
        there: People::new(),
        told: Told::default(),
    };
    world.begin();
    for cut in 0..cuts {
        match moment(cut) {
            Moment::Start => world.cut_while_starting(),
            Moment::Edits => world.cut_edits(),
            Moment::Backup => world.cut_backup(),
            Moment::Sync => world.cut_sync(),
        }
    }
    world.end();
    let Told { edits, taken, starting, in_edits, backups, backups_broken, syncs, syncs_broken } =
        world.told;
    report::line(
        "device",
        &format!(
            "{cuts} power cuts, {in_edits} of them in edits, {backups} in backups ({backups_broken} left \
             half), {syncs} in meetings ({syncs_broken} broken off), {starting} while starting: all of \
             {edits} acknowledged changes are there, and of {taken} contacts taken from the PC; one root \
             in the end"
        ),
    );
    let untouched = stack::least_untouched();
    report::line("device", &format!("{untouched} bytes of the device's stack were never used"));
    // A kind of cut that always misses would prove nothing. The rate depends on the speed of the
    // emulator on this machine; over a thousand cuts it evens out.
    let often = if report::campaign() { backups / 5 } else { 0 };
    assert!(backups_broken > often && syncs_broken * 5 > syncs);
}

impl World {
    /// Keeps a card with a snapshot of the empty box. Then lets the device meet the PC and make a
    /// snapshot, without cuts.
    fn begin(&mut self) {
        self.device.start(Some(&self.card));
        let mut cable = plug_in(&self.device);
        let id = cable.ask(&Request::Info, |reply| match reply {
            Reply::Info(info) => Some(info.id),
            _ => None,
        });
        self.id = id.ok().flatten().expect("the device tells who it is");
        let root = root_of(&mut cable);
        self.device.cut();
        assert_eq!(self.on_card(), Some(root));
        self.old = Some((self.card.bytes(), root));
        for number in 0..PEOPLE_THERE {
            self.change_there(number);
        }
        self.device.start(Some(&self.card));
        let mut cable = plug_in(&self.device);
        self.meet(|desk, _| meet(desk, &mut cable, &AtomicU64::new(0)));
        self.device.cut();
        self.start_with_card_behind(None);
        plug_in(&self.device);
        self.backup_sectors = self.device.tally().counts().card_writes;
        assert!(self.backup_sectors > 0, "a snapshot was made");
        self.device.cut();
    }

    /// Starts the device with a card that lacks most of its box, so that a snapshot is its first
    /// work.
    fn start_with_card_behind(&mut self, old: Option<&[u8]>) {
        self.card.put_back(old.unwrap_or(&self.blank));
        let watched = Watched::Card;
        self.device.start_with(Power { card: Some(&self.card), watched, ..Power::default() });
    }

    /// Returns the step at which the power is cut: mostly before the end of these steps.
    fn somewhere_in(&mut self, steps: u64) -> u64 {
        1 + self.random.below(steps as usize * 5 / 4) as u64
    }

    /// Lets both meet once more, and checks that everything is there.
    fn end(&mut self) {
        self.device.start(Some(&self.card));
        let mut cable = plug_in(&self.device);
        self.check(&mut cable);
        self.meet(|desk, _| meet(desk, &mut cable, &AtomicU64::new(0)));
        self.check(&mut cable);
        let root = root_of(&mut cable);
        assert_eq!(block_on(self.desk.book.root()).ok(), Some(root));
        let start = Instant::now();
        while self.on_card() != Some(root) {
            assert!(start.elapsed() < START_TIME_MAX, "the card is not brought up to date");
            thread::sleep(Duration::from_millis(100));
        }
        self.device.cut();
        // A cut while a file grows leaves it with clusters that it does not use, and nothing worse.
        let found = self.card.check().err().unwrap_or_default();
        assert_eq!(harm(findings(&found)), Vec::<String>::new());
    }

    /// Returns the root of the device's snapshot on its card.
    fn on_card(&self) -> Option<Root> {
        let mut fat = card(Disk::new(self.card.bytes())).expect("the card is formatted");
        let own = block_on(OwnFiles::find(&mut fat, self.id)).expect("the card can be read");
        own.root()
    }

    fn check(&mut self, cable: &mut Cable) {
        let digests = digests(cable);
        check(cable, &digests, &mut self.people);
        check(cable, &digests, &mut self.there);
    }

    fn cut_while_starting(&mut self) {
        self.device.start(Some(&self.card));
        thread::sleep(Duration::from_millis(self.random.below(400) as u64));
        self.device.cut();
        self.told.starting += 1;
    }

    fn cut_edits(&mut self) {
        self.device.start(Some(&self.card));
        let mut cable = plug_in(&self.device);
        self.check(&mut cable);
        let lives = Duration::from_millis(self.random.below(1_200) as u64);
        let mut fork = Random::new(self.random.bits());
        let (people, device) = (&mut self.people, &mut self.device);
        let written = thread::scope(|scope| {
            let writer = scope.spawn(move || write(&mut cable, people, &mut fork));
            thread::sleep(lives);
            device.cut();
            writer.join().expect("the writer ends with the cable")
        });
        self.told.edits += written;
        self.told.in_edits += 1;
    }

    fn cut_backup(&mut self) {
        // An empty card, and one with an older snapshot, in turn.
        let old = self.old.clone().filter(|_| self.told.backups % 2 == 1);
        let before = old.as_ref().map(|(_, root)| *root);
        self.start_with_card_behind(old.as_ref().map(|(bytes, _)| bytes.as_slice()));
        let end = self.somewhere_in(self.backup_sectors);
        let device = &self.device;
        wait_for(end, || device.tally().counts().card_writes);
        self.device.cut();
        let after = self.on_card();
        assert!(before.is_none() || after.is_some(), "the older snapshot is gone");
        self.told.backups_broken += u32::from(after == before);
        self.told.backups += 1;
    }

    fn cut_sync(&mut self) {
        for _ in 0..CHANGED_THERE {
            let number = self.random.below(PEOPLE_THERE);
            self.change_there(number);
        }
        self.device.start(Some(&self.card));
        let mut cable = plug_in(&self.device);
        self.check(&mut cable);
        let end = self.somewhere_in(self.sync_requests);
        let more = Duration::from_micros(self.random.below(REQUEST_MICROS) as u64);
        let came_to_end = self.meet(|desk, device| {
            let asked = AtomicU64::new(0);
            thread::scope(|scope| {
                let meeting = scope.spawn(|| meet(desk, &mut cable, &asked));
                wait_for(end, || match meeting.is_finished() {
                    true => u64::MAX,
                    false => asked.load(Ordering::Relaxed),
                });
                thread::sleep(more);
                device.cut();
                meeting.join().expect("a meeting ends with the cable")
            })
        });
        self.told.syncs_broken += u32::from(!came_to_end);
        self.told.syncs += 1;
    }

    /// Changes a contact on the PC.
    fn change_there(&mut self, number: usize) {
        let uid = Uid::from_text(&format!("contact {number}"));
        let note = (self.random.below(8) > 0)
            .then(|| format!("note {} {}", self.random.bits(), "of some length ".repeat(12)));
        let known = self.notes.entry(uid).or_default();
        match &note {
            Some(note) => self.desk.put(uid, &[(Kind::FN, "Somebody"), (Kind::NOTE, note)]),
            // A missing contact cannot be purged.
            None if known.is_none() => return,
            None => self.desk.purge(uid),
        }
        .expect("the PC takes it");
        *known = note;
    }

    /// Lets both meet, and records what the device has acknowledged; false if the meeting was
    /// interrupted.
    fn meet(&mut self, meeting: impl FnOnce(&mut Desk, &mut Device) -> Met) -> bool {
        for (uid, note) in &self.notes {
            self.there.entry(*uid).or_default().in_flight = Some(note.clone());
        }
        let Met { came_to_end, requests, taken } = meeting(&mut self.desk, &mut self.device);
        if came_to_end {
            self.sync_requests = requests;
        }
        self.told.taken += taken.len() as u32;
        for (uid, note) in taken {
            // An earlier change on the device goes to the PC and comes back.
            let known = self.there.get_mut(&uid).expect("a contact of the PC");
            *known = Known { acknowledged: note, ..Known::default() };
        }
        came_to_end
    }
}

/// The result of a meeting.
struct Met {
    came_to_end: bool,
    /// The requests to the device.
    requests: u64,
    /// The contacts that the device has acknowledged.
    taken: Vec<(Uid, Option<String>)>,
}

/// Synchronises both, as far as the cable lasts. Counts the requests to the device in `asked`.
fn meet(desk: &mut Desk, cable: &mut Cable, asked: &AtomicU64) -> Met {
    let mut there = Overheard { cable, asked, taken: Vec::new() };
    let report = block_on(sync(&mut desk.end(), &mut there, Consent::Given, |_| {}));
    let came_to_end = match report {
        Ok(report) => {
            assert!(report.root.is_some(), "the two are apart: {report:?}");
            true
        }
        Err(SyncError::There(AskError::Link(_))) => false,
        Err(error) => panic!("a meeting fails: {error}"),
    };
    Met { came_to_end, requests: asked.load(Ordering::Relaxed), taken: there.taken }
}

/// The device, with a record of what it acknowledges.
struct Overheard<'c> {
    cable: &'c mut Cable,
    asked: &'c AtomicU64,
    taken: Vec<(Uid, Option<String>)>,
}

impl Exchange for Overheard<'_> {
    type Error = std::io::Error;

    async fn ask<'s>(
        &'s mut self,
        request: &Request<'_>,
    ) -> Result<Reply<'s>, AskError<Self::Error>> {
        let Self { cable, asked, taken: known } = self;
        asked.fetch_add(1, Ordering::Relaxed);
        let reply = Exchange::ask(*cable, request).await?;
        if let (Request::Take { records }, Reply::Taken { taken, .. }) = (request, &reply) {
            for record in records.iter().take(*taken as usize) {
                let contact = Contact::parse(record.0).expect("a record of the PC");
                let note = contact.latest(Kind::NOTE).and_then(|note| note.content.value.as_text());
                known.push((contact.uid(), note.map(str::to_owned)));
            }
        }
        Ok(reply)
    }
}

fn root_of(cable: &mut Cable) -> Root {
    let root = cable.ask(&Request::Root, |reply| match reply {
        Reply::Root { root, .. } => Some(Root(*root)),
        _ => None,
    });
    root.ok().flatten().expect("the device tells its root")
}

/// Changes contacts until the power goes; returns how many changes were acknowledged.
fn write(cable: &mut Cable, people: &mut People, random: &mut Random) -> u32 {
    for done in 0.. {
        let uid = Uid::from_text(&format!("person {}", random.below(PEOPLE)));
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
        *known = Known { acknowledged: note, ..Known::default() };
    }
    0
}

/// Returns the digest of each state on the device.
fn digests(cable: &mut Cable) -> BTreeMap<Uid, [u8; 8]> {
    let (mut digests, mut from) = (BTreeMap::new(), Some(0));
    while let Some(page) = from {
        let asked = cable.ask(&Request::Offers { since: 0, from: page }, |reply| match reply {
            Reply::Offers { offers, next } => {
                digests.extend(offers.iter().map(|offer| (offer.uid, offer.digest)));
                Some(*next)
            }
            _ => None,
        });
        from = asked.ok().flatten().expect("the device tells what it holds");
    }
    digests
}

/// Compares everything on the device with what it has acknowledged, and finds out the fate of the
/// rest. A contact with an unchanged digest is not read again, because that would take too long
/// over the cable.
fn check(cable: &mut Cable, digests: &BTreeMap<Uid, [u8; 8]>, people: &mut People) {
    for (uid, known) in people {
        let digest = digests.get(uid).copied();
        if digest.is_some() && digest == known.looked_at {
            known.in_flight = None;
            continue;
        }
        known.looked_at = digest;
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
    let [from_app, met_by_app] = transcripts_of_app();
    let ask = |play: &dyn Fn(Cable) -> Vec<String>| {
        let mut device = Device::new();
        device.start(None);
        play(plug_in(&device))
    };
    assert_eq!(ask(&|cable| transcript(&mut cable.asked())), from_app);
    assert_eq!(ask(&|mut cable| meeting_transcript(&mut cable)), met_by_app);
}
