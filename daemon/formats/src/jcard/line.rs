//! A property as one line of a vCard 4.0, unfolded, to the letter there and back:
//! what a person edits.

use super::head::PropertyHead;
use super::{
    BLOB, BYTES, Owned, OwnedValue, ValueLayout, hash_of_hex, hex, read_property, write_property,
};
use contactbox_api::JcardProperty;
use contactbox_core::contact::BlobRef;
use serde_json::Value as Json;

/// The line of a jCard property. A large value that was left out is the parameters
/// `BLOB` and `BYTES`.
pub fn line_of(property: &JcardProperty) -> Result<String, String> {
    let Owned { head, value } = read_property(&property.to_value())?;
    let start = head.to_line();
    Ok(match value {
        OwnedValue::Text(text) => format!("{start}:{text}"),
        OwnedValue::Bytes(bytes) => format!("{start}:{}", super::data_uri(&head, &bytes)),
        OwnedValue::Blob(blob) => format!("{start};BLOB={};BYTES={}:", hex(&blob.hash), blob.len),
    })
}

/// The jCard property of a line.
pub fn property_of(line: &str) -> Result<JcardProperty, String> {
    let (start, value) = split(line).ok_or("there is no colon between a name and its value")?;
    let head =
        PropertyHead::of_line(start).ok_or("it does not begin with the name of a property")?;
    let mut params = head.to_json();
    let blob = blob_of(params.remove(&BLOB.to_owned()), params.remove(&BYTES.to_owned()))?;
    let value_type =
        head.value_type().unwrap_or_else(|| ValueLayout::of(head.kind).usual_type().to_owned());
    let other = head.other.clone();
    // Once through JSON: types that were written in another way are known as what they are.
    let mut head = PropertyHead::of_json(head.name(), &params, &value_type)?;
    head.other = other;
    let value = match (blob, super::bytes_of_data_uri(value).filter(|_| head.takes_bytes())) {
        (Some(blob), _) => OwnedValue::Blob(blob),
        (None, Some((media_type, bytes))) => {
            head.set_media_type(media_type);
            OwnedValue::Bytes(bytes)
        }
        (None, None) => OwnedValue::Text(value.to_owned()),
    };
    let property = write_property(&Owned { head, value }.content(), |_| None);
    JcardProperty::from_value(property).ok_or_else(|| "it cannot be written as jCard".to_owned())
}

fn blob_of(hash: Option<Json>, bytes: Option<Json>) -> Result<Option<BlobRef>, String> {
    let Some(hash) = hash else { return Ok(None) };
    let hash = hash.as_str().and_then(hash_of_hex);
    let len = bytes.as_ref().and_then(Json::as_str).and_then(|bytes| bytes.parse().ok());
    match (hash, len) {
        (Some(hash), Some(len)) => Ok(Some(BlobRef { hash, len })),
        _ => Err(
            "BLOB and BYTES stand for a large value; leave them as they are, or take the line out"
                .to_owned(),
        ),
    }
}

/// At the first colon outside of quotes.
fn split(line: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    let (at, _) = line.char_indices().find(|(_, c)| {
        is_quoted ^= *c == '"';
        !is_quoted && *c == ':'
    })?;
    Some((&line[..at], &line[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_come_back_to_the_letter() {
        for line in [
            "FN:Ada",
            "N:Lovelace;Ada;King,Noel;;",
            "item1.TEL;TYPE=work;PREF=1:+44",
            "TEL;VALUE=uri:tel:+44",
            "NOTE;LANGUAGE=en:one\\, two\\nthree",
            "item1.X-ABLabel:_$!<HomePage>!$_",
            "X-Foo;X=\"a:;b\";Y=^n^':a\\,b;c",
            "BDAY;VALUE=text:in spring\\, or so",
            "BDAY:--0412",
            "PHOTO;MEDIATYPE=image/webp:data:image/webp;base64,AAEC",
            "PHOTO;MEDIATYPE=image/jpeg;BLOB=00112233445566778899aabbccddeeff;BYTES=2048:",
        ] {
            let property = property_of(line).unwrap_or_else(|why| panic!("{line}: {why}"));
            assert_eq!(line_of(&property).as_deref(), Ok(line), "{property:?}");
        }
    }

    #[test]
    fn what_a_person_types_is_understood() {
        let property = property_of("tel;type=work,cell:+44 20").unwrap();
        assert_eq!(property.params["type"].as_array().map(Vec::len), Some(2), "{property:?}");
        let JcardProperty { name, kind, values, .. } = &property;
        assert_eq!((name.as_str(), kind.as_str()), ("tel", "text"));
        assert_eq!(values, &[json!("+44 20")]);
        for wrong in [
            "no colon",
            ":value",
            "a b:c",
            "PHOTO;BLOB=7;BYTES=9:",
            "PHOTO;BLOB=00112233445566778899aabbccddeeff:",
        ] {
            assert!(property_of(wrong).is_err(), "{wrong}");
        }
    }
}
