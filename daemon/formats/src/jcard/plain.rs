//! Cards written as they are sent. What most properties are goes straight to the text;
//! what is odd is tried first.

use super::head::{check_name, takes_bytes};
use super::{ValueLayout, write_property};
use contactbox_core::contact::{BlobRef, Kind, Property, Value};
use contactbox_core::vcard::basic_date;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeTuple, Serializer};
use std::borrow::Cow;
use std::cell::RefCell;

/// The properties of a card, as `["vcard",[...]]`. Marks of the box are left out.
pub struct PlainContact<I, B> {
    contents: I,
    blobs: RefCell<B>,
}

impl<'a, I, B> PlainContact<I, B>
where
    I: Iterator<Item = Property<'a>> + Clone,
    B: FnMut(BlobRef) -> Option<Vec<u8>>,
{
    /// Shows these properties. `blobs` gives the bytes of a large value, or nothing to leave it
    /// out.
    pub fn new(contents: I, blobs: B) -> Self {
        Self { contents, blobs: RefCell::new(blobs) }
    }
}

impl<'a, I, B> Serialize for PlainContact<I, B>
where
    I: Iterator<Item = Property<'a>> + Clone,
    B: FnMut(BlobRef) -> Option<Vec<u8>>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut card = serializer.serialize_tuple(2)?;
        card.serialize_element("vcard")?;
        card.serialize_element(&PlainProperties(self))?;
        card.end()
    }
}

struct PlainProperties<'c, I, B>(&'c PlainContact<I, B>);

impl<'a, I, B> Serialize for PlainProperties<'_, I, B>
where
    I: Iterator<Item = Property<'a>> + Clone,
    B: FnMut(BlobRef) -> Option<Vec<u8>>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut properties = serializer.serialize_seq(None)?;
        properties.serialize_element(&("version", GroupAndTypes::default(), "text", "4.0"))?;
        for content in self.0.contents.clone().filter(|content| !content.kind.is_internal()) {
            match PlainProperty::of(&content) {
                Some(plain) => properties.serialize_element(&plain)?,
                None => {
                    let mut blobs = self.0.blobs.borrow_mut();
                    properties.serialize_element(&write_property(&content, &mut *blobs))?;
                }
            }
        }
        properties.end()
    }
}

/// A property of which one can see that its plain form gives it back.
pub(super) struct PlainProperty<'a> {
    content: Property<'a>,
    form: ValueLayout,
    text: Cow<'a, str>,
}

impl<'a> PlainProperty<'a> {
    pub(super) fn of(content: &Property<'a>) -> Option<Self> {
        let text = match content.value {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Uuid(uuid) => Cow::Owned(uuid.to_string()),
            Value::Bytes(_) | Value::Blob(_) => return None,
        };
        let has_name = content.kind != Kind::OTHER && content.params.is_empty();
        if !has_name || !(content.group.is_empty() || check_name("", content.group).is_ok()) {
            return None;
        }
        let form = ValueLayout::of(content.kind);
        // Separators of the form are what they seem; any other would come back with an escape.
        let odd: &[u8] = match form {
            ValueLayout::Text | ValueLayout::Language => b"\\,;\r\n",
            ValueLayout::List => b"\\;\r\n",
            ValueLayout::Components => b"\\,\r\n",
            ValueLayout::ComponentLists => b"\\\r\n",
            // Bytes may stand in it as a URI.
            ValueLayout::Letter(_) if takes_bytes(content.kind) => return None,
            ValueLayout::Letter(_) => b"\r\n",
        };
        if text.bytes().any(|byte| odd.contains(&byte)) {
            return None;
        }
        // A date in another form would come back in the one that is kept.
        if form.is_date() && basic_date(&text).is_some_and(|date| date.to_string() != *text) {
            return None;
        }
        Some(Self { content: *content, form, text })
    }
}

impl Serialize for PlainProperty<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { content, form, text } = self;
        let mut property = serializer.serialize_seq(None)?;
        property.serialize_element(&content.kind.name().to_ascii_lowercase())?;
        property.serialize_element(&GroupAndTypes { content: Some(content) })?;
        property.serialize_element(form.usual_type())?;
        match form {
            ValueLayout::Text | ValueLayout::Language | ValueLayout::Letter(_) => {
                property.serialize_element(&**text)?;
            }
            ValueLayout::List => {
                text.split(',').try_for_each(|one| property.serialize_element(one))?;
            }
            ValueLayout::Components => {
                property.serialize_element(&TextOrTexts { text, separator: ';' })?
            }
            ValueLayout::ComponentLists => property.serialize_element(&Components(text))?,
        }
        property.end()
    }
}

/// Group and types.
#[derive(Default)]
struct GroupAndTypes<'c, 'a> {
    content: Option<&'c Property<'a>>,
}

impl Serialize for GroupAndTypes<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut params = serializer.serialize_map(None)?;
        if let Some(content) = self.content {
            if !content.group.is_empty() {
                params.serialize_entry("group", content.group)?;
            }
            let mut names = content.types.names();
            match (names.next(), names.next()) {
                (Some(one), None) => params.serialize_entry("type", one)?,
                (Some(_), Some(_)) => {
                    let all: Vec<_> = content.types.names().collect();
                    params.serialize_entry("type", &all)?;
                }
                (None, _) => {}
            }
        }
        params.end()
    }
}

/// One text or an array of several.
struct TextOrTexts<'a> {
    text: &'a str,
    separator: char,
}

impl Serialize for TextOrTexts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.text.contains(self.separator) {
            serializer.collect_seq(self.text.split(self.separator))
        } else {
            serializer.serialize_str(self.text)
        }
    }
}

/// Components, each one text or several.
struct Components<'a>(&'a str);

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.split(';').map(|text| TextOrTexts { text, separator: ',' }))
    }
}
