//! Any text as a query over contacts with any texts.
//!
//! A search must find the same contacts, in the same order, as a match of every contact, whatever
//! the signatures exclude.
use super::Input;
use contactbox_core::contact::{
    AuthorIndex, Change, Contact, Draft, Item, Kind, Origin, Property, Scratch, Uid, Value, edit,
};
use contactbox_core::search::{
    Class, ContactSource, Hit, PageRequest, Query, Rank, Slices, SortKey, find, grams,
};
use embassy_futures::block_on;
use std::convert::Infallible;

const ROOM: usize = 32 * 1024;
const KINDS: [Kind; 12] = [
    Kind::FN,
    Kind::N,
    Kind::ORG,
    Kind::NICKNAME,
    Kind::TEL,
    Kind::EMAIL,
    Kind::ADR,
    Kind::NOTE,
    Kind::BDAY,
    Kind::URL,
    Kind::CATEGORIES,
    Kind::X_ANDROID_CUSTOM,
];

/// Records in memory.
struct Shelf {
    records: Vec<Vec<u8>>,
    slices: Slices,
    signatures: Vec<u32>,
}

impl Shelf {
    fn new(records: Vec<Vec<u8>>, slices: Slices) -> Self {
        let mut signatures = vec![0; slices.words(records.len() as u32)];
        for (slot, contact) in (0..).zip(&records) {
            slices.set(&mut signatures, slot, &parsed(contact));
        }
        Self { records, slices, signatures }
    }
}

fn parsed(record: &[u8]) -> Contact<'_> {
    Contact::parse(record).expect("what was written can be read")
}

impl ContactSource for Shelf {
    type Error = Infallible;

    fn slots(&self) -> u32 {
        self.records.len() as u32
    }

    fn is_wanted(&self, _: u32) -> bool {
        true
    }

    fn key(&self, slot: u32) -> u64 {
        SortKey::of(&parsed(&self.records[slot as usize])).upper()
    }

    fn slices(&self) -> Slices {
        self.slices
    }

    fn signatures(&self) -> &[u32] {
        &self.signatures
    }

    async fn contact<'b>(
        &mut self,
        slot: u32,
        memory: &'b mut [u8],
    ) -> Result<Option<Contact<'b>>, Infallible> {
        let record = &self.records[slot as usize];
        memory[..record.len()].copy_from_slice(record);
        Ok(Some(parsed(&memory[..record.len()])))
    }
}

/// Takes lines of contacts, each a kind and a text. A 0 ends a contact, and the first line is the
/// query.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (choice, rows) = (input.byte(), usize::from(input.byte() % 7) + 1);
    let text = String::from_utf8_lossy(input.rest());
    let mut lines = text.split('\n');
    let typed = lines.next().unwrap_or("");
    let records: Vec<Vec<u8>> = text
        .split_once('\n')
        .map_or("", |(_, cards)| cards)
        .split('\0')
        .take(24)
        .zip(1..)
        .filter_map(|(card, time)| record(card, time))
        .collect();
    // The query as given, or a part of a text of some contact, so that there is something to find.
    let part = records.get(usize::from(choice) % records.len().max(1)).and_then(|record| {
        let contact = parsed(record);
        let mut texts = contact.properties().filter_map(|one| one.content.value.as_text());
        let text = texts.nth(usize::from(choice / 16))?.to_owned();
        let length = text.floor_char_boundary(usize::from(choice % 16) + 1);
        let from = text.floor_char_boundary(text.len().saturating_sub(length * 2));
        Some(text[from..text.ceil_char_boundary(from + length)].to_owned())
    });
    for typed in [Some(typed), part.as_deref()].into_iter().flatten() {
        ask(typed, &records, rows);
    }
}

fn record(card: &str, time: u64) -> Option<Vec<u8>> {
    let mut memory = vec![0; ROOM];
    let mut draft = Draft::new(&mut memory);
    for line in card.split('\n').filter(|line| !line.is_empty()) {
        let kind = KINDS[usize::from(line.as_bytes()[0]) % KINDS.len()];
        let value = &line[line.ceil_char_boundary(1)..];
        draft.push(&Property { value: Value::Text(value), ..Property::text(kind, "") }).ok()?;
    }
    let mut room = vec![0; ROOM];
    let mut items = vec![Item::EMPTY; 4096];
    let change = Change::new(time, AuthorIndex(0), Origin::Edit);
    let (card, uid) = (draft.finish(), Uid([time as u8; 16]));
    edit(None, uid, &card, change, &mut Scratch::new(&mut items), &mut room)
        .ok()
        .flatten()
        .map(<[u8]>::to_vec)
}

fn ask(typed: &str, records: &[Vec<u8>], rows: usize) {
    let query = Query::parse(typed);
    let mut expected: Vec<(Rank, u32)> = Vec::new();
    for (slot, record) in (0u32..).zip(records) {
        let contact = parsed(record);
        let class = query.judge(&contact);
        let rank = query.rank(&contact);
        assert_eq!(class, rank.map(|rank| rank.class), "{typed:?}");
        let (Some(class), Some(rank)) = (class, rank) else { continue };
        expected.push((rank, slot));
        let mut known = Vec::new();
        grams(&contact, &mut |gram| known.push(gram));
        assert!(query.grams().iter().all(|gram| known.contains(gram)), "{typed:?} is missed");
        if class == Class::Named {
            let names = query.name_grams();
            assert!(names.iter().all(|gram| known.contains(gram)), "{typed:?} is missed");
        }
    }
    expected.sort_unstable();
    for (slices, probes) in [(32, 1), (1024, 4)] {
        let mut shelf = Shelf::new(records.to_vec(), Slices::new(slices, probes));
        let mut page = PageRequest::first(&query);
        for known in expected.chunks(rows).chain([&[][..]]) {
            let mut hits = vec![Hit::EMPTY; rows];
            let Ok(count) = block_on(find(&mut shelf, &page, &mut hits, &mut [0; ROOM]));
            let found: Vec<u32> = hits[..count].iter().map(|hit| hit.slot).collect();
            let slots: Vec<u32> = known.iter().map(|(_, slot)| *slot).collect();
            assert_eq!(found, slots, "{typed:?} by {rows} with {slices} slices");
            page.after = known.last().map(|(rank, _)| *rank).or(page.after);
        }
    }
}
