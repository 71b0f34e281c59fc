//! Tests a box with memory for few slots.

use crate::support::*;
use contactbox_core::contact::{BlobRef, Kind, Value};
use contactbox_core::store::{KEEP_MILLIS, Narrow, Packed, PutError, Wide};
use embassy_futures::block_on;

const PAGES: usize = 64;

fn name(number: u32) -> String {
    format!("Person {number}")
}

/// Adds contacts with little text and no photo until no slot is left, and returns how many.
fn fill_up<S: Packed>(book: &mut Box<S>, from: u32) -> u32 {
    for number in from.. {
        match put(book, number, &[(Kind::FN, &name(number))], None, NOW) {
            Ok(()) => {}
            Err(PutError::IndexFull { .. }) => return number - from,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!()
}

/// Checks that the contact is there as it was written, with its photo if it had one.
fn has<S: Packed>(book: &mut Box<S>, number: u32, with_photo: bool) {
    let mut memory = vec![0; RECORD_BYTES];
    let found = block_on(book.get(uid(number), &mut memory)).expect("readable").expect("there");
    let mut names = found.contact.properties().filter(|known| known.content.kind == Kind::FN);
    let said = names.next().and_then(|known| known.content.value.as_text().map(str::to_owned));
    assert_eq!(said, Some(name(number)));
    let blobs: Vec<_> = found
        .contact
        .properties()
        .filter_map(|known| match known.content.value {
            Value::Blob(blob) => Some(blob),
            _ => None,
        })
        .collect();
    assert_eq!(blobs.len(), usize::from(with_photo));
    for blob in blobs {
        let mut bytes = vec![0; blob.len as usize];
        assert_eq!(block_on(book.read_blob(blob, 0, &mut bytes)).expect("there"), bytes.len());
        assert!(bytes == photo(number), "the photo of {number}");
    }
}

fn verify<S: Packed>(book: &mut Box<S>) {
    let report = block_on(book.verify(|finding| panic!("{finding:?}"))).expect("the chip works");
    assert_eq!((report.findings, report.losses), (0, 0));
}

/// Adds and removes photos, lets contacts take their slots, and opens the box again while the
/// photos are still in their pages.
fn slots_of_swept_chunks<S: Packed>(slots: usize, photos: u32, keeps: u32) {
    let mut book = format_with::<S>(1, PAGES, slots);
    for number in 0..photos {
        put(&mut book, number, &[(Kind::FN, &name(number))], Some(&photo(number)), NOW)
            .expect("there is room");
    }
    // From now on none of the photos counts as new.
    book = open_with::<S>(book.into_flash(), slots);
    // Every third contact is purged, and the others lose their photos.
    for number in keeps..photos {
        match number % 3 {
            0 => purge(&mut book, number, NOW + 1),
            _ => put(&mut book, number, &[(Kind::FN, &name(number))], None, NOW + 1)
                .expect("there is room"),
        }
    }
    tend(&mut book);
    let added = fill_up(&mut book, 1000);
    assert!(added > 0);
    for round in 0..3 {
        book = open_with::<S>(book.into_flash(), slots);
        for number in 0..photos {
            match number % 3 {
                0 if number >= keeps => assert!(!is_there(&mut book, number)),
                _ => has(&mut book, number, number < keeps),
            }
        }
        for number in 1000..1000 + added {
            has(&mut book, number, false);
        }
        verify(&mut book);
        // Chunks that were given up in RAM are given up in the pages too, and live ones are not.
        churn_in_place(&mut book, 1000, 40 * (round + 1));
        verify(&mut book);
    }
}

/// Changes one contact many times, so that pages are reclaimed.
fn churn_in_place<S: Packed>(book: &mut Box<S>, number: u32, rounds: u32) {
    let note = "something to fill pages with ".repeat(40);
    for round in 0..rounds {
        let texts = [(Kind::FN, &*name(number)), (Kind::NOTE, &note)];
        put(book, number, &texts[..1 + (round % 2) as usize], None, NOW + 2).expect("room");
        block_on(book.maintain()).expect("the chip works");
    }
    put(book, number, &[(Kind::FN, &name(number))], None, NOW + 3).expect("there is room");
}

#[test]
fn what_was_swept_keeps_no_box_from_being_opened() {
    for slots in [64, 70, 81] {
        for keeps in [0, 1, 4] {
            slots_of_swept_chunks::<Narrow>(slots, 9, keeps);
            slots_of_swept_chunks::<Wide>(slots, 9, keeps);
        }
    }
}

/// A large contact lies in chunks itself, and needs a slot besides theirs.
#[test]
fn a_contact_is_acknowledged_only_when_it_has_its_slot() {
    let long = "a long story ".repeat(800);
    let texts = [(Kind::FN, "Large"), (Kind::NOTE, long.as_str())];
    let mut refused = 0;
    for slots in 8..40 {
        let mut book = format_with::<Narrow>(1, PAGES, slots);
        let mut added = Vec::new();
        for number in 0.. {
            let picture = (number % 3 == 1).then(|| photo(number));
            match put(&mut book, number, &texts, picture.as_deref(), NOW) {
                Ok(()) => added.push(number),
                Err(PutError::IndexFull { .. }) => break,
                Err(error) => panic!("{error}"),
            }
        }
        refused += 1;
        let mut book = open_with::<Narrow>(book.into_flash(), slots);
        for number in added {
            assert!(is_there(&mut book, number), "{number} of a box of {slots} slots");
        }
        verify(&mut book);
    }
    assert_eq!(refused, 32);
}

/// The kept state of a contact that another box removed comes back with its photo, as long as there
/// is room.
#[test]
fn b7_what_is_kept_is_found_again_among_swept_chunks() {
    let (slots, mut there) = (40, format::<Narrow>(2, PAGES));
    let mut here = format_with::<Narrow>(1, PAGES, slots);
    for number in 0..3 {
        put(&mut there, number, &[(Kind::FN, &name(number))], Some(&photo(number)), NOW)
            .expect("there is room");
    }
    hand_over(&mut there, &mut here, NOW).expect("there is room");
    let mut here = open_with::<Narrow>(here.into_flash(), slots);
    for number in [0, 2] {
        purge(&mut here, number, NOW + 1);
    }
    purge(&mut there, 1, NOW + 1);
    hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
    tend(&mut here);
    assert_eq!(kept(&mut here).len(), 1);
    fill_up(&mut here, 1000);
    for _ in 0..2 {
        here = open_with::<Narrow>(here.into_flash(), slots);
        let all = kept(&mut here);
        assert_eq!(all.len(), 1);
        assert!(all[0].3.as_ref() == Some(&photo(1)));
        verify(&mut here);
    }
}

/// Takes two contacts from the other box, one with a photo, and lets the other box purge that one.
fn meet_and_purge(there: &mut Box<Narrow>, here: &mut Box<Narrow>, now: u64) {
    put(there, 1, &[(Kind::FN, &name(1))], Some(&photo(1)), NOW).expect("room");
    put(there, 2, &[(Kind::FN, &name(2))], None, NOW).expect("room");
    hand_over(there, here, now).expect("there is room");
    purge(there, 1, NOW + 1);
}

/// A device whose clock was never set keeps what others remove until something else needs the room.
#[test]
fn b7_without_a_clock_what_is_kept_makes_way_for_what_the_owner_writes() {
    const SINCE_START: u64 = 60_000;
    for (slots, pages) in [(30, PAGES), (usize::MAX, 16)] {
        let mut there = format::<Narrow>(2, pages);
        let mut here = format_with::<Narrow>(1, pages, slots);
        meet_and_purge(&mut there, &mut here, SINCE_START);
        hand_over(&mut there, &mut here, SINCE_START).expect("there is room");
        assert_eq!(kept(&mut here).len(), 1);
        let note = "n".repeat(500);
        let mut added = 0;
        let error = loop {
            let texts = [(Kind::FN, &*name(100 + added)), (Kind::NOTE, &note)];
            match put(&mut here, 100 + added, &texts, None, SINCE_START) {
                Ok(()) => added += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, PutError::Full { .. } | PutError::IndexFull { .. }), "{error}");
        assert_eq!(kept(&mut here), []);
        assert!(added > 20, "{added}");
        let mut here = open_with::<Narrow>(here.into_flash(), slots);
        for number in 0..added {
            assert!(is_there(&mut here, 100 + number));
        }
        verify(&mut here);
    }
}

#[test]
fn b7_with_a_clock_what_is_kept_stays_for_its_time() {
    let mut there = format::<Narrow>(2, 16);
    let mut here = format_with::<Narrow>(1, 16, 30);
    meet_and_purge(&mut there, &mut here, NOW);
    hand_over(&mut there, &mut here, NOW + 1).expect("there is room");
    fill_up(&mut here, 1000);
    assert_eq!(kept(&mut here).len(), 1);
    // The owner can always make room, even in a full box.
    block_on(here.forget_kept()).expect("there is room");
    put(&mut here, 77, &[(Kind::FN, "New")], None, NOW + 3).expect("there is room");
}

/// A removal that fails for want of room does not count as one.
#[test]
fn a_removal_that_failed_takes_nothing_from_what_a_peer_may_do() {
    let (slots, mut there) = (9, format::<Wide>(2, 32));
    let mut here = format_with::<Wide>(1, 32, slots);
    for number in 0..slots as u32 {
        put(&mut there, number, &[(Kind::FN, &name(number))], None, NOW).expect("room");
    }
    hand_over(&mut there, &mut here, NOW).expect("there is room");
    purge(&mut there, 3, NOW + 1);
    let mut memory = vec![0; RECORD_BYTES];
    let gone = block_on(there.state_of(uid(3), &mut memory)).expect("readable").expect("there");
    let mut peer = peer(&there, &mut here).expect("there is room");
    let taken = block_on(here.take(&mut peer, gone.bytes(), NOW + 1));
    assert!(matches!(taken, Err(PutError::IndexFull { .. })));
    assert_eq!(peer.removed(), 0);
}

/// An expired kept state takes no room from newer entries, though no clock shows its age when the
/// box is opened.
#[test]
fn b7_what_is_over_makes_way_when_the_box_is_opened() {
    for slots in 9..26 {
        let mut there = format::<Narrow>(2, PAGES);
        let mut here = format_with::<Narrow>(1, PAGES, slots);
        meet_and_purge(&mut there, &mut here, NOW);
        if hand_over(&mut there, &mut here, NOW + 1).is_err() {
            continue;
        }
        let mut here = open_with::<Narrow>(here.into_flash(), slots);
        here.tell_time(NOW + 2 + KEEP_MILLIS);
        tend(&mut here);
        assert_eq!(kept(&mut here), []);
        let later = NOW + 3 + KEEP_MILLIS;
        let texts = name(7);
        let has_photo = put(&mut here, 7, &[(Kind::FN, &texts)], Some(&photo(7)), later).is_ok();
        let mut added = 0;
        while put(&mut here, 1000 + added, &[(Kind::FN, &name(1000 + added))], None, later).is_ok()
        {
            added += 1;
        }
        for _ in 0..2 {
            here = open_with::<Narrow>(here.into_flash(), slots);
            if has_photo {
                has(&mut here, 7, true);
            }
            for number in 1000..1000 + added {
                has(&mut here, number, false);
            }
            verify(&mut here);
        }
    }
}

/// Pieces of a photo that does not fit come to an end.
#[test]
fn a_photo_that_does_not_fit_is_refused_however_often_a_sweep_helps() {
    for (slots, pages) in [(20, PAGES), (usize::MAX, 16)] {
        let mut book = format_with::<Narrow>(1, pages, slots);
        for number in 0..3 {
            put(&mut book, number, &[(Kind::FN, &name(number))], Some(&photo(number)), NOW)
                .expect("there is room");
        }
        let mut book = open_with::<Narrow>(book.into_flash(), slots);
        purge(&mut book, 0, NOW + 1);
        purge(&mut book, 1, NOW + 1);
        let large: Vec<u8> = (0..60_000u32).map(|at| ((at * at) >> 5) as u8).collect();
        let blob = BlobRef::of(&large);
        let piece_bytes = book.blob_piece_bytes();
        let mut pieces = 0;
        let error = loop {
            let offset = book.blob_missing(blob).expect("it does not fit") as usize;
            let piece = &large[offset..large.len().min(offset + piece_bytes)];
            if let Err(error) = block_on(book.put_blob_piece(blob, offset as u32, piece)) {
                break error;
            }
            pieces += 1;
            assert!(pieces <= large.len().div_ceil(piece_bytes), "the same pieces again");
        };
        assert!(matches!(error, PutError::Full { .. } | PutError::IndexFull { .. }), "{error}");
    }
}

/// A box whose flash was put back to an earlier state writes under another name, even if it was
/// opened again before its first change.
#[test]
fn b1_what_a_box_says_that_was_put_back_removes_nothing() {
    for takes_first in [false, true] {
        let mut here = format::<Wide>(1, 32);
        let (mut there, mut third) = (format::<Wide>(2, 32), format::<Wide>(3, 32));
        put(&mut here, 1, &[(Kind::FN, "Ada"), (Kind::TEL, "1")], None, NOW).expect("room");
        let before = here.flash().clone();
        let texts = [(Kind::FN, "Ada"), (Kind::TEL, "1"), (Kind::EMAIL, "ada@example.org")];
        put(&mut here, 1, &texts, None, NOW + 1).expect("room");
        hand_over(&mut here, &mut there, NOW + 1).expect("room");
        let reached = here.time_max();

        let mut here = open::<Wide>(before);
        block_on(here.put_back(reached)).expect("there is room");
        if takes_first {
            put(&mut third, 3, &[(Kind::FN, "Grace")], None, NOW).expect("room");
            hand_over(&mut third, &mut here, NOW + 2).expect("room");
            assert!(here.time_max() > reached);
            here = open::<Wide>(here.into_flash());
        }
        let texts = [(Kind::FN, "Ada"), (Kind::TEL, "1"), (Kind::NOTE, "Engines")];
        put(&mut here, 1, &texts, None, NOW + 3).expect("room");
        hand_over(&mut here, &mut there, NOW + 4).expect("room");
        hand_over(&mut there, &mut here, NOW + 5).expect("room");
        for book in [&mut here, &mut there] {
            let mut memory = vec![0; RECORD_BYTES];
            let found = block_on(book.get(uid(1), &mut memory)).expect("readable").expect("there");
            for kind in [Kind::TEL, Kind::EMAIL, Kind::NOTE] {
                let mut all = found.contact.properties();
                assert!(all.any(|known| known.content.kind == kind), "{takes_first}: {kind:?}");
            }
        }
    }
}
