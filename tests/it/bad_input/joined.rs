//! Files that are joined from many: each card is taken or told with its line, and the command line
//! finds the cards that the box finds.
use super::{good, import, names, tally};
use base64::{Engine, prelude::BASE64_STANDARD};
use contactbox_tests::daemon::Place;
use serde_json::json;

const MARK: &str = "\u{feff}";

/// The outcome of a file: cards added, lines of those rejected, and the names in the box.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    added: u64,
    rejected: Vec<u64>,
    names: Vec<String>,
}

/// Takes a file in by the command line into one box, and in one request into another.
fn taken(bytes: &[u8]) -> Taken {
    let place = Place::new();
    let daemon = place.serve();
    let (ran, told) = import(&place, &[&place.file("joined.vcf", bytes)]);
    let [added, _, _, rejected] = tally(&told[0]);
    let line = |line: &str| line.split("from line ").nth(1)?.split(':').next()?.parse().ok();
    let lines: Vec<u64> = ran.stderr.lines().filter_map(line).collect();
    let names_of = |names: Vec<String>| {
        let mut names = names;
        names.sort();
        names
    };
    let by_file = Taken { added, rejected: lines, names: names_of(names(&mut daemon.client())) };
    assert_eq!(by_file.rejected.len() as u64, rejected, "{ran:?}");

    let place = Place::new();
    let daemon = place.serve();
    let mut client = daemon.client();
    let told = client.call("contact.import", json!({ "base64": BASE64_STANDARD.encode(bytes) }));
    let rejected = told["rejected"].as_array().expect("a list");
    let at_once = Taken {
        added: told["added"].as_u64().expect("a number"),
        rejected: rejected.iter().map(|one| one["line"].as_u64().expect("a line")).collect(),
        names: names_of(names(&mut client)),
    };
    assert_eq!(by_file, at_once, "of {:?}", String::from_utf8_lossy(bytes));
    by_file
}

fn ten(separator: &str) -> String {
    (0..10).map(|number| format!("{separator}{}", good(&format!("Card {number}")))).collect()
}

#[test]
fn ten_files_with_a_byte_order_mark_each_are_ten_cards() {
    for separator in [MARK, "\u{feff}\r\n", "\r\n\r\n\u{feff}", "\u{feff}\u{feff}"] {
        let taken = taken(ten(separator).as_bytes());
        let names: Vec<String> = (0..10).map(|number| format!("Card {number}")).collect();
        assert_eq!(taken, Taken { added: 10, rejected: Vec::new(), names }, "{separator:?}");
    }
}

#[test]
fn files_without_a_line_end_at_their_end_are_parted() {
    let card = |number: u32| format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Card {number}\r\nEND:VCARD");
    for separator in ["", " ", "\t ", MARK, " \u{feff}", "\0"] {
        let text: String = (0..10).map(|number| card(number) + separator).collect();
        let names: Vec<String> = (0..10).map(|number| format!("Card {number}")).collect();
        for text in [text.clone(), text.to_lowercase().replace("card 0", "Card 0")] {
            let taken = taken(text.as_bytes());
            assert_eq!((taken.added, taken.rejected.len()), (10, 0), "{separator:?}");
            assert!(text.contains("begin") || taken.names == names, "{separator:?} {taken:?}");
        }
    }
    // The lines of those that are rejected are those of the file.
    let empty = "BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD";
    let text = [card(0), empty.to_owned(), card(1)].concat();
    let place = Place::new();
    let _daemon = place.serve();
    let (ran, told) = import(&place, &[&place.file("joined.vcf", text)]);
    assert_eq!(tally(&told[0]), [2, 0, 0, 1]);
    ran.says(&["joined.vcf:4: "]);
    // Words that only begin like an end.
    let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARDBOARD\r\nX-B:1\r\nEND:VCARD\r\n";
    assert_eq!(taken(text.as_bytes()).names, ["A"]);
}

#[test]
fn files_in_several_kinds_of_utf_are_joined() {
    let plain = |name: &str| good(name).into_bytes();
    let marked = |name: &str| format!("{MARK}{}", good(name)).into_bytes();
    let wide = |name: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("{MARK}{}", good(name)).encode_utf16().flat_map(order).collect()
    };
    let little = |name: &str| wide(name, u16::to_le_bytes);
    let big = |name: &str| wide(name, u16::to_be_bytes);
    type Encoded<'f> = &'f dyn Fn(&str) -> Vec<u8>;
    let files: [Encoded<'_>; 4] = [&plain, &marked, &little, &big];
    let odd = |mut bytes: Vec<u8>| {
        bytes.pop();
        bytes
    };
    for first in files {
        for second in files {
            let bytes = [first("Žofie"), second("山田"), first("C")].concat();
            assert_eq!(import_names(&bytes), ["C", "Žofie", "山田"]);
        }
        // A file that was cut within its last character.
        let bytes = [odd(little("A")), first("B"), odd(big("C")), first("D")].concat();
        assert_eq!(import_names(&bytes), ["A", "B", "C", "D"]);
    }
    // The mark lies across two pieces of the file.
    let filler = "NOTE:".to_owned() + &"x".repeat(64 * 1024 / 2);
    for shift in 0..8 {
        let head = good("A").replace("END", &format!("{}{}\r\nEND", filler, "y".repeat(shift)));
        let cut = head.len() * 2 - 64 * 1024;
        let head = head.replacen(&"x".repeat(cut / 2), "", 1);
        let bytes = [wide_of(&head), big("B")].concat();
        assert_eq!(import_names(&bytes), ["A", "B"], "{shift}");
    }
}

/// Encodes text with its mark.
fn wide_of(text: &str) -> Vec<u8> {
    format!("{MARK}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Takes a file in by the command line and returns the names in the box.
fn import_names(bytes: &[u8]) -> Vec<String> {
    let place = Place::new();
    let daemon = place.serve();
    import(&place, &[&place.file("joined.vcf", bytes)]);
    let mut names = names(&mut daemon.client());
    names.sort();
    names
}

#[test]
fn ten_files_of_utf_16_are_ten_cards() {
    for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        let bytes: Vec<u8> = ten(MARK).encode_utf16().flat_map(order).collect();
        assert_eq!(taken(&bytes).added, 10);
    }
}

#[test]
fn twenty_mebibytes_of_marked_cards_are_all_taken() {
    let card = |number: u32| {
        let photo = vec![(number % 251) as u8; 24 * 1024];
        let photo = BASE64_STANDARD.encode([&number.to_le_bytes()[..], &photo].concat());
        let head = format!("{MARK}BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Card {number:04}\r\n");
        format!("{head}PHOTO;ENCODING=b;TYPE=JPEG:{photo}\r\nEND:VCARD\r\n")
    };
    let count = 640;
    let mut text: String = (0..count).map(card).collect();
    assert!(text.len() >= 20 << 20);
    // One of them is bad, and its line is that of the file.
    text.push_str(&format!("{MARK}BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n"));
    let place = Place::new();
    let _daemon = place.serve();
    let (ran, told) = import(&place, &[&place.file("large.vcf", &text)]);
    assert_eq!(tally(&told[0]), [u64::from(count), 0, 0, 1], "{ran:?}");
    ran.expect(4).says(&["large.vcf:3201: "]);
    let saved = std::fs::read_to_string(place.path().join("large.rejected.vcf"));
    assert!(saved.expect("it is saved").contains("BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD"));
}

#[test]
fn markers_and_what_only_looks_like_them() {
    let card = |name: &str, inner: &str| {
        format!("{MARK}BEGIN:VCARD\nVERSION:3.0\nFN:{name}\n{inner}END:VCARD\n")
    };
    for inner in [
        "",
        "NOTE:\u{feff}BEGIN:VCARD\n",
        "NOTE:a long note\n BEGIN:VCARD\n END:VCARD\n",
        "item1.BEGIN:VCARD\n",
        "BEGIN;X-A=b:VCARD\n",
        "NOTE;ENCODING=QUOTED-PRINTABLE:one=\n=42EGIN:VCARD=\ntwo\n",
        "PHOTO;ENCODING=b;TYPE=JPEG:QUJD\n QUJD\n BEGINVCARD\n\n",
        "PHOTO;ENCODING=b;TYPE=JPEG:QUJD\nBEGIN\nVCARD\n\n",
        "AGENT:\nBEGIN:VCARD\nFN:Inner\nEND:VCARD\n",
        "BEGIN:VCARD\nFN:Inner\nEND:VCARD\nTEL:1\n",
    ] {
        let taken = taken((card("A", inner) + &card("B", inner)).as_bytes());
        assert_eq!((taken.added, taken.names.len()), (2, 2), "{inner:?}");
        assert_eq!(taken.names, ["A", "B"], "{inner:?}");
    }
}

#[test]
fn markers_however_they_are_written() {
    for (begin, end, line_end) in [
        ("begin:vcard", "End:VCard", "\n"),
        ("BEGIN : VCARD ", "END:VCARD\t", "\r\n"),
        ("BEGIN:\n VCARD", "END:VC\n ARD", "\n"),
        ("\u{feff}BEGIN:VCARD", "END:VCARD", "\r"),
        ("BEGIN:VCARD", "END:VCARD", "\r\r\n"),
        ("hello\n BEGIN:VCARD", "END:VCARD", "\n"),
    ] {
        let card =
            |name: &str| [begin, "VERSION:3.0", &format!("FN:{name}"), end, ""].join(line_end);
        let taken = taken((card("A") + &card("B")).as_bytes());
        assert_eq!(
            taken,
            Taken { added: 2, rejected: Vec::new(), names: vec!["A".into(), "B".into()] }
        );
    }
}

#[test]
fn markers_without_their_others() {
    // No end before the next begin.
    let text = format!("{MARK}BEGIN:VCARD\nVERSION:3.0\nFN:A\n{MARK}{}", good("B"));
    assert_eq!(taken(text.as_bytes()).names, ["A", "B"]);
    // No begin before an end.
    let text = format!("{MARK}FN:A\nTEL:1\nEND:VCARD\n{MARK}{}", good("B"));
    assert_eq!(
        taken(text.as_bytes()),
        Taken { added: 1, rejected: vec![1], names: vec!["B".into()] }
    );
    let text = format!("{}TEL:1\n{MARK}END:VCARD\n{MARK}{}", good("A"), good("B"));
    let names = vec!["A".into(), "B".into()];
    assert_eq!(taken(text.as_bytes()), Taken { added: 2, rejected: vec![6], names });
}
