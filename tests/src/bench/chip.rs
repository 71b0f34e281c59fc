//! The simulated NOR chip with several owners: an engine holds one handle, the harness another.
use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;

use contactbox_core::sim::{Nor, NorError};
use embedded_storage::nor_flash as blocking;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// A handle to a chip that is read by the byte and programmed by words of `WRITE` bytes.
///
/// The chip outlives the engine on it, as hardware outlives a power cut.
#[derive(Clone)]
pub struct Chip<const WRITE: usize, const ERASE: usize> {
    nor: Rc<RefCell<Nor<1, WRITE, ERASE>>>,
    patience: Rc<Cell<u64>>,
}

impl<const WRITE: usize, const ERASE: usize> Chip<WRITE, ERASE> {
    /// An erased chip.
    pub fn new(pages: usize) -> Self {
        Self::from_nor(Nor::new(pages))
    }

    /// A handle to `nor`.
    pub fn from_nor(nor: Nor<1, WRITE, ERASE>) -> Self {
        Self { nor: Rc::new(RefCell::new(nor)), patience: Rc::new(Cell::new(u64::MAX)) }
    }

    /// Limits the chip to this many operations, so that an engine that goes round in circles ends.
    pub fn set_patience(&self, operations: u64) {
        self.patience.set(operations);
    }

    fn serve(&self) -> Result<RefMut<'_, Nor<1, WRITE, ERASE>>, NorError> {
        let left = self.patience.get().checked_sub(1).ok_or(NorError::PowerCut)?;
        self.patience.set(left);
        Ok(self.nor_mut())
    }

    /// Borrows the chip, to examine it.
    pub fn nor(&self) -> Ref<'_, Nor<1, WRITE, ERASE>> {
        self.nor.borrow()
    }

    /// Borrows the chip, to arm its fuse or turn its power on.
    pub fn nor_mut(&self) -> RefMut<'_, Nor<1, WRITE, ERASE>> {
        self.nor.borrow_mut()
    }

    /// Returns its size in bytes.
    pub fn bytes(&self) -> usize {
        self.nor().contents().len()
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Chip<WRITE, ERASE> {
    type Error = NorError;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Chip<WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        blocking::ReadNorFlash::read(&mut *self.serve()?, offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.bytes()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Chip<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        blocking::NorFlash::erase(&mut *self.serve()?, from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
        blocking::NorFlash::write(&mut *self.serve()?, offset, bytes)
    }
}
