//! Makes boxes on simulated chips, with wide and narrow slots, and hands the states of one to
//! another.

use contactbox_core::contact::{BlobRef, BoxIndex, Contents, Draft, Kind, Property, Uid, Value};
use contactbox_core::sim::Nor;
use contactbox_core::store::{
    Book, BookConfig, Intake, KeptState, Packed, Parts, Peer, PutError, Quota,
};
use embassy_futures::block_on;

pub const PAGE_BYTES: usize = 4096;
pub const RECORD_BYTES: usize = 24 * 1024;
pub const NOW: u64 = 1_800_000_000_000;

pub type Chip = Nor<1, 4, PAGE_BYTES>;
pub type Box<S> = Book<Chip, Heap<S>>;
type Put<T> = Result<T, PutError<<Chip as embedded_storage_async::nor_flash::ErrorType>::Error>>;

/// Memory with slots of this kind.
pub type Heap<S> = contactbox_core::sim::Heap<S, u16>;

fn parts<S: Packed>(pages: usize, slots_max: usize) -> Parts<Heap<S>> {
    contactbox_core::sim::parts(pages, PAGE_BYTES, RECORD_BYTES, slots_max)
}

fn config(id: u64) -> BookConfig {
    BookConfig { id, gram_slices: 64, gram_probes: 1 }
}

/// Makes a new box with memory for so many slots.
pub fn format_with<S: Packed>(id: u64, pages: usize, slots_max: usize) -> Box<S> {
    let book = block_on(Book::format(Chip::strict(pages), config(id), parts(pages, slots_max)));
    book.unwrap_or_else(|_| panic!("no new box"))
}

pub fn format<S: Packed>(id: u64, pages: usize) -> Box<S> {
    format_with(id, pages, usize::MAX)
}

/// Opens the box on a chip whose power is on again.
pub fn open_with<S: Packed>(mut chip: Chip, slots_max: usize) -> Box<S> {
    chip.power_on();
    let pages = chip.contents().len() / PAGE_BYTES;
    let (book, report) =
        block_on(Book::open(chip, config(1), parts(pages, slots_max))).expect("a box");
    assert!(report.is_sound(), "{report:?}");
    book
}

pub fn open<S: Packed>(chip: Chip) -> Box<S> {
    open_with(chip, usize::MAX)
}

pub fn uid(number: u32) -> Uid {
    let mut uid = [0xA5; 16];
    uid[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B1).to_le_bytes());
    uid[4..8].copy_from_slice(&number.to_le_bytes());
    Uid(uid)
}

pub fn photo(number: u32) -> Vec<u8> {
    (0..9_000u32).map(|at| (at.wrapping_mul(number + 7) >> 3) as u8).collect()
}

/// Writes a contact as the owner: these texts, and a photo if wanted.
pub fn put<S: Packed>(
    book: &mut Box<S>,
    number: u32,
    texts: &[(Kind, &str)],
    photo: Option<&[u8]>,
    now: u64,
) -> Put<()> {
    let mut memory = vec![0; 64 * 1024];
    let mut draft = Draft::new(&mut memory);
    for &(kind, text) in texts {
        draft.push(&Property::text(kind, text)).expect("it fits");
    }
    if let Some(photo) = photo {
        let content = Property { value: Value::Bytes(photo), ..Property::text(Kind::PHOTO, "") };
        draft.push(&content).expect("it fits");
    }
    let bytes = draft.finish().bytes().to_vec();
    let contents = Contents::parse(&bytes).expect("a card");
    block_on(book.put(uid(number), &contents, None, Default::default(), now)).map(|_| ())
}

/// Removes a contact for good, past the trash.
pub fn purge<S: Packed>(book: &mut Box<S>, number: u32, now: u64) {
    block_on(book.purge(uid(number), Default::default(), now)).expect("it was there");
}

pub fn peer<S: Packed>(from: &Box<S>, to: &mut Box<S>) -> Put<Peer<Heap<S>>> {
    let mut peer = block_on(to.meet(from.id(), Quota::NEW))?;
    peer.accept_removals();
    let boxes: Vec<(BoxIndex, u64)> = from.boxes().collect();
    for (index, id) in boxes {
        block_on(to.introduce_box(&mut peer, index, id))?;
    }
    Ok(peer)
}

/// Hands all that `from` holds to `to`.
pub fn hand_over<S: Packed>(from: &mut Box<S>, to: &mut Box<S>, now: u64) -> Put<()> {
    let mut peer = peer(from, to)?;
    let mut memory = vec![0; RECORD_BYTES];
    for slot in 0..from.slots() {
        let Some(state) = block_on(from.state(slot, &mut memory)).expect("readable") else {
            continue;
        };
        let record = state.bytes().to_vec();
        let blobs: Vec<BlobRef> = state.blobs().collect();
        let mut piece = vec![0; to.blob_piece_bytes()];
        for blob in blobs {
            while let Some(offset) = to.blob_missing(blob) {
                let len = block_on(from.read_blob(blob, offset, &mut piece)).expect("readable");
                block_on(to.put_blob_piece(blob, offset, &piece[..len]))?;
            }
        }
        match block_on(to.take(&mut peer, &record, now))? {
            Intake::Taken(_) => {}
            Intake::Aside(uid, why) => panic!("{uid}: {why}"),
        }
    }
    Ok(())
}

/// Returns all kept states: identity, time, formatted name and photo.
pub fn kept<S: Packed>(book: &mut Box<S>) -> Vec<(Uid, u64, String, Option<Vec<u8>>)> {
    let mut all = Vec::new();
    for slot in 0..book.slots() {
        let mut memory = vec![0; RECORD_BYTES];
        let found = block_on(book.kept_at(slot, &mut memory)).expect("readable");
        let Some(KeptState { contact, time }) = found else { continue };
        let name = contact.properties().find(|property| property.content.kind == Kind::FN);
        let name = name.and_then(|name| name.content.value.as_text().map(str::to_owned));
        let photo = contact.blobs().next().map(|blob| {
            let mut bytes = vec![0; blob.len as usize];
            let len = block_on(book.read_blob(blob, 0, &mut bytes)).expect("its photo is there");
            assert_eq!(len, bytes.len());
            bytes
        });
        all.push((contact.uid(), time, name.unwrap_or_default(), photo));
    }
    all.sort();
    all
}

/// Returns whether the contact is there, in the trash or not.
pub fn is_there<S: Packed>(book: &mut Box<S>, number: u32) -> bool {
    let mut memory = vec![0; RECORD_BYTES];
    block_on(book.get(uid(number), &mut memory)).expect("readable").is_some()
}

/// Does idle work until there is none left.
pub fn tend<S: Packed>(book: &mut Box<S>) {
    for _ in 0..10_000 {
        if block_on(book.maintain()).expect("the chip works") {
            return;
        }
    }
    panic!("there is always something to do");
}

/// Makes so many changes that every page is reclaimed, again and again.
pub fn churn<S: Packed>(book: &mut Box<S>, rounds: u32, now: u64) {
    let note = "something to fill pages with ".repeat(30);
    for round in 0..rounds {
        let number = 1_000_000 + round % 7;
        let name = format!("Busy {round}");
        let texts = [(Kind::FN, name.as_str()), (Kind::NOTE, note.as_str())];
        put(book, number, &texts, None, now).expect("there is room");
        block_on(book.maintain()).expect("the chip works");
    }
    tend(book);
}
