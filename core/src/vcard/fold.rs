//! Lines of at most 75 bytes, folded between characters, ended by CR LF.

use core::fmt::{self, Write};

/// RFC 6350, section 3.2: at most this many bytes, the line end not counted.
const LINE_BYTES_MAX: usize = 75;

/// Writes logical lines as physical ones.
pub(super) struct Fold<W> {
    out: W,
    column: usize,
}

impl<W: Write> Fold<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, column: 0 }
    }

    /// Ends the line.
    pub(super) fn end(&mut self) -> fmt::Result {
        self.column = 0;
        self.out.write_str("\r\n")
    }
}

impl<W: Write> Write for Fold<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        loop {
            let room = LINE_BYTES_MAX - self.column;
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
