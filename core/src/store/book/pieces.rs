//! Blobs piece by piece, as they come from another box, a card or a cable.

use super::blobs::{self, Helps, chunk_bytes, is_here, read_chunk, sure_chunk};
use super::state::BookState;
use super::{Book, GetError, Memory, PutError};
use crate::contact::BlobRef;
use crate::limits::BLOB_BYTES_MAX;
use crate::store::entries::{CHUNK, CHUNK_HEAD_BYTES, Chunk};
use crate::store::index;
use crate::store::journal::{Journal, Need};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Bytes of a piece; the last piece of a blob has what is left.
    pub fn blob_piece_bytes(&self) -> usize {
        chunk_bytes(&self.journal)
    }

    /// Returns the offset of the first piece of a blob that is not here; `None` when all of it is
    /// here.
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
    /// Adds a piece of a blob. The blob is compared with its hash when all of it is here, before a
    /// contact may refer to it ([`Book::take`]). Until then it outlives one sweep, and no more.
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
        let mut helps = Helps::default();
        loop {
            let Self { journal, ledger, .. } = self;
            match store_piece(journal, ledger, Need::Data, blob, number, piece).await {
                Err(error) => {
                    // The pieces of the blob that are here already are not given up for this one.
                    self.refresh(blob);
                    if !self.helps_against(&error, &mut helps).await? {
                        return Err(error);
                    }
                }
                stored => return stored,
            }
        }
    }

    /// Returns the offset of the first piece of a blob that is not here; `None` when nothing is
    /// missing. It reads all of the blob, and drops it if it does not have its hash.
    pub async fn blob_wanted(&mut self, blob: BlobRef) -> Result<Option<u32>, PutError<F::Error>> {
        if self.has_blob(blob) {
            let Self { journal, ledger, extra, .. } = self;
            match blobs::check(journal, ledger, blob, extra.cells_mut()).await {
                Err(error) if error.is_damage() => self.give_up_blob(blob),
                checked => return Ok(checked.map(|()| None)?),
            }
        }
        Ok(self.blob_missing(blob))
    }

    /// Returns whether a contact, photo or document cannot be read as a whole, or may be
    /// unreadable. While that is so, states of other boxes are looked at again: see [`Book::take`].
    pub fn doubts_pieces(&self) -> bool {
        self.ledger.doubts_pieces
    }

    /// Somebody has found a piece that cannot be read, or has seen that all can.
    pub fn doubt_pieces(&mut self, doubts: bool) {
        self.ledger.doubts_pieces = doubts;
    }

    /// Returns whether everything that others have is wanted once more because this box has lost
    /// something.
    pub fn wants_back(&self) -> bool {
        self.losses() > 0 || self.ledger.doubts_pieces
    }

    /// All that is here of a blob outlives one more sweep.
    fn refresh(&mut self, blob: BlobRef) {
        let count = (blob.len as usize).div_ceil(chunk_bytes(&self.journal)) as u32;
        for number in 0..count {
            if let Some(slot) = self.ledger.index.chunk(&blob.hash, number) {
                self.ledger.index.change(slot, |slot| slot.flags |= index::FRESH);
            }
        }
    }

    /// Writes those pieces of a blob anew that are here only because garbage has
    /// not been erased yet.
    pub(super) async fn make_sure(&mut self, blob: BlobRef) -> Result<(), PutError<F::Error>> {
        let piece_bytes = self.blob_piece_bytes() as u32;
        while let Some(offset) = self.blob_missing(blob) {
            let Self { journal, ledger, new, .. } = self;
            let number = offset / piece_bytes;
            let piece = read_chunk(journal, ledger, blob, number, new.cells_mut()).await?.data;
            store_piece(journal, ledger, Need::Data, blob, number, piece).await?;
        }
        Ok(())
    }

    /// The blob whose first piece a slot stands for, when all of it is here. Going through all
    /// slots gives each blob once; spilled records are among them.
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

/// Writes a piece of a blob, unless it is there; until a contact refers to it, it
/// outlives one sweep.
pub(super) async fn store_piece<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &mut BookState<M>,
    need: Need,
    blob: BlobRef,
    number: u32,
    piece: &[u8],
) -> Result<(), PutError<F::Error>> {
    let marks = index::FRESH | index::MARKED;
    if let Some(slot) = sure_chunk(journal, ledger, &blob, number) {
        ledger.index.change(slot, |slot| slot.flags |= marks);
        return Ok(());
    }
    ledger.reserve(1)?;
    let (head, hint) = (Chunk::head(&blob, number), Chunk::hint(&blob));
    let at = journal.append_needing(ledger, need, CHUNK, hint, &[&head, piece]).await?;
    journal.note_referent();
    let chunk = Chunk { blob, number, data: piece };
    // A chunk fits an entry, whose length is said in 16 bits.
    let len = (CHUNK_HEAD_BYTES + piece.len()) as u16;
    if let Some((at, len)) = ledger.take_chunk(&chunk, at, len, marks) {
        journal.retire(at, len.into());
    }
    Ok(())
}
