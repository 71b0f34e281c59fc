//! Text for people: what a contact may do to a terminal, sizes, times, plurals.

use chrono::{DateTime, Local, TimeZone, Utc};
use serde::Serialize;
use std::borrow::Cow;
use std::path::Path;

/// `text` on one line and without anything a terminal would obey: a name in somebody's vCard or of
/// a file must not move the cursor, nor turn the direction of what follows.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let calm = |c: char| match c {
        '\n' | '\t' => ' ',
        c if is_harmful(c) => '\u{fffd}',
        c => c,
    };
    Cow::Owned(text.replace("\r\n", "\n").chars().map(calm).collect())
}

/// The same for text of several lines, which stays so.
pub fn visible_lines(text: &str) -> Vec<Cow<'_, str>> {
    text.lines().map(visible).collect()
}

/// A message as it is about to be printed, with its line ends. Whoever wrote it may have forgotten
/// that a path or what a daemon says can hold anything; the last to touch it does not.
pub fn message(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c != '\n' && is_harmful(c)) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(visible).collect();
    Cow::Owned(lines.join("\n"))
}

/// A path for people.
pub fn place(path: &Path) -> String {
    visible(&path.display().to_string()).into_owned()
}

/// JSON on one line in which what a terminal would obey is escaped: it reads back as what it was.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    // serde_json escapes what is below a blank; outside of a string there is nothing of the rest.
    if !text.chars().any(is_harmful) {
        return Ok(text);
    }
    let mut calm = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match c {
            // All of them are in the first plane, so that one escape is enough.
            c if is_harmful(c) => calm.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => calm.push(c),
        }
    }
    Ok(calm)
}

/// Controls of both sets, what turns the direction of text, and the two that end a line.
fn is_harmful(c: char) -> bool {
    let turns = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A number with its noun: `1 contact`, `2 contacts`, `12,000 contacts`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A number with a comma every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size: `512 B`, `34.1 KiB`.
pub fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// Milliseconds since 1970 as a local date.
pub fn date(millis: u64) -> String {
    at(millis, "%Y-%m-%d")
}

/// The same to the minute; in JSON they stay what they are.
pub fn time(millis: u64) -> String {
    at(millis, "%Y-%m-%d %H:%M")
}

/// The same to the second, without the day.
pub fn clock(millis: u64) -> String {
    at(millis, "%H:%M:%S")
}

fn at(millis: u64, format: &str) -> String {
    let moment = i64::try_from(millis).ok().and_then(DateTime::<Utc>::from_timestamp_millis);
    match moment {
        Some(moment) => Local.from_utc_datetime(&moment.naive_utc()).format(format).to_string(),
        None => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing() {
        assert_eq!(visible("Ada"), "Ada");
        assert_eq!(visible("A\u{1b}[2Jda\u{202e}\nB\u{9b}"), "A\u{fffd}[2Jda\u{fffd} B\u{fffd}");
        assert_eq!(visible_lines("a\r\nb\tc"), ["a", "b c"]);
        assert_eq!(visible("\u{61c}\u{200e}\u{200f}\u{2067}"), "\u{fffd}".repeat(4));
        assert_eq!(
            message("no \u{1b}]0;x\u{7}\nsay \u{202e}so"),
            "no \u{fffd}]0;x\u{fffd}\nsay \u{fffd}so"
        );
    }

    #[test]
    fn json_is_calm_and_loses_nothing() {
        let value = serde_json::json!({ "\u{9b}31m": ["\u{1b}\u{7f}\u{85}", "\u{202e}\u{200f} ä \\ \"\u{2028}\""] });
        let told = json(&value).unwrap();
        assert!(!told.chars().any(is_harmful), "{told}");
        assert!(told.contains("\\u009b31m") && told.contains("\\u202e"), "{told}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap(), value);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "contact"), "1 contact");
        assert_eq!(count(1_234_567, "contact"), "1,234,567 contacts");
        assert_eq!((size(512), size(1536)), ("512 B".into(), "1.5 KiB".into()));
    }
}
