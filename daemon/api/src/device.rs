//! `devices.info` and `devices.sync`: a device at the other end of a cable.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Parameters of `devices.info`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DevicesInfo {
    /// The absolute path of a serial port, or of the socket of an emulator.
    pub path: PathBuf,
    /// Always false: asking removes nothing.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub accept_removals: bool,
}

/// Parameters of `devices.sync`: brings box and device to hold the same.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DevicesSync {
    /// The absolute path of a serial port, or of the socket of an emulator.
    pub path: PathBuf,
    /// True to let either remove however many contacts it would.
    #[serde(default)]
    pub accept_removals: bool,
}

/// Reply of `devices.info`: what the device holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DevicesInfoReply {
    /// The box: 16 hex digits.
    #[serde(rename = "box")]
    pub box_id: String,
    /// The version of its program.
    pub version: String,
    /// The protocol of the cable.
    pub protocol: u32,
    /// Its own time.
    pub time: u64,
    /// Contacts that are not in the trash.
    pub contacts: u64,
    /// Contacts in the trash.
    pub trashed: u64,
    /// Bytes of its flash that are in use.
    pub live_bytes: u64,
    /// Bytes it can hold.
    pub capacity_bytes: u64,
    /// Bytes of its flash.
    pub flash_bytes: u64,
    /// The losses to damage.
    pub losses: u64,
    /// The code for all it holds; null when something cannot be read.
    pub root: Option<String>,
}

/// Reply of `devices.sync`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DevicesSyncReply {
    /// False when something was not taken in, or one of them was changed all the while.
    pub is_same: bool,
    /// The code for all that both hold.
    pub root: Option<String>,
    /// How often they were gone through.
    pub rounds: u64,
    /// The contacts that came from the device.
    pub to_here: TransferReport,
    /// The contacts that went to the device.
    pub to_there: TransferReport,
    /// Bytes that went over the cable.
    pub sent_bytes: u64,
    /// Bytes that came over the cable.
    pub received_bytes: u64,
    /// How many requests were sent.
    pub requests: u64,
    /// How many of them were sent again.
    pub repeats: u64,
}

/// The contacts that went from one box to another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransferReport {
    /// Contacts that were offered.
    pub offered: u64,
    /// Contacts that were taken in.
    pub taken: u64,
    /// Bytes of photos and documents.
    pub piece_bytes: u64,
    /// Contacts that could not be taken in.
    pub failed: u64,
    /// Why they could not.
    pub failures: Vec<String>,
    /// Contacts that would be removed and were not.
    pub held: u64,
    /// Why they wait.
    pub waits: Option<String>,
    /// Contacts that are tried again.
    pub aside: u64,
    /// Why they were kept aside.
    pub asides: Vec<String>,
}
