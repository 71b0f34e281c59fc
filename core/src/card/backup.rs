//! Writes a box's state to a card: a whole snapshot, or the changes since the last one.

use super::blobs::BlobFinder;
use super::layout::{
    AUTHOR, BLOB, BLOB_HEAD_BYTES, BLOB_LIST, BLOB_ROW_BYTES, BODY_AT, BOX, BlobRow, MARK, RECORD,
    Salt, SnapshotHeader, SnapshotMark, TableRowBytes, VERSION, author_row_of, box_row_of,
    entry_bytes, sector_after, slack,
};
use super::medium::{Card, CardError, FileName, SECTOR_BYTES};
use super::own::{APPENDED_BLOBS_MAX, Newest, OwnFiles, Tables, has_room};
use super::reader::{Entries, Sectors};
use super::verify::{BoxTable, check_body, is_whole};
use super::writer::{Position, SnapshotWriter, sum_of};
use crate::contact::{BlobHasher, BlobRef, Contact, Millis, Uid};
use crate::store::{Book, GetError, Memory, Root};
use core::fmt;
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

const _: () = assert!(VERSION == 1, "what is written here is version 1");

/// The reason why a backup was not made. What was on the card stays there; the box is unchanged.
#[derive(Debug)]
pub enum BackupError<F, C> {
    /// The card failed.
    Card(CardError<C>),
    /// The box could not be read.
    Book(GetError<F>),
    /// The card does not give back what was written.
    NotReadBack {
        /// The file that was read back.
        file: FileName,
    },
}

impl<F, C> From<CardError<C>> for BackupError<F, C> {
    fn from(error: CardError<C>) -> Self {
        Self::Card(error)
    }
}

impl<F: fmt::Debug, C: fmt::Debug> fmt::Display for BackupError<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(error) => error.fmt(f),
            Self::Book(error) => error.fmt(f),
            Self::NotReadBack { file } => write!(
                f,
                "the card does not give back what was written to {file}; use another card"
            ),
        }
    }
}

impl<F: fmt::Debug, C: fmt::Debug> core::error::Error for BackupError<F, C> {}

/// A snapshot that was written, read back and found to be what the box holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The name of the file.
    pub file: FileName,
    /// Its number among the snapshots of this box on this card.
    pub generation: u32,
    /// Contacts in it, those in the trash and tombstones included.
    pub records: u32,
    /// Photos and documents in it.
    pub blobs: u32,
    /// Contacts, photos and documents of the box that cannot be read and are therefore not in it.
    /// An older snapshot that has them is kept beside it.
    pub unreadable: u32,
    /// The root of the contacts in it.
    pub root: Root,
    /// The length of the snapshot in bytes.
    pub bytes: u32,
    /// Sectors written for it.
    pub sector_writes: u64,
}

/// The changes since the last snapshot or append, as far as the caller knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes<'c> {
    /// The changes are not known. Every contact is checked, and read where the index keeps no
    /// times.
    Unknown,
    /// Only these contacts have changed since an [`append`] or [`backup`] that completed.
    These(&'c [Uid]),
}

/// The result of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The card held everything already.
    Nothing,
    /// The changes are on the card, and were read back.
    Done {
        /// Contacts that were written.
        records: u32,
        /// Sectors written for it.
        sector_writes: u64,
    },
    /// A [`backup`] is due: appending no longer pays, or there is no snapshot to append to.
    Due,
}

/// Writes all that a box holds to the card, then reads it back and compares.
///
/// The snapshot goes into the file that does not hold the newest one, so a cut at any moment leaves
/// that newest one whole. `room` must hold the largest contact of the box with an entry's head.
pub async fn backup<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    own: &mut OwnFiles,
    room: &mut [u8],
) -> Result<Backup, BackupError<F::Error, C::Error>> {
    let writes_before = card.sector_writes();
    let which = choose(card, own).await?;
    let name = own.names[which];
    let time = book.time_max();
    let salt = Salt { box_id: book.id(), generation: own.generation(), time };
    if card.len(&name).await?.unwrap_or(0) < SECTOR_BYTES as u32 {
        // Bytes of a deleted file in these sectors must not be taken for a header. The file is also
        // entered in the file system now, so that a cut while it grows loses no space for good.
        card.write(&name, 0, &[0; SECTOR_BYTES]).await?;
        card.flush(&name).await?;
    }
    own.files[which] = None;

    let mut writer = SnapshotWriter::new(card, name, salt, BODY_AT);
    let mut tables = Tables::default();
    write_tables(book, &mut writer, &mut tables).await?;
    let mut unreadable = 0;
    let (blobs, list_at) = write_blobs(book, &mut writer, room, &mut unreadable).await?;
    let mut header = SnapshotHeader {
        box_id: salt.box_id,
        generation: salt.generation,
        time,
        is_complete: false,
        body_end: 0,
        entries: 0,
        active: 0,
        trashed: 0,
        tombstones: 0,
        blobs,
        list_at,
        root: Root::default(),
    };
    for slot in 0..book.slots() {
        let contact = match book.state(slot, room).await {
            Ok(Some(contact)) => contact,
            Ok(None) => continue,
            Err(error) if error.is_damage() => {
                unreadable += 1;
                continue;
            }
            Err(error) => return Err(BackupError::Book(error)),
        };
        let count = match (contact.is_tombstone(), contact.is_trashed()) {
            (true, _) => &mut header.tombstones,
            (_, true) => &mut header.trashed,
            _ => &mut header.active,
        };
        *count += 1;
        unreadable += contact.blobs().filter(|&blob| !book.can_read_blob(blob)).count() as u32;
        header.root = header.root.with(book.state_digest(&contact));
        writer.entry(RECORD, contact.bytes()).await?;
    }
    header.is_complete = unreadable == 0 && book.losses() == 0;
    let mark = SnapshotMark { time, root: Some(header.root) };
    writer.entry(MARK, &mark.encode()).await?;
    header.body_end = writer.at();
    header.entries = writer.number();
    let (end, _) = writer.finish().await?;
    card.write(&name, 0, &header.encode()).await?;
    card.flush(&name).await?;

    let is_right = Sectors::new(card, name).header().await? == Ok(header);
    let mut known = BoxTable::Known(&|index| book.box_id(index));
    let body = check_body(Sectors::new(card, name), &header, &mut known, room).await?;
    if !is_right || !body.is_whole() || body.root() != Some(header.root) {
        return Err(BackupError::NotReadBack { file: name });
    }
    own.files[which] = Some(header);
    own.newest =
        Some(Newest { which, header, end, time, root: mark.root, tables, blobs: Vec::new() });
    make_slack(card, &name, end.at, header.body_end).await?;
    Ok(Backup {
        file: name,
        generation: header.generation,
        records: header.active + header.trashed + header.tombstones,
        blobs,
        unreadable,
        root: header.root,
        bytes: header.body_end,
        sector_writes: card.sector_writes() - writes_before,
    })
}

/// Appends every contact that changed since the last snapshot or append.
///
/// All of them are appended in one go: a cut leaves what was there before. It is called after each
/// acknowledged change. One change of a contact without a new photo costs one or two sectors.
///
/// `room` must hold the largest contact of the box with an entry's head.
pub async fn append<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    own: &mut OwnFiles,
    changes: Changes<'_>,
    room: &mut [u8],
) -> Result<Appended, BackupError<F::Error, C::Error>> {
    let writes_before = card.sector_writes();
    let Some(newest) = own.newest.clone() else { return Ok(Appended::Due) };
    let Some(&name) = own.names.get(newest.which) else { return Ok(Appended::Due) };
    let time = book.time_max();
    if newest.time >= time {
        return Ok(Appended::Nothing);
    }
    // A box that has lost contacts may still append. The snapshot before it still has them, which
    // is good.
    let Some((bytes, blobs)) = weigh(book, card, &name, &newest, changes, room).await? else {
        return Ok(Appended::Due);
    };
    let len = card.len(&name).await?.unwrap_or(0);
    if !has_room(&newest, bytes, len) {
        return Ok(Appended::Due);
    }
    let Newest { header, end, mut tables, .. } = newest;
    let mut writer = SnapshotWriter::behind(card, name, header.salt(), end);
    write_tables(book, &mut writer, &mut tables).await?;
    for &blob in &blobs {
        if is_readable(book, blob, room).await.map_err(BackupError::Book)? {
            write_blob(book, &mut writer, blob, room).await?;
        }
    }
    let mut records = 0;
    for place in 0..changes.places(book) {
        if let Some(contact) = changed(book, changes, place, newest.time, room).await? {
            writer.entry(RECORD, contact.bytes()).await?;
            records += 1;
        }
    }
    let root = book.root_known();
    writer.entry(MARK, &SnapshotMark { time, root }.encode()).await?;
    let (position, sum) = writer.finish().await?;
    if sum_of(card, &name, end.at, position.at).await? != Some(sum) {
        return Err(BackupError::NotReadBack { file: name });
    }
    let mut known = newest.blobs;
    known.extend(blobs.iter().map(|blob| blob.hash));
    own.newest = Some(Newest {
        which: newest.which,
        header,
        end: position,
        time,
        root,
        tables,
        blobs: known,
    });
    Ok(Appended::Done { records, sector_writes: card.sector_writes() - writes_before })
}

/// Chooses the file for the next snapshot, never the one that holds the newest whole snapshot.
async fn choose<C: Card>(card: &mut C, own: &mut OwnFiles) -> Result<usize, CardError<C::Error>> {
    let Some(which) = own.newest.as_ref().map(|newest| newest.which) else { return Ok(0) };
    let other = 1 - which.min(1);
    if is_whole_at(card, own, which).await? || !is_whole_at(card, own, other).await? {
        return Ok(other);
    }
    Ok(which)
}

async fn is_whole_at<C: Card>(
    card: &mut C,
    own: &OwnFiles,
    which: usize,
) -> Result<bool, CardError<C::Error>> {
    match own.files.get(which) {
        Some(Some(header)) => is_whole(Sectors::new(card, own.names[which]), header).await,
        _ => Ok(false),
    }
}

impl Changes<'_> {
    /// Returns how many places may hold a changed contact.
    fn places<F: NorFlash, M: Memory>(&self, book: &Book<F, M>) -> u32 {
        match self {
            Self::Unknown => book.slots(),
            Self::These(uids) => uids.len() as u32,
        }
    }
}

/// Returns the contact in a place if it changed after `time` and can be read.
async fn changed<'b, F: NorFlash, M: Memory, C>(
    book: &mut Book<F, M>,
    changes: Changes<'_>,
    place: u32,
    time: Millis,
    room: &'b mut [u8],
) -> Result<Option<Contact<'b>>, BackupError<F::Error, C>> {
    let state = match changes {
        Changes::Unknown if book.was_there_at(place, time) => return Ok(None),
        Changes::Unknown => book.state(place, room).await,
        Changes::These(uids) => match uids.get(place as usize) {
            Some(&uid) => book.state_of(uid, room).await,
            None => return Ok(None),
        },
    };
    match state {
        Ok(contact) => Ok(contact.filter(|contact| contact.changed().time > time)),
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(BackupError::Book(error)),
    }
}

/// Returns the bytes that an append takes and the blobs it needs; `None` when it would be too much.
async fn weigh<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    name: &FileName,
    newest: &Newest,
    changes: Changes<'_>,
    room: &mut [u8],
) -> Result<Option<(u32, Vec<BlobRef, APPENDED_BLOBS_MAX>)>, BackupError<F::Error, C::Error>> {
    let mut finder = BlobFinder::new(*name, newest.header);
    let mut blobs: Vec<BlobRef, APPENDED_BLOBS_MAX> = Vec::new();
    // This counts rows that the file lacks, at most.
    let mut bytes = 0u32;
    if !newest.tables.are_of(rows(book)) {
        return Ok(None);
    }
    for (kind, index, row) in rows(book) {
        if !newest.tables.has(kind, index) {
            bytes = bytes.saturating_add(entry_bytes(row.len() as u32));
        }
    }
    let limit = slack(newest.header.body_end);
    for place in 0..changes.places(book) {
        let Some(contact) = changed(book, changes, place, newest.time, room).await? else {
            continue;
        };
        bytes = bytes.saturating_add(entry_bytes(contact.bytes().len() as u32));
        for blob in contact.blobs() {
            let is_known = newest.blobs.contains(&blob.hash)
                || blobs.contains(&blob)
                || finder.in_list(card, blob).await?.is_some();
            if is_known {
                continue;
            }
            bytes = bytes.saturating_add(entry_bytes(blob.len.saturating_add(BLOB_HEAD_BYTES)));
            if newest.blobs.len() + blobs.len() >= APPENDED_BLOBS_MAX || blobs.push(blob).is_err() {
                return Ok(None);
            }
        }
        if bytes > limit {
            return Ok(None);
        }
    }
    Ok(Some((bytes, blobs)))
}

/// Returns kind, index and row of every box and author in the box's tables.
fn rows<F: NorFlash, M: Memory>(
    book: &Book<F, M>,
) -> impl Iterator<Item = (u8, u16, TableRowBytes)> + '_ {
    let boxes = book.boxes().map(|(index, id)| (BOX, index.0, box_row_of(index, id)));
    let authors = book.authors();
    boxes.chain(authors.map(|(index, name)| (AUTHOR, index.0, author_row_of(index, name))))
}

/// Writes the rows of the tables that the file does not have yet.
async fn write_tables<F: NorFlash, M: Memory, C: Card>(
    book: &Book<F, M>,
    writer: &mut SnapshotWriter<'_, C>,
    tables: &mut Tables,
) -> Result<(), CardError<C::Error>> {
    for (kind, index, row) in rows(book) {
        if !tables.has(kind, index) {
            writer.entry(kind, &row).await?;
            tables.note(kind, index, &row);
        }
    }
    Ok(())
}

/// Writes every whole blob of the box and the list of them.
///
/// Returns how many there are, and the offset of the list's first row.
async fn write_blobs<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    writer: &mut SnapshotWriter<'_, C>,
    room: &mut [u8],
    unreadable: &mut u32,
) -> Result<(u32, u32), BackupError<F::Error, C::Error>> {
    let from = Position { at: writer.at(), number: writer.number(), link: 0 };
    let mut blobs = 0;
    for slot in 0..book.slots() {
        let blob = match book.blob_at(slot).await {
            Ok(Some(blob)) => blob,
            Ok(None) => continue,
            Err(error) if error.is_damage() => {
                *unreadable += 1;
                continue;
            }
            Err(error) => return Err(BackupError::Book(error)),
        };
        if is_readable(book, blob, room).await.map_err(BackupError::Book)? {
            write_blob(book, writer, blob, room).await?;
            blobs += 1;
        } else {
            *unreadable += 1;
        }
    }
    if blobs == 0 {
        return Ok((0, 0));
    }
    // The offsets of the blobs are read back from the card, so no memory is needed for them here.
    writer.pad().await?;
    let mut position = from;
    let len = blobs * BLOB_ROW_BYTES;
    writer.begin(BLOB_LIST, len).await?;
    let list_at = writer.at();
    for _ in 0..blobs {
        let (name, salt) = writer.file();
        let file = Sectors::new(writer.card(), name);
        let mut entries = Entries::unfinished(file, salt, position);
        let found = entries.next().await?.filter(|found| found.kind == BLOB);
        let mut bytes = [0; BLOB_HEAD_BYTES as usize];
        let Some(found) = found else { return Err(BackupError::NotReadBack { file: name }) };
        entries.file.fill(found.at, &mut bytes).await?;
        position = entries.position();
        let row = BlobRow::of_blob(&bytes, found.at + BLOB_HEAD_BYTES);
        writer.more(&row.encode()).await?;
    }
    writer.end().await?;
    Ok((blobs, list_at))
}

/// Returns whether the content of a blob in the box matches its hash.
pub(super) async fn is_readable<F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    blob: BlobRef,
    room: &mut [u8],
) -> Result<bool, GetError<F::Error>> {
    let mut hasher = BlobHasher::new(blob.len);
    let mut offset = 0;
    while offset < blob.len {
        match book.read_blob(blob, offset, room).await {
            Ok(0) => return Ok(false),
            Ok(count) => {
                hasher.add(&room[..count]);
                offset += count as u32;
            }
            Err(error) if error.is_damage() => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(hasher.finish() == blob)
}

/// Writes a blob that was checked to be readable.
async fn write_blob<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    writer: &mut SnapshotWriter<'_, C>,
    blob: BlobRef,
    room: &mut [u8],
) -> Result<(), BackupError<F::Error, C::Error>> {
    let len = blob.len.checked_add(BLOB_HEAD_BYTES).ok_or(CardError::Full)?;
    writer.begin(BLOB, len).await?;
    writer.more(&blob.hash).await?;
    writer.more(&blob.len.to_le_bytes()).await?;
    let mut offset = 0;
    while offset < blob.len {
        let count = book.read_blob(blob, offset, room).await.map_err(BackupError::Book)?;
        if count == 0 {
            return Err(BackupError::Book(GetError::NoSuchBlob));
        }
        writer.more(&room[..count]).await?;
        offset += count as u32;
    }
    writer.end().await?;
    Ok(())
}

/// Makes the file longer if less than half of the room for appending is left behind a snapshot.
///
/// A card that is too full for this only needs its next snapshot sooner.
async fn make_slack<C: Card>(
    card: &mut C,
    name: &FileName,
    end: u32,
    body_end: u32,
) -> Result<(), CardError<C::Error>> {
    let len = card.len(name).await?.unwrap_or(0);
    let wanted = end.saturating_add(slack(body_end));
    if len.saturating_sub(end) >= slack(body_end) / 2 {
        return Ok(());
    }
    let mut at = len.max(end);
    at = sector_after(at);
    while at < wanted {
        match card.write(name, at, &[0; SECTOR_BYTES]).await {
            Err(CardError::Full) => break,
            written => written?,
        }
        at += SECTOR_BYTES as u32;
    }
    card.flush(name).await
}
