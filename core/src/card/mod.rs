//! Snapshots on cards: what boxes leave for each other and for themselves, and reading it back.
//!
//! - [`Card`]: the card, implemented by the shells; [`FileName`], [`CardError`]
//! - [`OwnFiles`]: what a box knows of its own files on the card in the slot
//! - [`backup`], [`append`]: leaving all of a box, or what changed since
//! - `fat`, with the feature of that name: a FAT card on any block device
//! - [`merge_all`]: taking in what others left; restoring is the same
//! - [`write_phone_file`]: `CONTACTS.VCF`, when there is nothing else to do
//! - [`list`], [`verify`]: what is on a card, and whether it is right
//!
//! A box that finds a card: [`merge_all`], [`OwnFiles::find`], [`append`], and [`backup`] when that
//! says [`Appended::Due`]. After each change that was acknowledged: the same without the search,
//! and with the contact named ([`Changes::These`]). After an error: the card is looked at anew,
//! with [`OwnFiles::find`]. The box itself needs no card: whatever is wrong with one, it goes on.
//!
//! medium <- layout <- {writer, reader} <- own <- {blobs, verify, list} <-
//! {backup, restore} <- phone

mod backup;
mod blobs;
#[cfg(feature = "fat")]
pub mod fat;
mod layout;
mod list;
mod medium;
mod merged;
mod own;
mod phone;
mod reader;
mod restore;
mod verify;
mod writer;

pub use backup::{Appended, Backup, BackupError, Changes, append, backup};
pub use layout::{HeaderFault, SnapshotHeader, VERSION};
pub use list::{Listing, SnapshotState, list};
pub use medium::{Card, CardError, FileName, SECTOR_BYTES};
pub use merged::{MergeError, Merged, OwnWhole, Remark, SnapshotOwners};
pub use own::OwnFiles;
pub use phone::{PhoneFile, write_phone_file};
pub use restore::merge_all;
pub use verify::{BodyReport, FileReport, LatestContact, RootCheck, StateCounts, verify};
