//! Memory for a box on a host: vectors that grow.

use contactbox_core::contact::Item;
use contactbox_core::store::{
    AuthorCell, BoxCell, Link, Memory, Number, Packed, PageState, Parts, Slab, Wide,
};
use std::marker::PhantomData;

/// Cells in a vector.
pub struct Heap<T> {
    cells: Vec<T>,
    filler: T,
    is_fixed: bool,
}

impl<T: Copy> Heap<T> {
    /// Returns `len` cells, to which more can be added.
    pub fn growing(len: usize, filler: T) -> Self {
        Self { cells: vec![filler; len], filler, is_fixed: false }
    }

    /// Returns `len` cells and never more, like a device's.
    pub fn fixed(len: usize, filler: T) -> Self {
        Self { cells: vec![filler; len], filler, is_fixed: true }
    }
}

impl<T: Copy> Slab<T> for Heap<T> {
    fn cells(&self) -> &[T] {
        &self.cells
    }

    fn cells_mut(&mut self) -> &mut [T] {
        &mut self.cells
    }

    fn grow(&mut self, len: usize) -> bool {
        if len > self.cells.len() && !self.is_fixed {
            self.cells.resize(len.next_power_of_two(), self.filler);
        }
        len <= self.cells.len()
    }
}

/// Vectors for everything. Slots and links are a daemon's by default.
pub struct HostMemory<P = Wide, L = u32>(PhantomData<(P, L)>);

impl<P: Packed, L: Link> Memory for HostMemory<P, L> {
    type Slot = P;
    type Link = L;
    type Pages = Heap<PageState>;
    type Slots = Heap<P>;
    type Links = Heap<L>;
    type Words = Heap<u32>;
    type Bytes = Heap<u8>;
    type Items = Heap<Item>;
    type Boxes = Heap<BoxCell>;
    type Authors = Heap<AuthorCell>;
    type Numbers = Heap<Number>;

    const BOXES: usize = 256;
    const AUTHORS: usize = 256;

    fn numbers() -> Self::Numbers {
        Heap::growing(0, Number::EMPTY)
    }
}

/// Returns memory for a box of `pages` pages of `page_bytes` and contacts of up to `contact_bytes`.
pub fn parts<P: Packed, L: Link>(
    pages: usize,
    page_bytes: usize,
    contact_bytes: usize,
) -> Parts<HostMemory<P, L>> {
    Parts {
        pages: Heap::growing(pages, PageState::NEW),
        slots: Heap::growing(0, P::EMPTY),
        table: Heap::growing(0, L::NONE),
        grams: Heap::growing(0, 0),
        page: Heap::fixed(2 * page_bytes, 0),
        old: Heap::fixed(contact_bytes, 0),
        new: Heap::fixed(contact_bytes, 0),
        extra: Heap::fixed(contact_bytes, 0),
        items: Heap::growing(256, Item::EMPTY),
        boxes: Heap::growing(0, BoxCell::EMPTY),
        authors: Heap::growing(0, AuthorCell::EMPTY),
    }
}

/// Memory in which a world's box can be opened.
pub trait Roomy: Memory + Sized {
    /// Does the same as [`parts`].
    fn parts(pages: usize, page_bytes: usize, contact_bytes: usize) -> Parts<Self>;
}

impl<P: Packed, L: Link> Roomy for HostMemory<P, L> {
    fn parts(pages: usize, page_bytes: usize, contact_bytes: usize) -> Parts<Self> {
        parts(pages, page_bytes, contact_bytes)
    }
}
