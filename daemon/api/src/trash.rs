//! `trash.kept` and `trash.forget`: what other boxes have removed and this one keeps for a while.

use crate::PageCursor;
use serde::{Deserialize, Serialize};

/// Parameters of `trash.kept`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeptList {
    /// Terms that must all be there, as those of `contact.find`.
    #[serde(default)]
    pub query: String,
    /// Most states of this page: 20 unless told, at most 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The end of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<PageCursor>,
}

/// Reply of `trash.kept`: the latest removal first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeptListReply {
    /// The kept states of this page.
    pub kept: Vec<KeptContact>,
    /// The end of this page, where more is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<PageCursor>,
}

/// The last state of a contact that another box removed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeptContact {
    /// Its identity.
    pub uid: String,
    /// The version of the state.
    pub version: u64,
    /// Its name; empty when it had none.
    pub name: String,
    /// When it was removed.
    pub removed: u64,
    /// How long the state is kept.
    pub until: u64,
    /// Its first organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Its first phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tel: Option<String>,
    /// Its first email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Parameters of `trash.forget`: forgets all that `trash.kept` lists.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Forget {}

/// Reply of `trash.forget`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForgetReply {
    /// How many there were.
    pub forgotten: u64,
}
