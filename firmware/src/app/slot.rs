//! The card in the slot: imports what other boxes left on it, and keeps it up to date.

use super::App;
use super::notes::fault_of;
use crate::say;
use contactbox_core::card::{
    self, Appended, BackupError, Card, CardError, Changes, MergeError, OwnFiles, SnapshotOwners,
};
use contactbox_core::contact::{Millis, Uid};
use contactbox_core::store::Consent;
use contactbox_core::store::diary::CardFault;
use embedded_io_async::{Read, Write};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

/// The most changed contacts that are remembered until they are on the card. With more, the card is
/// compared with the whole box.
const CHANGED_MAX: usize = 8;

/// The quiet time in milliseconds after which the file for phones is rewritten.
const PHONE_MILLIS: Millis = 5_000;

/// The state of the card slot.
#[derive(Default)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of it, and no heap to put a part of it in"
)]
pub enum SlotState {
    /// There is no card, or none that answers.
    #[default]
    Empty,
    /// There is a card that cannot be used, for this reason. Each check of the slot tries it again.
    Unfit(CardFault),
    /// There is a card, its content is in the box, and the box is on it.
    Ready(OwnFiles),
}

/// The changes that are not on the card yet.
enum Unsaved {
    These(Vec<Uid, CHANGED_MAX>),
    TooMany,
}

pub(super) struct CardSlotTask<C> {
    card: C,
    state: SlotState,
    unsaved: Unsaved,
    /// The box's time up to which this run has put everything on a card.
    kept: Millis,
}

impl<C> CardSlotTask<C> {
    pub(super) fn new(card: C) -> Self {
        Self { card, state: SlotState::Empty, unsaved: Unsaved::These(Vec::new()), kept: 0 }
    }

    pub(super) fn state(&self) -> &SlotState {
        &self.state
    }

    pub(super) fn card(&mut self) -> &mut C {
        &mut self.card
    }

    /// Records that a contact changed.
    pub(super) fn note(&mut self, uid: Uid) {
        if let Unsaved::These(known) = &mut self.unsaved
            && !known.contains(&uid)
            && known.push(uid).is_err()
        {
            self.unsaved = Unsaved::TooMany;
        }
    }

    /// Records that any number of contacts may have changed.
    pub(super) fn note_many(&mut self) {
        self.unsaved = Unsaved::TooMany;
    }

    /// Returns when the card is to be brought up to date.
    pub(super) fn due(&self) -> UpdateDue {
        match (&self.state, &self.unsaved) {
            (SlotState::Ready(_), Unsaved::These(known)) if !known.is_empty() => UpdateDue::Now,
            (SlotState::Ready(_), Unsaved::TooMany) => UpdateDue::WhenQuiet,
            _ => UpdateDue::Not,
        }
    }
}

/// The time at which a card is to be brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpdateDue {
    /// Never: it is up to date, or there is none.
    Not,
    /// At once: somebody changed a contact.
    Now,
    /// When the cable has been quiet for a while, because a search for the changes reads the whole
    /// box.
    WhenQuiet,
}

/// The reason why a card is left alone until the next check of the slot.
enum SlotFailure<C> {
    Card(CardError<C>),
    Snapshot,
    Box,
}

impl<C> SlotFailure<C> {
    fn of_backup<F>(error: BackupError<F, C>) -> Self {
        match error {
            BackupError::Card(error) => Self::Card(error),
            BackupError::Book(_) => Self::Box,
            _ => Self::Snapshot,
        }
    }

    fn of_merge<F>(error: MergeError<F, C>) -> Self {
        match error {
            MergeError::Card(error) => Self::Card(error),
            _ => Self::Box,
        }
    }
}

impl<F: NorFlash, C: Card, L: Read + Write, K: super::Clock> App<F, C, L, K> {
    /// Checks whether a card came or went. A new card is imported at once.
    pub(super) async fn check_slot(&mut self) {
        if matches!(self.slot.state, SlotState::Ready(_)) {
            // A card that is there can list its files; the first one is enough.
            if let Err(error) = self.slot.card.next_file(None).await {
                self.give_up(SlotFailure::Card(error)).await;
            }
            return;
        }
        match self.import_card().await {
            Ok(()) => {}
            Err(failure) => self.give_up(failure).await,
        }
    }

    /// Imports what other boxes left on the card, then puts this box on it.
    async fn import_card(&mut self) -> Result<(), SlotFailure<C::Error>> {
        let Self { book, slot, buffers, clock, .. } = self;
        slot.card.next_file(None).await.map_err(SlotFailure::Card)?;
        say!("card: reading");
        let own = OwnFiles::find(&mut slot.card, book.id()).await.map_err(SlotFailure::Card)?;
        let is_left = own.time() == slot.kept;
        let whose = if is_left { SnapshotOwners::Others } else { SnapshotOwners::OthersAndOwn };
        let merged = card::merge_all(
            book,
            &mut slot.card,
            whose,
            Consent::Ask,
            clock.now(),
            buffers.list,
            |_| {},
        )
        .await
        .map_err(SlotFailure::of_merge)?;
        say!("card: {} added, {} updated", merged.added, merged.updated);
        if merged.held > 0 {
            say!("card: {} removals wait", merged.held);
        }
        if merged.aside > 0 {
            say!("card: {} kept aside; they stay on the card", merged.aside);
        }
        let own = OwnFiles::find(&mut slot.card, book.id()).await.map_err(SlotFailure::Card)?;
        slot.state = SlotState::Ready(own);
        slot.unsaved = Unsaved::TooMany;
        self.is_tidy = false;
        self.bring_up_to_date(merged.is_own_damaged).await
    }

    /// Puts on the card what it lacks.
    pub(super) async fn save(&mut self) {
        if let Err(failure) = self.bring_up_to_date(false).await {
            self.give_up(failure).await;
        }
    }

    /// Brings the card up to date. With `is_all_due` the whole box is written, whatever changed.
    async fn bring_up_to_date(&mut self, is_all_due: bool) -> Result<(), SlotFailure<C::Error>> {
        let Self { book, slot, buffers, .. } = self;
        let CardSlotTask { card, state, unsaved, kept } = slot;
        let SlotState::Ready(own) = state else { return Ok(()) };
        let changes = match unsaved {
            Unsaved::These(known) => Changes::These(known),
            Unsaved::TooMany => Changes::Unknown,
        };
        let appended = match is_all_due {
            true => Ok(Appended::Due),
            false => card::append(book, card, own, changes, buffers.list).await,
        };
        if appended.map_err(SlotFailure::of_backup)? == Appended::Due {
            say!("card: writing a snapshot");
            card::backup(book, card, own, buffers.list).await.map_err(SlotFailure::of_backup)?;
        }
        *unsaved = Unsaved::These(Vec::new());
        *kept = own.time();
        Ok(())
    }

    /// Leaves the card alone until the next check of the slot, which reads it anew.
    async fn give_up(&mut self, failure: SlotFailure<C::Error>) {
        let fault = match &failure {
            SlotFailure::Card(error) => fault_of(error),
            SlotFailure::Snapshot => Some(CardFault::Snapshot),
            // A failure of the box is reported by the box itself.
            SlotFailure::Box => None,
        };
        // A card that stays in the slot as it is would fill the diary with one line.
        let is_news = match (&self.slot.state, fault) {
            (_, None) => false,
            (SlotState::Unfit(known), Some(fault)) => *known != fault,
            (_, Some(_)) => true,
        };
        self.slot.state = fault.map_or(SlotState::Empty, SlotState::Unfit);
        self.slot.unsaved = Unsaved::TooMany;
        if let Some(fault) = fault.filter(|_| is_news) {
            say!("card: given up");
            self.note_card(fault).await;
        }
    }

    /// Rewrites the file for phones when the box has been idle for a while. Returns true if that is
    /// still to be done.
    pub(super) async fn finish_card(&mut self) -> bool {
        if !matches!(self.slot.state, SlotState::Ready(_)) {
            return false;
        }
        // The file is rewritten as a whole, whatever changed.
        if self.clock.now() < self.quiet_at + PHONE_MILLIS || self.slot.due() != UpdateDue::Not {
            return true;
        }
        let Self { book, slot, buffers, .. } = self;
        let written = card::write_phone_file(book, &mut slot.card, buffers.list).await;
        if let Err(error) = written {
            self.give_up(SlotFailure::of_backup(error)).await;
        }
        false
    }
}
