//! A card before it is a contact: contents in the caller's memory, without stamps.

use super::property::{DecodeBase, Property, StampedProperty, ValueWriter};
use super::record::{RecordError, WriteError};
use super::{AuthorIndex, BlobRef, BoxIndex, Kind, Stamp, Uid, Value, digest};

const NO_HEAD: DecodeBase = DecodeBase { time: 0, uid: None };

const NO_STAMP: Stamp = Stamp { time: 0, origin: BoxIndex::SELF, seq: 0, author: AuthorIndex(0) };

/// Contents being gathered: what a vCard says, what a client sends.
pub struct Draft<'b> {
    out: ValueWriter<'b>,
}

impl<'b> Draft<'b> {
    /// An empty card in the caller's memory.
    pub fn new(memory: &'b mut [u8]) -> Self {
        Self { out: ValueWriter::new(memory) }
    }

    /// Adds a content. When it does not fit, the draft is as before.
    pub fn push(&mut self, content: &Property<'_>) -> Result<(), WriteError> {
        let len = self.out.len();
        content
            .encode(core::iter::empty(), NO_STAMP, &NO_HEAD, &mut self.out)
            .inspect_err(|_| self.out.cut(len))
    }

    /// Bytes used so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Returns whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything, to take another card.
    pub fn clear(&mut self) {
        self.out.cut(0);
    }

    /// The contents gathered so far.
    pub fn contents(&self) -> Contents<'_> {
        Contents { rest: self.out.written() }
    }

    /// The contents, for as long as the memory lives.
    pub fn finish(self) -> Contents<'b> {
        Contents { rest: self.out.finish() }
    }
}

/// The contents of a draft, one by one, in the order they were added.
#[derive(Clone)]
pub struct Contents<'a> {
    rest: &'a [u8],
}

impl<'a> Contents<'a> {
    /// The contents that a draft left in its memory: the first [`Draft::len`] bytes of it.
    pub(crate) fn of(written: &'a [u8]) -> Self {
        Contents { rest: written }
    }

    /// The contents in bytes that came from somewhere, checked from end to end.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = StampedProperty::decode(rest, NO_STAMP, &NO_HEAD)?.1;
        }
        Ok(Contents { rest: bytes })
    }

    /// The contents as a draft has them in its memory, for [`Contents::parse`].
    pub fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns whether the contents name their own identity.
    pub fn has_uid(&self) -> bool {
        self.clone().any(|content| content.kind == Kind::UID && !is_blank(&content.value))
    }

    /// The identity of the card: by its UID when it has one, else by all it says.
    pub fn uid(&self) -> Uid {
        match self.clone().find(|content| content.kind == Kind::UID).map(|content| content.value) {
            Some(Value::Uuid(uuid)) => Uid(uuid.identity()),
            Some(value @ Value::Text(text)) if !is_blank(&value) => Uid::from_text(text),
            _ => Uid(self.digest()),
        }
    }

    /// 128 bits that tell whether two cards say the same. The file's own marks (PRODID, REV) do not
    /// count; the order does not either.
    pub fn digest(&self) -> [u8; 16] {
        let mut sum = [0u8; 16];
        for content in self.clone().filter(|content| !content.kind.is_bookkeeping()) {
            let one = content_digest(&content);
            // Addition with carry: the same line twice must not cancel out, as it would with XOR.
            let mut carry = 0u16;
            for (total, part) in sum.iter_mut().zip(one) {
                carry += u16::from(*total) + u16::from(part);
                *total = carry as u8;
                carry >>= 8;
            }
        }
        sum
    }

    /// Returns the start of the next property, for [`Contents::at`].
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The content that starts `offset` bytes into these.
    pub(super) fn at(&self, offset: usize) -> Option<Property<'a>> {
        Contents { rest: self.rest.get(offset..)? }.next()
    }
}

impl<'a> Iterator for Contents<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        // A draft is written by `push` only, so what it holds decodes.
        let (property, rest) = StampedProperty::decode(self.rest, NO_STAMP, &NO_HEAD).ok()?;
        self.rest = rest;
        Some(property.content)
    }
}

/// 128 bits that equal contents share.
pub(super) fn content_digest(content: &Property<'_>) -> [u8; 16] {
    let types = content.types.0.to_le_bytes();
    let (uuid, hash);
    let value: [&[u8]; 2] = match content.value {
        Value::Text(text) => [b"t", text.as_bytes()],
        Value::Uuid(text) => {
            uuid = text.bytes;
            let form = match (text.urn, text.ab_person) {
                (false, false) => b"u",
                (true, false) => b"U",
                (false, true) => b"a",
                (true, true) => b"A",
            };
            [form, &uuid]
        }
        // A binary value kept inside is the same as one kept as a blob.
        Value::Bytes(bytes) => {
            hash = BlobRef::of(bytes).hash;
            [b"b", &hash]
        }
        Value::Blob(blob) => {
            hash = blob.hash;
            [b"b", &hash]
        }
    };
    digest(
        b"content",
        &[
            content.name().as_bytes(),
            content.group.as_bytes(),
            &types,
            content.params.as_bytes(),
            value[0],
            value[1],
        ],
    )
}
/// Returns whether a UID says nothing, as some programs leave it where they know of none.
fn is_blank(uid: &Value<'_>) -> bool {
    matches!(uid, Value::Text(text) if text.trim().is_empty())
}
