//! Writes the texts of a contact for lists: on one line, without escapes, not too long.

use crate::contact::{Contact, Kind, NAMES, NameParts};
use crate::text::{SliceWriter, with_escapes};

/// Longest text in a list, in characters.
pub const TEXT_CHARS_MAX: usize = 200;

/// Texts one behind the other in the caller's memory.
pub struct DisplayName<'b> {
    memory: &'b mut [u8],
    chars_max: usize,
}

impl<'b> DisplayName<'b> {
    /// Memory for texts of at most `chars_max` characters.
    pub fn new(memory: &'b mut [u8], chars_max: usize) -> Self {
        Self { memory, chars_max }
    }

    /// The name to show: what it is called, or else the first thing known of it; empty when there
    /// is nothing. `None` when the memory does not do.
    pub fn name(&mut self, contact: &Contact<'_>) -> Option<&'b str> {
        for kind in NAMES {
            let latest = contact.latest(kind).filter(|_| kind.is_single());
            let all = contact.all(kind).filter(|_| !kind.is_single());
            for property in latest.into_iter().chain(all) {
                let Some(text) = property.content.value.as_text() else { continue };
                let name = self.plain(NameParts::of(kind, text))?;
                if !name.is_empty() {
                    return Some(name);
                }
            }
        }
        Some("")
    }

    /// The first of a kind that says something. The outer `None` means that the memory does not do.
    pub fn first(&mut self, contact: &Contact<'_>, kind: Kind) -> Option<Option<&'b str>> {
        for property in contact.all(kind) {
            if let Some(text) = property.content.value.as_text() {
                let text = self.plain(NameParts::whole(text))?;
                if !text.is_empty() {
                    return Some(Some(text));
                }
            }
        }
        Some(None)
    }

    /// Parts of a text as one, with a space between them.
    fn plain(&mut self, parts: NameParts<'_>) -> Option<&'b str> {
        let memory = core::mem::take(&mut self.memory);
        let Some(len) = write_plain(parts, self.chars_max, memory) else {
            self.memory = memory;
            return None;
        };
        let (text, rest) = memory.split_at_mut(len);
        self.memory = rest;
        core::str::from_utf8(text).ok()
    }
}

/// Writes the text and returns its length in bytes; `None` when it does not fit.
fn write_plain<'t>(
    parts: impl IntoIterator<Item = &'t str>,
    chars_max: usize,
    memory: &mut [u8],
) -> Option<usize> {
    let mut out = SliceWriter::new(memory);
    let mut chars = 0;
    for part in parts {
        // Written only before something else: a text neither begins nor ends with one.
        let mut is_space_due = !out.is_empty();
        for character in with_escapes(part) {
            let c = match character {
                ('\\', false) => continue,
                ('n' | 'N', true) | (';', false) => ' ',
                (c, _) if c.is_control() => ' ',
                (c, _) => c,
            };
            if c == ' ' {
                is_space_due = !out.is_empty();
                continue;
            }
            for c in is_space_due.then_some(' ').into_iter().chain([c]) {
                if chars == chars_max {
                    return trimmed(&out);
                }
                out.push_char(c).ok()?;
                chars += 1;
            }
            is_space_due = false;
        }
    }
    trimmed(&out)
}

fn trimmed(out: &SliceWriter<'_>) -> Option<usize> {
    Some(core::str::from_utf8(out.written()).ok()?.trim_end().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain<'t>(parts: impl IntoIterator<Item = &'t str>) -> std::string::String {
        let mut memory = [0; 1000];
        let len = write_plain(parts, TEXT_CHARS_MAX, &mut memory).expect("it fits");
        std::string::String::from_utf8(memory[..len].to_vec()).expect("it is text")
    }

    #[test]
    fn texts_are_plain_and_short() {
        assert_eq!(plain(["Engines\\, Ltd.;Analysis\\nNorth"]), "Engines, Ltd. Analysis North");
        assert_eq!(plain([" ; "]), "");
        assert_eq!(plain(["x".repeat(10_000).as_str()]).len(), TEXT_CHARS_MAX);
        let cut = "x".repeat(TEXT_CHARS_MAX - 1) + " y";
        assert_eq!(plain([cut.as_str()]).len(), TEXT_CHARS_MAX - 1);
        assert_eq!(
            plain(NameParts::of(Kind::N, "Lovelace;Ada;Byron;Lady;")),
            "Lady Ada Byron Lovelace"
        );
        assert_eq!(plain(NameParts::of(Kind::N, "Only")), "Only");
        assert_eq!(plain(NameParts::of(Kind::N, "A\\;B;C")), "C A;B");
        assert_eq!(plain(["äö", "ü"]), "äö ü");
    }

    #[test]
    fn a_text_that_does_not_fit_leaves_the_memory() {
        let mut memory = [0; 5];
        let mut texts = DisplayName::new(&mut memory, 10);
        assert_eq!(texts.plain(NameParts::whole("abc def")), None);
        assert_eq!(texts.plain(NameParts::whole("abc")), Some("abc"));
        assert_eq!(texts.plain(NameParts::whole("de")), Some("de"));
        assert_eq!(texts.plain(NameParts::whole("f")), None);
        assert_eq!(texts.plain(NameParts::whole("")), Some(""));
    }
}
