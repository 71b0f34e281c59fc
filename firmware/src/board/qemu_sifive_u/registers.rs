//! The registers of a peripheral.

/// Bytes from one register to the next.
pub const WORD: usize = 4;

/// A peripheral of the chip, by the address of its first register.
#[derive(Clone, Copy)]
pub struct Registers(usize);

impl Registers {
    /// Returns the peripheral at an address, which must come from the chip's memory map.
    pub const fn at(address: usize) -> Self {
        Self(address)
    }

    /// Reads a register.
    pub fn read(self, offset: usize) -> u32 {
        // SAFETY: every address comes from the constants of this board's files, which name
        // registers of the chip. No memory of Rust lies there.
        unsafe { core::ptr::with_exposed_provenance::<u32>(self.0 + offset).read_volatile() }
    }

    /// Writes a register.
    pub fn write(self, offset: usize, value: u32) {
        // SAFETY: as in `read`.
        unsafe {
            core::ptr::with_exposed_provenance_mut::<u32>(self.0 + offset).write_volatile(value);
        }
    }
}
