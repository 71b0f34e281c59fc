//! Errors as clients see them: a code, a kind, a message that names the cure, and numbers.

use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;

/// What kind of error. Codes are in PROTOCOL.md: appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "PROTOCOL.md has each with its meaning")]
pub enum ErrorKind {
    ParseError,
    InvalidRequest,
    NoSuchMethod,
    InvalidParams,
    Internal,
    NoSuchContact,
    Ambiguous,
    Conflict,
    TooLarge,
    Full,
    ReadOnly,
    Disk,
    BadCard,
    NoSuchBlob,
    NoSuchProperty,
    Busy,
    TooManyConnections,
    NotAllowed,
    Stopping,
    Timeout,
    Damaged,
    Card,
    Device,
    NotEmpty,
}

impl ErrorKind {
    /// The number on the wire.
    pub fn code(self) -> i32 {
        match self {
            Self::ParseError => -32700,
            Self::InvalidRequest => -32600,
            Self::NoSuchMethod => -32601,
            Self::InvalidParams => -32602,
            Self::Internal => -32603,
            Self::NoSuchContact => -32000,
            Self::Ambiguous => -32001,
            Self::Conflict => -32002,
            Self::TooLarge => -32003,
            Self::Full => -32004,
            Self::ReadOnly => -32005,
            Self::Disk => -32006,
            Self::BadCard => -32007,
            Self::NoSuchBlob => -32008,
            Self::NoSuchProperty => -32009,
            Self::Busy => -32010,
            Self::TooManyConnections => -32011,
            Self::NotAllowed => -32012,
            Self::Stopping => -32013,
            Self::Timeout => -32014,
            Self::Damaged => -32015,
            Self::Card => -32016,
            Self::Device => -32017,
            Self::NotEmpty => -32018,
        }
    }
}

/// An error on its way to a client.
#[derive(Clone, Debug)]
pub struct RpcError {
    kind: ErrorKind,
    message: String,
    data: Map<String, Value>,
}

impl RpcError {
    /// An error with its message: what is wrong, and the cure.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), data: Map::new() }
    }

    /// The same with a number or name the client may want.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// The same for another reason, which is the one to be told.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.message = format!("{reason} ({})", self.message);
        self
    }

    /// Wrong parameters.
    pub fn params(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidParams, message)
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut data = self.data.clone();
        data.insert("kind".to_owned(), Value::String(format!("{:?}", self.kind)));
        let object = serde_json::json!({
            "code": self.kind.code(),
            "message": self.message,
            "data": data,
        });
        object.to_string().into_bytes()
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RpcError {}
