//! Describes memory that the caller provides: a fixed array on a device, a growing vector in the
//! daemon.

/// A row of cells of type `T`.
pub trait Slab<T> {
    /// Returns the cells that there are now.
    fn cells(&self) -> &[T];

    /// Returns the cells for writing.
    fn cells_mut(&mut self) -> &mut [T];

    /// Asks for at least `len` cells in all; returns false when there is not enough memory.
    ///
    /// Cells that exist keep their values.
    fn grow(&mut self, len: usize) -> bool {
        self.cells().len() >= len
    }
}

impl<T, const N: usize> Slab<T> for [T; N] {
    fn cells(&self) -> &[T] {
        self
    }

    fn cells_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T> Slab<T> for &mut [T] {
    fn cells(&self) -> &[T] {
        self
    }

    fn cells_mut(&mut self) -> &mut [T] {
        self
    }
}
