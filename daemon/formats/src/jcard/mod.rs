//! Contacts as jCard (RFC 7095), to the letter there and back.
//!
//! A property that the plain jCard form would not give back exactly gets the parameter
//! `x-contactbox` (the start of the vCard line), or the type `unknown` (the value as the line has
//! it).

mod head;
mod line;
mod plain;
mod text;

pub use line::{line_of, property_of};
pub use plain::PlainContact;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_core::contact::{BlobRef, Kind, Property, Types, Value, ValueShape};
use contactbox_core::text::split_bare;
use contactbox_core::vcard::basic_date;
use head::PropertyHead;
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

const HINT: &str = "x-contactbox";
const BLOB: &str = "blob";
const BYTES: &str = "bytes";

/// A content that owns its parts: read from JSON, on its way into a draft.
#[derive(Clone, PartialEq, Eq)]
pub struct Owned {
    head: PropertyHead,
    value: OwnedValue,
}

#[derive(Clone, PartialEq, Eq)]
enum OwnedValue {
    Text(String),
    Bytes(Vec<u8>),
    Blob(BlobRef),
}

impl Owned {
    /// The content, borrowed.
    pub fn content(&self) -> Property<'_> {
        Property {
            kind: self.head.kind,
            other: &self.head.other,
            group: &self.head.group,
            types: self.head.types,
            params: &self.head.params,
            value: match &self.value {
                OwnedValue::Text(text) => Value::text(text),
                OwnedValue::Bytes(bytes) => Value::Bytes(bytes),
                OwnedValue::Blob(blob) => Value::Blob(*blob),
            },
        }
    }
}

/// How a value is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ValueLayout {
    /// One text.
    Text,
    /// One text that is a language tag.
    Language,
    /// Texts separated by `,`.
    List,
    /// Components separated by `;`.
    Components,
    /// The same, each a list separated by `,`.
    ComponentLists,
    /// To the letter, with this type.
    Letter(&'static str),
}

impl ValueLayout {
    fn of(kind: Kind) -> Self {
        match kind.shape() {
            ValueShape::Text => Self::Text,
            ValueShape::Language => Self::Language,
            ValueShape::List => Self::List,
            ValueShape::Components => Self::Components,
            ValueShape::ComponentLists => Self::ComponentLists,
            ValueShape::Uri | ValueShape::Binary | ValueShape::Picture => Self::Letter("uri"),
            ValueShape::Day => Self::Letter("date-and-or-time"),
            ValueShape::Timestamp => Self::Letter("timestamp"),
            ValueShape::VendorDay | ValueShape::AsItCame => Self::Letter("unknown"),
        }
    }

    /// Returns whether its values are dates or points of time.
    fn is_date(self) -> bool {
        matches!(self, Self::Letter(name) if DATES.contains(&name))
    }

    /// The type a value has when nothing else is said.
    fn usual_type(self) -> &'static str {
        match self {
            Self::Letter(name) => name,
            Self::Language => "language-tag",
            _ => "text",
        }
    }

    /// The form of a value whose type is `name`.
    fn with_type(self, name: &str) -> Self {
        match (self, name) {
            (Self::Letter(_) | Self::Language, "text") => Self::Text,
            (form, "text") => form,
            _ => Self::Letter("unknown"),
        }
    }
}

/// One property. `blobs` gives the bytes of a large value, or nothing to leave it out.
pub fn write_property(
    content: &Property<'_>,
    mut blobs: impl FnMut(BlobRef) -> Option<Vec<u8>>,
) -> Json {
    let head = PropertyHead::of(content);
    let mut params = head.to_json();
    let (type_name, values) = match content.value {
        Value::Bytes(bytes) => ("uri".to_owned(), vec![Json::from(data_uri(&head, bytes))]),
        Value::Blob(blob) => match blobs(blob) {
            Some(bytes) => ("uri".to_owned(), vec![Json::from(data_uri(&head, &bytes))]),
            None => {
                params.insert(BLOB.to_owned(), Json::from(hex(&blob.hash)));
                params.insert(BYTES.to_owned(), Json::from(blob.len));
                ("uri".to_owned(), vec![Json::from("")])
            }
        },
        Value::Text(text) => write_text(&head, text),
        Value::Uuid(uuid) => write_text(&head, &uuid.to_string()),
    };
    let plain = assemble(&head, params.clone(), &type_name, &values);
    if !matches!(content.value, Value::Text(_) | Value::Uuid(_)) || gives_back(&plain, content) {
        return hinted(plain, &head, content, params, &type_name, &values);
    }
    let text = match content.value {
        Value::Text(text) => Cow::Borrowed(text),
        _ => Cow::Owned(content_text(content)),
    };
    let values = vec![Json::from(&*text)];
    let letter = assemble(&head, params.clone(), "unknown", &values);
    if gives_back(&letter, content) {
        return letter;
    }
    // The head is what differs: with its hint, the plain form may do after all.
    let (type_name, plain_values) = write_text(&head, &text);
    let mut with_hint = params.clone();
    with_hint.insert(HINT.to_owned(), Json::from(head.to_line()));
    let plain = assemble(&head, with_hint.clone(), &type_name, &plain_values);
    if gives_back(&plain, content) {
        return plain;
    }
    assemble(&head, with_hint, "unknown", &values)
}

/// Adds the hint where a binary value's head needs it.
fn hinted(
    plain: Json,
    head: &PropertyHead,
    content: &Property<'_>,
    mut params: Map<String, Json>,
    type_name: &str,
    values: &[Json],
) -> Json {
    let is_text = matches!(content.value, Value::Text(_) | Value::Uuid(_));
    if is_text
        || PropertyHead::of_json(head.name(), &params, type_name).is_ok_and(|back| back == *head)
    {
        return plain;
    }
    params.insert(HINT.to_owned(), Json::from(head.to_line()));
    assemble(head, params, type_name, values)
}

fn content_text(content: &Property<'_>) -> String {
    match content.value {
        Value::Text(text) => text.to_owned(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::Bytes(_) | Value::Blob(_) => String::new(),
    }
}

fn gives_back(property: &Json, content: &Property<'_>) -> bool {
    read_property(property).is_ok_and(|back| back.content() == *content)
}

fn assemble(
    head: &PropertyHead,
    params: Map<String, Json>,
    type_name: &str,
    values: &[Json],
) -> Json {
    let mut property = vec![
        Json::from(head.name().to_ascii_lowercase()),
        Json::Object(params),
        Json::from(type_name),
    ];
    property.extend_from_slice(values);
    Json::Array(property)
}

fn write_text(head: &PropertyHead, value: &str) -> (String, Vec<Json>) {
    let form = ValueLayout::of(head.kind);
    let (type_name, form) = match head.value_type() {
        Some(name) => {
            let form = form.with_type(&name);
            (name, form)
        }
        None => (form.usual_type().to_owned(), form),
    };
    let values = match form {
        ValueLayout::Text | ValueLayout::Language => vec![Json::from(text::unescape(value))],
        ValueLayout::List => {
            split_bare(value, ',').map(|one| Json::from(text::unescape(one))).collect()
        }
        ValueLayout::Components => {
            vec![one_or_all(
                split_bare(value, ';').map(|one| Json::from(text::unescape(one))).collect(),
            )]
        }
        ValueLayout::ComponentLists => vec![Json::Array(
            split_bare(value, ';')
                .map(|component| {
                    let parts = split_bare(component, ',');
                    one_or_all(parts.map(|one| Json::from(text::unescape(one))).collect())
                })
                .collect(),
        )],
        ValueLayout::Letter(_) => vec![Json::from(value)],
    };
    (type_name, values)
}

fn one_or_all(mut parts: Vec<Json>) -> Json {
    if parts.len() == 1 { parts.remove(0) } else { Json::Array(parts) }
}

fn data_uri(head: &PropertyHead, bytes: &[u8]) -> String {
    let mut uri = format!("data:{};base64,", head.media_type().unwrap_or_default());
    BASE64.encode_string(bytes, &mut uri);
    uri
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digits of an identity, or its first ones, as [`hex`] writes them, however they were typed.
pub fn digits(text: &str) -> String {
    text.replace('-', "").to_ascii_lowercase()
}

/// 16 bytes out of 32 hex digits.
pub fn hash_of_hex(text: &str) -> Option<[u8; 16]> {
    let mut hash = [0; 16];
    let text = text.as_bytes();
    if text.len() != 32 || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// The properties of a jCard, `VERSION` left out. The error says which and why.
pub fn read(card: &Json) -> Result<Vec<Owned>, String> {
    let properties = match card.as_array().map(Vec::as_slice) {
        Some([name, Json::Array(properties)]) if name == "vcard" => properties,
        _ => return Err("a jCard is [\"vcard\",[property...]]".to_owned()),
    };
    properties
        .iter()
        .enumerate()
        .filter(|(_, property)| !property.get(0).is_some_and(|name| name == "version"))
        .map(|(place, property)| {
            read_property(property).map_err(|why| format!("property {place}: {why}"))
        })
        .collect()
}

/// One property of a jCard.
pub fn read_property(property: &Json) -> Result<Owned, String> {
    const SHAPE: &str = "a property is [name, {parameters}, type, value...]";
    let parts = property.as_array().ok_or(SHAPE)?;
    let [Json::String(name), Json::Object(params), Json::String(type_name), values @ ..] =
        &parts[..]
    else {
        return Err(SHAPE.to_owned());
    };
    if values.is_empty() {
        return Err(format!("{name} has no value"));
    }
    let mut head = PropertyHead::of_json(name, params, type_name)?;
    if let Some(hash) = params.get(BLOB) {
        let hash = hash.as_str().and_then(hash_of_hex);
        let len = params.get(BYTES).and_then(Json::as_u64).and_then(|len| u32::try_from(len).ok());
        let (Some(hash), Some(len)) = (hash, len) else {
            return Err(format!("{name}: blob has 32 hex digits, and bytes their number"));
        };
        return Ok(Owned { head, value: OwnedValue::Blob(BlobRef { hash, len }) });
    }
    if let [Json::String(uri)] = values
        && type_name == "uri"
        && head.takes_bytes()
        && let Some((media_type, bytes)) = bytes_of_data_uri(uri)
    {
        head.set_media_type(media_type);
        return Ok(Owned { head, value: OwnedValue::Bytes(bytes) });
    }
    let form = match type_name.as_str() {
        "unknown" => ValueLayout::Letter("unknown"),
        name if name == ValueLayout::of(head.kind).usual_type() => ValueLayout::of(head.kind),
        name => ValueLayout::of(head.kind).with_type(name),
    };
    let mut value = read_values(form, values).map_err(|why| format!("{name}: {why}"))?;
    // JSON has dates as 1985-04-12, vCard as 19850412: one day is not to be two values.
    if ValueLayout::of(head.kind).is_date() && DATES.contains(&type_name.as_str()) {
        value = basic_date(&value).map(|date| date.to_string()).unwrap_or(value);
    }
    Ok(Owned { head, value: OwnedValue::Text(value) })
}

fn read_values(form: ValueLayout, values: &[Json]) -> Result<String, String> {
    let join = |values: &[Json], separator: &str| -> Result<String, String> {
        let texts: Result<Vec<_>, _> =
            values.iter().map(|value| Ok::<_, String>(text::escape(&scalar(value)?))).collect();
        Ok(texts?.join(separator))
    };
    match (form, values) {
        (ValueLayout::Letter(_), [value]) => {
            let value = scalar(value)?;
            if value.contains(['\r', '\n']) {
                return Err("a value of this type has no line breaks".to_owned());
            }
            Ok(value.into_owned())
        }
        (ValueLayout::List, values) => join(values, ","),
        (ValueLayout::Text | ValueLayout::Language, [value]) => Ok(text::escape(&scalar(value)?)),
        (ValueLayout::Components | ValueLayout::ComponentLists, [Json::Array(components)]) => {
            let components: Result<Vec<_>, String> = components
                .iter()
                .map(|component| match component {
                    Json::Array(parts) if form == ValueLayout::ComponentLists => join(parts, ","),
                    component => Ok(text::escape(&scalar(component)?)),
                })
                .collect();
            Ok(components?.join(";"))
        }
        (ValueLayout::Components | ValueLayout::ComponentLists, [value]) => {
            Ok(text::escape(&scalar(value)?))
        }
        _ => Err("it has one value".to_owned()),
    }
}

fn scalar(value: &Json) -> Result<Cow<'_, str>, String> {
    match value {
        Json::String(text) => Ok(Cow::Borrowed(text)),
        Json::Number(number) => Ok(Cow::Owned(number.to_string())),
        Json::Bool(is_true) => Ok(Cow::Owned(is_true.to_string())),
        _ => Err("a value is a text, a number or a truth value".to_owned()),
    }
}

fn bytes_of_data_uri(uri: &str) -> Option<(&str, Vec<u8>)> {
    let rest =
        uri.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).map(|_| &uri[5..])?;
    let (meta, data) = rest.split_once(',')?;
    let media_type = meta.strip_suffix(";base64")?;
    Some((media_type, BASE64.decode(data).ok()?))
}

/// Types of dates and points of time.
const DATES: [&str; 4] = ["date", "date-time", "date-and-or-time", "timestamp"];

/// TYPE values that name a picture's format.
const PICTURES: [(Types, &str); 3] =
    [(Types::JPEG, "image/jpeg"), (Types::PNG, "image/png"), (Types::GIF, "image/gif")];

#[cfg(test)]
mod tests;
