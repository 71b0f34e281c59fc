//! Names, guesses and decodes character sets.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use contactbox_core::vcard::Charset;
use encoding_rs::{DecoderResult, Encoding};

/// A character set that a user or a guess has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedCharset(pub(crate) &'static Encoding);

impl NamedCharset {
    /// Finds the character set of a label; `None` for one that browsers do not know.
    pub fn of(label: &str) -> Option<Self> {
        Encoding::for_label(label.as_bytes()).map(Self)
    }

    /// Returns its name, in small letters.
    pub fn name(self) -> String {
        self.0.name().to_lowercase()
    }
}

/// Guesses the character set of bytes that are no UTF-8.
pub struct CharsetGuess(EncodingDetector);

impl Default for CharsetGuess {
    fn default() -> Self {
        Self(EncodingDetector::new(Iso2022JpDetection::Deny))
    }
}

impl CharsetGuess {
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.0.feed(bytes, false);
    }

    /// Guesses, after the last bytes.
    pub fn guess(&mut self) -> NamedCharset {
        self.0.feed(b"", true);
        NamedCharset(self.0.guess(None, Utf8Detection::Deny))
    }
}

/// The character sets that browsers know, for the vCard reader.
#[derive(Clone, Copy, Debug, Default)]
pub struct Charsets;

impl Charset for Charsets {
    fn decode(&mut self, label: &str, bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        let encoding =
            Encoding::for_label(label.trim().as_bytes()).or_else(|| by_nickname(label))?;
        let mut decoder = encoding.new_decoder_without_bom_handling();
        // Bytes that are invalid in the charset leave the value to the reader, which keeps all of
        // them.
        match decoder.decode_to_utf8_without_replacement(bytes, out, true) {
            (DecoderResult::InputEmpty, _, written) => Some(written),
            _ => None,
        }
    }
}

/// Finds a charset by a name that files use and browsers do not know.
fn by_nickname(label: &str) -> Option<&'static Encoding> {
    let label = label.trim().to_ascii_lowercase();
    let number = ["cp-", "cp", "windows", "ibm-", "ms"]
        .iter()
        .find_map(|prefix| label.strip_prefix(prefix))?
        .trim_start_matches(['-', '_']);
    let name = match number {
        "932" => "shift_jis".to_owned(),
        "936" => "gbk".to_owned(),
        "949" => "euc-kr".to_owned(),
        "950" => "big5".to_owned(),
        "65001" => "utf-8".to_owned(),
        number => format!("windows-{number}"),
    };
    Encoding::for_label(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(label: &str, bytes: &[u8]) -> Option<String> {
        let mut out = vec![0; bytes.len() * 4];
        let len = Charsets.decode(label, bytes, &mut out)?;
        String::from_utf8(out[..len].to_vec()).ok()
    }

    #[test]
    fn usual_and_unusual_names_are_known() {
        assert_eq!(decode("SHIFT_JIS", b"\x83A").as_deref(), Some("ア"));
        assert_eq!(decode("cp932", b"\x83A").as_deref(), Some("ア"));
        assert_eq!(decode("windows-1251", b"\xC0").as_deref(), Some("А"));
        assert_eq!(decode("CP1251", b"\xC0").as_deref(), Some("А"));
        assert_eq!(decode("gb2312", b"\xC4\xE3").as_deref(), Some("你"));
        assert_eq!(decode("koi8-r", b"\xC1").as_deref(), Some("а"));
        assert_eq!(decode("klingon", b"x"), None);
        assert_eq!(decode("", b"x"), None);
    }

    #[test]
    fn what_the_charset_does_not_have_is_left_to_the_reader() {
        assert_eq!(decode("SHIFT_JIS", b"\x83"), None);
        assert_eq!(decode("EUC-KR", b"\xFF\xFF"), None);
    }
}
