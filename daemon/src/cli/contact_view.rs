//! A contact as jCard (RFC 7095), read for people.

use super::labels;
use super::text::{size, visible, visible_lines};
use contactbox_api::{Jcard, JcardProperty};
use contactbox_core::contact::{Kind, NAMES, SPOKEN, ValueShape};
use contactbox_core::text::{is_said, plain};
use serde_json::Value;

/// A property of a jCard: `[name, {parameters}, type, value...]`.
pub struct ViewProperty<'v> {
    /// Its name, in lower case.
    pub name: &'v str,
    property: &'v JcardProperty,
}

/// The properties of a jCard.
pub struct ContactView<'v> {
    /// In their order.
    pub properties: Vec<ViewProperty<'v>>,
}

impl<'v> ContactView<'v> {
    /// All of a jCard.
    pub fn of(jcard: &'v Jcard) -> Self {
        Self { properties: jcard.properties.iter().map(ViewProperty::of).collect() }
    }

    /// Returns the name that a person would call this contact by: of two names after a merge, the
    /// later one.
    pub fn name(&self) -> String {
        NAMES.into_iter().find_map(|kind| self.named_by(kind)).unwrap_or_default()
    }

    /// The name that the properties of a kind give, if they say something.
    fn named_by(&self, kind: Kind) -> Option<String> {
        let of_kind = self.properties.iter().filter(|property| Kind::of(property.name) == kind);
        let mut names = of_kind.map(|property| property.called(kind));
        let is_said = |name: &String| !name.is_empty();
        if kind.is_single() { names.rfind(is_said) } else { names.find(is_said) }
    }

    /// The label somebody gave to a group of properties (`item1.X-ABLabel`).
    fn label_of(&self, group: &str) -> Option<String> {
        let label = self.properties.iter().find(|property| {
            property.name == "x-ablabel"
                && property.param("group").is_some_and(|other| other.eq_ignore_ascii_case(group))
        })?;
        let text = label.text();
        // Apple writes its own words as _$!<HomePage>!$_.
        let own = text
            .strip_prefix("_$!<")
            .and_then(|text| text.strip_suffix(">!$_"))
            .map(str::to_lowercase);
        Some(own.unwrap_or(text))
    }
}

impl<'v> ViewProperty<'v> {
    /// A property of a jCard.
    pub fn of(property: &'v JcardProperty) -> Self {
        Self { name: &property.name, property }
    }

    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&'v str> {
        match self.property.params.get(name)? {
            Value::Array(values) => values.first()?.as_str(),
            value => value.as_str(),
        }
    }

    /// Its types but those that say nothing to a person, and `preferred` for PREF.
    fn types(&self) -> Vec<String> {
        let mut types = Vec::new();
        let mut add = |value: &str| {
            let word = match value.to_ascii_lowercase().as_str() {
                "internet" | "voice" | "x-internet" => return,
                "pref" => "preferred".to_string(),
                other => other.to_string(),
            };
            if !types.contains(&word) {
                types.push(word);
            }
        };
        match self.property.params.get("type") {
            Some(Value::Array(values)) => {
                values.iter().filter_map(Value::as_str).for_each(&mut add)
            }
            Some(value) => value.as_str().into_iter().for_each(&mut add),
            None => {}
        }
        if self.param("pref") == Some("1") {
            add("pref");
        }
        types
    }

    /// Its value as text: parts joined as one would write them.
    pub fn text(&self) -> String {
        let parts: Vec<String> = self.property.values.iter().flat_map(parts_of).collect();
        let joined = match self.name {
            "n" => parts.join(";"),
            _ => parts
                .into_iter()
                .filter(|part| !part.trim().is_empty())
                .collect::<Vec<_>>()
                .join(", "),
        };
        // The text of a vCard line, escapes included.
        if self.property.kind == "unknown" { plain(&joined).collect() } else { joined }
    }

    /// Returns the name that a kind gives a contact, on one line: of several nicknames, the first
    /// that says something.
    fn called(&self, kind: Kind) -> String {
        let text = match kind.shape() {
            ValueShape::ComponentLists => self.spoken_name(),
            ValueShape::List => {
                let mut said = self.property.values.iter().flat_map(parts_of);
                said.find(|part| is_said(part)).unwrap_or_default()
            }
            ValueShape::Components => {
                self.property.values.iter().flat_map(parts_of).collect::<Vec<_>>().join(" ")
            }
            _ => self.text(),
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The components of N in the order one speaks them.
    fn spoken_name(&self) -> String {
        let parts: Vec<String> = match self.property.values.as_slice() {
            [Value::Array(parts), ..] => {
                parts.iter().map(|part| parts_of(part).join(" ")).collect()
            }
            _ => self.text().split(';').map(str::to_string).collect(),
        };
        let spoken = SPOKEN.iter().filter_map(|&index| parts.get(index)).map(|part| part.trim());
        spoken.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Returns the value as a person sees it: lines fit for a terminal.
    pub fn shown(&self) -> Vec<String> {
        if let Some(bytes) = self.property.params.get("bytes").and_then(number) {
            let media = self.param("mediatype").or_else(|| self.param("type")).unwrap_or("data");
            return vec![large(media, bytes)];
        }
        let text = match self.name {
            "n" => self.spoken_name(),
            "tel" => bare_number(&self.text()).to_string(),
            name if Kind::of(name).shape().is_day() => spaced_date(self.text()),
            _ => self.text(),
        };
        if let Some((head, data)) = text.strip_prefix("data:").and_then(|uri| uri.split_once(',')) {
            return vec![large(
                head.split(';').next().unwrap_or("data"),
                data.len() as u64 * 3 / 4,
            )];
        }
        visible_lines(&text).into_iter().map(|line| line.into_owned()).collect()
    }
}

/// A picture or another large value: `JPEG, 34.1 KiB`.
fn large(media: &str, bytes: u64) -> String {
    let format = media.rsplit('/').next().unwrap_or(media);
    format!("{}, {}", visible(&format.to_uppercase()), size(bytes))
}

/// A number out of its URI: `tel:+44;ext=1` is `+44`.
pub fn bare_number(text: &str) -> &str {
    match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => {
            text[4..].split_once(';').map_or(&text[4..], |(number, _)| number)
        }
        _ => text,
    }
}

/// `18151210` as `1815-12-10`, `--1210` as `--12-10`; anything else as it is.
fn spaced_date(text: String) -> String {
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match (text.strip_prefix("--"), text.len()) {
        (Some(day), 6) if is_digits(day) => format!("--{}-{}", &day[..2], &day[2..]),
        (None, 8) if is_digits(&text) => format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]),
        _ => text,
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn parts_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(parts) => parts.iter().flat_map(parts_of).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// A line of the sheet that shows a contact.
pub struct ViewLine {
    /// The word for its kind: `phone`.
    pub label: &'static str,
    /// As the vCard names it, where there is no word of ours.
    pub raw_label: String,
    /// `work, preferred`.
    pub types: String,
    /// Its lines.
    pub values: Vec<String>,
}

/// The contact line by line, the usual things first, and nothing of it left out but the machinery.
pub fn sheet(card: &ContactView<'_>) -> Vec<ViewLine> {
    let mut shown: Vec<&ViewProperty<'_>> =
        card.properties.iter().filter(|property| !labels::is_silent(property.name)).collect();
    shown.sort_by_key(|property| labels::rank(property.name));
    let name = card.name();
    let mut lines = Vec::new();
    for property in shown {
        let values = property.shown();
        let kind = Kind::of(property.name);
        let is_the_title = matches!(kind, Kind::FN | Kind::N) && property.called(kind) == name;
        if is_the_title || values.iter().all(|line| line.trim().is_empty()) {
            continue;
        }
        let (label, raw_label) = match labels::word(property.name) {
            Some(word) => (word, String::new()),
            None => ("", visible(property.name).into_owned()),
        };
        let own = property.param("group").and_then(|group| card.label_of(group));
        // The type of a picture is its format, which its value says.
        let is_large = values.len() == 1 && kind.shape().is_binary();
        let mut types = if is_large { Vec::new() } else { property.types() };
        types.extend(own);
        let types = visible(&types.join(", ")).into_owned();
        lines.push(ViewLine { label, raw_label, types, values });
    }
    lines
}

/// Returns a person's word for a property; its own name where there is no word for it.
pub fn label(name: &str) -> &str {
    labels::word(name).unwrap_or(name)
}

/// A property in one short line, for a history.
pub fn brief(property: &JcardProperty) -> String {
    let property = ViewProperty::of(property);
    let label = label(property.name);
    let mut value = property.shown().join(" / ");
    if let Some((end, _)) = value.char_indices().nth(120) {
        value.truncate(end);
        value.push_str("...");
    }
    let types = property.types();
    let types =
        if types.is_empty() { String::new() } else { format!(" ({})", visible(&types.join(", "))) };
    format!("{}{types}: {value}", visible(label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_sheet_reads_as_one_would_write_it() {
        let card = json!(["vcard", [
            ["version", {}, "text", "4.0"],
            ["note", {}, "text", "one\ntwo\u{1b}"],
            ["n", {}, "text", ["Lovelace", "Ada", ["King", "Noel"], "Lady", ""]],
            ["tel", { "type": ["WORK", "voice"], "pref": "1" }, "text", "+44 20 7946 0018"],
            ["tel", { "group": "item1" }, "uri", "tel:+44"],
            ["x-ablabel", { "group": "item1" }, "unknown", "_$!<HomeFax>!$_"],
            ["adr", {}, "text", ["", "", "12 St James's Square", "London", "", "SW1Y", ""]],
            ["photo", { "mediatype": "image/jpeg", "blob": "ab", "bytes": "2048" }, "uri", ""],
            ["x-foo", {}, "unknown", "a\\, b"]
        ]]);
        let card: Jcard = serde_json::from_value(card).unwrap();
        let card = ContactView::of(&card);
        assert_eq!(card.name(), "Lady Ada King Noel Lovelace");
        let lines: Vec<_> = sheet(&card)
            .into_iter()
            .map(|line| {
                format!("{}{}|{}|{}", line.label, line.raw_label, line.types, line.values.join("/"))
            })
            .collect();
        assert_eq!(
            lines,
            [
                "phone|work, preferred|+44 20 7946 0018",
                "phone|homefax|+44",
                "address||12 St James's Square, London, SW1Y",
                "note||one/two\u{fffd}",
                "photo||JPEG, 2.0 KiB",
                "x-foo||a, b",
            ]
        );
    }

    #[test]
    fn a_card_that_says_nothing_has_no_name() {
        for odd in [json!(["vcard", []]), json!(["vcard", [["fn", {}, "text"]]])] {
            let card: Jcard = serde_json::from_value(odd).unwrap();
            assert_eq!(ContactView::of(&card).name(), "");
            sheet(&ContactView::of(&card));
        }
    }
}
