//! Keeps snapshots on cards: boxes leave them for each other and for themselves, and read them.
//!
//! - [`Card`]: the card, implemented by the shells; [`FileName`], [`CardError`]
//! - [`OwnFiles`]: a box's knowledge of its own files on the card in the slot
//! - [`backup`], [`append`]: write all of a box, or the changes since the last time
//! - `fat`, with the feature of that name: a FAT card on any block device
//! - [`merge_all`]: takes in what other boxes left; a restore is the same
//! - [`write_phone_file`]: writes `CONTACTS.VCF`, when there is nothing else to do
//! - [`list`], [`verify`]: show what is on a card, and check it
//!
//! A box that finds a card calls [`merge_all`], [`OwnFiles::find`] and [`append`], and [`backup`]
//! when that returns [`Appended::Due`]. After each acknowledged change it calls [`append`] again,
//! without the search and with the contact named ([`Changes::These`]), and [`backup`] when due.
//! After an error it searches the card again, with [`OwnFiles::find`]. A box needs no card: it
//! keeps working whatever is wrong with one.
//!
//! medium <- layout <- {writer, reader} <- own <- {blobs, verify, list} <- {backup, restore} <-
//! phone

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
