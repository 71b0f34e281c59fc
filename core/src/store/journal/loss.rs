//! Missing entries of a page: reporting them to the owner, and recording them before the page is
//! erased.

use super::errors::JournalFailure;
use super::notes::LOSS_BYTES_MAX;
use super::page_scan::{PageScan, ScanItem};
use super::state::{COLD, HAS_GAP, NAMED, PageState, UNREADABLE, USED};
use super::{EntryOwner, Journal, Loss};
use crate::store::page::{FIRST_ENTRY_AT, LOST, START};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Goes through the missing entries of the page, except its own start entry. The same losses
    /// come out at every call, whoever makes it. Uses the buffer. Returns the number of missing
    /// entries, the start entry included.
    pub(super) async fn each_loss(
        &mut self,
        page: u32,
        mut tell: impl FnMut(&Loss),
    ) -> Result<u32, F::Error> {
        let frame = self.frame(page);
        if self.state(page).role() == UNREADABLE {
            tell(&Loss { page, order: frame.order, first: 0, count: u16::MAX, hint: None });
            return Ok(0);
        }
        if self.state(page).has(NAMED) {
            return Ok(0);
        }
        let open_hint =
            self.streams.iter().find(|stream| stream.page == Some(page)).map(|stream| stream.hint);
        let tail_hint = match open_hint {
            Some(hint) => Some(hint),
            None => self.tail_hint(page).await?,
        };
        self.load(page).await?;
        let mut walk = PageScan::new(frame, Self::WORD, Self::PAGE, self.committed(page));
        let mut missing = 0;
        loop {
            match walk.next(&mut self.buffer.cells_mut()[..Self::PAGE]) {
                ScanItem::End { .. } => return Ok(missing),
                ScanItem::Entry(_) => {}
                ScanItem::Hole { first, count, hint } => {
                    missing += u32::from(count);
                    let hint = hint.or(tail_hint).filter(|hint| *hint != 0);
                    if first > 0 || count > 1 {
                        tell(&Loss { page, order: frame.order, first, count, hint });
                    }
                }
            }
        }
    }

    /// Reports to the owner the gaps that nobody had seen before.
    pub(super) async fn tell_losses<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        page: u32,
    ) -> Result<(), JournalFailure<F::Error>> {
        let state = self.state(page);
        if state.has(HAS_GAP) || state.role() == UNREADABLE {
            return Ok(());
        }
        let missing =
            self.each_loss(page, |loss| tenant.lost(loss)).await.map_err(JournalFailure::Flash)?;
        self.tally.holes += u64::from(missing);
        self.change(page, |state| state.mark(HAS_GAP));
        Ok(())
    }

    /// Returns the `index`-th loss of the page.
    pub(super) async fn loss_in(
        &mut self,
        page: u32,
        index: u16,
    ) -> Result<Option<Loss>, JournalFailure<F::Error>> {
        let (mut seen, mut found) = (0, None);
        let tell = |loss: &Loss| {
            if seen == index {
                found = Some(*loss);
            }
            seen += 1;
        };
        self.each_loss(page, tell).await.map_err(JournalFailure::Flash)?;
        Ok(found)
    }

    /// Keeps a loss that no page shows until it is written down with the next write. Losses beyond
    /// the room for them are reported at each open, as long as the evidence for them is there.
    pub fn owe(&mut self, loss: Loss) {
        self.owed.push(loss).ok();
    }

    /// Reports that a part of the medium, from this page on, is gone and blank in its place. Its
    /// entries are lost, and no page shows that. Returns false when there is no room to keep one
    /// more loss.
    pub fn lost_from<T: EntryOwner + ?Sized>(&mut self, tenant: &mut T, page: u32) -> bool {
        // Entries written from here on are in this page or a later one.
        let order = self.order_open().saturating_sub(1);
        let loss = Loss { page, order, first: 0, count: u16::MAX, hint: None };
        tenant.lost(&loss);
        self.owed.push(loss).is_ok()
    }

    /// Returns whether there are losses that no page shows and that are not written down yet.
    pub fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Writes down the losses that no page shows.
    pub(super) async fn settle_owed(&mut self) -> Result<(), JournalFailure<F::Error>> {
        while let Some(loss) = self.owed.first().copied() {
            self.remember(&loss).await?;
            self.owed.remove(0);
        }
        Ok(())
    }

    /// Writes a loss down, before the page that shows it is erased.
    pub(super) async fn remember(&mut self, loss: &Loss) -> Result<(), JournalFailure<F::Error>> {
        let mut payload = [0; LOSS_BYTES_MAX];
        let len = loss.encode(&mut payload);
        if let Some(block) = self.lay(0, LOST, loss.hint.unwrap_or(0), &[&payload[..len]]) {
            self.commit(COLD, block).await?;
        }
        Ok(())
    }

    /// Returns the hint of the last entry of the page, as the start entry of the next page of its
    /// stream says it. Uses the buffer.
    pub(super) async fn tail_hint(&mut self, page: u32) -> Result<Option<u16>, F::Error> {
        let order = self.state(page).order;
        let follows = |state: &PageState| {
            state.role() == USED
                && !matches!(state.gap, 0 | u16::MAX)
                && state.order.wrapping_sub(u32::from(state.gap)) == order
        };
        let Some(next) =
            (0u32..).zip(self.states()).find(|(_, state)| follows(state)).map(|(page, _)| page)
        else {
            return Ok(None);
        };
        self.load(next).await?;
        let frame = self.frame(next);
        let buffer = &mut self.buffer.cells_mut()[..Self::PAGE];
        let header = frame
            .verified(buffer, FIRST_ENTRY_AT, Self::PAGE)
            .or_else(|| frame.mend(buffer, FIRST_ENTRY_AT, Self::PAGE).map(|(header, _)| header));
        Ok(header.filter(|header| header.kind() == START).map(|header| header.hint))
    }
}
