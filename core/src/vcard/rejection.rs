//! Describes vCards that the reader could not take, and repairs that it made on the way.

use core::fmt;
use core::ops::Range;

/// The place of a vCard in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first line, from 1.
    pub line: u32,
    /// Its last line.
    pub line_last: u32,
    /// Its bytes in the input, to cut it out with.
    pub bytes: Range<u64>,
}

/// A card that is not taken, or an input without any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// First line of the card, from 1.
    pub line: u32,
    /// The line at which it could not go on.
    pub at: u32,
    /// Why, and what would help.
    pub reason: Reason,
    /// The card's bytes in the input.
    pub bytes: Range<u64>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at == self.line {
            write!(f, "line {}: {}", self.line, self.reason)
        } else {
            write!(f, "card at line {}, line {}: {}", self.line, self.at, self.reason)
        }
    }
}

/// Why a card is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A property, or a card within the card, is longer than the memory for one.
    TooLarge {
        /// Room there was, in bytes.
        bytes_max: usize,
    },
    /// The parameters of one property are longer than a box keeps.
    ParametersTooLong {
        /// Their length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The input ends in the middle of a line or of a value.
    CutOff,
    /// `END:VCARD` without a `BEGIN:VCARD` before it.
    NoBegin,
    /// Nothing stands between `BEGIN:VCARD` and `END:VCARD`.
    NoProperties,
    /// There is no `BEGIN:VCARD` in the input: it is something else.
    NotVcard,
    /// There is nothing in the input.
    Empty,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes_max } => {
                write!(f, "a value is larger than {bytes_max} bytes; shorten it")
            }
            Self::ParametersTooLong { bytes, bytes_max } => write!(
                f,
                "a property has {bytes} bytes of parameters, at most {bytes_max} fit; shorten them"
            ),
            Self::CutOff => f.write_str(
                "the input ends in the middle of the card; get the whole file and import it again",
            ),
            Self::NoBegin => f.write_str(
                "END:VCARD without BEGIN:VCARD; put the line BEGIN:VCARD before the card's first line",
            ),
            Self::NoProperties => f.write_str("the card is empty; it needs at least a name (FN)"),
            Self::NotVcard => f.write_str("this is not a vCard file: it has no line BEGIN:VCARD"),
            Self::Empty => f.write_str("there is nothing in this file"),
        }
    }
}

impl core::error::Error for Reason {}

/// Something that was repaired, without loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The line, from 1.
    pub line: u32,
    /// The oddity and its repair.
    pub repair: VcardRepair,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.repair)
    }
}

/// An oddity and its repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VcardRepair {
    /// A card without `END:VCARD`.
    MissingEnd,
    /// A card without `VERSION`.
    MissingVersion,
    /// A version this reader has not heard of.
    UnknownVersion,
    /// Bytes that are not UTF-8, without a charset.
    NotUtf8,
    /// A charset nobody here knows, or that the bytes do not follow.
    UnknownCharset,
    /// A value that claims to be base64 and is not.
    NotBase64,
    /// A line that is not a property.
    UnreadableLine,
    /// A comment.
    Comment,
    /// A line that is the rest of the value before it.
    UnmarkedContinuation,
    /// NUL bytes.
    NulBytes,
    /// Text outside of any card.
    OutsideCard,
    /// A card within a card.
    NestedCard,
}

impl fmt::Display for VcardRepair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingEnd => "END:VCARD is missing; the card was taken to end here",
            Self::MissingVersion => "VERSION is missing; the card was read as version 3.0",
            Self::UnknownVersion => "this VERSION is not known; the card was read as version 4.0",
            Self::NotUtf8 => "this is not UTF-8 and names no charset; it was read as Windows-1252",
            Self::UnknownCharset => {
                "this charset is not known or not kept to; the value was read as Windows-1252"
            }
            Self::NotBase64 => "this is not base64 as it claims; it was kept as text",
            Self::UnreadableLine => "this line is not a property; it was kept as X-UNREADABLE-LINE",
            Self::Comment => "a comment was left out",
            Self::UnmarkedContinuation => "this line was taken as the rest of the value before it",
            Self::NulBytes => "NUL bytes were left out",
            Self::OutsideCard => "text outside of any card was left out",
            Self::NestedCard => "a card within the card was kept as its AGENT",
        })
    }
}
