//! Writing into memory of a fixed size: what fits is written whole, and the rest is an error.

use core::fmt;

/// The error of a text that does not fit; nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceFull;

/// Bytes written one behind the other into the caller's memory.
pub struct SliceWriter<'b> {
    out: &'b mut [u8],
    len: usize,
}

impl<'b> SliceWriter<'b> {
    /// A writer that has written nothing yet.
    pub fn new(out: &'b mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Writes bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), SliceFull> {
        // No slice is so long that its end could wrap.
        let end = self.len + bytes.len();
        self.out.get_mut(self.len..end).ok_or(SliceFull)?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// Writes a character as UTF-8.
    pub fn push_char(&mut self, c: char) -> Result<(), SliceFull> {
        self.push(c.encode_utf8(&mut [0; 4]).as_bytes())
    }

    /// Lets `write` fill what is free from its start and say how many bytes it used.
    pub fn push_with<E: From<SliceFull>>(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let free = self.out.get_mut(self.len..).ok_or(SliceFull)?;
        let bytes = free.len();
        self.len += write(free)?.min(bytes);
        Ok(())
    }

    /// The bytes written so far.
    pub fn written(&self) -> &[u8] {
        self.out.get(..self.len).unwrap_or(&[])
    }

    /// How many bytes were written so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes there is memory for in all.
    pub fn bytes_max(&self) -> usize {
        self.out.len()
    }

    /// Takes back what was written beyond the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Returns the text written, and the memory that is still free.
    pub fn finish(self) -> (&'b mut [u8], &'b mut [u8]) {
        self.out.split_at_mut(self.len)
    }
}

impl fmt::Write for SliceWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes()).map_err(|SliceFull| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;

    #[test]
    fn what_does_not_fit_is_not_written_in_part() {
        let mut memory = [0; 4];
        let mut writer = SliceWriter::new(&mut memory);
        assert!(writer.is_empty() && writer.bytes_max() == 4);
        assert_eq!(writer.push(b"abc"), Ok(()));
        assert_eq!(writer.push_char('ä'), Err(SliceFull));
        assert_eq!(write!(writer, "de"), Err(fmt::Error));
        assert_eq!(writer.written(), b"abc");
        assert_eq!(writer.push_char('d'), Ok(()));
        writer.truncate(1);
        assert_eq!(writer.push_with(|free| Ok::<_, SliceFull>(free.len())), Ok(()));
        let (written, free) = writer.finish();
        assert_eq!((&*written, &*free), (&b"abcd"[..], &b""[..]));
    }
}
