//! The box's file taken away under a running daemon: nothing more is acknowledged, and nothing
//! acknowledged is lost.
use super::boxes::filled;
use super::contacts;
use contactbox_tests::daemon::{Client, Daemon, Place};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

fn card(name: &str) -> Value {
    json!({ "jcard": ["vcard", [["fn", {}, "text", name]]] })
}

/// Displaces the file of a running box. Returns the contacts before that, a client that was refused
/// after it, and its message.
fn struck(
    place: &Place,
    daemon: &Daemon,
    strike: impl FnOnce(&Path),
    word: &str,
) -> (BTreeMap<String, Vec<String>>, Client, String) {
    let mut client = daemon.client();
    client.call("contact.put", card("Ada Lovelock"));
    let before = contacts(&mut client);
    strike(&place.image());
    let error = client.refused("contact.put", card("Bruno Kessel"), "Disk");
    let told = error["message"].as_str().expect("a text").to_owned();
    for part in [word, "no more changes", "backup"] {
        assert!(told.contains(part), "{part:?} is not in: {told}");
    }
    // Every later change is refused, from every client.
    let uid = before.keys().next().expect("a contact");
    let error = daemon.client().refused("contact.remove", json!({ "uid": uid }), "ReadOnly");
    assert_eq!(error["message"], told);
    place.run(["add", "Carla Neumann"]).expect(1).says(&[word, "no more changes"]);
    let access = client.call("box.info", json!({}))["access"].clone();
    assert_eq!(access, format!("closed: the file was {word}"));
    assert!(daemon.log().contains(word), "{}", daemon.log());
    (before, client, told)
}

/// If somebody renames the folder, the next command begins a box at the old place. The message must
/// not advise to put a file over it.
#[test]
fn a_box_that_has_the_place_of_a_moved_one_is_not_to_be_written_over() {
    let place = Place::new();
    let daemon = filled(&place, 10);
    let aside = place.path().join("aside.box");
    let replace = |image: &Path| {
        fs::rename(image, &aside).and_then(|()| fs::write(image, "another")).expect("it is ours");
    };
    let (before, mut client, told) = struck(&place, &daemon, replace, "replaced");
    is_read(&mut client, &before);
    let says_where = told.contains(&*aside.to_string_lossy());
    assert!(says_where || cfg!(not(target_os = "linux")), "{told}");
    assert!(!told.contains("put the copy at"), "{told}");
}

/// Checks that the file can still be read, if it is whole.
fn is_read(client: &mut Client, before: &BTreeMap<String, Vec<String>>) {
    let now = contacts(client);
    assert!(before.iter().all(|(uid, lines)| now.get(uid) == Some(lines)));
}

/// Returns the path in a message by which the file can still be reached.
fn held(told: &str) -> PathBuf {
    let from = &told[told.find("/proc/").expect("a path of the system")..];
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '/';
    PathBuf::from(&from[..from.find(|c| !is_part(c)).unwrap_or(from.len())])
}

#[test]
fn a_deleted_file_is_told_and_comes_back() {
    let place = Place::new();
    let daemon = filled(&place, 300);
    let (before, mut client, told) =
        struck(&place, &daemon, |image| fs::remove_file(image).expect("it is ours"), "deleted");
    is_read(&mut client, &before);
    // The advice of the message helps: a copy of the open file, or the backup that the daemon
    // leaves.
    let safe = place.path().join("safe.box");
    fs::copy(held(&told), &safe).expect("a copy");
    assert!(daemon.stop().success());
    let daemon = place.serve();
    assert_eq!(contacts(&mut daemon.client()).len(), 0, "a new box at the same place");
    let backup = place.data().join("backup");
    place.run(["restore".as_ref(), backup.as_os_str()]).expect(0);
    is_read(&mut daemon.client(), &before);
    daemon.kill();
    fs::rename(&safe, place.image()).expect("the same disk");
    is_read(&mut place.serve().client(), &before);
}

/// A client that only reads is told as well, before anything is refused.
#[test]
fn who_only_reads_is_told_as_well() {
    let place = Place::new();
    let daemon = filled(&place, 10);
    place.run(["find", ""]).expect(0);
    fs::remove_file(place.image()).expect("it is ours");
    place.run(["find", ""]).expect(0).says(&["deleted", "/proc/", "backup"]);
    let access = daemon.client().call("box.info", json!({}))["access"].clone();
    assert_eq!(access, "closed: the file was deleted");
    daemon.client().refused("contact.put", card("Ada Lovelock"), "ReadOnly");
}

#[test]
fn a_file_moved_away_is_told_and_can_be_put_back() {
    let place = Place::new();
    let daemon = filled(&place, 100);
    let aside = place.path().join("aside.box");
    let moved = |image: &Path| fs::rename(image, &aside).expect("the same disk");
    let (before, mut client, told) = struck(&place, &daemon, moved, "moved away");
    is_read(&mut client, &before);
    let says_where = told.contains(&*aside.to_string_lossy());
    assert!(says_where || cfg!(not(target_os = "linux")), "{told}");
    assert!(daemon.stop().success());
    fs::rename(&aside, place.image()).expect("the same disk");
    is_read(&mut place.serve().client(), &before);
}

#[test]
fn a_file_replaced_by_another_is_told() {
    let (place, other) = (Place::new(), Place::new());
    assert!(filled(&other, 10).stop().success());
    let daemon = filled(&place, 100);
    // Like `mv`: the open file has no name any more.
    let replace = |image: &Path| {
        let aside = place.path().join("other.box");
        fs::copy(other.image(), &aside).expect("a copy");
        fs::rename(aside, image).expect("the same disk");
    };
    let (before, mut client, told) = struck(&place, &daemon, replace, "deleted");
    is_read(&mut client, &before);
    let other_bytes = fs::read(other.image()).expect("it is there");
    assert!(fs::read(place.image()).expect("it is there") == other_bytes, "not written to");
    assert!(fs::read(held(&told)).expect("it is there").starts_with(b"contactbox image"));
    daemon.kill();

    // The open file still has another name.
    let place = Place::new();
    let daemon = filled(&place, 100);
    let replace = |image: &Path| {
        fs::hard_link(image, place.path().join("kept.box")).expect("the same disk");
        fs::remove_file(image).and_then(|()| fs::write(image, "")).expect("it is ours");
    };
    let (before, mut client, _) = struck(&place, &daemon, replace, "replaced");
    is_read(&mut client, &before);
}

#[test]
fn a_file_cut_short_or_written_over_is_told() {
    let cut = |image: &Path, bytes: u64| {
        let file = OpenOptions::new().write(true).open(image).expect("it is ours");
        file.set_len(bytes).expect("it is ours");
    };
    for bytes in [0, 4096, 200_000] {
        let place = Place::new();
        let daemon = filled(&place, 100);
        struck(&place, &daemon, |image| cut(image, bytes), "cut short");
    }
    // Like `cp`: the same file with another box in it.
    let other = Place::new();
    assert!(filled(&other, 100).stop().success());
    let place = Place::new();
    let daemon = filled(&place, 10);
    let copy = |image: &Path| {
        fs::copy(other.image(), image).expect("a copy");
    };
    struck(&place, &daemon, copy, "overwritten");
}

/// The copy has the same header, and lacks what was acknowledged since.
#[test]
fn an_older_copy_of_the_box_put_over_its_file_is_told() {
    let place = Place::new();
    let older = place.path().join("older.box");
    // Written in place: `cp` would first cut the file to nothing, and a daemon would report that.
    let put_back = |image: &Path| {
        let bytes = fs::read(&older).expect("a copy");
        let mut file = OpenOptions::new().write(true).open(image).expect("it is ours");
        file.write_all(&bytes).and_then(|()| file.set_len(bytes.len() as u64)).expect("it is ours");
    };
    assert!(filled(&place, 50).stop().success());
    // A copy from an earlier run, before this one has written anything.
    fs::copy(place.image(), &older).expect("a copy");
    let daemon = place.serve_with(&["--backup", "off"]);
    daemon.client().call("contact.put", card("Dora Lind"));
    assert!(daemon.stop().success());
    let daemon = place.serve_with(&["--backup", "off"]);
    put_back(&place.image());
    // The change finds it, or the daemon itself before that.
    let error = daemon.client().try_call("contact.put", card("Emil Sand")).expect("an answer");
    let error = error.expect_err("it was put back");
    assert!(["Disk", "ReadOnly"].iter().any(|kind| error["data"]["kind"] == *kind), "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("overwritten")), "{error}");
    daemon.kill();
    // A copy from this run.
    let daemon = place.serve_with(&["--backup", "off"]);
    daemon.client().call("contact.put", card("Dora Lind"));
    fs::copy(place.image(), &older).expect("a copy");
    daemon.client().call("contact.put", card("Emil Sand"));
    struck(&place, &daemon, put_back, "overwritten");
    daemon.kill();
    // A copy as new as the box has everything, if nothing else writes in between.
    let daemon = place.serve_with(&["--backup", "off"]);
    let mut client = daemon.client();
    client.call("contact.put", card("Frida Holm"));
    fs::copy(place.image(), &older).expect("a copy");
    put_back(&place.image());
    client.call("contact.put", card("Gustav Berg"));
    assert_eq!(client.call("box.info", json!({}))["access"], "read-write");
}

/// A write at the very end, or growth, would give a file that was cut short its length back.
#[test]
fn a_file_cut_short_is_not_made_long_again() {
    let place = Place::new();
    let daemon = filled(&place, 10);
    let mut client = daemon.client();
    let whole = fs::metadata(place.image()).expect("it is there").len();
    let file = OpenOptions::new().write(true).open(place.image()).expect("it is ours");
    file.set_len(whole - 4096).expect("it is ours");
    let photo = format!("data:image/jpeg;base64,{}", "/9j/".repeat(1 << 20));
    let large = json!(["vcard", [["fn", {}, "text", "Large"], ["photo", {}, "uri", photo]]]);
    let refused = client.try_call("contact.put", json!({ "jcard": large })).expect("an answer");
    assert!(refused.is_err(), "{refused:?}");
    assert!(fs::metadata(place.image()).expect("it is there").len() < whole);
}
