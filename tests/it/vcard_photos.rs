//! Photos and other binary values, in every spelling there is: byte for byte.
use contactbox_core::vcard::{VcardRepair, VcardVersion};
use contactbox_tests::vcards::{self, Stored, card, read_back};

fn read(version: &str, lines: &[&str]) -> Vec<String> {
    read_back(&card(version, lines)).lines()
}

const PICTURE: &str = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBD";

fn picture(lines: &[&str], version: &str) -> (String, Vec<u8>) {
    let reading = read_back(&card(version, lines));
    let property = reading.cards[0].iter().find(|property| property.name == "PHOTO");
    let property = property.expect("the photo is read");
    match &property.value {
        Stored::Bytes(bytes) => (property.line(), bytes.clone()),
        Stored::Text(text) => panic!("the photo is text: {text}"),
    }
}

#[test]
fn photos_in_every_spelling_are_the_same_bytes() {
    let (half, rest) = PICTURE.split_at(16);
    let expected = picture(&[&format!("PHOTO;ENCODING=b;TYPE=JPEG:{PICTURE}")], "3.0");
    assert_eq!(expected.0, "PHOTO;TYPE=jpeg:<24 bytes>");
    let one_line = |head: &str| vec![format!("{head}:{PICTURE}")];
    let lines = |head: &str, blank: &str, end: &[&str]| {
        let lines = [format!("{head}:"), format!("{blank}{half}"), format!("{blank}{rest}")];
        lines.into_iter().chain(end.iter().map(|line| line.to_string())).collect::<Vec<_>>()
    };
    let spellings = [
        ("2.1", one_line("PHOTO;JPEG;BASE64")),
        ("2.1", one_line("PHOTO;ENCODING=BASE64;TYPE=JPEG")),
        ("2.1", lines("PHOTO;JPEG;BASE64", " ", &[])),
        ("2.1", lines("PHOTO;JPEG;BASE64", "    ", &["", "TEL:1"])),
        ("2.1", lines("PHOTO;JPEG;BASE64", "", &["", "TEL:1"])),
        ("2.1", lines("PHOTO;JPEG;BASE64", "", &["TEL:1"])),
        ("2.1", vec!["PHOTO;JPEG;BASE64:".into(), "".into(), PICTURE.into(), "TEL:1".into()]),
        // The type is detected from the bytes.
        ("3.0", lines("PHOTO;BASE64", "  ", &[])),
        ("3.0", one_line("PHOTO;ENCODING=b")),
        ("3.0", one_line("PHOTO;VALUE=binary;TYPE=image/jpeg;ENCODING=B")),
        (
            "3.0",
            one_line("PHOTO;VALUE=uri:data:image/jpeg;base64,")
                .into_iter()
                .map(|line| line.replace(",:", ","))
                .collect(),
        ),
        ("4.0", vec![format!("PHOTO:data:image/jpeg;base64,{PICTURE}")]),
        ("4.0", vec![format!("PHOTO:DATA:IMAGE/JPEG;BASE64\\,{PICTURE}")]),
        ("4.0", vec![format!("PHOTO;MEDIATYPE=image/jpeg:data:image/jpeg;base64,{PICTURE}")]),
    ];
    for (version, lines) in spellings {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(picture(&lines, version), expected, "{version} {lines:?}");
    }
}

#[test]
fn photos_go_out_as_each_version_has_them() {
    let cards =
        vcards::read(&card("2.1", &["FN:A", &format!("PHOTO;JPEG;BASE64:{PICTURE}")])).cards;
    let expected = format!("PHOTO;ENCODING=b;TYPE=JPEG:{PICTURE}\r\n");
    assert!(vcards::write(&cards, VcardVersion::V3).contains(&expected));
    let expected = format!("PHOTO:data:image/jpeg;base64,{PICTURE}\r\n");
    assert!(vcards::write(&cards, VcardVersion::V4).contains(&expected));
}

#[test]
fn photos_that_lie_elsewhere() {
    let cards = [
        vcards::read(&card("3.0", &["PHOTO;VALUE=uri:https://a.example/b.jpg"])).cards,
        vcards::read(&card("2.1", &["PHOTO;URL:https://a.example/b.jpg"])).cards,
        vcards::read(&card("4.0", &["PHOTO:https://a.example/b.jpg"])).cards,
    ];
    assert!(cards.iter().all(|other| *other == cards[0]));
    let [old, new] =
        [VcardVersion::V3, VcardVersion::V4].map(|version| vcards::write(&cards[0], version));
    assert!(old.contains("\r\nPHOTO;VALUE=uri:https://a.example/b.jpg\r\n"));
    assert!(new.contains("\r\nPHOTO:https://a.example/b.jpg\r\n"));
}

#[test]
fn binary_values_of_other_media_types() {
    let lines = [
        "KEY;X509;ENCODING=BASE64:AAEC",
        "SOUND;MEDIATYPE=audio/ogg:data:audio/ogg;base64,AAEC",
        "LOGO:data:image/svg+xml;charset=utf-8;base64,AAECAw==",
        "X-BLOB;ENCODING=b:AAECAwQ=",
        "PHOTO;ENCODING=b:",
    ];
    assert_eq!(
        read("3.0", &lines),
        [
            "KEY;TYPE=X509:<3 bytes>",
            "SOUND;MEDIATYPE=audio/ogg:<3 bytes>",
            "LOGO;MEDIATYPE=\"image/svg+xml;charset=utf-8\":<4 bytes>",
            "X-BLOB:<5 bytes>",
            "PHOTO:<0 bytes>",
        ]
    );
}

#[test]
fn base64_that_is_none_stays_text() {
    let lines = ["PHOTO;ENCODING=BASE64;TYPE=JPEG:qgEPAAIAAAAHAAAAugEQAAIAAAAG:ASDF=="];
    let reading = read_back(&card("2.1", &lines));
    assert_eq!(
        reading.lines(),
        ["PHOTO;TYPE=jpeg;ENCODING=BASE64:qgEPAAIAAAAHAAAAugEQAAIAAAAG:ASDF=="]
    );
    assert_eq!(reading.warnings.len(), 1);
    assert_eq!((reading.warnings[0].line, reading.warnings[0].repair), (3, VcardRepair::NotBase64));
    assert_eq!(read("3.0", &["PHOTO;VALUE=uri:http://a.example/b.jpg"]).len(), 1);
}
