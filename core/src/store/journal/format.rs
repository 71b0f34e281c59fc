//! Making a chip into a box.

use super::errors::JournalFailure;
use super::state::{HOT, NEVER_USED, PageState, WritePoint};
use super::{Journal, JournalConfig, JournalFormatError, JournalTally, PAGES_MIN};
use crate::store::page::is_erased;
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// A journal that is yet to be opened or made, where it will stay; `Err` tells how many page
    /// states and bytes of `buffer` it needs. Until then it has no pages: there is nothing to read
    /// in it, and no room to write.
    pub fn closed(flash: F, mut pages: P, buffer: B) -> Result<Self, (u32, u32)> {
        const { Self::FITS };
        let page_count = Self::pages_of(&flash);
        let enough = pages.grow(page_count as usize) && pages.cells().len() >= page_count as usize;
        if !enough || buffer.cells().len() < Self::PAGE {
            return Err((page_count, Self::PAGE as u32));
        }
        pages.cells_mut().fill(PageState::NEW);
        Ok(Journal {
            flash,
            barrier: None,
            referred_at: None,
            announced_at: None,
            pages,
            buffer,
            salt: 0,
            page_count: 0,
            next_order: 1,
            epoch: 0,
            streams: [WritePoint::default(); 2],
            prepared: None,
            unannounced: None,
            is_astray: false,
            owed: heapless::Vec::new(),
            victim: None,
            sweeping: false,
            idle_steps: 0,
            free: 0,
            ready: 0,
            live: 0,
            tally: JournalTally::default(),
        })
    }

    /// Makes the chip into a new, empty box. Whatever was on it is gone. `pages` has to hold, or
    /// grow to, one state a page, `buffer` one page.
    ///
    /// If power fails before this returns, there is no box yet; formatting can be tried again.
    pub async fn format(
        flash: F,
        config: JournalConfig,
        pages: P,
        buffer: B,
    ) -> Result<Self, JournalFormatError<F::Error>> {
        let mut journal = Self::closed(flash, pages, buffer)
            .map_err(|(pages, buffer_bytes)| JournalFormatError::Memory { pages, buffer_bytes })?;
        journal.format_here(config).await?;
        Ok(journal)
    }

    /// Makes the chip of a closed journal into a new box, as [`Journal::format`] does.
    pub async fn format_here(
        &mut self,
        config: JournalConfig,
    ) -> Result<(), JournalFormatError<F::Error>> {
        self.salt = config.salt;
        self.page_count = Self::pages_of(&self.flash);
        if self.page_count < PAGES_MIN {
            return Err(JournalFormatError::TooSmall {
                pages: self.page_count,
                pages_min: PAGES_MIN,
            });
        }
        // The first page last: what would make the chip look like a box is gone before
        // the new box begins there.
        for page in (0..self.page_count).rev() {
            self.change(page, |state| state.set_role(NEVER_USED));
            self.load(page).await.map_err(JournalFormatError::Flash)?;
            if !is_erased(&self.buffer.cells()[..Self::PAGE]) {
                let (from, to) = (Self::base(page), Self::base(page) + Self::PAGE as u32);
                self.flash.erase(from, to).await.map_err(JournalFormatError::Flash)?;
                self.change(page, |state| state.set_erases(1));
            }
        }
        self.recount();
        self.announce().await.map_err(|trouble| match trouble {
            JournalFailure::Flash(error) => JournalFormatError::Flash(error),
            JournalFailure::NoRoom | JournalFailure::Worn => JournalFormatError::Worn,
        })?;
        self.checkpoint(HOT).await.map_err(|_| JournalFormatError::Worn)?;
        // There is nothing in it yet that one would miss.
        self.streams[HOT].anchored = true;
        // A second header, so that one burst cannot take away all there is to know the box by.
        self.prepare_ahead().await.map_err(|_| JournalFormatError::Worn)?;
        Ok(())
    }
}
