//! A contact as jCard (RFC 7095): `["vcard", [property...]]`.

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;

/// A contact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Jcard {
    /// Its properties, in the order they were first written.
    pub properties: Vec<JcardProperty>,
}

/// A property: `[name, {parameters}, type, value...]`.
#[derive(Clone, Debug, PartialEq)]
pub struct JcardProperty {
    /// Its name, in lower case.
    pub name: String,
    /// Its parameters: texts, or arrays of texts.
    pub params: Map<String, Value>,
    /// The type of its values.
    pub kind: String,
    /// Its values: texts, or arrays where a value is structured.
    pub values: Vec<Value>,
}

impl JcardProperty {
    /// A property of one value without parameters.
    pub fn new(name: &str, kind: &str, value: impl Into<Value>) -> Self {
        let (name, kind) = (name.to_owned(), kind.to_owned());
        Self { name, params: Map::new(), kind, values: vec![value.into()] }
    }

    /// A property as JSON has it; nothing when it is not in the form of one.
    pub fn from_value(property: Value) -> Option<Self> {
        serde_json::from_value(property).ok()
    }

    /// The property as JSON.
    pub fn to_value(&self) -> Value {
        let head = [self.name.clone().into(), self.params.clone().into(), self.kind.clone().into()];
        Value::Array(head.into_iter().chain(self.values.iter().cloned()).collect())
    }

    /// A text without parameters.
    pub fn text(name: &str, value: impl Into<Value>) -> Self {
        Self::new(name, "text", value)
    }

    /// The same with a parameter.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }
}

impl Serialize for Jcard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ("vcard", &self.properties).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Jcard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (word, properties) = <(String, Vec<JcardProperty>)>::deserialize(deserializer)?;
        match word.as_str() {
            "vcard" => Ok(Self { properties }),
            _ => Err(Error::custom("a jCard begins with \"vcard\"")),
        }
    }
}

impl Serialize for JcardProperty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_seq(Some(3 + self.values.len()))?;
        parts.serialize_element(&self.name)?;
        parts.serialize_element(&self.params)?;
        parts.serialize_element(&self.kind)?;
        for value in &self.values {
            parts.serialize_element(value)?;
        }
        parts.end()
    }
}

impl<'de> Deserialize<'de> for JcardProperty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PropertyVisitor)
    }
}

struct PropertyVisitor;

impl<'de> Visitor<'de> for PropertyVisitor {
    type Value = JcardProperty;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property: [name, {parameters}, type, value...]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<JcardProperty, A::Error> {
        let missing = |place| A::Error::invalid_length(place, &self);
        let name = parts.next_element()?.ok_or_else(|| missing(0))?;
        let params = parts.next_element()?.ok_or_else(|| missing(1))?;
        let kind = parts.next_element()?.ok_or_else(|| missing(2))?;
        let mut values = Vec::new();
        while let Some(value) = parts.next_element()? {
            values.push(value);
        }
        Ok(JcardProperty { name, params, kind, values })
    }
}

#[cfg(feature = "schema")]
mod schema {
    use super::{Jcard, JcardProperty};
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use std::borrow::Cow;

    impl JsonSchema for Jcard {
        fn schema_name() -> Cow<'static, str> {
            "Jcard".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let property = generator.subschema_for::<JcardProperty>();
            json_schema!({
                "description": "A contact as jCard (RFC 7095).",
                "type": "array",
                "prefixItems": [{ "const": "vcard" }, { "type": "array", "items": property }],
                "minItems": 2,
                "maxItems": 2,
            })
        }
    }

    impl JsonSchema for JcardProperty {
        fn schema_name() -> Cow<'static, str> {
            "JcardProperty".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "description": "A property: name, parameters, type and values.",
                "type": "array",
                "prefixItems": [{ "type": "string" }, { "type": "object" }, { "type": "string" }],
                "minItems": 3,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jcard_is_read_and_written_to_the_letter() {
        let text = r#"["vcard",[["fn",{},"text","Ada"],["org",{"type":["a","b"]},"text",["x","y"],"z"],["x-odd",{},"unknown"]]]"#;
        let jcard: Jcard = serde_json::from_str(text).expect("a jCard");
        assert_eq!(jcard.properties[0], JcardProperty::text("fn", "Ada"));
        assert_eq!(serde_json::to_string(&jcard).expect("JSON"), text);
        for odd in [r#"["card",[]]"#, "[]", r#"["vcard",[["fn",{}]]]"#, r#"["vcard",[],7]"#] {
            assert!(serde_json::from_str::<Jcard>(odd).is_err(), "{odd}");
        }
    }
}
