//! Checks a snapshot: every entry, every record, and the root of all records.

use super::layout::{
    AUTHOR, BLOB, BLOB_HEAD_BYTES, BLOB_LIST, BOX, HeaderFault, MARK, RECORD, SnapshotHeader,
    SnapshotMark, box_row,
};
use super::medium::{Card, CardError, FileName};
use super::own::last_mark;
use super::reader::{Entries, Payload, Sectors};
use crate::contact::{BlobHasher, BlobRef, BoxIndex, Contact, Millis, Uid, state_digest};
use crate::store::Root;

/// Contacts by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Contacts that are neither in the trash nor deleted.
    pub active: u32,
    /// Contacts in the trash.
    pub trashed: u32,
    /// Tombstones: contacts that are deleted and only remembered as such.
    pub tombstones: u32,
}

impl StateCounts {
    /// Returns the count of contacts in this state.
    fn of(&mut self, state: BodyState) -> &mut u32 {
        match state {
            BodyState::Active => &mut self.active,
            BodyState::Trashed => &mut self.trashed,
            BodyState::Gone => &mut self.tombstones,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    Active,
    Trashed,
    Gone,
}

impl BodyState {
    fn of(contact: &Contact<'_>) -> Self {
        match (contact.is_tombstone(), contact.is_trashed()) {
            (true, _) => Self::Gone,
            (false, true) => Self::Trashed,
            (false, false) => Self::Active,
        }
    }
}

/// The result of reading the entries of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyReport {
    /// Contact records that were read and understood.
    pub records: u32,
    /// The same records, counted by state.
    pub tally: StateCounts,
    /// Photos and documents whose hash is right.
    pub blobs: u32,
    /// Entries that are there but not as they were written.
    pub damaged: u32,
    /// Entries that are no longer found.
    pub missing: u32,
    /// Records that are whole but larger than the memory given. They are missing in the root.
    pub too_large: u32,
    /// True if there was memory for every box that the file mentions.
    is_table_whole: bool,
    root: Root,
}

impl BodyReport {
    /// Returns whether everything that was written is there.
    pub fn is_whole(&self) -> bool {
        self.damaged == 0 && self.missing == 0
    }

    /// Returns the root of all records, if all of them were read.
    pub fn root(&self) -> Option<Root> {
        (self.is_whole() && self.too_large == 0 && self.is_table_whole).then_some(self.root)
    }
}

/// The boxes that the indices in a file's records stand for.
pub(super) enum BoxTable<'t> {
    /// The table of this box, which wrote the file. The rows in the file must agree with it.
    Known(&'t dyn Fn(BoxIndex) -> u64),
    /// The table in the file.
    Told {
        /// The identities by index; 0 for an index that the file does not mention.
        ids: &'t mut [u64],
        /// True if the file mentions a box for which there was no memory.
        is_full: bool,
    },
}

impl<'t> BoxTable<'t> {
    /// Makes a table in the caller's memory, for the file of the box `own`.
    pub(super) fn told(ids: &'t mut [u64], own: u64) -> Self {
        ids.fill(0);
        let is_full = match ids.first_mut() {
            Some(id) => {
                *id = own;
                false
            }
            None => true,
        };
        Self::Told { ids, is_full }
    }

    /// Adds a row of the table; returns false if it is no row, or not the one that was written.
    pub(super) fn note(&mut self, payload: &[u8]) -> bool {
        let Some((index, id)) = box_row(payload) else { return false };
        match self {
            Self::Known(known) => known(index) == id,
            Self::Told { .. } if index == BoxIndex::SELF => true,
            Self::Told { ids, is_full } => {
                match ids.get_mut(usize::from(index.0)) {
                    Some(place) => *place = id,
                    None => *is_full = true,
                }
                true
            }
        }
    }

    /// Returns whether every row found a place in the table.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(self, Self::Told { is_full: true, .. })
    }

    fn id(&self, index: BoxIndex) -> u64 {
        match self {
            Self::Known(known) => known(index),
            Self::Told { ids, .. } => ids.get(usize::from(index.0)).copied().unwrap_or(0),
        }
    }

    pub(super) fn digest(&self, contact: &Contact<'_>) -> [u8; 16] {
        state_digest(contact, |index| self.id(index))
    }
}

/// Reads a snapshot, without appended entries: every entry, record and blob, with the blob's hash.
///
/// `room` must hold the largest record.
pub(super) async fn check_body<C: Card>(
    file: Sectors<'_, C>,
    header: &SnapshotHeader,
    table: &mut BoxTable<'_>,
    room: &mut [u8],
) -> Result<BodyReport, CardError<C::Error>> {
    let mut report = BodyReport::default();
    let mut entries = Entries::of_body(file, header);
    while let Some(found) = entries.next().await? {
        if found.kind == BLOB {
            let is_right = entries.is_right(&found).await?;
            if is_right && has_its_hash(&mut entries.file, found.at, found.len).await? {
                report.blobs += 1;
            } else {
                report.damaged += 1;
            }
            continue;
        }
        match (found.kind, entries.payload(&found, room).await?) {
            (_, Payload::Damaged) => report.damaged += 1,
            (BOX, Payload::Whole(payload)) => report.damaged += u32::from(!table.note(payload)),
            (RECORD, Payload::TooLarge(_)) => report.too_large += 1,
            (RECORD, Payload::Whole(payload)) => match Contact::parse(payload) {
                Ok(contact) => {
                    report.records += 1;
                    *report.tally.of(BodyState::of(&contact)) += 1;
                    report.root = report.root.with(table.digest(&contact));
                }
                Err(_) => report.damaged += 1,
            },
            (BOX | AUTHOR | BLOB_LIST | MARK, _) => {}
            _ => report.damaged += 1,
        }
    }
    report.missing = entries.missing;
    report.is_table_whole = table.is_whole();
    Ok(report)
}

/// Returns whether the content of a blob entry matches its hash.
async fn has_its_hash<C: Card>(
    file: &mut Sectors<'_, C>,
    at: u32,
    len: u32,
) -> Result<bool, CardError<C::Error>> {
    let mut head = [0; BLOB_HEAD_BYTES as usize];
    if len < BLOB_HEAD_BYTES || !file.fill(at, &mut head).await? {
        return Ok(false);
    }
    let blob = blob_head(&head);
    if blob.len != len - BLOB_HEAD_BYTES {
        return Ok(false);
    }
    let mut hasher = BlobHasher::new(blob.len);
    let mut at = at + BLOB_HEAD_BYTES;
    let end = at + blob.len;
    while at < end {
        let there = file.at(at).await?;
        let piece = &there[..there.len().min((end - at) as usize)];
        if piece.is_empty() {
            return Ok(false);
        }
        hasher.add(piece);
        at += piece.len() as u32;
    }
    Ok(hasher.finish() == blob)
}

/// Reads the hash and length that stand before the content of a blob.
pub(super) fn blob_head(head: &[u8; BLOB_HEAD_BYTES as usize]) -> BlobRef {
    let mut blob = BlobRef { hash: [0; 16], len: 0 };
    blob.hash.copy_from_slice(&head[..16]);
    let [.., a, b, c, d] = *head;
    blob.len = u32::from_le_bytes([a, b, c, d]);
    blob
}

/// Returns whether every entry of a snapshot is there as it was written. Records are not decoded.
pub(super) async fn is_whole<C: Card>(
    file: Sectors<'_, C>,
    header: &SnapshotHeader,
) -> Result<bool, CardError<C::Error>> {
    let mut entries = Entries::of_body(file, header);
    while let Some(found) = entries.next().await? {
        if !entries.is_right(&found).await? {
            return Ok(false);
        }
    }
    Ok(entries.missing == 0)
}

/// One appended contact, for [`verify`]. The caller provides the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatestContact {
    uid: Uid,
    digest: [u8; 16],
    state: BodyState,
}

impl LatestContact {
    /// An empty place.
    pub const EMPTY: LatestContact =
        LatestContact { uid: Uid([0; 16]), digest: [0; 16], state: BodyState::Gone };
}

/// The result of comparing a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootCheck {
    /// The root is that of the records.
    Right,
    /// The root is not that of the records.
    Wrong,
    /// There was too little memory to compare, or the file has no root.
    Unknown,
}

/// The result of checking a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The header of the snapshot.
    pub header: SnapshotHeader,
    /// The entries of the snapshot.
    pub body: BodyReport,
    /// The root of the snapshot.
    pub root: RootCheck,
    /// The number of appended contacts.
    pub appended: u32,
    /// The root of the whole file, where an appended contact replaces the one in the snapshot.
    pub root_appended: RootCheck,
    /// Contacts by state, where an appended contact replaces the one in the snapshot. `None` when
    /// there was too little memory to count, or not all could be read.
    pub tally: Option<StateCounts>,
    /// The time, by the box's own clock, up to which the file holds everything.
    pub time: Millis,
}

impl FileReport {
    /// Returns whether the file is as it was written.
    pub fn is_sound(&self) -> bool {
        let roots = [self.root, self.root_appended];
        self.body.is_whole() && !roots.contains(&RootCheck::Wrong)
    }
}

/// Checks a snapshot file: decodes every record, reads every blob with its hash, compares the
/// roots.
///
/// `room` must hold the largest record. `boxes` needs a place for each box that the file mentions,
/// [`crate::limits::BOXES_MAX`] at most; `latest` needs one for each appended contact. With too few
/// of either, the root of the whole file stays unknown.
pub async fn verify<C: Card>(
    card: &mut C,
    name: &FileName,
    room: &mut [u8],
    boxes: &mut [u64],
    latest: &mut [LatestContact],
) -> Result<Result<FileReport, HeaderFault>, CardError<C::Error>> {
    let header = match Sectors::new(card, *name).header().await? {
        Ok(header) => header,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut table = BoxTable::told(boxes, header.box_id);
    let body = check_body(Sectors::new(card, *name), &header, &mut table, room).await?;
    let root = compare(body.root(), Some(header.root));
    let time = header.time;
    let root_appended = RootCheck::Unknown;
    let mut report =
        FileReport { header, body, root, appended: 0, root_appended, tally: None, time };
    let Some((mut mark, end)) = last_mark(Sectors::new(card, *name), &header).await? else {
        return Ok(Ok(report));
    };
    let mut shelf = LatestShelf { places: latest, len: 0, is_full: false };
    let mut total = None;
    let mut entries = Entries::appended(Sectors::new(card, *name), &header, end);
    let mut count = 0;
    while let Some(found) = entries.next().await? {
        match (found.kind, entries.payload(&found, room).await?) {
            (_, Payload::Damaged) => break,
            (BOX, Payload::Whole(row)) => {
                table.note(row);
            }
            (RECORD, Payload::Whole(record)) => {
                let Ok(contact) = Contact::parse(record) else { break };
                let (uid, digest) = (contact.uid(), table.digest(&contact));
                shelf.put(LatestContact { uid, digest, state: BodyState::of(&contact) });
                count += 1;
            }
            (RECORD, Payload::TooLarge(_)) => {
                shelf.is_full = true;
                count += 1;
            }
            (MARK, Payload::Whole(payload)) => {
                let Some(later) = SnapshotMark::parse(payload) else { break };
                mark = later;
                report.appended = count;
                total = Some(shelf.total());
            }
            _ => {}
        }
    }
    report.time = mark.time;
    // Contacts behind the last mark do not count. They are in the shelf and cannot be taken out
    // again.
    let (Some(appended), Some(whole)) = (total, body.root()) else {
        if total.is_none() {
            (report.root_appended, report.tally) = (root, body.root().map(|_| body.tally));
        }
        return Ok(Ok(report));
    };
    if shelf.is_full || !table.is_whole() || count > report.appended {
        return Ok(Ok(report));
    }
    let (mut sum, mut tally) = (whole.with(appended), body.tally);
    for place in shelf.places.iter().take(shelf.len) {
        *tally.of(place.state) += 1;
    }
    let mut entries = Entries::of_body(Sectors::new(card, *name), &header);
    while let Some(found) = entries.next().await? {
        if found.kind != RECORD {
            continue;
        }
        if let Payload::Whole(record) = entries.payload(&found, room).await?
            && let Ok(contact) = Contact::parse(record)
            && shelf.find(contact.uid()).is_ok()
        {
            sum = sum.without(table.digest(&contact));
            let replaced = tally.of(BodyState::of(&contact));
            *replaced = replaced.saturating_sub(1);
        }
    }
    report.root_appended = compare(Some(sum), mark.root);
    report.tally = Some(tally);
    Ok(Ok(report))
}

fn compare(found: Option<Root>, told: Option<Root>) -> RootCheck {
    match (found, told) {
        (Some(found), Some(told)) if found == told => RootCheck::Right,
        (Some(_), Some(_)) => RootCheck::Wrong,
        _ => RootCheck::Unknown,
    }
}

/// The latest digest of each appended contact, by identity.
struct LatestShelf<'l> {
    places: &'l mut [LatestContact],
    len: usize,
    is_full: bool,
}

impl LatestShelf<'_> {
    fn find(&self, uid: Uid) -> Result<usize, usize> {
        self.places.get(..self.len).unwrap_or(&[]).binary_search_by_key(&uid, |place| place.uid)
    }

    fn put(&mut self, latest: LatestContact) {
        match self.find(latest.uid) {
            Ok(place) => self.places[place] = latest,
            Err(_) if self.len == self.places.len() => self.is_full = true,
            Err(place) => {
                self.places.copy_within(place..self.len, place + 1);
                self.places[place] = latest;
                self.len += 1;
            }
        }
    }

    fn total(&self) -> [u8; 16] {
        let places = self.places.get(..self.len).unwrap_or(&[]);
        places.iter().fold(Root::default(), |root, place| root.with(place.digest)).0
    }
}
