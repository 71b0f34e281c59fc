//! Opening a box whose pages still show more chunks than there are slots for: those that something refers to are looked for.
//!
//! A sweep gives chunks up in RAM; in their pages they stand until these are reclaimed, and other things may have taken their slots
//! since. So at the next open a chunk never keeps out a contact, nor another chunk that is needed: the first pass takes what there
//! are slots for, then what nobody refers to goes, and what is missing is taken from the pages in further passes. Slots of a machine whose
//! memory grows never run short, and nothing of this happens there.

use super::ledger::Ledger;
use super::{Book, GetError, Memory, OpenError, blobs};
use crate::contact::BlobRef;
use crate::store::cells::Cells;
use crate::store::entries::{CHUNK, Chunk};
use crate::store::index;
use crate::store::journal::{self, Address, Entry, Loss, Standing, Tenant};
use embedded_storage_async::nor_flash::NorFlash;

/// Bytes of a blob's hash.
const HASH_BYTES: usize = 16;

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Gives up chunks that nothing refers to, and looks for those that something does refer to and that were passed over.
    pub(super) async fn refit(&mut self) -> Result<(), OpenError<F::Error>> {
        self.ledger.has_passed_over = false;
        self.sweep_readable().await.map_err(|error| self.unfit(error))?;
        loop {
            // A large contact's own chunks first: they tell what else it refers to.
            let (mut from, mut taken) = (0, 0);
            while from < self.slots() {
                let wanted;
                (from, wanted) = self.wanted(from).await.map_err(|error| self.unfit(error))?;
                if wanted > 0 {
                    taken += self.retake(wanted).await?;
                }
            }
            if taken == 0 || self.ledger.is_overfull {
                return Ok(());
            }
        }
    }

    /// Sweeps; a contact that is damaged, or of which a chunk has been passed over, refers to nothing for now.
    async fn sweep_readable(&mut self) -> Result<(), GetError<F::Error>> {
        for number in 0..self.slots() {
            match self.mark_slot(number).await {
                Err(error) if !error.is_damage() => return Err(error),
                _ => {}
            }
        }
        self.sweep = blobs::Sweep::Sweeping(0);
        while !self.sweep_step().await? {}
        Ok(())
    }

    /// Collects blobs of which a chunk is not known, in the buffer for new records, as hashes one after the other: as many as fit, going
    /// through the slots from this one on. Returns where to go on, and how many there are.
    async fn wanted(&mut self, from: u32) -> Result<(u32, usize), GetError<F::Error>> {
        let chunk_bytes = blobs::chunk_bytes(&self.journal);
        let Self { journal, ledger, new, extra, .. } = self;
        let (hashes, _) = new.cells_mut().as_chunks_mut::<HASH_BYTES>();
        let (mut number, mut count, mut fits) = (from, 0, true);
        while number < ledger.index.len() && fits {
            let note = |ledger: &mut Ledger<M>, blob: BlobRef| {
                let (known, free) = hashes.split_at_mut(count);
                if blobs::is_here(ledger, blob, chunk_bytes) || known.contains(&blob.hash) {
                    return;
                }
                fits = !free.is_empty();
                if let Some(free) = free.first_mut() {
                    *free = blob.hash;
                    count += 1;
                }
            };
            match blobs::each_blob(journal, ledger, number, extra.cells_mut(), note).await {
                Err(error) if !error.is_damage() => return Err(error),
                _ => {}
            }
            // The one that did not fit comes again, unless it is alone already.
            number += u32::from(fits || number == from);
        }
        Ok((number, count))
    }

    /// Takes chunks of the first so many blobs that are wanted from the pages; how many there were.
    async fn retake(&mut self, wanted: usize) -> Result<u32, OpenError<F::Error>> {
        let Self { journal, ledger, old, new, .. } = self;
        let (hashes, _) = new.cells().as_chunks::<HASH_BYTES>();
        let mut wanting = Wanting { ledger, wanted: &hashes[..wanted], taken: 0 };
        journal.retake(old.cells_mut(), &mut wanting).await?;
        Ok(wanting.taken)
    }

    fn unfit(&self, error: GetError<F::Error>) -> OpenError<F::Error> {
        match error {
            GetError::Journal(journal::ReadError::Flash(error)) => {
                OpenError::Journal(journal::OpenError::Flash(error))
            }
            // There is a contact that this machine cannot read, and nobody knows what it refers to.
            _ => OpenError::IndexFull { slots: self.slots() },
        }
    }
}

/// A ledger that takes in chunks of certain blobs, and nothing else.
struct Wanting<'l, M: Memory> {
    ledger: &'l mut Ledger<M>,
    wanted: &'l [[u8; HASH_BYTES]],
    taken: u32,
}

impl<M: Memory> Tenant for Wanting<'_, M> {
    fn found(&mut self, entry: &Entry<'_>) -> Standing {
        let chunk = (entry.kind == CHUNK).then(|| Chunk::parse(entry.payload)).flatten();
        let is_wanted = |chunk: &Chunk<'_>| {
            let hash = &chunk.blob.hash;
            self.wanted.contains(hash) && self.ledger.index.chunk(hash, chunk.number).is_none()
        };
        let Some(chunk) = chunk.filter(is_wanted) else { return Standing::Dead };
        // An entry says its length in 16 bits.
        let len = entry.payload.len() as u16;
        match self.ledger.place_chunk(&chunk, entry.at, len, index::MARKED) {
            Some((number, replaced)) => {
                self.ledger.index.change(number, |slot| slot.flags &= !index::MARKED);
                self.taken += 1;
                replaced.map_or(Standing::Live, |(at, len)| Standing::Replaces(at, len.into()))
            }
            None => {
                self.ledger.is_overfull = true;
                Standing::Dead
            }
        }
    }

    fn is_live(&self, entry: &Entry<'_>) -> bool {
        self.ledger.is_live(entry)
    }

    fn moved(&mut self, entry: &Entry<'_>, to: Address) {
        self.ledger.moved(entry, to);
    }

    fn lost(&mut self, loss: &Loss) {
        self.ledger.lost(loss);
    }

    fn is_healed(&self, loss: &Loss) -> bool {
        self.ledger.is_healed(loss)
    }

    fn hint(&self, entry: &Entry<'_>) -> u16 {
        self.ledger.hint(entry)
    }
}
