//! The memory of a box: which kinds there are, and which parts a box is given.

use super::book::{AuthorCell, BoxCell, Number};
use super::index::{Link, Packed};
use super::journal::PageState;
use super::slab::Slab;
use crate::contact::Item;
use crate::search::Slices;

/// The kinds of memory a box works in: fixed arrays on a device, growing vectors in the daemon.
pub trait Memory {
    /// What is kept of a contact or a chunk.
    type Slot: Packed;
    /// What leads to it.
    type Link: Link;
    /// What the journal keeps of each page.
    type Pages: Slab<PageState>;
    /// The index.
    type Slots: Slab<Self::Slot>;
    /// The index's table.
    type Links: Slab<Self::Link>;
    /// The gram slices.
    type Words: Slab<u32>;
    /// Buffers.
    type Bytes: Slab<u8>;
    /// What comparing two states of a contact needs.
    type Items: Slab<Item>;
    /// The boxes it knows.
    type Boxes: Slab<BoxCell>;
    /// The authors it knows.
    type Authors: Slab<AuthorCell>;
    /// What a box that is met calls boxes, or authors, by.
    type Numbers: Slab<Number>;

    /// Most boxes that a box of this kind knows, itself among them; at most
    /// [`crate::limits::BOXES_MAX`].
    const BOXES: usize;
    /// Most authors, nobody in particular among them; at most [`crate::limits::AUTHORS_MAX`].
    const AUTHORS: usize;

    /// Memory for what a box that is met calls boxes, or authors, by: each meeting
    /// has two of these.
    fn numbers() -> Self::Numbers;
}

/// All memory of a box.
pub struct Parts<M: Memory> {
    /// One for each page of the flash.
    pub pages: M::Pages,
    /// One for each contact and each chunk of a blob.
    pub slots: M::Slots,
    /// [`links`] of the slots, or more.
    pub table: M::Links,
    /// [`super::BookConfig::gram_slices`] bits for each slot, in whole blocks of slots.
    pub grams: M::Words,
    /// One page.
    pub page: M::Bytes,
    /// The largest contact, and an entry's header.
    pub old: M::Bytes,
    /// The same again.
    pub new: M::Bytes,
    /// The same again.
    pub extra: M::Bytes,
    /// One for each property of the largest contact, twice.
    pub items: M::Items,
    /// [`Memory::BOXES`] but one.
    pub boxes: M::Boxes,
    /// [`Memory::AUTHORS`] but one.
    pub authors: M::Authors,
}

/// Links that so many slots need: one in eight is free, so that looking for what
/// is not there ends soon.
pub const fn links(slots: u32) -> usize {
    slots.div_ceil(7) as usize * 8
}

/// Bytes of RAM that the index of so many contacts and chunks takes: slots, links and gram slices.
///
/// | contacts | [`super::Narrow`], `u16`, 16 slices | the same, 32 | [`super::Wide`], `u32`, 1,280 |
/// |---|---|---|---|
/// | 1,000 | 17,336 | 19,384 | 200,416 |
/// | 2,500 | 43,348 | 48,468 | 501,056 |
/// | 5,000 | 86,680 | 96,920 | 1,002,080 |
/// | 10,000 | 173,344 | 193,824 | 2,004,128 |
///
/// Beside it a box needs a [`PageState`] of 16 bytes for each page of its flash, and the buffers.
pub const fn index_bytes<S: Packed, L: Link>(slots: u32, gram_slices: u32) -> usize {
    slots as usize * size_of::<S>()
        + links(slots) * size_of::<L>()
        + Slices::new(gram_slices, 1).words(slots) * size_of::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Narrow, Wide};

    /// 264 KB are all the RAM there is; the program and its stack want the rest.
    const _: () = assert!(index_bytes::<Narrow, u16>(10_000, 16) <= 175_000);

    #[test]
    fn the_table_of_bytes_is_right() {
        let text = include_str!("memory.rs");
        let row = |contacts: u32| {
            let cells = [
                contacts as usize,
                index_bytes::<Narrow, u16>(contacts, 16),
                index_bytes::<Narrow, u16>(contacts, 32),
                index_bytes::<Wide, u32>(contacts, 1_280),
            ];
            cells.iter().fold("/// |".to_owned(), |row, &cell| row + " " + &grouped(cell) + " |")
        };
        for contacts in [1_000, 2_500, 5_000, 10_000] {
            assert!(text.contains(&row(contacts)), "{}", row(contacts));
        }
    }

    #[test]
    fn links_suffice() {
        for slots in 0..2_000 {
            assert!(links(slots) / 8 * 7 >= slots as usize, "{slots}");
        }
    }

    fn grouped(number: usize) -> String {
        match number / 1_000 {
            0 => number.to_string(),
            thousands => format!("{},{:03}", grouped(thousands), number % 1_000),
        }
    }
}
