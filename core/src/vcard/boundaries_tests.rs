//! Tests of the scanner: it finds the cards that the reader finds, however the text comes.

use super::*;
use crate::contact::Property;
use crate::vcard::{Reader, Rejection, Span, Utf8Only, VcardSink};

const MARK: &str = "\u{feff}";

/// The lines at which the reader begins cards.
#[derive(Default)]
struct Begins(Vec<u32>);

impl VcardSink for Begins {
    fn begin(&mut self, line: u32) {
        self.0.push(line);
    }

    fn content(&mut self, _: &Property<'_>) {}

    fn end(&mut self, _: &Span) {}

    fn rejected(&mut self, _: &Rejection) {}
}

fn scan(text: &str, step: usize) -> Vec<Boundary> {
    let mut memory = vec![0; 64 * 1024];
    let mut scanner = BoundaryScanner::new(&mut memory);
    let mut found = Vec::new();
    let mut decided = 0;
    for piece in text.as_bytes().chunks(step) {
        let before = found.len();
        scanner.push(piece, &mut |boundary| found.push(boundary));
        for boundary in &found[before..] {
            let is_begin = matches!(boundary, Boundary::Begin { .. });
            assert!(!is_begin || place(boundary).offset >= decided, "{boundary:?} in {text:?}");
        }
        decided = scanner.undecided_at().offset;
    }
    scanner.finish(&mut |boundary| found.push(boundary));
    found
}

fn place(boundary: &Boundary) -> BoundaryPlace {
    match *boundary {
        Boundary::Begin { at, .. }
        | Boundary::End(at)
        | Boundary::StrayEnd(at)
        | Boundary::Outside(at) => at,
    }
}

/// The lines at which cards begin, which the reader must find as well.
fn begins(text: &str) -> Vec<u32> {
    let mut memory = vec![0; 64 * 1024];
    let mut reader = Reader::new(&mut memory, Utf8Only);
    let mut read = Begins::default();
    reader.push(text.as_bytes(), &mut read);
    reader.finish(&mut read);
    let lines = |found: &[Boundary]| -> Vec<u32> {
        let begin = |boundary: &Boundary| match boundary {
            Boundary::Begin { at, .. } => Some(at.line),
            _ => None,
        };
        found.iter().filter_map(begin).collect()
    };
    for step in [1, 2, 7, usize::MAX] {
        assert_eq!(lines(&scan(text, step.min(text.len().max(1)))), read.0, "{step} of {text:?}");
    }
    read.0
}

#[test]
fn a_byte_order_mark_may_stand_before_each_card() {
    let card = "BEGIN:VCARD\nVERSION:3.0\nFN:a\nEND:VCARD\n";
    assert_eq!(begins(&format!("{MARK}{card}").repeat(10)).len(), 10);
    assert_eq!(begins(&format!("\n\n{MARK}{card}").repeat(3)), [3, 9, 15]);
    assert_eq!(begins(&format!("{MARK}\n{card}").repeat(2)), [2, 7], "on a line of its own");
    assert_eq!(begins(&format!("{MARK}{MARK} {MARK}{card}").repeat(2)), [1, 5], "more than one");
    let unended = format!("{MARK}BEGIN:VCARD\nFN:a\n");
    assert_eq!(begins(&unended.repeat(3)), [1, 3, 5], "the one before has no end");
    let inside = format!("BEGIN:VCARD\nNOTE:{MARK}BEGIN:VCARD\nFN:{MARK}\nEND:VCARD\n");
    assert_eq!(begins(&inside.repeat(2)), [1, 5], "within a line it is text");
    let first = scan(&format!("\r\n{MARK}{card}"), 3)[0];
    let at = BoundaryPlace { line: 2, offset: 2 };
    assert_eq!(first, Boundary::Begin { at, is_after_end: true });
}

#[test]
fn a_marker_is_one_however_it_is_written() {
    for (text, expected) in [
        ("begin:vcard\nFN:a\nEnd:VCard\nBegin : Vcard \nFN:b\nEND:VCARD\t\n", &[1, 4][..]),
        ("BEGIN:\n VCARD\nFN:a\nEN\n D:VCARD\nBEGIN:VCARD\nFN:b\nEND:VCARD", &[1, 6]),
        ("BEGIN:VCARD\rFN:a\rEND:VCARD\rBEGIN:VCARD\rFN:b\rEND:VCARD\r", &[1, 4]),
        ("BEGIN:VCARD\r\r\nFN:a\r\r\nEND:VCARD\r\r\nBEGIN:VCARD\r\r\nFN:b", &[1, 4]),
        ("BEGIN\0:VCARD\nFN:a\nEND:VCARD\0\n\0BEGIN:VCARD\nFN:b\n", &[1, 4]),
        ("hello\n BEGIN:VCARD\nFN:a\nEND:VCARD\nhello\n\tBEGIN:VCARD\nFN:b\n", &[2, 6]),
    ] {
        assert_eq!(begins(text), expected, "{text:?}");
    }
}

#[test]
fn what_only_looks_like_a_marker_is_text() {
    for inner in [
        "item1.BEGIN:VCARD",
        "BEGIN;X-A=b:VCARD",
        "BEGIN:VCARDS",
        "BEGIN:VEVENT",
        "NOTE:a\n BEGIN:VCARD",
        "NOTE;ENCODING=QUOTED-PRINTABLE:a=\n=42EGIN:VCARD",
        "NOTE;ENCODING=QUOTED-PRINTABLE:a=\n BEGINS:VCARD=\nb",
        "PHOTO;ENCODING=b:AAAA\nBEGIN\nVCARD\nEND\n\n",
        "PHOTO;ENCODING=b:AAAA\n BEGIN:VCARD\n BEGIN\n",
        "NOTE:a\nBEGIN\nVCARD",
    ] {
        let card = format!("BEGIN:VCARD\nFN:a\n{inner}\nEND:VCARD\n");
        let second = 1 + card.lines().count() as u32;
        assert_eq!(begins(&card.repeat(2)), [1, second], "{inner:?}");
    }
    // A soft break at which the card ends is a value that was cut off.
    let cut = "BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:a=\nBEGIN:VCARD\nFN:b\nEND:VCARD\n";
    assert_eq!(begins(cut), [1, 3]);
}

#[test]
fn cards_within_a_card_are_no_cards_of_their_own() {
    let inner = "BEGIN:VCARD\nFN:b\nEND:VCARD\n";
    for nested in [
        format!("AGENT:\n{inner}"),
        format!("AGENT;X-A=b:\n\nBEGIN:VCARD\nFN:b\nAGENT:\n{inner}END:VCARD\n"),
        format!("{inner}{inner}TEL:1\n"),
        inner.to_owned(),
    ] {
        let card = format!("BEGIN:VCARD\nFN:a\n{nested}END:VCARD\n");
        let second = 1 + card.lines().count() as u32;
        assert_eq!(begins(&card.repeat(2)), [1, second], "{nested:?}");
    }
    for (text, expected) in [
        ("BEGIN:VCARD\nFN:a\nBEGIN:VCARD\nFN:b\nEND:VCARD\n", &[1, 3][..]),
        ("BEGIN:VCARD\nFN:a\nAGENT:\nTEL:1\nBEGIN:VCARD\nFN:b\nEND:VCARD\n", &[1, 5]),
        ("FN:a\nEND:VCARD\nBEGIN:VCARD\nFN:b\nEND:VCARD\nEND:VCARD\n", &[3]),
    ] {
        assert_eq!(begins(text), expected, "{text:?}");
    }
    assert_eq!(begins(&"BEGIN:VCARD\nFN:a\n".repeat(20)).len(), 20);
}

#[test]
fn text_outside_of_cards_and_ends_without_a_begin_are_told() {
    let text = "name,phone\n\nTEL:1\nEND:VCARD\nBEGIN:VCARD\nFN:a\nEND:VCARD\nbye";
    let at = |line, offset| BoundaryPlace { line, offset };
    assert_eq!(
        scan(text, 5),
        [
            Boundary::Outside(at(1, 0)),
            Boundary::Outside(at(3, 12)),
            Boundary::StrayEnd(at(4, 18)),
            Boundary::Begin { at: at(5, 28), is_after_end: true },
            Boundary::End(at(7, 45)),
            Boundary::Outside(at(8, 55)),
        ]
    );
    assert_eq!(scan("", 1), []);
}

#[test]
fn a_property_longer_than_the_memory_is_passed_over() {
    let long = format!("BEGIN:VCARD\nPHOTO:{}\nEND:VCARD\n", "x".repeat(300_000));
    for step in [100, 100_000] {
        let found = scan(&long.repeat(2), step);
        let expected = |line| [line, line + 2];
        let lines: Vec<_> = found.iter().map(|boundary| place(boundary).line).collect();
        assert_eq!(lines, [expected(1), expected(4)].concat());
    }
}

#[test]
fn whatever_the_text_the_scanner_finds_what_the_reader_finds() {
    const PARTS: [&str; 20] = [
        "BEGIN:VCARD",
        "BEGIN:VCARD",
        "END:VCARD",
        "END:VCARD",
        " BEGIN:VCARD",
        "\tEND:VCARD",
        "begin : vcard ",
        "\u{feff}",
        "AGENT:",
        "item1.AGENT;X-A=b: ",
        "FN:a",
        "NOTE:long",
        "text",
        "TEL:1\\",
        " folded",
        "NOTE;QUOTED-PRINTABLE:a=",
        "PHOTO;ENCODING=b:QUJD",
        "BEG",
        "IN:VCARD",
        "END:",
    ];
    const ENDS: [&str; 8] = ["\n", "\n", "\n", "\r\n", "\r", "\r\r\n", "\n ", "\n\n"];
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut pick = |count: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % count as u64) as usize
    };
    let mut cards = 0;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..pick(24) {
            text.push_str(PARTS[pick(PARTS.len())]);
            if pick(10) > 0 {
                text.push_str(ENDS[pick(ENDS.len())]);
            }
        }
        text.push('\n');
        cards += begins(&text).len();
    }
    assert!(cards > 20_000, "{cards}");
}
