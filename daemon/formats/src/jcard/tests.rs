//! There and back to the letter, and what is refused.
use super::plain::PlainProperty;
use super::*;
use serde_json::json;

fn line<'a>(kind: Kind, params: &'a str, value: &'a str) -> Property<'a> {
    Property { params, ..Property::text(kind, value) }
}

fn there(content: &Property<'_>) -> Json {
    let json = write_property(content, |_| None);
    if let Some(plain) = PlainProperty::of(content) {
        assert_eq!(serde_json::to_string(&plain).expect("JSON"), json.to_string());
    }
    let back = read_property(&json).unwrap_or_else(|why| panic!("{json}: {why}"));
    assert!(
        back.content() == *content,
        "{json} gives {:?} {:?}",
        back.head.to_line(),
        content_text(&back.content())
    );
    json
}

#[test]
fn usual_properties_look_as_jcard_has_them() {
    let tel = Property {
        types: Types::CELL.with(Types::HOME),
        group: "item1",
        params: "PREF=1",
        ..Property::text(Kind::TEL, "+49 171 55501")
    };
    assert_eq!(
        there(&tel),
        json!(["tel", {"group": "item1", "type": ["home", "cell"], "pref": "1"}, "text", "+49 171 55501"])
    );
    assert_eq!(
        there(&line(Kind::N, "", "Lovelace;Ada;Byron,King;;")),
        json!(["n", {}, "text", ["Lovelace", "Ada", ["Byron", "King"], "", ""]])
    );
    assert_eq!(
        there(&line(Kind::ORG, "", "Engines\\, Ltd.;Analysis")),
        json!(["org", {}, "text", ["Engines, Ltd.", "Analysis"]])
    );
    assert_eq!(there(&line(Kind::ORG, "", "Engines")), json!(["org", {}, "text", "Engines"]));
    assert_eq!(
        there(&line(Kind::CATEGORIES, "", "a\\,b,c")),
        json!(["categories", {}, "text", "a,b", "c"])
    );
    assert_eq!(
        there(&line(Kind::NOTE, "", "one\\ntwo\\; three\\\\")),
        json!(["note", {}, "text", "one\ntwo; three\\"])
    );
    assert_eq!(
        there(&line(Kind::BDAY, "", "--0412")),
        json!(["bday", {}, "date-and-or-time", "--0412"])
    );
    assert_eq!(
        there(&line(Kind::BDAY, "VALUE=text", "circa 1800")),
        json!(["bday", {}, "text", "circa 1800"])
    );
    assert_eq!(
        there(&line(Kind::TEL, "VALUE=uri", "tel:+1-555;ext=5")),
        json!(["tel", {}, "uri", "tel:+1-555;ext=5"])
    );
    assert_eq!(
        there(&line(Kind::UID, "", "urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1")),
        json!(["uid", {}, "uri", "urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1"])
    );
}

#[test]
fn odd_properties_come_back_to_the_letter() {
    let other = |name, params, value| Property {
        other: name,
        params,
        ..Property::text(Kind::OTHER, value)
    };
    for content in [
        line(Kind::NOTE, "", "bare, comma; and \\x escape"),
        line(Kind::NOTE, "LANGUAGE=de;ALTID=1", "Gr\u{fc}\u{df}e"),
        line(Kind::ADR, "LABEL=\"1 Main St.^nTown, ^'X^'\"", ";;1 Main St.;Town;;;"),
        line(Kind::TEL, "TYPE=x-satellite;TYPE=\"b,c\"", "1"),
        line(Kind::TEL, "type=odd", "1"),
        line(Kind::TEL, "X-FLAG", "1"),
        line(Kind::TEL, "VALUE=URI", "tel:1"),
        line(Kind::N, "", "OnlyOne"),
        line(Kind::CATEGORIES, "", ""),
        line(Kind::GENDER, "", "O;it\\;s"),
        line(Kind::URL, "", "https://example.org/a\\,b"),
        line(Kind::BDAY, "VALUE=date", "1985-04-12"),
        line(Kind::BDAY, "", "1985-04-12"),
        line(Kind::REV, "", "1996-04-15T23:10:00Z"),
        line(Kind::X_ABLABEL, "", "_$!<Work>!$_"),
        other("X-FOO", "", "a;b\\,c"),
        other("X-Foo", "VALUE=text;A=b", "a;b\\,c"),
        other("x-foo", "A=\"b\"", "data:image/png;base64,AAAA"),
        line(Kind::PHOTO, "VALUE=uri", "https://example.org/ada.jpg"),
        line(Kind::PHOTO, "", "https://example.org/ada.jpg"),
    ] {
        there(&content);
    }
}

#[test]
fn a_day_is_one_value_however_it_is_written() {
    for (kind, value_type, written, kept) in [
        ("bday", "date", "1815-12-10", "18151210"),
        ("bday", "date-and-or-time", "--12-10", "--1210"),
        ("anniversary", "date-time", "1996-04-15T23:10:00Z", "19960415T231000Z"),
        ("bday", "date", "1815-12", "1815-12"),
        ("bday", "text", "1815-12-10", "1815-12-10"),
    ] {
        let read = read_property(&json!([kind, {}, value_type, written])).expect("a property");
        assert_eq!(read.content().value, Value::Text(kept), "{written}");
    }
}

#[test]
fn bytes_are_data_uris_and_blobs_are_left_out() {
    let bytes = Property {
        types: Types::JPEG,
        value: Value::Bytes(b"\xFF\xD8\xFF"),
        ..Property::text(Kind::PHOTO, "")
    };
    assert_eq!(
        there(&bytes),
        json!(["photo", {"type": "jpeg"}, "uri", "data:image/jpeg;base64,/9j/"])
    );
    let named = Property { params: "MEDIATYPE=image/webp", types: Types::default(), ..bytes };
    assert_eq!(
        there(&named),
        json!(["photo", {"mediatype": "image/webp"}, "uri", "data:image/webp;base64,/9j/"])
    );
    there(&Property { kind: Kind::OTHER, other: "X-Pic", ..named });
    let blob = BlobRef { hash: [0xAB; 16], len: 70_000 };
    let large = Property { value: Value::Blob(blob), ..bytes };
    let json = there(&large);
    assert_eq!(json[1]["blob"], "ab".repeat(16));
    assert_eq!(json[1]["bytes"], 70_000);
    let whole = write_property(&large, |_| Some(b"\xFF\xD8\xFF".to_vec()));
    assert!(read_property(&whole).is_ok_and(|back| back.content() == bytes));
    let plain = read_property(&json!(["photo", {}, "uri", "data:image/png;base64,AAAA"]));
    assert_eq!(plain.expect("a photo").content().params, "MEDIATYPE=image/png");
}

#[test]
fn a_changed_property_is_what_it_says_not_what_its_hint_says() {
    let odd = Property { other: "X-Foo", params: "A=\"b\"", ..Property::text(Kind::OTHER, "v") };
    let mut json = there(&odd);
    assert!(json[1].get(HINT).is_some());
    json[1]["a"] = json!("c");
    let back = read_property(&json).expect("a property");
    assert_eq!(back.content().params, "A=c");
}

#[test]
fn a_card_is_read_without_its_version_and_marks_stay_inside() {
    let contents = [line(Kind::FN, "", "Ada"), line(Kind::TRASHED, "", "")];
    let card = PlainContact::new(contents.into_iter(), |_| None);
    let card = serde_json::to_value(card).expect("a card");
    assert_eq!(card, json!(["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Ada"]]]));
    assert_eq!(read(&card).expect("a card").len(), 1);
}

#[test]
fn what_would_break_a_line_is_refused() {
    for property in [
        json!(["fn", {}, "text"]),
        json!(["fn", {}, "text", {}]),
        json!(["fn", {}, "text", "a", "b"]),
        json!(["f n", {}, "text", "a"]),
        json!(["fn\nX", {}, "text", "a"]),
        json!(["", {}, "text", "a"]),
        json!(["fn", {"x:y": "1"}, "text", "a"]),
        json!(["fn", {"x": "a\u{0}"}, "text", "a"]),
        json!(["fn", {"x": 1}, "text", "a"]),
        json!(["fn", {"group": "a.b"}, "text", "a"]),
        json!(["fn", {}, "a;b", "a"]),
        json!(["url", {}, "uri", "a\nEND:VCARD"]),
        json!(["x-a", {}, "unknown", "a\r"]),
        json!(["photo", {"blob": "xyz", "bytes": 1}, "uri", ""]),
        json!("fn"),
    ] {
        assert!(read_property(&property).is_err(), "{property}");
    }
    let hint = json!(["x-a", {"x-contactbox": "X-A;B=\"c:\n\""}, "unknown", "v"]);
    assert_eq!(read_property(&hint).expect("the hint is left").content().params, "");
    assert!(read(&json!(["vcard"])).is_err());
    assert!(read(&json!([])).is_err());
}

#[test]
fn what_looks_plain_is_written_as_what_was_tried() {
    let pieces = [
        "a",
        "Gr\u{fc}n \"x\"",
        ",",
        ";",
        "\\",
        "\\,",
        "\n",
        "\t",
        ":",
        "data:a/b;base64,AAAA",
        "1",
    ];
    let groups = ["", "item1", "a.b", "\u{e9}"];
    let mut plain = 0;
    for kind in (0..=u8::MAX).filter_map(Kind::from_code).filter(|kind| !kind.is_internal()) {
        for first in pieces.iter().chain(&[""]) {
            for second in pieces.iter().chain(&[""]) {
                let value = format!("{first}{second}");
                let at = value.len() + first.len() + usize::from(kind.code());
                let content = Property {
                    group: groups[at % groups.len()],
                    types: [Types::default(), Types::HOME, Types::HOME.with(Types::CELL)][at % 3],
                    ..line(kind, "", &value)
                };
                if let Some(is_plain) = PlainProperty::of(&content) {
                    plain += 1;
                    let tried = write_property(&content, |_| None);
                    assert_eq!(serde_json::to_string(&is_plain).expect("JSON"), tried.to_string());
                    assert!(read_property(&tried).is_ok_and(|back| back.content() == content));
                }
            }
        }
    }
    assert!(plain > 1_000, "{plain}");
    for &(types, _) in Types::ALL {
        there(&Property { types, ..line(Kind::TEL, "", "1") });
    }
}
