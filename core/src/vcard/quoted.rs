//! Quoted-printable (RFC 2045), decoded in place.

/// The meaning of an encoded `;` or `\`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// Itself: the value has no structure, or its charset may use these bytes inside characters.
    Plain,
    /// A character of the text, not a separator: it comes out as `\;` or `\\`.
    Escaped,
}

/// How the encoded `;` of a structured value are meant: programs that encode what needs
/// it leave the separators bare, so an encoded one is text; programs that encode
/// everything encode those too.
pub(super) fn marks_of(value: &[u8]) -> Marks {
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        match byte {
            b'=' => at += 3,
            b';' | b'a'..=b'z' | b'A'..=b'Z' => return Marks::Escaped,
            _ => at += 1,
        }
    }
    Marks::Plain
}

/// Decodes a value over itself; returns its new length. What is not an encoding stays as it is; a
/// `=` at the end is a soft break behind which nothing came.
pub(super) fn decode_in_place(value: &mut [u8], marks: Marks) -> usize {
    let value = match value.trim_ascii_end().strip_suffix(b"=").map(<[u8]>::len) {
        Some(len) => value.split_at_mut(len).0,
        None => value,
    };
    let mut read = 0;
    let mut written = 0;
    while read < value.len() {
        let encoded = (value[read] == b'=')
            .then(|| Some(hex(*value.get(read + 1)?)? << 4 | hex(*value.get(read + 2)?)?))
            .flatten();
        let Some(byte) = encoded else {
            value[written] = value[read];
            (read, written) = (read + 1, written + 1);
            continue;
        };
        read += 3;
        if marks == Marks::Escaped && matches!(byte, b';' | b'\\') {
            // Two bytes for the three that were read.
            value[written] = b'\\';
            written += 1;
        }
        value[written] = byte;
        written += 1;
    }
    written
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
