//! The language of clients and daemon: the types are those of `contactbox_api`.
//!
//! Normative: PROTOCOL.md beside the core.

mod call;

pub use call::{LongRequest, LongRequestKind, Weight, is_brief, is_of_last_seat, weight};
pub use contactbox_api::blob::BlobGet;
pub use contactbox_api::contact::{
    Find, Get, History, Patch, PropertyRemoval as Removal, Put, Shelf,
};
pub use contactbox_api::envelope::{Id, PROTOCOL, RpcRequest, reply};
pub use contactbox_api::trash::KeptList;
pub use contactbox_api::vcard::{Export, Import, VcardVersion};
pub use contactbox_api::{ApiError as RpcError, Call, ErrorKind, RawJson};
