//! Escapes and separators of vCard text (RFC 6350, section 3.4).

/// The characters of a text and whether each is escaped. The backslash that escapes is left out; a
/// backslash at the very end escapes nothing and comes as itself, unescaped.
pub fn with_escapes(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut rest = text.chars();
    core::iter::from_fn(move || match rest.next()? {
        '\\' => Some(rest.next().map_or(('\\', false), |c| (c, true))),
        c => Some((c, false)),
    })
}

/// The characters a text stands for. An escape that means nothing is the character itself, and a
/// backslash at the very end is left out.
pub fn plain(text: &str) -> impl Iterator<Item = char> {
    with_escapes(text).filter_map(|character| match character {
        ('\\', false) => None,
        (c, true) => Some(unescaped(c)),
        (c, false) => Some(c),
    })
}

/// The character that a character after a backslash stands for.
pub fn unescaped(c: char) -> char {
    if matches!(c, 'n' | 'N') { '\n' } else { c }
}

/// The parts of a text between separators that are not escaped, with their escapes.
pub fn split_bare(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let (part, after) = cut_bare(rest?, separator);
        rest = after;
        Some(part)
    })
}

/// The text before the first separator that is not escaped, and the text after it, if there is one.
// Many read texts by it: once is enough.
#[inline(never)]
pub fn cut_bare(text: &str, separator: char) -> (&str, Option<&str>) {
    let mut is_escaped = false;
    let end = text.find(|c| {
        let is_bare = !is_escaped;
        is_escaped = is_bare && c == '\\';
        is_bare && c == separator
    });
    let cut = end.and_then(|end| text.split_at_checked(end));
    cut.map_or((text, None), |(part, rest)| (part, rest.get(separator.len_utf8()..)))
}

/// Returns whether a text holds more than separators.
pub fn is_said(text: &str) -> bool {
    text.contains(|c: char| !matches!(c, ';' | ',' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    #[test]
    fn a_text_stands_for_its_characters() {
        for (text, expected) in [
            ("", ""),
            ("Grüße", "Grüße"),
            (r"one\,two\;three\\four\nfive\N", "one,two;three\\four\nfive\n"),
            (r"\x", "x"),
            (r"end\", "end"),
            (r"\\\", "\\"),
        ] {
            assert_eq!(plain(text).collect::<String>(), expected, "{text}");
        }
    }

    #[test]
    fn escapes_are_told_and_nothing_is_lost() {
        let all = |text| with_escapes(text).collect::<Vec<_>>();
        assert_eq!(all(r"a\n"), [('a', false), ('n', true)]);
        assert_eq!(all(r"\\n"), [('\\', true), ('n', false)]);
        assert_eq!(all(r"a\"), [('a', false), ('\\', false)]);
    }

    #[test]
    fn only_bare_separators_separate() {
        let parts = |text, separator| split_bare(text, separator).collect::<Vec<_>>();
        assert_eq!(parts(r"a\;b;c", ';'), [r"a\;b", "c"]);
        assert_eq!(parts(r"a\\;b", ';'), [r"a\\", "b"]);
        assert_eq!(parts("a;b,c", ','), ["a;b", "c"]);
        assert_eq!(parts("", ';'), [""]);
        assert_eq!(parts(";", ';'), ["", ""]);
        assert_eq!(parts(r"ä\", ';'), [r"ä\"]);
    }

    #[test]
    fn separators_say_nothing() {
        assert!(!is_said("") && !is_said(";;, ;"));
        assert!(is_said(";;.") && is_said(r"\"));
    }
}
