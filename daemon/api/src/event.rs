//! Events that a watching client is told without asking.

use crate::card::{TakenFromCard, WrittenToCard};
use crate::contact::ChangeOrigin;
use crate::device::DevicesSyncReply;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The parameters of a notification, and its name.
pub trait Notification: Serialize {
    /// The name on the wire.
    const NAME: &str;
}

/// Parameters of `watch.start`: events come from then on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WatchStart {}

/// Parameters of `watch.stop`: no more events come.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WatchStop {}

/// `watch.change`: a contact was changed, and the change is on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeEvent {
    /// Its identity.
    pub uid: String,
    /// The version it has now.
    pub version: u64,
    /// How it was changed.
    pub origin: ChangeOrigin,
    /// The name the change was signed with.
    pub author: String,
    /// The name of the contact; empty when it has none.
    pub name: String,
}

/// `watch.lost`: the client reads too slowly and was not told of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LostEvent {
    /// How many events there were.
    pub missed: u64,
}

/// `watch.card`: the daemon did something with a card by itself.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardEvent {
    /// The counts of what was taken in.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub taken: Option<TakenFromCard>,
    /// The state that was written.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenToCard>,
    /// The event.
    pub state: CardState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The folder of the card.
    pub card: PathBuf,
}

/// Reads what belongs to the state. Both reports have a member `blobs`, which the first of two
/// flattened ones would take from the other.
impl<'de> Deserialize<'de> for CardEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Happened {
            state: CardState,
            #[serde(default)]
            why: Option<String>,
            card: PathBuf,
        }
        let params = serde_json::Value::deserialize(deserializer)?;
        let Happened { state, why, card } =
            Happened::deserialize(&params).map_err(D::Error::custom)?;
        let (mut taken, mut written) = (None, None);
        match state {
            CardState::TakenIn => {
                taken = Some(TakenFromCard::deserialize(&params).map_err(D::Error::custom)?);
            }
            CardState::BackedUp => {
                written = Some(WrittenToCard::deserialize(&params).map_err(D::Error::custom)?);
            }
            CardState::NoCard | CardState::Failed => {}
        }
        Ok(Self { taken, written, state, why, card })
    }
}

/// An event of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CardState {
    /// The card is gone.
    #[serde(rename = "no card")]
    NoCard,
    /// Snapshots that other boxes had left there were taken in.
    #[serde(rename = "taken in")]
    TakenIn,
    /// A snapshot was written.
    #[serde(rename = "backed up")]
    BackedUp,
    /// It did not work.
    #[serde(rename = "failed")]
    Failed,
}

/// `watch.device`: a meeting with a device under way, or how one is doing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum DeviceEvent {
    /// How far a meeting has come.
    Progress(DeviceProgress),
    /// How a device is doing.
    Status(Box<DeviceStatus>),
}

/// How far a meeting with a device has come.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceProgress {
    /// The path of the device.
    pub device: PathBuf,
    /// Always `syncing`.
    pub state: DeviceState,
    /// The side that takes.
    pub way: SyncWay,
    /// How many places of the other's index were gone through.
    pub looked_at: u64,
    /// How many there are.
    pub slots: u64,
    /// How many contacts were taken in.
    pub taken: u64,
}

/// The side that takes contacts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SyncWay {
    /// This box.
    #[serde(rename = "to here")]
    ToHere,
    /// The device.
    #[serde(rename = "to the device")]
    ToThere,
}

/// How a device is doing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceStatus {
    /// How it is doing.
    pub state: DeviceState,
    /// When that was so.
    pub checked: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The result of the meeting.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub report: Option<DevicesSyncReply>,
    /// The path of the device.
    pub device: PathBuf,
}

/// How a device is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum DeviceState {
    /// It is not there.
    #[serde(rename = "not plugged in")]
    NotPluggedIn,
    /// Both are being brought to hold the same.
    #[serde(rename = "syncing")]
    Syncing,
    /// Both hold the same.
    #[serde(rename = "in step")]
    InStep,
    /// Something was not taken in.
    #[serde(rename = "not in step")]
    NotInStep,
    /// It did not work.
    #[serde(rename = "failed")]
    Failed,
}

macro_rules! names {
    ($(($type:ident, $variant:ident) = $name:literal;)*) => {
        $(impl Notification for $type {
            const NAME: &str = $name;
        })*

        /// A notification that a client gets without asking.
        #[derive(Clone, Debug, Serialize)]
        #[serde(untagged)]
        #[expect(missing_docs, reason = "each is described at its type")]
        pub enum Event {
            $($variant($type),)*
            /// An event that a newer daemon tells.
            Other,
        }

        impl Event {
            /// Reads the parameters of a notification.
            pub fn parse(method: &str, params: &str) -> serde_json::Result<Self> {
                fn of<T: DeserializeOwned>(params: &str) -> serde_json::Result<T> {
                    serde_json::from_str(params)
                }
                match method {
                    $($name => of(params).map(Self::$variant),)*
                    _ => Ok(Self::Other),
                }
            }
        }

        #[cfg(feature = "schema")]
        pub(crate) fn schemas(
            mut tell: impl FnMut(&'static str, fn(&mut schemars::SchemaGenerator) -> schemars::Schema),
        ) {
            $(tell($name, |generator| generator.subschema_for::<$type>());)*
        }
    };
}

names! {
    (ChangeEvent, Change) = "watch.change";
    (LostEvent, Lost) = "watch.lost";
    (CardEvent, Card) = "watch.card";
    (DeviceEvent, Device) = "watch.device";
}

impl fmt::Display for CardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoCard => "no card",
            Self::TakenIn => "taken in",
            Self::BackedUp => "backed up",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for DeviceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotPluggedIn => "not plugged in",
            Self::Syncing => "syncing",
            Self::InStep => "in step",
            Self::NotInStep => "not in step",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for SyncWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ToHere => "to here",
            Self::ToThere => "to the device",
        })
    }
}
