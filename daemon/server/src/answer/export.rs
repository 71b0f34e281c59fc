//! Cards out, page by page: all of them, or those a query finds.

use super::error::CallError;
use super::left_out::of_slots;
use super::{cursor, read};
use crate::rpc::{Export, VcardVersion as Asked};
use contactbox_api::PageCursor;
use contactbox_api::contact::Unlisted;
use contactbox_api::vcard::ExportReply;
use contactbox_core::contact::{BlobRef, Contact, Property, Value};
use contactbox_core::search::{Class, Hit, PageRequest, Query, Rank};
use contactbox_core::store::{Book, GetError};
use contactbox_core::vcard::{Blobs, VcardVersion, WriteCardError, write_card};
use contactbox_engine::Host;
use contactbox_engine::image::{Image, ImageError};
use contactbox_engine::memory::Heap;
use embassy_futures::block_on;

/// Text of a page, unless one card is longer, in bytes.
const PAGE_BYTES: usize = 1024 * 1024;

/// Contacts found at once when a query says which.
const HITS: usize = 64;

/// A page while it is being written.
struct ExportPage {
    text: String,
    cards: u32,
    /// Longest text that fits a frame when it is JSON.
    bytes_max: usize,
    is_with_photos: bool,
    version: VcardVersion,
    /// Contacts whose photos are too large for a frame, all together.
    without_photos: Vec<String>,
    /// Slots of contacts that cannot be read.
    unread: Vec<u32>,
}

/// The room on the page after a contact was added.
#[derive(PartialEq, Eq)]
enum Fit {
    Left,
    /// The contact belongs on the next page.
    Full,
}

/// `contact.export`
pub(super) fn page(host: &mut Host, asked: &Export) -> Result<ExportReply, CallError> {
    let mut sheet = ExportPage {
        text: String::new(),
        cards: 0,
        // A line break of two bytes for 75 becomes four in JSON; quotes and backslashes double.
        bytes_max: host.config.limits.frame_bytes / 16 * 15,
        is_with_photos: asked.photos.unwrap_or(true),
        version: match asked.vcard_version {
            Asked::V3 => VcardVersion::V3,
            Asked::V4 => VcardVersion::V4,
        },
        without_photos: Vec::new(),
        unread: Vec::new(),
    };
    let cursor = match &asked.query {
        Some(query) => found(host, asked, &Query::parse(query), &mut sheet)?,
        None => all(host, asked, &mut sheet)?,
    };
    host.note_left_out(&sheet.unread);
    if asked.query.is_some() && cursor.is_none() {
        // Nobody knows whether the query would have found them, so they are told with the last
        // page.
        sheet.unread = host.left_out(read::shelf(asked.shelf));
    }
    let Unlisted { left_out, left_out_count, lacks } = of_slots(host, &sheet.unread)?;
    Ok(ExportReply {
        vcard: sheet.text,
        vcards: sheet.cards.into(),
        left_out,
        left_out_count,
        lacks,
        cursor: cursor.map(PageCursor),
        without_photos: sheet.without_photos,
    })
}

fn all(
    host: &mut Host,
    asked: &Export,
    sheet: &mut ExportPage,
) -> Result<Option<String>, CallError> {
    let run = host.run;
    let first = asked.cursor.as_deref().map_or(Ok(0), |text| cursor::slot(text, run))?;
    let Host { book, record, .. } = host;
    for slot in first..book.slots() {
        if !book.is_on(read::shelf(asked.shelf), slot) {
            continue;
        }
        if sheet.add(book, record, slot)? == Fit::Full {
            return Ok(Some(cursor::of_slot(run, slot)));
        }
    }
    Ok(None)
}

fn found(
    host: &mut Host,
    asked: &Export,
    query: &Query,
    sheet: &mut ExportPage,
) -> Result<Option<String>, CallError> {
    let mut after: Option<Rank> = asked.cursor.as_deref().map(cursor::rank).transpose()?;
    let Host { book, record, .. } = host;
    loop {
        let page = PageRequest { query, after, deepest: Class::Elsewhere };
        let mut hits = [Hit::EMPTY; HITS];
        let count = block_on(book.find(&page, read::shelf(asked.shelf), &mut hits, record))?;
        for hit in &hits[..count] {
            if sheet.add(book, record, hit.slot)? == Fit::Full {
                return Ok(after.map(|rank| cursor::of_rank(&rank)));
            }
            after = Some(hit.rank);
        }
        if count < HITS {
            return Ok(None);
        }
    }
}

impl ExportPage {
    /// Adds the contact in a slot. One that cannot be read is left out, and told.
    fn add(
        &mut self,
        book: &mut Book<Image, Heap>,
        record: &mut [u8],
        slot: u32,
    ) -> Result<Fit, CallError> {
        let contact = match block_on(book.get_slot(slot, record)) {
            Ok(Some(found)) => found.contact,
            Ok(None) => return Ok(Fit::Left),
            Err(error) if error.is_damage() => {
                self.unread.push(slot);
                return Ok(Fit::Left);
            }
            Err(error) => return Err(error.into()),
        };
        let before = self.text.len();
        let mut written = self.write(book, &contact, self.is_with_photos);
        if self.is_with_photos
            && (matches!(written, Err(WriteCardError::Output))
                || json_bytes(&self.text[before..]) > self.bytes_max)
        {
            self.text.truncate(before);
            self.without_photos.push(contact.uid().to_string());
            written = self.write(book, &contact, false);
        }
        if let Err(error) = written {
            self.text.truncate(before);
            return match error {
                // A photo that is damaged is not worth the rest of the card.
                WriteCardError::Blob { error, .. } if error.is_damage() => {
                    self.without_photos.push(contact.uid().to_string());
                    self.write(book, &contact, false).map_err(write_fault)?;
                    self.settle(before)
                }
                error => Err(write_fault(error)),
            };
        }
        self.settle(before)
    }

    /// Keeps the card that was written from `before` on, unless it belongs on the next page.
    fn settle(&mut self, before: usize) -> Result<Fit, CallError> {
        if before > 0 && self.text.len() > PAGE_BYTES {
            self.text.truncate(before);
            return Ok(Fit::Full);
        }
        self.cards += 1;
        Ok(Fit::Left)
    }

    fn write(
        &mut self,
        book: &mut Book<Image, Heap>,
        contact: &Contact<'_>,
        is_with_photos: bool,
    ) -> Result<(), WriteCardError<GetError<ImageError>>> {
        let contents = contact.properties().map(|property| property.content);
        let uid = Some(contact.uid());
        let is_told = move |content: &Property<'_>| {
            is_with_photos || !matches!(content.value, Value::Bytes(_) | Value::Blob(_))
        };
        let mut shelf = BookBlobs { book };
        write_card(contents.filter(is_told), uid, self.version, &mut shelf, &mut self.text)
    }
}

/// Length of a text as a JSON string.
fn json_bytes(text: &str) -> usize {
    let extra = text.bytes().filter(|byte| byte.is_ascii_control() || matches!(byte, b'"' | b'\\'));
    text.len()
        + extra
            .map(|byte| if matches!(byte, b'\r' | b'\n' | b'"' | b'\\' | b'\t') { 1 } else { 5 })
            .sum::<usize>()
}

fn write_fault(error: WriteCardError<GetError<ImageError>>) -> CallError {
    match error {
        WriteCardError::Blob { error, .. } => error.into(),
        error => CallError::WriteCard(error),
    }
}

/// The book as the place photos come from.
struct BookBlobs<'b> {
    book: &'b mut Book<Image, Heap>,
}

impl Blobs for BookBlobs<'_> {
    type Error = GetError<ImageError>;

    fn read(
        &mut self,
        blob: BlobRef,
        offset: u32,
        into: &mut [u8],
    ) -> Result<usize, GetError<ImageError>> {
        block_on(self.book.read_blob(blob, offset, into))
    }
}
