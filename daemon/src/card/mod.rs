//! Cards as the daemon sees them: mounted folders, raw images, and the backups beside the box.
//!
//! - `folder`: a folder as a card
//! - `image_copy`: the box as it was at one moment; `replica`: a book over it
//! - `sync_error`: what goes wrong

mod fingerprint;
mod folder;
mod image;
mod image_copy;
mod left_behind;
mod long_request;
mod replica;
mod schedule;
mod sync_error;
mod visit;
mod watcher;

pub use folder::{FolderCard, OpenMode};
pub use image::ImageCard;
pub use left_behind::left_behind;
pub use long_request::LongRequests;
pub use replica::{MergeResult, Replica};
pub use sync_error::{CardDefect, SyncError};
pub use visit::{AnyCard, BackupResult, Extent, keep, take_in};
pub use watcher::{FolderWatchers, WatchPlan};
