//! An independent reader (calcard) finds the same in a file and in what the writer makes of it.
use calcard::vcard::VCardValue;
use calcard::{Entry, Parser};
use contactbox_core::vcard::VcardVersion;
use contactbox_tests::{corpus, report, vcards};

/// The differences between calcard's reading and ours, by file, property and reason. Everything
/// else agrees.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("v21_adr_multiple_line", "ADR", "the lines behind a backslash belong to the address"),
    ("v21_adr_multiple_line", "PACKSTATION 999", "a line of the address, not a property"),
    ("bulk__simple__15", "ADR", "the line without a colon belongs to the address"),
    ("bulk__simple__15", "SESAME STREET", "a line of the address, not a property"),
    ("verrors__3", "VIEW", "kept as X-UNREADABLE-LINE"),
    ("v21_backslash", "FN", "in 2.1 a backslash in a name is a backslash"),
    ("John_Doe_ANDROID", "ORG", "cut in the middle of a character; kept byte for byte"),
    ("John_Doe_LOTUS_NOTES", "TZ", "1:00 means nothing in 4.0; kept as it came"),
    ("v21_nest", "*", "ends the outer card at the first inner END"),
    ("nested", "*", "ends the outer card at the first inner END"),
    ("birthdays", "BDAY", "knows no --04-12"),
    ("quoted-printable", "FN", "knows no QUOTED-PRINTABLE without ENCODING="),
    ("broken", "*", "stops at the cards that are repaired"),
];

/// Returns whether calcard cannot read a file: its text is not UTF-8, and calcard takes nothing
/// else.
fn is_beyond_calcard(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err()
        || bytes.contains(&0)
        || !bytes.contains(&b'\n')
        || bytes.windows(9).any(|part| part.eq_ignore_ascii_case(b"SHIFT_JIS"))
        || bytes.windows(4).any(|part| part == b"\rTEL")
}

/// A property as calcard reads it, in one spelling of each value.
type Seen = (String, String, Vec<String>);

fn spelled(name: &str, value: &VCardValue) -> String {
    match value {
        VCardValue::Text(text) if name == "GEO" => {
            text.trim_start_matches("geo:").replace(',', ";")
        }
        VCardValue::Text(text) => text.replace("\r\n", "\n"),
        VCardValue::Component(parts) => parts.join(",").replace("\r\n", "\n"),
        // calcard takes bytes that happen to be UTF-8 for text.
        VCardValue::Binary(data) => String::from_utf8_lossy(&data.data).into_owned(),
        VCardValue::PartialDateTime(date) => {
            // A year that X-APPLE-OMIT-YEAR cancels.
            let mut date = date.clone();
            date.year = date.year.filter(|&year| year != 1604);
            format!("{date:?}")
        }
        other => format!("{other:?}"),
    }
}

fn cards_by_calcard(text: &str) -> Vec<Vec<Seen>> {
    let mut parser = Parser::new(text);
    let mut cards = Vec::new();
    loop {
        match parser.entry() {
            Entry::VCard(card) => {
                let properties = card.entries.iter().map(|entry| {
                    let name = entry.name.as_str().to_ascii_uppercase();
                    let values = entry.values.iter().map(|value| spelled(&name, value)).collect();
                    (entry.group.clone().unwrap_or_default(), name, values)
                });
                cards.push(properties.filter(|(_, name, _)| name != "VERSION").collect());
            }
            Entry::Eof => return cards,
            _ => {}
        }
    }
}

#[test]
fn an_independent_reader_finds_everything_in_what_we_write() {
    let (mut files, mut beyond, mut cards, mut properties) = (0, 0, 0, 0);
    let mut known = std::collections::BTreeSet::new();
    let mut lost = Vec::new();
    for path in corpus::files() {
        let bytes = std::fs::read(&path).expect("a file of the corpus can be read");
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if is_beyond_calcard(&bytes) {
            beyond += 1;
            continue;
        }
        let expected_here = |name: &str| {
            DIFFERENCES.iter().find(|(file, property, _)| {
                *file == stem && (*property == name || *property == "*")
            })
        };
        files += 1;
        let text = String::from_utf8(bytes.clone()).expect("only UTF-8 files get here");
        let seen = cards_by_calcard(&text);
        let ours = vcards::read(&bytes);
        if let Some(difference) = expected_here("*") {
            known.insert(difference);
            continue;
        }
        assert_eq!(seen.len(), ours.cards.len(), "{stem}: cards");
        cards += seen.len();
        for version in [VcardVersion::V3, VcardVersion::V4] {
            let written = cards_by_calcard(&vcards::write(&ours.cards, version));
            assert_eq!(seen.len(), written.len(), "{stem}: cards in {version:?}");
            for (before, after) in seen.iter().zip(&written) {
                properties += before.len();
                for property in before.iter().filter(|property| !after.contains(property)) {
                    match expected_here(&property.1) {
                        Some(difference) => {
                            known.insert(difference);
                        }
                        None => lost.push(format!("{stem}, {version:?}: {property:.200?}")),
                    }
                }
            }
        }
    }
    let line = |text: &str| report::line("calcard", text);
    line(&format!("files that both read       {files}"));
    line(&format!("  with cards               {cards}"));
    line(&format!("  properties, both ways    {properties}"));
    line(&format!("  lost                     {}", lost.len()));
    line(&format!("files only we read         {beyond} (charsets, line ends)"));
    for (file, property, reason) in known {
        line(&format!("read differently: {file} {property}: {reason}"));
    }
    assert!(lost.is_empty(), "lost:\n{}", lost.join("\n"));
}
