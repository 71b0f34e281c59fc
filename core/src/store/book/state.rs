//! Keeps the index, the grams, the authors and the losses in step with the entries of the journal.

use super::Memory;
use super::authors::Authors;
use super::boxes::Boxes;
use super::brake::Removed;
use super::gram_filter::GramFilter;
use super::kept::Keeping;
use crate::contact::{AuthorIndex, BoxIndex, Contact, Millis, Uid};
use crate::limits::LOSSES_MAX;
use crate::store::entries::{
    AUTHOR, AuthorEntry, BOX, BoxEntry, CHUNK, CONTACT, Chunk, FORGOTTEN, ForgottenEntry, KEPT,
    KeptEntry, REMOVALS, RemovalsEntry, SPILL, Spill,
};
use crate::store::index::{self, Index, IndexFull, Packed, Slot};
use crate::store::journal::{Address, Entry, EntryOwner, Liveness, Loss};
use core::cmp::Ordering;
use serde::{Deserialize, Serialize};

/// Contacts by state. The order of the fields is what postcard writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// To be seen.
    pub active: u32,
    /// In the trash.
    pub trashed: u32,
    /// Gone, but remembered as gone.
    pub tombstones: u32,
    /// Pieces of photos, documents and large contacts.
    pub chunks: u32,
}

pub(super) struct BookState<M: Memory> {
    pub(super) index: Index<M>,
    /// None while the box is opened and they are made apart from it.
    pub(super) signatures: Option<GramFilter<M::Words>>,
    /// The slot whose signature is to be made apart.
    pub(super) taken: Option<TakenSlot>,
    pub(super) authors: Authors<M>,
    pub(super) boxes: Boxes<M>,
    pub(super) removed: Removed,
    pub(super) keeping: Keeping,
    losses: heapless::Vec<Loss, LOSSES_MAX>,
    /// The latest page that something was found missing in, until the box writes under a new name.
    pub(super) lost_order: Option<u32>,
    losses_untold: u32,
    /// The latest page of those.
    untold_order: u32,
    /// Something was taken in that this box itself has written, and had forgotten.
    pub(super) has_forgotten: bool,
    /// A contact, or a photo or document of one, cannot be read as a whole, or may not: what
    /// others have of it is wanted.
    pub(super) doubts_pieces: bool,
    /// Contacts have [`index::BROUGHT`].
    pub(super) has_brought: bool,
    /// Contacts have [`index::HELD`].
    has_held: bool,
    /// The latest time of a version: the box's own clock.
    pub(super) time_max: Millis,
    /// An entry found at open did not fit the index.
    pub(super) is_overfull: bool,
    /// Chunks or kept states found at open did not fit the index, and may be garbage: see `refit`.
    pub(super) has_passed_over: bool,
    /// Kept states were among them.
    pub(super) has_lost_kept: bool,
    /// Slots before this hold no chunk that could make way.
    pub(super) evicted_before: u32,
    /// Entries that this version does not understand; kept as they are.
    pub(super) foreign: u32,
}

/// A slot that was taken, or taken again, while there are no signatures.
pub(super) struct TakenSlot {
    pub(super) slot: u32,
    pub(super) is_again: bool,
    pub(super) is_spilled: bool,
}

/// The subject of an entry that is about a slot.
struct Subject {
    hash: u64,
    what: What,
    hint: u16,
}

#[derive(Clone, Copy)]
enum What {
    Contact { uid: Uid, version: Millis },
    Chunk { blob: [u8; 16], number: u32 },
    Kept { uid: Uid, time: Millis },
}

impl<M: Memory> BookState<M> {
    pub(super) fn new(
        index: Index<M>,
        signatures: Option<GramFilter<M::Words>>,
        authors: Authors<M>,
        boxes: Boxes<M>,
    ) -> Self {
        Self {
            index,
            signatures,
            taken: None,
            authors,
            boxes,
            removed: Removed::default(),
            keeping: Keeping::default(),
            losses: heapless::Vec::new(),
            lost_order: None,
            losses_untold: 0,
            untold_order: 0,
            has_forgotten: false,
            doubts_pieces: false,
            has_brought: false,
            has_held: false,
            time_max: 0,
            is_overfull: false,
            has_passed_over: false,
            has_lost_kept: false,
            evicted_before: 0,
            foreign: 0,
        }
    }

    /// The slots that a contact may have, tombstones included: those with its hash.
    pub(super) fn contacts(&self, uid: Uid) -> impl Iterator<Item = u32> + '_ {
        self.index.contacts(self.index.contact_hash(uid))
    }

    /// Returns whether one more contact can have the hash of this one.
    pub(super) fn can_share(&self, uid: Uid) -> bool {
        self.can_share_hash(self.index.contact_hash(uid))
    }

    fn can_share_hash(&self, hash: u64) -> bool {
        let sharers_max = if M::Slot::IS_WHOLE { 1 } else { index::SHARERS_MAX };
        self.index.contacts(hash).count() < sharers_max
    }

    /// Makes sure that `count` more slots can be taken.
    pub(super) fn reserve(&mut self, count: u32) -> Result<(), IndexFull> {
        let len = self.index.reserve(count)?;
        if self.reserve_signatures(len) {
            return Ok(());
        }
        Err(IndexFull { slots_max: self.index.len() as usize })
    }

    pub(super) fn reserve_signatures(&mut self, slots: u32) -> bool {
        self.signatures.as_mut().is_none_or(|signatures| signatures.reserve(slots))
    }

    /// Returns whether a newer version of this contact may have been lost to damage.
    pub(super) fn is_stale(&self, contact: &Contact<'_>) -> bool {
        self.losses.iter().any(|loss| self.costs(loss, contact))
            || (self.losses_untold > 0 && !self.is_later(contact, self.untold_order))
    }

    /// Returns whether the loss may have taken a newer version of this contact.
    fn costs(&self, loss: &Loss, contact: &Contact<'_>) -> bool {
        known_hint(loss).is_none_or(|hint| hint == contact.uid().hint())
            && !self.is_later(contact, loss.order)
    }

    /// Returns whether this state of a contact was written after the entries of a page of this
    /// order were lost: under a name that the box took then.
    fn is_later(&self, contact: &Contact<'_>, order: u32) -> bool {
        let since = self.boxes.writer_since();
        since.is_some_and(|(time, first)| first > order && contact.changed().time > time)
    }

    /// Returns whether something was lost of which nothing is known: it may have been a newer
    /// version of any contact.
    pub(super) fn is_any_stale(&self) -> bool {
        self.losses_untold > 0 || self.losses.iter().any(|loss| known_hint(loss).is_none())
    }

    /// A contact was written anew: what was lost of it no longer matters.
    pub(super) fn heal(&mut self, hint: u16) {
        self.losses.retain(|loss| known_hint(loss) != Some(hint));
    }

    /// Returns whether there are losses of which it is known what they took.
    pub(super) fn has_known_losses(&self) -> bool {
        self.losses.iter().any(|loss| known_hint(loss).is_some())
    }

    /// Heals what was lost of a contact before this state of it was written.
    pub(super) fn heal_by(&mut self, contact: &Contact<'_>) {
        let hint = contact.uid().hint();
        let mut losses = core::mem::take(&mut self.losses);
        losses.retain(|loss| known_hint(loss) != Some(hint) || self.costs(loss, contact));
        self.losses = losses;
    }

    /// Marks the contact whose newest entry is there with what became of it in this meeting.
    pub(super) fn note_met(&mut self, uid: Uid, at: Address, marks: u8) {
        // Most have none, and finding a slot costs a digest.
        if marks == 0 {
            return;
        }
        let number = self.contacts(uid).find(|&number| self.index.slot(number).at == at);
        if let Some(number) = number {
            self.has_brought |= marks & index::BROUGHT != 0;
            self.index.change(number, |slot| slot.flags |= marks);
        }
    }

    /// Somebody is kept from removing this contact.
    pub(super) fn hold(&mut self, number: u32) {
        self.has_held = true;
        self.index.change(number, |slot| slot.flags |= index::HELD);
    }

    /// Nobody was kept from removing anything.
    pub(super) fn release_all(&mut self) {
        if core::mem::take(&mut self.has_held) {
            self.index.unmark_contacts(index::HELD);
        }
    }

    /// Losses that nothing has healed.
    pub(super) fn losses(&self) -> u32 {
        self.losses.len() as u32 + self.losses_untold
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for slot in self.index.slots().filter(|slot| !slot.has(index::VACANT)) {
            if slot.is_kept() {
                continue;
            }
            if slot.has(index::CHUNK) {
                counts.chunks += 1;
            } else if slot.has(index::TOMBSTONE) {
                counts.tombstones += 1;
            } else if slot.has(index::TRASHED) {
                counts.trashed += 1;
            } else {
                counts.active += 1;
            }
        }
        counts
    }

    /// Takes a contact's newest record into the index, into the slot it has had or a new one, and
    /// returns what it replaces.
    pub(super) fn take_contact(
        &mut self,
        seat: Option<u32>,
        contact: &Contact<'_>,
        at: Address,
        len: u16,
        is_spilled: bool,
    ) -> Option<(Address, u16)> {
        let mut slot = contact_slot(contact, self.index.contact_hash(contact.uid()));
        (slot.at, slot.len) = (at, len);
        if is_spilled {
            slot.flags |= index::SPILLED;
        }
        self.time_max = self.time_max.max(contact.changed().time);
        self.boxes.note(contact);
        let (number, replaced) = self.place(seat, slot)?;
        let is_again = replaced.is_some();
        match &mut self.signatures {
            Some(signatures) => {
                let key = signatures.contact(number, is_again, contact);
                self.index.change(number, |known| known.key = key);
            }
            None => self.taken = Some(TakenSlot { slot: number, is_again, is_spilled: false }),
        }
        replaced
    }

    /// Takes a spilled contact in, knowing of it what its small entry tells.
    fn take_spill(
        &mut self,
        seat: Option<u32>,
        spill: &Spill,
        at: Address,
        len: u16,
    ) -> Option<(Address, u16)> {
        let mut flags = index::SPILLED | index::HAS_BLOBS;
        if spill.is_trashed {
            flags |= index::TRASHED;
        }
        let slot = Slot {
            hash: self.index.contact_hash(spill.uid()),
            version: Some(spill.version),
            key: 0,
            at,
            len,
            flags,
        };
        self.time_max = self.time_max.max(spill.version);
        let (number, replaced) = self.place(seat, slot)?;
        match &mut self.signatures {
            Some(signatures) => {
                let key = signatures.spill(number, spill);
                self.index.change(number, |known| known.key = key);
            }
            None => {
                let is_again = replaced.is_some();
                self.taken = Some(TakenSlot { slot: number, is_again, is_spilled: true });
            }
        }
        replaced
    }

    /// Returns the subject of an entry; `None` for authors and for kinds that this version does not
    /// know.
    fn subject(&self, entry: &Entry<'_>) -> Option<Subject> {
        match entry.kind {
            CONTACT => {
                let (uid, version) = Contact::peek(entry.payload).ok()?;
                Some(self.contact_subject(uid, version))
            }
            SPILL => {
                let spill = Spill::parse(entry.payload)?;
                Some(self.contact_subject(spill.uid(), spill.version))
            }
            CHUNK => {
                let chunk = Chunk::parse(entry.payload)?;
                let what = What::Chunk { blob: chunk.blob.hash, number: chunk.number };
                let hash = self.index.chunk_hash(&chunk.blob.hash, chunk.number).0;
                Some(Subject { hash, what, hint: Chunk::hint(&chunk.blob) })
            }
            KEPT => {
                let kept = KeptEntry::parse(entry.payload)?;
                let (uid, time) = (kept.uid()?, kept.time);
                let hash = self.index.kept_hash(uid, time).0;
                Some(Subject { hash, what: What::Kept { uid, time }, hint: uid.hint() })
            }
            _ => None,
        }
    }

    fn contact_subject(&self, uid: Uid, version: Millis) -> Subject {
        let what = What::Contact { uid, version };
        Subject { hash: self.index.contact_hash(uid), what, hint: uid.hint() }
    }

    /// Compares a contact's entry with the contacts of its hash, one after the other: those after
    /// the slot `last`, or all.
    fn contend(
        &mut self,
        entry: &Entry<'_>,
        hash: u64,
        version: Millis,
        last: Option<u32>,
    ) -> Liveness {
        let mut contacts = self.index.contacts(hash);
        if let Some(last) = last {
            contacts.find(|&number| number == last);
        }
        let Some(number) = contacts.next() else {
            drop(contacts);
            if !self.can_share_hash(hash) {
                self.is_overfull = true;
                return Liveness::Live;
            }
            return self.take(entry, None);
        };
        drop(contacts);
        let slot = self.index.slot(number);
        match slot.version {
            Some(known) => self.settle(entry, number, known, version),
            None => Liveness::NeedsCompare(slot.at, slot.len.into()),
        }
    }

    /// An entry of a contact met what is known of it: the later version counts.
    fn settle(
        &mut self,
        entry: &Entry<'_>,
        number: u32,
        known: Millis,
        version: Millis,
    ) -> Liveness {
        match version.cmp(&known) {
            Ordering::Less => Liveness::Dead,
            Ordering::Equal => Liveness::Equals(self.index.slot(number).at),
            Ordering::Greater => self.take(entry, Some(number)),
        }
    }

    /// Takes in a chunk or a kept state, which is not known; a chunk that a contact
    /// refers to if it must be.
    pub(super) fn take_piece(&mut self, entry: &Entry<'_>, is_needed: bool) -> Liveness {
        let marks = if is_needed { index::MARKED } else { 0 };
        self.try_take(entry, None, marks).unwrap_or(Liveness::Dead)
    }

    /// Takes in what an entry says, in the slot it is known by or a new one.
    fn take(&mut self, entry: &Entry<'_>, seat: Option<u32>) -> Liveness {
        self.try_take(entry, seat, 0).unwrap_or_else(|| {
            self.foreign += 1;
            Liveness::Live
        })
    }

    /// The same, when this version understands it.
    fn try_take(&mut self, entry: &Entry<'_>, seat: Option<u32>, marks: u8) -> Option<Liveness> {
        // An entry says its length in 16 bits.
        let len = entry.payload.len() as u16;
        let replaced = match entry.kind {
            CONTACT => {
                let contact = Contact::parse(entry.payload).ok()?;
                self.take_contact(seat, &contact, entry.at, len, false)
            }
            SPILL => self.take_spill(seat, &Spill::parse(entry.payload)?, entry.at, len),
            CHUNK => match self.place_chunk(&Chunk::parse(entry.payload)?, entry.at, len, marks) {
                Some((_, replaced)) => replaced,
                // It may be garbage: see `refit`.
                None => return Some(Liveness::Dead),
            },
            KEPT => {
                let kept = KeptEntry::parse(entry.payload)?;
                let (whose, flags) = ((kept.uid()?, kept.time), kept.flags()?);
                match self.place_kept(whose, entry.at, len, flags) {
                    Some((_, replaced)) => replaced,
                    // It is not worth a box that cannot be opened.
                    None => return Some(Liveness::Dead),
                }
            }
            _ => return None,
        };
        Some(replaced.map_or(Liveness::Live, |(at, len)| Liveness::Replaces(at, len.into())))
    }
}

/// Returns the hint of a loss when everything it took is known: of several entries in a row only
/// the last is.
fn known_hint(loss: &Loss) -> Option<u16> {
    loss.hint.filter(|_| loss.count == 1)
}

/// Returns the slot of a contact, without its place and its key.
fn contact_slot(contact: &Contact<'_>, hash: u64) -> Slot {
    let mut flags = 0;
    for (flag, is_set) in [
        (index::TRASHED, contact.is_trashed()),
        (index::TOMBSTONE, contact.is_tombstone()),
        (index::HAS_BLOBS, contact.has_blobs()),
    ] {
        if is_set {
            flags |= flag;
        }
    }
    Slot { hash, version: Some(contact.changed().time), key: 0, at: Address(0), len: 0, flags }
}

impl<M: Memory> EntryOwner for BookState<M> {
    fn on_entry(&mut self, entry: &Entry<'_>) -> Liveness {
        if entry.kind == AUTHOR
            && let Some(author) = AuthorEntry::parse(entry.payload)
        {
            return self.authors.take(&author, entry.at);
        }
        if entry.kind == BOX
            && let Some(entry_box) = BoxEntry::parse(entry.payload)
        {
            return self.boxes.take(&entry_box, entry.at, entry.payload.len() as u32);
        }
        if entry.kind == REMOVALS
            && let Some(removals) = RemovalsEntry::parse(entry.payload)
        {
            return self.removed.take(&removals, entry.at, entry.payload.len() as u32);
        }
        if entry.kind == FORGOTTEN
            && let Some(forgotten) = ForgottenEntry::parse(entry.payload)
        {
            self.time_max = self.time_max.max(forgotten.until);
            return self.keeping.forgotten.take(&forgotten, entry.at, entry.payload.len() as u32);
        }
        match self.subject(entry).map(|subject| (subject.hash, subject.what)) {
            Some((_, What::Kept { uid, time })) if !self.keeping.is_over(time) => {
                match self.index.kept(self.index.kept_hash(uid, time)) {
                    Some(known) => Liveness::Equals(self.index.slot(known).at),
                    None => self.take(entry, None),
                }
            }
            Some((_, What::Kept { .. })) => Liveness::Dead,
            Some((hash, What::Contact { version, .. })) => self.contend(entry, hash, version, None),
            Some((_, What::Chunk { blob, number })) => match self.index.chunk(&blob, number) {
                Some(known) => Liveness::Equals(self.index.slot(known).at),
                None => self.take(entry, None),
            },
            None => self.take(entry, None),
        }
    }

    fn compare(&mut self, entry: &Entry<'_>, at: Address, other: Option<&Entry<'_>>) -> Liveness {
        let Some(Subject { hash, what: What::Contact { uid, version }, .. }) = self.subject(entry)
        else {
            return Liveness::Live;
        };
        let Some(number) = self.index.placed(hash, at) else {
            return self.contend(entry, hash, version, None);
        };
        match other.map(|other| self.subject(other).map(|subject| subject.what)) {
            Some(Some(What::Contact { uid: known, version: known_version })) if known == uid => {
                self.settle(entry, number, known_version, version)
            }
            Some(_) => self.contend(entry, hash, version, Some(number)),
            // An entry that cannot be read any more is hardly another contact's. The journal tells
            // of the loss.
            None => self.take(entry, Some(number)),
        }
    }

    fn is_live(&self, entry: &Entry<'_>) -> bool {
        match entry.kind {
            // One that is not understood is kept.
            AUTHOR => AuthorEntry::parse(entry.payload)
                .is_none_or(|known| self.authors.is_at(&known, entry.at)),
            BOX => BoxEntry::parse(entry.payload)
                .is_none_or(|known| self.boxes.is_at(&known, entry.at)),
            REMOVALS => {
                RemovalsEntry::parse(entry.payload).is_none() || self.removed.is_at(entry.at)
            }
            FORGOTTEN => {
                ForgottenEntry::parse(entry.payload).is_none()
                    || self.keeping.forgotten.is_at(entry.at)
            }
            _ => match self.subject(entry) {
                Some(subject) => self.index.placed(subject.hash, entry.at).is_some(),
                // An entry that is not understood is kept.
                None => true,
            },
        }
    }

    fn moved(&mut self, entry: &Entry<'_>, to: Address) {
        if entry.kind == AUTHOR {
            if let Some(author) = AuthorEntry::parse(entry.payload) {
                self.authors.moved(&author, entry.at, to);
            }
            return;
        }
        if entry.kind == BOX {
            if let Some(known) = BoxEntry::parse(entry.payload) {
                self.boxes.moved(&known, entry.at, to);
            }
            return;
        }
        if entry.kind == REMOVALS {
            self.removed.moved(entry.at, to);
            return;
        }
        if entry.kind == FORGOTTEN {
            self.keeping.forgotten.moved(entry.at, to);
            return;
        }
        if let Some(subject) = self.subject(entry)
            && let Some(number) = self.index.placed(subject.hash, entry.at)
        {
            self.index.change(number, |slot| slot.at = to);
        }
    }

    fn lost(&mut self, loss: &Loss) {
        // The journal tells of a loss again each time it reads everything.
        if self.losses.contains(loss) {
            return;
        }
        self.lost_order = self.lost_order.max(Some(loss.order));
        // A contact that lacks a chunk cannot be read, and is reported for that. A chunk that no
        // contact lacks is no loss.
        if known_hint(loss).is_some_and(Chunk::is_hint) {
            self.doubts_pieces = true;
            return;
        }
        if self.losses.push(*loss).is_err() {
            self.losses_untold += 1;
            self.untold_order = self.untold_order.max(loss.order);
        }
    }

    fn is_healed(&self, loss: &Loss) -> bool {
        self.losses_untold == 0 && !self.losses.contains(loss)
    }

    fn hint(&self, entry: &Entry<'_>) -> u16 {
        match entry.kind {
            AUTHOR => AuthorEntry::parse(entry.payload)
                .map_or(0, |author| AuthorEntry::hint(AuthorIndex(author.index))),
            BOX => BoxEntry::parse(entry.payload)
                .map_or(0, |known| BoxEntry::hint(BoxIndex(known.index))),
            REMOVALS => RemovalsEntry::HINT,
            FORGOTTEN => ForgottenEntry::HINT,
            _ => self.subject(entry).map_or(0, |subject| subject.hint),
        }
    }
}
