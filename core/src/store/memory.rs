//! Describes the memory of a box: its kinds, and the parts that a box is given.

use super::book::{AuthorCell, BoxCell, Number};
use super::index::{Link, Packed};
use super::journal::PageState;
use super::slab::Slab;
use crate::contact::Item;
use crate::search::Slices;

/// The kinds of memory in which a box works: fixed arrays on a device, growing vectors in the
/// daemon.
pub trait Memory {
    /// A slot of the index, for a contact or a chunk.
    type Slot: Packed;
    /// A link to a slot.
    type Link: Link;
    /// The journal's state of each page.
    type Pages: Slab<PageState>;
    /// The slots of the index.
    type Slots: Slab<Self::Slot>;
    /// The links of the index's table.
    type Links: Slab<Self::Link>;
    /// The gram slices.
    type Words: Slab<u32>;
    /// A buffer.
    type Bytes: Slab<u8>;
    /// The items for comparing two states of a contact.
    type Items: Slab<Item>;
    /// The table of boxes.
    type Boxes: Slab<BoxCell>;
    /// The table of authors.
    type Authors: Slab<AuthorCell>;
    /// The indices that a met box uses for boxes, or for authors.
    type Numbers: Slab<Number>;

    /// The most boxes that a box of this kind knows, itself included; at most
    /// [`crate::limits::BOXES_MAX`].
    const BOXES: usize;
    /// The most authors, "nobody in particular" included; at most [`crate::limits::AUTHORS_MAX`].
    const AUTHORS: usize;

    /// Makes memory for the indices that a met box uses for boxes, or for authors. Each meeting
    /// needs both.
    fn numbers() -> Self::Numbers;
}

/// All memory of a box.
pub struct Parts<M: Memory> {
    /// One state for each page of the flash.
    pub pages: M::Pages,
    /// One slot for each contact and each chunk of a blob.
    pub slots: M::Slots,
    /// As many links as [`links`] gives for the slots, or more.
    pub table: M::Links,
    /// Memory of [`super::BookConfig::gram_slices`] bits for each slot, in whole blocks of slots.
    pub grams: M::Words,
    /// A buffer of one page.
    pub page: M::Bytes,
    /// A buffer of the largest contact and an entry's header.
    pub old: M::Bytes,
    /// A second buffer of this size.
    pub new: M::Bytes,
    /// A third buffer of this size.
    pub extra: M::Bytes,
    /// Two items for each property of the largest contact.
    pub items: M::Items,
    /// Places for [`Memory::BOXES`] less one.
    pub boxes: M::Boxes,
    /// Places for [`Memory::AUTHORS`] less one.
    pub authors: M::Authors,
}

/// Returns the number of links that so many slots need.
///
/// One in eight is free, so that a search in vain ends soon.
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

    /// The chip has 264 KB of RAM in all, and the program and its stack need the rest.
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
