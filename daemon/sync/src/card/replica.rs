//! A book over the box as it was at one moment: it is read for backups, and meets
//! cards before the box does.

use super::sync_error::SyncError;
use contactbox_core::card::{
    Card, Listing, MergeError, Merged, OwnWhole, Remark, SnapshotOwners, SnapshotState, list,
    merge_all,
};
use contactbox_core::contact::{BlobRef, BoxIndex, Uid};
use contactbox_core::store::book::{Aside, GetError, PutError, Root};
use contactbox_core::store::{Book, BookConfig, Consent};
use contactbox_engine::ImageCopy;
use contactbox_engine::memory::Heap;
use contactbox_engine::{
    BoxError, CONTACT_BYTES_MAX, ENTRY_BYTES, Handle, Host, MergeBatch, Missing, TakeResult, parts,
};
use embassy_futures::block_on;
use std::path::Path;

/// Bits of a signature that nobody searches by.
const GRAM_SLICES: u32 = 32;

/// Records handed to the keeper at once, in number and bytes: some milliseconds of its time.
const BATCH_RECORDS: usize = 128;
const BATCH_BYTES: usize = 256 * 1024;

/// Contacts that cannot be read of which the identities are told.
const UNREADABLE_MAX: usize = 100;

/// Times that a copy is made longer when a card has more than it takes.
const GROWTHS_MAX: u32 = 6;

/// Remarks that are told one by one; a card may give cause for as many as it has entries.
const REMARKS_MAX: usize = 1_000;

/// A copy of the box, as a book.
pub struct Replica {
    book: Book<ImageCopy, Heap>,
    handle: Handle,
    /// One contact, or a piece of a blob.
    pub(super) room: Vec<u8>,
}

/// The outcome of merging a card into the box.
#[derive(Default)]
pub struct MergeResult {
    /// The outcome for the card's files.
    pub merged: Merged,
    /// The first remarks on what was not taken in, and why.
    pub remarks: Vec<String>,
    /// Contacts that are new in the box.
    pub added: u32,
    /// Contacts that are other than before.
    pub updated: u32,
    /// Photos and documents that the box could not read any more, and that are whole again.
    pub blobs: u32,
    /// Contacts that the box did not take from its copy.
    pub(super) refused: u32,
}

impl Replica {
    /// A copy of the box as it is now; `folder` is where pages go that memory is too small for.
    pub fn new(handle: &Handle, folder: &Path) -> Result<Self, SyncError> {
        Self::open(ImageCopy::new(handle, folder)?, handle, Vec::new())
    }

    /// The copy brought in step with the box. After an error nothing is left of it.
    pub fn refresh(self) -> Result<Self, SyncError> {
        let Self { book, handle, room } = self;
        let mut mirror = book.into_flash();
        mirror.refresh()?;
        Self::open(mirror, &handle, room)
    }

    /// Has the box go on under another name, and brings the copy in step.
    pub fn renew(self) -> Result<Self, SyncError> {
        self.handle.have(Host::renew)?;
        self.refresh()
    }

    /// Tells the box that all a snapshot of its own says is there.
    pub fn tell_back(&self, own: OwnWhole) -> Result<(), SyncError> {
        self.handle.have(move |host| {
            host.taken_back(own);
            Ok(())
        })?;
        Ok(())
    }

    fn open(mirror: ImageCopy, handle: &Handle, mut room: Vec<u8>) -> Result<Self, SyncError> {
        let root = mirror.root();
        let config = BookConfig { id: 0, gram_slices: GRAM_SLICES, gram_probes: 1 };
        let (mut book, _) = block_on(Book::open(mirror, config, parts()))
            .map_err(|error| SyncError::ReplicaNotOpened(error.to_string()))?;
        if let Some(root) = root {
            book.assume_root(root);
        }
        let room_bytes = (CONTACT_BYTES_MAX + ENTRY_BYTES).max(book.blob_piece_bytes());
        room.resize(room_bytes, 0);
        Ok(Self { book, handle: handle.clone(), room })
    }

    /// The identity of the box.
    pub fn id(&self) -> u64 {
        self.book.id()
    }

    /// The latest time the box had written or met.
    pub fn time(&self) -> u64 {
        self.book.time_max()
    }

    /// The book and a buffer for it.
    pub fn parts(&mut self) -> (&mut Book<ImageCopy, Heap>, &mut [u8]) {
        (&mut self.book, &mut self.room)
    }

    /// Contacts that cannot be read: how many, and the identities of the first of
    /// them that are known.
    pub fn unreadable(&mut self) -> (u32, Vec<Uid>) {
        let (mut count, mut uids) = (0, Vec::new());
        for slot in 0..self.book.slots() {
            if block_on(self.book.state(slot, &mut self.room)).is_err() {
                count += 1;
                let uid = block_on(self.book.uid_at(slot)).ok().flatten();
                uids.extend(uid.filter(|_| uids.len() < UNREADABLE_MAX));
            }
        }
        (count, uids)
    }

    /// The root; computed here, where nobody waits for it, and told to the box.
    pub fn root(&mut self) -> Option<Root> {
        if let Some(root) = self.book.root_known() {
            return Some(root);
        }
        let root = block_on(self.book.root()).ok()?;
        let time = self.book.time_max();
        // Not waited for.
        self.handle.post(move |host| host.learn_root(time, root));
        Some(root)
    }

    /// Merges what is on a card into the copy, then hands the box what is new of it. Then the copy
    /// has to be brought in step.
    pub fn merge<C: Card>(
        &mut self,
        card: &mut C,
        whose: SnapshotOwners,
        consent: Consent,
    ) -> Result<MergeResult, SyncError> {
        let bytes = block_on(snapshot_bytes(card))?;
        let (since, contacts) = (self.book.time_max(), self.book.counts().active);
        if self.handle.have(|host| Ok(host.doubts_pieces()))? {
            self.book.doubt_pieces(true);
        }
        let doubts = self.book.doubts_pieces();
        let mut pages = u32::try_from(bytes / contactbox_engine::image::PAGE_BYTES as u64)
            .unwrap_or(u32::MAX)
            .saturating_add(16);
        let mut given = MergeResult::default();
        for growth in 1.. {
            self.grow(pages)?;
            given.remarks.clear();
            let now = Host::now();
            let MergeResult { remarks, .. } = &mut given;
            let visit = |remark: &Remark| note(remarks, words(remark));
            let merged =
                merge_all(&mut self.book, card, whose, consent, now, &mut self.room, visit);
            let merged = block_on(merged);
            match merged {
                Ok(merged) => {
                    given.merged = merged;
                    break;
                }
                // States that were taken in are there, and are not taken in twice.
                Err(MergeError::Book(PutError::Full { .. })) if growth < GROWTHS_MAX => {
                    pages = pages.saturating_mul(2);
                }
                Err(MergeError::Card(error)) => return Err(error.into()),
                Err(MergeError::Book(error)) => {
                    return Err(SyncError::Book(error.to_string()));
                }
                Err(MergeError::RoomTooSmall { bytes }) => {
                    return Err(SyncError::PieceTooLarge { bytes });
                }
            }
        }
        let batch = MergeBatch { from: self.book.id(), consent, contacts, ..MergeBatch::default() };
        self.deliver(since, batch, &mut given)?;
        if doubts {
            given.blobs = self.mend_blobs()?;
        }
        Ok(given)
    }

    fn grow(&mut self, pages: u32) -> Result<(), SyncError> {
        self.book.flash().grow(pages);
        block_on(self.book.extend())
            .map_err(|error| SyncError::ReplicaNotExtended(error.to_string()))
    }

    /// Hands the box what came into its copy after `since`.
    fn deliver(
        &mut self,
        since: u64,
        mut batch: MergeBatch,
        given: &mut MergeResult,
    ) -> Result<(), SyncError> {
        for slot in 0..self.book.slots() {
            if !self.book.is_state(slot) || self.book.was_there_at(slot, since) {
                continue;
            }
            let contact = match block_on(self.book.state(slot, &mut self.room)) {
                Ok(Some(contact)) if contact.changed().time > since => contact,
                Ok(_) => continue,
                Err(error) => return Err(read(&error)),
            };
            let known: Vec<BoxIndex> = batch.boxes.iter().map(|row| row.0).collect();
            let wanted = contact.seen().map(|row| row.0);
            let wanted: Vec<BoxIndex> = wanted.filter(|index| !known.contains(index)).collect();
            batch.records.push(contact.bytes().to_vec());
            batch.lacking.extend(contact.blobs().filter(|&blob| !self.book.can_read_blob(blob)));
            batch.boxes.extend(self.book.boxes().filter(|row| wanted.contains(&row.0)));
            if batch.records.len() >= BATCH_RECORDS || batch.bytes() >= BATCH_BYTES {
                self.hand_over(&mut batch, given)?;
            }
        }
        self.hand_over(&mut batch, given)?;
        if given.refused > 0 {
            // It is to be offered again.
            return Ok(());
        }
        let met = self.met();
        Ok(self.handle.have(move |host| host.note_met(&met))?)
    }

    /// Gives the box the photos and documents that it cannot read any more, as far as its copy
    /// has them; returns how many.
    fn mend_blobs(&mut self) -> Result<u32, SyncError> {
        let (mut mended, mut is_whole) = (0, true);
        for slot in 0..self.book.slots() {
            let blobs: Vec<BlobRef> = match block_on(self.book.state(slot, &mut self.room)) {
                Ok(Some(contact)) => contact.blobs().collect(),
                Ok(None) => continue,
                Err(_) => {
                    is_whole = false;
                    continue;
                }
            };
            for blob in blobs {
                let mut wanted = self.handle.have(move |host| host.blob_wanted(blob))?;
                let was_whole = wanted.is_none();
                while let Some(missing) = wanted {
                    let Ok(piece) = self.piece(missing) else { break };
                    wanted = self.handle.have(move |host| host.take_piece(missing, &piece))?;
                }
                is_whole &= wanted.is_none();
                mended += u32::from(!was_whole && wanted.is_none());
            }
        }
        self.handle.have(move |host| {
            host.doubt_pieces(!is_whole);
            Ok(())
        })?;
        Ok(mended)
    }

    /// Up to when everything of other boxes is here.
    fn met(&self) -> Vec<(u64, u64, u32)> {
        let boxes = self.book.boxes().map(|(_, id)| (id, self.book.met(id), self.book.link(id)));
        boxes.filter(|met| met.1 > 0).collect()
    }

    /// Has a batch taken in, blobs first; the batch is empty then.
    fn hand_over(
        &mut self,
        batch: &mut MergeBatch,
        given: &mut MergeResult,
    ) -> Result<(), SyncError> {
        if batch.authors.is_empty() {
            let authors = self.book.authors();
            batch.authors = authors.map(|(index, name)| (index, name.to_owned())).collect();
        }
        while !batch.records.is_empty() {
            let sent = std::mem::take(batch);
            let (sent, taken) = self.handle.have(move |host| {
                let taken = host.take(&sent)?;
                Ok((sent, taken))
            })?;
            *batch = sent;
            batch.records.drain(..taken.done);
            let TakeResult { added, updated, refused, aside, missing, .. } = taken;
            given.added += added;
            given.updated += updated;
            given.refused += (refused.len() + aside.len()) as u32;
            for (uid, fault) in refused {
                note(&mut given.remarks, refusal(uid, &fault));
            }
            for (uid, why) in aside {
                given.merged.aside += 1;
                note(&mut given.remarks, kept_aside(uid, &why));
            }
            let mut missing = missing;
            while let Some(wanted) = missing {
                let piece = self.piece(wanted)?;
                missing = self.handle.have(move |host| host.take_piece(wanted, &piece))?;
            }
        }
        batch.boxes.clear();
        batch.lacking.clear();
        Ok(())
    }

    fn piece(&mut self, wanted: Missing) -> Result<Vec<u8>, SyncError> {
        let Missing { blob, offset, len } = wanted;
        let mut piece = vec![0; len as usize];
        let count = block_on(self.book.read_blob(blob, offset, &mut piece))
            .map_err(|error| read(&error))?;
        if count < piece.len() {
            return Err(SyncError::BlobCutShort);
        }
        Ok(piece)
    }
}

fn note(remarks: &mut Vec<String>, remark: String) {
    if remarks.len() < REMARKS_MAX {
        remarks.push(remark);
    }
}

fn kept_aside(uid: Uid, why: &Aside) -> String {
    format!("{uid} was not taken in: {why}")
}

fn refusal(uid: Uid, fault: &BoxError) -> String {
    format!("{uid} was not taken in: {fault}")
}

fn read<E: std::fmt::Debug + std::fmt::Display>(error: &GetError<E>) -> SyncError
where
    GetError<E>: std::fmt::Display,
{
    SyncError::ReplicaNotRead(error.to_string())
}

/// Bytes of all snapshots on a card, as far as their headers speak for them: a file may have the
/// name of one, or be longer than what was written into it, by as much as a file system allows.
async fn snapshot_bytes<C: Card>(card: &mut C) -> Result<u64, SyncError> {
    let mut bytes = 0;
    let visit = |listing: &Listing| {
        if let SnapshotState::Snapshot { header, .. } | SnapshotState::Unfinished(header) =
            listing.state
        {
            bytes += u64::from(listing.bytes.min(header.reach()));
        }
    };
    list(card, visit).await?;
    Ok(bytes)
}

/// Returns in words what was not taken in from a card, and what helps.
fn words(remark: &Remark) -> String {
    match remark {
        Remark::Newer { file, version } => format!(
            "{file} has format {version}, which a newer contactbox wrote; install that to read it"
        ),
        Remark::NoHeader { file } => {
            format!("{file} is half written or damaged, and so is the other file of its box")
        }
        Remark::Damaged { file, entries } => format!(
            "{file} has damage in {entries} of its entries; its box writes a whole one when it next has the card"
        ),
        Remark::TooLarge(uid) => format!("{uid} is larger than this box takes"),
        Remark::NoBlob(uid) => format!(
            "a photo or document of {uid} is not whole on the card: a contact that is new here comes without it, what it changes of another waits, until a card, box or backup has it"
        ),
        Remark::Foreign(uid) => format!("{uid} says what cannot be, and was left out"),
        Remark::Removals { file, count, removed, contacts } => {
            let before = match removed {
                0 => String::new(),
                _ => format!(", beside {removed} that others removed since yesterday"),
            };
            format!(
                "{file} would remove {count} of the {contacts} contacts here{before}; none of these was removed: \
                 `contactbox card sync CARD --accept-removals` takes them"
            )
        }
        Remark::Stranger { file } => format!(
            "{file} is of a box that this one has no place for, as it knows so many; to meet it, move the contacts to a new box"
        ),
        Remark::ByStrangers(uid) => format!(
            "{uid} was written by boxes that this one has no place for, as it knows so many; to take it in, move the contacts to a new box"
        ),
        Remark::Aside(uid, why) => kept_aside(*uid, why),
    }
}
