//! Lists the snapshots on a card.

use super::layout::{HeaderFault, SnapshotHeader, snapshot_letter};
use super::medium::{Card, CardError, FileName};
use super::own::newest_mark;
use super::reader::Sectors;
use crate::contact::Millis;

/// A snapshot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The name of the file.
    pub file: FileName,
    /// The length of the file in bytes, the space kept for appending included.
    pub bytes: u32,
    /// The state of the file.
    pub state: SnapshotState,
}

/// The state of a snapshot file at first sight. [`super::verify`] checks it fully.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState {
    /// A snapshot with its end. Of two files of one box, the one with the higher generation is
    /// newer.
    Snapshot {
        /// The header of the snapshot.
        header: SnapshotHeader,
        /// The time, by the box's own clock, up to which everything that the box held is in the
        /// file, appended entries included.
        time: Millis,
    },
    /// A file with a header but no end: a newer snapshot was being written over it, or it is
    /// damaged.
    Unfinished(SnapshotHeader),
    /// A newer version wrote it.
    Newer {
        /// The version of the file.
        version: u16,
        /// The box that wrote it.
        box_id: u64,
    },
    /// A file without a header: half written, or damaged.
    NoHeader,
}

/// Shows the snapshot files of a card in the order of their names.
///
/// The two files of a box come one after the other.
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
