//! The escapes of vCard 4.0 text.

use std::borrow::Cow;

/// Text out of its escapes; an escape that means nothing stays as it is.
pub(super) fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('n' | 'N') => text.push('\n'),
            Some(c @ ('\\' | ',' | ';')) => text.push(c),
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }
    Cow::Owned(text)
}

/// Text with everything escaped that would mean something else in a vCard.
pub(super) fn escape(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' | ',' | ';' => value.extend(['\\', c]),
            '\n' => value.push_str("\\n"),
            '\r' => {
                if rest.peek() != Some(&'\n') {
                    value.push_str("\\n");
                }
            }
            c => value.push(c),
        }
    }
    value
}

/// The parts between bare separators.
pub(super) fn split(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_escaped = false;
        let end = text.bytes().position(|byte| {
            let is_bare = byte == separator && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_bare
        });
        match end {
            Some(end) => {
                rest = Some(&text[end + 1..]);
                Some(&text[..end])
            }
            None => rest.take(),
        }
    })
}
