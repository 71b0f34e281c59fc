//! One property: its content, how that is encoded, and the stamps it carries in a contact.

use super::group;
use super::record::{RecordError, WriteError};
use super::{AuthorIndex, BlobRef, BoxIndex, Kind, Stamp, Types, Uid, UuidText, Value};
use crate::limits::{BLOB_BYTES_MAX, GROUP_BYTES_MAX, PARAMS_BYTES_MAX, PROPERTY_NAME_BYTES_MAX};
use crate::text::{Fnv32, SliceFull, SliceWriter};
use serde::{Deserialize, Serialize};

// The first byte of a property. Most are a text and nothing else: their kind is all it says.
const FLAGGED: u8 = 1 << 7;
/// From here on, a kind as it is: the box's own marks.
const MARKS: u8 = 0xF0;
/// The kind is in a byte of its own.
const ESCAPED: u8 = 0xFF;

// The flags. With the top bit, a text with types and nothing else: the types are the other bits.
const ONLY_TYPES: u8 = 1 << 7;
const HAS_GROUP: u8 = 1 << 0;
const HAS_TYPES: u8 = 1 << 1;
const HAS_PARAMS: u8 = 1 << 2;
const HAS_STAMP: u8 = 1 << 3;
const FORM_SHIFT: u8 = 4;
const FORM_MASK: u8 = 0b11 << FORM_SHIFT;
const HAS_MORE_STAMPS: u8 = 1 << 6;

const FORM_TEXT: u8 = 0;
const FORM_UUID: u8 = 1;
const FORM_BYTES: u8 = 2;
const FORM_BLOB: u8 = 3;

// The spelling of a UUID.
const URN: u8 = 1 << 0;
const UPPER: u8 = 1 << 1;
const AB_PERSON: u8 = 1 << 2;
/// It is that of the record's identity, and its bytes are there.
const OWN: u8 = 1 << 3;

/// The base that a property's bytes are decoded with.
#[derive(Clone, Copy)]
pub(super) struct DecodeBase {
    /// Stamps that are spelled out are told relative to this.
    pub time: u64,
    /// The identity of the contact; a draft has none.
    pub uid: Option<Uid>,
}

/// The content of a property, without its author and time. Two equal contents are one property.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Property<'a> {
    /// Its kind.
    pub kind: Kind,
    /// The name of a [`Kind::OTHER`] as it came; empty for all others.
    pub other: &'a str,
    /// The group (`item1`), or empty.
    pub group: &'a str,
    /// The usual TYPE values.
    pub types: Types,
    /// All other parameters in the syntax of vCard 4.0, joined by `;`, or empty.
    pub params: &'a str,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Property<'a> {
    /// A property of a known kind with a text value (escaped as in vCard 4.0) and nothing else.
    pub fn text(kind: Kind, value: &'a str) -> Self {
        Self {
            kind,
            other: "",
            group: "",
            types: Types::default(),
            params: "",
            value: Value::text(value),
        }
    }

    /// The property's name as it is written in a vCard; empty for the box's own marks.
    pub fn name(&self) -> &'a str {
        if self.kind == Kind::OTHER { self.other } else { self.kind.name() }
    }

    /// The value of a parameter kept in the parameter text, quotes and all,
    /// whatever its letter case.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        split_params(self.params).find_map(|param| {
            let (key, value) = param.split_once('=')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// 32 bits that equal contents share (FNV-1a).
    pub(crate) fn hash32(&self) -> u32 {
        let mut hash = Fnv32::new();
        hash.add(&[self.kind.code()]);
        for text in [self.other, self.group, self.params] {
            hash.add(text.as_bytes());
            hash.add(&[0]);
        }
        hash.add(&self.types.0.to_le_bytes());
        match self.value {
            Value::Text(text) => hash.add(text.as_bytes()),
            Value::Uuid(uuid) => hash.add(&uuid.bytes),
            Value::Bytes(bytes) => hash.add(bytes),
            Value::Blob(blob) => hash.add(&blob.hash),
        }
        hash.value()
    }

    /// Encodes the content with its stamps, which are none in a draft and else in rising order.
    /// `expected` is the stamp that need not be spelled out.
    pub(super) fn encode<I>(
        &self,
        stamps: I,
        expected: Stamp,
        head: &DecodeBase,
        out: &mut ValueWriter<'_>,
    ) -> Result<(), WriteError>
    where
        I: Iterator<Item = Stamp> + Clone,
    {
        if self.kind == Kind::OTHER && self.other.is_empty() {
            return Err(WriteError::NoName);
        }
        // One form for one text, so that equal contents are equal however they were made.
        let value = match self.value {
            Value::Text(text) => Value::text(text),
            other => other,
        };
        let form = match value {
            Value::Text(_) => FORM_TEXT,
            Value::Uuid(_) => FORM_UUID,
            Value::Bytes(_) => FORM_BYTES,
            Value::Blob(_) => FORM_BLOB,
        };
        let first = stamps.clone().next();
        let more = stamps.clone().count().saturating_sub(1);
        let mut flags = form << FORM_SHIFT;
        for (bit, is_set) in [
            (HAS_GROUP, !self.group.is_empty()),
            (HAS_TYPES, !self.types.is_empty()),
            (HAS_PARAMS, !self.params.is_empty()),
            (HAS_STAMP, first.is_some_and(|stamp| !stamp.is_same_as(&expected))),
            (HAS_MORE_STAMPS, more > 0),
        ] {
            if is_set {
                flags |= bit;
            }
        }
        if flags == HAS_TYPES && self.types.0 < u32::from(ONLY_TYPES) {
            flags = ONLY_TYPES | self.types.0 as u8;
        }
        match self.kind.code() {
            code @ 0..FLAGGED if flags == 0 => out.raw(&[code])?,
            code @ (0..=0x6F | MARKS..=0xFE) => out.raw(&[FLAGGED | code, flags])?,
            code => out.raw(&[ESCAPED, code, flags])?,
        }
        if self.kind == Kind::OTHER {
            out.put(bounded(self.other, PROPERTY_NAME_BYTES_MAX)?)?;
        }
        if flags & ONLY_TYPES != 0 {
            return out.put(value.as_text().unwrap_or_default());
        }
        if flags & HAS_STAMP != 0
            && let Some(stamp) = first
        {
            out.stamp(stamp, head.time)?;
        }
        if more > 0 {
            out.put(&(more as u32))?;
            for stamp in stamps.skip(1) {
                out.stamp(stamp, head.time)?;
            }
        }
        if flags & HAS_GROUP != 0 {
            match group::code(self.group) {
                Some(code) => out.raw(&[code])?,
                // Its length is below every code.
                None => out.put(bounded(self.group, GROUP_BYTES_MAX)?)?,
            }
        }
        if flags & HAS_TYPES != 0 {
            out.put(&self.types.0)?;
        }
        if flags & HAS_PARAMS != 0 {
            out.put(bounded(self.params, PARAMS_BYTES_MAX)?)?;
        }
        match value {
            Value::Text(text) => out.put(text),
            Value::Uuid(uuid) => {
                let mut spelling = 0;
                let is_own = head.uid.is_some_and(|uid| uid.0 == uuid.identity());
                for (bit, is_set) in [
                    (URN, uuid.urn),
                    (UPPER, uuid.upper),
                    (AB_PERSON, uuid.ab_person),
                    (OWN, is_own),
                ] {
                    spelling |= if is_set { bit } else { 0 };
                }
                out.raw(&[spelling])?;
                if is_own { Ok(()) } else { out.raw(&uuid.bytes) }
            }
            Value::Bytes(bytes) => out.put(bytes),
            Value::Blob(blob) if blob.len > BLOB_BYTES_MAX => {
                Err(WriteError::TooLarge { bytes_max: BLOB_BYTES_MAX as usize })
            }
            Value::Blob(blob) => {
                out.raw(&blob.hash)?;
                out.put(&blob.len)
            }
        }
    }
}

fn bounded(text: &str, max: usize) -> Result<&str, WriteError> {
    if text.len() > max {
        return Err(WriteError::FieldTooLong { bytes: text.len(), bytes_max: max });
    }
    Ok(text)
}

/// The parameters of a parameter text one by one; a `;` inside quotes does not split.
pub fn split_params(params: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    params
        .split(move |c| {
            if c == '"' {
                quoted = !quoted;
            }
            c == ';' && !quoted
        })
        .filter(|param| !param.is_empty())
}

/// A property of a contact: a content and its stamps.
#[derive(Clone, Copy)]
pub struct StampedProperty<'a> {
    /// The content.
    pub content: Property<'a>,
    first: Stamp,
    /// The encoded stamps after the first, already checked.
    more: &'a [u8],
    more_count: u32,
    base_time: u64,
}

impl<'a> StampedProperty<'a> {
    /// Every stamp, oldest first; never empty.
    pub fn stamps(&self) -> impl Iterator<Item = Stamp> + Clone + use<'a> {
        let mut reader = ValueReader(self.more);
        let base = self.base_time;
        let more = (0..self.more_count).map_while(move |_| reader.stamp(base).ok());
        core::iter::once(self.first).chain(more)
    }

    /// The oldest stamp: the property's place in the contact.
    pub fn first_stamp(&self) -> Stamp {
        self.first
    }

    /// The newest stamp: who last said so.
    pub fn last_stamp(&self) -> Stamp {
        self.stamps().last().unwrap_or(self.first)
    }

    /// Decodes one property and returns it with what follows it. `expected` is the stamp of a
    /// property that spells out none.
    pub(super) fn decode(
        bytes: &'a [u8],
        expected: Stamp,
        head: &DecodeBase,
    ) -> Result<(Self, &'a [u8]), RecordError> {
        let mut reader = ValueReader(bytes);
        let base_time = head.time;
        let [first] = reader.raw()?;
        let code = match first {
            0..FLAGGED => first,
            FLAGGED..MARKS => first & !FLAGGED,
            MARKS..ESCAPED => first,
            ESCAPED => {
                let [code] = reader.raw()?;
                code
            }
        };
        let kind = Kind::from_code(code).ok_or(RecordError::UnknownKind { code })?;
        let mut flags = 0;
        if first >= FLAGGED {
            [flags] = reader.raw()?;
        }
        let mut types = Types::default();
        if flags & ONLY_TYPES != 0 {
            types = Types(u32::from(flags & !ONLY_TYPES));
            flags = 0;
        }
        let other = if kind == Kind::OTHER { reader.text(PROPERTY_NAME_BYTES_MAX)? } else { "" };
        if kind == Kind::OTHER && other.is_empty() {
            return Err(RecordError::Malformed);
        }
        let first = if flags & HAS_STAMP != 0 { reader.stamp(base_time)? } else { expected };
        let mut more_count = 0;
        let mut more: &[u8] = &[];
        if flags & HAS_MORE_STAMPS != 0 {
            more_count = reader.get::<u32>()?;
            more = reader.0;
            let mut last = first;
            for _ in 0..more_count {
                // The merge walks two lists of stamps side by side: it needs them sorted.
                let stamp = reader.stamp(base_time)?;
                if stamp <= last {
                    return Err(RecordError::Malformed);
                }
                last = stamp;
            }
        }
        let mut group = "";
        if flags & HAS_GROUP != 0 {
            group = match reader.0.first().copied().and_then(group::of_code) {
                Some(group) => {
                    reader.raw::<1>()?;
                    group
                }
                None => reader.text(GROUP_BYTES_MAX)?,
            };
        }
        if flags & HAS_TYPES != 0 {
            types = Types(reader.get()?);
        }
        let params = if flags & HAS_PARAMS != 0 { reader.text(PARAMS_BYTES_MAX)? } else { "" };
        let value = match (flags & FORM_MASK) >> FORM_SHIFT {
            FORM_TEXT => Value::Text(reader.get()?),
            FORM_UUID => {
                let [spelling] = reader.raw()?;
                if spelling & !(URN | UPPER | AB_PERSON | OWN) != 0 {
                    return Err(RecordError::Malformed);
                }
                let mut uuid = UuidText {
                    bytes: [0; 16],
                    urn: spelling & URN != 0,
                    upper: spelling & UPPER != 0,
                    ab_person: spelling & AB_PERSON != 0,
                };
                if spelling & OWN != 0 {
                    uuid = uuid.of_identity(head.uid.ok_or(RecordError::Malformed)?.0);
                } else {
                    uuid.bytes = reader.raw()?;
                }
                Value::Uuid(uuid)
            }
            FORM_BYTES => Value::Bytes(reader.get()?),
            _ => {
                let blob = BlobRef { hash: reader.raw()?, len: reader.get()? };
                if blob.len > BLOB_BYTES_MAX {
                    return Err(RecordError::Malformed);
                }
                Value::Blob(blob)
            }
        };
        let content = Property { kind, other, group, types, params, value };
        Ok((Self { content, first, more, more_count, base_time }, reader.0))
    }
}

#[derive(Serialize, Deserialize)]
struct StampBytes {
    age: i64,
    origin: u16,
    author: u16,
    seq: u16,
}

/// Postcard values one behind the other into the caller's memory.
pub(super) struct ValueWriter<'b> {
    out: SliceWriter<'b>,
}

impl<'b> ValueWriter<'b> {
    pub(super) fn new(out: &'b mut [u8]) -> Self {
        Self { out: SliceWriter::new(out) }
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let bytes_max = self.out.bytes_max();
        self.out.push(bytes).map_err(|SliceFull| WriteError::TooLarge { bytes_max })
    }

    pub(super) fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        let bytes_max = self.out.bytes_max();
        let put = |room: &mut [u8]| match postcard::to_slice(value, room) {
            Ok(used) => Ok(used.len()),
            Err(_) => Err(SliceFull),
        };
        self.out.push_with(put).map_err(|SliceFull| WriteError::TooLarge { bytes_max })
    }

    fn stamp(&mut self, stamp: Stamp, base_time: u64) -> Result<(), WriteError> {
        self.put(&StampBytes {
            age: base_time.wrapping_sub(stamp.time) as i64,
            origin: stamp.origin.0,
            author: stamp.author.0,
            seq: stamp.seq,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn cut(&mut self, len: usize) {
        self.out.truncate(len);
    }

    pub(super) fn written(&self) -> &[u8] {
        self.out.written()
    }

    pub(super) fn finish(self) -> &'b mut [u8] {
        self.out.finish().0
    }
}

/// Postcard values one behind the other out of a record.
#[derive(Clone, Copy)]
pub(super) struct ValueReader<'a>(pub(super) &'a [u8]);

impl<'a> ValueReader<'a> {
    pub(super) fn raw<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(RecordError::Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn get<T: Deserialize<'a>>(&mut self) -> Result<T, RecordError> {
        let (value, rest) =
            postcard::take_from_bytes(self.0).map_err(|_| RecordError::Malformed)?;
        self.0 = rest;
        Ok(value)
    }

    /// Text within the bound that a writer keeps to, so that what was read can be written again.
    fn text(&mut self, bytes_max: usize) -> Result<&'a str, RecordError> {
        let text: &str = self.get()?;
        if text.len() > bytes_max { Err(RecordError::Malformed) } else { Ok(text) }
    }

    fn stamp(&mut self, base_time: u64) -> Result<Stamp, RecordError> {
        let bytes: StampBytes = self.get()?;
        Ok(Stamp {
            time: base_time.wrapping_sub(bytes.age as u64),
            origin: BoxIndex(bytes.origin),
            author: AuthorIndex(bytes.author),
            seq: bytes.seq,
        })
    }
}
