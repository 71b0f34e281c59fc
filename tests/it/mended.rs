//! Lost content comes back: by hand, from a card, and without what nobody has.
use contactbox_tests::daemon::{Daemon, Place};
use contactbox_tests::random::Random;
use serde_json::{Value, json};
use std::path::Path;

fn serve(place: &Place) -> Daemon {
    place.serve_with(&["--backup", "off"])
}

/// Damages the image of a closed box where it contains a text.
pub(crate) fn strike(place: &Place, text: &str) {
    strike_bytes(place, text.as_bytes());
}

/// Damages the image where it contains these bytes.
fn strike_bytes(place: &Place, bytes: &[u8]) {
    let mut image = std::fs::read(place.image()).expect("the image");
    let complement: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
    let places = image.windows(complement.len()).enumerate();
    let at: Vec<usize> = places.filter(|(_, part)| *part == complement).map(|(at, _)| at).collect();
    assert!(!at.is_empty(), "it is in the image");
    for at in at {
        image[at..at + complement.len()].fill(0x55);
    }
    std::fs::write(place.image(), image).expect("room for a file");
}

/// A loss is reported until somebody writes the contact anew, and not after that, not even after a
/// restart, which finds the damage again.
#[test]
fn a_loss_that_was_mended_stays_mended() {
    let place = Place::new();
    let daemon = serve(&place);
    for name in ["Ada", "Bea", "Cleo"] {
        place.run(["add", name]).expect(0);
    }
    place.run(["edit", "Bea", "--note", "the newest of her states"]).expect(0);
    for name in ["Dora", "Emil"] {
        place.run(["add", name]).expect(0);
    }
    assert!(daemon.stop().success());
    strike(&place, "newest of her");
    let is_older = |name: &str, exit: i32| {
        let ran = place.run(["find", name]).expect(exit);
        ran.stdout.contains("older version")
    };
    for _ in 0..2 {
        let daemon = serve(&place);
        place.run(["verify"]).expect(1);
        assert!(is_older("Bea", 4) && !is_older("Ada", 4));
        // A change of another contact ends nothing.
        place.run(["edit", "Ada", "--note", "another"]).expect(0);
        place.run(["verify"]).expect(1);
        assert!(daemon.stop().success());
    }
    let daemon = serve(&place);
    place.run(["edit", "Bea", "--note", "written anew"]).expect(0);
    place.run(["verify"]).expect(0);
    assert!(daemon.stop().success());
    for _ in 0..2 {
        let daemon = serve(&place);
        place.run(["verify"]).expect(0);
        assert!(!is_older("Bea", 0) && !is_older("Ada", 0));
        assert!(daemon.stop().success());
    }
}

/// Makes a box with two contacts, one of them with a photo; returns the photo as well.
fn with_photo(place: &Place) -> (Daemon, Vec<u8>) {
    use base64::Engine;
    let daemon = serve(place);
    let photo = Random::new(5).bytes(300_000);
    let url = base64::engine::general_purpose::STANDARD.encode(&photo);
    let url = format!("data:image/jpeg;base64,{url}");
    let ada = json!([
        "vcard",
        [["fn", {}, "text", "Ada"], ["note", {}, "text", "first"], ["photo", {}, "uri", url]]
    ]);
    let mut client = daemon.client();
    client.call("contact.put", json!({ "jcard": ada }));
    client.call("contact.put", json!({ "jcard": ["vcard", [["fn", {}, "text", "Bea"]]] }));
    (daemon, photo)
}

fn folder(place: &Place, name: &str) -> String {
    let folder = place.path().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.to_str().expect("a path of letters").to_owned()
}

fn photo_of(place: &Place, out: &Path) -> Option<String> {
    let out = out.to_str().expect("a path of letters");
    place.run(["export", "ada", "-o", out]);
    let text = std::fs::read_to_string(out).expect("the export");
    let text = text.replace("\r\n ", "");
    text.lines().find(|line| line.starts_with("PHOTO")).map(str::to_owned)
}

/// A photo that cannot be read is no reason to refuse a change beside it. It comes back from a card
/// that has it, even if the contact is not new there.
#[test]
fn a_damaged_photo_keeps_nobody_from_writing_and_comes_back() {
    let place = Place::new();
    let (daemon, photo) = with_photo(&place);
    let out = place.path().join("out.vcf");
    let before = photo_of(&place, &out).expect("it is there");
    let card = folder(&place, "card");
    place.run(["card", "backup", &card]).expect(0);
    assert!(daemon.stop().success());
    strike_bytes(&place, &photo[100_000..100_040]);
    let daemon = serve(&place);
    place.run(["verify"]).expect(1).shows("a photo or document");
    place.run(["edit", "ada", "--note", "second"]).expect(0);
    assert_eq!(photo_of(&place, &out), None);
    assert!(daemon.stop().success());
    let daemon = serve(&place);
    place.run(["edit", "ada", "--note", "third"]).expect(0);
    let synced = place.run(["card", "sync", &card]).expect(0);
    synced.shows("1 photo or document made whole again");
    assert_eq!(photo_of(&place, &out), Some(before.clone()));
    place.run(["verify"]).expect(0);
    assert!(place.run(["show", "ada"]).expect(0).stdout.contains("third"));
    assert!(daemon.stop().success());
    let daemon = serve(&place);
    assert_eq!(photo_of(&place, &out), Some(before));
    place.run(["verify"]).expect(0);
    assert!(daemon.stop().success());
}

/// A new box made of what is left of an old one has everything but the photo, and gets that from a
/// card that has it.
#[test]
fn a_contact_comes_without_the_photo_that_nobody_has() {
    let place = Place::new();
    let (daemon, photo) = with_photo(&place);
    let out = place.path().join("out.vcf");
    let before = photo_of(&place, &out).expect("it is there");
    let (whole, left) = (folder(&place, "whole"), folder(&place, "left"));
    place.run(["card", "backup", &whole]).expect(0);
    assert!(daemon.stop().success());
    strike_bytes(&place, &photo[100_000..100_040]);
    let daemon = serve(&place);
    place.run(["edit", "ada", "--note", "second"]).expect(0);
    place.run(["card", "backup", &left]).expect(4);
    assert!(daemon.stop().success());
    std::fs::rename(place.image(), place.path().join("old.box")).expect("another name");
    let daemon = serve(&place);
    place.run(["restore", &left]).expect(4).says(&["comes without it"]);
    assert!(place.run(["show", "ada"]).expect(0).stdout.contains("second"));
    place.run(["show", "bea"]).expect(0);
    place.run(["edit", "ada", "--note", "third"]).expect(0);
    place.run(["verify"]).expect(1).shows("a photo or document");
    assert!(daemon.stop().success());
    let daemon = serve(&place);
    place.run(["verify"]).expect(1);
    place.run(["card", "sync", &whole]).expect(0);
    assert_eq!(photo_of(&place, &out), Some(before));
    assert!(place.run(["show", "ada"]).expect(0).stdout.contains("third"));
    place.run(["verify"]).expect(0);
    let info: Value = place.run(["info", "--json"]).expect(0).json()[0].clone();
    assert_eq!(info["losses"], 0);
    assert!(daemon.stop().success());
}
