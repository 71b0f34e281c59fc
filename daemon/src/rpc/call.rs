//! The methods and their parameters. A parameter this version does not know is refused.

use super::{ErrorKind, RawJson, RpcError, cut};
use contactbox_core::store::Consent;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::PathBuf;

/// A request, understood.
pub enum Call {
    /// `box.hello`
    Hello(Hello),
    /// `contact.find`
    Find(Find),
    /// `contact.get`
    Get(Get),
    /// `contact.put`
    Put(Box<Put>),
    /// `contact.patch`
    Patch(Box<Patch>),
    /// `contact.remove`
    Remove(Target),
    /// `contact.restore`
    Restore(Target),
    /// `contact.purge`
    Purge(Target),
    /// `trash.kept`
    Kept(KeptList),
    /// `trash.forget`
    Forget,
    /// `contact.history`
    History(History),
    /// `card.import`
    Import(Box<Import>),
    /// `card.export`
    Export(Box<Export>),
    /// `blob.get`
    BlobGet(BlobGet),
    /// `box.info`
    Info,
    /// `box.stats`
    Stats,
    /// `box.verify`
    Verify,
    /// `cards.…`, `devices.…`: not for the book alone.
    LongRequest(LongRequest),
    /// `box.author`
    Author(Author),
    /// `box.stop`
    Stop,
    /// `watch.start`
    WatchStart,
    /// `watch.stop`
    WatchStop,
}

/// How much of a connection's allowance a request takes while it is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A change: its reply is short.
    Change,
    /// A read of bounded length.
    Read,
    /// What may take time and answers in short: one at a time.
    Work,
    /// What answers at length: one at a time, and few of all connections together.
    Long,
}

/// Parameters of `box.hello`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The highest protocol the client knows.
    #[serde(default)]
    pub protocol: Option<u32>,
}

/// Which contacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shelf {
    /// Those not in the trash.
    #[default]
    Active,
    /// Those in the trash.
    Trash,
    /// Both.
    All,
}

/// Parameters of `contact.find`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// Terms that must all be there.
    pub query: String,
    /// Which contacts.
    #[serde(default)]
    pub shelf: Shelf,
    /// Most hits of this page.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// Parameters of `contact.get`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// Identity or prefix.
    pub uid: String,
    /// Whether large binary values are wanted too.
    #[serde(default)]
    pub blobs: bool,
}

/// Parameters of `contact.put`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// jCard.
    #[serde(default)]
    pub card: Option<RawJson>,
    /// vCard text.
    #[serde(default)]
    pub vcard: Option<String>,
    /// Identity or prefix.
    #[serde(default)]
    pub uid: Option<String>,
    /// The version the client saw.
    #[serde(default)]
    pub version: Option<u64>,
}

/// Parameters of `contact.patch`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Identity or prefix.
    pub uid: String,
    /// The version the client saw.
    #[serde(default)]
    pub version: Option<u64>,
    /// A list of jCard properties.
    #[serde(default)]
    pub add: Option<RawJson>,
    /// A list of what goes, each a [`Removal`].
    #[serde(default)]
    pub remove: Option<RawJson>,
}

/// Which properties go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// Their name.
    pub name: String,
    /// Their value, as jCard has it.
    #[serde(default)]
    pub value: Option<Value>,
    /// The place among those of the name.
    #[serde(default)]
    pub index: Option<usize>,
}

/// Parameters that name a contact.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Identity or prefix.
    pub uid: String,
}

/// Parameters of `trash.kept`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptList {
    /// Terms that must all be there.
    #[serde(default)]
    pub query: String,
    /// Most states of this page.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// Parameters of `contact.history`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Identity or prefix.
    pub uid: String,
    /// Most versions.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Parameters of `card.import`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Text.
    #[serde(default)]
    pub vcard: Option<String>,
    /// Bytes of any charset.
    #[serde(default)]
    pub base64: Option<String>,
    /// What the log calls it.
    #[serde(default)]
    pub source: Option<String>,
    /// Number of the first line.
    #[serde(default)]
    pub first_line: Option<u32>,
    /// Whether to end before the first rejection that could not be told.
    #[serde(default)]
    pub in_parts: bool,
}

/// The vCard version of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum VcardVersion {
    /// RFC 2426.
    #[serde(rename = "3.0")]
    V3,
    /// RFC 6350.
    #[default]
    #[serde(rename = "4.0")]
    V4,
}

/// Parameters of `card.export`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Only what this finds.
    #[serde(default)]
    pub query: Option<String>,
    /// Which contacts.
    #[serde(default)]
    pub shelf: Shelf,
    /// Which vCard.
    #[serde(default)]
    pub version: VcardVersion,
    /// Whether large binary values go with it.
    #[serde(default)]
    pub photos: Option<bool>,
    /// Where the page before ended.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// Parameters of `blob.get`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobGet {
    /// 32 hex digits.
    pub hash: String,
    /// Where to begin.
    #[serde(default)]
    pub offset: u32,
    /// How many bytes.
    #[serde(default)]
    pub bytes: Option<u32>,
}

/// Something to be done with a card or a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongRequest {
    /// What.
    pub kind: LongRequestKind,
    /// The card or the port.
    pub path: PathBuf,
    /// Whoever asks says yes to whatever is removed by it.
    pub accept_removals: bool,
}

impl LongRequest {
    /// Whether somebody has said yes to what is removed.
    pub fn consent(&self) -> Consent {
        if self.accept_removals { Consent::Given } else { Consent::Ask }
    }
}

/// What is to be done with a card or a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongRequestKind {
    /// `cards.backup`
    CardBackup,
    /// `cards.sync`
    CardSync,
    /// `cards.restore`
    CardRestore,
    /// `devices.info`
    DeviceInfo,
    /// `devices.sync`
    DeviceSync,
}

/// Parameters that name a card or a port.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathParam {
    path: PathBuf,
    #[serde(default)]
    accept_removals: bool,
}

/// Parameters of `box.author`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// The name to sign with.
    #[serde(default)]
    pub name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Call {
    pub(super) fn parse(method: &str, params: &str) -> Result<Self, RpcError> {
        fn of<T: DeserializeOwned>(method: &str, params: &str) -> Result<T, RpcError> {
            // An array would be taken for parameters by position.
            if !params.trim_start().starts_with('{') {
                return Err(RpcError::params(format!(
                    "the parameters of {method} must be an object"
                )));
            }
            serde_json::from_str(params).map_err(|error| {
                let why = cut(&error.to_string()).to_owned();
                RpcError::params(format!("the parameters of {method}: {why}"))
            })
        }
        let none = |call: Self| of::<Nothing>(method, params).map(|Nothing {}| call);
        let request = |kind| {
            let PathParam { path, accept_removals } = of(method, params)?;
            let is_meeting =
                matches!(kind, LongRequestKind::CardSync | LongRequestKind::DeviceSync);
            if accept_removals && !is_meeting {
                return Err(RpcError::params(format!(
                    "{method} removes nothing: no accept_removals"
                )));
            }
            if !path.is_absolute() {
                return Err(RpcError::params(format!("the path of {method} must be absolute")));
            }
            Ok(Self::LongRequest(LongRequest { kind, path, accept_removals }))
        };
        match method {
            "box.hello" => of(method, params).map(Self::Hello),
            "contact.find" => of(method, params).map(Self::Find),
            "contact.get" => of(method, params).map(Self::Get),
            "contact.put" => of(method, params).map(|put| Self::Put(Box::new(put))),
            "contact.patch" => of(method, params).map(|patch| Self::Patch(Box::new(patch))),
            "contact.remove" => of(method, params).map(Self::Remove),
            "contact.restore" => of(method, params).map(Self::Restore),
            "contact.purge" => of(method, params).map(Self::Purge),
            "trash.kept" => of(method, params).map(Self::Kept),
            "trash.forget" => none(Self::Forget),
            "contact.history" => of(method, params).map(Self::History),
            "card.import" => of(method, params).map(|import| Self::Import(Box::new(import))),
            "card.export" => of(method, params).map(|export| Self::Export(Box::new(export))),
            "blob.get" => of(method, params).map(Self::BlobGet),
            "box.info" => none(Self::Info),
            "box.stats" => none(Self::Stats),
            "box.verify" => none(Self::Verify),
            "cards.backup" => request(LongRequestKind::CardBackup),
            "cards.sync" => request(LongRequestKind::CardSync),
            "cards.restore" => request(LongRequestKind::CardRestore),
            "devices.info" => request(LongRequestKind::DeviceInfo),
            "devices.sync" => request(LongRequestKind::DeviceSync),
            "box.author" => of(method, params).map(Self::Author),
            "box.stop" => none(Self::Stop),
            "watch.start" => none(Self::WatchStart),
            "watch.stop" => none(Self::WatchStop),
            _ => {
                let method: String = method.chars().take(80).collect();
                Err(RpcError::new(
                    ErrorKind::NoSuchMethod,
                    format!("there is no method {method:?}"),
                ))
            }
        }
    }

    /// Whether it reads a little and no more, so that it is answered sooner than handed on.
    pub fn is_brief(&self) -> bool {
        match self {
            Self::Hello(_) | Self::Find(_) => true,
            // What begins an identity is looked for in every contact.
            Self::Get(get) => {
                !get.blobs && get.uid.bytes().filter(u8::is_ascii_hexdigit).count() == 32
            }
            _ => false,
        }
    }

    /// Whether it is for the owner also when there is no other place: to look what
    /// is wrong, and to stop.
    pub fn is_of_last_seat(&self) -> bool {
        matches!(self, Self::Hello(_) | Self::Info | Self::Stop)
    }

    /// How much of the connection's allowance it takes.
    pub fn weight(&self) -> Weight {
        match self {
            Self::Put(_)
            | Self::Patch(_)
            | Self::Remove(_)
            | Self::Restore(_)
            | Self::Purge(_)
            | Self::Forget => Weight::Change,
            Self::Get(get) if get.blobs => Weight::Long,
            Self::Import(_) | Self::Verify | Self::LongRequest(_) => Weight::Work,
            Self::History(_) | Self::Export(_) | Self::BlobGet(_) => Weight::Long,
            _ => Weight::Read,
        }
    }
}
