//! The box's file and folder in trouble: full and read-only disks, a second daemon, stale sockets,
//! damage.
use super::{contacts, good, import, names, sum};
use contactbox_tests::daemon::{Client, Daemon, Place};
use contactbox_tests::people::people;
use contactbox_tests::random::Random;
use contactbox_tests::report;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Starts a daemon on a box with this many people.
pub(super) fn filled(place: &Place, count: usize) -> Daemon {
    let daemon = place.serve();
    let text: String = people(count, 5).map(|person| person.vcard()).collect();
    assert_eq!(daemon.client().call("contact.import", json!({ "vcard": text }))["added"], count);
    daemon
}

/// A small disk where the tests may mount one, unmounted when this is dropped.
pub(super) struct Disk(PathBuf);

impl Disk {
    /// Mounts a disk of `bytes` at the data folder of `place`; `None` if that cannot be done here.
    pub(super) fn under(place: &Place, bytes: usize) -> Option<Self> {
        fs::create_dir_all(place.data()).expect("the folder takes a folder");
        let disk = Self(place.data());
        disk.mount(&["-t", "tmpfs", "-o", &format!("size={bytes},mode=700"), "tmpfs"])
            .then_some(disk)
    }

    pub(super) fn mount(&self, flags: &[&str]) -> bool {
        let output = Command::new("mount").args(flags).arg(&self.0).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // This fails only if the mount did.
        Command::new("umount").arg("--lazy").arg(&self.0).output().ok();
    }
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    const CARDS: usize = 20_000;
    const BYTES: usize = 5 << 20;
    let place = Place::new();
    let file =
        place.file("people.vcf", people(CARDS, 6).map(|person| person.vcard()).collect::<String>());
    let disk = Disk::under(&place, BYTES);
    let daemon = if disk.is_some() {
        place.serve()
    } else {
        // Without the right to mount, the system's limit on the size of files serves.
        let mut shell = Command::new("sh");
        place.settle(&mut shell);
        let program = contactbox_tests::daemon::program();
        shell.args(["-c", &format!("ulimit -f {}; exec \"$0\" serve", BYTES / 512)]);
        shell.arg(program);
        place.started(shell).unwrap_or_else(|ran| panic!("{ran:?}"))
    };
    let (ran, _) = import(&place, &[&file]);
    ran.expect(1).says(&[
        "the disk has no room",
        "make room",
        "were taken in",
        "goes on from there",
    ]);
    let mut client = daemon.client();
    let before = contacts(&mut client);
    assert!(before.len() > 1000 && before.len() < CARDS, "{} contacts fit", before.len());
    let photo = format!("data:image/jpeg;base64,{}", "/9j/".repeat(1 << 20));
    let large = json!(["vcard", [["fn", {}, "text", "Large"], ["photo", {}, "uri", photo]]]);
    let error = client.refused("contact.put", json!({ "jcard": large }), "Full");
    assert!(
        error["data"]["live_bytes"].is_u64() && error["data"]["capacity_bytes"].is_u64(),
        "{error}"
    );
    // Contacts can still be read and removed.
    client.call("contact.find", json!({ "query": "a" }));
    let uid = before.keys().next().expect("a contact");
    client.call("contact.remove", json!({ "uid": uid }));
    assert_eq!(client.call("box.verify", json!({}))["sound"], true);
    daemon.kill();
    if let Some(disk) = &disk {
        assert!(disk.mount(&["-o", "remount,size=200m"]));
    }
    let daemon = place.serve();
    let mut client = daemon.client();
    assert_eq!(contacts(&mut client), before, "after opening again");
    let (ran, told) = import(&place, &[&file]);
    ran.expect(0);
    let here = before.len() as u64;
    assert_eq!(sum(&told), [CARDS as u64 - here, 0, here, 0], "with room it goes on");
    report::line(
        "bad input",
        &format!("a disk of {} MiB: {here} of {CARDS} cards fit", BYTES >> 20),
    );
}

#[test]
fn a_disk_without_room_for_a_box_is_told() {
    let place = Place::new();
    let Some(_disk) = Disk::under(&place, 256 << 10) else {
        return report::line("bad input", "no right to mount a small disk here");
    };
    place.serve_in_vain(&[]).expect(1).says(&["no room for a box", "make room"]);
    let left = fs::read_dir(place.data()).expect("it opens").count();
    assert_eq!(left, 0, "nothing half made is left");
}

#[test]
fn a_read_only_disk_is_read() {
    let place = Place::new();
    let disk = Disk::under(&place, 50 << 20);
    let daemon = filled(&place, 100);
    let before = contacts(&mut daemon.client());
    assert!(daemon.stop().success());
    match &disk {
        Some(disk) => assert!(disk.mount(&["-o", "remount,ro"])),
        // A user who may mount may also write to read-only files; for others, modes will do.
        None => allow(&place, 0o500, 0o400),
    }
    let socket = place.path().join("socket");
    let socket_text = socket.to_str().expect("a plain path");
    // Beside the box there is no place for a socket now, and the daemon says what to do.
    place.serve_in_vain(&[]).expect(1).says(&["socket", "--socket"]);
    let serving = place
        .command(["serve", "--socket", socket_text])
        .stderr(std::process::Stdio::null())
        .spawn();
    let mut serving = serving.expect("the program runs");
    let mut client = loop {
        match contactbox_tests::daemon::Client::try_connect(&socket) {
            Ok(client) => break client,
            Err(_) => assert!(serving.try_wait().expect("a child").is_none(), "it has ended"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert_eq!(contacts(&mut client), before);
    let error = client.refused(
        "contact.put",
        json!({ "jcard": ["vcard", [["fn", {}, "text", "A"]]] }),
        "ReadOnly",
    );
    assert!(error["message"].as_str().is_some_and(|text| text.contains("read-only")), "{error}");
    let ann = place.file("ann.vcf", good("Ann"));
    let ann = ann.to_str().expect("a plain path");
    place.run(["import", "--socket", socket_text, ann]).expect(1).says(&["read-only"]);
    assert_eq!(client.call("box.verify", json!({}))["sound"], true);
    client.call("box.stop", json!({}));
    assert!(serving.wait().expect("a child").success());
    match &disk {
        Some(disk) => assert!(disk.mount(&["-o", "remount,rw"])),
        None => allow(&place, 0o700, 0o600),
    }
    assert_eq!(contacts(&mut place.serve().client()), before);
}

fn allow(place: &Place, folder: u32, file: u32) {
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    if file & 0o200 == 0 {
        set(&place.image(), file).and_then(|()| set(&place.data(), folder)).expect("it is ours");
    } else {
        set(&place.data(), folder).and_then(|()| set(&place.image(), file)).expect("it is ours");
    }
}

#[test]
fn a_second_daemon_is_told_of_the_first() {
    let place = Place::new();
    let mut daemon = filled(&place, 10);
    place.serve_in_vain(&[]).expect(1).says(&["another contactbox daemon has this box open"]);
    let other = place.path().join("other");
    let other = other.to_str().expect("a plain path");
    let ran = place.run(["serve", "--socket", other]).expect(1);
    ran.says(&["another contactbox daemon has this box open"]);
    // Another box on the socket of the first.
    let socket = place.socket();
    let socket = socket.to_str().expect("a plain path");
    let elsewhere = place.path().join("elsewhere");
    let elsewhere = elsewhere.to_str().expect("a plain path");
    let ran = place.run(["serve", "--data", elsewhere, "--socket", socket]).expect(1);
    ran.says(&["another daemon listens on", "--socket"]);
    assert!(daemon.is_alive());
    assert_eq!(names(&mut daemon.client()).len(), 10);
}

#[test]
fn a_stale_socket_is_replaced_and_other_files_are_not() {
    let place = Place::new();
    filled(&place, 10).kill();
    assert!(place.socket().exists(), "a killed daemon leaves its socket");
    place.run(["find"]).expect(6).says(&["serve"]);
    let daemon = place.serve();
    assert_eq!(names(&mut daemon.client()).len(), 10);
    assert!(daemon.stop().success());
    assert!(!place.socket().exists(), "a daemon that ends takes its socket with it");
    fs::write(place.socket(), "precious").expect("room for a file");
    place.serve_in_vain(&[]).expect(1).says(&["is no socket", "--socket"]);
    assert_eq!(fs::read(place.socket()).expect("it is still there"), b"precious");
}

#[test]
fn a_foreign_file_is_refused_and_left_as_it_is() {
    for bytes in [&b"SQLite format 3\0"[..], b"", &[0; 100_000], &Random::new(3).bytes(3 << 20)] {
        let place = Place::new();
        fs::create_dir_all(place.data()).expect("room for a folder");
        fs::write(place.image(), bytes).expect("room for a file");
        place.serve_in_vain(&[]).expect(1).says(&["contacts.box", "not a contactbox image"]);
        assert!(fs::read(place.image()).expect("it is still there") == bytes, "it is as it was");
    }
}

#[test]
fn an_image_cut_short_is_refused_and_what_is_left_can_be_read() {
    let place = Place::new();
    let daemon = filled(&place, 3000);
    let before = contacts(&mut daemon.client());
    assert!(daemon.stop().success());
    let whole = fs::read(place.image()).expect("the image");
    let cut = &whole[..whole.len() / 3 + 1000];
    fs::write(place.image(), cut).expect("room for a file");
    place.serve_in_vain(&[]).expect(1).says(&["was cut short", "--salvage"]);
    assert!(fs::read(place.image()).expect("it is still there") == cut, "it is as it was");
    // The backup would restore what is missing, and later what was added meanwhile.
    let daemon = place.serve_with(&["--salvage", "true", "--backup", "off"]);
    let mut client = daemon.client();
    let left = contacts(&mut client);
    assert!(left.iter().all(|(uid, lines)| before.get(uid) == Some(lines)), "nothing is made up");
    assert!(daemon.log().contains("cut short"), "{}", daemon.log());
    let told = client.call("box.verify", json!({}));
    assert_eq!((told["sound"].as_bool(), told["losses"].as_u64() > Some(0)), (Some(false), true));
    let put = json!({ "jcard": ["vcard", [["fn", {}, "text", "New"]]] });
    let new = client.call("contact.put", put)["uid"].clone();
    // Each contact may have had a newer version, except one that was written since.
    let old = left.keys().next().expect("a third of them").clone();
    let is_stale = |client: &mut Client, uid: serde_json::Value| {
        client.call("contact.get", json!({ "uid": uid }))["stale"].as_bool()
    };
    assert_eq!(is_stale(&mut client, old.clone().into()), Some(true));
    assert_ne!(is_stale(&mut client, new.clone()), Some(true));
    assert!(daemon.stop().success());
    // The file has its old length again and nothing in it is damaged. Something is missing all the
    // same.
    let daemon = place.serve_with(&["--backup", "off"]);
    let verdict = place.run(["verify"]).expect(1).stdout;
    assert!(verdict.contains("there is damage") && verdict.contains("new box"));
    assert_eq!(is_stale(&mut daemon.client(), old.into()), Some(true));
    assert_ne!(is_stale(&mut daemon.client(), new), Some(true));
    // The cure if nobody has what is missing: everything left goes into a new box.
    let left = contacts(&mut daemon.client());
    let backup = place.path().join("kept");
    let backup = backup.to_str().expect("a plain path");
    fs::create_dir(backup).expect("room for a folder");
    let lacks = "contacts may be missing";
    place.run(["card", "backup", backup]).expect(4).says(&[lacks]);
    place.run(["export"]).expect(4).says(&[lacks]);
    place.run(["find", "New"]).expect(4).says(&[lacks]);
    assert!(daemon.stop().success());
    fs::rename(place.image(), place.path().join("old.box")).expect("another name");
    let daemon = place.serve_with(&["--backup", "off"]);
    place.run(["restore", backup]).expect(0);
    place.run(["verify"]).expect(0);
    place.run(["find", "New"]).expect(0);
    assert!(contacts(&mut daemon.client()) == left, "all that was left is there");
    assert!(daemon.stop().success());
    report::line(
        "bad input",
        &format!("an image cut to a third: {} of {} contacts are left", left.len(), before.len()),
    );
    fs::write(place.image(), &whole).expect("room for a file");
    let daemon = place.serve_with(&["--backup", "off"]);
    assert!(contacts(&mut daemon.client()) == before, "with the whole file put back");
}

#[test]
fn flipped_bits_are_corrected_and_struck_pages_reported() {
    let place = Place::new();
    let daemon = filled(&place, 2000);
    let before = contacts(&mut daemon.client());
    assert!(daemon.stop().success());
    let whole = fs::read(place.image()).expect("the image");
    let mut random = Random::new(11);

    // A bit in each page: each is corrected or harmless.
    let mut bytes = whole.clone();
    for page in bytes.chunks_mut(64 << 10) {
        let at = random.below(page.len());
        page[at] ^= 1 << random.below(8);
    }
    fs::write(place.image(), &bytes).expect("room for a file");
    let daemon = place.serve();
    assert_eq!(contacts(&mut daemon.client()), before, "one bit in each 64 KiB");
    assert!(daemon.stop().success());

    // Some KiB of noise: the damage is reported, the rest is there, and nothing is made up.
    let mut bytes = whole.clone();
    let middle = 200 << 10;
    let nonsense = random.bytes(5000);
    bytes[middle..middle + nonsense.len()].copy_from_slice(&nonsense);
    fs::write(place.image(), &bytes).expect("room for a file");
    // The backup would restore what is missing.
    let daemon = place.serve_with(&["--backup", "off"]);
    let mut client = daemon.client();
    let left = contacts(&mut client);
    assert!(left.iter().all(|(uid, lines)| before.get(uid) == Some(lines)), "nothing is made up");
    assert!(left.len() + 100 > before.len(), "{} contacts are left", left.len());
    assert_eq!(client.call("box.info", json!({}))["damaged"], true);
    let ran = place.run(["verify"]).expect(1);
    assert!(ran.stdout.contains("there is damage"), "{ran:?}");
    assert!(daemon.log().contains("damage"), "{}", daemon.log());
    // A new import of the same vCards restores it.
    let file: String = people(2000, 5).map(|person| person.vcard()).collect();
    let (ran, told) = import(&place, &[&place.file("people.vcf", file)]);
    ran.expect(0);
    let lost = (before.len() - left.len()) as u64;
    assert_eq!(sum(&told), [lost, 0, left.len() as u64, 0]);
    assert_eq!(contacts(&mut client).len(), before.len());
    report::line(
        "bad input",
        &format!("5,000 bytes of nonsense in an image cost {lost} of 2,000 contacts"),
    );

    // One copy of the header is enough.
    let mut bytes = whole.clone();
    bytes[..100].fill(0xa5);
    drop(daemon);
    fs::write(place.image(), &bytes).expect("room for a file");
    assert_eq!(contacts(&mut place.serve().client()), before, "with the first header gone");
}

/// The system ends a process that writes past the limit, unless it is asked not to.
#[test]
fn a_limit_on_the_size_of_files_is_told_and_ends_nobody() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    place.settle(&mut shell);
    shell.args(["-c", "ulimit -f 4096; exec \"$0\" serve --backup off"]);
    shell.arg(contactbox_tests::daemon::program());
    let daemon = place.started(shell).unwrap_or_else(|ran| panic!("{ran:?}"));
    let mut client = daemon.client();
    let note = "word ".repeat(2_000);
    let card = |number: usize| json!({ "jcard": ["vcard", [["fn", {}, "text", format!("Person {number}")], ["note", {}, "text", note]]] });
    let taken = (0..2_000)
        .take_while(|number| {
            client.try_call("contact.put", card(*number)).expect("an answer").is_ok()
        })
        .count();
    assert!(taken > 50 && taken < 2_000, "{taken} contacts fit");
    client.refused("contact.put", card(0), "Full");
    assert_eq!(contacts(&mut client).len(), taken);
    daemon.kill();
    assert_eq!(contacts(&mut place.serve().client()).len(), taken);
}
