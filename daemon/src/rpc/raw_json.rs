//! JSON that stays text until its turn: a text of many small values takes forty
//! times its bytes once parsed.

use super::{ErrorKind, RpcError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Most values in one such text. A contact has at most 32,768 properties of four
/// values and a few more.
const VALUES_MAX: usize = 512 * 1024;

/// JSON that is well formed, and no more is known of it.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Parses it; `name` is what the parameter is called.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, RpcError> {
        let text = self.0.get();
        if values_in(text) > VALUES_MAX {
            let message = format!("{name} has more than {VALUES_MAX} values; send less at once");
            return Err(RpcError::new(ErrorKind::TooLarge, message).with("values_max", VALUES_MAX));
        }
        serde_json::from_str(text).map_err(|error| {
            RpcError::params(format!("{name}: {}", super::cut(&error.to_string())))
        })
    }
}

/// No fewer than the values of a JSON text: before each of them but the first stands one of these.
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
        assert_eq!(fault.kind(), ErrorKind::TooLarge);
    }
}
