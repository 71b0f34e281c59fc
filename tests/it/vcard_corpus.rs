//! Every vCard file of the corpus is read, written as 3.0 and 4.0, and read again: nothing is lost.
use contactbox_core::vcard::VcardVersion;
use contactbox_tests::vcards::{self, OwnedProperty, Reading};
use contactbox_tests::{corpus, report};

fn files() -> Vec<(String, Vec<u8>)> {
    let read = |path: std::path::PathBuf| {
        let bytes = std::fs::read(&path).expect("a file of the corpus can be read");
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_default(), bytes)
    };
    corpus::files().into_iter().map(read).collect()
}

fn assert_same(name: &str, way: &str, expected: &Reading, found: &Reading) {
    let (expected, found) = (expected.sorted(), found.sorted());
    for (number, (expected, found)) in expected.iter().zip(&found).enumerate() {
        let lost: Vec<&OwnedProperty> = expected.iter().filter(|it| !found.contains(it)).collect();
        let added: Vec<&OwnedProperty> = found.iter().filter(|it| !expected.contains(it)).collect();
        assert!(
            expected == found,
            "{name}, card {number}, {way}: lost {lost:#?}, added {added:#?}"
        );
    }
    assert_eq!(expected.len(), found.len(), "{name}, {way}: cards");
}

#[test]
fn every_file_comes_back_from_both_versions() {
    let mut cards = 0;
    let mut properties = 0;
    for (name, bytes) in files() {
        let first = vcards::read(&bytes);
        assert!(
            !first.cards.is_empty() || !first.rejections.is_empty(),
            "{name}: neither a card nor a rejection"
        );
        if first.cards.is_empty() {
            continue;
        }
        cards += first.cards.len();
        properties += first.cards.iter().map(Vec::len).sum::<usize>();
        for (way, version, other) in [
            ("3.0", VcardVersion::V3, VcardVersion::V4),
            ("4.0", VcardVersion::V4, VcardVersion::V3),
        ] {
            let text = vcards::write(&first.cards, version);
            let second = vcards::read(text.as_bytes());
            assert_eq!(second.rejections, [], "{name}, {way}\n{text}");
            assert_same(&name, way, &first, &second);
            assert_eq!(vcards::write(&second.cards, version), text, "{name}, {way}: twice");
            let crossed = vcards::read(vcards::write(&second.cards, other).as_bytes());
            assert_same(&name, "and then the other", &first, &crossed);
        }
    }
    report::line(
        "vcard_corpus",
        &format!("{}: {cards} cards, {properties} properties, all back", corpus::describe()),
    );
}
