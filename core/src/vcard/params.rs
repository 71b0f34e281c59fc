//! Parameters: the usual types as bits, what tells how to read the value, and all others as text.

use super::line::Encoding;
use super::room::{Full, Room, Text};
use crate::contact::Types;

/// The parameter with which the writer marks what it had to make up; its value is a hash of the
/// property's value, so that a value somebody changed since counts as said.
pub(super) const DERIVED: &str = "X-CONTACTBOX-DERIVED";

/// The parameter with which Apple says that the year of a date means nothing.
pub(super) const OMIT_YEAR: &str = "X-APPLE-OMIT-YEAR";

/// What the parameters of one property say.
#[derive(Clone, Copy, Default)]
pub(super) struct Params<'r> {
    pub types: Types,
    /// All others, joined by `;`.
    pub text: &'r str,
    /// As it came, with what it means when it means something.
    pub encoding: Option<(&'r str, Option<Encoding>)>,
    pub charset: Option<&'r str>,
    pub value_type: Option<&'r str>,
    pub omit_year: Option<&'r str>,
    pub media_type: Option<&'r str>,
    pub derived: Option<&'r str>,
}

impl<'r> Params<'r> {
    /// Reads what stands between name and colon.
    pub(super) fn parse(text: &'r str, room: &mut Room<'r>) -> Result<Self, Full> {
        let mut params = Self::default();
        if text.is_empty() {
            return Ok(params);
        }
        // Quotes that do not match are no quotes.
        let quotes = text.bytes().filter(|&byte| byte == b'"').count();
        let has_quotes = quotes > 0 && quotes % 2 == 0;
        let kept = room.text(|kept| {
            Split { rest: Some(text), separator: b';', has_quotes }
                .map(str::trim_ascii)
                .filter(|param| !param.is_empty())
                .try_for_each(|param| params.one(param, has_quotes, kept))
        })?;
        params.text = kept;
        Ok(params)
    }

    fn one(&mut self, param: &'r str, has_quotes: bool, kept: &mut Text<'_>) -> Result<(), Full> {
        let named =
            param.split_once('=').map(|(name, value)| (name.trim_ascii(), value.trim_ascii()));
        let Some((name, value)) = named.filter(|(name, _)| is_token(name)) else {
            return self.bare(param, kept);
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let slot = if is("TYPE") {
            return self.types(value, has_quotes, kept);
        } else if is("PREF") && unquoted(value) == "1" {
            self.types = self.types.with(Types::PREF);
            return Ok(());
        } else if is("ENCODING") {
            self.set_encoding(value);
            return Ok(());
        } else if is("VALUE") {
            // 2.1 says URL where the others say uri.
            let value = unquoted(value);
            self.value_type = Some(if value.eq_ignore_ascii_case("url") { "uri" } else { value });
            return Ok(());
        } else if is("CHARSET") {
            &mut self.charset
        } else if is("MEDIATYPE") {
            &mut self.media_type
        } else if is(OMIT_YEAR) {
            &mut self.omit_year
        } else if is(DERIVED) {
            &mut self.derived
        } else {
            return keep(kept, name, value, has_quotes);
        };
        if slot.is_some() {
            return keep(kept, name, value, has_quotes);
        }
        *slot = Some(unquoted(value));
        Ok(())
    }

    /// A value without a name, as 2.1 has them: a type, an encoding, or where the value is.
    fn bare(&mut self, value: &'r str, kept: &mut Text<'_>) -> Result<(), Full> {
        if let Some(encoding) = Encoding::of_bare(value.as_bytes()) {
            self.encoding = Some((value, Some(encoding)));
            return Ok(());
        }
        if value.eq_ignore_ascii_case("URL") || value.eq_ignore_ascii_case("URI") {
            self.value_type = Some("uri");
            return Ok(());
        }
        match Types::of(value) {
            Some(known) => {
                self.types = self.types.with(known);
                Ok(())
            }
            None if value.contains(',') && !value.contains('"') => {
                // In a list of types each comma would begin another.
                keep(kept, "TYPE", "", false)?;
                ["\"", value, "\""].iter().try_for_each(|piece| kept.push(piece))
            }
            None => keep(kept, "TYPE", value, value.starts_with('"')),
        }
    }

    fn set_encoding(&mut self, value: &'r str) {
        let value = unquoted(value);
        self.encoding = Some((value, Encoding::of(value.as_bytes())));
    }

    /// A list of types. In quotes it is a list only when all of it are usual types.
    fn types(&mut self, value: &'r str, has_quotes: bool, kept: &mut Text<'_>) -> Result<(), Full> {
        let mut is_first = true;
        for one in (Split { rest: Some(value), separator: b',', has_quotes }) {
            let one = one.trim_ascii();
            let plain = unquoted(one);
            let all = plain.split(',').map(|part| usual(part.trim_ascii()));
            let all = all.reduce(|a, b| Some(a?.with(b?))).flatten();
            if let Some(known) = all {
                self.types = self.types.with(known);
            } else if !plain.is_empty() {
                if is_first {
                    keep(kept, "TYPE", one, has_quotes)?;
                } else {
                    kept.push(",")?;
                    push_value(kept, one, has_quotes)?;
                }
                is_first = false;
            }
        }
        Ok(())
    }
}

/// The bit of a type, also of those that some programs write as media types.
fn usual(text: &str) -> Option<Types> {
    let is_image = text.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("image/"));
    match text.get(6..).and_then(Types::of) {
        Some(image) if is_image && IMAGES.contains(&image) => Some(image),
        _ => Types::of(text),
    }
}

/// The image formats that have a type bit.
pub(super) const IMAGES: [Types; 3] = [Types::JPEG, Types::PNG, Types::GIF];

/// Appends a parameter to a parameter text.
pub(super) fn keep(
    kept: &mut Text<'_>,
    name: &str,
    value: &str,
    has_quotes: bool,
) -> Result<(), Full> {
    if !kept.is_empty() {
        kept.push(";")?;
    }
    kept.push(name)?;
    kept.push("=")?;
    push_value(kept, value, has_quotes)
}

/// Writes a parameter's value so that it reads as one again: what has a separator in it goes into
/// quotes, and a quote that is not part of a pair is encoded (RFC 6868).
fn push_value(kept: &mut Text<'_>, value: &str, has_quotes: bool) -> Result<(), Full> {
    let is_quoted = has_quotes && value.contains('"');
    if is_quoted || !value.contains([':', ';', ',', '"']) {
        return kept.push(value);
    }
    let needs_quotes = value.contains([':', ';']);
    if needs_quotes {
        kept.push("\"")?;
    }
    for (at, piece) in value.split('"').enumerate() {
        if at > 0 {
            kept.push("^'")?;
        }
        kept.push(piece)?;
    }
    if needs_quotes {
        kept.push("\"")?;
    }
    Ok(())
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(value)
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The parts of a text between separators outside of quotes.
struct Split<'a> {
    rest: Option<&'a str>,
    separator: u8,
    has_quotes: bool,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let mut quoted = false;
        let end = rest.bytes().position(|byte| {
            quoted ^= self.has_quotes && byte == b'"';
            byte == self.separator && !quoted
        });
        let (part, after) = match end {
            Some(end) => (rest.get(..end)?, rest.get(end + 1..)),
            None => (rest, None),
        };
        self.rest = after;
        Some(part)
    }
}
