//! Tests boxes that meet over a cable: they end with one root, nothing is lost, and little is sent.
//! A cable that is pulled costs only what was on it.

use crate::support::{
    CONTACT_BYTES, Desk, Device, Fate, Heap, card, contents, format, format_on, reopen,
};
use contactbox_core::contact::{Draft, Kind, Property, Uid, Value};
use contactbox_core::limits::FOREIGN_MILLIS_MAX;
use contactbox_core::service::cable::{Exchange, Traffic};
use contactbox_core::service::protocol::AsideRow;
use contactbox_core::service::rows::{Bytes, Packer};
use contactbox_core::service::sync::{SyncError, SyncReport, sync};
use contactbox_core::service::{Fault, Reply, Request};
use contactbox_core::sim::{Nor, Tear};
use contactbox_core::store::{Aside, Book, Consent};
use embassy_futures::block_on;
use embedded_storage_async::nor_flash::NorFlash;
use std::collections::{BTreeMap, BTreeSet};

fn uid(number: u32) -> Uid {
    let mut uid = [0xA5; 16];
    uid[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B1).to_le_bytes());
    uid[4..8].copy_from_slice(&number.to_le_bytes());
    Uid(uid)
}

fn put<F: NorFlash>(book: &mut Book<F, Heap>, number: u32, properties: &[(Kind, &str)]) {
    let card = card(properties);
    let put = block_on(book.put(uid(number), &contents(&card), None, Default::default(), 1_000));
    assert!(put.is_ok());
}

fn fill<F: NorFlash>(book: &mut Book<F, Heap>, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let name = format!("Person {number}");
        let mail = format!("person.{number}@example.com");
        let phone = format!("+49 171 {:07}", number * 7);
        put(book, number, &[(Kind::FN, &name), (Kind::EMAIL, &mail), (Kind::TEL, &phone)]);
    }
}

type Met<T> = (Result<SyncReport, SyncError<core::convert::Infallible, T>>, Traffic);

fn meet<H: NorFlash, T: NorFlash>(
    here: &mut Device<H>,
    there: &mut Device<T>,
) -> Met<crate::support::Unplugged> {
    there.restart();
    let mut desk = Desk::new();
    let mut caller = desk.call(there);
    let report = block_on(sync(&mut here.local(), &mut caller, Consent::Given, |_| {}));
    (report, caller.traffic())
}

/// Lets two boxes meet, and checks that they then hold the same.
fn agree<H: NorFlash, T: NorFlash>(
    here: &mut Device<H>,
    there: &mut Device<T>,
) -> (SyncReport, u64) {
    let (report, traffic) = meet(here, there);
    let report = report.expect("nothing is broken off");
    let told = format!("{report:?}");
    assert!(report.root.is_some(), "{told}");
    assert_eq!(block_on(here.book.root()).ok(), report.root, "{told}");
    assert_eq!(block_on(there.book.root()).ok(), report.root, "{told}");
    (report, traffic.sent_bytes + traffic.received_bytes)
}

#[test]
fn an_empty_box_gets_all_and_the_next_time_nothing() {
    for is_here_empty in [false, true] {
        let (mut here, mut there) = (Device::new(format(1, 64)), Device::new(format(2, 64)));
        fill(if is_here_empty { &mut there.book } else { &mut here.book }, 0..300);
        let (report, bytes) = agree(&mut here, &mut there);
        let taken = (report.to_here.taken, report.to_there.taken);
        assert_eq!(taken, if is_here_empty { (300, 0) } else { (0, 300) });
        assert_eq!(report.rounds, 1);
        assert!(bytes < 300 * 150, "{bytes}");
        assert_eq!(here.book.counts(), there.book.counts());
        let (report, bytes) = agree(&mut here, &mut there);
        assert_eq!(report.rounds, 0);
        assert!(bytes < 250, "{bytes}");
    }
}

#[test]
fn the_shorter_frames_are_kept_to() {
    let mut here = Device::new(format(1, 64)).with_frames(20_000);
    let mut there = Device::new(format(2, 64)).with_frames(10_000);
    fill(&mut there.book, 0..300);
    let note = "a long story ".repeat(500);
    put(&mut there.book, 999, &[(Kind::FN, "Long"), (Kind::NOTE, &note)]);
    // The device and the other end of the cable limit each frame to 4,096 bytes, and fail on longer
    // ones.
    let (report, _) = agree(&mut here, &mut there);
    assert_eq!(report.to_here.taken, 301);
}

#[test]
fn ten_changes_of_ten_thousand_move_little() {
    let (mut here, mut there) = (Device::new(format(1, 2048)), Device::new(format(2, 2048)));
    fill(&mut here.book, 0..10_000);
    let (_, first) = agree(&mut here, &mut there);
    for number in 0..5 {
        put(&mut here.book, number * 1_999, &[(Kind::FN, "Somebody Else"), (Kind::ORG, "Here")]);
        let (fn_, note) = ((Kind::FN, "Somebody There"), (Kind::NOTE, "changed"));
        put(&mut there.book, number * 1_998 + 1, &[fn_, note]);
    }
    let (report, bytes) = agree(&mut here, &mut there);
    assert_eq!((report.rounds, report.to_here.taken, report.to_there.taken), (1, 5, 5));
    println!("10,000 contacts: {first} bytes; 10 changes of them: {bytes} bytes");
    assert!(bytes < 8 * 1024, "{bytes}");
    assert!(first < 10_000 * 150, "{first}");
}

#[test]
fn what_is_done_on_both_sides_comes_together() {
    let (mut here, mut there) = (Device::new(format(1, 64)), Device::new(format(2, 64)));
    fill(&mut here.book, 0..20);
    agree(&mut here, &mut there);
    let by = Default::default();
    // One contact is edited on both sides, one edited and removed, one removed and purged, one
    // purged on both.
    put(&mut here.book, 1, &[(Kind::FN, "Here"), (Kind::TEL, "1")]);
    put(&mut there.book, 1, &[(Kind::FN, "There"), (Kind::TEL, "2")]);
    assert!(block_on(here.book.remove(uid(2), by, 2_000)).is_ok());
    put(&mut there.book, 2, &[(Kind::FN, "Still needed")]);
    assert!(block_on(here.book.remove(uid(3), by, 2_000)).is_ok());
    assert!(block_on(there.book.purge(uid(3), by, 2_000)).is_ok());
    assert!(block_on(here.book.purge(uid(4), by, 2_000)).is_ok());
    assert!(block_on(there.book.purge(uid(4), by, 2_000)).is_ok());
    agree(&mut here, &mut there);
    for device in [&mut here, &mut there] {
        let mut buf = vec![0; CONTACT_BYTES];
        let both = block_on(device.book.get(uid(1), &mut buf)).expect("readable").expect("there");
        let phones: BTreeSet<_> =
            both.contact.all(Kind::TEL).filter_map(|tel| tel.content.value.as_text()).collect();
        assert_eq!(phones, BTreeSet::from(["1", "2"]));
        assert!(both.contact.is_conflicted(Kind::FN));
        let edited = block_on(device.book.get(uid(2), &mut buf)).expect("readable").expect("there");
        assert!(!edited.contact.is_trashed() || edited.contact.latest(Kind::FN).is_some());
        assert!(block_on(device.book.get(uid(4), &mut buf)).expect("readable").is_none());
    }
}

#[test]
fn long_records_and_blobs_go_over_whatever_the_pages() {
    // Pieces of a blob have different lengths on the two sides: some fit a frame, some do not.
    let mut host = Device::new(format_on(Nor::<1, 4, 65536>::new(32), 1, 32));
    let mut device = Device::new(format_on(Nor::<1, 4, 4096>::new(256), 2, 256));
    let mut small = Device::new(format_on(Nor::<1, 4, 512>::new(2048), 3, 2048));
    let photo: Vec<u8> = (0..50_000u32).map(|byte| (byte.wrapping_mul(byte) >> 5) as u8).collect();
    let with_photo = |name: &str, photo: &[u8], note: &str| {
        let mut memory = vec![0; 100_000];
        let mut draft = Draft::new(&mut memory);
        draft.push(&Property::text(Kind::FN, name)).expect("it fits");
        draft.push(&Property::text(Kind::NOTE, note)).expect("it fits");
        let content = Property { value: Value::Bytes(photo), ..Property::text(Kind::PHOTO, "") };
        draft.push(&content).expect("it fits");
        draft.finish().bytes().to_vec()
    };
    let by = Default::default();
    let note = "a long story ".repeat(900);
    for (number, photo, note) in [
        (1, &photo[..], ""),
        (2, &photo[..5_000], ""),
        (3, &photo[..30_000], &note[..]),
        (4, &photo[..], &note),
    ] {
        let card = with_photo(&format!("Person {number}"), photo, note);
        // The draft has the photo inside; the box stores it apart.
        let mut blobs = vec![0; 100_000];
        let blob = block_on(host.book.put_blob(photo)).expect("it is kept");
        let mut draft = Draft::new(&mut blobs);
        for mut content in contents(&card) {
            if content.kind == Kind::PHOTO {
                content.value = Value::Blob(blob);
            }
            draft.push(&content).expect("it fits");
        }
        let card = draft.finish();
        assert!(block_on(host.book.put(uid(number), &card, None, by, 5)).is_ok());
    }
    let (report, _) = agree(&mut host, &mut device);
    assert_eq!(report.to_there.taken, 4);
    // One long record goes twice, as only the first time shows that it needs a blob.
    let bytes = 50_000 + 5_000 + 30_000 + 3 * note.len() as u64;
    assert!((bytes..bytes + 500).contains(&report.to_there.piece_bytes));
    agree(&mut small, &mut device);
    // It also goes back into a box of large pages.
    let mut other = Device::new(format_on(Nor::<1, 4, 65536>::new(32), 4, 32));
    agree(&mut other, &mut small);
    let report = block_on(other.book.verify(|_| {})).expect("readable");
    assert!(report.is_sound());
    assert_eq!((report.contacts, report.blobs), (4, 4));
}

#[test]
fn what_does_not_fit_is_named_and_the_rest_arrives() {
    let mut here = Device::new(format(1, 64));
    let mut there = Device::bounded(format(2, 64), 5_000);
    fill(&mut here.book, 0..50);
    let note = "a long story ".repeat(900);
    put(&mut here.book, 77, &[(Kind::FN, "Long"), (Kind::NOTE, &note)]);
    let (report, _) = meet(&mut here, &mut there);
    let report = report.expect("nothing is broken off");
    assert_eq!((report.root, report.to_there.taken, report.to_there.failed), (None, 50, 1));
    assert_eq!(report.to_there.failures[..], [(uid(77), Fault::TooLarge { bytes_max: 5_000 })]);
    // No contact counts as met that was not.
    fill(&mut here.book, 50..60);
    let (report, _) = meet(&mut here, &mut there);
    assert_eq!(report.expect("nothing is broken off").to_there.taken, 10);
}

/// Makes a record as a box might write it whose clock shows only this time.
fn record_of(number: u32, time: u64) -> Vec<u8> {
    let mut record = vec![0];
    record.extend(uid(number).0);
    let mut rest = time;
    while rest >= 0x80 {
        record.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    record.push(rest as u8);
    record.extend([Kind::FN.code(), 3, b'A', b'd', b'a']);
    record
}

#[test]
fn b3_what_is_kept_aside_is_named_and_the_rest_is_taken() {
    let mut device = Device::new(format(1, 64));
    let mut end = device.local();
    let met = block_on(end.ask(&Request::Meet { id: 99 }));
    assert!(matches!(met, Ok(Reply::Met { time: 0 })));
    // There are more than one answer has room to name, so the rest is sent again.
    let times = |number| if number % 4 == 0 { 1_000 } else { FOREIGN_MILLIS_MAX + 1 };
    let (mut from, mut named, mut asked) = (0, Vec::new(), 0);
    while from < 300 {
        let mut memory = vec![0; 20_000];
        let mut records = Packer::new(&mut memory, usize::MAX);
        for number in from..300 {
            assert!(records.push(&Bytes(&record_of(number, times(number)))));
        }
        let reply = block_on(end.ask(&Request::Take { records: records.finish() }));
        let Ok(Reply::Taken { taken, aside, stop: None, .. }) = reply else {
            panic!("all of it is understood")
        };
        named.extend(aside.iter());
        from += taken;
        asked += 1;
        assert!(taken > 0 && asked < 10);
    }
    assert!(asked > 1, "the list of one answer is bounded");
    let why = Aside::BeyondTime { time: FOREIGN_MILLIS_MAX + 1 };
    let expected = (0..300).filter(|number| number % 4 != 0);
    assert!(named.into_iter().eq(expected.map(|number| AsideRow { uid: uid(number), why })));
    assert_eq!(device.book.counts().active, 75);
    assert!(device.book.time_max() < 1_900_000_000_000);
}

#[test]
fn a_full_box_says_so_and_keeps_what_it_has() {
    let (mut here, mut there) = (Device::new(format(1, 256)), Device::new(format(2, 12)));
    fill(&mut here.book, 0..3_000);
    let (report, _) = meet(&mut here, &mut there);
    let report = report.expect("nothing is broken off");
    assert!(report.root.is_none() && report.to_there.failed >= 64);
    assert!(matches!(report.to_there.failures[0].1, Fault::Full { .. }));
    assert_eq!(there.book.counts().active, report.to_there.taken);
    assert!(report.to_there.taken > 100);
}

#[test]
fn a_box_does_not_meet_itself() {
    let (mut here, mut there) = (Device::new(format(1, 64)), Device::new(format(1, 64)));
    assert_eq!(meet(&mut here, &mut there).0, Err(SyncError::SameBox));
}

#[test]
fn a_cable_pulled_anywhere_costs_only_what_was_on_it() {
    let mut meetings = 0;
    for step in 1..=12 {
        let (mut here, mut there) = (Device::new(format(1, 128)), Device::new(format(2, 128)));
        fill(&mut here.book, 0..400);
        fill(&mut there.book, 300..700);
        let note = "a long story ".repeat(900);
        put(&mut here.book, 7, &[(Kind::FN, "Long"), (Kind::NOTE, &note)]);
        let mut taken = 0;
        let mut rounds = 0;
        loop {
            // The cable is pulled a little later each time, so that some meeting comes to an end.
            let out_at = there.frames + step * (1 + rounds / 4) + 8;
            there.fate =
                Box::new(move |frame| if frame == out_at { Fate::Out } else { Fate::Arrives });
            let (report, _) = meet(&mut here, &mut there);
            rounds += 1;
            meetings += 1;
            assert!(rounds < 500);
            if let Ok(report) = report {
                assert!(report.root.is_some());
                taken += report.to_here.taken + report.to_there.taken;
                break;
            }
        }
        assert!(taken <= 800);
        assert_eq!(here.book.counts(), there.book.counts());
        assert_eq!(here.book.counts().active, 700);
    }
    println!("{meetings} meetings, most of them broken off");
}

#[test]
fn power_cut_anywhere_in_a_meeting_loses_nothing() {
    let mut cuts = 0;
    for is_here in [true, false] {
        for tear in [Tear::None, Tear::Prefix, Tear::Bits, Tear::Zeros, Tear::Full] {
            let (mut here, mut there) = (format(1, 32), format(2, 32));
            fill(&mut here, 0..60);
            fill(&mut there, 50..100);
            for after in 0.. {
                let chip = if is_here { here.flash() } else { there.flash() };
                chip.cut_after(after, tear);
                let (mut one, mut other) = (Device::new(here), Device::new(there));
                let (report, _) = meet(&mut one, &mut other);
                let is_cut = match is_here {
                    true => one.book.flash().is_cut(),
                    false => other.book.flash().is_cut(),
                };
                (here, there) = (reopen(one.book), reopen(other.book));
                for (book, own) in [(&mut here, 0..60), (&mut there, 50..100)] {
                    let mut buf = vec![0; CONTACT_BYTES];
                    for number in own {
                        let found = block_on(book.get(uid(number), &mut buf)).expect("readable");
                        assert!(found.is_some_and(|found| !found.is_stale), "{number}");
                    }
                }
                if !is_cut {
                    assert!(report.is_ok_and(|report| report.root.is_some()));
                    break;
                }
                cuts += 1;
            }
            assert_eq!(here.counts().active, 100);
            assert_eq!(there.counts().active, 100);
        }
    }
    println!("{cuts} power cuts");
    assert!(cuts > 100);
}

#[test]
fn three_boxes_random_edits_and_bad_cables_end_alike() {
    for seed in 0..20u64 {
        three_boxes(seed);
    }
}

/// Tests that all texts of a contact remain. Each is written once, by one edit that only adds.
fn three_boxes(seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    };
    let mut boxes: Vec<_> = (1..=3).map(|id| Device::new(format(id, 64))).collect();
    let mut said: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    let by = Default::default();
    for step in 0..150 {
        let which = random(3) as usize;
        let number = random(12) as u32;
        match random(10) {
            0..6 => {
                let book = &mut boxes[which].book;
                let mut buf = vec![0; CONTACT_BYTES];
                let text = format!("said {step}");
                let mut memory = vec![0; CONTACT_BYTES];
                let mut draft = Draft::new(&mut memory);
                let found = block_on(book.get(uid(number), &mut buf)).expect("readable");
                for property in found.iter().flat_map(|found| found.contact.properties()) {
                    if !property.content.kind.is_internal() {
                        draft.push(&property.content).expect("it fits");
                    }
                }
                draft.push(&Property::text(Kind::NOTE, &text)).expect("it fits");
                let card = draft.finish();
                assert!(block_on(book.put(uid(number), &card, None, by, step)).is_ok());
                said.entry(number).or_default().insert(text);
            }
            6 => {
                let book = &mut boxes[which].book;
                block_on(book.remove(uid(number), by, step)).ok();
            }
            _ => {
                let other = (which + 1 + random(2) as usize) % 3;
                let (first, second) = pair(&mut boxes, which, other);
                let out_at = second.frames + 1 + random(40);
                let is_bad = random(2) == 0;
                let mut fates = seed ^ step | 1;
                second.fate = Box::new(move |frame| {
                    fates = fates.wrapping_mul(6364136223846793005).wrapping_add(1);
                    match fates >> 60 {
                        _ if frame == out_at => Fate::Out,
                        0 if is_bad => Fate::Lost,
                        1 if is_bad => Fate::Garbled(fates >> 20),
                        2 if is_bad => Fate::Cut(fates >> 20),
                        3 if is_bad => Fate::Twice,
                        _ => Fate::Arrives,
                    }
                });
                meet(first, second).0.ok();
            }
        }
    }
    for device in &mut boxes {
        device.fate = Box::new(|_| Fate::Arrives);
    }
    for (one, other) in [(0, 1), (1, 2), (0, 1)] {
        let (first, second) = pair(&mut boxes, one, other);
        agree(first, second);
    }
    let roots: BTreeSet<_> =
        boxes.iter_mut().map(|device| block_on(device.book.root()).expect("readable").0).collect();
    assert_eq!(roots.len(), 1, "{seed}");
    // No text is gone, as nobody has removed any.
    for (number, texts) in said {
        let mut buf = vec![0; CONTACT_BYTES];
        let found = block_on(boxes[0].book.get(uid(number), &mut buf)).expect("readable");
        let found = found.expect("there");
        let notes: BTreeSet<_> = found
            .contact
            .all(Kind::NOTE)
            .filter_map(|note| note.content.value.as_text().map(str::to_owned))
            .collect();
        assert_eq!(notes, texts, "{seed}, contact {number}");
    }
}

fn pair(boxes: &mut [Device], one: usize, other: usize) -> (&mut Device, &mut Device) {
    let (low, high) = (one.min(other), one.max(other));
    let (front, back) = boxes.split_at_mut(high);
    let (first, second) = (&mut front[low], &mut back[0]);
    if one < other { (first, second) } else { (second, first) }
}
