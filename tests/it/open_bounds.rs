//! Opening any chip reads each page a few times at most, writes nothing, and uses only the given
//! memory.
use contactbox_core::contact::Item;
use contactbox_core::sim::Nor;
use contactbox_core::store::page::{MAGIC, PAGE_HEADER_BYTES, PageHeader};
use contactbox_core::store::{
    AuthorCell, Book, BoxCell, Link, Narrow, Packed, PageState, Parts, Wide,
};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use contactbox_tests::world::memory::{Heap, HostMemory};
use contactbox_tests::world::{self, CONFIG, Chip};
use embassy_futures::block_on;
use std::time::{Duration, Instant};

const PAGE: usize = 4096;
const PAGES: usize = 1024;
/// A page is read once, once more to find out its losses, and once for what its neighbour tells.
const READS_MAX: u64 = 4;
/// The longest entry of these boxes.
const ENTRY_BYTES: u64 = 1024;
/// The limit of time. It catches loops, and is far above what a busy machine adds.
const TIME_MAX: Duration = Duration::from_secs(20);

type Image = Chip<4, PAGE>;

/// Returns a device's memory, which does not grow.
fn fixed<P: Packed, L: Link>() -> Parts<HostMemory<P, L>> {
    Parts {
        pages: Heap::fixed(PAGES, PageState::NEW),
        slots: Heap::fixed(256, P::EMPTY),
        table: Heap::fixed(512, L::NONE),
        grams: Heap::fixed(CONFIG.gram_slices as usize * 16, 0),
        page: Heap::fixed(2 * PAGE, 0),
        old: Heap::fixed(8 * 1024, 0),
        new: Heap::fixed(8 * 1024, 0),
        extra: Heap::fixed(8 * 1024, 0),
        items: Heap::fixed(256, Item::EMPTY),
        boxes: Heap::fixed(63, BoxCell::EMPTY),
        authors: Heap::fixed(63, AuthorCell::EMPTY),
    }
}

/// Opens a copy of the image; returns whether it is a box.
fn open(name: &str, image: &Image) -> bool {
    let is_box = open_in::<Wide, u32>(name, image, 0);
    // Narrow slots do not store which entry is newer, so each entry may have another one read
    // again.
    let on_a_device = open_in::<Narrow, u16>(&format!("{name}, on a device"), image, 1);
    assert_eq!(on_a_device, is_box, "{name}");
    is_box
}

fn open_in<P: Packed, L: Link>(name: &str, image: &Image, reads_an_entry: u64) -> bool {
    let mut chip = image.clone();
    chip.reset_counters();
    let started = Instant::now();
    let opened = block_on(Book::open(&mut chip, CONFIG, fixed::<P, L>()));
    let (is_box, entries, outcome) = match opened {
        Ok((_, opened)) => (true, opened.entries, format!("{opened:?}")),
        Err(error) => (false, 0, error.to_string()),
    };
    let again = u64::from(entries) * reads_an_entry;
    let (took, counters) = (started.elapsed(), chip.counters());
    assert_eq!((counters.programs, counters.erases), (0, 0), "{name}: opening wrote");
    let bytes_max = READS_MAX * (PAGES * PAGE) as u64 + again * ENTRY_BYTES;
    assert!(counters.read_bytes <= bytes_max, "{name}: {counters:?}");
    assert!(counters.reads <= 2 * READS_MAX * PAGES as u64 + again, "{name}: {counters:?}");
    assert!(took < TIME_MAX, "{name}: {took:?}");
    let share = counters.read_bytes as f64 / (PAGES * PAGE) as f64;
    report::line("open bounds", &format!("{name}: {share:.2} reads a page, {took:.1?}; {outcome}"));
    is_box
}

fn noise(seed: u64) -> Image {
    let mut chip = Nor::new(PAGES);
    let bytes = Random::new(seed).bytes(PAGES * PAGE);
    chip.contents_mut().copy_from_slice(&bytes);
    chip
}

/// Gives every page a valid header.
fn with_headers(mut chip: Image, order: impl Fn(u32) -> u32) -> Image {
    for (number, page) in (0..).zip(chip.contents_mut().chunks_exact_mut(PAGE)) {
        let header = PageHeader { order: order(number), erases: 1, salt: 0xA11 };
        page[..PAGE_HEADER_BYTES].copy_from_slice(&header.encode(number * PAGE as u32));
    }
    chip
}

#[test]
fn whatever_a_chip_holds_opening_it_is_bounded() {
    assert!(!open("noise", &noise(1)), "noise is no box");
    let mut zeros = noise(1);
    zeros.contents_mut().fill(0);
    assert!(!open("zeros", &zeros), "zeros are no box");
    assert!(!open("erased", &Nor::new(PAGES)), "an erased chip is no box");
    let mut magic = noise(2);
    for page in magic.contents_mut().chunks_exact_mut(PAGE) {
        page[..4].copy_from_slice(&MAGIC);
    }
    assert!(!open("noise that begins as pages do", &magic));

    open("noise under headers", &with_headers(noise(3), |number| number + 1));
    open("noise under headers of one number", &with_headers(noise(4), |_| 1));
    // Every word looks like the beginning of an entry that fills the rest of the page.
    let mut long = noise(5);
    for (at, word) in long.contents_mut().chunks_exact_mut(4).enumerate() {
        let left = PAGE - at * 4 % PAGE;
        word[..2].copy_from_slice(&(left.saturating_sub(16) as u16).to_le_bytes());
        word[2..].copy_from_slice(&[1, at as u8]);
    }
    open("entries without end", &with_headers(long, |number| u32::MAX - number));
}

#[test]
fn a_box_struck_everywhere_opens_within_the_same_bounds() {
    let mut book = world::format::<4, PAGE>(Nor::new(PAGES));
    for op in world::ops::script(9, 3_000) {
        world::apply(&mut book, op, 0).expect("the script fits the box");
    }
    let mut chip = book.into_flash();
    assert!(open("a sound box", &chip));
    let mut random = Random::new(9);
    for strike in [300, 3_000, 30_000] {
        for _ in 0..strike {
            chip.burst(random.below(PAGES * PAGE * 8 - 64) as u64, 64);
        }
        open(&format!("{strike} bursts"), &chip);
    }
}
