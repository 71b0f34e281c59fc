//! Memory of the book that grows with it, and memory that is given back. The only file that
//! names the system's heap.

use contactbox_core::contact::Item;
use contactbox_core::limits::{AUTHORS_MAX, BOXES_MAX};
use contactbox_core::store::{AuthorCell, BoxCell, Memory, Number, PageState, Slab, Wide};

/// A row of cells that grows as far as the machine's memory goes.
pub struct Growing<T> {
    cells: Vec<T>,
    fill: T,
}

impl<T: Copy> Growing<T> {
    /// `len` cells, each of them `fill`, as new ones will be.
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
        // The machine's refusal is an answer here, not the end of the daemon.
        if self.cells.try_reserve(more).is_err() {
            return false;
        }
        self.cells.resize(len.max(self.cells.len()), self.fill);
        true
    }
}

/// The daemon's kind of memory.
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

/// From this size on a piece of memory is the system's own, and goes back to it when it is free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const APART_BYTES: i32 = 1024 * 1024;

/// Has large pieces come from the system and go back to it, one by one. By itself the heap
/// takes the second of a kind from what it keeps, and never gives back what is at the end
/// of the heap of a thread.
pub fn keep_large_apart() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes two numbers, and sets what later allocations go by.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, APART_BYTES);
    }
}

/// Gives what is free to the system. After a large import, export or backup most of the heap is,
/// and by itself it stays with the program: a free piece below one in use is kept for the next,
/// which may never be as large.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes a number, touches nothing but memory that is free, and may be called
    // at any time by any thread.
    unsafe {
        libc::malloc_trim(0);
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
