//! Writes `CONTACTS.VCF`, the contacts of a box as vCards, whenever they have changed.

use super::backup::{BackupError, is_readable};
use super::medium::{Card, CardError, FileName, SECTOR_BYTES};
use crate::contact::{BlobRef, Contact, Kind, Property, Value};
use crate::limits::PHONE_BLOB_BYTES_MAX;
use crate::store::{Book, GetError, Memory, Root};
use crate::vcard::{NoBlobs, VcardVersion, WriteCardError, Writer, write_card};
use core::cell::RefCell;
use core::fmt;
use embedded_storage_async::nor_flash::NorFlash;

/// The beginning of every vCard. The first one also holds the root, at [`ROOT_AT`].
const BEGIN: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\n";
const PRODUCER: &str = "PRODID:-//contactbox//";
/// Bytes at the beginning of a file that are searched for its maker. They are several sectors, as
/// the first may be torn.
const FOREIGN_BYTES: usize = 4 * SECTOR_BYTES;
const ROOT_AT: usize = BEGIN.len() + PRODUCER.len();
const ROOT_DIGITS: usize = 32;

/// The end of every vCard.
const END: &str = "END:VCARD\r\n";

/// Filler behind the last vCard, up to the length that the file had before.
const BLANK: [u8; 2] = *b"\r\n";

/// Bytes of a photo that are read at once.
const PIECE_BYTES: usize = 384;

/// Bytes of vCard text that are written at once: a piece of a photo in base64, folded, and some
/// more.
const WINDOW_BYTES: usize = 640;

/// A report on the file for phones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhoneFile {
    /// True if the file held this state of the box already. Nothing else was then read or written.
    pub was_current: bool,
    /// True if a file of this name exists that no box has made, such as one that a phone exported.
    /// It was left as it is.
    pub is_foreign: bool,
    /// Contacts in it.
    pub cards: u32,
    /// Contacts left out because they are private (`CLASS` other than `PUBLIC`).
    pub private: u32,
    /// Photos and documents left out because they are large or cannot be read.
    pub without_blob: u32,
    /// Contacts that cannot be read.
    pub unreadable: u32,
    /// Bytes of vCards.
    pub bytes: u32,
    /// Sectors written for it.
    pub sector_writes: u64,
}

/// Writes the contacts that are neither in the trash nor private into [`FileName::PHONE`], as vCard
/// 3.0, unless the file holds this state already. It is called when there is nothing else to do.
///
/// The file is written in place. A cut leaves new vCards, old ones, and perhaps a broken one
/// between them; the next call repairs this. `room` must hold the largest contact with an entry's
/// head.
pub async fn write_phone_file<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    room: &mut [u8],
) -> Result<PhoneFile, BackupError<F::Error, C::Error>> {
    let mut report = PhoneFile::default();
    let root = match book.root().await {
        Ok(root) => Some(root),
        // A box that cannot read all of itself has no root, but phones still get their file.
        Err(error) if error.is_damage() => None,
        Err(error) => return Err(BackupError::Book(error)),
    };
    if root.is_some() && told_root(card).await? == root {
        return Ok(PhoneFile { was_current: true, ..report });
    }
    if is_foreign(card, room).await? {
        return Ok(PhoneFile { is_foreign: true, ..report });
    }
    let writes_before = card.sector_writes();
    let mut sheet =
        PhoneFileWriter { card, at: 0, sector: [0; SECTOR_BYTES], first: [0; SECTOR_BYTES] };
    for slot in 0..book.slots() {
        let contact = match book.state(slot, room).await {
            Ok(Some(contact)) => contact,
            Ok(None) => continue,
            Err(error) if error.is_damage() => {
                report.unreadable += 1;
                continue;
            }
            Err(error) => return Err(BackupError::Book(error)),
        };
        if contact.is_tombstone() || contact.is_trashed() {
            continue;
        }
        if is_private(&contact) {
            report.private += 1;
            continue;
        }
        write_contact(book, &contact, &mut sheet, &mut report).await?;
        report.cards += 1;
    }
    report.bytes = sheet.at;
    sheet.finish(root.filter(|_| report.cards > 0)).await?;
    report.sector_writes = card.sector_writes() - writes_before;
    Ok(report)
}

/// Returns whether the file holds something that no box has written.
///
/// A file of a box that was left unfinished by a cut has vCards of a box near its beginning.
async fn is_foreign<C: Card>(card: &mut C, room: &mut [u8]) -> Result<bool, CardError<C::Error>> {
    let room_bytes = room.len().min(FOREIGN_BYTES);
    let len = card.read(&FileName::PHONE, 0, &mut room[..room_bytes]).await?;
    let text = room.get(..len).unwrap_or(&[]);
    let is_blank = text.iter().all(|byte| matches!(byte, 0 | 0xFF | b'\r' | b'\n'));
    let is_ours = text.windows(PRODUCER.len()).any(|part| part == PRODUCER.as_bytes());
    Ok(!is_blank && !is_ours)
}

/// Returns whether a contact is marked as not meant for everybody.
fn is_private(contact: &Contact<'_>) -> bool {
    [Kind::CLASS, Kind::X_CLASS].into_iter().flat_map(|kind| contact.all(kind)).any(|property| {
        let class = property.content.value.as_text();
        class.is_some_and(|class| !class.eq_ignore_ascii_case("PUBLIC"))
    })
}

/// Returns the root of the box's state that the file was made from.
async fn told_root<C: Card>(card: &mut C) -> Result<Option<Root>, CardError<C::Error>> {
    let mut sector = [0; SECTOR_BYTES];
    let len = card.read(&FileName::PHONE, 0, &mut sector).await?;
    let text = sector.get(..len).unwrap_or(&[]);
    let is_ours =
        text.starts_with(BEGIN.as_bytes()) && text[BEGIN.len()..].starts_with(PRODUCER.as_bytes());
    let Some(digits) = text.get(ROOT_AT..ROOT_AT + ROOT_DIGITS).filter(|_| is_ours) else {
        return Ok(None);
    };
    let mut root = Root::default();
    for (byte, pair) in root.0.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).unwrap_or("");
        match u8::from_str_radix(pair, 16) {
            Ok(value) => *byte = value,
            Err(_) => return Ok(None),
        }
    }
    Ok((root != Root::default()).then_some(root))
}

/// Writes a contact: all but its blobs first, then the blobs piece by piece.
///
/// The first part is one text. It is made again for each window that is written, so that no memory
/// has to hold all of it.
async fn write_contact<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    contact: &Contact<'_>,
    sheet: &mut PhoneFileWriter<'_, C>,
    report: &mut PhoneFile,
) -> Result<(), BackupError<F::Error, C::Error>> {
    sheet.text(BEGIN.as_bytes()).await?;
    sheet.text(PRODUCER.as_bytes()).await?;
    // The root of the file belongs into the first vCard, and is written last.
    sheet.text(&[b'0'; ROOT_DIGITS]).await?;
    sheet.text(b"//EN\r\n").await?;
    let contents = contact.properties().map(|property| property.content);
    let contents = contents
        .filter(|content| content.kind != Kind::PRODID && !matches!(content.value, Value::Blob(_)));
    let window = Window::default();
    let mut skip = BEGIN.len();
    loop {
        window.open(skip);
        let mut out = &window;
        match write_card(
            contents.clone(),
            Some(contact.uid()),
            VcardVersion::V3,
            &mut NoBlobs,
            &mut out,
        ) {
            Ok(()) => {}
            Err(
                WriteCardError::Output
                | WriteCardError::Blob { .. }
                | WriteCardError::BlobShort { .. },
            ) => {
                // A window takes everything, and there are no blobs in this text.
                return Err(BackupError::Book(GetError::NoSuchBlob));
            }
        }
        let (bytes, len, total) = window.take();
        let end = total.saturating_sub(END.len());
        let len = len.min(end.saturating_sub(skip));
        sheet.text(bytes.get(..len).unwrap_or(&[])).await?;
        skip += len;
        if skip >= end || len == 0 {
            break;
        }
    }
    for property in contact.properties() {
        if let Value::Blob(blob) = property.content.value {
            let is_small = blob.len <= PHONE_BLOB_BYTES_MAX;
            let mut piece = [0; PIECE_BYTES];
            if is_small && is_readable(book, blob, &mut piece).await.map_err(BackupError::Book)? {
                write_blob(book, &property.content, blob, sheet).await?;
            } else {
                report.without_blob += 1;
            }
        }
    }
    sheet.text(END.as_bytes()).await?;
    Ok(())
}

async fn write_blob<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    content: &Property<'_>,
    blob: BlobRef,
    sheet: &mut PhoneFileWriter<'_, C>,
) -> Result<(), BackupError<F::Error, C::Error>> {
    let window = Window::default();
    // The head of a property can be longer than a window, so it is made again for each window.
    let mut skip = 0;
    let mut writer = loop {
        window.open(skip);
        let mut writer = Writer::new(&window, VcardVersion::V3);
        // A window takes everything.
        writer.begin_binary(content).ok();
        let (bytes, len, total) = window.take();
        sheet.text(&bytes[..len]).await?;
        skip += len;
        if skip >= total || len == 0 {
            break writer;
        }
    };
    let mut piece = [0; PIECE_BYTES];
    let mut offset = 0;
    while offset < blob.len {
        let count = book.read_blob(blob, offset, &mut piece).await.map_err(BackupError::Book)?;
        if count == 0 {
            return Err(BackupError::Book(GetError::NoSuchBlob));
        }
        window.open(0);
        writer.binary(&piece[..count]).ok();
        let (bytes, len, _) = window.take();
        sheet.text(&bytes[..len]).await?;
        offset += count as u32;
    }
    window.open(0);
    writer.end_binary().ok();
    let (bytes, len, _) = window.take();
    sheet.text(&bytes[..len]).await?;
    Ok(())
}

/// A window on a text that is being written: it skips the bytes before, keeps those inside and only
/// counts those behind.
struct Window(RefCell<Pane>);

struct Pane {
    bytes: [u8; WINDOW_BYTES],
    len: usize,
    skip: usize,
    total: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self(RefCell::new(Pane { bytes: [0; WINDOW_BYTES], len: 0, skip: 0, total: 0 }))
    }
}

impl Window {
    /// Opens the window for the next text, at its byte `skip`.
    fn open(&self, skip: usize) {
        let mut pane = self.0.borrow_mut();
        (pane.len, pane.skip, pane.total) = (0, skip, 0);
    }

    /// Returns the bytes in the window, how many there are, and the length of the whole text.
    fn take(&self) -> ([u8; WINDOW_BYTES], usize, usize) {
        let pane = self.0.borrow();
        (pane.bytes, pane.len, pane.total)
    }
}

impl fmt::Write for &Window {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut pane = self.0.borrow_mut();
        let hidden = pane.skip.saturating_sub(pane.total).min(text.len());
        let shown = &text.as_bytes()[hidden..];
        let len = pane.len;
        let count = shown.len().min(WINDOW_BYTES - len);
        pane.bytes[len..len + count].copy_from_slice(&shown[..count]);
        pane.len += count;
        pane.total += text.len();
        Ok(())
    }
}

/// Writes the file to the card. A sector that the card has already is not written.
struct PhoneFileWriter<'c, C: Card> {
    card: &'c mut C,
    at: u32,
    sector: [u8; SECTOR_BYTES],
    first: [u8; SECTOR_BYTES],
}

impl<C: Card> PhoneFileWriter<'_, C> {
    async fn text(&mut self, text: &[u8]) -> Result<(), CardError<C::Error>> {
        let mut text = text;
        while !text.is_empty() {
            let used = self.at as usize % SECTOR_BYTES;
            let (now, later) = text.split_at(text.len().min(SECTOR_BYTES - used));
            self.sector[used..used + now.len()].copy_from_slice(now);
            self.at = self.at.checked_add(now.len() as u32).ok_or(CardError::Full)?;
            if (self.at as usize).is_multiple_of(SECTOR_BYTES) {
                self.put(self.at - SECTOR_BYTES as u32).await?;
            }
            text = later;
        }
        Ok(())
    }

    /// Writes the sector, unless the card has it already.
    async fn put(&mut self, at: u32) -> Result<(), CardError<C::Error>> {
        if at == 0 {
            self.first = self.sector;
        }
        let mut there = [0; SECTOR_BYTES];
        let len = self.card.read(&FileName::PHONE, at, &mut there).await?;
        if len < SECTOR_BYTES || there != self.sector {
            self.card.write(&FileName::PHONE, at, &self.sector).await?;
        }
        Ok(())
    }

    /// Fills the rest of the file with line ends and writes the root of the state that it holds.
    async fn finish(mut self, root: Option<Root>) -> Result<(), CardError<C::Error>> {
        let len = self.card.len(&FileName::PHONE).await?.unwrap_or(0);
        while !(self.at as usize).is_multiple_of(SECTOR_BYTES) || self.at < len {
            let pair = self.at as usize % BLANK.len();
            self.text(&BLANK[pair..]).await?;
        }
        self.card.flush(&FileName::PHONE).await?;
        if let Some(root) = root {
            self.sector = self.first;
            let mut digits = self.sector[ROOT_AT..ROOT_AT + ROOT_DIGITS].chunks_exact_mut(2);
            for byte in root.0 {
                if let Some([high, low]) = digits.next() {
                    let digit = |value: u8| b"0123456789abcdef"[usize::from(value % 16)];
                    (*high, *low) = (digit(byte / 16), digit(byte));
                }
            }
            self.put(0).await?;
            self.card.flush(&FileName::PHONE).await?;
        }
        Ok(())
    }
}

const _: () = assert!(ROOT_AT + ROOT_DIGITS <= SECTOR_BYTES);
const _: () =
    assert!(PIECE_BYTES.is_multiple_of(3) && PIECE_BYTES / 3 * 4 * 77 / 75 + 8 < WINDOW_BYTES);
