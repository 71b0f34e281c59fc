//! Memory handed out from the front, for what one line decodes to.

use core::fmt;

/// The memory is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// What is left of the caller's memory.
pub(super) struct Arena<'r> {
    free: &'r mut [u8],
}

impl<'r> Arena<'r> {
    pub(super) fn new(free: &'r mut [u8]) -> Self {
        Self { free }
    }

    /// Lets `write` write a text and keeps what it wrote.
    pub(super) fn text<E: From<Full>>(
        &mut self,
        write: impl FnOnce(&mut Text<'_>) -> Result<(), E>,
    ) -> Result<&'r str, E> {
        let mut text = Text { out: core::mem::take(&mut self.free), len: 0 };
        let outcome = write(&mut text);
        let Text { out, len } = text;
        let (written, free) = out.split_at_mut(len);
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

/// A text being written.
pub(super) struct Text<'t> {
    out: &'t mut [u8],
    len: usize,
}

impl Text<'_> {
    pub(super) fn push(&mut self, text: &str) -> Result<(), Full> {
        let end = self.len + text.len();
        self.out.get_mut(self.len..end).ok_or(Full)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text).map_err(|_| fmt::Error)
    }
}
