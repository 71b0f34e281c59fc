//! jCard properties as the lines of a vCard 4.0, and lines back: what `$EDITOR` shows.
//!
//! A line that was not touched is never sent back, so nothing can be lost on the way through here.

use serde_json::{Map, Value, json};

/// Octets of a line on the wire (RFC 6350, 3.2).
const FOLD_BYTES: usize = 75;

/// One property as one line, unfolded.
pub fn line_of(property: &Value) -> Option<String> {
    let [name, params, kind, values @ ..] = property.as_array()?.as_slice() else { return None };
    let params = params.as_object()?;
    let start = match params.get("x-contactbox").and_then(Value::as_str) {
        Some(start) => with_blob(start, params),
        None => start_of(name.as_str()?, params, kind.as_str()?),
    };
    let value = match kind.as_str()? {
        // In these the value is not text with escapes.
        "unknown" | "uri" => plain(values),
        kind => {
            let separator = if kind == "text" { "," } else { ";" };
            values
                .iter()
                .map(|value| value_text(value, kind == "text"))
                .collect::<Vec<_>>()
                .join(separator)
        }
    };
    Some(format!("{start}:{value}"))
}

fn start_of(name: &str, params: &Map<String, Value>, kind: &str) -> String {
    let mut start = String::new();
    if let Some(group) = params.get("group").and_then(Value::as_str) {
        start.push_str(group);
        start.push('.');
    }
    start.push_str(&name.to_uppercase());
    for (name, value) in params {
        if name == "group" {
            continue;
        }
        let values: Vec<String> = match value {
            Value::Array(values) => values.iter().map(param_text).collect(),
            value => vec![param_text(value)],
        };
        start.push_str(&format!(";{}={}", name.to_uppercase(), values.join(",")));
    }
    // A telephone number that is a URI has to say so (RFC 6350, 6.4.1).
    if kind == "uri" && name == "tel" {
        start.push_str(";VALUE=uri");
    }
    start
}

/// What stands for a large value is not part of the vCard line it came from.
fn with_blob(start: &str, params: &Map<String, Value>) -> String {
    let mut start = start.to_string();
    for name in ["blob", "bytes"] {
        if let Some(value) = params.get(name) {
            start.push_str(&format!(";{}={}", name.to_uppercase(), param_text(value)));
        }
    }
    start
}

/// A parameter's value: quoted where it must be, and escaped as in RFC 6868.
fn param_text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.replace('^', "^^").replace('"', "^'").replace('\n', "^n");
    if text.contains([',', ';', ':']) { format!("\"{text}\"") } else { text }
}

fn plain(values: &[Value]) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    values.iter().map(text).collect::<Vec<_>>().join(",")
}

fn value_text(value: &Value, escapes: bool) -> String {
    match value {
        Value::String(text) if escapes => {
            text.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;").replace('\n', "\\n")
        }
        Value::String(text) => text.clone(),
        // The components of a structured value; a component of several values has commas.
        Value::Array(parts) => {
            let part = |part: &Value| match part {
                Value::Array(values) => values
                    .iter()
                    .map(|value| value_text(value, escapes))
                    .collect::<Vec<_>>()
                    .join(","),
                one => value_text(one, escapes),
            };
            parts.iter().map(part).collect::<Vec<_>>().join(";")
        }
        other => other.to_string(),
    }
}

/// A line as a property: its value stays the text it is.
pub fn property_of(line: &str) -> Result<Value, String> {
    let (start, value) =
        split_value(line).ok_or_else(|| format!("there is no colon in \"{}\"", clipped(line)))?;
    let mut parts = split_outside_quotes(start, ';').into_iter();
    let name = parts.next().unwrap_or_default();
    let (group, name) = match name.split_once('.') {
        Some((group, name)) => (Some(group), name),
        None => (None, name),
    };
    let is_name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if !is_name(name) || !group.is_none_or(is_name) {
        return Err(format!("\"{}\" does not begin with the name of a property", clipped(line)));
    }
    let mut params = Map::new();
    if let Some(group) = group {
        params.insert("group".to_string(), json!(group));
    }
    for part in parts {
        // Before 3.0 a type stood alone: TEL;CELL.
        let (key, text) = part.split_once('=').unwrap_or(("type", part));
        let values = split_outside_quotes(text, ',').into_iter().map(unquoted);
        let entry = params.entry(key.to_lowercase()).or_insert_with(|| json!([]));
        if let Value::Array(list) = entry {
            list.extend(values.map(Value::from));
        }
    }
    for value in params.values_mut() {
        if let Value::Array(list) = value
            && let [one] = list.as_slice()
        {
            *value = one.clone();
        }
    }
    Ok(json!([name.to_lowercase(), params, "unknown", value]))
}

fn split_value(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let colon = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        !quoted && *c == ':'
    });
    let (at, _) = colon?;
    Some((&line[..at], &line[at + 1..]))
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        !quoted && c == separator
    })
    .collect()
}

fn unquoted(text: &str) -> String {
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = match (c, rest.as_str().chars().next()) {
            ('^', Some('n')) => Some('\n'),
            ('^', Some('\'')) => Some('"'),
            ('^', Some('^')) => Some('^'),
            _ => None,
        };
        if escaped.is_some() {
            rest.next();
        }
        out.push(escaped.unwrap_or(c));
    }
    out
}

fn clipped(line: &str) -> String {
    let start: String = line.chars().take(60).collect();
    super::text::visible(&start).into_owned()
}

/// The lines of a text with their continuations joined; empty ones are passed over.
pub fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ if line.trim().is_empty() => {}
            _ => lines.push(line.to_string()),
        }
    }
    lines
}

/// A line for the wire: folded, never inside a character, and ended.
pub fn fold(line: &str, out: &mut String) {
    let mut room = FOLD_BYTES;
    for c in line.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = FOLD_BYTES - 1;
        }
        out.push(c);
        room -= c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_lines() {
        let line = |property| line_of(&property).unwrap();
        assert_eq!(line(json!(["n", {}, "text", ["A;b", ["c", "d,e"], ""]])), "N:A\\;b;c,d\\,e;");
        assert_eq!(
            line(json!(["tel", { "type": ["work", "cell"], "group": "item1" }, "uri", "tel:+1"])),
            "item1.TEL;TYPE=work,cell;VALUE=uri:tel:+1"
        );
        assert_eq!(
            line(json!(["note", { "x-y": "a:\"b\"" }, "text", "1\n2\\"])),
            "NOTE;X-Y=\"a:^'b^'\":1\\n2\\\\"
        );
        assert_eq!(
            line(
                json!(["x-foo", { "x-contactbox": "item1.X-Foo;TYPE=\"a\"", "type": "a" }, "unknown", "a\\,b"])
            ),
            "item1.X-Foo;TYPE=\"a\":a\\,b"
        );
        assert_eq!(
            line(json!(["photo", { "blob": "ab", "bytes": 9 }, "uri", ""])),
            "PHOTO;BLOB=ab;BYTES=9:"
        );
        assert_eq!(line(json!(["categories", {}, "text", "a", "b,c"])), "CATEGORIES:a,b\\,c");
    }

    #[test]
    fn lines_are_properties() {
        assert_eq!(
            property_of("item1.Tel;TYPE=work,cell;PREF=1:+44").unwrap(),
            json!(["tel", { "group": "item1", "type": ["work", "cell"], "pref": "1" }, "unknown", "+44"])
        );
        assert_eq!(
            property_of("TEL;CELL;X=\"a:;b\":1:2").unwrap(),
            json!(["tel", { "type": "CELL", "x": "a:;b" }, "unknown", "1:2"])
        );
        assert_eq!(unquoted("\"a^^n^'^n^x\""), "a^n\"\n^x");
        assert!(property_of("no colon").is_err());
        assert!(property_of(":value").is_err());
        assert!(property_of("a b:value").is_err());
    }

    #[test]
    fn folding_is_undone() {
        let line = format!("NOTE:{}", "äx".repeat(100));
        let mut folded = String::new();
        fold(&line, &mut folded);
        assert!(folded.split("\r\n").all(|part| part.len() <= FOLD_BYTES));
        assert_eq!(unfold(&folded), [line]);
    }
}
