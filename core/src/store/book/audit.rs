//! Looking back and looking after: older versions, figures, and what a verification tells.

use super::{Book, Counts, GetError, Memory, PutError, read};
use crate::contact::{BlobRef, Contact, Millis, Uid};
use crate::store::entries::{CONTACT, SPILL, Spill};
use crate::store::journal::{self, Entry, ScanReport};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;
use serde::{Deserialize, Serialize};

/// Something that verification found wrong. The order of the variants is what postcard writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// A contact's newest record cannot be read.
    Unreadable {
        /// The slot it is known by.
        slot: u32,
    },
    /// A newer version of this contact may have been lost.
    Stale(Uid),
    /// A photo or document of this contact is not whole.
    BlobDamaged(Uid, BlobRef),
    /// A newer version of any contact may have been lost, or one that is not here: of what was lost
    /// nothing is known. Told once, for all of them.
    AnyStale,
}

/// The result of a verification. The order of the fields is what postcard writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Contacts whose newest record was read and understood.
    pub contacts: u32,
    /// Blobs that were read and whose hash is right; one that two contacts share counts twice.
    pub blobs: u32,
    /// The result of reading every page.
    pub scan: ScanReport,
    /// Losses that nothing has healed.
    pub losses: u32,
    /// Things found wrong with contacts and blobs; each was shown to the visitor.
    pub findings: u32,
    /// Contacts, photos and documents among these that cannot be read as a whole. Not on a
    /// cable.
    #[serde(skip)]
    pub unreadable: u32,
}

impl VerifyReport {
    /// Returns whether everything is as it was written.
    pub fn is_sound(&self) -> bool {
        self.findings == 0
            && self.losses == 0
            && self.scan.missing == 0
            && self.scan.pages_struck == 0
    }
}

impl journal::OpenReport {
    /// Returns whether nothing that was acknowledged is missing.
    pub fn is_sound(&self) -> bool {
        self.missing == 0 && self.pages_struck == 0 && self.losses == 0
    }
}

/// How a box is doing. The order of the fields is what postcard writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Contacts by state.
    pub counts: Counts,
    /// Losses that nothing has healed.
    pub losses: u32,
    /// Entries of a newer version's, kept as they are.
    pub foreign: u32,
    /// The journal.
    pub journal: journal::JournalStats,
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// How the box is doing.
    pub fn stats(&self) -> Stats {
        Stats {
            counts: self.counts(),
            journal: self.journal.stats(),
            losses: self.losses(),
            foreign: self.ledger.foreign,
        }
    }

    /// Bytes of entries that are live, and that can be: of [`Book::stats`], which looks at every
    /// contact, what is told at once.
    pub fn fill(&self) -> (u64, u64) {
        self.journal.fill()
    }

    /// Losses through damage that nothing has healed.
    pub fn losses(&self) -> u32 {
        self.ledger.losses()
    }

    /// Looks which losses were healed before the box was opened, as what was lost of a contact is
    /// told at each open while its page is there. Reads what was written since the box has its
    /// present name, or everything where the index keeps no times.
    pub async fn settle_losses(&mut self) -> Result<(), GetError<F::Error>> {
        let Some(since) = self.writes_since() else { return Ok(()) };
        for number in 0..self.slots() {
            if !self.ledger.has_known_losses() {
                break;
            }
            if !self.is_state(number) || self.was_there_at(number, since) {
                continue;
            }
            let Self { journal, ledger, old, .. } = self;
            match read(journal, ledger, number, old.cells_mut()).await {
                Ok(contact) => ledger.heal_by(&contact),
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A part of the medium is gone, from this page on, and blank in its place. Nobody knows what
    /// was in it. True when that is written down: then the book tells it from now on.
    pub async fn lost_from(&mut self, page: u32) -> Result<bool, PutError<F::Error>> {
        let is_owed = self.journal.lost_from(&mut self.ledger, page);
        // With the new name it is written down, if there is one to take.
        self.renew_if_due().await?;
        if self.journal.owes() {
            // If the flash fails, the confirmation stays owed.
            self.journal.confirm_tails(&mut self.ledger).await.ok();
        }
        Ok(is_owed && !self.journal.owes())
    }

    /// The versions of a contact that the log still holds, the present one among them, each once
    /// and in no particular order. A version kept in a blob is given by its time only.
    pub async fn history(
        &mut self,
        uid: Uid,
        mut visit: impl FnMut(Millis, Option<&Contact<'_>>),
    ) -> Result<(), GetError<F::Error>> {
        let mut page = 0;
        while self.history_page(uid, page, &mut visit).await? {
            page += 1;
        }
        Ok(())
    }

    /// Does for one page of the log what [`Book::history`] does for all; false when there is no
    /// such page. The box may change between two pages: a version that moves to a page done already
    /// is not met, the present one among them.
    pub async fn history_page(
        &mut self,
        uid: Uid,
        page: u32,
        mut visit: impl FnMut(Millis, Option<&Contact<'_>>),
    ) -> Result<bool, GetError<F::Error>> {
        let mut visitor = |entry: &Entry<'_>| match entry.kind {
            CONTACT => {
                if let Ok(contact) = Contact::parse(entry.payload)
                    && contact.uid() == uid
                {
                    visit(contact.changed().time, Some(&contact));
                }
            }
            SPILL => {
                if let Some(spill) = Spill::parse(entry.payload)
                    && spill.uid() == uid
                {
                    visit(spill.version, None);
                }
            }
            _ => {}
        };
        let Self { journal, ledger, .. } = self;
        journal.scan_page(page, ledger, &mut ScanReport::default(), &mut visitor).await?;
        Ok(page < journal.pages())
    }
}
