//! Blobs: photos, documents and large records in chunks, shared when equal, swept when nothing
//! refers to them.

use super::pieces::store_piece;
use super::{Book, GetError, Memory, PutError, kept, parse, read, state::BookState};
use crate::contact::{BlobHasher, BlobRef, Contact, Value, WriteError};
use crate::limits::BLOB_BYTES_MAX;
use crate::store::entries::{CHUNK_HEAD_BYTES, Chunk, KEPT, KeptEntry, Spill};
use crate::store::index;
use crate::store::journal::{Journal, Need, PageState};
use crate::store::page::ENTRY_HEADER_BYTES;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// Slots that one step of the sweep looks at; a step of marking may read as many records.
const SWEEP_SLOTS: u32 = 64;
/// The first number of properties that growing memory gets room to compare. It grows by as many
/// times each time that is too little.
const ITEMS_MIN: usize = 256;
const ITEMS_STEP: usize = 4;

/// The search for chunks that nothing refers to.
///
/// The progress of a sweep. A contact that is written during a sweep marks what it refers to, so a
/// blob cannot slip from a contact not yet looked at to one already done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Nothing to do.
    #[default]
    Done,
    /// Something that had blobs was superseded, or the box was opened.
    Due,
    /// Marking what the contacts from this slot on refer to.
    Marking(u32),
    /// Giving up unmarked chunks from this slot on.
    Sweeping(u32),
}

/// The steps already tried to make room for an operation. They are noted because a sweep could
/// otherwise collect, again and again, what the operation itself left when it failed before.
#[derive(Default)]
pub(super) struct Helps {
    is_swept: bool,
}

impl Sweep {
    pub(super) fn due() -> Self {
        Self::Due
    }

    /// Something may have become garbage.
    pub(super) fn wish(&mut self) {
        if *self == Self::Done {
            *self = Self::Due;
        }
    }
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Keeps a blob; what of it is there already is not written again.
    ///
    /// Until a contact refers to it, the blob outlives one sweep, and no more.
    pub async fn put_blob(&mut self, content: &[u8]) -> Result<BlobRef, PutError<F::Error>> {
        let mut helps = Helps::default();
        loop {
            match store(&mut self.journal, &mut self.ledger, Need::Data, content).await {
                Err(error) if self.helps_against(&error, &mut helps).await? => {}
                stored => return stored,
            }
        }
    }

    /// Returns whether every chunk of a blob is here and can be relied on.
    pub fn has_blob(&self, blob: BlobRef) -> bool {
        self.blob_missing(blob).is_none()
    }

    /// Returns whether all of a blob can be read, even if only because garbage has not been erased
    /// yet: see [`Book::has_blob`].
    pub fn can_read_blob(&self, blob: BlobRef) -> bool {
        is_here(&self.ledger, blob, chunk_bytes(&self.journal))
    }

    /// The length of a blob known by its hash, as its first piece tells; `None`
    /// when that is not here.
    pub async fn blob_len(&mut self, hash: &[u8; 16]) -> Result<Option<u32>, GetError<F::Error>> {
        let Some(number) = self.ledger.index.chunk(hash, 0) else { return Ok(None) };
        let slot = self.ledger.index.slot(number);
        let entry = self.journal.read(slot.at, slot.len.into(), self.extra.cells_mut()).await?;
        Ok(Chunk::parse(entry.payload).map(|chunk| chunk.blob.len))
    }

    /// Reads from a blob, beginning `offset` bytes into it; returns how many bytes there were.
    pub async fn read_blob(
        &mut self,
        blob: BlobRef,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, GetError<F::Error>> {
        let chunk_bytes = chunk_bytes(&self.journal);
        let end = (blob.len as usize).min(offset as usize + out.len());
        let mut done = 0;
        while (offset as usize + done) < end {
            let from = offset as usize + done;
            let Self { journal, ledger, extra, .. } = self;
            let number = (from / chunk_bytes) as u32;
            let chunk = match read_chunk(journal, ledger, blob, number, extra.cells_mut()).await {
                Err(error) if error.is_damage() => {
                    self.ledger.doubts_pieces = true;
                    return Err(error);
                }
                chunk => chunk?,
            };
            let data = chunk.data.get(from % chunk_bytes..).unwrap_or(&[]);
            let wanted = data.len().min(end - from);
            if wanted == 0 {
                return Err(GetError::NoSuchBlob);
            }
            out[done..done + wanted].copy_from_slice(&data[..wanted]);
            done += wanted;
        }
        Ok(done)
    }

    /// One step of the sweep; true when there is nothing left to do.
    pub(super) async fn sweep_step(&mut self) -> Result<bool, GetError<F::Error>> {
        let len = self.ledger.index.len();
        match self.sweep {
            Sweep::Done if self.ledger.keeping.is_due() => self.sweep = Sweep::Due,
            Sweep::Done => {}
            Sweep::Due => {
                let has_chunks = self.ledger.index.slots().any(|slot| slot.has(index::CHUNK));
                self.ledger.keeping.look_again();
                self.sweep = if has_chunks { Sweep::Marking(0) } else { Sweep::Done };
                for number in 0..len {
                    // For a contact the bit means another thing.
                    self.ledger.index.change(number, |slot| {
                        if slot.has(index::CHUNK) {
                            slot.flags &= !index::MARKED;
                        }
                    });
                }
            }
            Sweep::Marking(from) => {
                let to = len.min(from + SWEEP_SLOTS);
                for number in from..to {
                    self.mark_slot(number).await?;
                }
                self.sweep = if to == len { Sweep::Sweeping(0) } else { Sweep::Marking(to) };
            }
            Sweep::Sweeping(from) => {
                let to = len.min(from + SWEEP_SLOTS * 16);
                for number in from..to {
                    let slot = self.ledger.index.slot(number);
                    if !slot.is_chunk() {
                        continue;
                    }
                    if slot.has(index::MARKED) || slot.has(index::FRESH) {
                        self.ledger.index.change(number, |slot| {
                            slot.flags &= !(index::MARKED | index::FRESH);
                        });
                    } else {
                        self.ledger.index.vacate(number);
                        self.journal.retire(slot.at, slot.len.into());
                    }
                }
                self.sweep = if to == len { Sweep::Done } else { Sweep::Sweeping(to) };
            }
        }
        Ok(self.sweep == Sweep::Done)
    }

    /// Removes the cause that made an operation fail, by collecting garbage or by taking more
    /// memory. Returns whether the operation is worth another try.
    pub(super) async fn helps_against(
        &mut self,
        error: &PutError<F::Error>,
        helps: &mut Helps,
    ) -> Result<bool, PutError<F::Error>> {
        if let PutError::Write(WriteError::TooManyProperties { items_max }) = error {
            // A record bounds what is asked for.
            return Ok(self.items.grow((items_max * ITEMS_STEP).max(ITEMS_MIN)));
        }
        if !matches!(error, PutError::Full { .. } | PutError::IndexFull { .. }) {
            return Ok(false);
        }
        let is_swept = core::mem::replace(&mut helps.is_swept, true);
        let has_given_up = match is_swept {
            true => Ok(false),
            false => self.sweep_all().await,
        };
        match has_given_up {
            Ok(true) => Ok(true),
            // A contact that cannot be read may refer to anything: nothing is given up.
            Err(error) if !error.is_damage() => Err(error.into()),
            _ => self.forget_timeless().await,
        }
    }

    /// Sweeps as long as there is something to do.
    pub(super) async fn sweep_on(&mut self) -> Result<(), GetError<F::Error>> {
        loop {
            match self.sweep_step().await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    self.sweep = Sweep::Done;
                    return Err(error);
                }
            }
        }
    }

    /// Sweeps to the end, for want of room; whether anything was given up.
    async fn sweep_all(&mut self) -> Result<bool, GetError<F::Error>> {
        let before = self.journal.fill().0;
        self.sweep = Sweep::Due;
        self.sweep_on().await?;
        Ok(self.journal.fill().0 < before)
    }

    /// Marks what a contact or a kept state refers to.
    pub(super) async fn mark_slot(&mut self, number: u32) -> Result<(), GetError<F::Error>> {
        let chunk_bytes = chunk_bytes(&self.journal);
        let slot = self.ledger.index.slot(number);
        if slot.is_kept() && self.ends_kept(number).await? {
            return Ok(());
        }
        let Self { journal, ledger, extra, .. } = self;
        let tell = |ledger: &mut BookState<M>, blob| {
            let is_whole = mark(ledger, blob, chunk_bytes);
            // Missing pieces of a state that is only kept are not asked for.
            ledger.doubts_pieces |= !is_whole && !slot.is_kept();
        };
        match each_blob(journal, ledger, number, extra.cells_mut(), tell).await {
            Err(error) if slot.is_kept() && error.is_damage() => Ok(()),
            marked => marked,
        }
    }
}

/// Goes through the blobs that a slot refers to, that of its own record first; what is no contact
/// and no kept state refers to none.
pub(super) async fn each_blob<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &mut BookState<M>,
    number: u32,
    buf: &mut [u8],
    mut tell: impl FnMut(&mut BookState<M>, BlobRef),
) -> Result<(), GetError<F::Error>> {
    let slot = ledger.index.slot(number);
    let is_state = slot.is_contact() || slot.is_kept();
    if !is_state || !slot.has(index::HAS_BLOBS | index::SPILLED) {
        return Ok(());
    }
    if slot.has(index::SPILLED) {
        let blob = spilled_blob(journal, &slot, buf).await?;
        tell(ledger, blob);
    }
    let contact = if slot.is_kept() {
        let (_, record) = kept::read(journal, ledger, number, buf).await?;
        parse(buf, record)?
    } else {
        read(journal, ledger, number, buf).await?
    };
    for blob in contact.blobs() {
        tell(ledger, blob);
    }
    Ok(())
}

/// Writes the chunks of a blob that are not there yet.
pub(super) async fn store<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &mut BookState<M>,
    need: Need,
    content: &[u8],
) -> Result<BlobRef, PutError<F::Error>> {
    let bytes_max = BLOB_BYTES_MAX as usize;
    if content.len() > bytes_max {
        return Err(PutError::BlobTooLarge { bytes: content.len(), bytes_max });
    }
    let blob = BlobRef::of(content);
    let chunk_bytes = chunk_bytes(journal);
    ledger.reserve(content.len().div_ceil(chunk_bytes) as u32)?;
    for (number, data) in (0u32..).zip(content.chunks(chunk_bytes)) {
        store_piece(journal, ledger, need, blob, number, data).await?;
    }
    Ok(blob)
}

/// The slot of a chunk, unless the chunk is there only because garbage has not been erased yet.
pub(super) fn sure_chunk<F: NorFlash, M: Memory>(
    journal: &Journal<F, M::Pages, M::Bytes>,
    ledger: &BookState<M>,
    blob: &BlobRef,
    number: u32,
) -> Option<u32> {
    let slot = ledger.index.chunk(&blob.hash, number)?;
    journal.is_sure(ledger.index.slot(slot).at).then_some(slot)
}

/// Bytes of a blob in one chunk.
pub(super) fn chunk_bytes<F: NorFlash, P: Slab<PageState>, B: Slab<u8>>(
    journal: &Journal<F, P, B>,
) -> usize {
    journal.entry_bytes_max() / 2 - CHUNK_HEAD_BYTES
}

async fn spilled_blob<F: NorFlash, P, B>(
    journal: &mut Journal<F, P, B>,
    slot: &index::Slot,
    buf: &mut [u8],
) -> Result<BlobRef, GetError<F::Error>>
where
    P: Slab<PageState>,
    B: Slab<u8>,
{
    let entry = journal.read(slot.at, slot.len.into(), buf).await?;
    let payload = match entry.kind {
        KEPT => KeptEntry::parse(entry.payload).map(|kept| kept.payload),
        _ => Some(entry.payload),
    };
    let spill = payload.and_then(Spill::parse);
    spill.map(|spill| spill.blob()).ok_or(GetError::NoSuchBlob)
}

/// Marks the chunks of a blob; false when not all of them are here.
fn mark<M: Memory>(ledger: &mut BookState<M>, blob: BlobRef, chunk_bytes: usize) -> bool {
    let count = (blob.len as usize).div_ceil(chunk_bytes) as u32;
    // A blob of more chunks than there are slots is not here, whatever its length claims.
    if count > ledger.index.len() {
        return false;
    }
    let mut is_whole = true;
    for number in 0..count {
        match ledger.index.chunk(&blob.hash, number) {
            Some(slot) => ledger.index.change(slot, |slot| slot.flags |= index::MARKED),
            None => is_whole = false,
        }
    }
    is_whole
}

pub(super) async fn read_chunk<'b, F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &BookState<M>,
    blob: BlobRef,
    number: u32,
    buf: &'b mut [u8],
) -> Result<Chunk<'b>, GetError<F::Error>> {
    let slot = ledger.index.chunk(&blob.hash, number).ok_or(GetError::NoSuchBlob)?;
    let slot = ledger.index.slot(slot);
    let entry = journal.read(slot.at, slot.len.into(), buf).await?;
    Chunk::parse(entry.payload).ok_or(GetError::NoSuchBlob)
}

/// Reads a whole blob to the front of `buf`, which must have room for an entry's head beside it.
pub(super) async fn read_all<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &BookState<M>,
    blob: BlobRef,
    buf: &mut [u8],
) -> Result<usize, GetError<F::Error>> {
    const HEAD: usize = ENTRY_HEADER_BYTES + CHUNK_HEAD_BYTES;
    let len = blob.len as usize;
    let mut done = 0;
    let mut number = 0;
    while done < len {
        // A read ends at a whole word.
        let bytes = len + HEAD + F::WRITE_SIZE;
        let room = buf.get_mut(done..).filter(|room| room.len() > HEAD);
        let room = room.ok_or(GetError::TooSmall { bytes })?;
        let data_len = read_chunk::<F, M>(journal, ledger, blob, number, room).await?.data.len();
        if data_len == 0 {
            return Err(GetError::NoSuchBlob);
        }
        // The chunk came with its entry's head before it; its data closes up to what is there.
        room.copy_within(HEAD..HEAD + data_len, 0);
        done += data_len;
        number += 1;
    }
    if done == len { Ok(done) } else { Err(GetError::NoSuchBlob) }
}

/// Reads a blob from end to end and compares its hash.
pub(super) async fn check<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &BookState<M>,
    blob: BlobRef,
    buf: &mut [u8],
) -> Result<(), GetError<F::Error>> {
    let mut hasher = BlobHasher::new(blob.len);
    let count = (blob.len as usize).div_ceil(chunk_bytes(journal)) as u32;
    for number in 0..count {
        hasher.add(read_chunk::<F, M>(journal, ledger, blob, number, buf).await?.data);
    }
    if hasher.finish() == blob { Ok(()) } else { Err(GetError::NoSuchBlob) }
}

/// Returns whether a value of a vCard is to be kept as a blob.
pub(super) fn is_large(value: &Value<'_>) -> bool {
    matches!(value, Value::Bytes(bytes) if bytes.len() > crate::limits::INLINE_BYTES_MAX)
}

/// Returns whether every blob a contact refers to is here.
pub(super) fn are_here<M: Memory>(
    ledger: &BookState<M>,
    contact: &Contact<'_>,
    chunk_bytes: usize,
) -> bool {
    contact.blobs().all(|blob| is_here(ledger, blob, chunk_bytes))
}

pub(super) fn is_here<M: Memory>(ledger: &BookState<M>, blob: BlobRef, chunk_bytes: usize) -> bool {
    let count = (blob.len as usize).div_ceil(chunk_bytes) as u32;
    (0..count).all(|number| ledger.index.chunk(&blob.hash, number).is_some())
}

/// Marks what a record just written refers to, for a sweep that may be under way.
pub(super) fn mark_all<M: Memory>(
    ledger: &mut BookState<M>,
    contact: &Contact<'_>,
    chunk_bytes: usize,
) {
    for blob in contact.blobs() {
        mark(ledger, blob, chunk_bytes);
    }
}
