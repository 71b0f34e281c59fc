//! The part of the board's flash chip that lies behind the program.

use crate::app::memory::PAGE_BYTES;
use embassy_rp::Peri;
use embassy_rp::flash::{Blocking, Error, Flash as Chip};
use embassy_rp::peripherals::FLASH;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// Bytes of the whole chip.
const CHIP_BYTES: usize = 2 << 20;
/// Bytes before the box, which memory.x gives to the program.
const PROGRAM_BYTES: usize = 512 << 10;
/// Bytes behind the program.
pub(super) const BYTES: usize = CHIP_BYTES - PROGRAM_BYTES;

/// The part of the chip behind the program. Nothing else runs while it is erased or programmed.
pub struct Flash(Chip<'static, FLASH, Blocking, CHIP_BYTES>);

impl Flash {
    pub(super) fn new(flash: Peri<'static, FLASH>) -> Self {
        Self(Chip::new_blocking(flash))
    }
}

/// Returns the offset in the chip. An offset too large stays beyond the end, where the driver
/// refuses it.
fn in_chip(offset: u32) -> u32 {
    offset.saturating_add(PROGRAM_BYTES as u32)
}

impl ErrorType for Flash {
    type Error = Error;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.blocking_read(in_chip(offset), bytes)
    }

    fn capacity(&self) -> usize {
        BYTES
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = PAGE_BYTES;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Error> {
        self.0.blocking_erase(in_chip(from), in_chip(to))
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        self.0.blocking_write(in_chip(offset), bytes)
    }
}
