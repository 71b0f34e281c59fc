//! Memory handed out from the front, for what one line decodes to.

use crate::text::{SliceFull, SliceWriter};
use core::fmt;

/// The rest of the caller's memory.
pub(super) struct Arena<'r> {
    free: &'r mut [u8],
}

impl<'r> Arena<'r> {
    pub(super) fn new(free: &'r mut [u8]) -> Self {
        Self { free }
    }

    /// Lets `write` write a text and keeps what it wrote.
    pub(super) fn text<E: From<SliceFull>>(
        &mut self,
        write: impl FnOnce(&mut Text<'_>) -> Result<(), E>,
    ) -> Result<&'r str, E> {
        let mut text = Text(SliceWriter::new(core::mem::take(&mut self.free)));
        let outcome = write(&mut text);
        let (written, free) = text.0.finish();
        self.free = free;
        outcome?;
        // Only whole strings were pushed.
        Ok(core::str::from_utf8(written).unwrap_or_default())
    }

    /// Lets `decode` fill the free memory with UTF-8 and say how much of it it used; `None` when it
    /// could not.
    pub(super) fn decode(
        &mut self,
        decode: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<&'r str> {
        let free = core::mem::take(&mut self.free);
        let len = decode(free).filter(|&len| len <= free.len());
        let (written, free) = free.split_at_mut(len.unwrap_or(0));
        self.free = free;
        len?;
        core::str::from_utf8(written).ok()
    }

    /// Bytes that are free.
    pub(super) fn len(&self) -> usize {
        self.free.len()
    }
}

/// A text being written: whole strings one behind the other.
pub(super) struct Text<'t>(SliceWriter<'t>);

impl Text<'_> {
    pub(super) fn push(&mut self, text: &str) -> Result<(), SliceFull> {
        self.0.push(text.as_bytes())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        fmt::Write::write_str(&mut self.0, text)
    }
}
