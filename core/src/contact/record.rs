//! The record of a contact: its bytes, checked once, and the views into them.
//!
//! Layout in FORMAT.md, chapter "Contact record".

use super::property::{DecodeBase, Property, StampedProperty, ValueReader, ValueWriter};
use super::{AuthorIndex, BlobRef, BoxIndex, Change, Kind, Millis, Origin, Stamp, Uid, Value};
use crate::limits::{BOXES_MAX, MILLIS_MAX};
use core::fmt;

const SEEN_EXPLICIT: u8 = 1 << 0;
const ORIGIN_SHIFT: u8 = 1;
const ORIGIN_MASK: u8 = 0b111 << ORIGIN_SHIFT;
const HAS_BLOBS: u8 = 1 << 4;
const HAS_AUTHOR: u8 = 1 << 5;
const RESERVED: u8 = 0b1100_0000;

/// Why bytes are not a contact record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The bytes end early, hold text that is not UTF-8, set a bit that means nothing yet, are out
    /// of the order that records keep, or exceed a bound that writers keep.
    Malformed,
    /// A property of a kind this version does not know: written by a newer one.
    UnknownKind {
        /// The code met.
        code: u8,
    },
    /// `seen` names more boxes than a box can know.
    TooManyBoxes,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the record is malformed"),
            Self::UnknownKind { code } => {
                write!(f, "the record has a property of kind {code}, which needs a newer version")
            }
            Self::TooManyBoxes => write!(f, "the record names more than {BOXES_MAX} boxes"),
        }
    }
}

impl core::error::Error for RecordError {}

/// Why a contact could not be written into the memory given; the memory holds nothing of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The contact is larger than the memory.
    TooLarge {
        /// Room there was, in bytes.
        bytes_max: usize,
    },
    /// A name, group or parameter text is longer than its bound.
    FieldTooLong {
        /// Its length.
        bytes: usize,
        /// Its bound.
        bytes_max: usize,
    },
    /// A property without a kind and without a name.
    NoName,
    /// A UID that stands for another contact than the one it is written into.
    OtherUid,
    /// More properties than the scratch memory has items for.
    TooManyProperties {
        /// Items there were, for both sides of a merge together.
        items_max: usize,
    },
    /// More than [`BOXES_MAX`] boxes have written to this contact.
    TooManyBoxes,
    /// More properties at one moment than a stamp can number (65,535).
    TooManyAtOnce,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes_max } => {
                write!(f, "the contact is larger than {bytes_max} bytes; shorten it")
            }
            Self::FieldTooLong { bytes, bytes_max } => {
                write!(f, "a name, group or parameter has {bytes} bytes; at most {bytes_max} fit")
            }
            Self::NoName => f.write_str("a property has no name"),
            Self::OtherUid => f.write_str(
                "the card has the UID of another contact; leave the UID as it was, a contact keeps it for life",
            ),
            Self::TooManyProperties { items_max } => {
                write!(f, "the contact has more properties than the {items_max} that fit")
            }
            Self::TooManyBoxes => {
                write!(f, "more than {BOXES_MAX} boxes have written this contact")
            }
            Self::TooManyAtOnce => f.write_str("more than 65,535 properties in one change"),
        }
    }
}

impl core::error::Error for WriteError {}

/// A contact: a checked record.
#[derive(Clone, Copy)]
pub struct Contact<'a> {
    bytes: &'a [u8],
    flags: u8,
    uid: Uid,
    changed: Stamp,
    seen: &'a [u8],
    seen_count: u16,
    properties: &'a [u8],
    is_trashed: bool,
}

impl<'a> Contact<'a> {
    /// Checks a record from end to end; what the views return later is within these bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let contact = Self::parse_head(bytes)?;
        let mut rest = contact.properties();
        let mut has_blobs = false;
        let mut trashed: Option<Millis> = None;
        let mut said: Option<Millis> = None;
        for property in rest.by_ref() {
            has_blobs |= matches!(property.content.value, Value::Blob(_));
            let newest = match property.content.kind {
                Kind::IMPORTED => continue,
                Kind::TRASHED => &mut trashed,
                _ => &mut said,
            };
            *newest = (*newest).max(Some(property.last_stamp().time));
        }
        match rest.error {
            Some(error) => Err(error),
            // A flag that denies its blobs would let them be collected.
            None if has_blobs != contact.has_blobs() => Err(RecordError::Malformed),
            None => Ok(Self { is_trashed: trashed > said, ..contact }),
        }
    }

    /// A record that [`Contact::parse`] has taken before. Whether it is in the trash is not told.
    pub(crate) fn known(bytes: &'a [u8]) -> Option<Self> {
        Self::parse_head(bytes).ok()
    }

    /// Identity and version of a record, without a look at its properties.
    pub fn peek(bytes: &[u8]) -> Result<(Uid, Millis), RecordError> {
        let contact = Contact::parse_head(bytes)?;
        Ok((contact.uid(), contact.changed().time))
    }

    fn parse_head(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut reader = ValueReader(bytes);
        let [flags] = reader.raw()?;
        let uid = Uid(reader.raw()?);
        let time: u64 = reader.get()?;
        let mut author = 0;
        if flags & HAS_AUTHOR != 0 {
            author = reader.get()?;
        }
        let origin = (flags & ORIGIN_MASK) >> ORIGIN_SHIFT;
        if flags & RESERVED != 0 || Origin::from_code(origin).is_none() || time > MILLIS_MAX {
            return Err(RecordError::Malformed);
        }
        let changed = Stamp { time, origin: BoxIndex::SELF, seq: 0, author: AuthorIndex(author) };
        let mut seen_count = 0;
        let mut seen: &[u8] = &[];
        if flags & SEEN_EXPLICIT != 0 {
            seen_count = reader.get()?;
            if usize::from(seen_count) > BOXES_MAX {
                return Err(RecordError::TooManyBoxes);
            }
            seen = reader.0;
            let mut last = None;
            for _ in 0..seen_count {
                let (origin, _) = seen_row(&mut reader, time)?;
                if last.is_some_and(|last| last >= origin) {
                    return Err(RecordError::Malformed);
                }
                last = Some(origin);
            }
        }
        let properties = reader.0;
        // The properties tell, which nobody has read yet.
        let is_trashed = false;
        Ok(Self { bytes, flags, uid, changed, seen, seen_count, properties, is_trashed })
    }

    /// The record itself.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the identity of the contact.
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// When and by whom this box last wrote the contact. A box's versions of a contact are ordered
    /// by this time, which never repeats in a box.
    pub fn changed(&self) -> Stamp {
        self.changed
    }

    /// Returns the kind of change that made this version.
    pub fn origin(&self) -> Origin {
        Origin::from_code((self.flags & ORIGIN_MASK) >> ORIGIN_SHIFT).unwrap_or(Origin::Edit)
    }

    /// Returns whether a property refers to a blob.
    pub fn has_blobs(&self) -> bool {
        self.flags & HAS_BLOBS != 0
    }

    /// The blobs it refers to.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> + use<'a> {
        self.properties().filter_map(|property| match property.content.value {
            Value::Blob(blob) => Some(blob),
            _ => None,
        })
    }

    /// For each box, by index, the latest time of it that this state has taken in.
    pub fn seen(&self) -> impl Iterator<Item = (BoxIndex, Millis)> + Clone + use<'a> {
        let (base, is_told) = (self.changed.time, self.flags & SEEN_EXPLICIT != 0);
        let mut reader = ValueReader(self.seen);
        let told = (0..self.seen_count).filter_map(move |_| seen_row(&mut reader, base).ok());
        let implied = (!is_told).then_some((BoxIndex::SELF, base));
        implied.into_iter().chain(told)
    }

    /// The latest time of a box that this state has taken in; 0 when nothing of it was.
    pub fn seen_of(&self, origin: BoxIndex) -> Millis {
        self.seen().find(|row| row.0 == origin).map_or(0, |row| row.1)
    }

    /// Returns whether this state has taken a stamp in.
    pub(super) fn has_seen(&self, stamp: Stamp) -> bool {
        stamp.time <= self.seen_of(stamp.origin)
    }

    /// Returns whether another state has taken in something that this one has not.
    pub(super) fn has_seen_less_than(&self, other: &Contact<'_>) -> bool {
        let mut ours = self.seen().peekable();
        other.seen().any(|(origin, time)| {
            while ours.next_if(|row| row.0 < origin).is_some() {}
            ours.peek().is_none_or(|row| row.0 != origin || row.1 < time)
        })
    }

    /// The box of the highest index that this state has taken something in of.
    pub fn box_max(&self) -> BoxIndex {
        self.seen().last().map_or(BoxIndex::SELF, |row| row.0)
    }

    /// The properties, in the order of their oldest stamps: as first written.
    pub fn properties(&self) -> Properties<'a> {
        Properties {
            rest: self.properties,
            start: self.properties.len(),
            expected: self.changed,
            head: self.head(),
            error: None,
        }
    }

    /// The properties of one kind.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = StampedProperty<'a>> + use<'a> {
        self.properties().filter(move |property| property.content.kind == kind)
    }

    /// The property of a kind that has one value: the one said last, when there are several. Boxes
    /// number each other differently, so a tie is settled by what every box sees alike.
    pub fn latest(&self, kind: Kind) -> Option<StampedProperty<'a>> {
        self.all(kind).max_by_key(|property| {
            let last = property.stamps().map(|stamp| (stamp.time, stamp.seq)).max();
            (last, property.content.hash32())
        })
    }

    /// Returns whether a kind that has one value has two.
    pub fn is_conflicted(&self, kind: Kind) -> bool {
        kind.is_single() && self.all(kind).nth(1).is_some()
    }

    /// Returns whether the contact is in the trash: the newest property is the mark that put it
    /// there. A property said elsewhere at that very moment keeps it out.
    pub fn is_trashed(&self) -> bool {
        self.is_trashed
    }

    /// Returns whether nothing is left of the contact but the memory that it is gone.
    pub fn is_tombstone(&self) -> bool {
        self.properties.is_empty()
    }

    /// The property that starts `offset` bytes into the properties.
    pub(super) fn property_at(
        &self,
        offset: usize,
        expected: Stamp,
    ) -> Option<StampedProperty<'a>> {
        let bytes = self.properties.get(offset..)?;
        StampedProperty::decode(bytes, expected, &self.head()).ok().map(|(property, _)| property)
    }

    fn head(&self) -> DecodeBase {
        DecodeBase { time: self.changed.time, uid: Some(self.uid) }
    }
}

fn seen_row(reader: &mut ValueReader<'_>, base: Millis) -> Result<(BoxIndex, Millis), RecordError> {
    let origin: u16 = reader.get()?;
    let age: i64 = reader.get()?;
    if usize::from(origin) >= BOXES_MAX {
        return Err(RecordError::TooManyBoxes);
    }
    Ok((BoxIndex(origin), base.wrapping_sub(age as u64)))
}

/// The properties of a contact, one by one.
#[derive(Clone)]
pub struct Properties<'a> {
    rest: &'a [u8],
    start: usize,
    expected: Stamp,
    head: DecodeBase,
    error: Option<RecordError>,
}

impl Properties<'_> {
    /// Returns the start of the next property, and its stamp when it spells out none.
    pub(super) fn position(&self) -> (usize, Stamp) {
        (self.start - self.rest.len(), self.expected)
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = StampedProperty<'a>;

    fn next(&mut self) -> Option<StampedProperty<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        match StampedProperty::decode(self.rest, self.expected, &self.head) {
            Ok((property, rest)) => {
                self.rest = rest;
                self.expected = property.first_stamp().next();
                Some(property)
            }
            Err(error) => {
                self.rest = &[];
                self.error = Some(error);
                None
            }
        }
    }
}

/// All that either of two states has taken in, each given by its rows of `seen`.
pub(super) fn joined(
    one: impl Iterator<Item = (BoxIndex, Millis)> + Clone,
    other: impl Iterator<Item = (BoxIndex, Millis)> + Clone,
) -> impl Iterator<Item = (BoxIndex, Millis)> + Clone {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    core::iter::from_fn(move || match (one.peek().copied(), other.peek().copied()) {
        (Some(a), Some(b)) if a.0 == b.0 => {
            one.next();
            other.next();
            Some((a.0, a.1.max(b.1)))
        }
        (Some(a), Some(b)) if a.0 < b.0 => one.next(),
        (_, Some(_)) => other.next(),
        (_, None) => one.next(),
    })
}

/// Writes a record: the head first, then property by property in the order of their oldest stamps.
pub(super) struct RecordWriter<'b> {
    out: ValueWriter<'b>,
    flags: u8,
    expected: Stamp,
    head: DecodeBase,
}

impl<'b> RecordWriter<'b> {
    /// `seen` gives each row once, rising by box.
    pub(super) fn new(
        out: &'b mut [u8],
        uid: Uid,
        change: Change,
        seen: impl Iterator<Item = (BoxIndex, Millis)> + Clone,
    ) -> Result<Self, WriteError> {
        let mut out = ValueWriter::new(out);
        let changed = change.version();
        let mut flags = change.origin.code() << ORIGIN_SHIFT;
        if !seen.clone().eq([(BoxIndex::SELF, changed.time)]) {
            flags |= SEEN_EXPLICIT;
        }
        if changed.author.0 != 0 {
            flags |= HAS_AUTHOR;
        }
        out.raw(&[flags])?;
        out.raw(&uid.0)?;
        out.put(&changed.time)?;
        if flags & HAS_AUTHOR != 0 {
            out.put(&changed.author.0)?;
        }
        if flags & SEEN_EXPLICIT != 0 {
            let rows = seen.clone().count();
            if rows > BOXES_MAX {
                return Err(WriteError::TooManyBoxes);
            }
            out.put(&(rows as u16))?;
            for (origin, time) in seen {
                out.put(&origin.0)?;
                out.put(&(changed.time.wrapping_sub(time) as i64))?;
            }
        }
        let head = DecodeBase { time: changed.time, uid: Some(uid) };
        Ok(Self { out, flags, expected: changed, head })
    }

    pub(super) fn push<I>(&mut self, content: &Property<'_>, stamps: I) -> Result<(), WriteError>
    where
        I: Iterator<Item = Stamp> + Clone,
    {
        if matches!(content.value, Value::Blob(_)) {
            self.flags |= HAS_BLOBS;
        }
        content.encode(stamps.clone(), self.expected, &self.head, &mut self.out)?;
        if let Some(first) = stamps.clone().next() {
            self.expected = first.next();
        }
        Ok(())
    }

    pub(super) fn finish(self) -> &'b [u8] {
        let record = self.out.finish();
        if let Some(flags) = record.first_mut() {
            *flags = self.flags;
        }
        record
    }
}
