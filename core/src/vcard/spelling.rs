//! Group, name and parameters spelled so that a reader takes them for what they are,
//! whatever a record holds.
//!
//! Names from a file or from this project's clients are spelled so already. A record may also come
//! from a card that anybody has written: a property named `END` would end the vCard it stands in,
//! and everything behind it would be lost.

use super::line::Encoding;
use super::params::DERIVED;
use crate::limits::{GROUP_BYTES_MAX, PROPERTY_NAME_BYTES_MAX};
use core::fmt::{self, Write};

/// Names that are no properties: they make the card.
const STRUCTURE: [&str; 3] = ["BEGIN", "END", "VERSION"];

/// The prefix of a name that cannot be written as it is.
const OTHER: &str = "X-";

/// The replacement of a character that no name can have.
const FILLER: char = '-';

/// Writes a group, unless it is empty, and a name.
pub(super) fn write_name(group: &str, name: &str, out: &mut impl Write) -> fmt::Result {
    let mut is_first = true;
    if !group.is_empty() {
        write_part(group, GROUP_BYTES_MAX, &mut is_first, |_| true, out)?;
        out.write_str(".")?;
    }
    let is_structure = STRUCTURE.iter().any(|known| known.eq_ignore_ascii_case(name));
    if name.is_empty() || is_structure {
        is_first = false;
        out.write_str(OTHER)?;
    }
    write_part(name, PROPERTY_NAME_BYTES_MAX, &mut is_first, |c| c != '.', out)
}

fn write_part(
    text: &str,
    bytes_max: usize,
    is_first: &mut bool,
    is_taken: impl Fn(char) -> bool,
    out: &mut impl Write,
) -> fmt::Result {
    let end = text.floor_char_boundary(bytes_max.min(text.len()));
    for c in text.get(..end).unwrap_or("").chars() {
        let is_comment = core::mem::take(is_first) && c == '#';
        let is_plain = is_name_char(c) && is_taken(c) && !is_comment;
        out.write_char(if is_plain { c } else { FILLER })?;
    }
    Ok(())
}

/// Returns whether a name or a group can have a character. A byte order mark is refused, because
/// one before a `BEGIN` would hide it.
fn is_name_char(c: char) -> bool {
    !c.is_ascii_control() && !matches!(c, ' ' | '"' | '=' | ',' | ':' | ';' | '\u{FEFF}')
}

/// Returns the text before a parameter, or `None` when the parameter is not written: those that
/// tell how a line is read would have it read otherwise.
pub(super) fn before_param(param: &str) -> Option<&'static str> {
    let is_soft = |text: &str| Encoding::of(text.as_bytes()) == Some(Encoding::QuotedPrintable);
    Some(match param.split_once('=') {
        Some((name, _)) if name.trim_ascii().eq_ignore_ascii_case(DERIVED) => return None,
        Some((name, _)) if name.trim_ascii().eq_ignore_ascii_case("CHARSET") => OTHER,
        Some((name, value))
            if name.trim_ascii().eq_ignore_ascii_case("ENCODING")
                && is_soft(value.trim_ascii().trim_matches('"')) =>
        {
            OTHER
        }
        None if is_soft(param.trim_ascii()) => "X-ENCODING=",
        _ => "",
    })
}

/// Passes on what is written to it, line ends left out: what is made out of
/// several values is one line too.
pub(super) struct OneLine<W>(pub W);

impl<W: Write> Write for OneLine<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.split(['\r', '\n']).try_for_each(|piece| self.0.write_str(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        NoBlobs, Reader, Rejection, Span, Utf8Only, VcardSink, VcardVersion, Warning, write_card,
    };
    use crate::contact::{Kind, Property, Uid, Value};
    use std::string::String;
    use std::vec::Vec;

    #[derive(Default)]
    struct Count {
        cards: usize,
        rejected: usize,
        names: Vec<String>,
    }

    impl VcardSink for Count {
        fn begin(&mut self, _: u32) {}
        fn content(&mut self, content: &Property<'_>) {
            self.names.push(content.name().into());
        }
        fn end(&mut self, _: &Span) {
            self.cards += 1;
        }
        fn rejected(&mut self, _: &Rejection) {
            self.rejected += 1;
        }
        fn warning(&mut self, _: Warning) {}
    }

    fn read_back(text: &str) -> Count {
        let mut count = Count::default();
        let mut memory = std::vec![0; 64 * 1024];
        let mut reader = Reader::new(&mut memory, Utf8Only);
        reader.push(text.as_bytes(), &mut count);
        reader.finish(&mut count);
        count
    }

    fn other<'a>(name: &'a str, group: &'a str, params: &'a str, value: &'a str) -> Property<'a> {
        Property { other: name, group, params, ..Property::text(Kind::OTHER, value) }
    }

    /// Three cards, the middle one odd.
    fn three(contents: &[Property<'_>], version: VcardVersion) -> String {
        let plain = [Property::text(Kind::FN, "Ada"), Property::text(Kind::NOTE, "before")];
        let mut text = String::new();
        for (number, contents) in (1..).zip([&plain[..], contents, &plain[..]]) {
            let uid = Some(Uid([number; 16]));
            write_card(contents.iter().copied(), uid, version, &mut NoBlobs, &mut text)
                .expect("a text takes all");
        }
        text
    }

    const PARTS: [&str; 19] = [
        "",
        "BEGIN",
        "end",
        "Version",
        "VCARD",
        "AGENT",
        "X-A.B",
        "#",
        " ",
        "\t",
        "\r\n",
        "\u{FEFF}BEGIN",
        "\0",
        ":",
        ";",
        ",\"",
        "=",
        "\u{85}",
        "ä",
    ];

    #[test]
    fn b14_what_a_record_holds_reads_back_as_one_card() {
        let params = [
            "",
            "X=\"a",
            "ENCODING=QUOTED-PRINTABLE",
            "QUOTED-PRINTABLE",
            "encoding=\"Q\"",
            "CHARSET=UTF-7",
            "X=a:b",
            "ENCODING=b",
            "MEDIATYPE=a\r\nEND:VCARD",
            "\r\nEND:VCARD",
            "=",
            "BEGIN",
        ];
        let values = [
            "VCARD",
            "",
            "a=",
            "a\r\nEND:VCARD\r\nBEGIN:VCARD",
            "\nEND:VCARD",
            "\\",
            "\rEND:VCARD",
        ];
        let mut count = 0;
        for version in [VcardVersion::V3, VcardVersion::V4] {
            for name in PARTS {
                for group in PARTS {
                    for (at, value) in values.iter().enumerate() {
                        let params = params[(count + at) % params.len()];
                        let odd =
                            [other(name, group, params, value), other("END", "", "", "VCARD")];
                        let text = three(&odd, version);
                        let back = read_back(&text);
                        assert_eq!((back.cards, back.rejected), (3, 0), "{text:?}");
                        assert_eq!(back.names.iter().filter(|name| *name == "NOTE").count(), 2);
                        count += 1;
                    }
                }
            }
        }
        for kind in [
            Kind::N,
            Kind::NICKNAME,
            Kind::ORG,
            Kind::PHOTO,
            Kind::AGENT,
            Kind::UID,
            Kind::BDAY,
            Kind::NOTE,
        ] {
            for (value, params) in values.iter().zip(params) {
                for value in [Value::Text(value), Value::Bytes(value.as_bytes())] {
                    let odd = Property { params, value, ..Property::text(kind, "") };
                    for version in [VcardVersion::V3, VcardVersion::V4] {
                        let text = three(&[odd], version);
                        let back = read_back(&text);
                        assert_eq!((back.cards, back.rejected), (3, 0), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn b14_nothing_is_lost_by_its_name() {
        let odd = [other("BEGIN", "item1", "", "VCARD"), other("end", "", "", "VCARD")];
        let text = three(&odd, VcardVersion::V4);
        assert!(text.contains("item1.X-BEGIN:VCARD\r\n") && text.contains("X-end:VCARD\r\n"));
        let text = three(&[other("X-FOO_1", "a.b", "X-P=1;ENCODING=b", "1")], VcardVersion::V4);
        assert!(text.contains("a.b.X-FOO_1;X-P=1;ENCODING=b:1\r\n"), "{text}");
    }
}
