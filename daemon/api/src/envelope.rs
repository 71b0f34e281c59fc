//! JSON-RPC 2.0, one object a line: requests, replies and notifications.

use crate::error::{ApiError, ErrorKind, cut};
use crate::event::Notification;
use crate::method::{Call, Method};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The protocol this version speaks.
pub const PROTOCOL: u32 = 1;

/// Longest `id` that is given back, in bytes of JSON.
const ID_BYTES_MAX: usize = 256;

/// The `id` of a request: a JSON string or number, given back to the letter.
#[derive(Clone, Debug)]
pub struct Id(Box<RawValue>);

/// A request as the daemon reads it. Without an id it is not answered.
pub struct RpcRequest {
    /// The id that the reply will carry.
    pub id: Option<Id>,
    /// The request, or why it is not clear.
    pub call: Result<Call, ApiError>,
}

#[derive(Deserialize)]
struct RequestLine<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// The rest of a request that is no request: its id, so that the client knows which failed.
#[derive(Deserialize)]
struct Trace<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

impl RpcRequest {
    /// Reads one line.
    pub fn parse(line: &[u8]) -> Self {
        if line.trim_ascii_start().first() == Some(&b'[') {
            let error = ApiError::new(ErrorKind::InvalidRequest, "one object a line, no arrays");
            return Self { id: Some(Id::null()), call: Err(error) };
        }
        let envelope: RequestLine<'_> = match serde_json::from_slice(line) {
            Ok(envelope) => envelope,
            Err(error) => {
                let trace: Option<Trace<'_>> = serde_json::from_slice(line).ok();
                let id = trace.and_then(|trace| Id::of(trace.id?).ok());
                let error = if error.is_data() {
                    ApiError::new(
                        ErrorKind::InvalidRequest,
                        format!("this is not a JSON-RPC 2.0 request: {}", cut(&error.to_string())),
                    )
                } else {
                    ApiError::new(ErrorKind::ParseError, format!("this line is not JSON: {error}"))
                };
                // A client that sends what cannot be read is told, id or not.
                return Self { id: Some(id.unwrap_or_else(Id::null)), call: Err(error) };
            }
        };
        let id = match envelope.id.map(Id::of).transpose() {
            Ok(id) => id,
            Err(error) => return Self { id: Some(Id::null()), call: Err(error) },
        };
        if envelope.jsonrpc != "2.0" {
            let error = ApiError::new(ErrorKind::InvalidRequest, "jsonrpc must be \"2.0\"");
            return Self { id, call: Err(error) };
        }
        let params = envelope.params.map_or("{}", RawValue::get);
        Self { id, call: Call::parse(&envelope.method, params) }
    }
}

impl Id {
    fn of(raw: &RawValue) -> Result<Self, ApiError> {
        let text = raw.get();
        let is_scalar =
            text.starts_with(['"', '-']) || text.starts_with(|c: char| c.is_ascii_digit());
        if !is_scalar || text.len() > ID_BYTES_MAX {
            return Err(ApiError::new(
                ErrorKind::InvalidRequest,
                format!("id must be a string or a number of at most {ID_BYTES_MAX} bytes"),
            ));
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the id of a reply to a request whose own id could not be read.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

/// The line of a reply; `result` is the JSON of it.
pub fn reply(id: &Id, result: &Result<Vec<u8>, ApiError>) -> Vec<u8> {
    let mut line = Vec::with_capacity(64 + result.as_ref().map_or(256, Vec::len));
    line.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    line.extend_from_slice(id.0.get().as_bytes());
    match result {
        Ok(body) => {
            line.extend_from_slice(b",\"result\":");
            line.extend_from_slice(body);
        }
        Err(error) => {
            line.extend_from_slice(b",\"error\":");
            // An error has no map with keys that are no texts, so that writing it does not fail.
            line.extend(serde_json::to_vec(error).unwrap_or_else(|_| b"null".to_vec()));
        }
    }
    line.extend_from_slice(b"}\n");
    line
}

#[derive(Serialize)]
struct OutgoingRequest<'r, P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'static str,
    params: &'r P,
}

#[derive(Serialize)]
struct OutgoingNotification<'r, P> {
    jsonrpc: &'static str,
    method: &'static str,
    params: &'r P,
}

/// The line of a request.
pub fn request<M: Method>(id: u64, params: &M) -> serde_json::Result<Vec<u8>> {
    let request = OutgoingRequest { jsonrpc: "2.0", id, method: M::NAME, params };
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    Ok(line)
}

/// The line of a notification.
pub fn notification<N: Notification>(params: &N) -> serde_json::Result<Vec<u8>> {
    let notification = OutgoingNotification { jsonrpc: "2.0", method: N::NAME, params };
    let mut line = serde_json::to_vec(&notification)?;
    line.push(b'\n');
    Ok(line)
}

/// A line as a client reads it.
pub enum IncomingLine<'l> {
    /// The answer to a request.
    Reply {
        /// The number of the request. An error without one is about the connection as a whole.
        id: Option<u64>,
        /// The JSON of the result, or why there is none.
        result: Result<&'l RawValue, ApiError>,
    },
    /// An event that nobody asked for.
    Notification {
        /// Its name.
        method: Cow<'l, str>,
        /// The JSON of its parameters.
        params: &'l RawValue,
    },
}

#[derive(Deserialize)]
struct ReplyLine<'l> {
    #[serde(borrow, default)]
    id: Option<&'l RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    params: Option<&'l RawValue>,
    #[serde(borrow, default)]
    result: Option<&'l RawValue>,
    #[serde(default)]
    error: Option<ApiError>,
}

impl<'l> IncomingLine<'l> {
    /// Reads one line; nothing when it is neither a reply nor a notification.
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let ReplyLine { id, method, params, result, error } = serde_json::from_slice(line).ok()?;
        if let Some(method) = method {
            return Some(Self::Notification { method, params: params.unwrap_or(RawValue::NULL) });
        }
        let id = id.and_then(|id| id.get().parse().ok());
        let result = match error {
            Some(error) => Err(error),
            None => Ok(result?),
        };
        Some(Self::Reply { id, result })
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
