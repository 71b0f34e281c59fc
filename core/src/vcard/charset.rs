//! Character sets: UTF-8 and Windows-1252 here, all others through the caller's [`Charset`].

use crate::text::SliceWriter;

/// Decodes values that say `CHARSET=...`, or that are not UTF-8 and say nothing.
///
/// This crate knows UTF-8, US-ASCII, ISO-8859-1 and Windows-1252 and asks for no others.
pub trait Charset {
    /// Writes `bytes` as UTF-8 into `out` and returns how many bytes it wrote; `None` when the
    /// label means nothing to it, or when `out`, which has at least four bytes for each of `bytes`,
    /// is too small. The label is as in the file; it is empty when the bytes are not UTF-8 and the
    /// file does not say what they are.
    fn decode(&mut self, label: &str, bytes: &[u8], out: &mut [u8]) -> Option<usize>;
}

/// No other character sets: what is not UTF-8 is read as Windows-1252.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Only;

impl Charset for Utf8Only {
    fn decode(&mut self, _: &str, _: &[u8], _: &mut [u8]) -> Option<usize> {
        None
    }
}

/// Bytes of UTF-8 for one byte of any charset, at most (GB 18030 and UTF-7 stay below).
pub(super) const EXPANSION_MAX: usize = 4;

/// The meaning of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Utf8,
    /// As the WHATWG encoding standard has it: who says ISO-8859-1 means Windows-1252, in which the
    /// bytes 0x80 to 0x9F are letters and signs instead of control characters.
    Windows1252,
    Other,
}

impl Known {
    pub(super) fn of(label: &str) -> Self {
        // Bytes above ASCII are UTF-8 or nothing, also where ASCII was promised.
        const UTF_8: [&str; 5] = ["UTF-8", "UTF8", "unicode-1-1-utf-8", "US-ASCII", "ASCII"];
        const WINDOWS_1252: [&str; 10] = [
            "ISO-8859-1",
            "ISO8859-1",
            "ISO_8859-1",
            "ISO88591",
            "LATIN1",
            "LATIN-1",
            "WINDOWS-1252",
            "CP1252",
            "CP-1252",
            "ANSI",
        ];
        let is_in = |list: &[&str]| list.iter().any(|name| name.eq_ignore_ascii_case(label));
        if is_in(&UTF_8) {
            Self::Utf8
        } else if is_in(&WINDOWS_1252) {
            Self::Windows1252
        } else {
            Self::Other
        }
    }
}

/// The bytes 0x80 to 0x9F of Windows-1252; the five that mean nothing stay control characters, so
/// that every byte can be told from its character.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

/// Windows-1252 to UTF-8; `None` when `out` is too small.
pub(super) fn decode_windows_1252(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut out = SliceWriter::new(out);
    bytes.iter().try_for_each(|&byte| out.push_char(of_windows_1252(byte))).ok()?;
    Some(out.len())
}

/// Keeps the UTF-8 in mixed bytes, and turns each other byte into its character in Windows-1252.
/// Returns `None` when `out` is too small.
pub(super) fn decode_mixed(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut out = SliceWriter::new(out);
    for chunk in bytes.utf8_chunks() {
        out.push(chunk.valid().as_bytes()).ok()?;
        chunk.invalid().iter().try_for_each(|&byte| out.push_char(of_windows_1252(byte))).ok()?;
    }
    Some(out.len())
}

fn of_windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}
