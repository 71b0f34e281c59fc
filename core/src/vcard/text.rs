//! Text values of every version in one form: the escapes of vCard 4.0, separators bare.

use super::arena::{Arena, Text};
use super::value_form::ValueForm;
use crate::text::SliceFull;

/// The meaning of a backslash in the text that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// 3.0 and 4.0: `\\`, `\,`, `\;`, `\n`.
    Modern,
    /// 2.1: nothing, except before `;` and its like in components. Half of its writers escape as in
    /// 3.0 nevertheless.
    Old,
    /// 2.1, decoded from quoted-printable: line ends stand for themselves.
    OldDecoded,
}

/// The treatment of backslashes and separators.
#[derive(Clone, Copy)]
struct Rule {
    /// A bare `,` separates.
    commas: bool,
    /// A bare `;` separates.
    semicolons: bool,
    /// A backslash escapes what follows.
    escapes: bool,
    /// `\n` is a line end.
    escaped_line_ends: bool,
}

/// A value in the escapes of vCard 4.0; the text itself where it is so already.
pub(super) fn canonical<'r>(
    text: &'r str,
    form: ValueForm,
    dialect: Dialect,
    room: &mut Arena<'r>,
) -> Result<&'r str, SliceFull> {
    let rule = match (form, dialect) {
        (ValueForm::Uri | ValueForm::AsItCame, _) => return as_it_came(text, form, room),
        (_, Dialect::Modern) => Rule {
            commas: matches!(form, ValueForm::List | ValueForm::ComponentLists),
            semicolons: form.has_components(),
            escapes: true,
            escaped_line_ends: true,
        },
        (ValueForm::Components | ValueForm::ComponentLists, _) => Rule {
            commas: false,
            semicolons: true,
            escapes: true,
            escaped_line_ends: dialect == Dialect::Old && !has_path(text),
        },
        _ => {
            let is_escaped = dialect == Dialect::Old && looks_escaped(text);
            Rule {
                commas: form == ValueForm::List,
                semicolons: false,
                escapes: is_escaped,
                escaped_line_ends: is_escaped,
            }
        }
    };
    let is_plain = |byte: &u8| match byte {
        b'\\' | b'\n' | b'\r' | 0 => false,
        b',' => rule.commas,
        b';' => rule.semicolons,
        _ => true,
    };
    if text.as_bytes().iter().all(is_plain) {
        return Ok(text);
    }
    room.text(|out| rewrite(text, rule, out))
}

fn rewrite(text: &str, rule: Rule, out: &mut Text<'_>) -> Result<(), SliceFull> {
    let mut rest = text;
    loop {
        let end = rest.find(['\\', ',', ';', '\n', '\r', '\0']).unwrap_or(rest.len());
        let (plain, special) = rest.split_at(end);
        out.push(plain)?;
        let Some(&first) = special.as_bytes().first() else {
            return Ok(());
        };
        let after = special.get(1..).unwrap_or("");
        rest = after;
        match first {
            b',' => out.push(if rule.commas { "," } else { "\\," })?,
            b';' => out.push(if rule.semicolons { ";" } else { "\\;" })?,
            b'\n' => out.push("\\n")?,
            // Encoded or not, a NUL byte says nothing, and does not come back out of a file.
            0 => {}
            b'\r' if after.starts_with('\n') => {}
            b'\r' => out.push("\\n")?,
            _ if !rule.escapes => out.push("\\\\")?,
            _ => {
                let (written, is_pair) = match after.as_bytes().first() {
                    Some(b'\\') => ("\\\\", true),
                    Some(b',') => ("\\,", true),
                    Some(b';') => ("\\;", true),
                    Some(b'n' | b'N') if rule.escaped_line_ends => ("\\n", true),
                    // Some programs escape these too; no version knows such an escape.
                    Some(b':') => (":", true),
                    Some(b'"') => ("\"", true),
                    // The backslash is one that somebody typed.
                    _ => ("\\\\", false),
                };
                out.push(written)?;
                if is_pair {
                    rest = after.get(1..).unwrap_or("");
                }
            }
        }
    }
}

/// Returns whether a text of 2.1 was written with the escapes of 3.0: every backslash in it is one,
/// and none could be part of a path.
fn looks_escaped(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let after = rest.get(at + 1..).unwrap_or("");
        if !after.starts_with(['n', 'N', ',', ';']) {
            return false;
        }
        rest = after;
    }
    !has_path(text)
}

fn has_path(text: &str) -> bool {
    text.contains(":\\") || text.contains("\\\\")
}

/// A value whose escapes are not ours to judge: only line ends become `\n`. A URI has no escapes,
/// so those that writers of 3.0 put before `,`, `;` and `:` are taken away.
fn as_it_came<'r>(
    text: &'r str,
    form: ValueForm,
    room: &mut Arena<'r>,
) -> Result<&'r str, SliceFull> {
    if !text.contains(['\\', '\n', '\r', '\0']) {
        return Ok(text);
    }
    room.text(|out| {
        let mut rest = text;
        loop {
            let end = rest.find(['\\', '\n', '\r', '\0']).unwrap_or(rest.len());
            let (plain, special) = rest.split_at(end);
            out.push(plain)?;
            let mut chars = special.chars();
            match (chars.next(), chars.clone().next()) {
                (None, _) => return Ok(()),
                (Some('\r'), Some('\n')) | (Some('\0'), _) => {}
                (Some('\r' | '\n'), _) => out.push("\\n")?,
                (Some(_), Some(',' | ';' | ':')) if form == ValueForm::Uri => {}
                (Some(_), Some('\\')) => {
                    out.push("\\\\")?;
                    chars.next();
                }
                (Some(_), _) => out.push("\\")?,
            }
            rest = chars.as_str();
        }
    })
}
