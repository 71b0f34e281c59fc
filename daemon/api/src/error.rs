//! Errors: a code, a kind, a message that names the cure, and numbers.

use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// The kind of an error. Codes are in PROTOCOL.md: appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    BadVcard,
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
    /// A kind that a newer daemon knows.
    #[serde(other)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Other,
}

impl ErrorKind {
    /// All that a daemon of this version says.
    pub const ALL: [Self; 24] = [
        Self::ParseError,
        Self::InvalidRequest,
        Self::NoSuchMethod,
        Self::InvalidParams,
        Self::Internal,
        Self::NoSuchContact,
        Self::Ambiguous,
        Self::Conflict,
        Self::TooLarge,
        Self::Full,
        Self::ReadOnly,
        Self::Disk,
        Self::BadVcard,
        Self::NoSuchBlob,
        Self::NoSuchProperty,
        Self::Busy,
        Self::TooManyConnections,
        Self::NotAllowed,
        Self::Stopping,
        Self::Timeout,
        Self::Damaged,
        Self::Card,
        Self::Device,
        Self::NotEmpty,
    ];

    /// The number on the wire.
    pub fn code(self) -> i32 {
        match self {
            Self::ParseError => -32700,
            Self::InvalidRequest => -32600,
            Self::NoSuchMethod => -32601,
            Self::InvalidParams => -32602,
            Self::Internal | Self::Other => -32603,
            Self::NoSuchContact => -32000,
            Self::Ambiguous => -32001,
            Self::Conflict => -32002,
            Self::TooLarge => -32003,
            Self::Full => -32004,
            Self::ReadOnly => -32005,
            Self::Disk => -32006,
            Self::BadVcard => -32007,
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

/// Numbers and names that go with an error, each where it applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorData {
    /// The contact that was asked for, or is in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Two of the contacts that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Vec<String>>,
    /// The version the contact has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// How long it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    /// How many JSON values it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_max: Option<u64>,
    /// Bytes of the box in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_bytes: Option<u64>,
    /// Bytes the box can hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_bytes: Option<u64>,
    /// How many contacts and pieces the index can hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots_max: Option<u64>,
    /// Bytes that are wanted on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes_wanted: Option<u64>,
    /// Contacts that an import had added before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<u64>,
    /// Contacts that an import had updated before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<u64>,
    /// Contacts that an import had found unchanged before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<u64>,
    /// The line a vCard starts at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The line of the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The blob that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The property that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many clients may be connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections_max: Option<u64>,
    /// The user that may not do this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How long was waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// The defect of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CardReason>,
    /// How many contacts there are already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<u64>,
}

/// The defect of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CardReason {
    /// It has no file system that is understood.
    NoFileSystem,
    /// It has exFAT.
    #[serde(rename = "exfat")]
    ExFat,
    /// It cannot be written to.
    WriteProtected,
    /// The user may not.
    Forbidden,
    /// It has no room.
    Full,
    /// It is not there.
    Removed,
    /// Its file system contradicts itself.
    Inconsistent,
    /// It does not work.
    Device,
    /// It does not say what was written to it.
    NotReadBack,
    /// A reason that a newer daemon knows.
    #[serde(other)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Other,
}

/// An error as the daemon answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Its kind.
    pub kind: ErrorKind,
    /// The fault, and the cure.
    pub message: String,
    /// Numbers and names that go with it. Boxed: most results are none.
    pub data: Box<ErrorData>,
}

impl ApiError {
    /// An error with its message: what is wrong, and the cure.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), data: Box::default() }
    }

    /// The same with a number or name the client may want.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut ErrorData)) -> Self {
        set(&mut self.data);
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
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

/// The member `error` of a reply.
#[derive(Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "ApiError"))]
pub(crate) struct WireError<'e> {
    /// A code of JSON-RPC, or one of PROTOCOL.md.
    code: i32,
    /// The text for a person.
    message: Cow<'e, str>,
    /// The data for a program.
    data: WireData,
}

/// The member `data` of an error.
#[derive(Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "ErrorData"))]
struct WireData {
    #[serde(flatten)]
    data: ErrorData,
    /// The kind of the error.
    kind: ErrorKind,
}

impl Serialize for ApiError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data = WireData { data: (*self.data).clone(), kind: self.kind };
        let (code, message) = (self.kind.code(), Cow::from(&self.message));
        WireError { code, message, data }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ApiError {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WireError { message, data, .. } = WireError::deserialize(deserializer)?;
        let WireData { data, kind } = data;
        Ok(Self { kind, message: message.into_owned(), data: Box::new(data) })
    }
}

/// The start of a message that may repeat what a client sent, however long that was.
pub(crate) fn cut(message: &str) -> &str {
    const MESSAGE_BYTES_MAX: usize = 400;
    &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_and_read() {
        let error = ApiError::new(ErrorKind::Full, "the box is full")
            .with(|data| data.live_bytes = Some(3));
        let text = serde_json::to_string(&error).expect("JSON");
        let expected =
            r#"{"code":-32004,"message":"the box is full","data":{"live_bytes":3,"kind":"Full"}}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<ApiError>(&text).expect("an error"), error);
        let newer = r#"{"code":-1,"message":"m","data":{"kind":"Tired","hours":3}}"#;
        let newer: ApiError = serde_json::from_str(newer).expect("an error");
        assert_eq!((newer.kind, newer.message.as_str()), (ErrorKind::Other, "m"));
    }

    #[test]
    fn each_kind_has_a_code_of_its_own() {
        let codes: std::collections::HashSet<i32> =
            ErrorKind::ALL.into_iter().map(ErrorKind::code).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
    }
}
