//! What clients and daemon say to each other: requests parsed once, results and errors as lines.
//!
//! Normative: PROTOCOL.md beside the core.

mod call;
mod fault;
mod raw_json;

pub use call::{
    Author, BlobGet, Call, Export, Find, Get, Hello, History, Import, KeptList, LongRequest,
    LongRequestKind, Patch, Put, Removal, Shelf, Target, VcardVersion, Weight,
};
pub use fault::{ErrorKind, RpcError};
pub use raw_json::RawJson;

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The protocol this daemon speaks.
pub const PROTOCOL: u32 = 1;

/// Longest `id` that is given back, in bytes of JSON.
const ID_BYTES_MAX: usize = 256;

/// The `id` of a request: a JSON string or number, given back to the letter.
#[derive(Debug)]
pub struct Id(Box<RawValue>);

/// A request: which, and what. Without an id it is not answered.
pub struct RpcRequest {
    /// What the reply will carry.
    pub id: Option<Id>,
    /// What is asked, or why that is not clear.
    pub call: Result<Call, RpcError>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// What is left of a request that is no request: its id, so that the client knows which failed.
#[derive(Deserialize)]
struct Trace<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

impl RpcRequest {
    /// Reads one line.
    pub fn parse(line: &[u8]) -> Self {
        if line.trim_ascii_start().first() == Some(&b'[') {
            let fault = RpcError::new(ErrorKind::InvalidRequest, "one object a line, no arrays");
            return Self { id: Some(Id::null()), call: Err(fault) };
        }
        let envelope: Envelope<'_> = match serde_json::from_slice(line) {
            Ok(envelope) => envelope,
            Err(error) => {
                let trace: Option<Trace<'_>> = serde_json::from_slice(line).ok();
                let id = trace.and_then(|trace| Id::of(trace.id?).ok());
                let fault = if error.is_data() {
                    RpcError::new(
                        ErrorKind::InvalidRequest,
                        format!("this is not a JSON-RPC 2.0 request: {}", cut(&error.to_string())),
                    )
                } else {
                    RpcError::new(ErrorKind::ParseError, format!("this line is not JSON: {error}"))
                };
                // Somebody who sends what can not be read is told, id or not.
                return Self { id: Some(id.unwrap_or_else(Id::null)), call: Err(fault) };
            }
        };
        let id = match envelope.id.map(Id::of).transpose() {
            Ok(id) => id,
            Err(fault) => return Self { id: Some(Id::null()), call: Err(fault) },
        };
        if envelope.jsonrpc != "2.0" {
            let fault = RpcError::new(ErrorKind::InvalidRequest, "jsonrpc must be \"2.0\"");
            return Self { id, call: Err(fault) };
        }
        let params = envelope.params.map_or("{}", RawValue::get);
        Self { id, call: Call::parse(&envelope.method, params) }
    }
}

impl Id {
    fn of(raw: &RawValue) -> Result<Self, RpcError> {
        let text = raw.get();
        let is_scalar =
            text.starts_with(['"', '-']) || text.starts_with(|c: char| c.is_ascii_digit());
        if !is_scalar || text.len() > ID_BYTES_MAX {
            return Err(RpcError::new(
                ErrorKind::InvalidRequest,
                format!("id must be a string or a number of at most {ID_BYTES_MAX} bytes"),
            ));
        }
        Ok(Self(raw.to_owned()))
    }

    /// What a reply carries when the request's id could not be read.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

/// The start of a message that may repeat what a client sent, however long that was.
fn cut(message: &str) -> &str {
    const MESSAGE_BYTES_MAX: usize = 400;
    &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)]
}

/// The line of a reply.
pub fn reply(id: &Id, result: &Result<Vec<u8>, RpcError>) -> Vec<u8> {
    let mut line = Vec::with_capacity(64 + result.as_ref().map_or(256, Vec::len));
    line.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    line.extend_from_slice(id.0.get().as_bytes());
    match result {
        Ok(body) => {
            line.extend_from_slice(b",\"result\":");
            line.extend_from_slice(body);
        }
        Err(fault) => {
            line.extend_from_slice(b",\"error\":");
            line.extend_from_slice(&fault.to_json());
        }
    }
    line.extend_from_slice(b"}\n");
    line
}

/// The line of a notification.
pub fn notification(method: &str, params: &serde_json::Value) -> Vec<u8> {
    let object = serde_json::json!({ "jsonrpc": "2.0", "method": method, "params": params });
    let mut line = object.to_string().into_bytes();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests;
