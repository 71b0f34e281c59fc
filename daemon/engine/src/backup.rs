//! The work of cards, backups and devices with the book, in pieces short enough for clients not to
//! notice.

use crate::error::BoxError;
use crate::host::Host;
use crate::image::{Access, View};
use crate::memory::Heap;
use contactbox_core::card::OwnWhole;
use contactbox_core::contact::{AuthorIndex, BlobRef, BoxIndex, Contact, Origin, Uid};
use contactbox_core::store::book::{Aside, Consent, Intake, Outcome, Peer, PutError, Quota, Root};
use embassy_futures::block_on;
use std::path::Path;

/// Records of another box, or of a copy of this one that has met others, on their way into the box.
#[derive(Default)]
pub struct MergeBatch {
    /// The box whose numbering the records use.
    pub from: u64,
    /// Whom its indices stand for, as far as the records use them.
    pub boxes: Vec<(BoxIndex, u64)>,
    /// Its authors.
    pub authors: Vec<(AuthorIndex, String)>,
    /// The records.
    pub records: Vec<Vec<u8>>,
    /// The yes that somebody has said to what they remove, or none.
    pub consent: Consent,
    /// Photos and documents that the records refer to and that cannot be had.
    pub lacking: Vec<BlobRef>,
    /// Contacts the box had before the meeting that they are of.
    pub contacts: u32,
}

impl MergeBatch {
    /// Bytes of its records.
    pub fn bytes(&self) -> usize {
        self.records.iter().map(Vec::len).sum()
    }
}

/// A blob that must come before a record, and where the piece that is not here begins.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    /// The blob.
    pub blob: BlobRef,
    /// The place where the piece begins.
    pub offset: u32,
    /// The length of the piece.
    pub len: u32,
}

/// The outcome of taking a batch in.
#[derive(Default)]
pub struct TakeResult {
    /// Contacts that are new here.
    pub added: u32,
    /// Contacts that are other than before.
    pub updated: u32,
    /// Contacts that said nothing new.
    pub unchanged: u32,
    /// Contacts that were refused, and why.
    pub refused: Vec<(Uid, BoxError)>,
    /// Contacts that were kept aside, and why.
    pub aside: Vec<(Uid, Aside)>,
    /// The first of these is wanted, then the batch from `done` on again.
    pub missing: Option<Missing>,
    /// Records that are done.
    pub done: usize,
}

impl Host {
    /// The identity of the box, and the latest time it has written or met.
    pub fn identity(&self) -> (u64, u64) {
        (self.book.id(), self.book.time_max())
    }

    /// Returns whether its own backup may have something that the box has not: its image was put
    /// back, or damage took something.
    pub fn lacks(&self) -> bool {
        self.put_back.is_some() || self.book.losses() > 0
    }

    /// Returns whether what its backup has is to be looked at once more.
    pub fn wants_back(&self) -> bool {
        self.lacks() || self.book.doubts_pieces()
    }

    /// All that a snapshot of its own says is here.
    pub fn taken_back(&mut self, own: OwnWhole) {
        // An entry written since the image was put back has a name that the box took then, and
        // tells nothing of what is missing.
        let is_renamed = |reached| self.book.writes_since().is_some_and(|since| since >= reached);
        let is_back = |reached| own.time >= reached && own.named < reached && is_renamed(reached);
        if self.put_back.as_ref().is_some_and(|put_back| is_back(put_back.reached)) {
            tracing::info!("all that the box had acknowledged is there again");
            self.put_back = None;
            let id = self.book.id();
            if let Some(mark) = &mut self.mark {
                mark.note_lack(id, None);
            }
        }
    }

    /// Contacts, trash and tombstones.
    pub fn states(&self) -> u32 {
        let counts = self.book.counts();
        counts.active + counts.trashed + counts.tombstones
    }

    /// The root, when it is known.
    pub fn root(&self) -> Option<Root> {
        self.book.root_known()
    }

    /// The root of the box at a time, which a copy of it has computed.
    pub fn learn_root(&mut self, time: u64, root: Root) {
        if self.book.time_max() == time && self.book.root_known().is_none() {
            self.book.assume_root(root);
        }
    }

    /// The image as it is now, all of it acknowledged; `folder` is where pages are kept that
    /// memory is too small for.
    pub fn view(&mut self, folder: &Path) -> Result<View, BoxError> {
        // A file without its name is whole, and a backup then all that will be left of it.
        let is_whole = match self.access() {
            Access::ReadWrite | Access::ReadOnly => true,
            Access::Broken | Access::Unsettled => false,
            Access::Displaced(how) => how.is_whole(),
        };
        if !is_whole {
            return Err(BoxError::NotWhole);
        }
        // A change that was not acknowledged must not be on a card: after a power cut the box may
        // say something else with the same stamp.
        self.sync()?;
        self.book.flash().view(folder).map_err(BoxError::View)
    }

    /// A name of its own for what the box writes from now on: it is an older copy of itself.
    pub fn renew(&mut self) -> Result<(), BoxError> {
        self.writable()?;
        block_on(self.book.renew()).map_err(|error| self.put_fault(error))
    }

    /// Takes records in, as many as can be without a blob that is not here.
    pub fn take(&mut self, batch: &MergeBatch) -> Result<TakeResult, BoxError> {
        self.writable()?;
        self.grow_image(batch.bytes());
        let mut taken = TakeResult::default();
        let now = Self::now();
        let mut peer = block_on(self.book.meet(batch.from, Quota::NONE))
            .map_err(|error| self.put_fault(error))?;
        // The copy that met the card has asked the brake.
        peer.accept_removals();
        if batch.consent == Consent::Given {
            block_on(self.book.admit_removals(&mut peer, 0, batch.consent, now))
                .map_err(|error| self.put_fault(error))?;
        }
        for &(index, id) in &batch.boxes {
            block_on(self.book.introduce_box(&mut peer, index, id))
                .map_err(|error| self.put_fault(error))?;
        }
        for (index, name) in &batch.authors {
            block_on(self.book.introduce_author(&mut peer, *index, name))
                .map_err(|error| self.put_fault(error))?;
        }
        for record in &batch.records {
            let Ok(contact) = Contact::parse(record) else {
                return Err(BoxError::NoRecord);
            };
            let uid = contact.uid();
            let mut intake = block_on(self.book.take(&mut peer, record, now));
            if matches!(intake, Err(PutError::NoSuchBlob)) {
                let wanted = contact.blobs().filter(|blob| !batch.lacking.contains(blob));
                if let Some(missing) = wanted.into_iter().find_map(|blob| self.missing(blob)) {
                    taken.missing = Some(missing);
                    self.count_removals(batch, &peer, now)?;
                    return Ok(taken);
                }
                // Nobody has it at present: all else that the contact says is not lost with it.
                peer.let_lack(true);
                intake = block_on(self.book.take(&mut peer, record, now));
                peer.let_lack(false);
            }
            match intake {
                Ok(Intake::Aside(uid, why)) => taken.aside.push((uid, why)),
                Ok(Intake::Taken(put)) => {
                    let count = match put.outcome {
                        Outcome::Added => &mut taken.added,
                        Outcome::Updated => &mut taken.updated,
                        _ => &mut taken.unchanged,
                    };
                    *count += 1;
                    if put.outcome != Outcome::Unchanged {
                        let author = contact.changed().author;
                        let author = batch.authors.iter().find(|(index, _)| *index == author);
                        self.notice(
                            &put,
                            Origin::Merge,
                            author.map_or("", |(_, name)| name.as_str()),
                        );
                    }
                }
                Err(
                    error @ (PutError::Foreign(_)
                    | PutError::NoSuchBlob
                    | PutError::TooManyBoxes { .. }
                    | PutError::Write(_)),
                ) => {
                    taken.refused.push((uid, BoxError::Put(error)));
                }
                Err(error) => return Err(self.put_fault(error)),
            }
            taken.done += 1;
        }
        self.count_removals(batch, &peer, now)?;
        Ok(taken)
    }

    /// Removals to which nobody has said yes count together for a day.
    fn count_removals(
        &mut self,
        batch: &MergeBatch,
        peer: &Peer<Heap>,
        now: u64,
    ) -> Result<(), BoxError> {
        if batch.consent == Consent::Given {
            return Ok(());
        }
        block_on(self.book.note_removals(peer.removed(), batch.contacts, now))
            .map_err(|error| self.put_fault(error))
    }

    /// Keeps a piece of a blob; returns where the next one that is not here begins.
    pub fn take_piece(
        &mut self,
        wanted: Missing,
        piece: &[u8],
    ) -> Result<Option<Missing>, BoxError> {
        self.writable()?;
        self.grow_image(piece.len());
        let Missing { blob, offset, .. } = wanted;
        block_on(self.book.put_blob_piece(blob, offset, piece))
            .map_err(|error| self.put_fault(error))?;
        Ok(self.missing(blob))
    }

    /// The first piece of a blob that is not here.
    fn missing(&self, blob: BlobRef) -> Option<Missing> {
        self.book.blob_missing(blob).map(|offset| self.piece_at(blob, offset))
    }

    fn piece_at(&self, blob: BlobRef, offset: u32) -> Missing {
        let piece_bytes = self.book.blob_piece_bytes() as u32;
        Missing { blob, offset, len: blob.len.saturating_sub(offset).min(piece_bytes) }
    }

    /// The first piece of a blob that is wanted, as it is not here or not what it
    /// was: all of it is read.
    pub fn blob_wanted(&mut self, blob: BlobRef) -> Result<Option<Missing>, BoxError> {
        let offset =
            block_on(self.book.blob_wanted(blob)).map_err(|error| self.put_fault(error))?;
        Ok(offset.map(|offset| self.piece_at(blob, offset)))
    }

    /// Returns whether a contact, or a photo or document of one, cannot be read as a whole, or may
    /// not.
    pub fn doubts_pieces(&self) -> bool {
        self.book.doubts_pieces()
    }

    /// Somebody has looked whether all can be read.
    pub fn doubt_pieces(&mut self, doubts: bool) {
        self.book.doubt_pieces(doubts);
    }

    /// Up to which of its own times all that another box held is here.
    pub fn met(&self, id: u64) -> u64 {
        self.book.met(id)
    }

    /// All that the boxes held at these times, by their own clocks, is here, as their
    /// snapshots say up to these marks.
    pub fn note_met(&mut self, met: &[(u64, u64, u32)]) -> Result<(), BoxError> {
        for &(id, time, link) in met {
            if self.book.met(id) < time || self.book.link(id) != link {
                self.writable()?;
                block_on(self.book.note_met(id, time, Some(link)))
                    .map_err(|error| self.put_fault(error))?;
            }
        }
        Ok(())
    }
}
