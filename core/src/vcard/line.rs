//! One logical line taken apart: group, name, parameters, value. Pure functions over bytes.

use crate::limits::{GROUP_BYTES_MAX, PROPERTY_NAME_BYTES_MAX};

/// The longest start of a line that is looked at byte by byte for an end of a vCard.
const END_BYTES_MAX: usize = 64;

/// The places of the parts of a property line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineParts<'a> {
    /// The part before the last dot of the name; empty when there is none.
    pub group: &'a [u8],
    pub name: &'a [u8],
    /// Between the name and the colon, without the first semicolon.
    pub params: &'a [u8],
    /// The start of the value: the byte after the colon.
    pub value_at: usize,
}

/// Takes a line apart; `None` when it is not a property: no colon, or no name before it.
pub(super) fn split(line: &[u8]) -> Option<LineParts<'_>> {
    let name_end = line.iter().position(|byte| matches!(byte, b':' | b';'))?;
    let colon = match line[name_end] {
        b':' => name_end,
        _ => name_end + colon_after(&line[name_end..])?,
    };
    let full = line[..name_end].trim_ascii();
    let dot = full.iter().rposition(|&byte| byte == b'.');
    let (group, name) = dot.map_or((&full[..0], full), |dot| (&full[..dot], &full[dot + 1..]));
    let params = line.get(name_end + 1..colon).unwrap_or(&[]);
    let is_name = !name.is_empty()
        && full[0] != b'#'
        && full.iter().all(|byte| !matches!(byte, 0..=b' ' | b'"' | b'=' | b',' | 0x7F))
        && name.len() <= PROPERTY_NAME_BYTES_MAX
        && group.len() <= GROUP_BYTES_MAX;
    is_name.then_some(LineParts { group, name, params, value_at: colon + 1 })
}

/// The colon that ends the parameters: the first outside quotes; where the quotes do not match,
/// the first.
fn colon_after(params: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let outside = params.iter().position(|&byte| {
        quoted ^= byte == b'"';
        byte == b':' && !quoted
    });
    outside.or_else(|| params.iter().position(|&byte| byte == b':'))
}

/// A line that begins or ends a vCard: `BEGIN:VCARD`, whatever the letter case and blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Begin,
    End,
}

impl Marker {
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let line = without_marks(line);
        let (marker, rest) = match line.first()? {
            b'B' | b'b' => (Self::Begin, strip_word(line, b"BEGIN")?),
            b'E' | b'e' => (Self::End, strip_word(line, b"END")?),
            _ => return None,
        };
        let value = rest.trim_ascii_start().strip_prefix(b":")?;
        value.trim_ascii().eq_ignore_ascii_case(b"VCARD").then_some(marker)
    }
}

/// Returns a line without the blanks and byte order marks at its start: files that are joined bring
/// theirs with them, and one that was marked already may be marked again.
pub(super) fn without_marks(line: &[u8]) -> &[u8] {
    let mut line = line.trim_ascii_start();
    while let Some(rest) = line.strip_prefix(b"\xEF\xBB\xBF") {
        line = rest.trim_ascii_start();
    }
    line
}

/// A physical line so far, as it may become the end of a vCard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndProgress {
    /// Some other line.
    Other,
    /// The start of `END:VCARD`, or nothing yet.
    Partial,
    /// All of it.
    Whole,
}

impl EndProgress {
    /// Tells how far a line has come. One that is too long to be looked at byte by byte is another.
    pub(super) fn of(line: &[u8]) -> Self {
        if line.len() > END_BYTES_MAX {
            return Self::Other;
        }
        let mut rest = without_marks(line);
        for word in [&b"END"[..], b":", b"VCARD"] {
            let given = rest.len().min(word.len());
            let (start, behind) = rest.split_at(given);
            if !start.eq_ignore_ascii_case(&word[..given]) {
                // The first bytes of a byte order mark.
                let is_mark = b"\xEF\xBB".starts_with(rest) && word == b"END";
                return if is_mark { Self::Partial } else { Self::Other };
            }
            if given < word.len() {
                return Self::Partial;
            }
            rest = behind.trim_ascii_start();
        }
        if rest.is_empty() { Self::Whole } else { Self::Other }
    }
}

fn strip_word<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// The kind of a line, as far as it decides which later lines may belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    QuotedPrintable,
    /// With whether its value is empty so far.
    Base64 {
        is_empty: bool,
    },
    /// Prose in which programs forget to encode line ends.
    Prose,
    Other,
}

impl Shape {
    pub(super) fn of(line: &[u8]) -> Self {
        let Some(parts) = split(line) else {
            return Self::Other;
        };
        for param in parts.params.split(|&byte| byte == b';') {
            let encoding = match param.iter().position(|&byte| byte == b'=') {
                Some(at) if param[..at].trim_ascii().eq_ignore_ascii_case(b"ENCODING") => {
                    Encoding::of(param[at + 1..].trim_ascii())
                }
                Some(_) => None,
                None => Encoding::of_bare(param.trim_ascii()),
            };
            match encoding {
                Some(Encoding::QuotedPrintable) => return Self::QuotedPrintable,
                Some(Encoding::Base64) => {
                    let value = line.get(parts.value_at..).unwrap_or(&[]);
                    return Self::Base64 { is_empty: value.trim_ascii().is_empty() };
                }
                _ => {}
            }
        }
        let is_prose = [&b"NOTE"[..], b"LABEL", b"ADR"]
            .iter()
            .any(|prose| parts.name.eq_ignore_ascii_case(prose));
        if is_prose { Self::Prose } else { Self::Other }
    }

    /// Returns whether the value of a line of this shape may go on behind it.
    pub(super) fn is_open_ended(self, line: &[u8]) -> bool {
        match self {
            Self::Base64 { .. } => true,
            Self::QuotedPrintable => line.trim_ascii_end().ends_with(b"="),
            Self::Prose | Self::Other => false,
        }
    }
}

/// How a value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    QuotedPrintable,
    Base64,
    /// 7BIT and 8BIT: nothing to do.
    Plain,
}

impl Encoding {
    /// Reads a parameter that is only a value, as 2.1 writes it. A single letter is no encoding
    /// there.
    pub(super) fn of_bare(text: &[u8]) -> Option<Self> {
        Self::of(text).filter(|_| text.len() > 1)
    }

    /// Reads the value of `ENCODING=`.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let names: [(&[u8], Self); 6] = [
            (b"QUOTED-PRINTABLE", Self::QuotedPrintable),
            (b"BASE64", Self::Base64),
            (b"B", Self::Base64),
            (b"8BIT", Self::Plain),
            (b"7BIT", Self::Plain),
            (b"Q", Self::QuotedPrintable),
        ];
        names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|&(_, it)| it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_seen_as_it_comes() {
        for line in ["END:VCARD", " end : vcard ", "\u{feff}END:VCARD", "\u{feff}\u{feff}End:vCard"]
        {
            let (whole, bytes) = (line.trim_end().len(), line.as_bytes());
            for end in 0..bytes.len() {
                let progress = EndProgress::of(&bytes[..end]);
                let expected = if end < whole { EndProgress::Partial } else { EndProgress::Whole };
                assert_eq!(progress, expected, "{line:?} up to {end}");
            }
        }
        for line in ["EMAIL", "ENDE", "END:VCARDS", "END;", "\u{fffd}", "FN:END:VCARD"] {
            assert_eq!(EndProgress::of(line.as_bytes()), EndProgress::Other, "{line}");
        }
    }
}
