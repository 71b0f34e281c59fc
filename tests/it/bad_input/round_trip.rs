//! The same file twice changes nothing, and what goes out comes in again.
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
    // Rejected cards are saved beside a file unless that is said, and over none that is there.
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
        // Into the box it came from it brings nothing.
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
    // A card without a UID goes out with the one the box has given it.
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
