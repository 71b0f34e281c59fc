//! Backups of other boxes beside one that holds nothing: somebody may have lost what is in them.

use super::folder::open_plain;
use super::places::is_ours;
use crate::image::disk;
use contactbox_core::card::{Header, SECTOR_BYTES};
use std::fs::OpenOptions;
use std::path::Path;

/// Contacts in the fullest backup in a folder that is of another box than `id`; `None` where there is none.
pub fn left_behind(folder: &Path, id: u64) -> Option<u32> {
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
    let headers = names.filter(|name| name.to_str().is_some_and(is_ours)).filter_map(|name| {
        let file = open_plain(OpenOptions::new().read(true), &folder.join(name)).ok()?;
        let mut sector = [0; SECTOR_BYTES];
        disk::read_exact_at(&file, &mut sector, 0).ok()?;
        Header::parse(&sector).ok()
    });
    let others = headers.filter(|header| header.box_id != id);
    others.map(|header| header.active).filter(|&contacts| contacts > 0).max()
}
