//! The escapes of vCard 4.0 text.

use contactbox_core::text::with_escapes;
use std::borrow::Cow;

/// Text out of its escapes; an escape that means nothing stays as it is.
pub(super) fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    for character in with_escapes(value) {
        match character {
            ('n' | 'N', true) => text.push('\n'),
            (c, true) if !matches!(c, '\\' | ',' | ';') => text.extend(['\\', c]),
            (c, _) => text.push(c),
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
