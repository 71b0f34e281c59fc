//! The names a card must have and does not: made up for writing, marked so that
//! they are not read back.

use super::spelling::OneLine;
use crate::contact::{Kind, Property};
use crate::text::{Fnv32, is_said, split_bare, with_escapes};
use core::fmt::{self, Write};

/// Where the formatted name (FN) of a card without one comes from.
#[derive(Clone, Copy)]
pub(super) enum NameSource<'a> {
    /// The components of its N.
    Components(&'a str),
    /// The first of these: its nickname, organisation, address or number.
    First(&'a str, char),
    Nothing,
}

impl<'a> NameSource<'a> {
    /// The best that a card has.
    pub(super) fn of(contents: impl Iterator<Item = Property<'a>> + Clone) -> Self {
        let text = |kind: Kind| {
            let mut texts = contents.clone().filter(|content| content.kind == kind);
            texts.find_map(|content| content.value.as_text().filter(|text| is_said(text)))
        };
        if let Some(name) = text(Kind::N) {
            return Self::Components(name);
        }
        [(Kind::NICKNAME, ','), (Kind::ORG, ';'), (Kind::EMAIL, '\0'), (Kind::TEL, '\0')]
            .into_iter()
            .find_map(|(kind, separator)| text(kind).map(|text| Self::First(text, separator)))
            .unwrap_or(Self::Nothing)
    }

    /// Writes it as a text value.
    fn write(&self, out: &mut impl Write) -> fmt::Result {
        match *self {
            Self::Components(name) => {
                // Prefixes, given, additional, family names, suffixes.
                let mut is_first = true;
                for wanted in [3, 1, 2, 0, 4] {
                    let component = split_bare(name, ';').nth(wanted).unwrap_or("");
                    for one in split_bare(component, ',').filter(|one| is_said(one)) {
                        if !core::mem::take(&mut is_first) {
                            out.write_str(" ")?;
                        }
                        write_text(one.trim_ascii(), out)?;
                    }
                }
                Ok(())
            }
            Self::First(text, separator) => {
                let first = split_bare(text, separator).find(|part| is_said(part));
                write_text(first.unwrap_or(text), out)
            }
            Self::Nothing => out.write_str("No name"),
        }
    }
}

/// A property that was made up: its text and the mark that tells so.
pub(super) enum Derived<'a> {
    /// FN.
    Formatted(NameSource<'a>),
    /// N, which 3.0 demands: the formatted name as given name, or nothing for what is no person.
    Components(Option<&'a str>),
}

impl Derived<'_> {
    /// The value.
    pub(super) fn write(&self, out: &mut impl Write) -> fmt::Result {
        let out = &mut OneLine(out);
        match self {
            Self::Formatted(name) => name.write(out),
            Self::Components(Some(name)) => write!(out, ";{name};;;"),
            Self::Components(None) => out.write_str(";;;;"),
        }
    }

    /// The value of the mark, which tells whether the value is still the one that was made up.
    pub(super) fn mark(&self) -> Result<u32, fmt::Error> {
        let mut mark = Fnv32::new();
        self.write(&mut mark)?;
        Ok(mark.value())
    }
}

/// Whether a property with this mark still has the value that was made up for it. When somebody has
/// changed it since, it counts as said.
pub(super) fn is_mark_of(value: &str, mark: &str) -> bool {
    let mut of_value = Fnv32::new();
    of_value.add(value.as_bytes());
    u32::from_str_radix(mark, 16) == Ok(of_value.value())
}

/// Writes a value as one text: escapes what is still bare, as a URI has it, or what has no escapes
/// at all because nobody knew how it was encoded.
fn write_text(text: &str, out: &mut impl Write) -> fmt::Result {
    with_escapes(text).try_for_each(|(c, is_escaped)| {
        match (c, is_escaped) {
            (',' | ';' | '\\', _) | ('n', true) => out.write_char('\\')?,
            (_, true) => out.write_str("\\\\")?,
            (_, false) => {}
        }
        out.write_char(c)
    })
}
