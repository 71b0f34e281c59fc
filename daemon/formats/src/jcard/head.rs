//! The part of a property before its value: name, group, types, parameters; as JSON and as a vCard
//! line.

use super::{BLOB, BYTES, HINT, PICTURES, ValueLayout};
use contactbox_core::contact::{Kind, Property, Types, split_params};
use serde_json::{Map, Value as Json};

#[derive(Clone, PartialEq, Eq)]
pub(super) struct PropertyHead {
    pub(super) kind: Kind,
    pub(super) other: String,
    pub(super) group: String,
    pub(super) types: Types,
    pub(super) params: String,
}

impl PropertyHead {
    pub(super) fn of(content: &Property<'_>) -> Self {
        Self {
            kind: content.kind,
            other: content.other.to_owned(),
            group: content.group.to_owned(),
            types: content.types,
            params: content.params.to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        if self.kind == Kind::OTHER { &self.other } else { self.kind.name() }
    }

    /// Returns the value of the `VALUE` parameter, in lower case.
    pub(super) fn value_type(&self) -> Option<String> {
        self.param("VALUE").map(|name| name.to_ascii_lowercase())
    }

    fn param(&self, name: &str) -> Option<String> {
        params(&self.params)
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, mut values)| if values.len() == 1 { values.pop() } else { None })
    }

    /// Returns whether binary values are usual for it.
    pub(super) fn takes_bytes(&self) -> bool {
        takes_bytes(self.kind)
    }

    pub(super) fn media_type(&self) -> Option<String> {
        let picture = PICTURES.iter().find(|(bit, _)| self.types.has(*bit));
        self.param("MEDIATYPE").or_else(|| picture.map(|&(_, name)| name.to_owned()))
    }

    pub(super) fn set_media_type(&mut self, name: &str) {
        if name.is_empty() || self.media_type().is_some_and(|own| own.eq_ignore_ascii_case(name)) {
            return;
        }
        let is_other = |param: &&str| !param.to_ascii_uppercase().starts_with("MEDIATYPE=");
        let mut params: Vec<String> =
            split_params(&self.params).filter(is_other).map(str::to_owned).collect();
        for (bit, _) in PICTURES {
            self.types = self.types.without(bit);
        }
        params.push(format!("MEDIATYPE={}", encode(name)));
        self.params = params.join(";");
    }

    /// The parameters of a jCard property.
    pub(super) fn to_json(&self) -> Map<String, Json> {
        let mut object = Map::new();
        if !self.group.is_empty() {
            object.insert("group".to_owned(), Json::String(self.group.clone()));
        }
        let bits = self.types.names().map(str::to_owned).collect::<Vec<_>>();
        let own = std::iter::once(("TYPE", bits)).filter(|(_, names)| !names.is_empty());
        for (key, values) in own.chain(params(&self.params)) {
            let key = key.to_ascii_lowercase();
            if key == "value" {
                continue;
            }
            for value in values {
                let value = Json::String(value);
                match object.get_mut(&key) {
                    None => {
                        object.insert(key.clone(), value);
                    }
                    Some(Json::Array(all)) => all.push(value),
                    Some(first) => *first = Json::Array(vec![first.take(), value]),
                }
            }
        }
        object
    }

    pub(super) fn of_json(
        name: &str,
        params: &Map<String, Json>,
        type_name: &str,
    ) -> Result<Self, String> {
        let plain = Self::of_plain_json(name, params, type_name)?;
        let Some(Json::String(line)) = params.get(HINT) else { return Ok(plain) };
        let Some(hinted) = Self::of_line(line) else { return Ok(plain) };
        // The hint holds while the rest still says the same.
        let visible = |map: &Map<String, Json>| {
            let mut map = map.clone();
            for key in [HINT, BLOB, BYTES] {
                map.remove(key);
            }
            map
        };
        let is_same = hinted.name().eq_ignore_ascii_case(name)
            && visible(&hinted.to_json()) == visible(params)
            && match hinted.value_type() {
                Some(own) => own == type_name || type_name == "unknown",
                None => {
                    type_name == ValueLayout::of(hinted.kind).usual_type()
                        || matches!(type_name, "unknown" | "uri")
                }
            };
        Ok(if is_same { hinted } else { plain })
    }

    fn of_plain_json(
        name: &str,
        object: &Map<String, Json>,
        type_name: &str,
    ) -> Result<Self, String> {
        check_name("a property's name", name)?;
        let kind = Kind::of(name);
        let other = if kind == Kind::OTHER { name.to_ascii_uppercase() } else { String::new() };
        let mut head = Self {
            kind,
            other,
            group: String::new(),
            types: Types::default(),
            params: String::new(),
        };
        let mut params = Vec::new();
        for (key, value) in object {
            if [HINT, BLOB, BYTES, "value"].contains(&key.as_str()) {
                continue;
            }
            check_name("a parameter's name", key)?;
            let values = texts(key, value)?;
            match key.as_str() {
                "group" => {
                    let group = values.first().copied().unwrap_or_default();
                    check_name("a group", group)?;
                    head.group = group.to_owned();
                }
                "type" => {
                    for value in values {
                        match Types::of(value) {
                            Some(bit) => head.types = head.types.with(bit),
                            None => params.push(format!("TYPE={}", encode(value))),
                        }
                    }
                }
                key => {
                    let values: Vec<_> = values.into_iter().map(encode).collect();
                    params.push(format!("{}={}", key.to_ascii_uppercase(), values.join(",")));
                }
            }
        }
        let usual = ValueLayout::of(kind).usual_type();
        // Bytes are a URI in jCard whatever the kind; no VALUE stands for that.
        let is_said = type_name == usual
            || type_name == "unknown"
            || (type_name == "uri" && head.takes_bytes() && kind != Kind::OTHER);
        if !is_said {
            check_name("a type", type_name)?;
            params.insert(0, format!("VALUE={type_name}"));
        }
        head.params = params.join(";");
        Ok(head)
    }

    /// The start of the vCard line.
    pub(super) fn to_line(&self) -> String {
        let mut line = String::new();
        if !self.group.is_empty() {
            line.push_str(&self.group);
            line.push('.');
        }
        line.push_str(self.name());
        if !self.types.is_empty() {
            line.push_str(";TYPE=");
            line.push_str(&self.types.names().collect::<Vec<_>>().join(","));
        }
        if !self.params.is_empty() {
            line.push(';');
            line.push_str(&self.params);
        }
        line
    }

    pub(super) fn of_line(line: &str) -> Option<Self> {
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return None;
        }
        let (start, params) = line.split_once(';').unwrap_or((line, ""));
        let (group, name) = start.split_once('.').unwrap_or(("", start));
        let is_name = |text: &str| check_name("", text).is_ok();
        if !is_name(name) || !(group.is_empty() || is_name(group)) {
            return None;
        }
        // A colon outside of quotes would begin the value.
        if params.split('"').step_by(2).any(|bare| bare.contains(':')) {
            return None;
        }
        let kind = Kind::of(name);
        let other = if kind == Kind::OTHER { name.to_owned() } else { String::new() };
        let (first, rest) = params.split_once(';').unwrap_or((params, ""));
        let names = first.strip_prefix("TYPE=").map(|names| names.split(',').map(Types::of));
        let bits = names.and_then(|mut names| {
            names.try_fold(Types::default(), |all, bit| Some(all.with(bit?)))
        });
        let (types, params) = match bits {
            Some(bits) => (bits, rest),
            None => (Types::default(), params),
        };
        Some(Self { kind, other, group: group.to_owned(), types, params: params.to_owned() })
    }
}

/// Returns whether binary values are usual for a kind.
pub(super) fn takes_bytes(kind: Kind) -> bool {
    kind.shape().is_binary() || kind == Kind::OTHER
}

pub(super) fn check_name(what: &str, name: &str) -> Result<(), String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 255 || !name.chars().all(is_good) {
        return Err(format!("{what} has 1 to 255 letters, digits and dashes"));
    }
    Ok(())
}

fn texts<'a>(key: &str, value: &'a Json) -> Result<Vec<&'a str>, String> {
    let wrong = || format!("the parameter {key} is a text or an array of texts");
    let check = |text: &'a str| {
        if text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n')) {
            return Err(format!("the parameter {key} has a control character"));
        }
        Ok(text)
    };
    match value {
        Json::String(text) => Ok(vec![check(text)?]),
        Json::Array(all) => all.iter().map(|one| check(one.as_str().ok_or_else(wrong)?)).collect(),
        _ => Err(wrong()),
    }
}

/// The parameters of a vCard line, their values decoded.
fn params(text: &str) -> impl Iterator<Item = (&str, Vec<String>)> {
    split_params(text).map(|param| {
        let (key, values) = param.split_once('=').unwrap_or((param, ""));
        let mut is_quoted = false;
        let values = values.split(move |c| {
            if c == '"' {
                is_quoted = !is_quoted;
            }
            c == ',' && !is_quoted
        });
        (key, values.map(decode).collect())
    })
}

/// A parameter's value out of its quotes and the circumflexes of RFC 6868.
fn decode(value: &str) -> String {
    let value = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        let meant = match (c, rest.peek()) {
            ('^', Some('n')) => '\n',
            ('^', Some('^')) => '^',
            ('^', Some('\'')) => '"',
            _ => {
                text.push(c);
                continue;
            }
        };
        rest.next();
        text.push(meant);
    }
    text
}

fn encode(value: &str) -> String {
    let text = value.replace('^', "^^").replace('\n', "^n").replace('"', "^'");
    if text.contains([',', ';', ':']) { format!("\"{text}\"") } else { text }
}
