//! Character sets other than UTF-8: of one property for the vCard reader, and of whole UTF-16
//! files.

use contactbox_core::vcard::Charset;
use encoding_rs::{CoderResult, DecoderResult, Encoding, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

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

/// Returns the bytes of a file, with UTF-16 turned into UTF-8. All other charsets are left to the
/// reader.
pub fn unicode(bytes: &[u8]) -> Cow<'_, [u8]> {
    let encoding = match bytes {
        [0xFF, 0xFE, rest @ ..] => Some((UTF_16LE, rest)),
        [0xFE, 0xFF, rest @ ..] => Some((UTF_16BE, rest)),
        // `BE` of `BEGIN:VCARD`, without a byte order mark.
        [first, 0, second, 0, ..] if is_letter(*first) && is_letter(*second) => {
            Some((UTF_16LE, bytes))
        }
        [0, first, 0, second, ..] if is_letter(*first) && is_letter(*second) => {
            Some((UTF_16BE, bytes))
        }
        _ => None,
    };
    let Some((encoding, bytes)) = encoding else { return Cow::Borrowed(bytes) };
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::new();
    let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len());
    text.reserve(room);
    let (result, _, _) = decoder.decode_to_string(bytes, &mut text, true);
    debug_assert_eq!(result, CoderResult::InputEmpty, "room for the longest there can be");
    Cow::Owned(text.into_bytes())
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
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

    #[test]
    fn files_in_utf16_become_utf8() {
        let utf16 = |swap: bool, mark: bool| -> Vec<u8> {
            let text: String = format!("{}BEGIN:VCARD ü", if mark { "\u{FEFF}" } else { "" });
            text.encode_utf16()
                .flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect()
        };
        for (swap, mark) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(*unicode(&utf16(swap, mark)), *"BEGIN:VCARD ü".as_bytes());
        }
        assert!(matches!(unicode(b"BEGIN:VCARD"), Cow::Borrowed(_)));
        assert!(matches!(unicode(b""), Cow::Borrowed(_)));
    }
}
