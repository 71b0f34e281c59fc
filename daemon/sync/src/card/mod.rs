//! Cards as the daemon sees them: mounted folders, raw images, and the backups beside the box.
//!
//! - `folder`: a folder as a card
//! - `replica`: a book over the box as it was at one moment
//! - `sync_error`: what goes wrong

mod fingerprint;
mod folder;
mod image;
mod left_behind;
mod replica;
mod schedule;
mod sync_error;
mod visit;
mod watcher;

pub use folder::{FolderCard, OpenMode};
pub use image::ImageCard;
pub use left_behind::left_behind;
pub use replica::{MergeResult, Replica};
pub use sync_error::{CardDefect, SyncError};
pub use visit::{AnyCard, BackupResult, Extent, keep, take_in, write_for_phones};
pub use watcher::{FolderWatchers, WatchPlan};

use contactbox_engine::{CONTACT_BYTES_MAX, ENTRY_BYTES};
use std::path::Path;

/// Memory that takes any one record of a card, in bytes.
pub const RECORD_BYTES_MAX: usize = CONTACT_BYTES_MAX + ENTRY_BYTES;

/// Returns whether a file is the image of a box, or stands beside one and belongs to it.
pub fn is_of_a_box(path: &Path) -> bool {
    contactbox_engine::image::is_image(path) || contactbox_engine::is_mark(path)
}
