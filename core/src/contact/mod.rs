//! A contact: an observed-remove set of vCard properties, its record, its merge.
//!
//! A contact is a set of [`Property`]s (kind, group, types, parameters, value). Each content has
//! one or more [`Stamp`]s, one for every time somebody added it; it is there while one of its
//! stamps is. `seen` tells, for each box, the latest stamp of that box this state has taken in,
//! so that a merge can tell "not yet heard of" from "removed".

mod change;
mod draft;
mod group;
mod kind;
mod merge;
mod naming;
mod property;
mod rebase;
mod record;
mod shape;
mod stamp;
mod state;
mod types;
mod uid;
mod value;

pub(crate) use change::is_given_another_uid;
pub use change::{Change, Origin, edit, import_into, purge, restore, trash};
pub use draft::{Contents, Draft};
pub use kind::Kind;
pub(crate) use kind::NameRole;
pub use merge::{Item, Scratch, merge};
pub use naming::{NAMES, NameParts, SPOKEN, own_name};
pub use property::{Property, StampedProperty, split_params};
pub use rebase::{adopt, rebase};
pub use record::{Contact, Properties, RecordError, WriteError};
pub use shape::{SearchScope, ValueShape};
pub use stamp::{AuthorIndex, BoxIndex, Millis, Stamp};
pub use state::{is_coherent, latest_time, state_digest};
pub use types::Types;
pub use uid::{Uid, digest};
pub use value::{BlobHasher, BlobRef, UuidText, Value};

#[cfg(test)]
mod tests;
