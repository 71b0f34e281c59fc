//! Blobs piece by piece, as they come from another box, a card or a cable.

use super::blobs::{Helps, chunk_bytes, is_here, sure_chunk};
use super::{Book, GetError, Memory, PutError};
use crate::contact::BlobRef;
use crate::limits::BLOB_BYTES_MAX;
use crate::store::cells::Cells;
use crate::store::entries::{CHUNK, CHUNK_HEAD_BYTES, Chunk};
use crate::store::index;
use crate::store::journal::Need;
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Bytes of a piece; the last piece of a blob has what is left.
    pub fn blob_piece_bytes(&self) -> usize {
        chunk_bytes(&self.journal)
    }

    /// Where the first piece of a blob that is not here begins; `None` when all of it is here.
    pub fn blob_missing(&self, blob: BlobRef) -> Option<u32> {
        let piece_bytes = chunk_bytes(&self.journal);
        let count = (blob.len as usize).div_ceil(piece_bytes) as u32;
        let missing = (0..count)
            .find(|&number| sure_chunk(&self.journal, &self.ledger, &blob, number).is_none());
        missing.map(|number| number * piece_bytes as u32)
    }

    /// Keeps a piece of a blob, which begins `offset` bytes into it: a multiple of
    /// [`Book::blob_piece_bytes`], which is the piece's length unless it is the last.
    ///
    /// Whether the blob is what its hash says is known when all of it is here, and is checked before
    /// a contact may refer to it ([`Book::take`]). Until then it outlives one sweep, and no more.
    pub async fn put_blob_piece(
        &mut self,
        blob: BlobRef,
        offset: u32,
        piece: &[u8],
    ) -> Result<(), PutError<F::Error>> {
        if blob.len > BLOB_BYTES_MAX {
            let bytes_max = BLOB_BYTES_MAX as usize;
            return Err(PutError::BlobTooLarge { bytes: blob.len as usize, bytes_max });
        }
        let piece_bytes = chunk_bytes(&self.journal) as u32;
        let wanted = blob.len.saturating_sub(offset).min(piece_bytes);
        if wanted == 0 || !offset.is_multiple_of(piece_bytes) || piece.len() != wanted as usize {
            return Err(PutError::BadPiece { piece_bytes });
        }
        let number = offset / piece_bytes;
        if let Some(slot) = sure_chunk(&self.journal, &self.ledger, &blob, number) {
            self.ledger.index.change(slot, |slot| slot.flags |= index::FRESH | index::MARKED);
            return Ok(());
        }
        let mut helps = Helps::default();
        loop {
            match self.store_piece(blob, number, piece).await {
                Err(error) if self.helps_against(&error, &mut helps).await? => {}
                stored => return stored,
            }
        }
    }

    async fn store_piece(
        &mut self,
        blob: BlobRef,
        number: u32,
        piece: &[u8],
    ) -> Result<(), PutError<F::Error>> {
        self.ledger.reserve(1)?;
        let (head, hint) = (Chunk::head(&blob, number), Chunk::hint(&blob));
        let parts: [&[u8]; 2] = [&head, piece];
        let at =
            self.journal.append_needing(&mut self.ledger, Need::Data, CHUNK, hint, &parts).await?;
        self.journal.note_referent();
        let chunk = Chunk { blob, number, data: piece };
        // A chunk fits an entry, whose length is said in 16 bits.
        let len = (CHUNK_HEAD_BYTES + piece.len()) as u16;
        let marks = index::FRESH | index::MARKED;
        if let Some((at, len)) = self.ledger.take_chunk(&chunk, at, len, marks) {
            self.journal.retire(at, len.into());
        }
        Ok(())
    }

    /// The blob whose first piece a slot stands for, when all of it is here. Going through all slots
    /// gives each blob once; spilled records are among them.
    pub async fn blob_at(&mut self, slot: u32) -> Result<Option<BlobRef>, GetError<F::Error>> {
        let slot = self.ledger.index.slot(slot);
        if !slot.is_chunk() {
            return Ok(None);
        }
        let entry = self.journal.read(slot.at, slot.len.into(), self.extra.cells_mut()).await?;
        let chunk = Chunk::parse(entry.payload).ok_or(GetError::NoSuchBlob)?;
        let blob = (chunk.number == 0).then_some(chunk.blob);
        Ok(blob.filter(|&blob| is_here(&self.ledger, blob, chunk_bytes(&self.journal))))
    }

    /// Gives up what is kept under a hash that it does not have.
    pub(super) fn give_up_blob(&mut self, blob: BlobRef) {
        let count = (blob.len as usize).div_ceil(chunk_bytes(&self.journal)) as u32;
        for number in 0..count {
            if let Some(number) = self.ledger.index.chunk(&blob.hash, number) {
                let slot = self.ledger.index.slot(number);
                self.ledger.index.vacate(number);
                self.journal.retire(slot.at, slot.len.into());
            }
        }
    }
}
