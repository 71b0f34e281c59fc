//! `contact.import` and `contact.export`: contacts in and out as vCard text.

use crate::PageCursor;
use crate::contact::{Shelf, UnreadableSlot};
use serde::{Deserialize, Serialize};

/// Parameters of `contact.import`: whole vCards, either as `vcard` or as `base64`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcard: Option<String>,
    /// Bytes of any charset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// The name of the source for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The number of the first line of this piece in its file, 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_line: Option<u32>,
    /// True to end before the first rejection that could not be told.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub in_parts: bool,
}

/// Reply of `contact.import`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImportReply {
    /// Contacts that are new.
    pub added: u64,
    /// Contacts that say something else than before.
    pub updated: u64,
    /// Contacts that had said so already.
    pub unchanged: u64,
    /// vCards that were not taken: the first thousand.
    pub rejected: Vec<RejectedVcard>,
    /// How many oddities were repaired.
    pub warnings: u64,
    /// How many of the updated and unchanged are in the trash, where they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trashed: Option<u64>,
    /// The repairs, of each kind once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<RepairNote>,
    /// How many further vCards were rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_untold: Option<u64>,
    /// The place at which an import `in_parts` ended before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<ImportRest>,
}

/// A vCard that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RejectedVcard {
    /// The line it starts at.
    pub line: u64,
    /// The line of the fault.
    pub at: u64,
    /// The fault and the cure.
    pub reason: String,
    /// The bytes it has of those sent: from and to.
    pub bytes: [u64; 2],
    /// Its text; empty when all such texts together pass 1 MiB.
    pub text: String,
}

/// A kind of repair.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepairNote {
    /// Its name.
    pub kind: String,
    /// The oddity and its repair.
    pub what: String,
    /// How many there were.
    pub count: u64,
    /// The line of the first one.
    pub line: u64,
}

/// The first vCard that was left to another part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImportRest {
    /// Its first byte of those sent.
    pub byte: u64,
    /// Its line.
    pub line: u64,
}

/// The version of vCard that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum VcardVersion {
    /// RFC 2426.
    #[serde(rename = "3.0")]
    V3,
    /// RFC 6350.
    #[default]
    #[serde(rename = "4.0")]
    V4,
}

/// Parameters of `contact.export`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Terms that must all be there; all contacts without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The contacts to write.
    #[serde(default)]
    pub shelf: Shelf,
    /// The version of vCard.
    #[serde(default)]
    pub vcard_version: VcardVersion,
    /// False to leave out large binary values; true unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photos: Option<bool>,
    /// The end of the page before. Without a query it is good until the daemon is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<PageCursor>,
}

/// Reply of `contact.export`: a page of vCard text.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExportReply {
    /// The text.
    pub vcard: String,
    /// How many vCards the text has.
    pub vcards: u64,
    /// Contacts that cannot be read: the first hundred of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<UnreadableSlot>,
    /// How many contacts cannot be read: of this page, or with a query all, with the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out_count: Option<u64>,
    /// True while the box has lost something that nothing has given back yet.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub lacks: bool,
    /// The end of this page, where more is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<PageCursor>,
    /// Contacts whose photos are damaged, or do not fit a frame together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_photos: Vec<String>,
}
