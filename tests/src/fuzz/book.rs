//! A box on any image: it opens or says why not, and keeps every change that it acknowledges.
use super::Input;
use super::image::{Image, PAGE, PAGES, WORD, image};
use crate::world::ops::{Op, PEOPLE};
use crate::world::oracle::{Oracle, Person};
use crate::world::{self, Chip, DeviceMemory};
use contactbox_core::contact::Uid;
use contactbox_core::search::{Hit, PageRequest, Query};
use contactbox_core::store::{Memory, Shelf};
use embassy_futures::block_on;
use std::collections::BTreeMap;

/// The most operations of one input.
const OPS_MAX: usize = 24;
/// The most bytes that one operation may read: each page a few hundred times.
const READ_BYTES_MAX: u64 = 400 * (PAGES * PAGE) as u64;
const CONTACT_BYTES: usize = 16 * 1024;

type Box = world::Box<WORD, PAGE>;
/// The known state of each person. A person who is not in it may be in any state.
type Known = BTreeMap<u8, Option<Person>>;

/// Takes an image from the input, then an operation from each four bytes.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Image { bytes: image, is_forged } = image(&mut input);
    let mut chip = Chip::<WORD, PAGE>::strict(PAGES);
    chip.contents_mut().copy_from_slice(&image);
    let Some(mut book) = open(chip) else { return };
    let mut known = look_around(&mut book);
    let mut is_acknowledged = false;
    for _ in 0..OPS_MAX {
        if input.is_empty() {
            break;
        }
        let op = Op::from_bytes([input.byte(), input.byte(), input.byte(), input.byte()]);
        // The imports of a person in the image are not known, so no import is made.
        let op = match op {
            Op::Import { who, card } => Op::Put { who, card },
            op => op,
        };
        let before = book.flash().counters().read_bytes;
        let done = world::apply(&mut book, op, 0);
        let read = book.flash().counters().read_bytes - before;
        assert!(read <= READ_BYTES_MAX, "{op:?} reads {read} bytes");
        is_acknowledged |= done.is_ok();
        follow(&mut known, op, done.is_ok());
        if !is_forged {
            compare(&mut book, &known, &format!("after {op:?}, {done:?}"));
        }
    }
    let Some(mut book) = open(book.into_flash()) else {
        assert!(!is_acknowledged, "a box that took something opens again");
        return;
    };
    // Somebody who can forge checksums can also write what no box writes, such as the last of all
    // times. The box must survive that and promises nothing more.
    if !is_forged {
        compare(&mut book, &known, "opened again");
    }
    look_around(&mut book);
}

/// Opens a box. This may read each page a few times and write nothing.
fn open(chip: Chip<WORD, PAGE>) -> Option<Box> {
    let before = (chip.operations(), chip.counters());
    let device = world::open_in::<WORD, PAGE, DeviceMemory>(chip.clone());
    let opened = world::open(chip);
    assert_eq!(device.is_ok(), opened.is_ok(), "a device opens what a daemon opens");
    let (mut book, _) = opened.ok()?;
    let after = book.flash().counters();
    assert_eq!(book.flash().operations(), before.0, "opening wrote");
    let read = after.read_bytes - before.1.read_bytes;
    assert!(read <= 6 * (PAGES * PAGE) as u64, "opening read {read} bytes");
    // Memory grows with the content, not with what the content claims.
    assert!(book.slots() as usize <= PAGES * PAGE / 12, "{} slots", book.slots());
    if let Ok((mut device, _)) = device {
        assert_eq!(device.counts(), book.counts(), "on a device");
        for who in 0..PEOPLE {
            let (seen, known) = (look(&mut device, who), look(&mut book, who));
            assert_eq!(seen, known, "person {who} on a device");
        }
    }
    Some(book)
}

/// Reads everything that can be read. Returns the state of each person, unless it is unreadable.
fn look_around(book: &mut Box) -> Known {
    let _ = (book.stats(), book.counts(), book.losses());
    let mut memory = vec![0; CONTACT_BYTES];
    let mut uids = Vec::new();
    for slot in 0..book.slots() {
        if let Ok(Some(found)) = block_on(book.get_slot(slot, &mut memory)) {
            uids.push(found.contact.uid());
        }
    }
    for &uid in uids.iter().take(4) {
        block_on(book.history(uid, |_, _| {})).expect("the chip can be read");
    }
    let mut found = [Uid([0; 16]); 4];
    block_on(book.by_prefix(|uid| uid.0[0] < 128, &mut found)).expect("the chip can be read");
    for typed in ["", "person", "171"] {
        let query = Query::parse(typed);
        let mut hits = [Hit::EMPTY; 8];
        let page = PageRequest::first(&query);
        block_on(book.find(&page, Shelf::All, &mut hits, &mut memory)).expect("it can be read");
    }
    let _ = block_on(book.verify(|_| {})).expect("the chip can be read");
    (0..PEOPLE).filter_map(|who| Some((who, look(book, who).ok()?))).collect()
}

fn look<M: Memory>(
    book: &mut world::Box<WORD, PAGE, M>,
    who: u8,
) -> Result<Option<Person>, String> {
    Ok(world::look_closely(book, who)?.map(|(person, _)| person))
}

/// Applies an operation to the known state.
fn follow(known: &mut Known, op: Op, is_acknowledged: bool) {
    let Some(who) = op.who() else { return };
    if !is_acknowledged {
        known.remove(&who);
        return;
    }
    let mut oracle = Oracle::default();
    match known.get(&who) {
        Some(Some(person)) => {
            oracle.people.insert(who, person.clone());
        }
        Some(None) => {}
        // The state is only known after an operation whose result does not depend on the state
        // before.
        None if matches!(op, Op::Put { .. } | Op::Photo { .. } | Op::Purge { .. }) => {}
        None => return,
    }
    oracle.apply(op);
    known.insert(who, oracle.people.remove(&who));
}

fn compare(book: &mut Box, known: &Known, when: &str) {
    for (&who, person) in known {
        match (look(book, who), person) {
            (Ok(None), None) => {}
            (Ok(Some(seen)), Some(person)) if seen.looks_like(person) => {}
            (seen, _) => panic!("{when}: person {who} is {seen:?}, was {person:?}"),
        }
    }
}
