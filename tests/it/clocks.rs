//! Wrong clocks: the effect of a wrong or forged time in one box on the others.

use contactbox_core::card::{Remark, SnapshotOwners};
use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid};
use contactbox_core::limits::{CLOCK_MILLIS_MAX, FOREIGN_MILLIS_MAX, LIFE_CHANGES, MILLIS_MAX};
use contactbox_core::sim::RamCard;
use contactbox_core::store::{Aside, Book, BookConfig, Intake, Memory, Quota, Root};
use contactbox_tests::cards;
use contactbox_tests::random::Random;
use contactbox_tests::world::memory::{HostMemory, Roomy};
use contactbox_tests::world::{Box, Chip, DeviceMemory};
use embassy_futures::block_on;

const PAGE: usize = 4096;
const PAGES: usize = 64;
const CONTACT_BYTES: usize = 16 * 1024;

/// The time of a correct clock: autumn 2026.
const NOW: u64 = 1_795_824_000_000;
const DAY: u64 = 24 * 60 * 60 * 1000;
const YEAR: u64 = 365 * DAY;

fn config(number: u64) -> BookConfig {
    // The upper bits make the names of files on a card.
    BookConfig { id: number << 32 | 0xC10C, gram_slices: 32, gram_probes: 1 }
}

fn new<M: Roomy>(number: u64) -> Box<4, PAGE, M> {
    let chip = Chip::<4, PAGE>::new(PAGES);
    let memory = M::parts(PAGES, PAGE, CONTACT_BYTES);
    block_on(Book::format(chip, config(number), memory))
        .unwrap_or_else(|error| panic!("a sound chip can be formatted: {error}"))
}

fn host(number: u64) -> Box<4, PAGE> {
    new::<HostMemory>(number)
}

fn reopened<M: Roomy>(book: Box<4, PAGE, M>) -> Box<4, PAGE, M> {
    let memory = M::parts(PAGES, PAGE, CONTACT_BYTES);
    block_on(Book::open(book.into_flash(), config(0), memory))
        .unwrap_or_else(|error| panic!("what was written can be opened: {error}"))
        .0
}

fn uid(who: &str) -> Uid {
    Uid::from_text(who)
}

/// Sets the lines of a contact; returns its version.
fn put<M: Memory>(book: &mut Box<4, PAGE, M>, who: &str, lines: &[&str], now: u64) -> u64 {
    let mut memory = [0; 2048];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, who)).expect("room for a name");
    for line in lines {
        draft.push(&Property::text(Kind::NOTE, line)).expect("room for a few lines");
    }
    let put = block_on(book.put(uid(who), &draft.finish(), None, AuthorIndex(0), now));
    put.unwrap_or_else(|error| panic!("{who} is put: {error}")).version
}

/// Returns the lines of a contact; `None` if it is gone or in the trash.
fn lines<M: Memory>(book: &mut Box<4, PAGE, M>, who: &str) -> Option<Vec<String>> {
    let mut memory = vec![0; CONTACT_BYTES];
    let found = block_on(book.get(uid(who), &mut memory)).expect("it can be read")?;
    let notes = found.contact.all(Kind::NOTE);
    let mut lines: Vec<String> =
        notes.filter_map(|note| Some(note.content.value.as_text()?.to_owned())).collect();
    lines.sort();
    (!found.contact.is_trashed()).then_some(lines)
}

fn root<M: Memory>(book: &mut Box<4, PAGE, M>) -> Root {
    block_on(book.root()).unwrap_or_else(|error| panic!("everything can be read: {error}"))
}

/// Puts a card into a box: imports it, and puts the box on it. Returns the remarks.
fn visit<M: Memory>(book: &mut Box<4, PAGE, M>, card: &mut RamCard, now: u64) -> Vec<Remark> {
    let merged = cards::merge(book, card, SnapshotOwners::Others, now);
    let (_, remarks) = merged.unwrap_or_else(|error| panic!("the card is taken in: {error}"));
    let own = cards::find(book, card);
    own.and_then(|mut own| cards::keep(book, card, &mut own))
        .unwrap_or_else(|error| panic!("the box is kept: {error}"));
    remarks
}

/// Returns a record as a box with no clock but this time might write it: one name, one note.
fn record_of(who: &str, note: &str, time: u64) -> Vec<u8> {
    let mut record = vec![0];
    record.extend(uid(who).0);
    let mut rest = time;
    while rest >= 0x80 {
        record.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    record.push(rest as u8);
    for (kind, text) in [(Kind::FN, who), (Kind::NOTE, note)] {
        record.extend([kind.code(), text.len() as u8]);
        record.extend(text.as_bytes());
    }
    record
}

/// Hands such a record to a box, as from the box `from`.
fn forge(book: &mut Box<4, PAGE>, from: u64, record: &[u8], now: u64) -> Intake {
    let mut peer = block_on(book.meet(from, Quota::NEW)).expect("a box is met");
    block_on(book.take(&mut peer, record, now)).unwrap_or_else(|error| panic!("a record: {error}"))
}

/// Checks that everything in a box is in a backup, and comes back from it into an empty box.
fn assert_restorable(book: &mut Box<4, PAGE>, number: u64) {
    let mut card = RamCard::new();
    cards::back_up(book, &mut card).expect("a backup is made");
    let mut empty = host(number);
    let restored = cards::merge(&mut empty, &mut card, SnapshotOwners::All, NOW);
    let (merged, remarks) = restored.expect("the card is taken in");
    assert_eq!((merged.aside, &remarks[..]), (0, &[][..]), "all of it can be had");
    assert_eq!(root(&mut empty), root(book));
}

#[test]
fn two_devices_never_set_and_a_daemon_swap_cards_for_a_month() {
    let mut random = Random::new(30);
    let mut daemon = host(1);
    let mut devices = [new::<DeviceMemory>(2), new::<DeviceMemory>(3)];
    let mut cards = [RamCard::new(), RamCard::new()];
    let people: Vec<String> = (0..12).map(|who| format!("person {who}")).collect();
    let mut said = 0;
    for day in 0..30 {
        // A device counts from its start and is switched off over night, so its clock begins again.
        let [one, other] = devices;
        devices = [reopened(one), reopened(other)];
        for hour in 0..8 {
            let uptime = hour * 3_600_000 + 1_000;
            let now = NOW + day * DAY + uptime;
            let who = &people[random.below(people.len())];
            said += 1;
            let line = format!("line {said}");
            match random.below(8) {
                0..2 => put(&mut daemon, who, &[&line], now),
                2..4 => put(&mut devices[0], who, &[&line], uptime),
                4..6 => put(&mut devices[1], who, &[&line], uptime),
                6 => block_on(daemon.remove(uid(who), AuthorIndex(0), now)).map_or(0, |_| 0),
                _ => block_on(devices[0].remove(uid(who), AuthorIndex(0), uptime)).map_or(0, |_| 0),
            };
            let card = &mut cards[random.below(2)];
            let told = match random.below(3) {
                0 => visit(&mut daemon, card, now),
                at => visit(&mut devices[at - 1], card, uptime),
            };
            assert_eq!(told, [], "day {day}: nobody is kept aside for being ahead");
        }
    }
    let now = NOW + 31 * DAY;
    for _ in 0..2 {
        for device in &mut devices {
            assert_eq!(visit(device, &mut cards[0], 1_000), []);
        }
        assert_eq!(visit(&mut daemon, &mut cards[0], now), []);
    }
    for device in &mut devices {
        assert_eq!(visit(device, &mut cards[0], 2_000), []);
    }
    let [one, other] = &mut devices;
    assert_eq!((root(one), root(other)), (root(&mut daemon), root(&mut daemon)));
    // A change made at a device counts as later, whatever its clock shows.
    put(one, &people[0], &["said at the device"], 3_000);
    visit(one, &mut cards[0], 4_000);
    visit(&mut daemon, &mut cards[0], now);
    assert_eq!(lines(&mut daemon, &people[0]), Some(vec!["said at the device".to_owned()]));
}

#[test]
fn b2_a_foreign_time_moves_no_clock_but_for_the_contact_it_is_of() {
    let (mut ours, mut theirs) = (host(1), host(2));
    let mut card = RamCard::new();
    put(&mut theirs, "Ahead", &["of a box whose clock is wrong"], NOW + 50 * YEAR);
    visit(&mut theirs, &mut card, NOW + 50 * YEAR);
    assert_eq!(visit(&mut ours, &mut card, NOW), []);
    assert!(ours.time_max() < NOW + DAY, "taking in moves nothing");
    assert!(put(&mut ours, "Somebody", &["else"], NOW + DAY) < NOW + 2 * DAY);
    let mut ours = reopened(ours);
    assert!(put(&mut ours, "Somebody", &["again"], NOW + 2 * DAY) < NOW + 3 * DAY);
    // A change of that contact counts as later than the other box's, and times never go back.
    let version = put(&mut ours, "Ahead", &["corrected"], NOW + 3 * DAY);
    assert!(version > NOW + 50 * YEAR);
    assert!(put(&mut ours, "Somebody", &["and again"], NOW + 4 * DAY) > version);
    visit(&mut ours, &mut card, NOW + 4 * DAY);
    visit(&mut theirs, &mut card, NOW + 4 * DAY);
    assert_eq!(lines(&mut theirs, "Ahead"), Some(vec!["corrected".to_owned()]));
    assert_eq!(root(&mut theirs), root(&mut ours));
}

#[test]
fn b3_what_is_written_after_a_forged_time_can_be_had_everywhere() {
    let bounds = [CLOCK_MILLIS_MAX, CLOCK_MILLIS_MAX + LIFE_CHANGES, FOREIGN_MILLIS_MAX];
    let times = bounds.iter().flat_map(|&bound| [bound - 1, bound, bound + 1]);
    // Bounds of earlier versions, and the last times that a record can have at all.
    let old = [253_402_300_799_999, 1 << 61, (1 << 61) + (1 << 48) - 1, (1 << 61) + (1 << 48)];
    for time in times.chain(old).chain([MILLIS_MAX - 1, MILLIS_MAX]) {
        let (mut ours, mut friend) = (host(1), host(2));
        let mut card = RamCard::new();
        put(&mut ours, "Ada", &["first"], NOW);
        put(&mut ours, "Forged", &["ours"], NOW);
        visit(&mut ours, &mut card, NOW);
        visit(&mut friend, &mut card, NOW);
        let record = record_of("Forged", "forged", time);
        let intake = forge(&mut ours, 99, &record, NOW);
        if time > FOREIGN_MILLIS_MAX {
            assert_eq!(intake, Intake::Aside(uid("Forged"), Aside::BeyondTime { time }));
        } else {
            assert!(matches!(intake, Intake::Taken(_)), "{time}: {intake:?}");
            forge(&mut ours, 99, &record_of("Trashed", "forged", time), NOW);
        }
        // Every kind of change to them, which then counts.
        put(&mut ours, "Ada", &["second"], NOW + 1);
        put(&mut ours, "Forged", &["ours again"], NOW + 2);
        assert_restorable(&mut ours, 10);
        let by = AuthorIndex(0);
        block_on(ours.remove(uid("Forged"), by, NOW + 3)).expect("it is there");
        assert_eq!(lines(&mut ours, "Forged"), None, "{time}: it is in the trash");
        if time <= FOREIGN_MILLIS_MAX {
            block_on(ours.remove(uid("Trashed"), by, NOW + 3)).expect("it is there");
            assert_eq!(lines(&mut ours, "Trashed"), None, "{time}: it is in the trash");
        }
        assert_restorable(&mut ours, 11);
        block_on(ours.restore(uid("Forged"), by, NOW + 4)).expect("it is in the trash");
        assert_eq!(lines(&mut ours, "Forged"), Some(vec!["ours again".to_owned()]));
        put(&mut ours, "Grace", &["new"], NOW + 5);
        let mut ours = reopened(ours);
        let last = put(&mut ours, "Grace", &["newer"], NOW + 6);
        assert!(last <= CLOCK_MILLIS_MAX + LIFE_CHANGES, "{time}: {last}");
        assert_restorable(&mut ours, 12);
        // A box that had taken the same record, and one that had not.
        let mut stranger = host(3);
        forge(&mut stranger, 99, &record, NOW);
        assert_eq!(visit(&mut ours, &mut card, NOW + 7), []);
        for book in [&mut friend, &mut stranger] {
            assert_eq!(visit(book, &mut card, NOW + 8), [], "{time}: all of it is taken");
            assert_eq!(lines(book, "Forged"), Some(vec!["ours again".to_owned()]), "{time}");
            assert_eq!(lines(book, "Grace"), Some(vec!["newer".to_owned()]), "{time}");
            assert_eq!(root(book), root(&mut ours), "{time}");
        }
        // Purged, it stays away; put again, it is there.
        block_on(ours.purge(uid("Forged"), by, NOW + 9)).expect("it is there");
        forge(&mut ours, 99, &record, NOW + 9);
        assert_eq!(lines(&mut ours, "Forged"), None, "{time}: nobody brings it back");
        put(&mut ours, "Forged", &["anew"], NOW + 10);
        assert_restorable(&mut ours, 13);
        visit(&mut ours, &mut card, NOW + 11);
        visit(&mut friend, &mut card, NOW + 12);
        assert_eq!(lines(&mut friend, "Forged"), Some(vec!["anew".to_owned()]), "{time}");
    }
}

#[test]
fn b3_a_forged_time_under_the_own_name_costs_the_name_and_no_more() {
    for time in [NOW + 50 * YEAR, CLOCK_MILLIS_MAX + 7, FOREIGN_MILLIS_MAX] {
        let (mut ours, mut friend) = (host(1), host(2));
        put(&mut ours, "Forged", &["ours"], NOW);
        let record = record_of("Forged", "forged", time);
        forge(&mut ours, config(1).id, &record, NOW);
        forge(&mut friend, config(1).id, &record, NOW);
        put(&mut ours, "Forged", &["corrected"], NOW + 1);
        put(&mut ours, "Grace", &["new"], NOW + 2);
        assert!(ours.time_max() <= CLOCK_MILLIS_MAX + LIFE_CHANGES);
        assert_restorable(&mut ours, 10);
        let mut card = RamCard::new();
        visit(&mut ours, &mut card, NOW + 3);
        assert_eq!(visit(&mut friend, &mut card, NOW + 4), []);
        assert_eq!(lines(&mut friend, "Forged"), Some(vec!["corrected".to_owned()]), "{time}");
        assert_eq!(root(&mut friend), root(&mut ours));
    }
}

/// Returns a snapshot of a box with one contact that carries this time, beside sound ones.
fn forged_card(time: u64) -> RamCard {
    let mut forger = host(9);
    for who in 0..5 {
        put(&mut forger, &format!("sound {who}"), &["as it should be"], NOW + who);
    }
    put(&mut forger, "Mallory!!", &[], CLOCK_MILLIS_MAX);
    put(&mut forger, "later", &["and sound"], NOW);
    let mut card = RamCard::new();
    cards::back_up(&mut forger, &mut card).expect("a backup is made");
    // The time takes two bytes more than that of the latest clock, the name two less.
    let sound = record_of("Mallory!!", "", CLOCK_MILLIS_MAX);
    let (sound, tail) = (&sound[..sound.len() - 2], b"Mallory!!".len());
    let mut forged = record_of("Mallory!!", "", time);
    forged.truncate(forged.len() - 2 - 2);
    let at = forged.len() - tail + 1;
    forged[at] = 7;
    assert_eq!(forged.len(), sound.len());
    for file in card.files_mut().values_mut() {
        if let Some(at) = file.windows(sound.len()).position(|window| window == sound) {
            file[at..at + sound.len()].copy_from_slice(&forged);
            *file = cards::with_generation(file, 1);
        }
    }
    card
}

#[test]
fn b3_what_is_kept_aside_holds_up_nothing_and_is_told_each_time() {
    let time = (1 << 61) + (1 << 48);
    let mut card = forged_card(time);
    let mut ours = host(1);
    let (merged, remarks) = cards::merge(&mut ours, &mut card, SnapshotOwners::Others, NOW)
        .expect("the card is taken in");
    let aside = Remark::Aside(uid("Mallory!!"), Aside::BeyondTime { time });
    assert_eq!((merged.added, merged.aside, &remarks[..]), (6, 1, &[aside][..]));
    // The remark is repeated as long as the contact is there, also after a restart; the rest is
    // not.
    let mut ours = reopened(ours);
    let (merged, remarks) = cards::merge(&mut ours, &mut card, SnapshotOwners::Others, NOW)
        .expect("the card is taken in");
    assert_eq!((merged.added, merged.updated, &remarks[..]), (0, 0, &[aside][..]));
    assert!(ours.time_max() < NOW + DAY);
    assert_restorable(&mut ours, 10);
}

#[test]
fn a_clock_that_jumps_never_takes_a_version_back() {
    let mut book = host(1);
    let mut last = 0;
    let jumps = [NOW, NOW + 50 * YEAR, NOW, NOW - 10 * YEAR, 0, u64::MAX, 1, NOW + YEAR];
    for (step, now) in jumps.into_iter().chain(jumps).enumerate() {
        for line in 0..3 {
            let version = put(&mut book, "Ada", &[&format!("line {step} {line}")], now);
            assert!(version > last, "{now}: {version} after {last}");
            last = version;
        }
        book = reopened(book);
        assert_eq!(book.time_max(), last);
    }
    assert!(last <= CLOCK_MILLIS_MAX + LIFE_CHANGES);
    assert_restorable(&mut book, 2);
}
