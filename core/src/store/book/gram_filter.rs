//! Signatures and sort keys of contacts: made with the index, or apart from it
//! while a box is opened.

use super::state::BookState;
use super::{Book, BookConfig, Memory};
use crate::contact::Contact;
use crate::search::{Slices, SortKey};
use crate::store::entries::Spill;
use crate::store::index::Slot;
use crate::store::journal::{Address, Entry, EntryOwner, Liveness, Loss};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The signatures that a search skips most contacts by.
pub struct GramFilter<W> {
    slices: Slices,
    grams: W,
}

impl<W: Slab<u32>> GramFilter<W> {
    /// Makes a filter that has no contact yet.
    pub fn new(config: &BookConfig, grams: W) -> Self {
        Self { slices: Slices::new(config.gram_slices, config.gram_probes), grams }
    }

    /// Makes the signature of a slot; its sort key, or `None` when there is no memory for it.
    pub fn take(&mut self, note: &FilterInput<'_>) -> Option<u64> {
        if !self.reserve(note.slot + 1) {
            return None;
        }
        Some(if note.is_spilled {
            Spill::parse(note.record).map_or(0, |spill| self.spill(note.slot, &spill))
        } else {
            Contact::known(note.record)
                .map_or(0, |contact| self.contact(note.slot, note.is_again, &contact))
        })
    }

    pub(super) fn contact(&mut self, slot: u32, is_again: bool, contact: &Contact<'_>) -> u64 {
        // A slot taken for the first time has no grams yet; a chunk's never had any.
        if is_again {
            self.slices.clear(self.grams.cells_mut(), slot);
        }
        if contact.is_tombstone() {
            return 0;
        }
        self.slices.set(self.grams.cells_mut(), slot, contact).upper()
    }

    pub(super) fn spill(&mut self, slot: u32, spill: &Spill) -> u64 {
        let key = SortKey::named(&spill.name, spill.uid());
        // Its words are not known without reading its blob: every query has to look.
        self.slices.fill(self.grams.cells_mut(), slot, key);
        key.upper()
    }

    pub(super) fn reserve(&mut self, slots: u32) -> bool {
        self.grams.grow(self.slices.words(slots))
    }

    pub(super) fn slices(&self) -> Slices {
        self.slices
    }

    pub(super) fn words(&self) -> &[u32] {
        self.grams.cells()
    }
}

/// The content that the signature of a slot is made of.
#[derive(Clone, Copy)]
pub struct FilterInput<'r> {
    /// The slot.
    pub slot: u32,
    /// It had another one before.
    pub is_again: bool,
    /// `record` only tells where the record is.
    pub is_spilled: bool,
    /// The contact, checked.
    pub record: &'r [u8],
}

/// Takes note of contacts while a box is opened, for [`GramFilter`] that are made apart from it,
/// such as on another thread.
pub trait FilterSink {
    /// In this order the notes are to be given to [`GramFilter::take`].
    fn note(&mut self, note: &FilterInput<'_>);
}

/// Takes no notes: the signatures are made on the way.
pub(super) struct NoSink;

impl FilterSink for NoSink {
    fn note(&mut self, _: &FilterInput<'_>) {}
}

/// A box that has been opened but for its signatures.
pub struct BookWithoutFilter<F: NorFlash, M: Memory>(pub(super) Book<F, M>);

impl<F: NorFlash, M: Memory> BookWithoutFilter<F, M> {
    /// Slots there are.
    pub fn slots(&self) -> u32 {
        self.0.slots()
    }

    /// The box, with the signatures made of all notes, and the sort key that this
    /// gave for each slot.
    pub fn sign(
        mut self,
        signatures: GramFilter<M::Words>,
        key: impl Fn(u32) -> u64,
    ) -> Book<F, M> {
        let ledger = &mut self.0.ledger;
        ledger.signatures = Some(signatures);
        for number in 0..ledger.index.len() {
            if ledger.index.slot(number).is_contact() {
                ledger.index.change(number, |slot: &mut Slot| slot.key = key(number));
            }
        }
        self.0
    }
}

/// A ledger, and who takes note of the signatures that it does not make itself.
pub(super) struct Tee<'l, M: Memory, S> {
    pub(super) ledger: &'l mut BookState<M>,
    pub(super) scribe: &'l mut S,
}

impl<M: Memory, S: FilterSink> Tee<'_, M, S> {
    fn dictate(&mut self, entry: &Entry<'_>) {
        if let Some(taken) = self.ledger.taken.take() {
            self.scribe.note(&FilterInput {
                slot: taken.slot,
                is_again: taken.is_again,
                is_spilled: taken.is_spilled,
                record: entry.payload,
            });
        }
    }
}

impl<M: Memory, S: FilterSink> EntryOwner for Tee<'_, M, S> {
    fn on_entry(&mut self, entry: &Entry<'_>) -> Liveness {
        let standing = self.ledger.on_entry(entry);
        self.dictate(entry);
        standing
    }

    fn compare(&mut self, entry: &Entry<'_>, at: Address, other: Option<&Entry<'_>>) -> Liveness {
        let standing = self.ledger.compare(entry, at, other);
        self.dictate(entry);
        standing
    }

    fn is_live(&self, entry: &Entry<'_>) -> bool {
        self.ledger.is_live(entry)
    }

    fn moved(&mut self, entry: &Entry<'_>, to: Address) {
        self.ledger.moved(entry, to);
    }

    fn lost(&mut self, loss: &Loss) {
        self.ledger.lost(loss);
    }

    fn is_healed(&self, loss: &Loss) -> bool {
        self.ledger.is_healed(loss)
    }

    fn hint(&self, entry: &Entry<'_>) -> u16 {
        self.ledger.hint(entry)
    }
}
