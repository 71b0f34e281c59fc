//! Text for people: what a contact may do to a terminal, sizes, times, plurals.

use chrono::{DateTime, Local, TimeZone, Utc};
use serde_json::Value;
use std::borrow::Cow;

/// `text` on one line and without anything a terminal would obey: a name in somebody's vCard must not
/// move the cursor, nor turn the direction of what follows.
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

fn is_harmful(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
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

/// Milliseconds since 1970 as local time, to the minute; in JSON they stay what they are.
pub fn time(millis: &Value) -> String {
    at(millis, "%Y-%m-%d %H:%M")
}

/// The same to the second, without the day.
pub fn clock(millis: &Value) -> String {
    at(millis, "%H:%M:%S")
}

fn at(millis: &Value, format: &str) -> String {
    let moment = millis.as_i64().and_then(DateTime::<Utc>::from_timestamp_millis);
    match moment {
        Some(moment) => Local.from_utc_datetime(&moment.naive_utc()).format(format).to_string(),
        None => visible(millis.as_str().unwrap_or("?")).into_owned(),
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
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "contact"), "1 contact");
        assert_eq!(count(1_234_567, "contact"), "1,234,567 contacts");
        assert_eq!((size(512), size(1536)), ("512 B".into(), "1.5 KiB".into()));
    }
}
