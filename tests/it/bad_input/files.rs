//! Files with errors in them.
use super::{good, import, names, tally};
use contactbox_tests::corpus;
use contactbox_tests::daemon::Place;
use contactbox_tests::random::Random;
use serde_json::json;

/// Imports something between two good vCards. Both good ones must be in, and the text between must
/// be rejected by its line, saved, and rejected the same way again.
#[track_caller]
fn rejected(between: &[u8], line: u32, reason: &str) {
    let place = Place::new();
    let daemon = place.serve();
    let file = [good("Ann").as_bytes(), between, good("Bob").as_bytes()].concat();
    let file = place.file("mixed.vcf", file);
    let (ran, told) = import(&place, &[&file]);
    let ran = ran.expect(4).says(&[&format!("mixed.vcf:{line}: "), reason, "mixed.rejected.vcf"]);
    assert_eq!(tally(&told[0]), [2, 0, 0, 1], "{ran:?}");
    assert_eq!(
        told[0]["rejected_file"],
        place.path().join("mixed.rejected.vcf").to_str().expect("a path")
    );
    let saved = std::fs::read(place.path().join("mixed.rejected.vcf")).expect("it is saved");
    assert_eq!(String::from_utf8_lossy(&saved), String::from_utf8_lossy(between));
    assert_eq!(names(&mut daemon.client()), ["Ann", "Bob"]);
    // The saved text can be corrected and imported; without that it is rejected again.
    let (_, told) = import(&place, &[&place.path().join("mixed.rejected.vcf")]);
    assert_eq!(tally(&told[0]), [0, 0, 0, 1]);
    let (_, told) = import(&place, &[&file]);
    assert_eq!(tally(&told[0]), [0, 0, 2, 1]);
    assert!(daemon.stop().success());
}

#[test]
fn a_card_that_says_nothing_costs_one_card() {
    rejected(b"BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n", 6, "empty");
}

#[test]
fn a_card_with_more_properties_than_fit_costs_one_card() {
    let many: String = (0..132_000).map(|number| format!("TEL:{number}\r\n")).collect();
    let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:C\r\n{many}END:VCARD\r\n");
    rejected(card.as_bytes(), 6, "more properties than");
}

#[test]
fn a_card_larger_than_a_contact_costs_one_card() {
    let note = "all work and no play ".repeat(60_000);
    let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:C\r\nNOTE:{note}\r\nEND:VCARD\r\n");
    rejected(card.as_bytes(), 6, "larger than");
}

#[test]
fn a_card_cut_in_half_costs_one_card() {
    let place = Place::new();
    let daemon = place.serve();
    let whole = good("Ann") + &good("Bob") + &good("Cut off");
    let file = place.file("half.vcf", &whole[..whole.len() - 30]);
    let (ran, told) = import(&place, &[&file]);
    ran.expect(4).says(&["half.vcf:", "card from line 11", "get the whole file"]);
    assert_eq!(tally(&told[0]), [2, 0, 0, 1]);
    // The whole file goes on from there.
    let (ran, told) = import(&place, &[&place.file("half.vcf", &whole)]);
    ran.expect(0);
    assert_eq!(tally(&told[0]), [1, 0, 2, 0]);
    assert_eq!(names(&mut daemon.client()), ["Ann", "Bob", "Cut off"]);
}

#[test]
fn what_is_not_vcard_is_told_and_changes_nothing() {
    let place = Place::new();
    let daemon = place.serve();
    let csv = place.file("people.csv", "name,tel\nAnn,1\n");
    let picture = place
        .file("cat.jpg", [&[0xff, 0xd8, 0xff, 0xe0], &Random::new(4).bytes(200_000)[..]].concat());
    let zeros = place.file("zeros.vcf", vec![0; 1 << 20]);
    for file in [&csv, &picture, &zeros] {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a plain name");
        import(&place, &[file]).0.expect(1).says(&[name, "holds no vCard", "Export it as vCard"]);
    }
    let empty = place.file("empty.vcf", "");
    import(&place, &[&empty]).0.expect(1).says(&["empty.vcf is empty"]);
    place.run(["import", "nowhere.vcf"]).expect(1).says(&["nowhere.vcf"]);
    std::fs::create_dir(place.path().join("none")).expect("room for a folder");
    place.run(["import", "none"]).expect(1).says(&["holds no .vcf"]);
    place.run(["import", "--charset", "klingon", "empty.vcf"]).expect(2).says(&["klingon"]);
    // Such a file is no reason to leave out the others.
    let ann = place.file("ann.vcf", good("Ann"));
    let (ran, told) = import(&place, &[&csv, &ann, &empty]);
    ran.expect(4).says(&["people.csv", "empty.vcf"]);
    assert_eq!(told.len(), 3);
    assert!(told[0]["error"].is_string() && told[2]["error"].is_string(), "{told:?}");
    assert_eq!(tally(&told[1]), [1, 0, 0, 0]);
    let ran = place.run(["import", "ann.vcf", "nowhere.vcf"]).expect(4);
    assert!(ran.stdout.contains("1 file, 1 file not read: 0 added"), "{ran:?}");
    let (ran, told) = import(&place, &[std::path::Path::new("nowhere.vcf")]);
    ran.expect(1);
    assert_eq!(told[0]["exit"], 1);
    assert!(told[0]["error"].as_str().is_some_and(|error| error.contains("nowhere.vcf")));
    assert_eq!(names(&mut daemon.client()), ["Ann"]);
}

#[test]
fn bytes_that_are_no_text_are_repaired_and_counted() {
    let place = Place::new();
    let daemon = place.serve();
    let file = [
        good("Ann").as_bytes(),
        b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:N\0u\0l\r\nEND:VCARD\r\n\0\0\0\0\r\n",
        b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Jos\xe9\r\nEND:VCARD\r\n",
    ]
    .concat();
    let (ran, told) = import(&place, &[&place.file("odd.vcf", file)]);
    ran.expect(0);
    assert_eq!(tally(&told[0]), [3, 0, 0, 0]);
    assert!(told[0]["warnings"].as_u64() > Some(1), "{told:?}");
    assert_eq!(names(&mut daemon.client()), ["Ann", "José", "Nul"]);
}

#[test]
fn files_of_other_charsets_are_read() {
    let place = Place::new();
    let daemon = place.serve();
    let text = good("Jürgen 山田");
    let wide = |bytes: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        mark.into_iter().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let files = [
        ("le.vcf", wide(u16::to_le_bytes, true)),
        ("be.vcf", wide(u16::to_be_bytes, true)),
        ("le-plain.vcf", wide(u16::to_le_bytes, false)),
        ("be-plain.vcf", wide(u16::to_be_bytes, false)),
        ("utf-8.vcf", text.clone().into_bytes()),
        ("utf-8-mark.vcf", format!("\u{feff}{text}").into_bytes()),
    ];
    for (place_in_row, (name, bytes)) in files.iter().enumerate() {
        let (ran, told) = import(&place, &[&place.file(name, bytes)]);
        ran.expect(0);
        // All of them have the same content.
        let expected = if place_in_row == 0 { [1, 0, 0, 0] } else { [0, 0, 1, 0] };
        assert_eq!(tally(&told[0]), expected, "{name}");
    }
    let japanese = place.file("japanese.vcf", encoding_rs::SHIFT_JIS.encode(&good("山田太郎")).0);
    let japanese = japanese.to_str().expect("a plain path");
    place.run(["import", "--charset", "shift_jis", japanese]).expect(0);
    assert_eq!(names(&mut daemon.client()), ["Jürgen 山田", "山田太郎"]);
    for name in ["shift-jis", "code-pages", "utf-16", "utf-16-big", "lone-cr", "fold-in-character"]
    {
        let (ran, _) = import(&place, &[&place.file("sample.vcf", corpus::sample(name))]);
        ran.expect(0);
    }
}

#[test]
fn very_long_names_and_very_many_numbers_come_back() {
    let place = Place::new();
    let daemon = place.serve();
    let long = "Ann ".repeat(2499) + "Long";
    let numbers: Vec<String> = (0..5000).map(|number| format!("+44 20 {number:08}")).collect();
    let tel: String = numbers.iter().map(|number| format!("TEL;TYPE=CELL:{number}\r\n")).collect();
    let file = format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{long}\r\nEND:VCARD\r\nBEGIN:VCARD\r\nVERSION:3.0\r\nFN:Many\r\n{tel}END:VCARD\r\n"
    );
    let (ran, told) = import(&place, &[&place.file("long.vcf", file)]);
    ran.expect(0);
    assert_eq!(tally(&told[0]), [2, 0, 0, 0]);
    let mut client = daemon.client();
    let by_number = client.call("contact.find", json!({ "query": "2000004999" }));
    assert_eq!(by_number["hits"][0]["name"], "Many");
    for (query, name, expected) in [("long", "fn", vec![long]), ("many", "tel", numbers)] {
        let uid = client.call("contact.find", json!({ "query": query }))["hits"][0]["uid"].clone();
        let card = client.call("contact.get", json!({ "uid": uid }))["jcard"].clone();
        let said = card[1].as_array().expect("properties").iter().filter(|one| one[0] == name);
        let said: Vec<_> = said.map(|one| one[3].as_str().expect("a text")).collect();
        assert_eq!(said, expected);
    }
    place.run(["show", "many"]).expect(0);
    place.run(["find", "many"]).expect(0);
}

#[test]
fn what_was_taken_in_can_be_met_again_however_much_it_is() {
    let place = Place::new();
    let daemon = place.serve();
    for count in [20_000, 60_000] {
        let tel: String = (0..count).map(|number| format!("TEL:+4420{number:07}\r\n")).collect();
        let name = format!("Many {count}");
        let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\n{tel}END:VCARD\r\n");
        let (ran, told) = import(&place, &[&place.file("many.vcf", card)]);
        ran.expect(0);
        assert_eq!(tally(&told[0]), [1, 0, 0, 0]);
        let exported = place.path().join(format!("{count}.vcf"));
        place.run(["export", &name, "-o", exported.to_str().expect("a plain path")]).expect(0);
        let (ran, told) = import(&place, &[&exported]);
        ran.expect(0);
        assert_eq!(tally(&told[0]), [0, 0, 1, 0], "{count} numbers");
    }
    drop(daemon);
}

#[test]
fn rejected_cards_from_a_pipe_are_saved_too() {
    let place = Place::new();
    let daemon = place.serve();
    let file = place.file("in", good("Ann") + "BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n");
    let open = || std::fs::File::open(&file).expect("it was just written");
    let run = |arguments: &[&str]| {
        let output = place.command(arguments).stdin(open()).output();
        contactbox_tests::daemon::Ran::of(output.expect("the program runs"))
    };
    run(&["import", "-"]).expect(4).says(&["standard input:6: ", "standard-input.rejected.vcf"]);
    run(&["import", "-", "--rejected", "mine.vcf"]).expect(4).says(&["mine.vcf"]);
    let saved = |name| std::fs::read_to_string(place.path().join(name)).expect("it is saved");
    assert_eq!(saved("standard-input.rejected.vcf"), saved("mine.vcf"));
    assert!(saved("mine.vcf").starts_with("BEGIN:VCARD"));
    drop(daemon);
}
