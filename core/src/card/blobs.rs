//! Finds photos and documents in a snapshot file.

use super::layout::{BLOB, BLOB_HEAD_BYTES, BLOB_ROW_BYTES, BlobRow, SnapshotHeader};
use super::medium::{Card, CardError, FileName};
use super::own::last_mark;
use super::reader::{Entries, Sectors};
use crate::contact::BlobRef;

/// Finds blobs in one snapshot file.
///
/// Contacts stand in about the same order as their photos, so the search begins at the row behind
/// the one found last.
pub(super) struct BlobFinder {
    name: FileName,
    header: SnapshotHeader,
    row: u32,
}

impl BlobFinder {
    pub(super) fn new(name: FileName, header: SnapshotHeader) -> Self {
        Self { name, header, row: 0 }
    }

    /// Returns the name of the file.
    pub(super) fn name(&self) -> FileName {
        self.name
    }

    /// Returns the offset of a blob's content in the file, appended blobs included.
    ///
    /// The caller must compare the content with its hash.
    pub(super) async fn find<C: Card>(
        &mut self,
        card: &mut C,
        blob: BlobRef,
    ) -> Result<Option<u32>, CardError<C::Error>> {
        if let Some(at) = self.in_list(card, blob).await? {
            return Ok(Some(at));
        }
        let file = Sectors::new(card, self.name);
        if let Some((_, end)) = last_mark(file, &self.header).await? {
            let file = Sectors::new(card, self.name);
            let appended = Entries::appended(file, &self.header, end);
            if let Some(at) = among(appended, blob).await? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Finds a blob of the snapshot without the list, by reading the head of every entry.
    pub(super) async fn search<C: Card>(
        &mut self,
        card: &mut C,
        blob: BlobRef,
    ) -> Result<Option<u32>, CardError<C::Error>> {
        among(Entries::of_body(Sectors::new(card, self.name), &self.header), blob).await
    }

    /// Finds a blob of the snapshot in its list.
    pub(super) async fn in_list<C: Card>(
        &mut self,
        card: &mut C,
        blob: BlobRef,
    ) -> Result<Option<u32>, CardError<C::Error>> {
        let SnapshotHeader { blobs, list_at, body_end, .. } = self.header;
        // A list that does not fit into the snapshot is ignored.
        let len = blobs.checked_mul(BLOB_ROW_BYTES).and_then(|len| list_at.checked_add(len));
        if blobs == 0 || list_at == 0 || len.is_none_or(|end| end > body_end) {
            return Ok(None);
        }
        let mut file = Sectors::new(card, self.name);
        for step in 0..blobs {
            let row = (self.row + step) % blobs;
            let mut bytes = [0; BLOB_ROW_BYTES as usize];
            if !file.fill(list_at + row * BLOB_ROW_BYTES, &mut bytes).await? {
                return Ok(None);
            }
            let row_found = BlobRow::parse(&bytes);
            if row_found.hash == blob.hash && row_found.len == blob.len {
                self.row = (row + 1) % blobs;
                return Ok(Some(row_found.at));
            }
        }
        Ok(None)
    }
}

async fn among<C: Card>(
    mut entries: Entries<'_, C>,
    blob: BlobRef,
) -> Result<Option<u32>, CardError<C::Error>> {
    while let Some(found) = entries.next().await? {
        if found.kind == BLOB && found.len == blob.len.saturating_add(BLOB_HEAD_BYTES) {
            let mut hash = [0; 16];
            if entries.file.fill(found.at, &mut hash).await? && hash == blob.hash {
                return Ok(Some(found.at + BLOB_HEAD_BYTES));
            }
        }
        // An appended entry is linked to the checksum of the one before.
        if entries.is_linked() && !entries.is_right(&found).await? {
            break;
        }
    }
    Ok(None)
}
