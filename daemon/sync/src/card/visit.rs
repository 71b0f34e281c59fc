//! One visit to a card: opening it, leaving a backup there, taking in what others left.

use super::folder::{FolderCard, OpenMode};
use super::image::ImageCard;
use super::replica::{MergeResult, Replica};
use super::sync_error::SyncError;
use contactbox_api::card::{TakenFromCard, WriteKind, WrittenToCard};
use contactbox_core::card::{
    Appended, Backup, Card, CardError, Changes, FileName, OwnFiles, PhoneFile, SnapshotOwners,
    append, backup, write_phone_file,
};
use contactbox_core::store::Consent;
use embassy_futures::block_on;
use std::path::Path;

/// A card of either kind.
pub enum AnyCard {
    /// A folder, mounted or not.
    Folder(FolderCard),
    /// An image of a whole card.
    Image(Box<ImageCard>),
}

/// The medium's error, in words.
pub use super::folder::FolderFault as Medium;

impl AnyCard {
    /// The card at `path`, to be written to or only read.
    pub fn open(path: &Path, mode: OpenMode) -> Result<Self, SyncError> {
        let told = std::fs::metadata(path)
            .map_err(|error| SyncError::NoCard { path: path.to_path_buf(), error })?;
        if told.is_dir() {
            return Ok(Self::Folder(FolderCard::open(path, mode)?));
        }
        // A pipe has no end, and a terminal neither.
        if !told.is_file() && !is_disk(&told) {
            return Err(SyncError::NotACard { path: path.to_path_buf() });
        }
        // Before its lock is waited for: the daemon that has it open may be this one.
        if contactbox_engine::image::is_image(path) {
            return Err(SyncError::IsABox { path: path.to_path_buf() });
        }
        Ok(Self::Image(Box::new(ImageCard::open(path, mode)?)))
    }
}

/// Returns whether a file is a disk, which may have a card in it.
fn is_disk(data: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::FileTypeExt::is_block_device(&data.file_type());
    #[cfg(not(unix))]
    return !data.is_dir();
}

impl Card for AnyCard {
    type Error = Medium;

    async fn next_file(
        &mut self,
        after: Option<&FileName>,
    ) -> Result<Option<FileName>, CardError<Medium>> {
        match self {
            Self::Folder(card) => card.next_file(after).await,
            Self::Image(card) => card.next_file(after).await,
        }
    }

    async fn len(&mut self, name: &FileName) -> Result<Option<u32>, CardError<Medium>> {
        match self {
            Self::Folder(card) => card.len(name).await,
            Self::Image(card) => card.len(name).await,
        }
    }

    async fn read(
        &mut self,
        name: &FileName,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, CardError<Medium>> {
        match self {
            Self::Folder(card) => card.read(name, offset, out).await,
            Self::Image(card) => card.read(name, offset, out).await,
        }
    }

    async fn write(
        &mut self,
        name: &FileName,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), CardError<Medium>> {
        match self {
            Self::Folder(card) => card.write(name, offset, bytes).await,
            Self::Image(card) => card.write(name, offset, bytes).await,
        }
    }

    async fn flush(&mut self, name: &FileName) -> Result<(), CardError<Medium>> {
        match self {
            Self::Folder(card) => card.flush(name).await,
            Self::Image(card) => card.flush(name).await,
        }
    }

    fn sector_writes(&self) -> u64 {
        match self {
            Self::Folder(card) => card.sector_writes(),
            Self::Image(card) => card.sector_writes(),
        }
    }
}

/// The state that was left on a card.
#[derive(Clone, Debug, Default)]
pub struct BackupResult {
    /// The new snapshot, when one was written.
    pub snapshot: Option<Backup>,
    /// Contacts that were appended to the one that was there.
    pub appended: u32,
    /// Sectors written.
    pub sector_writes: u64,
    /// Everything the box held at this time of its own is on the card.
    pub time: u64,
}

impl BackupResult {
    /// Returns whether anything was written.
    pub fn is_news(&self) -> bool {
        self.snapshot.is_some() || self.appended > 0
    }
}

impl From<&BackupResult> for WrittenToCard {
    fn from(kept: &BackupResult) -> Self {
        let told = Self {
            time: kept.time,
            sector_writes: kept.sector_writes,
            kind: WriteKind::Nothing,
            file: None,
            generation: None,
            records: None,
            blobs: None,
            unreadable: None,
            bytes: None,
        };
        match &kept.snapshot {
            Some(backup) => Self {
                kind: WriteKind::Snapshot,
                file: Some(backup.file.as_str().to_owned()),
                generation: Some(backup.generation.into()),
                records: Some(backup.records.into()),
                blobs: Some(backup.blobs.into()),
                unreadable: Some(backup.unreadable.into()),
                bytes: Some(backup.bytes.into()),
                ..told
            },
            None if kept.appended > 0 => {
                Self { kind: WriteKind::Appended, records: Some(kept.appended.into()), ..told }
            }
            None => told,
        }
    }
}

impl MergeResult {
    /// Returns the extent of what is to be left on the card after this.
    pub fn extent(&self) -> Extent {
        if self.merged.is_own_damaged { Extent::All } else { Extent::Changes }
    }
}

/// The extent of what is written to a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The changes, or all when that pays more.
    Changes,
    /// All, as a new snapshot.
    All,
}

/// Leaves the state of the box on a card, read back and compared.
pub fn keep<C: Card>(
    replica: &mut Replica,
    card: &mut C,
    extent: Extent,
) -> Result<BackupResult, SyncError> {
    // So that what is appended tells it.
    replica.root();
    let id = replica.id();
    let mut own = block_on(OwnFiles::find(card, id))?;
    let (book, room) = replica.parts();
    let mut kept = BackupResult::default();
    let appended = match extent {
        Extent::Changes => block_on(append(book, card, &mut own, Changes::Unknown, room))?,
        Extent::All => Appended::Due,
    };
    match appended {
        Appended::Nothing => {}
        Appended::Done { records, sector_writes } => {
            (kept.appended, kept.sector_writes) = (records, sector_writes);
        }
        Appended::Due => {
            let snapshot = block_on(backup(book, card, &mut own, room))?;
            kept.sector_writes = snapshot.sector_writes;
            kept.snapshot = Some(snapshot);
        }
    }
    kept.time = own.time();
    Ok(kept)
}

/// Makes the file that phones read, unless it tells of this very state already.
pub fn write_for_phones<C: Card>(
    replica: &mut Replica,
    card: &mut C,
) -> Result<PhoneFile, SyncError> {
    let (book, room) = replica.parts();
    Ok(block_on(write_phone_file(book, card, room))?)
}

/// Takes in what others left on a card, and what this box itself left there unless it was in
/// this run, which left there what the box held at `left` of its own time. Gives the copy of
/// the box in step with it.
pub fn take_in<C: Card>(
    replica: Replica,
    card: &mut C,
    whose: SnapshotOwners,
    consent: Consent,
    left: u64,
) -> Result<(Replica, MergeResult), SyncError> {
    let mut replica = replica;
    let own = block_on(OwnFiles::find(card, replica.id()))?;
    let whose = if whose == SnapshotOwners::Others && own.time() != left {
        SnapshotOwners::OthersAndOwn
    } else {
        whose
    };
    if own.time() > replica.time() {
        // The box is an older copy of itself, and must not go on under its name.
        replica = replica.renew()?;
    }
    replica.root();
    let given = replica.merge(card, whose, consent)?;
    if let Some(own) = given.merged.own.filter(|_| given.refused == 0) {
        replica.tell_back(own)?;
    }
    if given.merged.has_forgotten {
        replica = replica.renew()?;
    }
    // Also when nothing was new: the copy may have noted whom an index stands for, which the box
    // has not. What is left on a card must be the box's own.
    Ok((replica.refresh()?, given))
}

impl From<&MergeResult> for TakenFromCard {
    fn from(given: &MergeResult) -> Self {
        Self {
            boxes: given.merged.boxes.into(),
            known: given.merged.known.into(),
            added: given.added.into(),
            updated: given.updated.into(),
            blobs: given.blobs.into(),
            held: given.merged.held.into(),
            aside: given.merged.aside.into(),
            remarks: given.remarks.clone(),
        }
    }
}
