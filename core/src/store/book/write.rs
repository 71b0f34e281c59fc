//! Changing a book: put, import, remove, restore, purge, authors, idle work.
//!
//! Every change is one journal entry. Blobs are stored before the entry that refers to them, so
//! that a cut leaves an orphan, which the sweep collects, and never a dangling reference.

use super::blobs::{self, Helps, is_large};
use super::clock::ChangeFloor;
use super::meet::Blobs;
use super::{Book, GetError, Memory, PutError, kept, lookup, parse};
use crate::contact::{
    self, AuthorIndex, Change, Contact, Contents, Draft, Millis, Origin, Scratch, Uid, Value,
    WriteError, digest,
};
use crate::limits::AUTHOR_NAME_BYTES_MAX;
use crate::search;
use crate::store::entries::{AUTHOR, AuthorEntry, CONTACT, SMALL_ENTRY_BYTES_MAX, SPILL, Spill};
use crate::store::index;
use crate::store::journal::{Address, AppendError, ExtendError, Need, TendError};
use crate::store::slab::Slab;
use core::ops::Range;
use embedded_storage_async::nor_flash::NorFlash;
use serde::{Deserialize, Serialize};

/// Steps of the journal's idle work in one step of the book's.
const TEND_STEPS: u32 = 4;

/// The effect of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// A contact that was not there is.
    Added,
    /// A contact is other than before.
    Updated,
    /// Nothing had to change; nothing was written.
    Unchanged,
}

/// A change that is on flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The contact.
    pub uid: Uid,
    /// The contact's version now.
    pub version: Millis,
    /// The effect.
    pub outcome: Outcome,
}

/// The change of a contact.
#[derive(Clone, Copy)]
enum ChangeKind<'d, 'a> {
    Add(&'d Contents<'a>),
    Edit { card: &'d Contents<'a>, base: Option<Millis> },
    Absorb(&'d Contents<'a>),
    Trash,
    Restore,
    Purge,
}

impl ChangeKind<'_, '_> {
    fn origin(&self) -> Origin {
        match self {
            Self::Add(_) | Self::Edit { .. } => Origin::Edit,
            Self::Absorb(_) => Origin::Import,
            Self::Trash => Origin::Trash,
            Self::Restore => Origin::Restore,
            Self::Purge => Origin::Purge,
        }
    }

    /// Returns whether the change makes a contact that is not there.
    fn creates(&self) -> bool {
        matches!(self, Self::Add(_) | Self::Edit { base: None, .. } | Self::Absorb(_))
    }
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Adds a contact that says exactly what `card` says.
    ///
    /// Its identity is the card's UID; a card without one gets an identity of its own, so that two
    /// people of one name stay two.
    pub async fn add(
        &mut self,
        card: &Contents<'_>,
        by: AuthorIndex,
        now: Millis,
    ) -> Result<Written, PutError<F::Error>> {
        let uid = if card.has_uid() {
            card.uid()
        } else {
            let time = self.tick(now).to_le_bytes();
            Uid(digest(b"new", &[&self.config.id.to_le_bytes(), &time, &card.uid().0]))
        };
        self.change(uid, ChangeKind::Add(card), by, now).await
    }

    /// Makes a contact say exactly what `card` says; a contact in the trash comes out of it.
    ///
    /// With `base`, only if that is the contact's version still; else [`PutError::Conflict`].
    /// Binary values over [`crate::limits::INLINE_BYTES_MAX`] bytes become blobs.
    pub async fn put(
        &mut self,
        uid: Uid,
        card: &Contents<'_>,
        base: Option<Millis>,
        by: AuthorIndex,
        now: Millis,
    ) -> Result<Written, PutError<F::Error>> {
        self.change(uid, ChangeKind::Edit { card, base }, by, now).await
    }

    /// Adds what an imported card says to the contact it stands for. The same card imported again
    /// changes nothing, whatever was edited since.
    pub async fn import(
        &mut self,
        card: &Contents<'_>,
        by: AuthorIndex,
        now: Millis,
    ) -> Result<Written, PutError<F::Error>> {
        self.change(card.uid(), ChangeKind::Absorb(card), by, now).await
    }

    /// Puts a contact in the trash.
    pub async fn remove(
        &mut self,
        uid: Uid,
        by: AuthorIndex,
        now: Millis,
    ) -> Result<Written, PutError<F::Error>> {
        self.change(uid, ChangeKind::Trash, by, now).await
    }

    /// Takes a contact out of the trash.
    pub async fn restore(
        &mut self,
        uid: Uid,
        by: AuthorIndex,
        now: Millis,
    ) -> Result<Written, PutError<F::Error>> {
        self.change(uid, ChangeKind::Restore, by, now).await
    }

    /// Removes a contact for good; what is left keeps older states from bringing it back.
    pub async fn purge(
        &mut self,
        uid: Uid,
        by: AuthorIndex,
        now: Millis,
    ) -> Result<Written, PutError<F::Error>> {
        self.change(uid, ChangeKind::Purge, by, now).await
    }

    /// The index of an author by name, written down when the name is new. The empty name is
    /// nobody in particular, and so is whoever comes when the box knows as many as it can: that
    /// it cannot say who wrote something never keeps anybody from writing it.
    pub async fn author(&mut self, name: &str) -> Result<AuthorIndex, PutError<F::Error>> {
        match self.known_author(name) {
            Ok(author) => Ok(author),
            Err(name) => self.write_author(self.ledger.authors.free(true), name).await,
        }
    }

    /// The index of an author who is known, or the name as it would be written.
    pub(super) fn known_author<'n>(&self, name: &'n str) -> Result<AuthorIndex, &'n str> {
        let name = &name[..name.floor_char_boundary(AUTHOR_NAME_BYTES_MAX)];
        if name.is_empty() {
            return Ok(AuthorIndex::default());
        }
        self.ledger.authors.find(name).ok_or(name)
    }

    /// Writes down who an index stands for; without an index, the author is nobody in particular.
    pub(super) async fn write_author(
        &mut self,
        author: Option<AuthorIndex>,
        name: &str,
    ) -> Result<AuthorIndex, PutError<F::Error>> {
        let Some(author) = author else { return Ok(AuthorIndex::default()) };
        let entry = AuthorEntry { index: author.0, name };
        let mut memory = [0; SMALL_ENTRY_BYTES_MAX];
        let payload = entry.encode(&mut memory);
        let at = self
            .journal
            .append(&mut self.ledger, AUTHOR, AuthorEntry::hint(author), &[payload])
            .await?;
        self.journal.note_referent();
        self.ledger.authors.take(&entry, at);
        Ok(author)
    }

    /// A step of idle work: reclaiming ahead, sweeping. True when there is nothing left to do.
    ///
    /// A cut in the middle loses nothing.
    pub async fn maintain(&mut self) -> Result<bool, TendError<F::Error>> {
        let is_swept = match self.sweep_step().await {
            Ok(is_swept) => is_swept,
            // A contact that cannot be read may refer to anything: nothing is given up.
            Err(_) => {
                self.sweep = blobs::Sweep::Done;
                true
            }
        };
        let is_tended = self.journal.maintain(&mut self.ledger, TEND_STEPS).await?;
        Ok(is_swept && is_tended)
    }

    /// Vouches for the last entry, so that damage to it can be told from a power cut. To be called
    /// when nothing was changed for a while, and before an orderly end.
    pub async fn checkpoint(&mut self) -> Result<(), TendError<F::Error>> {
        self.journal.confirm_tails(&mut self.ledger).await
    }

    /// The flash has grown (`capacity()` says so): takes the new pages in.
    pub async fn extend(&mut self) -> Result<(), ExtendError<F::Error>> {
        self.journal.extend().await
    }

    /// Makes sure that there is a slot for a contact that has none.
    pub(super) fn reserve_slot(&mut self, uid: Uid) -> Result<(), PutError<F::Error>> {
        if !self.ledger.can_share(uid) {
            return Err(PutError::Crowded(uid));
        }
        Ok(self.ledger.reserve(1)?)
    }

    async fn change(
        &mut self,
        uid: Uid,
        deed: ChangeKind<'_, '_>,
        by: AuthorIndex,
        now: Millis,
    ) -> Result<Written, PutError<F::Error>> {
        let mut helps = Helps::default();
        loop {
            match self.change_once(uid, deed, by, now).await {
                Err(error) if self.helps_against(&error, &mut helps).await? => {}
                result => return result,
            }
        }
    }

    /// Returns the times said about the contact whose record stands in the buffer for old ones, if
    /// there is one.
    fn past_of(&self, record: Option<Range<usize>>) -> Result<ChangeFloor, GetError<F::Error>> {
        let old = record.map(|record| parse(self.old.cells(), record)).transpose()?;
        Ok(old.map_or(ChangeFloor::default(), |old| self.past(&old)))
    }

    /// Checks the blobs of a changed contact, which may have come piece by piece: those that the
    /// contact did not refer to before must have their hash. Its old record stands in the buffer
    /// for old ones.
    async fn check_references(
        &mut self,
        card: &Contents<'_>,
        record: Option<Range<usize>>,
    ) -> Result<(), PutError<F::Error>> {
        for content in card.clone() {
            let Value::Blob(blob) = content.value else { continue };
            if let Some(record) = record.clone()
                && parse(self.old.cells(), record)?.blobs().any(|known| known == blob)
            {
                continue;
            }
            let buf = self.new.cells_mut();
            match blobs::check(&mut self.journal, &self.ledger, blob, buf).await {
                Err(error) if error.is_damage() => {
                    self.give_up_blob(blob);
                    return Err(PutError::NoSuchBlob);
                }
                checked => checked?,
            }
            self.make_sure(blob).await?;
        }
        Ok(())
    }

    async fn change_once(
        &mut self,
        uid: Uid,
        deed: ChangeKind<'_, '_>,
        by: AuthorIndex,
        now: Millis,
    ) -> Result<Written, PutError<F::Error>> {
        self.tell_time(now);
        let Self { journal, ledger, old, .. } = self;
        let seat = lookup::find(journal, ledger, uid, true, old.cells_mut()).await?.readable()?;
        let was = seat.as_ref().map(|here| self.ledger.index.slot(here.number));
        let is_there = was.is_some_and(|slot| !slot.has(index::TOMBSTONE));
        if !is_there && !deed.creates() {
            return Err(PutError::NoSuchContact(uid));
        }
        let version = seat.as_ref().map_or(0, |here| here.version);
        match deed {
            ChangeKind::Add(_) if is_there => return Err(PutError::Exists(uid)),
            ChangeKind::Edit { base: Some(base), .. } if base != version => {
                return Err(PutError::Conflict { version });
            }
            _ => {}
        }
        if was.is_none() {
            self.reserve_slot(uid)?;
        }
        self.renew_if_due().await?;
        let record = seat.as_ref().map(|here| here.record.clone());
        let mut past = self.past_of(record.clone())?;
        if self.is_ahead(&past) {
            // An entry written under the present name would pass for known already where that name
            // was told.
            self.renew().await?;
            past = self.past_of(record)?;
        }
        let change = Change {
            writer: self.ledger.boxes.writer(),
            ..Change::new(self.tick_past(now, &past), by, deed.origin())
        };

        if let ChangeKind::Add(card) | ChangeKind::Edit { card, .. } | ChangeKind::Absorb(card) =
            deed
        {
            self.check_references(card, seat.as_ref().map(|here| here.record.clone())).await?;
        }

        // The card with its large values stored and replaced by references.
        let large = match deed {
            ChangeKind::Add(card) | ChangeKind::Edit { card, .. } | ChangeKind::Absorb(card)
                if card.clone().any(|content| is_large(&content.value)) =>
            {
                Some(card)
            }
            _ => None,
        };
        let mut extra_len = 0;
        if let Some(card) = large {
            let mut draft = Draft::new(self.extra.cells_mut());
            for mut content in card.clone() {
                if let Value::Bytes(bytes) = content.value
                    && is_large(&content.value)
                {
                    let blob = blobs::store(&mut self.journal, &mut self.ledger, Need::Data, bytes)
                        .await?;
                    content.value = Value::Blob(blob);
                }
                draft.push(&content)?;
            }
            extra_len = draft.len();
        }
        let slim = Contents::of(&self.extra.cells()[..extra_len]);

        let number = seat.as_ref().map(|here| here.number);
        let old = seat.map(|here| parse(self.old.cells(), here.record)).transpose()?;
        let old = old.as_ref();
        if let ChangeKind::Add(card) | ChangeKind::Edit { card, .. } = deed
            && contact::is_given_another_uid(old, uid, card)
        {
            return Err(WriteError::OtherUid.into());
        }
        let mut scratch = Scratch::new(self.items.cells_mut());
        let out = self.new.cells_mut();
        let written = match (deed, old) {
            (ChangeKind::Add(full) | ChangeKind::Edit { card: full, .. }, _) => contact::edit(
                old,
                uid,
                if large.is_some() { &slim } else { full },
                change,
                &mut scratch,
                out,
            )?,
            (ChangeKind::Absorb(full), _) => contact::import_into(
                old,
                uid,
                if large.is_some() { &slim } else { full },
                change,
                &mut scratch,
                out,
            )?,
            (ChangeKind::Trash, Some(old)) => contact::trash(old, change, &mut scratch, out)?,
            (ChangeKind::Restore, Some(old)) => contact::restore(old, change, &mut scratch, out)?,
            (ChangeKind::Purge, Some(old)) => contact::purge(old, change, out)?,
            (_, None) => return Err(PutError::NoSuchContact(uid)),
        };
        let Some(record) = written else {
            return Ok(Written { uid, version, outcome: Outcome::Unchanged });
        };
        let len = record.len();
        // A photo that was damaged is no reason to refuse what is changed beside it. All
        // that is new was looked at.
        let chunk_bytes = blobs::chunk_bytes(&self.journal);
        let blobs = match old.is_none_or(|old| blobs::are_here(&self.ledger, old, chunk_bytes)) {
            true => Blobs::Whole,
            false => Blobs::Lacking,
        };
        let digest = old.filter(|_| self.root.is_some()).map(|old| {
            contact::state_digest(old, |index| self.ledger.boxes.id(self.config.id, index))
        });
        self.commit(number, len, digest, true, None, blobs).await?;
        if was.is_some_and(|slot| slot.has(index::HAS_BLOBS | index::SPILLED)) {
            self.sweep.wish();
        }
        let outcome = if is_there { Outcome::Updated } else { Outcome::Added };
        Ok(Written { uid, version: change.time, outcome })
    }

    /// Writes the record of `len` bytes that stands in the buffer for new ones, and takes it in:
    /// into the slot that the contact has, or a new one.
    ///
    /// `was` is the digest of the state before, for the root; `heals` says that nothing newer that
    /// was lost of this contact matters any more. `kept` is the slot whose entry, as it is now, is
    /// to be kept: with the record, or before it. `blobs` is whether all it refers to must be here.
    pub(super) async fn commit(
        &mut self,
        seat: Option<u32>,
        len: usize,
        was: Option<[u8; 16]>,
        heals: bool,
        kept: Option<u32>,
        blobs: Blobs,
    ) -> Result<Address, PutError<F::Error>> {
        let inline_bytes_max = self.inline_bytes_max();
        let record = &self.new.cells()[..len];
        let contact = Contact::parse(record).map_err(GetError::Record)?;
        let chunk_bytes = blobs::chunk_bytes(&self.journal);
        if blobs == Blobs::Whole && !blobs::are_here(&self.ledger, &contact, chunk_bytes) {
            return Err(PutError::NoSuchBlob);
        }
        let need = match contact.origin() {
            // A state that is kept takes as much as it did before.
            _ if kept.is_some() => Need::Data,
            Origin::Trash | Origin::Purge => Need::Deletion,
            _ if contact.is_tombstone() => Need::Deletion,
            _ => Need::Data,
        };
        let hint = contact.uid().hint();
        let is_spilled = len > inline_bytes_max;
        let mut memory = [0; SMALL_ENTRY_BYTES_MAX];
        let (kind, payload) = if is_spilled {
            let blob = blobs::store(&mut self.journal, &mut self.ledger, need, record).await?;
            let mut name = [0; search::SORT_NAME_BYTES];
            search::sort_name(&contact, &mut name);
            let spill = Spill {
                uid: contact.uid().0,
                version: contact.changed().time,
                name,
                is_trashed: contact.is_trashed(),
                hash: blob.hash,
                len: blob.len,
            };
            (SPILL, spill.encode(&mut memory))
        } else {
            (CONTACT, record)
        };
        if seat.is_none() {
            // The blobs of the contact may have taken the slot that was free.
            self.ledger.reserve(1)?;
        }
        let synced = self.journal.sync_referents().await;
        synced.map_err(|error| PutError::Journal(AppendError::Flash(error)))?;
        let (at, kept) = match kept {
            None => {
                let Self { journal, ledger, .. } = self;
                (journal.append_needing(ledger, need, kind, hint, &[payload]).await?, None)
            }
            Some(number) => {
                let removed = (contact.uid(), contact.changed().time);
                let Self { journal, ledger, extra, .. } = self;
                let item = (kind, hint, payload);
                kept::append(journal, ledger, extra.cells_mut(), number, removed, need, item)
                    .await
                    .map(|(at, number)| (at, Some(number)))?
            }
        };
        let payload_len = payload.len() as u16;
        let replaced = self.ledger.take_contact(seat, &contact, at, payload_len, is_spilled);
        if let Some((at, len)) = replaced {
            self.journal.retire(at, len.into());
        }
        if let Some(root) = self.root {
            let now = contact::state_digest(&contact, |index| {
                self.ledger.boxes.id(self.config.id, index)
            });
            self.root = Some(was.map_or(root, |was| root.without(was)).with(now));
        }
        if heals {
            self.ledger.heal(hint);
        }
        blobs::mark_all(&mut self.ledger, &contact, chunk_bytes);
        if let Some(number) = kept {
            self.mark_new_kept(number).await;
        }
        Ok(at)
    }
}
