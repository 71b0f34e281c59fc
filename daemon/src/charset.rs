//! Decodes a property that is in another character set than UTF-8, for the vCard reader.

use contactbox_core::vcard::Charset;
use encoding_rs::{DecoderResult, Encoding};

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
