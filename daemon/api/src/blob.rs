//! `blob.get`: photos, sounds and documents, piece by piece.

use serde::{Deserialize, Serialize};

/// Parameters of `blob.get`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BlobGet {
    /// The hash of the blob: 32 hex digits.
    pub hash: String,
    /// The first byte wanted.
    #[serde(default)]
    pub offset: u32,
    /// How many bytes: 1 MiB unless told, at most 8 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u32>,
}

/// Reply of `blob.get`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlobReply {
    /// The piece.
    pub base64: String,
    /// How many bytes the piece has.
    pub bytes: u64,
    /// How many bytes the blob has.
    pub total: u64,
}
