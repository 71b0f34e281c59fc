//! Flags of `add` and `edit` as jCard properties.

use super::args::PropertyArgs;
use super::{Exit, Failure};
use base64::{Engine, prelude::BASE64_STANDARD};
use contactbox_api::JcardProperty;
use serde_json::Value;
use std::path::Path;

/// Words before a colon that say where a number or address belongs, and the vCard
/// types they stand for.
const PLACES: [(&str, &str); 12] = [
    ("home", "home"),
    ("work", "work"),
    ("office", "work"),
    ("cell", "cell"),
    ("mobile", "cell"),
    ("fax", "fax"),
    ("pager", "pager"),
    ("video", "video"),
    ("text", "text"),
    ("main", "main-number"),
    ("other", "other"),
    ("pref", "pref"),
];

/// Largest picture a flag takes, in bytes: it has to pass a frame of 16 MiB as base64.
const PHOTO_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Properties that a flag replaces: an empty value only takes away.
pub struct Replaced {
    /// The properties that go, if they are there.
    pub names: &'static [&'static str],
    /// The properties that come.
    pub with: Vec<JcardProperty>,
}

impl PropertyArgs {
    /// Returns whether no flag was given.
    pub fn is_empty(&self) -> bool {
        self.replaced_flags().is_empty()
            && self.photo.is_none()
            && self.added_flags().iter().all(|(.., list)| list.is_empty())
    }

    fn replaced_flags(&self) -> Vec<(&'static [&'static str], &str)> {
        let flags: [(&'static [&'static str], &Option<String>); 5] = [
            (&["fn", "n"], &self.name),
            (&["org"], &self.org),
            (&["title"], &self.title),
            (&["bday"], &self.birthday),
            (&["note"], &self.note),
        ];
        flags.into_iter().filter_map(|(names, value)| Some((names, value.as_deref()?))).collect()
    }

    fn added_flags(&self) -> [(&'static str, &[String]); 6] {
        [
            ("tel", &self.tel),
            ("email", &self.email),
            ("adr", &self.adr),
            ("url", &self.url),
            ("nickname", &self.nickname),
            ("categories", &self.category),
        ]
    }

    /// Returns the properties that take the place of others.
    pub fn replaced(&self) -> Result<Vec<Replaced>, Failure> {
        let mut all = Vec::new();
        for (names, value) in self.replaced_flags() {
            let value = value.trim();
            let with = match names[0] {
                _ if value.is_empty() => Vec::new(),
                "fn" => name(value),
                "org" => vec![JcardProperty::text("org", components(value))],
                "bday" => vec![birthday(value)?],
                other => vec![JcardProperty::text(other, value)],
            };
            all.push(Replaced { names, with });
        }
        if let Some(path) = &self.photo {
            let with = if path.as_os_str().is_empty() { Vec::new() } else { vec![photo(path)?] };
            all.push(Replaced { names: &["photo"], with });
        }
        Ok(all)
    }

    /// Returns the properties that come beside others.
    pub fn added(&self) -> Result<Vec<JcardProperty>, Failure> {
        let mut all = Vec::new();
        for (name, values) in self.added_flags() {
            for value in values {
                let (types, value) = if matches!(name, "nickname" | "categories") {
                    (Vec::new(), value.as_str())
                } else {
                    place(value)
                };
                let value = value.trim();
                if value.is_empty() {
                    return Err(Failure::new(
                        Exit::Usage,
                        format!("--{name} is empty; `--remove {name}` takes one away"),
                    ));
                }
                let property = match name {
                    "adr" => JcardProperty::text(name, address(value)),
                    "url" => JcardProperty::new(name, "uri", value),
                    "tel" if !value.chars().any(|c| c.is_ascii_digit()) => {
                        return Err(Failure::new(
                            Exit::Usage,
                            format!("\"{value}\" is no phone number: it has no digit"),
                        ));
                    }
                    "email" if !value.contains('@') => {
                        return Err(Failure::new(
                            Exit::Usage,
                            format!("\"{value}\" is no email address: it has no @"),
                        ));
                    }
                    _ => JcardProperty::text(name, value),
                };
                all.push(match types.as_slice() {
                    [] => property,
                    [one] => property.with_param("type", *one),
                    more => property.with_param("type", more),
                });
            }
        }
        Ok(all)
    }
}

/// The types before a colon, where all of them are known: a URL has a colon too.
fn place(value: &str) -> (Vec<&'static str>, &str) {
    let Some((words, rest)) = value.split_once(':') else { return (Vec::new(), value) };
    let known = |word: &str| {
        let word = word.trim().to_lowercase();
        PLACES.iter().find(|(name, _)| *name == word).map(|(_, vcard)| *vcard)
    };
    match words.split(',').map(known).collect::<Option<Vec<_>>>() {
        Some(types) => (types, rest),
        None => (Vec::new(), value),
    }
}

/// FN and N of a name: "Given Further Family", or "Family, Given Further".
fn name(text: &str) -> Vec<JcardProperty> {
    let (family, given) = match text.split_once(',') {
        Some((family, given)) => (family.trim(), given.trim()),
        None => match text.rsplit_once(char::is_whitespace) {
            Some((given, family)) => (family, given.trim()),
            None => ("", text),
        },
    };
    let (given, further) = given.split_once(char::is_whitespace).unwrap_or((given, ""));
    let full = [given, further.trim(), family]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    vec![
        JcardProperty::text("fn", full),
        JcardProperty::text("n", [family, given, further.trim(), "", ""].as_slice()),
    ]
}

/// Parts between semicolons; one part alone is a plain value.
fn components(text: &str) -> Value {
    let parts: Vec<&str> = text.split(';').map(str::trim).collect();
    match parts.as_slice() {
        [one] => Value::from(*one),
        more => Value::from(more),
    }
}

/// "street; city; postcode; country", or the seven parts of a vCard.
fn address(text: &str) -> Value {
    let parts: Vec<&str> = text.split(';').map(str::trim).collect();
    if parts.len() >= 7 {
        return Value::from(&parts[..7]);
    }
    let part = |index: usize| parts.get(index).copied().unwrap_or("");
    let country = parts.get(3..).unwrap_or_default().join(", ");
    Value::from(["", "", part(0), part(1), "", part(2), country.as_str()].as_slice())
}

fn birthday(text: &str) -> Result<JcardProperty, Failure> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let number =
        |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let (year, rest) = match (text.starts_with("--"), digits.len()) {
        (true, 4) => (None, 0),
        (false, 8) => (number(0, 4), 4),
        _ => (None, 9),
    };
    // A leap year stands in where none is said, so that the 29th of February is a day.
    let day = || {
        chrono::NaiveDate::from_ymd_opt(
            year.unwrap_or(2000) as i32,
            number(rest, rest + 2)?,
            number(rest + 2, rest + 4)?,
        )
    };
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '-');
    match day().filter(|_| plain) {
        Some(day) => {
            let date = if year.is_some() { day.format("%Y-%m-%d") } else { day.format("--%m-%d") };
            Ok(JcardProperty::new("bday", "date", date.to_string()))
        }
        None => Err(Failure::new(
            Exit::Usage,
            format!("\"{text}\" is no birthday; write 1815-12-10, or --12-10 without the year"),
        )),
    }
}

fn photo(path: &Path) -> Result<JcardProperty, Failure> {
    let failed = |error: &std::io::Error| Failure::file(path, "cannot be read", error);
    let bytes = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if bytes > PHOTO_BYTES_MAX {
        let limit = super::text::size(PHOTO_BYTES_MAX);
        return Err(Failure::other(format!(
            "{} is larger than {limit}; make the picture smaller",
            super::text::place(path)
        )));
    }
    let data = std::fs::read(path).map_err(|error| failed(&error))?;
    let media = match data.as_slice() {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => {
            return Err(Failure::other(format!(
                "{} is no JPEG, PNG, GIF or WebP picture",
                super::text::place(path)
            )));
        }
    };
    let uri = format!("data:{media};base64,{}", BASE64_STANDARD.encode(&data));
    Ok(JcardProperty::new("photo", "uri", uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_told_from_schemes() {
        assert_eq!(place("work:+44 20"), (vec!["work"], "+44 20"));
        assert_eq!(place("Work,mobile:1"), (vec!["work", "cell"], "1"));
        assert_eq!(place("https://a.example"), (vec![], "https://a.example"));
        assert_eq!(place("tel:+44"), (vec![], "tel:+44"));
    }

    #[test]
    fn names_fall_apart_as_written() {
        let parts = |text| name(text)[1].values[0].clone();
        assert_eq!(parts("Ada King Lovelace"), json!(["Lovelace", "Ada", "King", "", ""]));
        assert_eq!(parts("van der Berg, Ada"), json!(["van der Berg", "Ada", "", "", ""]));
        assert_eq!(parts("Ada"), json!(["", "Ada", "", "", ""]));
        assert_eq!(name("Lovelace, Ada")[0].values[0], "Ada Lovelace");
    }

    #[test]
    fn birthdays_are_days() {
        let day = |text| birthday(text).map(|day| day.values[0].clone()).ok();
        assert_eq!(day("1815-12-10"), Some(json!("1815-12-10")));
        assert_eq!(day("18151210"), Some(json!("1815-12-10")));
        assert_eq!(day("--02-29"), Some(json!("--02-29")));
        for wrong in
            ["1815-13-10", "10.12.1815", "--13-01", "1815", "", "2001-02-29", "1815-12-10x"]
        {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_have_four_parts_or_seven() {
        assert_eq!(
            address("12 Square; London"),
            json!(["", "", "12 Square", "London", "", "", ""])
        );
        assert_eq!(address("a;b;c;d;e"), json!(["", "", "a", "b", "", "c", "d, e"]));
        assert_eq!(address("p;e;s;c;r;z;l"), json!(["p", "e", "s", "c", "r", "z", "l"]));
    }
}
