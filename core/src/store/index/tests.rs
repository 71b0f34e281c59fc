//! The index against a plain map: any order of taking and giving back, tables of any length.

use super::*;
use crate::contact::Item;
use crate::store::PageState;
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

impl<T: Copy> Cells<T> for Row<T> {
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
}

fn index<P: Packed, L: Link>(slots: usize, links: usize, may_grow: bool) -> Index<Test<P, L>> {
    let max = |len| if may_grow { usize::MAX } else { len };
    Index::new(Row::new(P::EMPTY, slots, max(slots)), Row::new(L::NONE, links, max(links)), 0x5A17)
}

/// The slot of somebody, whose number is also where it is.
fn slot<M: Memory>(index: &Index<M>, who: u32) -> Slot {
    let hash = index.contact_hash(uid(who));
    Slot { hash, at: Address(who), flags: 0, ..Slot::EMPTY }
}

fn uid(who: u32) -> Uid {
    Uid(digest(b"who", &[&who.to_le_bytes()]))
}

/// Takes and gives back at random, `people` at most at a time, and compares after each step.
fn like_a_map<P: Packed, L: Link>(mut index: Index<Test<P, L>>, people: u32, steps: u32) {
    let mut known: BTreeMap<u32, u32> = BTreeMap::new();
    let mut random = 1u64;
    for step in 0..steps {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let who = (random >> 33) as u32 % people;
        let hash = index.contact_hash(uid(who));
        assert_eq!(index.find(hash), known.get(&who).copied(), "step {step}");
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
        assert_eq!(index.find(index.contact_hash(uid(who))), known.get(&who).copied());
    }
    let taken = index.slots().filter(|slot| !slot.has(VACANT)).count();
    assert_eq!(taken, known.len());
}

#[test]
fn tables_of_any_length_find_what_was_taken() {
    for links in [64, 65, 71, 100, 127, 129] {
        like_a_map(index::<Wide, u16>(50, links, false), 50, 5_000);
        like_a_map(index::<Wide, u32>(50, links, false), 50, 5_000);
    }
}

#[test]
fn memory_that_grows_begins_with_nothing() {
    like_a_map(index::<Wide, u16>(0, 0, true), 3_000, 20_000);
    like_a_map(index::<Wide, u32>(0, 0, true), 3_000, 20_000);
}

#[test]
fn what_is_full_says_so_and_stays_whole() {
    // 40 links stand for 35 slots.
    for (slots, links, fits) in [(20, 64, 20), (64, 40, 35), (0, 64, 0), (64, 0, 0)] {
        let mut index = index::<Wide, u16>(slots, links, false);
        for who in 0..fits {
            assert!(index.insert(slot(&index, who)).is_ok(), "{who} of {slots} and {links}");
        }
        let full = IndexFull { slots_max: fits as usize };
        assert_eq!(index.insert(slot(&index, fits)), Err(full));
        for who in 0..fits {
            assert_eq!(index.find(index.contact_hash(uid(who))), Some(who));
        }
        assert_eq!(index.find(index.contact_hash(uid(fits))), None);
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
        assert_eq!(index.find(index.contact_hash(uid(who))), Some(who));
    }
}
