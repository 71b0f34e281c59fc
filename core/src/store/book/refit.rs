//! Opening a box whose pages still show more chunks than there are slots for: those that something
//! refers to are looked for.
//!
//! A sweep gives chunks up in RAM; in their pages they stand until these are reclaimed, and other
//! things may have taken their slots since. So at the next open a chunk never keeps out a contact,
//! nor another chunk that is needed: the first pass takes what there are slots for, then what
//! nobody refers to goes, and what is missing is taken from the pages in further passes. Slots of a
//! machine whose memory grows never run short, and nothing of this happens there.

use super::state::BookState;
use super::{Book, GetError, Memory, OpenError, blobs};
use crate::contact::BlobRef;
use crate::store::entries::{CHUNK, Chunk, KEPT, KeptEntry};
use crate::store::journal::{self, Address, Entry, EntryOwner, Liveness, Loss};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// Hash and length of a blob that is looked for.
const WANT_BYTES: usize = 16 + 4;

type Want = [u8; WANT_BYTES];

fn want(blob: &BlobRef) -> Want {
    let mut want = [0; WANT_BYTES];
    want[..16].copy_from_slice(&blob.hash);
    want[16..].copy_from_slice(&blob.len.to_le_bytes());
    want
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Gives up chunks that nothing refers to, and looks for those that something does refer to and
    /// that were passed over: those of contacts first, for which kept states make way; then kept
    /// states and theirs, as long as there is room.
    pub(super) async fn refit(&mut self) -> Result<(), OpenError<F::Error>> {
        let mut lacks_kept = false;
        loop {
            self.sweep_readable().await.map_err(|error| self.unfit(error))?;
            self.look_for(false).await?;
            let has_lost = core::mem::take(&mut self.ledger.has_lost_kept);
            lacks_kept |= has_lost;
            if !self.ledger.is_overfull {
                break;
            }
            if !has_lost {
                return Ok(());
            }
            // Blobs that only the kept states that made way referred to are garbage by now.
            self.ledger.is_overfull = false;
        }
        self.ledger.has_passed_over = false;
        if lacks_kept {
            self.retake(0, Wanted::Kept).await?;
        }
        self.look_for(true).await
    }

    /// Sweeps; a contact that is damaged, or of which a chunk has been passed over,
    /// refers to nothing for now.
    async fn sweep_readable(&mut self) -> Result<(), GetError<F::Error>> {
        for number in 0..self.slots() {
            match self.mark_slot(number).await {
                Err(error) if !error.is_damage() => return Err(error),
                _ => {}
            }
        }
        self.sweep = blobs::Sweep::Sweeping(0);
        self.sweep_on().await
    }

    /// Looks for what contacts, or kept states, refer to and is not known.
    async fn look_for(&mut self, is_kept: bool) -> Result<(), OpenError<F::Error>> {
        let wanted = if is_kept { Wanted::OfKept } else { Wanted::OfContacts };
        loop {
            // A large contact's own chunks first: they tell what else it refers to.
            let (mut from, mut taken) = (0, 0);
            while from < self.slots() {
                let count;
                (from, count) =
                    self.wants(from, is_kept).await.map_err(|error| self.unfit(error))?;
                if count > 0 {
                    taken += self.retake(count, wanted).await?;
                }
            }
            if taken == 0 || self.ledger.is_overfull {
                return Ok(());
            }
        }
    }

    /// Collects blobs of which a chunk is not known, in the buffer for new records, one after
    /// the other: as many as fit, going through the slots from this one on. Returns where to go
    /// on, and how many there are.
    async fn wants(
        &mut self,
        from: u32,
        is_kept: bool,
    ) -> Result<(u32, usize), GetError<F::Error>> {
        let chunk_bytes = blobs::chunk_bytes(&self.journal);
        let Self { journal, ledger, new, extra, .. } = self;
        let (wants, _) = new.cells_mut().as_chunks_mut::<WANT_BYTES>();
        let (mut number, mut count, mut fits) = (from, 0, true);
        while number < ledger.index.len() && fits {
            if ledger.index.slot(number).is_kept() != is_kept {
                number += 1;
                continue;
            }
            let note = |ledger: &mut BookState<M>, blob: BlobRef| {
                let (known, free) = wants.split_at_mut(count);
                if blobs::is_here(ledger, blob, chunk_bytes) || known.contains(&want(&blob)) {
                    return;
                }
                fits = !free.is_empty();
                if let Some(free) = free.first_mut() {
                    *free = want(&blob);
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

    /// Takes what is wanted from the pages: of the first so many blobs that were collected. Returns
    /// how many entries there were.
    async fn retake(&mut self, count: usize, wanted: Wanted) -> Result<u32, OpenError<F::Error>> {
        let Self { journal, ledger, old, new, .. } = self;
        let (wants, _) = new.cells().as_chunks::<WANT_BYTES>();
        let mut wanting = Wanting { ledger, wanted, wants: &wants[..count], taken: 0 };
        journal.retake::<dyn EntryOwner>(old.cells_mut(), &mut wanting).await?;
        Ok(wanting.taken)
    }

    fn unfit(&self, error: GetError<F::Error>) -> OpenError<F::Error> {
        match error {
            GetError::Journal(journal::ReadError::Flash(error)) => {
                OpenError::Journal(journal::JournalOpenError::Flash(error))
            }
            // There is a contact that this machine cannot read, and nobody knows what it refers to.
            _ => OpenError::IndexFull { slots: self.slots() },
        }
    }
}

/// The entries that are looked for in the pages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Chunks that contacts refer to. A box cannot be opened without a slot for each.
    OfContacts,
    /// Kept states.
    Kept,
    /// Chunks that they refer to.
    OfKept,
}

/// A ledger that takes in what is wanted, and nothing else.
struct Wanting<'l, M: Memory> {
    ledger: &'l mut BookState<M>,
    wanted: Wanted,
    wants: &'l [Want],
    taken: u32,
}

impl<M: Memory> Wanting<'_, M> {
    /// The slot that the entry has, if it is of what is wanted.
    fn known(&self, entry: &Entry<'_>) -> Option<Option<u32>> {
        let index = &self.ledger.index;
        match entry.kind {
            CHUNK if self.wanted != Wanted::Kept => {
                let chunk = Chunk::parse(entry.payload)?;
                let is_wanted = self.wants.contains(&want(&chunk.blob));
                is_wanted.then(|| index.chunk(&chunk.blob.hash, chunk.number))
            }
            KEPT if self.wanted == Wanted::Kept => {
                let kept = KeptEntry::parse(entry.payload)?;
                let is_over = self.ledger.keeping.is_over(kept.time);
                let whose = index.kept_hash(kept.uid()?, kept.time);
                (!is_over).then(|| index.kept(whose))
            }
            _ => None,
        }
    }
}

impl<M: Memory> EntryOwner for Wanting<'_, M> {
    fn on_entry(&mut self, entry: &Entry<'_>) -> Liveness {
        let Some(known) = self.known(entry) else { return Liveness::Dead };
        if let Some(known) = known {
            return Liveness::Equals(self.ledger.index.slot(known).at);
        }
        let is_needed = self.wanted == Wanted::OfContacts;
        if !is_needed && self.ledger.reserve(1).is_err() {
            return Liveness::Dead;
        }
        let standing = self.ledger.take_piece(entry, is_needed);
        self.ledger.is_overfull |= is_needed && standing == Liveness::Dead;
        self.taken += u32::from(standing != Liveness::Dead);
        standing
    }

    fn moved(&mut self, entry: &Entry<'_>, to: Address) {
        self.ledger.moved(entry, to);
    }

    // Nothing else is asked of it while pages are only read.
    fn is_live(&self, entry: &Entry<'_>) -> bool {
        self.ledger.is_live(entry)
    }

    fn lost(&mut self, loss: &Loss) {
        self.ledger.lost(loss);
    }

    fn is_healed(&self, loss: &Loss) -> bool {
        self.ledger.is_healed(loss)
    }
}
