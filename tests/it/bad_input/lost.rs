//! Boxes whose file, header, backup or disk is lost or damaged: reported at once with the cure, and
//! repaired where possible.
use super::boxes::{Disk, filled};
use super::contacts;
use contactbox_tests::daemon::{Daemon, Place, Ran, until};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use serde_json::{Value, json};
use std::fs;
use std::time::Instant;

/// Runs the command line, which may start a daemon.
fn run(place: &Place, words: &[&str]) -> Ran {
    let mut command = place.command(words);
    command.env_remove("CONTACTBOX_NO_AUTOSTART");
    Ran::of(command.output().expect("the program runs"))
}

#[test]
fn an_empty_box_beside_the_backup_of_another_is_told() {
    let place = Place::new();
    let daemon = filled(&place, 30);
    let before = contacts(&mut daemon.client());
    assert!(daemon.stop().success());
    let backup = place.data().join("backup");
    let backup = backup.to_str().expect("a plain path");
    fs::remove_file(place.image()).expect("it is ours");
    // The client that starts the daemon is told, and later ones as well; scripts find it in their
    // output.
    let notice = ["is empty", backup, "the backup of another one", "contactbox restore"];
    run(&place, &["find", "nobody at all"]).expect(3).says(&notice);
    run(&place, &["--no-autostart", "info"]).expect(0).says(&notice);
    let log = fs::read_to_string(place.data().join("daemon.log")).expect("its log");
    assert!(notice.iter().all(|part| log.contains(part)), "{log}");
    // The advice helps, and is not repeated after that.
    let ran = run(&place, &["restore", backup]).expect(0);
    assert!(!ran.stderr.contains("is empty"), "{ran:?}");
    let ran = run(&place, &["info"]).expect(0);
    assert!(!ran.stderr.contains("is empty"), "{ran:?}");
    run(&place, &["stop"]).expect(0);
    let daemon = place.serve();
    assert!(contacts(&mut daemon.client()) == before, "all is there, and as it was");
    assert!(daemon.stop().success());
    // A box without any backup beside it says nothing.
    let place = Place::new();
    let ran = run(&place, &["info"]).expect(0);
    assert!(!ran.stderr.contains("is empty"), "{ran:?}");
    run(&place, &["stop"]).expect(0);
}

#[test]
fn a_struck_header_is_made_anew_when_that_is_asked_for() {
    let place = Place::new();
    let daemon = filled(&place, 1000);
    let before = contacts(&mut daemon.client());
    // The backup would restore what the rounds before have added.
    let serve = |flags: &[&str]| place.serve_with(&[&["--backup", "off"], flags].concat());
    let id = daemon.client().call("box.hello", json!({}))["box"].clone();
    assert!(daemon.stop().success());
    let whole = fs::read(place.image()).expect("the image");
    let mut random = Random::new(7);
    for strike in [vec![0; 4096], vec![0xFF; 4096], random.bytes(4096), random.bytes(3000)] {
        let mut bytes = whole.clone();
        bytes[..strike.len()].copy_from_slice(&strike);
        fs::write(place.image(), &bytes).expect("room for a file");
        // The mark beside the image knows of the rounds before.
        fs::remove_file(place.image().with_extension("box.mark")).ok();
        place.serve_in_vain(&[]).expect(1).says(&["header is damaged", "--salvage true", "backup"]);
        assert!(fs::read(place.image()).expect("it is there") == bytes, "it is as it was");
        let daemon = serve(&["--salvage", "true"]);
        assert!(daemon.log().contains("made anew"), "{}", daemon.log());
        let mut client = daemon.client();
        assert!(contacts(&mut client) == before, "all is there, and as it was");
        assert_eq!(client.call("box.hello", json!({}))["box"], id);
        assert_eq!(client.call("box.verify", json!({}))["sound"], true);
        client.call("contact.put", json!({ "jcard": ["vcard", [["fn", {}, "text", "New"]]] }));
        assert!(daemon.stop().success());
        // From then on it is an image like any other.
        assert_eq!(contacts(&mut serve(&[]).client()).len(), before.len() + 1);
    }
    // Cut off behind the last used page, or within the next one: nobody knows whether there was
    // more, and the daemon says so.
    const PAGE: usize = 65_536;
    let used = whole[4096..].chunks(PAGE).rposition(|page| page.iter().any(|&byte| byte != 0));
    let end = 4096 + (used.expect("a box") + 1) * PAGE;
    for end in [end, end - 5000, end + 5000] {
        let mut bytes = whole[..end].to_vec();
        bytes[..4096].fill(0);
        fs::write(place.image(), &bytes).expect("room for a file");
        fs::remove_file(place.image().with_extension("box.mark")).ok();
        let daemon = serve(&["--salvage", "true"]);
        assert!(daemon.stop().success());
        let daemon = serve(&[]);
        assert_eq!(daemon.client().call("box.verify", json!({}))["sound"], false, "{end}");
        assert!(daemon.stop().success());
    }
    // A file without any page of a box belongs to somebody else, whatever the flags.
    for bytes in [vec![0; 300_000], random.bytes(300_000), b"BEGIN:VCARD".to_vec()] {
        fs::write(place.image(), &bytes).expect("room for a file");
        let ran = place.serve_in_vain(&["--salvage", "true"]).expect(1);
        ran.says(&["not a contactbox image"]);
        assert!(fs::read(place.image()).expect("it is there") == bytes, "it is as it was");
    }
}

fn backup_of(place: &Place, daemon: &Daemon) -> Value {
    let folder = place.data().join("backup");
    let info = daemon.client().call("box.info", json!({}));
    info["places"][folder.to_str().expect("a plain path")].clone()
}

#[test]
fn a_backup_that_fails_is_told_with_why_and_since_when() {
    let place = Place::new();
    let why = "cannot be made";
    fs::create_dir_all(place.data()).expect("room for a folder");
    let way = place.data().join("backup");
    fs::write(&way, "").expect("room for a file");
    let daemon = place.serve();
    // The daemon answers before the thread that keeps the backup has begun.
    until("it begins", || backup_of(&place, &daemon)["state"] == "nothing to keep yet");
    let begun = Instant::now();
    daemon.client().call("contact.put", json!({ "vcard": "BEGIN:VCARD\nFN:Ada\nEND:VCARD" }));
    let mut states = vec![Value::from("nothing to keep yet")];
    until("it fails", || {
        let state = backup_of(&place, &daemon)["state"].clone();
        if states.last() != Some(&state) {
            states.push(state.clone());
        }
        state == "failed"
    });
    // The waiting state is short, and a slow machine may miss it.
    states.retain(|state| state != "waiting for its first backup");
    assert_eq!(states, ["nothing to keep yet", "failed"]);
    let told = backup_of(&place, &daemon);
    assert!(told["why"].as_str().is_some_and(|text| text.contains(why)), "{told}");
    let since = told["since"].as_u64().expect("a time");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("a clock").as_millis() as u64;
    assert!(since <= now && now - since <= begun.elapsed().as_millis() as u64, "{told}");
    let shown = place.run(["info"]).expect(0).stdout;
    assert!(shown.contains("failed") && shown.contains(why) && shown.contains("since"), "{shown}");
    // It is tried again and again, and the time of the first failure is reported.
    until("it is tried again", || backup_of(&place, &daemon)["checked"] != told["checked"]);
    assert_eq!(backup_of(&place, &daemon)["since"], told["since"]);
    fs::remove_file(&way).expect("it is ours");
    until("it works again", || backup_of(&place, &daemon)["state"] == "in step");
    assert!(backup_of(&place, &daemon)["since"].is_null());
}

#[test]
fn a_read_only_disk_is_named_to_who_would_start_a_daemon() {
    let place = Place::new();
    let Some(disk) = Disk::under(&place, 50 << 20) else {
        return report::line("bad input", "no right to mount a small disk here");
    };
    let daemon = filled(&place, 20);
    let before = contacts(&mut daemon.client());
    assert!(daemon.stop().success());
    assert!(disk.mount(&["-o", "remount,ro"]));
    let image = place.image();
    let image = image.to_str().expect("a plain path");
    let cure = ["its disk is read-only", "--data", "--image", image];
    run(&place, &["find", "a"]).expect(6).says(&cure);
    // The advice works.
    let aside = place.path().join("aside");
    let aside = aside.to_str().expect("a plain path");
    let elsewhere = ["--data", aside, "--image", image];
    let found = run(&place, &[&elsewhere[..], &["find", "", "--json", "-n", "100"]].concat());
    assert_eq!(found.expect(0).json().len(), before.len());
    run(&place, &[&elsewhere[..], &["add", "Somebody"]].concat()).expect(1).says(&["read-only"]);
    run(&place, &[&elsewhere[..], &["stop"]].concat()).expect(0);
    assert!(disk.mount(&["-o", "remount,rw"]));
}
