//! Reading one entry at a known address.

use super::state::{EVACUATE, PageState, UNSURE};
use super::{Address, Entry, Journal, ReadError};
use crate::store::page::{
    ChecksumSeed, ENTRY_HEADER_BYTES, EntryHeader, FIRST_ENTRY_AT, entry_bytes,
};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Reads the entry at `at`: with one flash read when its payload is no longer than `len_guess`,
    /// else with two. Its checksum is verified, and one flipped bit corrected. `buf` has to take
    /// header, payload and padding: [`Self::read_bytes`] tells how much that is.
    pub async fn read<'b>(
        &mut self,
        at: Address,
        len_guess: usize,
        buf: &'b mut [u8],
    ) -> Result<Entry<'b>, ReadError<F::Error>> {
        let (page, offset) = (self.page_of(at), Self::offset_of(at));
        let frame = self.frame(page);
        if page >= self.page_count || offset < FIRST_ENTRY_AT {
            return Err(ReadError::Damaged);
        }
        let usable = buf.len().min(Self::PAGE - offset) / Self::WORD * Self::WORD;
        let mut have = Self::read_bytes(len_guess).min(usable);
        if have < ENTRY_HEADER_BYTES {
            return Err(ReadError::Buffer { bytes: Self::read_bytes(len_guess) as u32 });
        }
        let from = Self::base(page) + offset as u32;
        self.flash.read(from, &mut buf[..have]).await.map_err(ReadError::Flash)?;
        let end = Self::PAGE - offset;
        let frame = ChecksumSeed { base: from, ..frame };
        let mut header = EntryHeader::decode(buf, 0, end.min(buf.len()));
        let wanted = header
            .map_or(usable, |header| entry_bytes(usize::from(header.len), Self::WORD))
            .min(usable);
        if wanted > have {
            self.flash
                .read(from + have as u32, &mut buf[have..wanted])
                .await
                .map_err(ReadError::Flash)?;
            have = wanted;
        }
        if !header.is_some_and(|header| frame.is_right(&buf[..have], 0, &header)) {
            let claimed = Self::read_bytes(usize::from(u16::from_le_bytes([buf[0], buf[1]])));
            if have < usable {
                self.flash
                    .read(from + have as u32, &mut buf[have..usable])
                    .await
                    .map_err(ReadError::Flash)?;
                have = usable;
            }
            let mended = frame.mend(&mut buf[..have], 0, end);
            if mended.is_none() && claimed > buf.len() && claimed <= end {
                return Err(ReadError::Buffer { bytes: claimed as u32 });
            }
            header = mended.map(|(header, _)| header);
            if header.is_some() {
                self.tally.corrected += 1;
                self.change(page, |state| state.mark(EVACUATE));
            }
        }
        let header = header.ok_or(ReadError::Damaged)?;
        let payload = buf
            .get(ENTRY_HEADER_BYTES..ENTRY_HEADER_BYTES + usize::from(header.len))
            .ok_or(ReadError::Damaged)?;
        Ok(Entry { at, kind: header.kind(), payload, page_order: frame.order })
    }

    /// Returns whether losing this entry would be noticed. False on a page that was given up and
    /// reopened before its erase: its entries may be read, but nothing new may depend on them.
    pub fn is_sure(&self, at: Address) -> bool {
        !self.state(self.page_of(at)).has(UNSURE)
    }

    /// Bytes of buffer that reading a payload of this length takes.
    pub const fn read_bytes(payload: usize) -> usize {
        entry_bytes(payload, F::WRITE_SIZE)
    }
}
