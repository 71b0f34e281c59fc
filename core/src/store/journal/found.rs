//! The judgement of one entry while opening: asking its owner, and reading the entry to compare
//! with.

use super::page_scan::ScannedEntry;
use super::state::{COPIES, EVACUATE, HAS_GAP, PageState};
use super::{Address, Entry, EntryOwner, Journal, JournalOpenError, Liveness, Loss, ReadError};
use crate::store::page::{ENTRY_HEADER_BYTES, entry_bytes};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The number of reads of an entry that was right a moment ago before it is given up.
const READS: u32 = 4;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Tells the owner of an entry of the page in the buffer and counts the bytes that makes live.
    pub(super) async fn found<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        scratch: &mut [u8],
        page: u32,
        met: &ScannedEntry,
    ) -> Result<(), JournalOpenError<F::Error>> {
        let bytes = entry_bytes(met.payload().len(), Self::WORD);
        let here = Self::address(page, met.at);
        let mut standing = tenant.on_entry(&self.met(page, met));
        while let Liveness::NeedsCompare(at, len) = standing {
            standing = if self.page_of(at) == page {
                // That entry is still in the buffer, mended if it had to be.
                let other = self.in_buffer(page, at);
                tenant.compare(&self.met(page, met), at, other.as_ref())
            } else {
                let other = self.read_again(at, len, scratch).await?;
                if other.is_none() {
                    self.tell_vanished(tenant, at, page, met);
                }
                tenant.compare(&self.met(page, met), at, other.as_ref())
            };
        }
        match standing {
            Liveness::Dead | Liveness::NeedsCompare(..) => {}
            Liveness::Live => self.credit(page, bytes),
            Liveness::Replaces(old, len) => {
                self.retire(old, len);
                self.credit(page, bytes);
            }
            Liveness::Equals(old) => {
                // Entries move from either write point to the cold one, whose page may be older
                // than the one they come from, and from older pages of a write point to newer ones.
                // This order therefore tells the copy, which is to become the only one.
                let rank = |journal: &Self, at: Address| {
                    let state = journal.state(journal.page_of(at));
                    (state.has(COPIES), state.order, at)
                };
                if rank(self, here) > rank(self, old) {
                    tenant.moved(&Entry { at: old, ..self.met(page, met) }, here);
                    self.debit(self.page_of(old), bytes);
                    self.credit(page, bytes);
                }
            }
        }
        Ok(())
    }

    /// Reports that an entry the owner counted on was right when its page was looked through, and
    /// is not any more. The entry at hand takes its place, and may be older.
    fn tell_vanished<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        at: Address,
        page: u32,
        met: &ScannedEntry,
    ) {
        let hint = Some(tenant.hint(&self.met(page, met))).filter(|hint| *hint != 0);
        let vanished = self.page_of(at);
        // The number of the entry is not known here.
        let (order, first) = (self.state(vanished).order, u16::MAX);
        tenant.lost(&Loss { page: vanished, order, first, count: 1, hint });
        self.change(vanished, |state| state.mark(HAS_GAP | EVACUATE));
    }

    /// Returns the entry of the page in the buffer as its owner sees it.
    fn met(&self, page: u32, met: &ScannedEntry) -> Entry<'_> {
        let payload = &self.buffer.cells()[met.payload()];
        let (at, page_order) = (Self::address(page, met.at), self.state(page).order);
        Entry { at, kind: met.header.kind(), payload, page_order }
    }

    /// Returns the entry at this address of the page in the buffer.
    fn in_buffer(&self, page: u32, at: Address) -> Option<Entry<'_>> {
        let (frame, offset) = (self.frame(page), Self::offset_of(at));
        let header = frame.verified(self.buffer.cells(), offset, Self::PAGE)?;
        let payload = self.buffer.cells().get(offset + ENTRY_HEADER_BYTES..)?;
        let payload = payload.get(..usize::from(header.len))?;
        Some(Entry { at, kind: header.kind(), payload, page_order: frame.order })
    }

    /// Reads an entry of another page again, which was right when that page was looked through.
    async fn read_again<'b>(
        &mut self,
        at: Address,
        len: u32,
        scratch: &'b mut [u8],
    ) -> Result<Option<Entry<'b>>, JournalOpenError<F::Error>> {
        for _ in 0..READS {
            let (kind, len, page_order) = match self.read(at, len as usize, scratch).await {
                Ok(entry) => (entry.kind, entry.payload.len(), entry.page_order),
                Err(ReadError::Damaged) => continue,
                Err(ReadError::Flash(error)) => return Err(JournalOpenError::Flash(error)),
                Err(ReadError::Buffer { bytes }) => {
                    let (pages, buffer_bytes) = (self.page_count, bytes);
                    return Err(JournalOpenError::Memory { pages, buffer_bytes });
                }
            };
            let payload = scratch.get(ENTRY_HEADER_BYTES..).and_then(|rest| rest.get(..len));
            return Ok(payload.map(|payload| Entry { at, kind, payload, page_order }));
        }
        Ok(None)
    }
}
