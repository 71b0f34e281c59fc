//! Tests the index against a plain map: any order of taking and giving back, tables of any length.

use super::*;
use crate::contact::Item;
use crate::store::PageState;
use crate::store::{AuthorCell, BoxCell, Number};
use std::collections::BTreeMap;

/// Memory that grows up to `max` cells.
struct Row<T> {
    cells: Vec<T>,
    fill: T,
    max: usize,
}

impl<T: Copy> Row<T> {
    fn new(fill: T, len: usize, max: usize) -> Self {
        Self { cells: vec![fill; len], fill, max }
    }
}

impl<T: Copy> Slab<T> for Row<T> {
    fn cells(&self) -> &[T] {
        &self.cells
    }

    fn cells_mut(&mut self) -> &mut [T] {
        &mut self.cells
    }

    fn grow(&mut self, len: usize) -> bool {
        if len > self.cells.len() && len <= self.max {
            self.cells.resize(len, self.fill);
        }
        len <= self.cells.len()
    }
}

struct Test<P, L>(core::marker::PhantomData<(P, L)>);

impl<P: Packed, L: Link> Memory for Test<P, L> {
    type Slot = P;
    type Link = L;
    type Pages = [PageState; 0];
    type Slots = Row<P>;
    type Links = Row<L>;
    type Words = [u32; 0];
    type Bytes = [u8; 0];
    type Items = [Item; 0];
    type Boxes = [BoxCell; 0];
    type Authors = [AuthorCell; 0];
    type Numbers = [Number; 0];

    const BOXES: usize = 1;
    const AUTHORS: usize = 1;

    fn numbers() -> Self::Numbers {
        []
    }
}

fn index<P: Packed, L: Link>(slots: usize, links: usize, may_grow: bool) -> Index<Test<P, L>> {
    let max = |len| if may_grow { usize::MAX } else { len };
    Index::new(Row::new(P::EMPTY, slots, max(slots)), Row::new(L::NONE, links, max(links)), 0x5A17)
}

/// Returns the slot of a person, whose number is also its address.
fn slot<M: Memory>(index: &Index<M>, who: u32) -> Slot {
    let hash = index.contact_hash(uid(who));
    Slot { hash, at: Address(who), flags: 0, ..Slot::EMPTY }
}

fn uid(who: u32) -> Uid {
    Uid(digest(b"who", &[&who.to_le_bytes()]))
}

/// Returns the slot of a person among those with the same hash.
fn found<M: Memory>(index: &Index<M>, who: u32) -> Option<u32> {
    let mut contacts = index.contacts(index.contact_hash(uid(who)));
    contacts.find(|&number| index.slot(number).at == Address(who))
}

/// Takes and gives back at random, at most `people` at a time, and compares after each step.
fn like_a_map<P: Packed, L: Link>(mut index: Index<Test<P, L>>, people: u32, steps: u32) {
    let mut known: BTreeMap<u32, u32> = BTreeMap::new();
    let mut random = 1u64;
    for step in 0..steps {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let who = (random >> 33) as u32 % people;
        assert_eq!(found(&index, who), known.get(&who).copied(), "step {step}");
        match known.remove(&who) {
            Some(number) => index.vacate(number),
            None => {
                let number = index.insert(slot(&index, who)).expect("there is room");
                assert_eq!(index.slot(number).at, Address(who));
                known.insert(who, number);
            }
        }
    }
    for who in 0..people {
        assert_eq!(found(&index, who), known.get(&who).copied());
    }
    let taken = index.slots().filter(|slot| !slot.has(VACANT)).count();
    assert_eq!(taken, known.len());
}

#[test]
fn tables_of_any_length_find_what_was_taken() {
    for links in [64, 65, 71, 100, 127, 129] {
        like_a_map(index::<Wide, u16>(50, links, false), 50, 5_000);
        like_a_map(index::<Wide, u32>(50, links, false), 50, 5_000);
        like_a_map(index::<Narrow, u16>(50, links, false), 50, 5_000);
        // There are four hashes for all slots.
        like_a_map(index::<Narrow<2>, u16>(50, links, false), 50, 5_000);
    }
}

#[test]
fn memory_that_grows_begins_with_nothing() {
    like_a_map(index::<Wide, u16>(0, 0, true), 3_000, 20_000);
    like_a_map(index::<Wide, u32>(0, 0, true), 3_000, 20_000);
}

#[test]
fn what_is_full_says_so_and_stays_whole() {
    // 40 links serve 35 slots.
    for (slots, links, fits) in [(20, 64, 20), (64, 40, 35), (0, 64, 0), (64, 0, 0)] {
        let mut index = index::<Wide, u16>(slots, links, false);
        for who in 0..fits {
            assert!(index.insert(slot(&index, who)).is_ok(), "{who} of {slots} and {links}");
        }
        let full = IndexFull { slots_max: fits as usize };
        assert_eq!(index.insert(slot(&index, fits)), Err(full));
        for who in 0..fits {
            assert_eq!(found(&index, who), Some(who));
        }
        assert_eq!(found(&index, fits), None);
        if fits > 0 {
            index.vacate(0);
            assert_eq!(index.insert(slot(&index, fits)), Ok(0));
        }
    }
}

#[test]
fn no_link_is_taken_for_none_or_gone() {
    let mut index = index::<Wide, u16>(0, 0, true);
    for who in 0..u16::SLOTS_MAX as u32 {
        assert!(index.insert(slot(&index, who)).is_ok(), "{who}");
    }
    let full = IndexFull { slots_max: 65_534 };
    assert_eq!(index.insert(slot(&index, 65_534)), Err(full));
    assert_eq!(index.reserve(1), Err(full));
    for who in (0..u16::SLOTS_MAX as u32).step_by(97) {
        assert_eq!(found(&index, who), Some(who));
    }
}

#[test]
fn what_is_packed_comes_back() {
    let slot = Slot {
        hash: 0x1234_5678_0000_0000,
        version: None,
        key: 0xFEDC_BA00_0000_0000,
        at: Address(0x00AB_CDEF),
        len: 0xFFFE,
        flags: CHUNK | FRESH,
    };
    assert_eq!(<Narrow>::pack(&slot).unpack(), slot);
    let at = Address(u32::MAX);
    let whole = Slot { hash: u64::MAX, version: Some(u64::MAX), key: u64::MAX, at, ..slot };
    assert_eq!(Wide::pack(&whole).unpack(), whole);
    let kept = Slot {
        hash: 0xFFFF_FFFF_0000_0000,
        version: None,
        key: 0xFFFF_FF00_0000_0000,
        at: Address(<Narrow>::FLASH_BYTES_MAX as u32 - 1),
        ..slot
    };
    assert_eq!(<Narrow>::pack(&Slot { at: kept.at, ..whole }).unpack(), kept);
    assert!(<Narrow>::EMPTY.unpack().has(VACANT) && Wide::EMPTY.unpack().has(VACANT));
}

#[test]
fn chunks_of_one_hash_are_told_apart_by_their_keys() {
    let mut index = index::<Narrow<1>, u16>(64, 128, false);
    for number in 0..50 {
        let (hash, key) = index.chunk_hash(&[7; 16], number);
        assert_eq!(index.chunk(&[7; 16], number), None);
        let slot = Slot { hash, key, at: Address(number), flags: CHUNK, ..Slot::EMPTY };
        assert_eq!(index.insert(slot), Ok(number));
        assert_eq!(index.placed(hash, Address(number)), Some(number));
        assert_eq!(index.contacts(hash).next(), None);
    }
    for number in 0..50 {
        assert_eq!(index.chunk(&[7; 16], number), Some(number));
    }
    assert_eq!(index.chunk(&[8; 16], 0), None);
}
