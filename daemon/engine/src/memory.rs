//! The only file that names the system's heap: the book's memory, and the return of freed memory.

use contactbox_core::contact::Item;
use contactbox_core::limits::{AUTHORS_MAX, BOXES_MAX};
use contactbox_core::store::{AuthorCell, BoxCell, Memory, Number, PageState, Slab, Wide};

/// A slab that grows as far as the machine's memory allows.
pub struct Growing<T> {
    cells: Vec<T>,
    fill: T,
}

impl<T: Copy> Growing<T> {
    /// Returns `len` cells with the value `fill`, which new cells get too.
    pub fn new(fill: T, len: usize) -> Self {
        Self { cells: vec![fill; len], fill }
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
        let more = len.saturating_sub(self.cells.len());
        // A refusal of the system is returned as an answer, and the daemon goes on.
        if self.cells.try_reserve(more).is_err() {
            return false;
        }
        self.cells.resize(len.max(self.cells.len()), self.fill);
        true
    }
}

/// The memory of the daemon's book.
pub struct Heap;

impl Memory for Heap {
    type Slot = Wide;
    type Link = u32;
    type Pages = Growing<PageState>;
    type Slots = Growing<Wide>;
    type Links = Growing<u32>;
    type Words = Growing<u32>;
    type Bytes = Growing<u8>;
    type Items = Growing<Item>;
    type Boxes = Growing<BoxCell>;
    type Authors = Growing<AuthorCell>;
    type Numbers = Growing<Number>;

    const BOXES: usize = BOXES_MAX;
    const AUTHORS: usize = AUTHORS_MAX;

    fn numbers() -> Self::Numbers {
        Growing::new(Number::EMPTY, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_and_keeps_what_is_there() {
        let mut row = Growing::new(7u32, 2);
        row.cells_mut()[1] = 9;
        assert!(row.grow(4));
        assert_eq!(row.cells(), [7, 9, 7, 7]);
        assert!(row.grow(1));
        assert_eq!(row.cells().len(), 4);
        assert!(!row.grow(usize::MAX / 8));
        assert_eq!(row.cells().len(), 4);
    }
}
