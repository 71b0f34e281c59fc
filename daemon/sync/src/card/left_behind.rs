//! Backups of other boxes beside one that holds nothing: somebody may have lost what is in them.

use super::folder::open_plain;
use super::watcher::is_ours;
use contactbox_core::card::{SECTOR_BYTES, SnapshotHeader};
use contactbox_engine::image::disk;
use std::fs::OpenOptions;
use std::path::Path;

/// Returns whether a folder has the backup of another box than `id`.
pub fn left_behind(folder: &Path, id: u64) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut headers = names.filter(|name| name.to_str().is_some_and(is_ours)).filter_map(|name| {
        let file = open_plain(OpenOptions::new().read(true), &folder.join(name)).ok()?;
        let mut sector = [0; SECTOR_BYTES];
        disk::read_exact_at(&file, &mut sector, 0).ok()?;
        SnapshotHeader::parse(&sector).ok()
    });
    headers.any(|header| header.box_id != id)
}
