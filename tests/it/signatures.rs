//! A box whose signatures are made outside it during opening finds the same as any other.

use contactbox_core::contact::Uid;
use contactbox_core::search::{Hit, PageRequest, Query};
use contactbox_core::sim::Tear;
use contactbox_core::store::{Book, FilterInput, FilterSink, GramFilter, Shelf};
use contactbox_tests::world::memory::{Heap, HostMemory, parts};
use contactbox_tests::world::ops::script;
use contactbox_tests::world::{self, Box, CONFIG, Chip};
use embassy_futures::block_on;

type Pages = Chip<4, 512>;

/// Makes signatures during opening, as another thread would.
struct Signer {
    signatures: GramFilter<Heap<u32>>,
    keys: Vec<u64>,
    notes: u32,
}

impl FilterSink for Signer {
    fn note(&mut self, note: &FilterInput<'_>) {
        let key = self.signatures.take(note).expect("the memory grows");
        self.keys.resize(self.keys.len().max(note.slot as usize + 1), 0);
        self.keys[note.slot as usize] = key;
        self.notes += 1;
    }
}

fn opened_apart(chip: Pages) -> (Box<4, 512>, u32) {
    let memory = || parts(chip.contents().len() / 512, 512, 16 * 1024);
    let signatures = GramFilter::new(&CONFIG, Heap::growing(0, 0));
    let mut signer = Signer { signatures, keys: Vec::new(), notes: 0 };
    let parts = memory();
    let (book, _) =
        block_on(Book::<_, HostMemory>::open_unsigned(chip, CONFIG, parts, &mut signer))
            .expect("it opens");
    let Signer { signatures, keys, notes } = signer;
    (book.sign(signatures, |slot| keys.get(slot as usize).copied().unwrap_or(0)), notes)
}

/// Returns the contacts found, in order.
fn found(book: &mut Box<4, 512>, query: &str) -> Vec<Uid> {
    let (query, mut hits, mut memory) = (Query::parse(query), [Hit::EMPTY; 32], vec![0; 16 * 1024]);
    let page = PageRequest::first(&query);
    let count = block_on(book.find(&page, Shelf::All, &mut hits, &mut memory)).expect("it reads");
    hits[..count].iter().map(|hit| hit.rank.uid).collect()
}

#[test]
fn what_is_signed_apart_finds_the_same() {
    let mut hits = 0;
    for seed in 0..40 {
        let mut chip = Pages::strict(64);
        chip.seed(seed);
        let mut book = world::format(chip);
        for op in script(seed, 60 + 9 * seed as usize) {
            world::apply(&mut book, op, 0).expect("there is room");
        }
        // Every second box is in the state after a power cut.
        let mut chip = book.into_flash();
        if seed % 2 == 0 {
            chip.cut_after(seed % 7, Tear::Prefix);
            let mut book = world::open(chip).expect("it opens").0;
            for op in script(seed + 1_000, 8) {
                world::apply(&mut book, op, 0).ok();
            }
            chip = book.into_flash();
            chip.power_on();
        }
        let mut usual = world::open(chip.clone()).expect("it opens").0;
        let (mut apart, notes) = opened_apart(chip);
        assert!(notes > 0, "seed {seed}");
        for query in ["", "person", "smith 1", "0171", "171 9", "example", "w7", "note", "zebra"] {
            let expected = found(&mut usual, query);
            hits += expected.len();
            assert_eq!(found(&mut apart, query), expected, "seed {seed}, {query:?}");
        }
    }
    assert!(hits > 1_000, "only {hits} hits were compared");
}
