//! What a box answers, request by request, over a cable that works.

use crate::support::{Desk, Device, card, contents, format};
use contactbox_core::contact::{BlobRef, Draft, Kind, Property, Uid, Value};
use contactbox_core::service::cable::{AskError, Exchange};
use contactbox_core::service::protocol::{NewContact, PROTOCOL};
use contactbox_core::service::rows::Bytes;
use contactbox_core::service::{Fault, Reply, Request};
use contactbox_core::store::{Outcome, Shelf, Written};
use embassy_futures::block_on;

macro_rules! asked {
    ($caller:expr, $request:expr, $pattern:pat => $value:expr) => {
        match block_on($caller.ask(&$request)) {
            Ok($pattern) => $value,
            Ok(_) => panic!("another reply"),
            Err(error) => panic!("{error}"),
        }
    };
}

fn refused<E: Exchange>(caller: &mut E, request: &Request<'_>) -> Fault {
    match block_on(caller.ask(request)) {
        Err(AskError::Fault(fault)) => fault,
        Err(_) => panic!("no answer"),
        Ok(_) => panic!("it was done"),
    }
}

fn hello() -> Request<'static> {
    Request::Hello { protocol: PROTOCOL, frame_bytes: 4096 }
}

fn put<E: Exchange>(caller: &mut E, uid: Option<Uid>, base: Option<u64>, card: &[u8]) -> Written {
    let card = NewContact::Here(contents(card));
    match block_on(caller.ask(&Request::Put { uid, base, card })) {
        Ok(Reply::Done(put)) => put,
        _ => panic!("it was not put"),
    }
}

#[test]
fn a_contact_comes_goes_and_comes_back() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
    let mut caller = desk.call(&mut device);
    let welcome = asked!(caller, hello(), Reply::Hello(welcome) => welcome);
    assert_eq!((welcome.protocol, welcome.id, welcome.contacts), (PROTOCOL, 7, 0));
    asked!(caller, Request::Author { name: "grace" }, Reply::Ok => ());

    let first = card(&[(Kind::FN, "Ada Lovelace"), (Kind::TEL, "+44 20 7946 0000")]);
    let added = put(&mut caller, None, None, &first);
    assert_eq!(added.outcome, Outcome::Added);
    let uid = added.uid;
    let second = card(&[(Kind::FN, "Ada King"), (Kind::ORG, "Engines\\, Ltd.;Analysis")]);
    let request =
        Request::Put { uid: Some(uid), base: Some(1), card: NewContact::Here(contents(&second)) };
    assert_eq!(refused(&mut caller, &request), Fault::Conflict { version: added.version });
    let updated = put(&mut caller, Some(uid), Some(added.version), &second);
    assert_eq!(updated.outcome, Outcome::Updated);

    let find = |query| Request::Find { query, shelf: Shelf::Active, limit: 5, after: None };
    asked!(caller, find("king"), Reply::Hits { hits, after: None } => {
        let rows: Vec<_> = hits.iter().collect();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].uid, rows[0].version), (uid, updated.version));
        assert_eq!((rows[0].name, rows[0].org), ("Ada King", Some("Engines, Ltd. Analysis")));
        assert!(rows[0].tel.is_none() && !rows[0].is_trashed && !rows[0].is_stale);
    });
    asked!(caller, Request::Get { uid }, Reply::Contact { contact, is_stale, author } => {
        assert_eq!((contact.uid(), contact.changed().time), (uid, updated.version));
        assert!(!is_stale);
        assert_eq!(author, "grace");
        assert_eq!(contact.properties().count(), 2);
    });
    asked!(caller, Request::History { uid }, Reply::Versions { versions } => {
        let rows: Vec<_> = versions.iter().collect();
        let times: Vec<_> = rows.iter().map(|row| row.time).collect();
        assert_eq!(times, [updated.version, added.version]);
        assert!(rows.iter().all(|row| row.author == "grace" && row.bytes > 20));
    });
    let time = added.version;
    asked!(caller, Request::Version { uid, time }, Reply::Contact { contact, .. } => {
        assert!(contact.latest(Kind::TEL).is_some());
    });
    let gone = Request::Version { uid, time: 5 };
    assert_eq!(refused(&mut caller, &gone), Fault::NoSuchVersion);

    asked!(caller, Request::Remove { uid }, Reply::Done(_) => ());
    asked!(caller, find("king"), Reply::Hits { hits, .. } => assert!(hits.is_empty()));
    asked!(caller, Request::Restore { uid }, Reply::Done(_) => ());
    asked!(caller, Request::Purge { uid }, Reply::Done(_) => ());
    assert_eq!(refused(&mut caller, &Request::Get { uid }), Fault::NoSuchContact(uid));
    asked!(caller, Request::Stats, Reply::Stats(stats) => {
        assert_eq!((stats.counts.active, stats.counts.trashed, stats.counts.tombstones), (0, 0, 1));
        assert!(stats.journal.programs > 4 && stats.journal.pages == 64);
    });
    asked!(caller, Request::Verify, Reply::Verify { is_sound, report, findings } => {
        assert!(is_sound && findings.is_empty() && report.scan.entries > 4);
    });
    asked!(caller, Request::Info, Reply::Info(info) => {
        assert_eq!((info.id, info.active, info.losses), (7, 0, 0));
        assert_eq!(info.flash_bytes, 64 * 4096);
    });
}

#[test]
fn many_hits_come_in_pages() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
    let mut caller = desk.call(&mut device);
    for number in 0..150 {
        // Some lines are long, one longer than what fits in full.
        let name = match number {
            77 => "\u{1F600}".repeat(300),
            _ if number % 10 == 0 => "long ".repeat(50),
            _ => String::new(),
        };
        let name = format!("Person {number:03} {name}");
        put(&mut caller, None, None, &card(&[(Kind::FN, &name), (Kind::ORG, &name)]));
    }
    for limit in [1, 7, 20, 1000] {
        let (mut after, mut names, mut pages) = (None, Vec::new(), 0);
        loop {
            let request = Request::Find { query: "person", shelf: Shelf::All, limit, after };
            asked!(caller, request, Reply::Hits { hits, after: next } => {
                names.extend(hits.iter().map(|row| row.name[7..10].to_owned()));
                after = next;
            });
            pages += 1;
            assert!(pages < 1000);
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<_> = (0..150).map(|number| format!("{number:03}")).collect();
        names.sort();
        assert_eq!(names, expected, "{limit}");
    }
}

#[test]
fn what_does_not_fit_a_frame_goes_in_pieces() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
    let mut caller = desk.call(&mut device);
    let note = "many words ".repeat(1_000);
    let long = card(&[(Kind::FN, "Long"), (Kind::NOTE, &note)]);
    let uid = Uid([9; 16]);
    let here = Request::Put { uid: Some(uid), base: None, card: NewContact::Here(contents(&long)) };
    assert_eq!(refused(&mut caller, &here), Fault::TooLarge { bytes_max: 4096 });
    let staged = Request::Put { uid: Some(uid), base: None, card: NewContact::Staged };
    assert_eq!(refused(&mut caller, &staged), Fault::NotStaged);

    let total = long.len() as u32;
    let mut offset = 0;
    for bytes in long.chunks(3000) {
        asked!(caller, Request::Stage { offset, total, bytes: Bytes(bytes) }, Reply::Ok => ());
        offset += bytes.len() as u32;
    }
    asked!(caller, staged, Reply::Done(put) => assert_eq!(put.uid, uid));
    assert_eq!(refused(&mut caller, &staged), Fault::NotStaged);

    let version = asked!(caller, Request::Get { uid }, Reply::Long { version, bytes } => {
        assert!(bytes > 11_000);
        version
    });
    let mut record = Vec::new();
    loop {
        let request = Request::Piece { uid, offset: record.len() as u32, bytes: 3000 };
        let is_done = asked!(caller, request, Reply::Piece { version: of, total, bytes } => {
            assert_eq!(of, version);
            record.extend_from_slice(bytes.0);
            bytes.0.is_empty() && record.len() == total as usize
        });
        if is_done {
            break;
        }
    }
    let contact = contactbox_core::contact::Contact::parse(&record).expect("a record");
    assert!(
        contact.latest(Kind::NOTE).is_some_and(|said| said.content.value == Value::Text(&note))
    );

    // Longer than the box takes, in the wrong order, or broken off.
    let request = Request::Stage { offset: 0, total: 1 << 20, bytes: Bytes(&[1; 100]) };
    assert!(matches!(refused(&mut caller, &request), Fault::TooLarge { .. }));
    let request = Request::Stage { offset: 50, total: 100, bytes: Bytes(&[1; 50]) };
    assert_eq!(refused(&mut caller, &request), Fault::NotStaged);
    asked!(caller, Request::Stage { offset: 0, total, bytes: Bytes(&long[..10]) }, Reply::Ok => ());
    asked!(caller, Request::Info, Reply::Info(_) => ());
    let request = Request::Stage { offset: 10, total, bytes: Bytes(&long[10..20]) };
    assert_eq!(refused(&mut caller, &request), Fault::NotStaged);
}

#[test]
fn blobs_come_in_pieces() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
    let photo: Vec<u8> = (0..10_000u32).map(|byte| ((byte * 7) >> 3) as u8).collect();
    let mut memory = vec![0; 16_000];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, "Photo")).expect("it fits");
    let content = Property { value: Value::Bytes(&photo), ..Property::text(Kind::PHOTO, "") };
    draft.push(&content).expect("it fits");
    let uid = Uid([3; 16]);
    let photo_card = draft.finish();
    let add = device.book.put(uid, &photo_card, None, Default::default(), 5);
    block_on(add).expect("it is put");

    let mut caller = desk.call(&mut device);
    let BlobRef { hash, len } = BlobRef::of(&photo);
    let mut got = Vec::new();
    while got.len() < photo.len() {
        let offset = got.len() as u32;
        let request = Request::Blob { hash, offset, bytes: u32::MAX };
        asked!(caller, request, Reply::Blob { total, bytes } => {
            assert_eq!(total, len);
            assert!(!bytes.0.is_empty());
            got.extend_from_slice(bytes.0);
        });
    }
    assert!(got == photo);
    let beyond = Request::Blob { hash, offset: len + 5, bytes: 10 };
    asked!(caller, beyond, Reply::Blob { bytes, .. } => assert!(bytes.0.is_empty()));
    let none = Request::Blob { hash: [1; 16], offset: 0, bytes: 10 };
    assert_eq!(refused(&mut caller, &none), Fault::NoSuchBlob);
}

#[test]
fn a_card_refers_to_no_blob_that_is_not_what_its_hash_says() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
    let mut caller = desk.call(&mut device);
    let content = [9u8; 300];
    let blob = BlobRef::of(&content);
    let mut memory = vec![0; 1000];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, "Photo")).expect("it fits");
    let photo = Property { value: Value::Blob(blob), ..Property::text(Kind::PHOTO, "") };
    draft.push(&photo).expect("it fits");
    let card = draft.finish().bytes().to_vec();
    let uid = Some(Uid([3; 16]));
    let request = || Request::Put { uid, base: None, card: NewContact::Here(contents(&card)) };
    assert_eq!(refused(&mut caller, &request()), Fault::NoSuchBlob);
    // Half of it is not a piece, more than it neither.
    let piece = |bytes| Request::PutBlob { blob, offset: 0, bytes: Bytes(bytes) };
    assert!(matches!(refused(&mut caller, &piece(&content[..150])), Fault::BadPiece { .. }));
    assert!(matches!(refused(&mut caller, &piece(&[9; 301])), Fault::BadPiece { .. }));
    asked!(caller, piece(&[8; 300]), Reply::Ok => ());
    assert_eq!(refused(&mut caller, &request()), Fault::NoSuchBlob);
    // It has been given up, so that the right one can come.
    asked!(caller, piece(&content), Reply::Ok => ());
    asked!(caller, request(), Reply::Done(_) => ());
    assert!(block_on(device.book.verify(|_| {})).expect("readable").is_sound());
}

#[test]
fn empty_cards_and_old_protocols_are_refused() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
    let mut caller = desk.call(&mut device);
    let empty = Request::Put { uid: None, base: None, card: NewContact::Here(contents(&[])) };
    assert_eq!(refused(&mut caller, &empty), Fault::BadCard);
    let old = Request::Hello { protocol: 0, frame_bytes: 4096 };
    assert_eq!(refused(&mut caller, &old), Fault::Protocol { spoken: PROTOCOL });
    let short = Request::Hello { protocol: 9, frame_bytes: 100 };
    assert_eq!(refused(&mut caller, &short), Fault::TooLarge { bytes_max: 4096 });
}
