//! Parameters: the usual types as bits, what tells how to read the value, and all others as text.

use super::arena::{Arena, Text};
use super::line::Encoding;
use crate::contact::Types;
use crate::text::SliceFull;

/// The parameter with which the writer marks what it had to make up; its value is a hash of the
/// property's value, so that a value somebody changed since counts as said.
pub(super) const DERIVED: &str = "X-CONTACTBOX-DERIVED";

/// The parameter with which Apple says that the year of a date means nothing.
pub(super) const OMIT_YEAR: &str = "X-APPLE-OMIT-YEAR";

/// The meaning of the parameters of one property.
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
    pub(super) fn parse(text: &'r str, room: &mut Arena<'r>) -> Result<Self, SliceFull> {
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

    fn one(
        &mut self,
        param: &'r str,
        has_quotes: bool,
        kept: &mut Text<'_>,
    ) -> Result<(), SliceFull> {
        let named =
            param.split_once('=').map(|(name, value)| (name.trim_ascii(), value.trim_ascii()));
        let Some((name, value)) = named.filter(|(name, _)| is_token(name)) else {
            return self.bare(param, has_quotes, kept);
        };
        let as_written = value;
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let value = if is("TYPE") {
            return self.types(value, has_quotes, kept);
        } else if is("PREF") && unquoted(value) == "1" {
            self.types = self.types.with(Types::PREF);
            return Ok(());
        } else {
            unquoted(value)
        };
        if is("ENCODING") {
            self.encoding = Some((value, Encoding::of(value.as_bytes())));
        } else if is("CHARSET") {
            self.charset = self.charset.or(Some(value));
        } else if is(DERIVED) {
            self.derived = self.derived.or(Some(value));
        } else if is("VALUE") {
            // 2.1 says URL where the others say uri.
            let value = if value.eq_ignore_ascii_case("url") { "uri" } else { value };
            return keep_earlier("X-VALUE", &mut self.value_type, value, kept);
        } else if is("MEDIATYPE") {
            return keep_earlier("X-MEDIATYPE", &mut self.media_type, value, kept);
        } else if is(OMIT_YEAR) {
            return keep_earlier("X-OMIT-YEAR", &mut self.omit_year, value, kept);
        } else {
            return keep(kept, name, as_written, has_quotes);
        }
        Ok(())
    }

    /// A value without a name, as 2.1 has them: a type, an encoding, or where the value is.
    fn bare(
        &mut self,
        value: &'r str,
        has_quotes: bool,
        kept: &mut Text<'_>,
    ) -> Result<(), SliceFull> {
        if let Some(encoding) = Encoding::of_bare(value.as_bytes()) {
            self.encoding = Some((value, Some(encoding)));
            return Ok(());
        }
        if value.eq_ignore_ascii_case("URL") || value.eq_ignore_ascii_case("URI") {
            self.value_type = Some("uri");
            return Ok(());
        }
        if let Some(known) = all_usual(unquoted(value)) {
            self.types = self.types.with(known);
            return Ok(());
        }
        // One value, whatever is in it: in a list of types each comma would begin another.
        let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let inner = inner.filter(|_| has_quotes).unwrap_or(value);
        let quote = if inner.contains([',', ':', ';']) { "\"" } else { "" };
        keep(kept, "TYPE", quote, true)?;
        push_encoded(kept, inner)?;
        kept.push(quote)
    }

    /// A list of types. In quotes it is a list only when all of it are usual types.
    fn types(
        &mut self,
        value: &'r str,
        has_quotes: bool,
        kept: &mut Text<'_>,
    ) -> Result<(), SliceFull> {
        let mut is_first = true;
        for one in (Split { rest: Some(value), separator: b',', has_quotes }) {
            let one = one.trim_ascii();
            let plain = unquoted(one);
            if let Some(known) = all_usual(plain) {
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

/// Notes a value that is to be said once. When another was said before, the last counts and the
/// other is kept under another name.
fn keep_earlier<'r>(
    other_name: &str,
    slot: &mut Option<&'r str>,
    value: &'r str,
    kept: &mut Text<'_>,
) -> Result<(), SliceFull> {
    match slot.replace(value) {
        Some(earlier) if earlier != value => keep(kept, other_name, earlier, false),
        _ => Ok(()),
    }
}

/// The bits of a list of types, when all of them are usual ones.
fn all_usual(list: &str) -> Option<Types> {
    let each = list.split(',').map(|one| usual(one.trim_ascii()));
    each.reduce(|some, one| Some(some?.with(one?))).flatten()
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
) -> Result<(), SliceFull> {
    if !kept.is_empty() {
        kept.push(";")?;
    }
    kept.push(name)?;
    kept.push("=")?;
    push_value(kept, value, has_quotes)
}

/// Writes a parameter's value so that it reads as one again: what has a separator in it goes into
/// quotes, and a quote that is not part of a pair is encoded (RFC 6868).
fn push_value(kept: &mut Text<'_>, value: &str, has_quotes: bool) -> Result<(), SliceFull> {
    let is_quoted = has_quotes && value.contains('"');
    if is_quoted || !value.contains([':', ';', ',', '"']) {
        return kept.push(value);
    }
    let needs_quotes = value.contains([':', ';']);
    if needs_quotes {
        kept.push("\"")?;
    }
    push_encoded(kept, value)?;
    if needs_quotes {
        kept.push("\"")?;
    }
    Ok(())
}

/// Writes a text with its quotes encoded.
fn push_encoded(kept: &mut Text<'_>, text: &str) -> Result<(), SliceFull> {
    for (at, piece) in text.split('"').enumerate() {
        if at > 0 {
            kept.push("^'")?;
        }
        kept.push(piece)?;
    }
    Ok(())
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).map_or(value, str::trim_ascii)
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
