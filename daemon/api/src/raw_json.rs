//! JSON that stays text until its turn: a text of many small values takes forty
//! times its bytes once parsed.

use crate::error::{ApiError, ErrorKind, cut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// Most values in one such text. A contact has at most 32,768 properties of four
/// values and a few more.
const VALUES_MAX: usize = 512 * 1024;

/// JSON that is well formed, and no more is known of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// The JSON of a value.
    pub fn of(value: &impl Serialize) -> serde_json::Result<Self> {
        to_raw_value(value).map(Self)
    }

    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Parses it; `name` is what the parameter is called.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, ApiError> {
        let text = self.0.get();
        if values_in(text) > VALUES_MAX {
            let message = format!("{name} has more than {VALUES_MAX} values; send less at once");
            return Err(ApiError::new(ErrorKind::TooLarge, message)
                .with(|data| data.values_max = Some(VALUES_MAX as u64)));
        }
        serde_json::from_str(text)
            .map_err(|error| ApiError::params(format!("{name}: {}", cut(&error.to_string()))))
    }
}

/// Returns no fewer than the values of a JSON text: before each of them but the first stands one
/// of these.
fn values_in(text: &str) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (1, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b':' | b'[' | b'{' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn unread(text: &str) -> RawJson {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn values_are_counted_without_parsing() {
        assert_eq!(values_in("7"), 1);
        assert_eq!(values_in(r#"["a,[\"{:",{"b":[]}]"#), 6);
    }

    #[test]
    fn much_in_little_is_refused() {
        let few = unread(r#"["vcard",[["fn",{},"text","Ada"]]]"#);
        assert!(few.read::<Value>("card").is_ok());
        let fault = unread(&format!("[0{}]", ",0".repeat(VALUES_MAX)))
            .read::<Value>("card")
            .expect_err("too many values");
        assert_eq!(fault.kind, ErrorKind::TooLarge);
    }
}
