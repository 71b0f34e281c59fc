//! Finds a box's own files on a card, and the place for the next entry.

use super::layout::{
    AUTHOR, BLOB, BOX, HeaderFault, LETTERS, MARK, MARK_BYTES, ROW_BYTES_MAX, SnapshotHeader,
    SnapshotMark, TableRowBytes, entry_bytes, row_index, sector_after, slack, snapshot_name,
};
use super::medium::{Card, CardError, FileName, SECTOR_BYTES};
use super::reader::{Entries, Payload, Sectors};
use super::writer::Position;
use crate::contact::Millis;
use crate::store::Root;
use crate::store::seal::Seal;
use heapless::Vec;

/// Names to try when other boxes or newer versions have the first ones.
const VARIANTS_MAX: u64 = 8;

/// The most blobs that can be appended before a new snapshot is due.
pub(super) const APPENDED_BLOBS_MAX: usize = 32;

/// A box's knowledge of its own files on the card in the slot.
///
/// It takes about a kilobyte, and can be found again from the card at any time, with
/// [`OwnFiles::find`].
#[derive(Clone)]
pub struct OwnFiles {
    pub(super) names: [FileName; 2],
    pub(super) files: [Option<SnapshotHeader>; 2],
    pub(super) newest: Option<Newest>,
}

/// The newest snapshot and the entries appended to it.
#[derive(Clone)]
pub(super) struct Newest {
    /// The index of the file, 0 or 1.
    pub(super) which: usize,
    pub(super) header: SnapshotHeader,
    /// The place for the next entry.
    pub(super) end: Position,
    /// The time up to which the file holds everything.
    pub(super) time: Millis,
    /// The root of all that is in the file, if the last mark has one.
    pub(super) root: Option<Root>,
    pub(super) tables: Tables,
    /// Hashes of the blobs that were appended.
    pub(super) blobs: Vec<[u8; 16], APPENDED_BLOBS_MAX>,
}

/// The boxes and authors whose rows a file has.
///
/// Indices are given out in rising order, so a file has all of them up to the highest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    boxes: OwnTotals,
    authors: OwnTotals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OwnTotals {
    /// The highest index of a row.
    last: u16,
    /// The number of rows.
    rows: u16,
    /// The sum of the rows' checksums, which does not depend on their order.
    sum: u32,
}

impl Tables {
    fn table(&mut self, kind: u8) -> &mut OwnTotals {
        if kind == BOX { &mut self.boxes } else { &mut self.authors }
    }

    pub(super) fn has(&self, kind: u8, index: u16) -> bool {
        let table = if kind == BOX { &self.boxes } else { &self.authors };
        index <= table.last
    }

    pub(super) fn note(&mut self, kind: u8, index: u16, row: &[u8]) {
        let table = self.table(kind);
        table.last = table.last.max(index);
        table.rows = table.rows.saturating_add(1);
        table.sum = table.sum.wrapping_add(Seal::new().over(row).value());
    }

    /// Returns whether the file's rows are those of the box, given as `rows`, up to the same index.
    ///
    /// If not, nothing can be appended. A row that was lost to damage and is known again is missing
    /// in the file. In a box that was put back to an earlier state, an index may stand for a
    /// different box or author by now.
    pub(super) fn are_of(&self, rows: impl Iterator<Item = (u8, u16, TableRowBytes)>) -> bool {
        let (mut known, none) = (*self, OwnTotals::default());
        known.boxes = OwnTotals { last: self.boxes.last, ..none };
        known.authors = OwnTotals { last: self.authors.last, ..none };
        for (kind, index, row) in rows.filter(|row| self.has(row.0, row.1)) {
            known.note(kind, index, &row);
        }
        known == *self
    }
}

/// The kind of file under a name.
enum OwnFile {
    /// No file, or one without a readable header.
    Free,
    Ours(SnapshotHeader),
    /// A file of another box or of a newer version, which must be left alone.
    Taken,
}

impl OwnFiles {
    /// Finds the files of the box `id` on a card.
    pub async fn find<C: Card>(card: &mut C, id: u64) -> Result<Self, CardError<C::Error>> {
        let mut chosen: Option<Self> = None;
        for variant in 0..VARIANTS_MAX {
            let names = LETTERS.map(|letter| snapshot_name(id, variant, letter));
            let mut files = [None, None];
            let mut is_taken = false;
            for (name, file) in names.iter().zip(&mut files) {
                match place(card, name, id).await? {
                    OwnFile::Free => {}
                    OwnFile::Ours(header) => *file = Some(header),
                    OwnFile::Taken => is_taken = true,
                }
            }
            let is_ours = files.iter().any(Option::is_some);
            if !is_taken && (is_ours || chosen.is_none()) {
                chosen = Some(Self { names, files, newest: None });
            }
            if is_ours {
                break;
            }
        }
        // All eight names belong to other boxes. This cannot happen by accident.
        let mut own = chosen.ok_or(CardError::Full)?;
        own.look(card).await?;
        Ok(own)
    }

    /// Returns the newest snapshot of the box on the card, if there is one.
    pub fn newest(&self) -> Option<&SnapshotHeader> {
        self.newest.as_ref().map(|newest| &newest.header)
    }

    /// Returns the time, by the box's own clock, up to which everything that the box held is on the
    /// card; 0 when nothing is.
    pub fn time(&self) -> Millis {
        self.newest.as_ref().map_or(0, |newest| newest.time)
    }

    /// Returns the root of what is on the card, appended entries included, if it is known.
    pub fn root(&self) -> Option<Root> {
        self.newest.as_ref().and_then(|newest| newest.root)
    }

    /// Returns the generation of the next snapshot.
    pub(super) fn generation(&self) -> u32 {
        let newest =
            self.files.iter().flatten().reduce(|newest, header| {
                if header.is_newer_than(newest) { header } else { newest }
            });
        newest.map_or(1, |newest| newest.generation.wrapping_add(1))
    }

    /// Finds the newest snapshot that has its end. A complete one goes before any other.
    pub(super) async fn look<C: Card>(&mut self, card: &mut C) -> Result<(), CardError<C::Error>> {
        self.newest = None;
        let mut order: [usize; 2] = [0, 1];
        if let [a, Some(b)] = &self.files
            && a.as_ref().is_none_or(|a| match (a.is_complete, b.is_complete) {
                (a, b) if a != b => b,
                _ => b.is_newer_than(a),
            })
        {
            order = [1, 0];
        }
        for which in order {
            let (Some(header), Some(&name)) = (self.files[which], self.names.get(which)) else {
                continue;
            };
            if let Some(newest) = walk(card, name, which, header).await? {
                self.newest = Some(newest);
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Classifies the file under a name, as the box `id` sees it.
async fn place<C: Card>(
    card: &mut C,
    name: &FileName,
    id: u64,
) -> Result<OwnFile, CardError<C::Error>> {
    Ok(match Sectors::new(card, *name).header().await? {
        Ok(header) if header.box_id == id => OwnFile::Ours(header),
        Ok(_) | Err(HeaderFault::Newer { .. }) => OwnFile::Taken,
        Err(HeaderFault::None) => OwnFile::Free,
    })
}

/// Reads the tables of a snapshot, the mark at its end, and the appended entries.
///
/// Returns `None` when the snapshot has no end.
async fn walk<C: Card>(
    card: &mut C,
    name: FileName,
    which: usize,
    header: SnapshotHeader,
) -> Result<Option<Newest>, CardError<C::Error>> {
    let mut room = [0; if ROW_BYTES_MAX > MARK_BYTES { ROW_BYTES_MAX } else { MARK_BYTES }];
    let mut tables = Tables::default();
    let mut entries = Entries::of_body(Sectors::new(card, name), &header);
    while let Some(found) = entries.next().await?
        && matches!(found.kind, BOX | AUTHOR)
    {
        let mut row = [0; ROW_BYTES_MAX];
        let len = ROW_BYTES_MAX.min(found.len as usize);
        let is_there = entries.file.fill(found.at, &mut row[..len]).await?;
        if is_there
            && entries.is_right(&found).await?
            && let Some((index, _)) = row_index(&row[..len])
        {
            tables.note(found.kind, index, &row[..len]);
        }
    }
    let Some((mark, end)) = last_mark(Sectors::new(card, name), &header).await? else {
        return Ok(None);
    };
    let mut newest =
        Newest { which, header, end, time: mark.time, root: mark.root, tables, blobs: Vec::new() };
    let mut entries = Entries::appended(Sectors::new(card, name), &header, end);
    // Entries behind the last mark were cut off: the next attempt overwrites them.
    let (mut tables, mut blobs) = (newest.tables, newest.blobs.clone());
    while let Some(found) = entries.next().await? {
        let payload = match entries.payload(&found, &mut room).await? {
            Payload::Whole(payload) | Payload::TooLarge(payload) => payload,
            Payload::Damaged => break,
        };
        match (found.kind, row_index(payload)) {
            (BOX | AUTHOR, Some((index, _))) => tables.note(found.kind, index, payload),
            (BLOB, _) => {
                if let Some(hash) = payload.first_chunk() {
                    // If there are more blobs than fit, a new snapshot is due and this list is not
                    // used.
                    blobs.push(*hash).ok();
                }
            }
            (MARK, _) => {
                let Some(mark) = SnapshotMark::parse(payload) else { break };
                let position = entries.position();
                newest.end = Position { at: sector_after(position.at), ..position };
                (newest.time, newest.root) = (mark.time, mark.root);
                (newest.tables, newest.blobs) = (tables, blobs.clone());
            }
            _ => {}
        }
    }
    Ok(Some(newest))
}

/// Returns the mark at the end of a snapshot, and the place of the first appended entry.
pub(super) async fn last_mark<C: Card>(
    file: Sectors<'_, C>,
    header: &SnapshotHeader,
) -> Result<Option<(SnapshotMark, Position)>, CardError<C::Error>> {
    let mut room = [0; MARK_BYTES];
    let mut entries = Entries::of_body(file, header);
    entries.skip_to(Position { at: header.mark_at(), number: header.entries - 1, link: 0 });
    let Some(found) = entries.next().await? else { return Ok(None) };
    if found.kind != MARK || found.at + MARK_BYTES as u32 > header.body_end {
        return Ok(None);
    }
    let Payload::Whole(payload) = entries.payload(&found, &mut room).await? else {
        return Ok(None);
    };
    let Some(mark) = SnapshotMark::parse(payload) else { return Ok(None) };
    let position = entries.position();
    Ok(Some((mark, Position { at: sector_after(header.body_end), ..position })))
}

/// The last mark of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastMark {
    pub(super) mark: SnapshotMark,
    /// The checksum of the mark. Appended entries are linked, so it stands for all that is before
    /// it.
    pub(super) link: u32,
    /// The number of entries up to and including the mark with the checksum that was looked for; 0
    /// when there is no such mark.
    pub(super) known: u32,
}

/// Returns the last mark of a file, which is that of the appended entries if there are any.
///
/// Returns `None` when the snapshot has no end. `link` is the checksum of a mark to look for.
pub(super) async fn newest_mark<C: Card>(
    card: &mut C,
    name: &FileName,
    header: &SnapshotHeader,
    link: u32,
) -> Result<Option<LastMark>, CardError<C::Error>> {
    let Some((mark, end)) = last_mark(Sectors::new(card, *name), header).await? else {
        return Ok(None);
    };
    let mut last = LastMark { mark, link: end.link, known: 0 };
    if end.link == link {
        last.known = end.number;
    }
    let mut room = [0; MARK_BYTES];
    let mut entries = Entries::appended(Sectors::new(card, *name), header, end);
    while let Some(found) = entries.next().await? {
        match entries.payload(&found, &mut room).await? {
            Payload::Damaged => break,
            Payload::Whole(payload) if found.kind == MARK => {
                let Some(later) = SnapshotMark::parse(payload) else { break };
                let position = entries.position();
                (last.mark, last.link) = (later, position.link);
                if position.link == link {
                    last.known = position.number;
                }
            }
            _ => {}
        }
    }
    Ok(Some(last))
}

/// Returns whether a file is missing, is empty, or has only zeros in place of a header.
///
/// A file that has a length but cannot be read is not blank.
pub(super) async fn is_blank<C: Card>(
    card: &mut C,
    name: &FileName,
) -> Result<bool, CardError<C::Error>> {
    let mut sector = [0; SECTOR_BYTES];
    let len = card.read(name, 0, &mut sector).await?;
    let is_unreadable = len == 0 && card.len(name).await?.is_some_and(|told| told > 0);
    Ok(!is_unreadable && sector.iter().take(len).all(|&byte| byte == 0))
}

/// Returns whether appending `bytes` more still pays, and fits without making the file longer.
pub(super) fn has_room(newest: &Newest, bytes: u32, file_len: u32) -> bool {
    let start = sector_after(newest.header.body_end);
    let end = newest.end.at.saturating_add(bytes).saturating_add(entry_bytes(MARK_BYTES as u32));
    end <= file_len && end.saturating_sub(start) <= slack(newest.header.body_end)
}
