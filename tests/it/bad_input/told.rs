//! The messages of an import: nothing is dropped, guessed or left out silently.
use super::{good, import, names, tally};
use contactbox_tests::daemon::{Place, Ran};
use contactbox_tests::report;
use serde_json::json;
use std::path::Path;

fn saved(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path().join(name)).expect("it is saved")
}

#[test]
fn a_card_without_its_start_at_the_head_of_a_file_is_kept() {
    let place = Place::new();
    let daemon = place.serve();
    let head = "FN:No Begin\nTEL:12345\nNOTE:precious\nEND:VCARD\n";
    let file = place.file("nb.vcf", head.to_owned() + &good("Ok"));
    let (ran, told) = import(&place, &[&file]);
    ran.expect(4).says(&["nb.vcf:4: card from line 1: ", "put the line BEGIN:VCARD"]);
    assert_eq!(tally(&told[0]), [1, 0, 0, 1]);
    assert_eq!(saved(&place, "nb.rejected.vcf"), head);
    // Corrected as the message says, it is imported.
    let mended = place.file("mended.vcf", "BEGIN:VCARD\n".to_owned() + head);
    import(&place, &[&mended]).0.expect(0);
    assert_eq!(names(&mut daemon.client()), ["No Begin", "Ok"]);
    // The second half of a download: a photo longer than any piece that is sent, and no other
    // vCard.
    let half = format!(" {}\r\nFN:Half\r\nEND:VCARD\r\n", "QUJD".repeat(200_000));
    let (ran, told) = import(&place, &[&place.file("half.vcf", &half)]);
    ran.expect(4).says(&["half.vcf:3: card from line 1: "]);
    assert_eq!(tally(&told[0]), [0, 0, 0, 1]);
    // All of it was rejected, so it is not saved again beside itself.
    assert!(told[0].get("rejected_file").is_none(), "{}", told[0]);
    assert!(!place.path().join("half.rejected.vcf").exists());
}

#[test]
fn a_rejected_card_is_cut_out_by_its_bytes_whatever_ends_the_lines_before_it() {
    let place = Place::new();
    let _daemon = place.serve();
    for (name, end) in
        [("lf", "\n"), ("crlf", "\r\n"), ("phone", "\r\r\n"), ("cr", "\r"), ("crs", "\r\r")]
    {
        let before: String =
            ["BEGIN:VCARD", "VERSION:2.1", "FN:A", "TEL:1", "END:VCARD", ""].join(end);
        let bad = "FN:lost\r\nNOTE:its text\r\nEND:VCARD\r\n";
        let file = place.file(&format!("{name}.vcf"), before.clone() + bad + &good("B"));
        import(&place, &[&file]).0.expect(4);
        assert_eq!(saved(&place, &format!("{name}.rejected.vcf")), bad, "{name}");
    }
}

#[test]
fn what_was_repaired_is_told_with_its_line() {
    let place = Place::new();
    let _daemon = place.serve();
    let odd = "BEGIN:VCARD\r\nFN:Odd\r\nTEL:1\r\nwhat is this\r\nnor this\r\nEND:VCARD\r\n";
    let (ran, told) = import(&place, &[&place.file("odd.vcf", good("Ann") + odd)]);
    ran.expect(0).says(&[
        "odd.vcf:6: VERSION is missing",
        "odd.vcf:9: this line is not a property; it was kept as X-UNREADABLE-LINE (and 1 more of these)",
    ]);
    assert_eq!(told[0]["warnings"], 3);
    let lines = told[0]["repairs"].as_array().expect("a list");
    assert!(
        lines
            .iter()
            .any(|one| one["kind"] == "UnreadableLine" && one["count"] == 2 && one["line"] == 9)
    );
    let (ran, told) =
        import(&place, &[&place.file("head.vcf", "\nhello\nworld\n".to_owned() + &good("Ann"))]);
    ran.expect(0)
        .says(&["head.vcf:2: text before the first card was left out (and 1 more of these)"]);
    assert_eq!(told[0]["warnings"], 2);
}

#[test]
fn a_charset_that_is_not_declared_is_never_taken_without_a_word() {
    let place = Place::new();
    let daemon = place.serve();
    let people = ["山田太郎", "鈴木一郎", "佐藤花子", "高橋健一", "渡辺さくら"];
    let text: String = people.map(good).concat();
    let file = place.file("japanese.vcf", encoding_rs::SHIFT_JIS.encode(&text).0);
    let (ran, told) = import(&place, &[&file]);
    ran.expect(0).says(&["japanese.vcf: not UTF-8", "read as windows-1252", "--charset shift_jis"]);
    assert_eq!(told[0]["charset_guess"], "shift_jis");
    drop(daemon);
    let place = Place::new();
    let daemon = place.serve();
    let file = place.file("japanese.vcf", encoding_rs::SHIFT_JIS.encode(&text).0);
    let ran =
        place.run(["import", "--charset", "shift_jis", file.to_str().expect("a path")]).expect(0);
    assert!(!ran.stderr.contains("not UTF-8"), "{ran:?}");
    assert_eq!(names(&mut daemon.client()).len(), 5);
    let west = place.file("west.vcf", encoding_rs::WINDOWS_1252.encode(&good("José Müller")).0);
    import(&place, &[&west]).0.expect(0).says(&["read as windows-1252"]);
    let (ran, told) = import(&place, &[&place.file("utf-8.vcf", good("Žofie"))]);
    assert!(!ran.expect(0).stderr.contains("charset") && told[0].get("charset_guess").is_none());
}

#[test]
fn a_contact_in_the_trash_stays_there_and_that_is_told() {
    let place = Place::new();
    let daemon = place.serve();
    let file = place.file("gone.vcf", good("Gone") + &good("Here"));
    import(&place, &[&file]).0.expect(0);
    place.run(["rm", "--yes", "gone"]).expect(0);
    let (ran, told) = import(&place, &[&file]);
    ran.expect(0).says(&["1 of them is in the trash", "contactbox trash", "contactbox restore"]);
    assert_eq!(tally(&told[0]), [0, 0, 2, 0]);
    assert_eq!(told[0]["trashed"], 1);
    assert_eq!(names(&mut daemon.client()), ["Here"]);
    place.run(["restore", "gone"]).expect(0);
    assert!(import(&place, &[&file]).1[0].get("trashed").is_none());
}

#[test]
fn a_folder_is_imported_with_all_that_is_in_it() {
    let place = Place::new();
    let daemon = place.serve();
    let folder = place.path().join("all");
    std::fs::create_dir_all(folder.join("deep")).expect("room for a folder");
    for (name, text) in
        [("b.vcf", good("Bob")), ("deep/a.vcard", good("Ann")), ("cat.jpg", "x".into())]
    {
        std::fs::write(folder.join(name), text).expect("room for a file");
    }
    let (ran, told) = import(&place, &[Path::new("all")]);
    ran.expect(0).says(&["skipped 1 other file: ", "cat.jpg"]);
    assert_eq!(told.iter().map(tally).collect::<Vec<_>>(), [[1, 0, 0, 0], [1, 0, 0, 0]]);
    assert_eq!(names(&mut daemon.client()), ["Ann", "Bob"]);
    let found = daemon.client().call("contact.find", json!({ "query": "cat" }));
    assert_eq!(found["hits"], json!([]));
}

/// A file that lost its END lines: more of it is rejected than one answer can hold.
#[test]
fn every_rejected_card_is_saved_however_many_there_are() {
    let place = Place::new();
    let daemon = place.serve();
    let bad = "BEGIN:VCARD\nVERSION:3.0\n".repeat(4500);
    let file = place.file("many.vcf", good("Before") + &bad + &good("Behind"));
    let (ran, told) = import(&place, &[&file]);
    ran.expect(4).says(&["many.vcf:", "more"]);
    assert_eq!(tally(&told[0]), [2, 0, 0, 4500]);
    assert_eq!(saved(&place, "many.rejected.vcf"), bad);
    assert_eq!(names(&mut daemon.client()), ["Before", "Behind"]);
    // A client that does not ask for parts is told the number.
    let mut client = daemon.client();
    let told = client.call("contact.import", json!({ "vcard": bad }));
    assert_eq!(told["rejected"].as_array().map(Vec::len), Some(1000));
    assert_eq!((&told["rejected_untold"], &told["rest"]), (&json!(3500), &json!(null)));
}

/// The vCard that begins the next part of an answer is read twice, and its repairs are reported
/// once.
#[test]
fn a_repair_in_a_card_that_is_left_to_another_part_is_counted_once() {
    let place = Place::new();
    let _daemon = place.serve();
    // Each of them is empty, so it is rejected, and has a byte that no text may have.
    let bad = "BEGIN:VCARD\nVERSION:3.0\0\n".repeat(2500);
    let (ran, told) = import(&place, &[&place.file("many.vcf", bad)]);
    ran.expect(4);
    assert_eq!(tally(&told[0]), [0, 0, 0, 2500]);
    let repairs = told[0]["repairs"].as_array().expect("a list");
    let of_bytes = repairs.iter().find(|repair| repair["kind"] == "NulBytes").expect("it is told");
    assert_eq!(of_bytes["count"], 2500, "{}", told[0]);
}

#[test]
fn a_file_of_nothing_but_rejected_cards_is_not_said_to_be_saved_in_itself() {
    let place = Place::new();
    let _daemon = place.serve();
    let file = place.file("bad.vcf", "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n");
    let (ran, told) = import(&place, &[&file]);
    ran.expect(4).says(&["no card of", "mend them there and import it again"]);
    assert!(told[0].get("rejected_file").is_none(), "{}", told[0]);
    assert!(!place.path().join("bad.rejected.vcf").exists());
}

#[test]
fn text_before_the_first_card_that_no_frame_carries_is_saved() {
    let place = Place::new();
    let daemon = place.serve_with(&["--frame-bytes", "65536"]);
    let head = "NOTE:precious\n".repeat(20_000);
    for (name, end) in [("end.vcf", "END:VCARD\n"), ("text.vcf", "")] {
        let file = place.file(name, format!("{head}{end}{}", good("Ok")));
        let (ran, told) = import(&place, &[&file]);
        ran.expect(4).says(&[&format!("{name}:1: "), "before the first BEGIN:VCARD"]);
        assert_eq!(told[0]["rejected"], 1);
        let saved = saved(&place, &name.replace(".vcf", ".rejected.vcf"));
        assert!(saved == format!("{head}{end}"), "{} bytes are saved", saved.len());
    }
    let (ran, _) = import(&place, &[&place.file("no.vcf", &head)]);
    ran.expect(1).says(&["holds no vCard"]);
    assert!(!place.path().join("no.rejected.vcf").exists());
    assert_eq!(names(&mut daemon.client()), ["Ok"]);
}

#[test]
fn what_is_rejected_is_put_behind_what_was_and_over_nothing() {
    let place = Place::new();
    let _daemon = place.serve();
    let bad = |version: &str| format!("BEGIN:VCARD\nVERSION:{version}\nEND:VCARD");
    let files = [place.file("a.vcf", bad("3.0")), place.file("b.vcf", bad("4.0"))];
    let kept = place.path().join("bad.vcf");
    let import = || {
        let mut command = place.command(["import", "--rejected"]);
        command.arg(&kept).args(&files);
        Ran::of(command.output().expect("the program runs"))
    };
    import().expect(4);
    let both = saved(&place, "bad.vcf");
    assert_eq!(both, format!("{}\r\n{}\r\n", bad("3.0"), bad("4.0")));
    import().expect(2).says(&["bad.vcf is there already", "--rejected"]);
    assert_eq!(saved(&place, "bad.vcf"), both);
}

/// A folder that cannot be read is no reason to leave out the others.
#[test]
fn a_folder_that_can_not_be_read_costs_that_folder() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let daemon = place.serve();
    for folder in ["all/a", "all/closed", "all/z"] {
        std::fs::create_dir_all(place.path().join(folder)).expect("a folder");
    }
    place.file("all/a/a.vcf", good("A"));
    place.file("all/z/z.vcf", good("Z"));
    let closed = place.path().join("all/closed");
    let set = |mode| {
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(mode))
            .expect("it is ours")
    };
    set(0o000);
    // A user who may read everything is not kept out.
    let is_closed = std::fs::read_dir(&closed).is_err();
    let (ran, told) = import(&place, &[&place.path().join("all")]);
    set(0o700);
    if is_closed {
        ran.expect(4).says(&["closed cannot be read"]);
        assert!(
            told[0]["error"].as_str().is_some_and(|error| error.contains("closed")),
            "{told:?}"
        );
    } else {
        report::line("bad_input", "run as the superuser: a closed folder is only in a unit test");
    }
    assert_eq!(names(&mut daemon.client()), ["A", "Z"]);
}

/// Half of an import is not what was asked for, even if nobody reads its output.
#[test]
fn an_import_comes_to_its_end_when_nobody_reads_what_it_says() {
    let place = Place::new();
    let daemon = place.serve();
    let files = ["A", "B", "C", "D"].map(|name| place.file(&format!("{name}.vcf"), good(name)));
    for json in [false, true] {
        let mut command = place.command(["import"]);
        command.args(&files).args(json.then_some("--json"));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("the program runs");
        drop(child.stdout.take());
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0));
        assert_eq!(names(&mut daemon.client()), ["A", "B", "C", "D"]);
        place.run(["rm", "A"]).expect(0);
        place.run(["restore", "A"]).expect(0);
    }
}
