//! Reading everything again, in steps between which the box may be used for anything else.

use super::{Book, Finding, GetError, Memory, VerifyReport, blobs, read};
use crate::contact::{BlobHasher, Millis};
use crate::store::index;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The cost of looking at a slot beside what is read for it, in bytes read in the same time.
const SLOT_BYTES: u32 = 16;

/// The same for reading a contact.
const RECORD_BYTES: u32 = 1024;

/// How often a contact may change under the hands of whoever reads its photos, before
/// they are read in one go.
const RETRIES_MAX: u8 = 4;

/// A verification under way.
///
/// Pages come first, then contacts with their blobs where they are at that moment. So nothing that
/// is live escapes by moving: what a page held when it was read was read there, and what lies
/// elsewhere by then is read through its contact. What is found missing in a page that is reclaimed
/// meanwhile becomes a loss of the box, which the report counts at its end.
#[derive(Default)]
pub struct Verification {
    stage: Stage,
    report: VerifyReport,
}

#[derive(Default)]
enum Stage {
    /// From this page on.
    Pages(u32),
    Contacts(ContactCursor),
    #[default]
    Begun,
    Done,
}

/// The place among the contacts.
#[derive(Default)]
struct ContactCursor {
    slot: u32,
    /// The version whose blobs are being read; 0 before the contact is.
    version: Millis,
    /// Blobs of it that are done, and those of them that are right.
    done: usize,
    right: u32,
    /// Chunks of the next one that are in its hash.
    chunks: u32,
    hash: Option<BlobHasher>,
    retries: u8,
}

impl ContactCursor {
    fn next(&mut self) {
        *self = Self { slot: self.slot + 1, ..Self::default() };
    }
}

impl Verification {
    /// Returns the findings so far; all of them once a step has said that it was the last.
    pub fn report(&self) -> &VerifyReport {
        &self.report
    }
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Reads everything: every page, every contact, every blob to its hash. Writes nothing.
    pub async fn verify(
        &mut self,
        mut visit: impl FnMut(&Finding),
    ) -> Result<VerifyReport, GetError<F::Error>> {
        let mut verification = Verification::default();
        while !self.verify_step(&mut verification, u32::MAX, &mut visit).await? {}
        Ok(verification.report)
    }

    /// Goes on with a verification until about `bytes` more are read, at least a page or a chunk of
    /// a blob; true when it is done.
    pub async fn verify_step(
        &mut self,
        verification: &mut Verification,
        bytes: u32,
        mut visit: impl FnMut(&Finding),
    ) -> Result<bool, GetError<F::Error>> {
        let Verification { stage, report } = verification;
        let mut spent = 0;
        while spent < bytes {
            match stage {
                Stage::Begun => *stage = Stage::Pages(0),
                Stage::Pages(page) => {
                    let Self { journal, ledger, .. } = self;
                    if *page >= journal.pages() {
                        if ledger.is_any_stale() {
                            report.findings += 1;
                            visit(&Finding::AnyStale);
                        }
                        *stage = Stage::Contacts(ContactCursor::default());
                        continue;
                    }
                    journal.scan_page(*page, ledger, &mut report.scan, &mut |_| {}).await?;
                    *page += 1;
                    spent = spent.saturating_add(journal.page_bytes());
                }
                Stage::Contacts(place) if place.slot < self.slots() => {
                    let left = bytes - spent;
                    let cost = self.verify_slot(place, report, left, &mut visit).await?;
                    spent = spent.saturating_add(cost);
                }
                Stage::Contacts(_) => {
                    report.losses = self.losses();
                    self.ledger.doubts_pieces = report.unreadable > 0;
                    *stage = Stage::Done;
                }
                Stage::Done => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Goes on with a slot; returns what that cost.
    async fn verify_slot(
        &mut self,
        place: &mut ContactCursor,
        report: &mut VerifyReport,
        bytes: u32,
        visit: &mut impl FnMut(&Finding),
    ) -> Result<u32, GetError<F::Error>> {
        let slot = self.ledger.index.slot(place.slot);
        if !slot.is_contact() {
            place.next();
            return Ok(SLOT_BYTES);
        }
        let mut find = |report: &mut VerifyReport, finding: Finding| {
            report.findings += 1;
            visit(&finding);
        };
        let Self { journal, ledger, old, extra, .. } = self;
        let contact = match read(journal, ledger, place.slot, old.cells_mut()).await {
            Ok(contact) => contact,
            Err(error) if error.is_damage() => {
                find(report, Finding::Unreadable { slot: place.slot });
                report.unreadable += 1;
                place.next();
                return Ok(RECORD_BYTES);
            }
            Err(error) => return Err(error),
        };
        let (uid, version) = (contact.uid(), contact.changed().time);
        let mut spent = RECORD_BYTES.saturating_add(contact.bytes().len() as u32);
        if place.version == 0 && !ledger.is_any_stale() && ledger.is_stale(&contact) {
            find(report, Finding::Stale(uid));
        }
        if place.version != version {
            // It may refer to others by now, in another order, and what it no
            // longer refers to may be gone.
            let retries = place.retries + u8::from(place.version != 0);
            *place =
                ContactCursor { slot: place.slot, version, retries, ..ContactCursor::default() };
        }
        // One chunk at least, however large the record is.
        let mut may_stop = false;
        let in_one_go = place.retries >= RETRIES_MAX;
        let wanted = if slot.has(index::HAS_BLOBS) { usize::MAX } else { 0 };
        for blob in contact.blobs().take(wanted).skip(place.done) {
            let count = (blob.len as usize).div_ceil(blobs::chunk_bytes(journal)) as u32;
            let mut hash = place.hash.take().unwrap_or_else(|| BlobHasher::new(blob.len));
            let mut is_whole = true;
            while is_whole && place.chunks < count {
                if spent >= bytes && may_stop && !in_one_go {
                    place.hash = Some(hash);
                    return Ok(spent);
                }
                may_stop = true;
                let number = place.chunks;
                match blobs::read_chunk(journal, ledger, blob, number, extra.cells_mut()).await {
                    Ok(chunk) => {
                        hash.add(chunk.data);
                        spent = spent.saturating_add(chunk.data.len() as u32);
                        place.chunks += 1;
                    }
                    Err(error) if error.is_damage() => is_whole = false,
                    Err(error) => return Err(error),
                }
            }
            if is_whole && hash.finish() == blob {
                place.right += 1;
            } else {
                find(report, Finding::BlobDamaged(uid, blob));
                report.unreadable += 1;
            }
            (place.done, place.chunks) = (place.done + 1, 0);
        }
        report.contacts += 1;
        report.blobs += place.right;
        place.next();
        Ok(spent)
    }
}
