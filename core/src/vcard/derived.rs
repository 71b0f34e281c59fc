//! The names a card must have and does not: made up for writing, marked so that
//! they are not read back.

use super::spelling::OneLine;
use crate::contact::{Kind, NameParts, NameRole, Property, ValueShape};
use crate::text::{Fnv32, is_said, split_bare, with_escapes};
use core::fmt::{self, Write};

/// The source of the formatted name (FN) of a vCard without one: the best of the other kinds that
/// name a contact, if it has any.
#[derive(Clone, Copy)]
pub(super) struct NameSource<'a>(Option<(Kind, &'a str)>);

impl<'a> NameSource<'a> {
    /// The best that a card has.
    pub(super) fn of(contents: impl Iterator<Item = Property<'a>>) -> Self {
        let mut best: Option<(u8, Kind, &str)> = None;
        for Property { kind, value, .. } in contents.filter(|content| content.kind != Kind::FN) {
            let (Some(NameRole::Named(rank)), Some(text)) = (kind.name_role(), value.as_text())
            else {
                continue;
            };
            // For a kind that has one value, the one said last counts; for others, the one said
            // first.
            let is_better =
                best.is_none_or(|(known, ..)| rank < known || (rank == known && kind.is_single()));
            if is_better && is_said(text) {
                best = Some((rank, kind, text));
            }
        }
        Self(best.map(|(_, kind, text)| (kind, text)))
    }

    /// Writes it as a text value. Of an organisation only its own name, not those of its units.
    fn write(&self, out: &mut impl Write) -> fmt::Result {
        let Some((kind, text)) = self.0 else { return out.write_str("No name") };
        if kind.shape() == ValueShape::Components {
            let first = split_bare(text, ';').find(|part| is_said(part));
            return write_text(first.unwrap_or(text), out);
        }
        let mut is_first = true;
        for part in NameParts::of(kind, text).filter(|part| is_said(part)) {
            if !core::mem::take(&mut is_first) {
                out.write_str(" ")?;
            }
            write_text(part.trim_ascii(), out)?;
        }
        Ok(())
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

/// Returns whether a property with this mark still has the value that was made up for it. A value
/// that somebody has changed since counts as said.
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
