//! Lists in messages: rows in postcard, one behind the other, as many as fit.

use core::marker::PhantomData;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that are sent as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(Self)
    }
}

/// A list of rows. On the cable it is bytes, so that what is not understood of it can be told.
pub struct Rows<'a, T> {
    bytes: &'a [u8],
    rows: PhantomData<fn() -> T>,
}

impl<T> Clone for Rows<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<'_, T> {}

impl<'a, T: Deserialize<'a>> Rows<'a, T> {
    /// No rows.
    pub const EMPTY: Self = Self { bytes: &[], rows: PhantomData };

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The rows, one by one.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (row, after) = postcard::take_from_bytes(rest).ok()?;
            // A row of no bytes would never end.
            let is_shorter = after.len() < rest.len();
            rest = after;
            is_shorter.then_some(row)
        })
    }

    /// The rows in bytes that came from somewhere; `None` when they are not rows to the end.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (_, after) = postcard::take_from_bytes::<T>(rest).ok()?;
            if after.len() >= rest.len() {
                return None;
            }
            rest = after;
        }
        Some(Self { bytes, rows: PhantomData })
    }
}

impl<'a, T> Rows<'a, T> {
    /// The rows as they go over a cable.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<T> Serialize for Rows<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.bytes)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'a>> Deserialize<'de> for Rows<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &'a [u8] = Deserialize::deserialize(deserializer)?;
        Self::parse(bytes).ok_or_else(|| serde::de::Error::custom("a malformed row"))
    }
}

/// Rows on their way into a list.
pub struct Packer<'b> {
    memory: &'b mut [u8],
    len: usize,
}

impl<'b> Packer<'b> {
    /// An empty list of at most `bytes` bytes in `memory`.
    pub fn new(memory: &'b mut [u8], bytes: usize) -> Self {
        let bytes = bytes.min(memory.len());
        let (memory, _) = memory.split_at_mut(bytes);
        Self { memory, len: 0 }
    }

    /// Adds a row. `false`, and nothing was added, when it does not fit.
    pub fn push<T: Serialize>(&mut self, row: &T) -> bool {
        let Some(room) = self.memory.get_mut(self.len..) else { return false };
        let Ok(used) = postcard::to_slice(row, room) else { return false };
        self.len += used.len();
        true
    }

    /// Returns the memory that is left for the list in two halves: one for the next row, one for
    /// the texts it is to have.
    pub(super) fn halves(&mut self) -> (Packer<'_>, &mut [u8]) {
        let room = self.memory.get_mut(self.len..).unwrap_or_default();
        let middle = room.len() / 2;
        let (row, texts) = room.split_at_mut(middle);
        (Packer { memory: row, len: 0 }, texts)
    }

    /// Takes over the row that was written into the first half.
    pub(super) fn keep(&mut self, bytes: usize) {
        self.len = (self.len + bytes).min(self.memory.len());
    }

    /// Length so far, in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The list.
    pub fn finish<T>(self) -> Rows<'b, T> {
        let Self { memory, len } = self;
        let bytes = memory.get(..len).unwrap_or(&[]);
        Rows { bytes, rows: PhantomData }
    }
}
