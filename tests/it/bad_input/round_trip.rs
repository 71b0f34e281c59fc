//! The same file twice changes nothing, and every export can be imported again.
use super::{contacts, import, sum};
use contactbox_tests::corpus;
use contactbox_tests::daemon::Place;
use contactbox_tests::report;
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn the_corpus_twice_changes_nothing_and_goes_into_a_fresh_box() {
    let place = Place::new();
    let daemon = place.serve();
    let files = corpus::files();
    let files: Vec<&Path> = files.iter().map(|file| file.as_path()).collect();
    // Without this flag rejected vCards are saved beside a file, and never over an existing one.
    let imported = |rejected: &str| {
        let mut command = place.command(["--json", "import", "--rejected", rejected]);
        let output = command.args(&files).output().expect("the program runs");
        let ran = contactbox_tests::daemon::Ran::of(output);
        assert!([0, 1, 4].contains(&ran.code()), "{ran:?}");
        ran.json()
    };
    let first = imported("first.vcf");
    let [added, updated, unchanged, rejected] = sum(&first);
    let mut client = daemon.client();
    let before = contacts(&mut client);
    assert_eq!(before.len() as u64, added);
    let second = imported("second.vcf");
    let [added_again, updated_again, unchanged_again, rejected_again] = sum(&second);
    assert_eq!([added_again, updated_again, rejected_again], [0, 0, rejected]);
    assert_eq!(unchanged_again, added + updated + unchanged);
    assert_same(&before, &contacts(&mut client), "after the second import");
    report::line(
        "bad input",
        &format!(
            "{}, twice: {added} contacts of {unchanged_again} cards ({updated} say more of one of them, {unchanged} the same), \
             {rejected} rejected; the second time changed none",
            corpus::describe()
        ),
    );

    for version in ["3.0", "4.0"] {
        let out = place.path().join("out.vcf");
        let out_text = out.to_str().expect("a plain path");
        place
            .run(["export", "--shelf", "all", "--version", version, "--output", out_text])
            .expect(0);
        let fresh = Place::new();
        let other = fresh.serve();
        let (ran, told) = import(&fresh, &[&out]);
        ran.expect(0);
        assert_eq!(sum(&told), [added, 0, 0, 0], "version {version}");
        assert_same(&before, &contacts(&mut other.client()), version);
        // Imported into its own box it changes nothing.
        let (ran, told) = import(&place, &[&out]);
        ran.expect(0);
        assert_eq!(sum(&told), [0, 0, added, 0], "version {version} into its own box");
    }
}

fn assert_same(
    expected: &BTreeMap<String, Vec<String>>,
    found: &BTreeMap<String, Vec<String>>,
    when: &str,
) {
    // A vCard without a UID is exported with the one that the box has given it.
    let said = |lines: Option<&Vec<String>>| -> Option<Vec<String>> {
        let said = lines?.iter().filter(|line| !line.starts_with("[\"uid\""));
        Some(said.cloned().collect())
    };
    let differs = |uid: &&String| said(expected.get(*uid)) != said(found.get(*uid));
    let differing: Vec<_> = expected.keys().chain(found.keys()).filter(differs).collect();
    if let Some(uid) = differing.first() {
        panic!(
            "{when}: {} contacts differ, {uid}:\nexpected {:#?}\nfound {:#?}",
            differing.len(),
            expected.get(*uid),
            found.get(*uid)
        );
    }
}

/// With the UID of another contact it would come back from an export as that contact.
#[cfg(unix)]
#[test]
fn an_edit_gives_no_contact_the_uid_of_another() {
    let place = Place::new();
    let daemon = place.serve();
    let card = |name: &str, uid: &str| {
        format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nUID:{uid}\r\nEND:VCARD\r\n")
    };
    let file = place.file("two.vcf", card("Quinn", "q1") + &card("Rose", "r1"));
    import(&place, &[&file]).0.expect(0);
    place.run(["add", "Nobody's"]).expect(0);
    let mut client = daemon.client();
    let before = contacts(&mut client);
    let script = place.path().join("editor");
    for (who, edit) in [
        ("quinn", "s/^UID:.*/UID:r1/"),
        ("quinn", "s/^UID:.*/UID:of nobody yet/"),
        ("quinn", "s/^END:/UID:r1\\r\\nEND:/"),
        ("nobody's", "s/^END:/UID:r1\\r\\nEND:/"),
    ] {
        std::fs::write(&script, format!("#!/bin/sh\nsed -i '/^UID:urn/d; {edit}' \"$1\"\n"))
            .and_then(|()| {
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
                std::fs::set_permissions(&script, mode)
            })
            .expect("a file of ours");
        let mut command = place.command(["edit", who]);
        let ran = command.env("EDITOR", &script).output().expect("the program runs");
        contactbox_tests::daemon::Ran::of(ran)
            .expect(1)
            .says(&["UID of another contact", "your text is kept in"]);
    }
    assert_same(&before, &contacts(&mut client), "after edits that were refused");
}
