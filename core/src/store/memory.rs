//! The memory of a box: which kinds there are, and which parts a box is given.

use super::cells::Cells;
use super::index::{Link, Packed};
use super::journal::PageState;
use crate::contact::Item;

/// The kinds of memory a box works in: fixed arrays on a device, growing vectors in the daemon.
pub trait Memory {
    /// What is kept of a contact or a chunk.
    type Slot: Packed;
    /// What leads to it.
    type Link: Link;
    /// What the journal keeps of each page.
    type Pages: Cells<PageState>;
    /// The index.
    type Slots: Cells<Self::Slot>;
    /// The index's table.
    type Links: Cells<Self::Link>;
    /// The gram slices.
    type Words: Cells<u32>;
    /// Buffers.
    type Bytes: Cells<u8>;
    /// What comparing two states of a contact needs.
    type Items: Cells<Item>;
}

/// All memory of a box.
pub struct Parts<M: Memory> {
    /// One for each page of the flash.
    pub pages: M::Pages,
    /// One for each contact and each chunk of a blob.
    pub slots: M::Slots,
    /// At least 8/7 of the slots.
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
}
