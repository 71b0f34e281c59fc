//! `contact.find`, `get`, `put`, `patch`, `remove`, `restore`, `purge` and `history`.

use crate::{Jcard, JcardProperty, PageCursor, RawJson};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Contacts in the trash, those that are not, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// Terms that must all be there, in any order; empty for everybody, by name.
    pub query: String,
    /// The contacts to look through.
    #[serde(default)]
    pub shelf: Shelf,
    /// Most hits of this page: 20 unless told, at most 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The end of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<PageCursor>,
}

/// Reply of `contact.find`: the best first.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FindReply<'h> {
    /// The contacts of this page.
    pub hits: Vec<FoundContact<'h>>,
    /// The end of this page, where more is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<PageCursor>,
    /// The contacts that may be missing in the list.
    #[serde(flatten)]
    pub unlisted: Unlisted,
}

/// The contacts that are not in a list because of damage. Every member is left out when there are
/// none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unlisted {
    /// Contacts that cannot be read: the first hundred of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<UnreadableSlot>,
    /// How many contacts cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out_count: Option<u64>,
    /// True while the box has lost something to damage that nothing has given back yet, or its
    /// image is an earlier state of it: any contact may be missing, or older than it was.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub lacks: bool,
}

impl Unlisted {
    /// Returns whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A contact that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnreadableSlot {
    /// Its place in the index of the box.
    pub slot: u32,
    /// The defect and the cure.
    pub reason: Cow<'static, str>,
    /// Its identity, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// A contact in a list. Texts of more than 200 characters are cut.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FoundContact<'h> {
    /// Its identity.
    pub uid: String,
    /// Its version.
    pub version: u64,
    /// Its name; empty when it has none.
    pub name: Cow<'h, str>,
    /// Its first organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<Cow<'h, str>>,
    /// Its first phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tel: Option<Cow<'h, str>>,
    /// Its first email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Cow<'h, str>>,
    /// 0 when the name starts with the query, 1 when each term starts a word of name or
    /// organisation, 2 otherwise.
    pub class: u8,
    /// True when it is in the trash.
    pub trashed: bool,
    /// True when a newer version was lost to damage.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub stale: bool,
}

/// Parameters of `contact.get`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// The identity, or at least 4 hex digits that only one contact begins with.
    pub uid: String,
    /// True when binary values of more than 128 bytes are wanted too.
    #[serde(default)]
    pub blobs: bool,
}

/// Reply of `contact.get`. The daemon writes the jCard straight from the record: `J` is that.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetReply<'c, J = Jcard> {
    /// The whole identity.
    pub uid: String,
    /// The time of the last change.
    pub version: u64,
    /// The last change.
    pub changed: ChangeNote<'c>,
    /// True when it is in the trash.
    pub trashed: bool,
    /// True when a newer version was lost to damage.
    pub stale: bool,
    /// Names of properties that should have one value and have several after a merge.
    pub conflicts: Vec<Cow<'c, str>>,
    /// The contact.
    pub jcard: J,
}

/// When, by whom and how a contact was changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeNote<'c> {
    /// The time of the change.
    pub time: u64,
    /// The name it was signed with.
    pub author: Cow<'c, str>,
    /// How it was made.
    pub origin: ChangeOrigin,
}

/// How a version of a contact was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChangeOrigin {
    /// Somebody edited it.
    Edit,
    /// It came with a vCard.
    Import,
    /// It came from another box.
    Merge,
    /// It went to the trash.
    Trash,
    /// It came back out of the trash.
    Restore,
    /// It was deleted for good.
    Purge,
}

impl fmt::Display for ChangeOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Edit => "edit",
            Self::Import => "import",
            Self::Merge => "merge",
            Self::Trash => "trash",
            Self::Restore => "restore",
            Self::Purge => "purge",
        })
    }
}

/// Parameters of `contact.put`: the contact says exactly this from now on. Either `jcard` or
/// `vcard` is given.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// The contact as jCard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Jcard>"))]
    pub jcard: Option<RawJson>,
    /// The text of one vCard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcard: Option<String>,
    /// Identity or prefix. Without it the UID of the vCard decides, and without that the contact
    /// is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The version the client has seen: the change is refused with `Conflict` when there is a
    /// newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// Parameters of `contact.patch`. Removing comes first.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Identity or prefix.
    pub uid: String,
    /// The version the client has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The properties that come: a list of [`JcardProperty`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<JcardProperty>>"))]
    pub add: Option<RawJson>,
    /// The properties that go: a list of [`PropertyRemoval`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<PropertyRemoval>>"))]
    pub remove: Option<RawJson>,
}

/// Properties that go: all of a name, those with a value, or the one at a place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PropertyRemoval {
    /// Their name.
    pub name: String,
    /// Their value, as jCard has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The place among those of the name, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
}

/// Parameters of `contact.remove`: into the trash.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Identity or prefix.
    pub uid: String,
}

/// Parameters of `contact.restore`: out of the trash, or of what `trash.kept` lists.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Identity or prefix.
    pub uid: String,
}

/// Parameters of `contact.purge`: gone for good.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Purge {
    /// Identity or prefix.
    pub uid: String,
}

/// Reply to a change of one contact.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeReply {
    /// The whole identity.
    pub uid: String,
    /// The version it has now.
    pub version: u64,
    /// The effect of the change.
    pub outcome: ChangeOutcome,
}

/// The effect of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChangeOutcome {
    /// The contact is new.
    Added,
    /// The contact says something else than before.
    Updated,
    /// The contact had said so already.
    Unchanged,
}

impl fmt::Display for ChangeOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        })
    }
}

/// Parameters of `contact.history`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Identity or prefix.
    pub uid: String,
    /// Most versions: 20 unless told, at most 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Reply of `contact.history`. `P` is a property as the daemon writes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryReply<P = JcardProperty> {
    /// The whole identity.
    pub uid: String,
    /// The versions the box still holds, newest first.
    pub versions: Vec<ContactVersion<P>>,
}

/// A version of a contact. One of a very large contact has `kept_apart` instead of what it said.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ContactVersion<P = JcardProperty> {
    /// The version.
    pub version: u64,
    /// The time it was made.
    pub time: u64,
    /// The name it was signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// How it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<ChangeOrigin>,
    /// The properties it has and the version before did not; all its properties in the oldest one
    /// held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added: Option<Vec<P>>,
    /// The properties it does not have any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Vec<P>>,
    /// True when what it said is not shown.
    #[serde(default, skip_serializing_if = "crate::is_false")]
    pub kept_apart: bool,
}
