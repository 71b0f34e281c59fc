//! Kept states: the last state of a contact that another box removed stays here for a while.
//!
//! It lies outside root and merge, and no box that is met is told of it. Each has an entry in the
//! journal, written in one group with the record that removes the contact, and a slot of the index.
//! So it is moved, told apart from its own copy and counted as chunks are, and what it refers to is
//! marked in the sweep as what a contact refers to. A removal that there is no room to keep the
//! state for fails whole: the contact stays as it is, and comes again with the next meeting.
//!
//! How long is measured by the wall clock, from the time of the version that removed it, which
//! is never earlier than the wall clock was: stamps of other boxes can make a state stay
//! longer, not shorter, and so can a clock that is put back. A device whose clock begins anew
//! at each start so keeps until the owner forgets, or until it has run for that long in one go,
//! or until it has no room left for anything else. What the owner has forgotten is told by the
//! own clock, which only rises.

use super::brake::says;
use super::latest::LatestEntry;
use super::state::BookState;
use super::{Book, GetError, Memory, PutError, blobs, lookup, parse};
use crate::contact::{Contact, Millis, Origin, Uid};
use crate::limits::CLOCK_SET_MILLIS;
use crate::store::entries::{
    FORGOTTEN, ForgottenEntry, KEPT, KEPT_HEAD_BYTES, KeptEntry, SMALL_ENTRY_BYTES_MAX, Spill,
};
use crate::store::index;
use crate::store::journal::{Address, AppendError, Journal, Liveness, Need, ReadError};
use crate::store::page::ENTRY_HEADER_BYTES;
use crate::store::slab::Slab;
use core::ops::Range;
use embedded_storage_async::nor_flash::NorFlash;

/// How long the last state of what another box removed is kept: 30 days.
pub const KEEP_MILLIS: Millis = 30 * 24 * 60 * 60 * 1000;

/// The head of a kept entry takes the place of the header of the entry that is kept.
const _: () = assert!(KEPT_HEAD_BYTES <= ENTRY_HEADER_BYTES);

/// The last state of a contact that another box removed.
pub struct KeptState<'b> {
    /// The contact as it was.
    pub contact: Contact<'b>,
    /// When it was removed here. It is kept for [`KEEP_MILLIS`] from then on.
    pub time: Millis,
}

/// The limits of all kept states together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    /// Up to where the owner has forgotten.
    pub(super) forgotten: LatestEntry<ForgottenEntry>,
    /// The wall clock, as it was told last; 0 until then, and nothing is over.
    now: Millis,
    /// When the first of them is over, as far as that is known.
    due: Millis,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { forgotten: LatestEntry::default(), now: 0, due: Millis::MAX }
    }
}

impl Keeping {
    /// Returns whether a state kept at `time` need not be kept any more.
    pub(super) fn is_over(&self, time: Millis) -> bool {
        time <= self.forgotten.entry.until || self.now.saturating_sub(time) >= KEEP_MILLIS
    }

    /// Returns whether a kept state is over its time and not yet given up.
    pub(super) fn is_due(&self) -> bool {
        self.now >= self.due
    }

    /// All kept states are about to be looked at.
    pub(super) fn look_again(&mut self) {
        self.due = Millis::MAX;
    }

    /// There is one that was kept at `time`.
    pub(super) fn note(&mut self, time: Millis) {
        self.due = self.due.min(time.saturating_add(KEEP_MILLIS));
    }
}

/// Appends `item` (kind, hint, payload) in one group with the entry of the slot `number`, which it
/// replaces and which is kept under the identity and time of what `item` says. Returns where `item`
/// is, and the slot of what is kept.
///
/// Two entries that are too long for one group are written one after the other, what is kept first
/// and on the medium before the other: should that fail, it is kept for nothing.
pub(super) async fn append<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &mut BookState<M>,
    buf: &mut [u8],
    number: u32,
    removed: (Uid, Millis),
    need: Need,
    item: (u8, u16, &[u8]),
) -> Result<(Address, u32), PutError<F::Error>> {
    ledger.reserve(1)?;
    let slot = ledger.index.slot(number);
    let entry = journal.read(slot.at, slot.len.into(), buf).await.map_err(GetError::from)?;
    let (head, len) = (KeptEntry::head(removed.1, entry.kind), entry.payload.len());
    const HEAD_AT: usize = ENTRY_HEADER_BYTES - KEPT_HEAD_BYTES;
    buf[HEAD_AT..ENTRY_HEADER_BYTES].copy_from_slice(&head);
    let kept = (KEPT, removed.0.hint(), buf.get(HEAD_AT..ENTRY_HEADER_BYTES + len).unwrap_or(&[]));
    let mut at = [Address(0); 2];
    match journal.append_group_needing(ledger, need, &[kept, item], &mut at).await {
        Err(AppendError::TooLarge { .. }) => {
            at[0] = journal.append_needing(ledger, need, kept.0, kept.1, &[kept.2]).await?;
            // No later entry may come by this time again.
            ledger.time_max = ledger.time_max.max(removed.1);
            journal.note_referent();
            let synced = journal.sync_referents().await;
            synced.map_err(|error| PutError::Journal(AppendError::Flash(error)))?;
            match journal.append_needing(ledger, need, item.0, item.1, &[item.2]).await {
                Ok(second) => at[1] = second,
                Err(error) => {
                    journal.retire(at[0], kept.2.len() as u32);
                    return Err(error.into());
                }
            }
        }
        appended => appended?,
    }
    // A page's entry says its length in 16 bits.
    let number = ledger.take_kept(removed, at[0], kept.2.len() as u16, slot.flags);
    Ok((at[1], number.unwrap_or(u32::MAX)))
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Tells the time of the wall clock, by which kept states come to their end. Every change and
    /// every state that is taken in tells it too.
    pub fn tell_time(&mut self, now: Millis) {
        self.ledger.keeping.now = now;
    }

    /// The kept state in a slot, if there is one that still is to be kept. Slots are numbered below
    /// [`Book::slots`]; of one contact there may be several.
    pub async fn kept_at<'b>(
        &mut self,
        number: u32,
        buf: &'b mut [u8],
    ) -> Result<Option<KeptState<'b>>, GetError<F::Error>> {
        if !self.ledger.index.slot(number).is_kept() {
            return Ok(None);
        }
        let Self { journal, ledger, .. } = self;
        let (time, record) = read(journal, ledger, number, buf).await?;
        if ledger.keeping.is_over(time) {
            return Ok(None);
        }
        parse(buf, record).map(|contact| Some(KeptState { contact, time }))
    }

    /// Returns whether nothing here tells any more who the contact was, and another box caused
    /// that: the contact is gone, or has lost its last name, number and mail. A contact that the
    /// owner purged here is not lost.
    pub async fn is_lost(&mut self, uid: Uid) -> Result<bool, GetError<F::Error>> {
        let Self { journal, ledger, old, .. } = self;
        let seat = lookup::find(journal, ledger, uid, true, old.cells_mut()).await?.readable()?;
        let Some(here) = seat else { return Ok(true) };
        let contact = parse(old.cells(), here.record)?;
        Ok(!says(&contact) && contact.origin() != Origin::Purge)
    }

    /// Forgets all that is kept. It makes room at once.
    pub async fn forget_kept(&mut self) -> Result<(), PutError<F::Error>> {
        if !self.keeps_any() {
            return Ok(());
        }
        self.renew_if_due().await?;
        // First, so that a full box has room to say so. Should that fail, those are there again
        // when the box is next opened whose pages have not been taken meanwhile.
        for number in 0..self.slots() {
            if self.ledger.index.slot(number).is_kept() {
                self.give_up_kept(number);
            }
        }
        self.sweep.wish();
        let entry = ForgottenEntry { until: self.ledger.time_max };
        let mut memory = [0; SMALL_ENTRY_BYTES_MAX];
        let payload = entry.encode(&mut memory);
        let Self { journal, ledger, .. } = self;
        let hint = ForgottenEntry::HINT;
        let at =
            journal.append_needing(ledger, Need::Deletion, FORGOTTEN, hint, &[payload]).await?;
        match ledger.keeping.forgotten.take(&entry, at, payload.len() as u32) {
            Liveness::Replaces(at, len) => journal.retire(at, len),
            // Nothing was written since it was said before.
            Liveness::Equals(_) => journal.retire(at, payload.len() as u32),
            _ => {}
        }
        Ok(())
    }

    /// For want of room, where no wall clock tells when what is kept is over: it stays as long as
    /// nothing else needs its room. Whether there was any.
    pub(super) async fn forget_timeless(&mut self) -> Result<bool, PutError<F::Error>> {
        if self.ledger.keeping.now >= CLOCK_SET_MILLIS || !self.keeps_any() {
            return Ok(false);
        }
        self.forget_kept().await?;
        // Blobs that only the kept states referred to go too.
        self.sweep = blobs::Sweep::Due;
        match self.sweep_on().await {
            Err(error) if !error.is_damage() => Err(error.into()),
            _ => Ok(true),
        }
    }

    fn keeps_any(&self) -> bool {
        self.ledger.index.slots().any(|slot| slot.is_kept())
    }

    fn give_up_kept(&mut self, number: u32) {
        let slot = self.ledger.index.slot(number);
        self.ledger.index.vacate(number);
        self.journal.retire(slot.at, slot.len.into());
    }

    /// Gives a kept state up if it is over; whether it was. One that cannot be read stays as it is.
    pub(super) async fn ends_kept(&mut self, number: u32) -> Result<bool, GetError<F::Error>> {
        let Self { journal, ledger, extra, .. } = self;
        let slot = ledger.index.slot(number);
        let time = match journal.read(slot.at, slot.len.into(), extra.cells_mut()).await {
            Ok(entry) => KeptEntry::parse(entry.payload).map(|kept| kept.time),
            Err(ReadError::Damaged) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(time) = time else { return Ok(false) };
        let is_over = ledger.keeping.is_over(time);
        match is_over {
            true => self.give_up_kept(number),
            false => ledger.keeping.note(time),
        }
        Ok(is_over)
    }

    /// Marks what a state refers to that has just been kept. Should it fail, a
    /// sweep under way begins anew.
    pub(super) async fn mark_new_kept(&mut self, number: u32) {
        let is_sweeping = !matches!(self.sweep, blobs::Sweep::Done | blobs::Sweep::Due);
        if is_sweeping && self.mark_slot(number).await.is_err() {
            self.sweep = blobs::Sweep::Due;
        }
    }
}

/// Reads the record that is kept in a slot into `buf`: when it was kept, and where
/// in `buf` it stands.
pub(super) async fn read<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &BookState<M>,
    number: u32,
    buf: &mut [u8],
) -> Result<(Millis, Range<usize>), GetError<F::Error>> {
    let damaged = GetError::Damaged { slot: number };
    let slot = ledger.index.slot(number);
    let entry = journal.read(slot.at, slot.len.into(), buf).await?;
    let kept = (entry.kind == KEPT).then(|| KeptEntry::parse(entry.payload)).flatten();
    let Some(kept) = kept else { return Err(damaged) };
    if !slot.has(index::SPILLED) {
        let from = ENTRY_HEADER_BYTES + KEPT_HEAD_BYTES;
        return Ok((kept.time, from..from + kept.payload.len()));
    }
    let (time, spill) = (kept.time, Spill::parse(kept.payload));
    let Some(spill) = spill else { return Err(damaged) };
    let len = blobs::read_all(journal, ledger, spill.blob(), buf).await?;
    Ok((time, 0..len))
}
