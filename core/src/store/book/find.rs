//! Finding contacts: the book as a source of candidates for the search.

use super::state::BookState;
use super::unread::MET_MAX;
use super::{Book, GetError, GramFilter, Memory, read};
use crate::contact::Contact;
use crate::search::{self, ContactSource, Hit, PageRequest, Slices};
use crate::store::index::{self, Packed};
use crate::store::journal::Journal;
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// The contacts that are looked through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shelf {
    /// Those not in the trash.
    #[default]
    Active,
    /// Those in the trash.
    Trash,
    /// Both.
    All,
}

impl Shelf {
    fn takes(self, slot: &index::Slot) -> bool {
        slot.is_contact()
            && match self {
                Self::Active => !slot.has(index::TRASHED),
                Self::Trash => slot.has(index::TRASHED),
                Self::All => true,
            }
    }
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Fills `hits` with the best answers of a page and returns how many there are; fewer than fit
    /// means there are no more. A contact that cannot be read for damage is left out, and noted for
    /// [`Book::take_unread`].
    ///
    /// `memory` takes one contact at a time.
    pub async fn find(
        &mut self,
        page: &PageRequest<'_>,
        shelf: Shelf,
        hits: &mut [Hit],
        memory: &mut [u8],
    ) -> Result<usize, GetError<F::Error>> {
        // They are there in every box that has been opened.
        let Some(signatures) = &self.ledger.signatures else { return Ok(0) };
        let (journal, ledger, unread) = (&mut self.journal, &self.ledger, &mut self.unread);
        let mut source = BookSource { journal, ledger, signatures, shelf, unread };
        search::find(&mut source, page, hits, memory).await
    }

    /// Returns whether the contact in a slot belongs to a shelf, for going through all with
    /// [`Book::get_slot`].
    pub fn is_on(&self, shelf: Shelf, number: u32) -> bool {
        shelf.takes(&self.ledger.index.slot(number))
    }
}

struct BookSource<'s, F: NorFlash, M: Memory> {
    journal: &'s mut Journal<F, M::Pages, M::Bytes>,
    ledger: &'s BookState<M>,
    signatures: &'s GramFilter<M::Words>,
    shelf: Shelf,
    unread: &'s mut Vec<u32, MET_MAX>,
}

impl<F: NorFlash, M: Memory> ContactSource for BookSource<'_, F, M> {
    type Error = GetError<F::Error>;
    const KEY_BITS: u32 = M::Slot::KEY_BITS;

    fn slots(&self) -> u32 {
        self.ledger.index.len()
    }

    fn is_wanted(&self, slot: u32) -> bool {
        self.shelf.takes(&self.ledger.index.slot(slot))
    }

    fn key(&self, slot: u32) -> u64 {
        self.ledger.index.slot(slot).key
    }

    fn slices(&self) -> Slices {
        self.signatures.slices()
    }

    fn signatures(&self) -> &[u32] {
        self.signatures.words()
    }

    async fn contact<'b>(
        &mut self,
        slot: u32,
        memory: &'b mut [u8],
    ) -> Result<Option<Contact<'b>>, Self::Error> {
        match read(self.journal, self.ledger, slot, memory).await {
            Ok(contact) => Ok(Some(contact)),
            Err(error) if error.is_damage() => {
                if !self.unread.contains(&slot) {
                    // With more than fit, others are told first.
                    self.unread.push(slot).ok();
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
