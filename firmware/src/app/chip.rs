//! The flash chip, shared by the box and the diary.

use core::ops::Range;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// The division of the chip, in bytes from its beginning and on boundaries of erase units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The length of the box, which begins where the board's part of the chip begins.
    pub box_bytes: u32,
    /// The range of the device's diary.
    pub diary: Range<u32>,
}

/// The chip as the box sees it: as long as the box's part. The diary behind it can be reached as
/// well. Each operation reports a sign of life, because the import of a large card is one turn of
/// the app and many operations.
pub struct Chip<F> {
    flash: F,
    box_bytes: usize,
    alive: fn(),
}

impl<F> Chip<F> {
    pub(super) fn new(flash: F, layout: &Layout, alive: fn()) -> Self {
        Self { flash, box_bytes: layout.box_bytes as usize, alive }
    }

    /// Returns the whole chip.
    pub(super) fn whole(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Gives up the whole chip.
    pub(super) fn into_inner(self) -> F {
        self.flash
    }
}

impl<F: ErrorType> ErrorType for Chip<F> {
    type Error = F::Error;
}

impl<F: ReadNorFlash> ReadNorFlash for Chip<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        (self.alive)();
        self.flash.read(offset, bytes).await
    }

    fn capacity(&self) -> usize {
        self.flash.capacity().min(self.box_bytes)
    }
}

impl<F: NorFlash> NorFlash for Chip<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        (self.alive)();
        self.flash.erase(from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        (self.alive)();
        self.flash.write(offset, bytes).await
    }
}
