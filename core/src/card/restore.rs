//! Takes in what other boxes left on a card. A restore of an empty box is the same.

use super::blobs::BlobFinder;
use super::layout::{
    AUTHOR, BLOB, BLOB_LIST, BOX, HeaderFault, LETTERS, MARK, RECORD, SnapshotHeader, SnapshotMark,
    box_row, row_index, snapshot_letter, with_letter,
};
use super::medium::{Card, FileName};
use super::merged::{MergeError, Merged, OwnWhole, Remark, SnapshotOwners};
use super::own::{is_blank, last_mark, newest_mark};
use super::reader::{Entries, Payload, Sectors, SnapshotEntry};
use crate::contact::{AuthorIndex, BlobRef, Contact, Millis};
use crate::limits::FOREIGN_MILLIS_MAX;
use crate::store::{Book, Consent, Counts, Intake, Memory, Outcome, Peer, PutError, Quota};
use embedded_storage_async::nor_flash::NorFlash;

/// Takes in the newest snapshot of every other box on the card, and what was appended to it.
///
/// If a snapshot is damaged, what is left of it is taken in, and then the older one.
///
/// Nothing that is missing or damaged on the card removes anything here. Removals beyond what
/// [`crate::store::BRAKE`] lets pass stay on the card until there is `consent`; everything else is
/// taken in. Entries that were taken in before are not read again. `room` must hold the largest
/// contact with an entry's head, and a piece of a blob ([`Book::blob_piece_bytes`]).
pub async fn merge_all<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    whose: SnapshotOwners,
    consent: Consent,
    now: Millis,
    room: &mut [u8],
    visit: impl FnMut(&Remark),
) -> Result<Merged, MergeError<F::Error, C::Error>> {
    if room.len() < book.blob_piece_bytes() {
        return Err(MergeError::RoomTooSmall { bytes: book.blob_piece_bytes() });
    }
    let mut taker =
        Taker { book, consent, now, room, visit, merged: Merged::default(), quota: Quota::NEW };
    taker.book.begin_meeting();
    let mut last = None;
    while let Some(name) = card.next_file(last.as_ref()).await? {
        last = Some(name);
        let Some(letter) = snapshot_letter(&name) else { continue };
        let twins = LETTERS.map(|letter| with_letter(&name, letter));
        // Both files of a box are handled when the first of them that exists is met.
        if letter == LETTERS[0] || card.len(&twins[0]).await?.is_none() {
            taker.pair(card, twins, whose).await?;
        }
    }
    let mut merged = taker.merged;
    merged.has_forgotten = book.take_forgotten();
    if merged.has_forgotten {
        book.renew().await?;
    }
    Ok(merged)
}

struct Taker<'t, F: NorFlash, M: Memory, V> {
    book: &'t mut Book<F, M>,
    consent: Consent,
    now: Millis,
    room: &'t mut [u8],
    visit: V,
    merged: Merged,
    /// The new boxes and authors that the card may still bring.
    quota: Quota,
}

/// A file that is being read, and its twin, which may have blobs that are damaged in the first.
struct SnapshotSource<M: Memory> {
    finders: [Option<BlobFinder>; 2],
    /// The number of its entries that were taken in before.
    known: u32,
    /// The latest time of its contacts, or the time up to which its contents are here already.
    newest: Millis,
    peer: Peer<M>,
    /// The number of damaged entries.
    damaged: u32,
    /// The earliest time, by the other box's clock, of a contact that was left for another reason.
    left: Option<Millis>,
    /// The earliest time, by the other box's clock, of a contact whose removal is held back.
    held_since: Millis,
    /// The time when the latest of this box's own names that the file mentions was taken.
    named: Millis,
    /// True while the file is read a second time, for the removals that were held the first time.
    is_again: bool,
}

impl<F: NorFlash, M: Memory, V: FnMut(&Remark)> Taker<'_, F, M, V> {
    fn remark(&mut self, remark: Remark) {
        self.merged.remarks += 1;
        (self.visit)(&remark);
    }

    /// Reads the two files of a box, the newest first.
    async fn pair<C: Card>(
        &mut self,
        card: &mut C,
        names: [FileName; 2],
        whose: SnapshotOwners,
    ) -> Result<(), MergeError<F::Error, C::Error>> {
        let mut files: [Option<(FileName, SnapshotHeader)>; 2] = [None, None];
        let mut newer = 0;
        for (name, file) in names.into_iter().zip(&mut files) {
            match Sectors::new(card, name).header().await? {
                Ok(header) => *file = Some((name, header)),
                Err(HeaderFault::Newer { version, .. }) => {
                    newer += 1;
                    self.remark(Remark::Newer { file: name, version });
                }
                Err(HeaderFault::None) => {}
            }
        }
        if let [Some((_, a)), Some((_, b))] = &files
            && a.box_id == b.box_id
            && b.is_newer_than(a)
        {
            files.swap(0, 1);
        }
        let mut done: Option<u64> = None;
        let mut is_read = false;
        for (place, file) in files.iter().enumerate() {
            let Some((name, header)) = file else { continue };
            // If two boxes share the name, each has a file of its own.
            if done == Some(header.box_id) {
                continue;
            }
            done = Some(header.box_id);
            if let Some(known) = self.is_wanted(card, name, header, whose).await? {
                is_read = true;
                let twin = files.get(1 - place.min(1)).copied().flatten();
                if !self.file(card, *name, header, twin, known).await? {
                    done = None;
                }
            }
        }
        match (is_read, done) {
            (true, _) => self.merged.boxes += 1,
            (false, Some(_)) => self.merged.known += 1,
            (false, None) if newer > 0 => {}
            (false, None) => {
                for name in names {
                    // A file of zeros is the beginning of a first snapshot.
                    if !is_blank(card, &name).await? {
                        self.remark(Remark::NoHeader { file: name });
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns how many entries of a file were taken in before; `None` if it has nothing for this
    /// box.
    ///
    /// The time of the file does not decide this. The writer of a card can claim to be another box,
    /// and can claim a time later than that box has reached. What was taken in is recognised by its
    /// checksum.
    async fn is_wanted<C: Card>(
        &mut self,
        card: &mut C,
        name: &FileName,
        header: &SnapshotHeader,
        whose: SnapshotOwners,
    ) -> Result<Option<u32>, MergeError<F::Error, C::Error>> {
        let id = header.box_id;
        let link = self.book.link(id);
        let last = newest_mark(card, name, header, link).await?;
        let time = last.map_or(header.time, |last| last.mark.time);
        let is_behind = time > self.book.time_max() && time <= FOREIGN_MILLIS_MAX;
        if id == self.book.id() {
            let Counts { active, trashed, tombstones, .. } = self.book.counts();
            let is_empty = active + trashed + tombstones == 0;
            if is_behind {
                // The flash is an older copy. The next change must not look as if it was made in
                // knowledge of what was written since.
                self.book.renew().await?;
            }
            if is_behind && !is_empty {
                self.book.catch_up(time);
                // The changes of this copy itself have earlier times than the snapshot, and are not
                // in it.
                self.merged.is_own_damaged = true;
            }
            let is_wanted =
                whose != SnapshotOwners::Others || is_empty || is_behind || self.book.wants_back();
            return Ok(is_wanted.then_some(0));
        }
        if whose == SnapshotOwners::Own {
            return Ok(None);
        }
        if whose == SnapshotOwners::All {
            return Ok(Some(0));
        }
        let is_same = !self.book.wants_back()
            && last
                .and_then(|last| last.mark.root)
                .is_some_and(|root| self.book.root_known() == Some(root));
        if is_same {
            match self.book.note_met(id, time, last.map(|last| last.link)).await {
                // The table of boxes is full. The file will be compared again the next time.
                Err(PutError::TooManyBoxes { .. }) => {}
                noted => noted?,
            }
            return Ok(None);
        }
        // A box that holds nothing yet has time 0, and nothing to give.
        let is_known = time == 0 || last.is_some_and(|last| link != 0 && last.link == link);
        Ok((!is_known).then_some(last.map_or(0, |last| last.known)))
    }

    /// Takes in a file, from the entry after the `known` ones.
    ///
    /// Returns true when all of it was there, so that the older file has nothing to add.
    async fn file<C: Card>(
        &mut self,
        card: &mut C,
        name: FileName,
        header: &SnapshotHeader,
        twin: Option<(FileName, SnapshotHeader)>,
        known: u32,
    ) -> Result<bool, MergeError<F::Error, C::Error>> {
        let id = header.box_id;
        // Boxes and authors in the box's own file are known to it and need no quota.
        let quota = if id == self.book.id() { Quota::NONE } else { self.quota };
        let mut peer = match self.book.meet(id, quota).await {
            Err(PutError::TooManyBoxes { .. }) => {
                self.remark(Remark::Stranger { file: name });
                return Ok(true);
            }
            peer => peer?,
        };
        if self.consent == Consent::Given {
            self.book.admit_removals(&mut peer, 0, Consent::Given, self.now).await?;
        }
        let finder = |(name, header)| BlobFinder::new(name, header);
        let mut source = SnapshotSource {
            finders: [Some(finder((name, *header))), twin.map(finder)],
            known,
            newest: self.book.met(id),
            peer,
            damaged: 0,
            left: None,
            held_since: Millis::MAX,
            named: 0,
            is_again: false,
        };
        let mut last = self.entries(card, name, header, &mut source).await?;
        if source.damaged > 0 {
            self.merged.is_own_damaged |= id == self.book.id();
            self.remark(Remark::Damaged { file: name, entries: source.damaged });
        }
        if source.peer.held() > 0 {
            let (count, consent) = (source.peer.held(), self.consent);
            match self.book.admit_removals(&mut source.peer, count, consent, self.now).await {
                Ok(()) => {
                    source.is_again = true;
                    last = self.entries(card, name, header, &mut source).await?;
                }
                Err(PutError::Removals { count, removed, contacts }) => {
                    self.merged.held += count;
                    let since = source.held_since;
                    let remark = Remark::Removals { file: name, count, removed, contacts };
                    self.leave(&mut source, since, remark);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if id != self.book.id() {
            self.quota = source.peer.quota();
        } else if source.damaged == 0 && source.left.is_none() && header.is_complete {
            let named = source.named;
            self.merged.own = last.map(|(time, _)| OwnWhole { time, named });
        }
        if let Some((time, link)) = last
            && source.damaged == 0
            && id != self.book.id()
        {
            // A mark can claim a later time than every contact before it, which proves nothing.
            // With the time of the newest contact, no change that comes until the claimed time is
            // missed.
            let time = time.min(source.newest);
            match source.left {
                None => self.book.note_met(id, time, Some(link)).await?,
                // The first contact that was left, and all that came after it, is read again the
                // next time.
                Some(left) => {
                    self.book.note_met(id, time.min(left.saturating_sub(1)), None).await?;
                }
            }
        }
        Ok(source.damaged == 0 && header.is_complete)
    }

    /// Takes in the entries of a file; returns the time and checksum of its last mark.
    async fn entries<C: Card>(
        &mut self,
        card: &mut C,
        name: FileName,
        header: &SnapshotHeader,
        source: &mut SnapshotSource<M>,
    ) -> Result<Option<(Millis, u32)>, MergeError<F::Error, C::Error>> {
        let damaged = source.damaged;
        let mut entries = Entries::of_body(Sectors::new(card, name), header);
        while let Some(found) = entries.next().await? {
            // The tables before the records are needed for the appended entries, too.
            if source.known > 0 && !matches!(found.kind, BOX | AUTHOR) {
                break;
            }
            self.entry(&mut entries, source, &found).await?;
        }
        source.damaged += entries.missing;
        let mut last = None;
        match last_mark(Sectors::new(card, name), header).await? {
            Some((mark, end)) => {
                last = Some((mark.time, end.link));
                let mut entries = Entries::appended(Sectors::new(card, name), header, end);
                while let Some(found) = entries.next().await? {
                    let damaged = source.damaged;
                    if let Some(mark) = self.entry(&mut entries, source, &found).await? {
                        last = Some((mark.time, entries.position().link));
                    }
                    if source.damaged > damaged {
                        // Behind a damaged entry there may be remains of an earlier attempt, so it
                        // is not counted.
                        source.damaged = damaged;
                        break;
                    }
                }
            }
            None => source.damaged += u32::from(source.damaged == 0),
        }
        if source.is_again {
            // These were reported the first time.
            source.damaged = damaged;
        }
        Ok(last)
    }

    /// Takes in an entry; returns it if it is a mark.
    async fn entry<C: Card>(
        &mut self,
        entries: &mut Entries<'_, C>,
        source: &mut SnapshotSource<M>,
        found: &SnapshotEntry,
    ) -> Result<Option<SnapshotMark>, MergeError<F::Error, C::Error>> {
        match found.kind {
            BLOB | BLOB_LIST => {
                // A blob is read when a contact needs it. Here it is checked only if other entries
                // are linked to it.
                if entries.is_linked() && !entries.is_right(found).await? {
                    source.damaged += 1;
                }
                return Ok(None);
            }
            RECORD if found.number < source.known => {
                // The record is read only because the next entry is linked to it.
                if !entries.is_right(found).await? {
                    source.damaged += 1;
                }
                return Ok(None);
            }
            RECORD => {
                self.record(entries, source, found).await?;
                return Ok(None);
            }
            _ => {}
        }
        let Payload::Whole(payload) = entries.payload(found, self.room).await? else {
            source.damaged += 1;
            return Ok(None);
        };
        match found.kind {
            BOX => match box_row(payload) {
                Some((index, id)) => {
                    source.named = source.named.max(self.book.name_since(id).unwrap_or(0));
                    self.book.introduce_box(&mut source.peer, index, id).await?;
                }
                None => source.damaged += 1,
            },
            AUTHOR => {
                let row = row_index(payload);
                match row.map(|(index, name)| (AuthorIndex(index), core::str::from_utf8(name))) {
                    Some((index, Ok(name))) => {
                        self.book.introduce_author(&mut source.peer, index, name).await?;
                    }
                    _ => source.damaged += 1,
                }
            }
            MARK => {
                let mark = SnapshotMark::parse(payload);
                source.damaged += u32::from(mark.is_none());
                return Ok(mark);
            }
            _ => source.damaged += 1,
        }
        Ok(None)
    }

    /// Takes in a contact.
    async fn record<C: Card>(
        &mut self,
        entries: &mut Entries<'_, C>,
        source: &mut SnapshotSource<M>,
        found: &SnapshotEntry,
    ) -> Result<(), MergeError<F::Error, C::Error>> {
        let mut wanted: Option<BlobRef> = None;
        let mut attempt = 0;
        let mut lacks = false;
        loop {
            source.peer.let_lack(lacks);
            let record = match entries.payload(found, self.room).await? {
                Payload::Whole(record) => record,
                Payload::TooLarge(beginning) => {
                    match Contact::peek(beginning) {
                        Ok((uid, time)) => self.leave(source, time, Remark::TooLarge(uid)),
                        Err(_) => source.damaged += 1,
                    }
                    return Ok(());
                }
                Payload::Damaged => {
                    source.damaged += 1;
                    return Ok(());
                }
            };
            let Ok(contact) = Contact::parse(record) else {
                source.damaged += 1;
                return Ok(());
            };
            let (uid, time) = (contact.uid(), contact.changed().time);
            source.newest = source.newest.max(time);
            match self.book.take(&mut source.peer, record, self.now).await {
                Ok(Intake::Aside(uid, why)) => {
                    self.merged.aside += u32::from(!source.is_again);
                    self.leave(source, time, Remark::Aside(uid, why));
                    return Ok(());
                }
                Ok(Intake::Taken(put)) if source.is_again && put.outcome == Outcome::Unchanged => {
                    return Ok(());
                }
                Ok(Intake::Taken(put)) => {
                    *match put.outcome {
                        Outcome::Added => &mut self.merged.added,
                        Outcome::Updated => &mut self.merged.updated,
                        Outcome::Unchanged => &mut self.merged.unchanged,
                    } += 1;
                    return Ok(());
                }
                Err(PutError::NoSuchBlob) => {
                    let missing = contact.blobs().find(|&blob| !self.book.has_blob(blob));
                    if missing != wanted {
                        (wanted, attempt) = (missing, 0);
                    }
                    let is_here = match missing {
                        Some(blob) => self.blob(entries, source, blob, &mut attempt).await?,
                        None => false,
                    };
                    if !is_here {
                        if lacks {
                            return Ok(());
                        }
                        // The rest of the contact is taken in without the blob, unless that changes
                        // it for the worse.
                        lacks = true;
                        self.leave(source, time, Remark::NoBlob(uid));
                    }
                }
                Err(PutError::Removal(_)) => {
                    source.held_since = source.held_since.min(time);
                    return Ok(());
                }
                Err(PutError::Write(_)) => {
                    self.leave(source, time, Remark::TooLarge(uid));
                    return Ok(());
                }
                Err(PutError::Foreign(_)) => {
                    self.leave(source, time, Remark::Foreign(uid));
                    return Ok(());
                }
                Err(PutError::TooManyBoxes { .. }) => {
                    self.leave(source, time, Remark::ByStrangers(uid));
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reports a contact that is left for now. Its box wrote it at `time`.
    fn leave(&mut self, source: &mut SnapshotSource<M>, time: Millis, remark: Remark) {
        // A second pass has nothing new to report.
        if !source.is_again {
            source.left = Some(source.left.map_or(time, |left| left.min(time)));
            self.remark(remark);
        }
    }

    /// Copies a blob into the box, from the next place where it may be.
    ///
    /// Returns false when no place is left. The contact is then taken, which shows whether it was
    /// the right blob.
    async fn blob<C: Card>(
        &mut self,
        entries: &mut Entries<'_, C>,
        source: &mut SnapshotSource<M>,
        blob: BlobRef,
        attempt: &mut usize,
    ) -> Result<bool, MergeError<F::Error, C::Error>> {
        loop {
            let (place, is_search) = (*attempt / 2, *attempt % 2 == 1);
            *attempt += 1;
            let Some(finder) = source.finders.get_mut(place) else { return Ok(false) };
            let Some(finder) = finder else { continue };
            let card = &mut *entries.file.card;
            let at = match is_search {
                false => finder.find(card, blob).await?,
                true => finder.search(card, blob).await?,
            };
            let Some(at) = at else { continue };
            let mut file = Sectors::new(card, finder.name());
            if self.copy(&mut file, blob, at).await? {
                return Ok(true);
            }
        }
    }

    /// Copies the missing part of a blob whose content begins at `at`.
    ///
    /// Returns false when the file ends before.
    async fn copy<C: Card>(
        &mut self,
        file: &mut Sectors<'_, C>,
        blob: BlobRef,
        at: u32,
    ) -> Result<bool, MergeError<F::Error, C::Error>> {
        while let Some(offset) = self.book.blob_missing(blob) {
            let len = (blob.len - offset).min(self.book.blob_piece_bytes() as u32) as usize;
            let bytes = len;
            let piece = self.room.get_mut(..len).ok_or(MergeError::RoomTooSmall { bytes })?;
            let from = at.saturating_add(offset);
            if !file.fill(from, piece).await? {
                return Ok(false);
            }
            self.book.put_blob_piece(blob, offset, piece).await?;
        }
        Ok(true)
    }
}
