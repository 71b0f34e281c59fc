//! Contacts that cannot be read: which they are, so that a list can say what is not in it.

use super::{Book, GetError, Memory, blobs};
use crate::contact::Uid;
use crate::store::entries::{SPILL, Spill};
use crate::store::index;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

/// Contacts that a search has met and could not read, as many as are remembered
/// until somebody asks.
pub(super) const MET_MAX: usize = 8;

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Slots of contacts that searches have met and could not read since this was
    /// last asked, the first few.
    pub fn take_unread(&mut self) -> Vec<u32, MET_MAX> {
        core::mem::take(&mut self.unread)
    }

    /// Returns whether the contact in a slot lies in pieces of which one is not here. Reads none of
    /// them.
    pub async fn lacks_pieces(&mut self, slot: u32) -> Result<bool, GetError<F::Error>> {
        let Some(spill) = self.spill_at(slot).await? else { return Ok(false) };
        let chunk_bytes = blobs::chunk_bytes(&self.journal);
        Ok(!blobs::is_here(&self.ledger, spill.blob(), chunk_bytes))
    }

    /// The identity of the contact in a slot, as far as it is known without its record.
    pub async fn uid_at(&mut self, slot: u32) -> Result<Option<Uid>, GetError<F::Error>> {
        Ok(self.spill_at(slot).await?.map(|spill| spill.uid()))
    }

    async fn spill_at(&mut self, slot: u32) -> Result<Option<Spill>, GetError<F::Error>> {
        let slot = self.ledger.index.slot(slot);
        if !slot.is_contact() || !slot.has(index::SPILLED) {
            return Ok(None);
        }
        let Self { journal, extra, .. } = self;
        match journal
            .read(slot.at, slot.len.into(), extra.cells_mut())
            .await
            .map_err(GetError::from)
        {
            Ok(entry) if entry.kind == SPILL => Ok(Spill::parse(entry.payload)),
            Ok(_) => Ok(None),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
