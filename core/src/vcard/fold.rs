//! Lines of at most 75 bytes, folded between characters, ended by CR LF.

use core::fmt::{self, Write};

/// RFC 6350, section 3.2: at most this many bytes, the line end not counted.
const LINE_BYTES_MAX: usize = 75;

/// Writes logical lines as physical ones.
pub(super) struct LineFolder<W> {
    out: W,
    column: usize,
    /// The name of the property is written.
    is_named: bool,
}

impl<W: Write> LineFolder<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, column: 0, is_named: false }
    }

    /// Ends the line.
    pub(super) fn end(&mut self) -> fmt::Result {
        self.column = 0;
        self.is_named = false;
        self.out.write_str("\r\n")
    }
}

impl<W: Write> Write for LineFolder<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        if !self.is_named {
            // A name of more than a line is not folded: cut in two it could pass for base64.
            let end = text.find([':', ';']);
            self.is_named = end.is_some();
            let (name, after) = text.split_at(end.map_or(text.len(), |end| end + 1));
            self.column += name.len();
            self.out.write_str(name)?;
            rest = after;
        }
        loop {
            let room = LINE_BYTES_MAX.saturating_sub(self.column);
            if rest.len() <= room {
                self.column += rest.len();
                return self.out.write_str(rest);
            }
            let (fits, after) = rest.split_at(rest.floor_char_boundary(room));
            self.out.write_str(fits)?;
            self.out.write_str("\r\n ")?;
            self.column = 1;
            rest = after;
        }
    }
}
