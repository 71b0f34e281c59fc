//! The language of clients and the daemon on the local socket, as types for both ends.
//!
//! Normative: PROTOCOL.md beside the core. A method is a struct of its parameters that implements
//! [`Method`]; its reply, the events and the errors are structs as well. Parameters that are not
//! known are refused, members of replies and events that are not known are passed over.

pub mod blob;
pub mod card;
pub mod contact;
pub mod device;
pub mod envelope;
pub mod error;
pub mod event;
pub mod jcard;
pub mod method;
mod raw_json;
#[cfg(feature = "schema")]
pub mod schema;
pub mod status;
pub mod trash;
pub mod vcard;

pub use envelope::{Id, PROTOCOL};
pub use error::{ApiError, ErrorData, ErrorKind};
pub use event::Event;
pub use jcard::{Jcard, JcardProperty};
pub use method::{Call, Method};
pub use raw_json::RawJson;

use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// The end of a page of a long answer. It is opaque: the next request gives it back as it came.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct PageCursor(pub String);

impl Deref for PageCursor {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The reply of a method that has nothing to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Empty {}

fn is_false(value: &bool) -> bool {
    !value
}
