//! The SPI controllers: full duplex, a byte at a time, without interrupts.

use super::registers::Registers;

const MODE: usize = 0x18;
const FORMAT: usize = 0x40;
const TRANSMIT: usize = 0x48;
const RECEIVE: usize = 0x4c;
const FLASH_CONTROL: usize = 0x60;

const RELEASED: u32 = 0;
const SELECTED: u32 = 2;
/// Frames of 8 bits, the highest first.
const BYTES: u32 = 0x0008_0000;
/// The flag of a register that has received nothing.
const NOT_NOW: u32 = 1 << 31;

/// A controller with one chip on it.
pub struct Bus(Registers);

impl Bus {
    /// Prepares the controller at an address of the memory map.
    pub(super) fn at(address: usize) -> Self {
        let registers = Registers::at(address);
        registers.write(FLASH_CONTROL, 0);
        registers.write(FORMAT, BYTES);
        registers.write(MODE, RELEASED);
        Self(registers)
    }

    /// Selects the chip.
    pub(super) fn select(&mut self) {
        self.0.write(MODE, SELECTED);
    }

    /// Releases the chip.
    pub(super) fn release(&mut self) {
        self.0.write(MODE, RELEASED);
    }

    /// Sends a byte and returns the one that comes back. The queue has room, because the byte
    /// before has come back.
    pub(super) fn exchange(&mut self, byte: u8) -> u8 {
        self.0.write(TRANSMIT, u32::from(byte));
        loop {
            let received = self.0.read(RECEIVE);
            if received & NOT_NOW == 0 {
                return received as u8;
            }
        }
    }
}
