//! Telling a chip that was never made into a box, before memory is given away to open it.

use super::open::FORMAT_BYTES;
use crate::store::page::{HeaderFound, PAGE_HEADER_BYTES, PageHeader};
use embedded_storage_async::nor_flash::NorFlash;

/// Whether a chip is erased, or a first format of it never finished: the chips that
/// [`Journal::open`](super::Journal::open) calls [`Blank`](super::OpenError::Blank). `buffer` takes a page.
///
/// A chip with a box is told by the first page with a header; of a blank one, everything is read.
pub async fn is_blank<F: NorFlash>(flash: &mut F, buffer: &mut [u8]) -> Result<bool, F::Error> {
    let pages = flash.capacity() / F::ERASE_SIZE;
    let Some(buffer) = buffer.get_mut(..F::ERASE_SIZE) else { return Ok(false) };
    // A whole number of read units, as a page is.
    let head = PAGE_HEADER_BYTES.next_multiple_of(F::READ_SIZE.max(1)).min(buffer.len());
    for page in 0..pages {
        flash.read((page * F::ERASE_SIZE) as u32, &mut buffer[..head]).await?;
        if let Some(first) = buffer.first_chunk::<PAGE_HEADER_BYTES>()
            && PageHeader::decode(first) != HeaderFound::None
        {
            return Ok(false);
        }
    }
    for page in 0..pages {
        flash.read((page * F::ERASE_SIZE) as u32, buffer).await?;
        if !is_untouched(page, buffer) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a page without a header holds nothing but what formatting for the first time may leave when
/// it is cut short.
pub(super) fn is_untouched(page: usize, bytes: &[u8]) -> bool {
    let is_erased = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0xFF);
    if page > 0 {
        return is_erased(bytes);
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    is_erased(bytes.get(zeros..).unwrap_or(&[]))
        || is_erased(bytes.get(FORMAT_BYTES..).unwrap_or(&[]))
}
