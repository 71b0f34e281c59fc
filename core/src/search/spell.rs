//! Spells out letters that are written as two where a keyboard lacks them: "Mueller" for "Müller".
//!
//! A text with such letters is searched in both spellings. The reverse is not done: nobody can tell
//! what a "ue" in a text stands for.

/// Returns the two letters that stand for one, if it is spelled out. `before` is the letter before
/// it.
fn spelled(c: char, before: Option<char>) -> Option<&'static str> {
    Some(match c {
        'ä' | 'Ä' => "ae",
        'ö' | 'Ö' | 'ø' | 'Ø' => "oe",
        'ü' | 'Ü' => "ue",
        'å' | 'Å' => "aa",
        // The two dots may stand by themselves, behind their letter.
        '\u{308}' if before.is_some_and(|before| "aouAOU".contains(before)) => "e",
        _ => return None,
    })
}

/// Returns whether a text has letters that can be spelled out.
#[inline]
pub(super) fn has_other_spelling(text: &str) -> bool {
    !text.is_ascii() && first(text).is_some()
}

/// Passes on the text piece by piece, with each such letter spelled out; nothing if it has none.
pub fn spell_out<'t>(text: &'t str, mut piece: impl FnMut(&'t str)) {
    let mut rest = text;
    while let Some((at, letters, c)) = first(rest) {
        piece(rest.get(..at).unwrap_or(""));
        piece(letters);
        rest = rest.get(at + c.len_utf8()..).unwrap_or("");
    }
    if rest.len() < text.len() {
        piece(rest);
    }
}

/// Returns the first letter that can be spelled out: its offset, its two letters, and itself.
fn first(text: &str) -> Option<(usize, &'static str, char)> {
    let mut before = None;
    text.char_indices().find_map(|(at, c)| {
        let letters = spelled(c, before.replace(c))?;
        Some((at, letters, c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    #[test]
    fn letters_are_spelled_out() {
        for (text, expected) in [
            ("Müller", "Mueller"),
            ("Ärztehaus Köln", "aerztehaus Koeln"),
            ("Søren på Århus", "Soeren paa aarhus"),
            ("Mu\u{308}ller, O\u{308}zil", "Mueller, Oezil"),
            ("Zoe\u{308} Müller", "Zoe\u{308} Mueller"),
            ("ü", "ue"),
        ] {
            assert!(has_other_spelling(text), "{text}");
            let mut out = String::new();
            spell_out(text, |piece| out.push_str(piece));
            assert_eq!(out, expected);
        }
        for text in ["", "Mueller", "Zoë", "Zoe\u{308}", "\u{308}", "田中", "Łódź"] {
            assert!(!has_other_spelling(text), "{text}");
            spell_out(text, |piece| panic!("{piece}"));
        }
    }
}
