//! The check, before a chip is opened, that it was never made into a box.

use super::{Journal, PageState};
use crate::store::page::{HeaderFound, PAGE_HEADER_BYTES, PageHeader, is_erased};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// Bytes at the start of the first page that formatting may have written when it was cut.
const FORMAT_BYTES: usize = 128;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Returns whether the chip is erased, or its first format never finished: the chips that
    /// [`Journal::open`] calls [`Blank`](super::JournalOpenError::Blank).
    ///
    /// A chip with a box is recognised by the first page with a header; a blank one is read
    /// completely.
    pub async fn is_unformatted(&mut self) -> Result<bool, F::Error> {
        let pages = Self::pages_of(&self.flash);
        let buffer = &mut self.buffer.cells_mut()[..Self::PAGE];
        // A whole number of read units, as a page is.
        let head = PAGE_HEADER_BYTES.next_multiple_of(F::READ_SIZE.max(1)).min(Self::PAGE);
        for page in 0..pages {
            self.flash.read(Self::base(page), &mut buffer[..head]).await?;
            if let Some(first) = buffer.first_chunk::<PAGE_HEADER_BYTES>()
                && PageHeader::decode(first, Self::base(page)) != HeaderFound::None
            {
                return Ok(false);
            }
        }
        for page in 0..pages {
            self.flash.read(Self::base(page), buffer).await?;
            if !is_untouched(page as usize, buffer) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns whether a page without a header holds only what a first format may leave when it is cut
/// short.
pub(super) fn is_untouched(page: usize, bytes: &[u8]) -> bool {
    if page > 0 {
        return is_erased(bytes);
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    is_erased(bytes.get(zeros..).unwrap_or(&[]))
        || is_erased(bytes.get(FORMAT_BYTES..).unwrap_or(&[]))
}
