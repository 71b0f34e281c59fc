//! `cards.backup`, `cards.sync` and `cards.restore`: microSD cards, and what stands in for one.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

/// Parameters of `cards.backup`: writes a new snapshot and reads it back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CardsBackup {
    /// The absolute path of a card: a folder, or an image of a whole card.
    pub path: PathBuf,
    /// Always false: a backup removes nothing.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub accept_removals: bool,
}

/// Parameters of `cards.sync`: takes in what other boxes left there, then leaves what the card
/// does not have of this one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CardsSync {
    /// The absolute path of a card.
    pub path: PathBuf,
    /// True to let the card remove however many contacts it would.
    #[serde(default)]
    pub accept_removals: bool,
}

/// Parameters of `cards.restore`: takes in everything on the card, into an empty box.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CardsRestore {
    /// The absolute path of a card.
    pub path: PathBuf,
    /// Always false: an empty box has nothing that could be removed.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub accept_removals: bool,
}

/// Reply of `cards.backup`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardsBackupReply {
    /// The snapshot that was written.
    #[serde(flatten)]
    pub written: WrittenToCard,
    /// Contacts that cannot be read and so are not on the card, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<UnreadableContact>,
    /// How many contacts cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out_count: Option<u64>,
    /// True while the box has lost something that nothing has given back yet.
    pub lacks: bool,
    /// The file that phones read.
    pub phones: PhoneFileReport,
    /// The code for all the box holds; null when something cannot be read.
    pub root: Option<String>,
}

/// Reply of `cards.sync`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardsSyncReply {
    /// The counts of what was taken in.
    #[serde(flatten)]
    pub taken: TakenFromCard,
    /// The state that was left on the card.
    pub kept: WrittenToCard,
    /// True while the box has lost something that nothing has given back yet.
    pub lacks: bool,
    /// The file that phones read, when anything was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phones: Option<PhoneFileReport>,
    /// The code for all the box holds; null when something cannot be read.
    pub root: Option<String>,
}

/// Reply of `cards.restore`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardsRestoreReply {
    /// The counts of what was taken in.
    #[serde(flatten)]
    pub taken: TakenFromCard,
    /// The code for all the box holds; null when something cannot be read.
    pub root: Option<String>,
}

/// The state of a box that was left on a card.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WrittenToCard {
    /// The box's own time at which all it held is on the card.
    pub time: u64,
    /// How many sectors were written.
    pub sector_writes: u64,
    /// How it was written.
    pub kind: WriteKind,
    /// The file of a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The number of a snapshot among those of the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// How many records were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// How many photos and documents a snapshot has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blobs: Option<u64>,
    /// How many contacts, photos and documents cannot be read and so are not in a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<u64>,
    /// The length of a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// How the state of a box was left on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WriteKind {
    /// As a whole, in a file of its own.
    Snapshot,
    /// Behind what is there.
    Appended,
    /// All was there already.
    Nothing,
}

/// The counts of what was taken in from a card.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TakenFromCard {
    /// Boxes whose snapshots were read.
    pub boxes: u64,
    /// Boxes whose snapshots had nothing new.
    pub known: u64,
    /// Contacts that are new.
    pub added: u64,
    /// Contacts that say something else than before.
    pub updated: u64,
    /// Photos and documents that could not be read any more and are whole again.
    pub blobs: u64,
    /// Contacts that would be removed and wait for a yes.
    pub held: u64,
    /// Contacts that stay on the card and are tried again.
    pub aside: u64,
    /// The states that were not taken in, and why: at most a thousand.
    pub remarks: Vec<String>,
}

/// A contact that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnreadableContact {
    /// Its identity.
    pub uid: String,
    /// The defect and the cure.
    pub reason: Cow<'static, str>,
}

/// The outcome for `CONTACTS.VCF`, the file that phones read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PhoneFileReport {
    /// True when it said so already.
    pub was_current: bool,
    /// True when the file there is somebody else's and was left as it is.
    pub is_foreign: bool,
    /// How many vCards it has.
    pub vcards: u64,
    /// Contacts that are not for phones.
    pub private: u64,
    /// vCards that lack a photo or document.
    pub without_blob: u64,
    /// Contacts that cannot be read.
    pub unreadable: u64,
    /// The length of the file.
    pub bytes: u64,
}
