//! Boxes that meet: whom this box knows, and taking in what another one holds.

use super::blobs::Helps;
use super::boxes::derived;
use super::brake::{loses, removes};
use super::lookup::{self, Lookup};
use super::{
    Aside, Book, GetError, Intake, Memory, Outcome, Peer, PutError, Quota, Written, blobs, parse,
    read,
};
use crate::contact::{self, AuthorIndex, BoxIndex, Change, Contact, Millis, Origin, Scratch, Uid};
use crate::limits::{BLOB_BYTES_MAX, CLOCK_MILLIS_MAX, FOREIGN_MILLIS_MAX};
use crate::store::entries::{BOX, BoxEntry, SMALL_ENTRY_BYTES_MAX};
use crate::store::index;
use crate::store::journal::Need;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The requirement on the blobs a state refers to: they must be here for it to be written, or may
/// be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blobs {
    /// All of it.
    Whole,
    /// Some of it cannot be had, or was here and cannot be read any more.
    Lacking,
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// The boxes this box knows, and the index each has in its records. The box itself is not among
    /// them: it has index 0.
    pub fn boxes(&self) -> impl Iterator<Item = (BoxIndex, u64)> + '_ {
        self.ledger.boxes.iter().map(|entry| (BoxIndex(entry.index), entry.id))
    }

    /// The identity of the box that an index stands for.
    pub fn box_id(&self, index: BoxIndex) -> u64 {
        self.ledger.boxes.id(self.config.id, index)
    }

    /// The authors this box knows.
    pub fn authors(&self) -> impl Iterator<Item = (AuthorIndex, &str)> + '_ {
        self.ledger.authors.iter()
    }

    /// Begins to take in what the box `id` holds; its own index 0 is introduced by this. A box that
    /// holds nothing yet takes in as many boxes and authors as it can know, whatever the quota.
    ///
    /// [`PutError::TooManyBoxes`]: there is no place for it, and nothing of it can be taken in.
    pub async fn meet(&mut self, id: u64, quota: Quota) -> Result<Peer<M>, PutError<F::Error>> {
        self.ledger.release_all();
        let is_empty = self.ledger.time_max == 0;
        let mut peer = Peer::new(if is_empty { Quota::NONE } else { quota });
        let own = self.box_index(id).await?;
        peer.note_box(BoxIndex::SELF, Some(own));
        Ok(peer)
    }

    /// The peer's index `index` stands for the box `id`. A new one that the peer's quota, or the
    /// table of this box, has no place for is passed by: what names it is not taken, all else is.
    pub async fn introduce_box(
        &mut self,
        peer: &mut Peer<M>,
        index: BoxIndex,
        id: u64,
    ) -> Result<(), PutError<F::Error>> {
        let is_known = id == self.config.id || self.ledger.boxes.find(id).is_some();
        if index == BoxIndex::SELF {
            // The peer has been introduced already.
            return Ok(());
        }
        let own = match is_known || peer.may_bring_box() {
            true => match self.box_index(id).await {
                Err(PutError::TooManyBoxes { .. }) => None,
                own => Some(own?),
            },
            false => None,
        };
        peer.note_box(index, own);
        Ok(())
    }

    /// The peer's index `index` stands for the author `name`. What somebody wrote whom the peer's
    /// quota, or the table of this box, has no place for will be nobody's in particular.
    pub async fn introduce_author(
        &mut self,
        peer: &mut Peer<M>,
        index: AuthorIndex,
        name: &str,
    ) -> Result<(), PutError<F::Error>> {
        let own = match self.known_author(name) {
            Ok(own) => own,
            Err(name) => {
                let free = self.ledger.authors.free(false).filter(|_| peer.may_bring_author());
                self.write_author(free, name).await?
            }
        };
        peer.note_author(index, own);
        Ok(())
    }

    /// Merges a record of a peer's into this box: nothing of either is lost, and what both have
    /// seen removed stays removed. `Unchanged`, and nothing written, when this box has seen all of
    /// it. What is kept aside leaves no trace; whoever takes in must not count it as met.
    ///
    /// Its boxes must have been introduced, its blobs be here; [`PutError::NoSuchBlob`] says that
    /// one is missing, or was not what its hash says and has been given up: [`Book::blob_missing`]
    /// tells which. Every blob that is new to the contact is read and compared with its hash.
    /// [`PutError::Removal`]: it would remove the contact, which waits until it is admitted; see
    /// [`Book::admit_removals`]. What it removes for good is kept for a while, see
    /// [`super::KEEP_MILLIS`]; if there is no room for that, nothing is changed.
    pub async fn take(
        &mut self,
        peer: &mut Peer<M>,
        record: &[u8],
        now: Millis,
    ) -> Result<Intake, PutError<F::Error>> {
        let mut helps = Helps::default();
        loop {
            match self.take_once(peer, record, now).await {
                Err(error) if self.helps_against(&error, &mut helps).await? => {}
                result => return result,
            }
        }
    }

    async fn take_once(
        &mut self,
        peer: &mut Peer<M>,
        record: &[u8],
        now: Millis,
    ) -> Result<Intake, PutError<F::Error>> {
        self.tell_time(now);
        self.renew_if_due().await?;
        let theirs = Contact::parse(record).map_err(GetError::Record)?;
        let uid = theirs.uid();
        let latest = contact::latest_time(&theirs);
        if latest > FOREIGN_MILLIS_MAX {
            return Ok(Intake::Aside(uid, Aside::BeyondTime { time: latest }));
        }
        if !peer.knows(&theirs) {
            return Err(match peer.passed_by() {
                0 => PutError::Foreign(uid),
                _ => PutError::TooManyBoxes { boxes_max: M::BOXES },
            });
        }
        if !contact::is_coherent(&theirs) {
            return Err(PutError::Foreign(uid));
        }
        // Times that others wrote do not move the clock of this box: see `clock`.
        let own = theirs.seen().filter(|row| self.ledger.boxes.is_own(peer.origin(row.0)));
        let own = own.map(|row| row.1).filter(|&time| time <= CLOCK_MILLIS_MAX).max();
        let time = self.tick(now).max(own.map_or(0, |own| own + 1));
        let author = peer.author(theirs.changed().author);
        let change = Change { author, ..Change::new(time, author, Origin::Merge) };
        let Self { journal, ledger, old, .. } = self;
        let slot = match lookup::find(journal, ledger, uid, true, old.cells_mut()).await? {
            Lookup::Here(here) => Some(here.number),
            Lookup::Unreadable(number, _) => Some(number),
            Lookup::Nowhere => None,
        };
        if slot.is_none() {
            self.reserve_slot(uid)?;
        }
        self.check_blobs(slot, &theirs, peer.may_lack()).await?;

        // Nobody else can know more than this box about what it wrote under its present name.
        let writer = self.ledger.boxes.writer();
        let mut known = 0;
        let told = theirs.seen().filter(|row| peer.origin(row.0) == writer);
        let told = told.map(|row| row.1).max();
        let (mut was, mut tells_more, mut keeps, mut is_removal) = (None, true, false, false);
        let mut lack = if peer.may_lack() { Blobs::Lacking } else { Blobs::Whole };
        let (boxes, authors) = (|origin| peer.origin(origin), |author| peer.author(author));
        let len = match slot {
            None => contact::adopt(&theirs, boxes, authors, change, self.new.cells_mut())?.len(),
            Some(number) => {
                let len = contact::rebase(&theirs, boxes, authors, self.extra.cells_mut())?.len();
                let Self { journal, ledger, old, new, extra, items, config, root, .. } = self;
                let theirs = Contact::parse(extra.cells().get(..len).unwrap_or(&[]))
                    .map_err(GetError::Record)?;
                let out = new.cells_mut();
                match read(journal, ledger, number, old.cells_mut()).await {
                    Ok(ours) if ours.uid() != uid => {
                        return Err(PutError::Get(GetError::Damaged { slot: number }));
                    }
                    Ok(ours) => {
                        let version = ours.changed().time;
                        known = ours.seen_of(writer);
                        // Blobs that are missing here already are no reason to refuse what else the
                        // peer knows.
                        if !blobs::are_here(ledger, &ours, blobs::chunk_bytes(journal)) {
                            lack = Blobs::Lacking;
                        }
                        let is_news = |(origin, time): (BoxIndex, Millis)| {
                            ledger.boxes.is_own(origin) && time > ours.seen_of(origin)
                        };
                        tells_more = theirs.seen().any(is_news);
                        let mut scratch = Scratch::new(items.cells_mut());
                        let merged = contact::merge(&ours, &theirs, change, &mut scratch, out)?;
                        let Some(merged) = merged else {
                            let outcome = Outcome::Unchanged;
                            return Ok(Intake::Taken(Written { uid, version, outcome }));
                        };
                        let after = Contact::parse(merged).map_err(GetError::Record)?;
                        let known = ledger.index.slot(number);
                        is_removal = removes(&ours, &after) && !known.has(index::BROUGHT);
                        let was_held = known.has(index::HELD);
                        if is_removal && !peer.may_remove(was_held) {
                            if peer.hold(was_held) {
                                ledger.hold(number);
                            }
                            return Err(PutError::Removal(uid));
                        }
                        if was_held && !is_removal {
                            // It has said since that the contact stays.
                            peer.release();
                            ledger.index.change(number, |slot| slot.flags &= !index::HELD);
                        }
                        keeps = loses(&ours, &after);
                        let id = |index| ledger.boxes.id(config.id, index);
                        was = root.map(|_| contact::state_digest(&ours, id));
                        merged.len()
                    }
                    // A contact that cannot be read any more is a reason for meeting another box.
                    // Nobody knows whether theirs is as new as the one that was lost.
                    Err(error) if error.is_damage() => {
                        (*root, tells_more) = (None, false);
                        contact::adopt(&theirs, |origin| origin, |author| author, change, out)?
                            .len()
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let before = slot.map(|number| self.ledger.index.slot(number));
        let was_there = before.is_some_and(|slot| !slot.has(index::TOMBSTONE));
        let kept = slot.filter(|_| keeps);
        let at = self.commit(slot, len, was, tells_more, kept, lack).await?;
        if is_removal {
            peer.note_removal();
        }
        let marks = before.map_or(0, |slot| slot.flags & (index::BROUGHT | index::HELD));
        self.ledger.note_met(uid, at, if was_there { marks } else { marks | index::BROUGHT });
        self.ledger.has_forgotten |= told > Some(known);
        self.sweep.wish();
        let outcome = if was_there { Outcome::Updated } else { Outcome::Added };
        Ok(Intake::Taken(Written { uid, version: time, outcome }))
    }

    /// Compares every blob that a foreign state refers to, and our own does not, with its hash; our
    /// own as well while there is doubt of what is here. What is not here may be lacking if there
    /// is no state of our own that would be the poorer for it.
    async fn check_blobs(
        &mut self,
        number: Option<u32>,
        theirs: &Contact<'_>,
        may_lack: bool,
    ) -> Result<(), PutError<F::Error>> {
        if !theirs.has_blobs() {
            return Ok(());
        }
        if theirs.blobs().any(|blob| blob.len > BLOB_BYTES_MAX) {
            return Err(PutError::Foreign(theirs.uid()));
        }
        for blob in theirs.blobs() {
            let Self { journal, ledger, old, .. } = self;
            let (mut is_ours, mut is_there) = (false, false);
            if let Some(number) = number {
                match read(journal, ledger, number, old.cells_mut()).await {
                    Ok(ours) => {
                        is_ours = ours.blobs().any(|known| known == blob);
                        is_there = !ours.is_tombstone();
                    }
                    Err(error) if error.is_damage() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if !self.has_blob(blob) {
                if !may_lack || (is_there && !is_ours) {
                    return Err(PutError::NoSuchBlob);
                }
                if !self.can_read_blob(blob) {
                    self.ledger.doubts_pieces = true;
                    continue;
                }
                self.make_sure(blob).await?;
            }
            let Self { journal, ledger, extra, .. } = self;
            if is_ours && !ledger.doubts_pieces {
                continue;
            }
            match blobs::check(journal, ledger, blob, extra.cells_mut()).await {
                Ok(()) => {}
                Err(error) if error.is_damage() => {
                    self.give_up_blob(blob);
                    return Err(PutError::NoSuchBlob);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Up to which of another box's own times all that it held is here; 0 when that is not known,
    /// or when this box has lost something since.
    pub fn met(&self, id: u64) -> Millis {
        if self.wants_back() {
            return 0;
        }
        self.ledger.boxes.find(id).filter(|entry| !entry.is_self).map_or(0, |entry| entry.met)
    }

    /// Up to where the snapshot of another box was taken in: the checksum of the last mark that was
    /// read there; 0 of none, or when this box has lost something since.
    pub fn link(&self, id: u64) -> u32 {
        if self.wants_back() {
            return 0;
        }
        self.ledger.boxes.find(id).filter(|entry| !entry.is_self).map_or(0, |entry| entry.link)
    }

    /// All that the box `id` held at `time`, by its own clock, is here; as its snapshot says up to
    /// the mark with the checksum `link`, if it was a snapshot that was read.
    pub async fn note_met(
        &mut self,
        id: u64,
        time: Millis,
        link: Option<u32>,
    ) -> Result<(), PutError<F::Error>> {
        let index = self.box_index(id).await?;
        match self.ledger.boxes.find(id) {
            Some(entry) if !entry.is_self && time <= FOREIGN_MILLIS_MAX => {
                let (met, link) = (entry.met.max(time), link.unwrap_or(entry.link));
                if (met, link) == (entry.met, entry.link) {
                    return Ok(());
                }
                self.write_box(BoxEntry { index: index.0, met, link, ..entry }).await
            }
            _ => Ok(()),
        }
    }

    /// Returns whether, since the last call, something was taken in that this box itself has
    /// written and does not know: its flash is an older copy, or a copy of it is in use elsewhere.
    pub fn take_forgotten(&mut self) -> bool {
        core::mem::take(&mut self.ledger.has_forgotten)
    }

    /// The flash is an earlier state of this box, which had written up to `reached` of
    /// its own times. What it writes from here on is later, and under a name of its
    /// own: see [`Book::renew`].
    pub async fn put_back(&mut self, reached: Millis) -> Result<(), PutError<F::Error>> {
        self.catch_up(reached);
        // As long as it has not got one, each change tries to take it.
        self.ledger.lost_order = Some(u32::MAX);
        self.take_name().await
    }

    /// When a name of the box's own was taken, by its clock; `None` for its first name, and for
    /// what is no name of its own.
    pub fn name_since(&self, id: u64) -> Option<Millis> {
        self.ledger.boxes.find(id).filter(|entry| entry.is_self).map(|entry| entry.met)
    }

    /// When the name was taken under which it writes; `None` for its first.
    pub fn writes_since(&self) -> Option<Millis> {
        self.ledger.boxes.writer_since().map(|(time, _)| time)
    }

    /// The box has written up to this time of its own, as its own files tell, and its
    /// flash is an older copy: what it writes next must be later, or it would pass for
    /// known where that was met.
    pub(crate) fn catch_up(&mut self, time: Millis) {
        if time <= CLOCK_MILLIS_MAX {
            self.ledger.time_max = self.ledger.time_max.max(time);
        }
    }

    /// Writes under a name of its own from the next change on.
    ///
    /// A box that has lost something of what it wrote must not go on under the name it wrote that
    /// with: what it writes next would pass, where the lost still exists, for being made in the
    /// knowledge of it, and would remove it there. The book sees to this by itself when it finds
    /// damage; whoever knows that the flash is an old copy has to ask for it.
    pub async fn renew(&mut self) -> Result<(), PutError<F::Error>> {
        self.ledger.has_forgotten = false;
        match self.ledger.boxes.is_writer_new() {
            true => Ok(()),
            false => self.take_name().await,
        }
    }

    async fn take_name(&mut self) -> Result<(), PutError<F::Error>> {
        let order = self.journal.order_open();
        let Some(index) = self.ledger.boxes.free(true) else { return Ok(()) };
        let id = derived(self.config.id, b"again", self.ledger.time_max ^ u64::from(order) << 40);
        let met = self.ledger.time_max;
        let entry = BoxEntry { met, link: order, is_self: true, ..BoxEntry::new(index, id) };
        self.write_box(entry).await?;
        self.ledger.lost_order = None;
        Ok(())
    }

    /// Takes a new name if something was lost since the present one was taken.
    pub(super) async fn renew_if_due(&mut self) -> Result<(), PutError<F::Error>> {
        let Some(lost) = self.ledger.lost_order else { return Ok(()) };
        if self.ledger.boxes.writer_since().is_some_and(|(_, order)| order > lost) {
            return Ok(());
        }
        // Also when nothing is known that was written under the present name: that
        // may be what was lost.
        self.take_name().await
    }

    /// The index of a box, written down when it is new.
    async fn box_index(&mut self, id: u64) -> Result<BoxIndex, PutError<F::Error>> {
        if id == self.config.id {
            return Ok(BoxIndex::SELF);
        }
        if let Some(entry) = self.ledger.boxes.find(id) {
            return Ok(BoxIndex(entry.index));
        }
        let boxes_max = M::BOXES;
        let index = self.ledger.boxes.free(false).ok_or(PutError::TooManyBoxes { boxes_max })?;
        self.write_box(BoxEntry::new(index, id)).await?;
        Ok(BoxIndex(index))
    }

    async fn write_box(&mut self, entry: BoxEntry) -> Result<(), PutError<F::Error>> {
        let entry = BoxEntry { version: entry.version.saturating_add(1), ..entry };
        let mut memory = [0; SMALL_ENTRY_BYTES_MAX];
        let payload = entry.encode(&mut memory);
        let hint = BoxEntry::hint(BoxIndex(entry.index));
        // It is needed to delete as much as to add.
        let need = Need::Deletion;
        let at = self.journal.append_needing(&mut self.ledger, need, BOX, hint, &[payload]).await?;
        self.journal.note_referent();
        if let Some((at, len)) = self.ledger.boxes.replace(&entry, at, payload.len() as u32) {
            self.journal.retire(at, len);
        }
        Ok(())
    }

    /// Returns whether a slot holds a state: a contact, in the trash or not, or a tombstone.
    pub fn is_state(&self, slot: u32) -> bool {
        !self.ledger.index.slot(slot).has(index::VACANT | index::CHUNK)
    }

    /// Returns whether the state in a slot is known, without reading it, to have been there at
    /// `time` of this box's clock. An index that keeps no times does not know it of any state.
    pub fn was_there_at(&self, slot: u32, time: Millis) -> bool {
        self.ledger.index.slot(slot).version.is_some_and(|version| version <= time)
    }

    /// The state in a slot, tombstones included; `None` when it holds none. Slots are numbered
    /// below [`Book::slots`].
    pub async fn state<'b>(
        &mut self,
        slot: u32,
        buf: &'b mut [u8],
    ) -> Result<Option<Contact<'b>>, GetError<F::Error>> {
        if !self.is_state(slot) {
            return Ok(None);
        }
        read(&mut self.journal, &self.ledger, slot, buf).await.map(Some)
    }

    /// The state of a contact, tombstones included.
    pub async fn state_of<'b>(
        &mut self,
        uid: Uid,
        buf: &'b mut [u8],
    ) -> Result<Option<Contact<'b>>, GetError<F::Error>> {
        let seat = lookup::find(&mut self.journal, &self.ledger, uid, true, buf).await?;
        let Some(here) = seat.readable()? else { return Ok(None) };
        parse(buf, here.record).map(Some)
    }
}
