//! Gives a box memory in vectors that grow.

use crate::contact::Item;
use crate::store::{AuthorCell, BoxCell, Link, Memory, Number, Packed, PageState, Parts, Slab};
use core::marker::PhantomData;

/// Cells in a vector, up to a bound.
pub struct Growing<T> {
    cells: Vec<T>,
    filler: T,
    len_max: usize,
}

impl<T: Copy> Growing<T> {
    /// Makes a vector of `len` cells.
    fn new(filler: T, len: usize) -> Self {
        Self { cells: vec![filler; len], filler, len_max: usize::MAX }
    }
}

impl<T: Copy> Slab<T> for Growing<T> {
    fn cells(&self) -> &[T] {
        &self.cells
    }

    fn cells_mut(&mut self) -> &mut [T] {
        &mut self.cells
    }

    fn grow(&mut self, len: usize) -> bool {
        let fits = len <= self.len_max;
        if fits && len > self.cells.len() {
            self.cells.resize(len.next_power_of_two().min(self.len_max), self.filler);
        }
        fits
    }
}

/// Memory with slots and links of these kinds.
pub struct Heap<S, L>(PhantomData<(S, L)>);

impl<S: Packed, L: Link> Memory for Heap<S, L> {
    type Slot = S;
    type Link = L;
    type Pages = Growing<PageState>;
    type Slots = Growing<S>;
    type Links = Growing<L>;
    type Words = Growing<u32>;
    type Bytes = Growing<u8>;
    type Items = Growing<Item>;
    type Boxes = Growing<BoxCell>;
    type Authors = Growing<AuthorCell>;
    type Numbers = Growing<Number>;

    const BOXES: usize = 64;
    const AUTHORS: usize = 64;

    fn numbers() -> Self::Numbers {
        Growing::new(Number::EMPTY, 0)
    }
}

/// Makes memory for a box of `pages` pages of `page_bytes`, contacts of up to `contact_bytes`, and
/// up to `slots_max` slots.
pub fn parts<S: Packed, L: Link>(
    pages: usize,
    page_bytes: usize,
    contact_bytes: usize,
    slots_max: usize,
) -> Parts<Heap<S, L>> {
    let buffer = || Growing::new(0, contact_bytes + 256);
    Parts {
        pages: Growing::new(PageState::NEW, pages),
        slots: Growing { len_max: slots_max, ..Growing::new(S::EMPTY, slots_max.min(64)) },
        table: Growing::new(L::NONE, 0),
        grams: Growing::new(0, 0),
        page: Growing::new(0, 2 * page_bytes),
        old: buffer(),
        new: buffer(),
        extra: buffer(),
        items: Growing::new(Item::EMPTY, 4096),
        boxes: Growing::new(BoxCell::EMPTY, 0),
        authors: Growing::new(AuthorCell::EMPTY, 0),
    }
}
