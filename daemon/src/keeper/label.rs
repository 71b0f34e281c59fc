//! What a contact is called in lists and notices.

use contactbox_core::contact::{Contact, Kind, Origin, Value};

/// Longest text in a list, in characters.
const CHARS_MAX: usize = 200;

/// The name to show: what it is called, or else the first thing known of it.
pub(super) fn of(contact: &Contact<'_>) -> String {
    let said = |kind| contact.latest(kind).and_then(|property| text_of(&property.content.value));
    said(Kind::FN)
        .map(plain)
        .filter(|name| !name.is_empty())
        .or_else(|| said(Kind::N).map(full_name).filter(|name| !name.is_empty()))
        .or_else(|| {
            [Kind::ORG, Kind::NICKNAME, Kind::EMAIL, Kind::TEL]
                .into_iter()
                .find_map(|kind| first(contact, kind))
        })
        .unwrap_or_default()
}

/// The first of a kind that says something.
pub(super) fn first(contact: &Contact<'_>, kind: Kind) -> Option<String> {
    contact
        .all(kind)
        .filter_map(|property| text_of(&property.content.value).map(plain))
        .find(|text| !text.is_empty())
}

/// What made a version, as the protocol calls it.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Edit => "edit",
        Origin::Import => "import",
        Origin::Merge => "merge",
        Origin::Trash => "trash",
        Origin::Restore => "restore",
        Origin::Purge => "purge",
    }
}

fn text_of<'a>(value: &Value<'a>) -> Option<&'a str> {
    value.as_text()
}

/// Family;given;additional;prefix;suffix as people say it.
fn full_name(value: &str) -> String {
    let parts: Vec<String> = split(value).map(plain).collect();
    let part = |place: usize| parts.get(place).map_or("", String::as_str);
    let words = [part(3), part(1), part(2), part(0), part(4)];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    value.split(move |c| {
        let is_bare = c == ';' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_bare
    })
}

/// Text on one line, without escapes, not too long.
fn plain(value: &str) -> String {
    let mut text = String::new();
    let mut is_escaped = false;
    for c in value.chars() {
        let c = match (is_escaped, c) {
            (false, '\\') => {
                is_escaped = true;
                continue;
            }
            (true, 'n' | 'N') => ' ',
            (false, ';') => ' ',
            (_, c) if c.is_control() => ' ',
            (_, c) => c,
        };
        is_escaped = false;
        if c != ' ' || !text.ends_with([' ']) && !text.is_empty() {
            text.push(c);
        }
    }
    let end = text.char_indices().nth(CHARS_MAX).map_or(text.len(), |(at, _)| at);
    text.truncate(end);
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_plain_and_short() {
        assert_eq!(plain("Engines\\, Ltd.;Analysis\\nNorth"), "Engines, Ltd. Analysis North");
        assert_eq!(plain(" ; "), "");
        assert_eq!(plain(&"x".repeat(10_000)).len(), CHARS_MAX);
        assert_eq!(full_name("Lovelace;Ada;Byron;Lady;"), "Lady Ada Byron Lovelace");
        assert_eq!(full_name("Only"), "Only");
    }
}
