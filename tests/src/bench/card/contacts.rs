//! The contacts of all measurements: invented people, each with the properties most used on a
//! device.

use super::CONTACTS;
use crate::desk::Desk;
use crate::desk_device::{Flash, blank, no_card, start};
use crate::people::{Person, people};
use crate::vcards;
use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid};
use contactbox_core::store::diary::Cause;
use contactbox_core::store::{Book, Memory};
use contactbox_firmware::app::memory::{PAGE_BYTES, PAGES, SLOTS};
use embassy_futures::block_on;
use embedded_storage_async::nor_flash::NorFlash;

/// The seed, so that they are the same every time.
pub const SEED: u64 = 20_261_128;

/// The size of a buffer for one of them.
const CONTACT_BYTES: usize = 8 * 1024;

/// The time on the clocks of hosts.
pub const NOW: u64 = 1_795_824_000_000;

/// Returns the numbers of contacts to measure with, limited to what a device holds.
pub fn counts() -> [usize; 2] {
    CONTACTS.map(|count| count.min(SLOTS))
}

/// Puts a person into a box, with a remark unless it is empty.
pub fn put<F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    person: &Person,
    remark: &str,
) -> Result<Uid, String> {
    let uid = Uid::from_text(&person.uid);
    let put = with_card(person, remark, |draft| {
        block_on(book.put(uid, &draft.contents(), None, AuthorIndex(0), NOW))
    });
    put.map(|_| uid).map_err(|error| error.to_string())
}

/// Makes a draft of a person's name, company, phone numbers and emails, with a remark unless it is
/// empty.
pub fn with_card<T>(person: &Person, remark: &str, act: impl FnOnce(&Draft<'_>) -> T) -> T {
    let mut memory = vec![0; CONTACT_BYTES];
    let mut draft = Draft::new(&mut memory);
    for property in vcards::read(person.vcard().as_bytes()).cards.iter().flatten() {
        // With all of their properties, 10,000 would not fit a device's flash.
        if ![Kind::ADR, Kind::TITLE, Kind::NOTE].contains(&Kind::of(&property.name)) {
            draft.push(&property.content()).expect("room for a card");
        }
    }
    if !remark.is_empty() {
        draft.push(&Property::text(Kind::NOTE, remark)).expect("room for a remark");
    }
    act(&draft)
}

/// Returns the chip of a device with `count` contacts, and the bytes of their records.
pub fn chip_with(count: usize) -> Result<(Flash, u64), String> {
    let mut bench = start(blank(), no_card(), 1, Cause::Power);
    let book = bench.device.book();
    for (number, person) in people(count, SEED).enumerate() {
        put(book, &person, "").map_err(|error| format!("contact {number} of {count}: {error}"))?;
    }
    block_on(book.checkpoint()).map_err(|error| error.to_string())?;
    let live_bytes = book.stats().journal.live_bytes;
    Ok((bench.device.into_flash(), live_bytes))
}

/// Returns the box's part of a device's chip.
pub fn box_of(chip: &Flash) -> &[u8] {
    &chip.contents()[..PAGES * PAGE_BYTES]
}

/// Returns a box on a PC with `count` contacts.
pub fn desk_with(count: usize) -> Result<Desk, String> {
    let mut desk = Desk::new(2, (2 << 20) + count * 1024);
    for person in people(count, SEED) {
        put(&mut desk.book, &person, "")?;
    }
    Ok(desk)
}
