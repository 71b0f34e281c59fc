//! Whose snapshots are on a card.

use super::layout::{HeaderFault, SnapshotHeader, snapshot_letter};
use super::medium::{Card, CardError, FileName};
use super::own::newest_mark;
use super::reader::Sectors;
use crate::contact::Millis;

/// A snapshot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its name.
    pub file: FileName,
    /// Its length in bytes, what is kept free for appending included.
    pub bytes: u32,
    /// What it is.
    pub state: SnapshotState,
}

/// What a snapshot file is at first sight; [`super::verify`] looks closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState {
    /// A snapshot with its end. Of two of one box the one with the higher generation is newer.
    Snapshot {
        /// What it tells of itself.
        header: SnapshotHeader,
        /// With what was appended, everything the box held at this time of its own is there.
        time: Millis,
    },
    /// The header is there but the end is not: a newer one was being written over it, or it is
    /// damaged.
    Unfinished(SnapshotHeader),
    /// A newer version wrote it.
    Newer {
        /// Which version.
        version: u16,
        /// The box that wrote it.
        box_id: u64,
    },
    /// Half written, or damaged.
    NoHeader,
}

/// Shows the snapshot files of a card in the order of their names, the two of a box one after the
/// other.
pub async fn list<C: Card>(
    card: &mut C,
    mut visit: impl FnMut(&Listing),
) -> Result<(), CardError<C::Error>> {
    let mut last = None;
    while let Some(file) = card.next_file(last.as_ref()).await? {
        last = Some(file);
        if snapshot_letter(&file).is_none() {
            continue;
        }
        let state = match Sectors::new(card, file).header().await? {
            Ok(header) => match newest_mark(card, &file, &header, 0).await? {
                Some(last) => SnapshotState::Snapshot { header, time: last.mark.time },
                None => SnapshotState::Unfinished(header),
            },
            Err(HeaderFault::Newer { version, box_id }) => SnapshotState::Newer { version, box_id },
            Err(HeaderFault::None) => SnapshotState::NoHeader,
        };
        let bytes = card.len(&file).await?.unwrap_or(0);
        visit(&Listing { file, bytes, state });
    }
    Ok(())
}
