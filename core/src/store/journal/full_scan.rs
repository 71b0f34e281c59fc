//! Reading everything again: for verification, and for those who want superseded entries too.

use super::page_scan::{PageScan, ScanItem};
use super::state::{EVACUATE, HAS_GAP, NAMED, PageState, UNREADABLE, USED};
use super::{Entry, EntryOwner, Journal, ReadError};
use crate::store::page::{CALLER_KIND_MAX, HeaderFound, PAGE_HEADER_BYTES, PageHeader};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;
use serde::{Deserialize, Serialize};

/// The findings of a full scan. The order of the fields is what postcard writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReport {
    /// Pages read.
    pub pages: u32,
    /// Entries of the caller that are right, superseded ones included.
    pub entries: u32,
    /// Entries and page headers in which one flipped bit was corrected. They are
    /// written anew by `maintain`.
    pub corrected: u32,
    /// Entries that were there and cannot be read; each has been reported to the owner.
    pub missing: u32,
    /// Page headers that cannot be read.
    pub headers_struck: u32,
    /// Pages that cannot be read at all.
    pub pages_struck: u32,
}

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Reads every page again. Reports missing entries to the owner, and shows the visitor each
    /// entry that is right, superseded ones included, in the order of the pages. Writes nothing.
    pub async fn scan<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &mut T,
        mut visitor: impl FnMut(&Entry<'_>),
    ) -> Result<ScanReport, ReadError<F::Error>> {
        let mut report = ScanReport::default();
        for page in 0..self.page_count {
            self.scan_page(page, tenant, &mut report, &mut visitor).await?;
        }
        Ok(report)
    }

    /// Returns the number of pages: [`Self::scan_page`] takes the numbers below it.
    pub fn pages(&self) -> u32 {
        self.page_count
    }

    /// Returns the bytes of a page.
    pub fn page_bytes(&self) -> u32 {
        Self::PAGE as u32
    }

    /// Does for one page what [`Self::scan`] does for all. Between two pages the journal may be
    /// used for anything else: an entry that moves meanwhile is not shown twice because of that,
    /// but perhaps not at all. Entries missing in a page that is reclaimed are reported then.
    pub async fn scan_page<T: EntryOwner + ?Sized>(
        &mut self,
        page: u32,
        tenant: &mut T,
        report: &mut ScanReport,
        visitor: &mut impl FnMut(&Entry<'_>),
    ) -> Result<(), ReadError<F::Error>> {
        if page >= self.page_count {
            return Ok(());
        }
        let state = self.state(page);
        if state.role() == UNREADABLE {
            report.pages_struck += 1;
            self.each_loss(page, |loss| tenant.lost(loss)).await.map_err(ReadError::Flash)?;
        }
        if state.role() != USED {
            return Ok(());
        }
        report.pages += 1;
        self.load(page).await.map_err(ReadError::Flash)?;
        if self.walk_page(page, report, visitor) {
            let told = self.each_loss(page, |loss| tenant.lost(loss)).await;
            report.missing += told.map_err(ReadError::Flash)?;
        }
        Ok(())
    }

    /// Goes through the page in the buffer; whether something is missing in it.
    fn walk_page(
        &mut self,
        page: u32,
        report: &mut ScanReport,
        visitor: &mut impl FnMut(&Entry<'_>),
    ) -> bool {
        let frame = self.frame(page);
        let (vouched, is_named) = (self.committed(page), self.state(page).has(NAMED));
        let buffer = &mut self.buffer.cells_mut()[..Self::PAGE];
        let mut bytes = [0; PAGE_HEADER_BYTES];
        bytes.copy_from_slice(&buffer[..PAGE_HEADER_BYTES]);
        let mut mended = false;
        match PageHeader::decode(&bytes, Self::base(page)) {
            HeaderFound::Valid(_, corrected) => {
                report.corrected += u32::from(corrected);
                mended |= corrected;
            }
            _ if is_named => {}
            _ => {
                report.headers_struck += 1;
                mended = true;
            }
        }
        let mut walk = PageScan::new(frame, Self::WORD, Self::PAGE, vouched);
        let mut holes = false;
        loop {
            match walk.next(buffer) {
                ScanItem::End { .. } => break,
                ScanItem::Hole { .. } => holes = true,
                ScanItem::Entry(met) if met.header.kind() <= CALLER_KIND_MAX => {
                    report.entries += 1;
                    let payload = &buffer[met.payload()];
                    let at = Self::address(page, met.at);
                    visitor(&Entry {
                        at,
                        kind: met.header.kind(),
                        payload,
                        page_order: frame.order,
                    });
                }
                ScanItem::Entry(_) => {}
            }
        }
        report.corrected += u32::from(walk.corrected);
        mended |= walk.corrected > 0;
        holes &= !is_named;
        self.change(page, |state| {
            if mended {
                state.mark(EVACUATE);
            }
            if holes {
                state.mark(HAS_GAP | EVACUATE);
            }
        });
        holes
    }
}
