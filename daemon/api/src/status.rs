//! `box.hello`, `info`, `stats`, `verify`, `author` and `stop`: the box and the connection to it.

use crate::device::DevicesSyncReply;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Parameters of `box.hello`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The highest protocol the client knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
}

/// Reply of `box.hello`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HelloReply {
    /// The protocol that is spoken.
    pub protocol: u32,
    /// The box: 16 hex digits.
    #[serde(rename = "box")]
    pub box_id: String,
    /// The version of the program.
    pub version: String,
    /// How large things may be.
    pub limits: HelloLimits,
    /// The process of the daemon.
    pub pid: u32,
    /// The file of the box.
    pub image: PathBuf,
    /// Contacts that are not in the trash.
    pub contacts: u64,
    /// A notice that a person should read first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// How large things may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HelloLimits {
    /// A line, in and out.
    pub frame_bytes: usize,
    /// A photo or document.
    pub blob_bytes: u64,
    /// A contact without its blobs.
    pub contact_bytes: u64,
}

/// Parameters of `box.info`: where the box lies and how it is doing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BoxInfo {}

/// Reply of `box.info`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BoxInfoReply {
    /// The box: 16 hex digits.
    #[serde(rename = "box")]
    pub box_id: String,
    /// The version of the program.
    pub version: String,
    /// The process of the daemon.
    pub pid: u32,
    /// The access that the box allows, in words.
    pub access: String,
    /// Contacts that are not in the trash.
    pub contacts: u64,
    /// Contacts in the trash.
    pub trashed: u64,
    /// The length of the image.
    pub image_bytes: u64,
    /// Bytes of it that are in use.
    pub live_bytes: u64,
    /// Bytes it can hold.
    pub capacity_bytes: u64,
    /// The losses to damage that nothing has given back yet.
    pub losses: u64,
    /// The code for all it holds; null when something cannot be read.
    pub root: Option<String>,
    /// The file of the box.
    pub image: PathBuf,
    /// The socket.
    pub socket: PathBuf,
    /// The folder of the backups made by themselves.
    pub backup: Option<PathBuf>,
    /// The settings file.
    pub config: Option<PathBuf>,
    /// True when there is a settings file and it was read.
    pub config_read: bool,
    /// How long it took to open the box.
    pub open_microseconds: u64,
    /// The cards, backups and devices the daemon keeps by itself, by their paths.
    pub places: BTreeMap<String, PlaceStatus>,
    /// True when something is damaged.
    pub damaged: bool,
    /// True when the image is an earlier state of the box.
    pub put_back: bool,
}

/// How a card, a backup or a device that the daemon keeps by itself is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlaceStatus {
    /// How it is doing, in words.
    pub state: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When it failed first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// All the box held at this time of its own is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// When it was looked at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<u64>,
    /// How many removals wait for a yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<u64>,
    /// In how many seconds the next backup is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_seconds: Option<u64>,
    /// For how many seconds longer than it may something has waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_seconds: Option<u64>,
    /// The result of the last meeting with a device.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub report: Option<DevicesSyncReply>,
}

/// Parameters of `box.stats`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BoxStats {}

/// Reply of `box.stats`: counters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BoxStatsReply {
    /// Contacts that are not in the trash.
    pub contacts: u64,
    /// Contacts in the trash.
    pub trashed: u64,
    /// Contacts that were purged and say only that they are gone.
    pub tombstones: u64,
    /// Pieces of photos and documents.
    pub chunks: u64,
    /// The losses to damage that nothing has given back yet.
    pub losses: u64,
    /// Entries that are not this program's.
    pub foreign: u64,
    /// Bytes in use.
    pub live_bytes: u64,
    /// Bytes the box can hold.
    pub capacity_bytes: u64,
    /// The length of the image.
    pub image_bytes: u64,
    /// Pages of the log.
    pub pages: u64,
    /// Pages that are free.
    pub pages_free: u64,
    /// Pages that cannot be erased any more.
    pub pages_failed: u64,
    /// Erases of the page that was erased least.
    pub erases_min: u64,
    /// Erases of the page that was erased most.
    pub erases_max: u64,
    /// Erases of all pages.
    pub erases_total: u64,
    /// Programs since the box was opened.
    pub programs: u64,
    /// Bytes programmed since the box was opened.
    pub programmed_bytes: u64,
    /// Erases since the box was opened.
    pub erases: u64,
    /// Entries that were torn by a loss of power.
    pub torn: u64,
    /// Bits that were put right.
    pub corrected: u64,
    /// Places in the log that nothing can be read of.
    pub holes: u64,
    /// Syncs of the disk.
    pub syncs: u64,
    /// How long it took to open the box.
    pub open_microseconds: u64,
}

/// Parameters of `box.verify`: reads everything again.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BoxVerify {}

/// Reply of `box.verify`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BoxVerifyReply {
    /// True when nothing is wrong.
    pub sound: bool,
    /// True when the image is an earlier state of the box than the mark beside it tells.
    pub put_back: bool,
    /// Contacts that were read.
    pub contacts: u64,
    /// Photos and documents that were read.
    pub blobs: u64,
    /// Pages that were read.
    pub pages: u64,
    /// Entries that were read.
    pub entries: u64,
    /// The length of the image.
    pub bytes: u64,
    /// Bits that were put right.
    pub corrected: u64,
    /// Pages that should be there and are not.
    pub missing: u64,
    /// Headers of pages that cannot be read.
    pub headers_struck: u64,
    /// Pages with entries that cannot be read.
    pub pages_struck: u64,
    /// The losses to damage that nothing has given back yet.
    pub losses: u64,
    /// How many findings there are.
    pub damaged: u64,
    /// The findings: at most a thousand.
    pub findings: Vec<String>,
}

/// Parameters of `box.author`: signs what this connection changes from now on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetAuthor {
    /// The name to sign with; without it the name stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Reply of `box.author`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetAuthorReply {
    /// The name that is signed with.
    pub author: String,
}

/// Parameters of `box.stop`: the daemon finishes what it has begun and ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BoxStop {}
