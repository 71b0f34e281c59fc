//! Cards and backups as people and scripts use them: real daemons, folders that stand for cards.

use contactbox_tests::cards::with_generation;
use contactbox_tests::daemon::{Daemon, Place, Ran, until};
use contactbox_tests::disk::{Disk, Layout};
use contactbox_tests::emulator::CardImage;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The sample that ships with the daemon.
const PEOPLE: &[u8] = include_bytes!("../../daemon/src/samples/people.vcf");

/// Starts a box whose only backups are those that the test asks for.
pub fn bare() -> (Place, Daemon) {
    served(&[])
}

fn served(flags: &[&str]) -> (Place, Daemon) {
    let place = Place::new();
    let flags = [&["--backup", "off"], flags].concat();
    let daemon = place.serve_with(&flags);
    (place, daemon)
}

fn people(place: &Place) {
    let file = place.file("people.vcf", PEOPLE);
    place.run(["import".as_ref(), file.as_os_str()]).expect(0);
}

fn card(place: &Place) -> PathBuf {
    let folder = place.path().join("card");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

pub fn run(place: &Place, words: &[&str], path: &Path) -> Ran {
    let path = path.to_str().expect("a path of letters");
    place.run([words, &[path, "--json"]].concat())
}

/// Returns the root of a box, by a sync with an empty card, which changes nothing in the box.
pub fn root(place: &Place) -> String {
    let folder = tempfile::tempdir().expect("a temp folder");
    let synced = run(place, &["card", "sync"], folder.path()).expect(0).json();
    synced[0]["root"].as_str().expect("a root").to_owned()
}

fn add(daemon: &Daemon, name: &str) -> Value {
    let vcard = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEND:VCARD\r\n");
    daemon.client().call("contact.put", json!({ "vcard": vcard }))
}

fn finds(daemon: &Daemon, query: &str) -> usize {
    let found = daemon.client().call("contact.find", json!({ "query": query }));
    found["hits"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_backup_restores_an_empty_box() {
    let (place, daemon) = bare();
    people(&place);
    place.run(["rm", "ada byrd"]).expect(0);
    place.run(["rm", "--purge", "--yes", "ada fenwick"]).code();
    let card = card(&place);
    let backup = run(&place, &["card", "backup"], &card).expect(0).json();
    assert_eq!((&backup[0]["kind"], &backup[0]["unreadable"]), (&"snapshot".into(), &0.into()));
    let listed = run(&place, &["card", "list"], &card).expect(0).json();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["root"], backup[0]["root"]);
    run(&place, &["card", "verify"], &card).expect(0);
    // A box that is not empty is not restored into.
    run(&place, &["restore"], &card).expect(1).says(&["card sync"]);
    drop(daemon);

    let (other, daemon) = bare();
    let restored = run(&other, &["restore"], &card).expect(0).json();
    assert_eq!(restored[0]["root"], backup[0]["root"]);
    assert_eq!(root(&other), backup[0]["root"].as_str().expect("a root"));
    assert_eq!(finds(&daemon, "ada byrd"), 0, "the trash is the trash");
    other.run(["restore", "ada byrd"]).expect(0);
    assert_eq!(finds(&daemon, "ada byrd"), 1);
    assert_eq!(daemon.client().call("box.info", json!({}))["damaged"], false);
}

#[test]
fn what_is_no_card_is_said_to_be_none() {
    let (place, _daemon) = bare();
    run(&place, &["card", "backup"], &place.path().join("nowhere"))
        .expect(1)
        .says(&["is no card", "make the folder first"]);
    run(&place, &["restore"], &place.path().join("nowhere")).expect(1).says(&["is no card"]);
    let card = card(&place);
    run(&place, &["restore"], &card).expect(3).says(&["no backup"]);
    run(&place, &["card", "list"], &card).expect(3);
    run(&place, &["card", "verify"], &card).expect(3);
    let file = place.file("notes.img", vec![0; 1 << 20]);
    run(&place, &["card", "backup"], &file).expect(1).says(&["no FAT", "FAT12", "mkfs.vfat -F 32"]);
    run(&place, &["card", "list"], &file).expect(1).says(&["no FAT", "FAT12", "mkfs.vfat -F 32"]);
    // The first sector of a card of more than 32 GB as it is sold.
    let mut exfat = vec![0; 1 << 20];
    exfat[..11].copy_from_slice(b"\xEB\x76\x90EXFAT   ");
    exfat[510..512].copy_from_slice(&[0x55, 0xAA]);
    let file = place.file("large.img", exfat);
    run(&place, &["card", "list"], &file).expect(1).says(&["exFAT", "FAT32"]);
    // A name that is a folder here, and that of a contact in the trash.
    people(&place);
    place.run(["rm", "ada byrd"]).expect(0);
    std::fs::create_dir(place.path().join("lovelock")).expect("a folder");
    place.run(["restore", "lovelock"]).expect(5).says(&["./lovelock"]);
}

/// A card may come from anybody: the names of its files lead nowhere else.
#[test]
fn links_and_pipes_on_a_card_are_not_followed() {
    let (place, _daemon) = bare();
    people(&place);
    let card = card(&place);
    run(&place, &["card", "backup"], &card).expect(0);
    let entries = std::fs::read_dir(&card).expect("a folder");
    let names: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(names.len() > 1, "{names:?}");
    let victim = place.file("victim", b"not to be touched");
    for name in &names {
        let shown = name.to_str().expect("a path of letters");
        let kept = std::fs::read(name).expect("a file");
        std::fs::remove_file(name).expect("removed");
        std::os::unix::fs::symlink(&victim, name).expect("a link");
        place.run(["add", "Somebody New"]).expect(0);
        run(&place, &["card", "sync"], &card).expect(1).says(&[shown, "symbolic link"]);
        assert_eq!(std::fs::read(&victim).expect("it is there"), b"not to be touched");
        std::fs::remove_file(name).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(name).status().expect("mkfifo");
        assert!(made.success());
        place.run(["add", "Somebody Else"]).expect(0);
        run(&place, &["card", "sync"], &card).expect(1).says(&[shown, "pipe"]);
        std::fs::remove_file(name).expect("removed");
        std::fs::write(name, kept).expect("written");
    }
    run(&place, &["card", "sync"], &card).expect(0);
}

#[test]
fn an_image_of_a_card_is_a_card() {
    let (place, daemon) = bare();
    people(&place);
    let image = CardImage::new(place.path().join("card.img"));
    let backup = run(&place, &["card", "backup"], image.path()).expect(0).json();
    run(&place, &["card", "verify"], image.path()).expect(0);
    image.check().expect("the file system is whole");
    let phones = String::from_utf8(image.read("CONTACTS.VCF")).expect("text");
    assert_eq!(phones.matches("BEGIN:VCARD").count(), 200);
    add(&daemon, "Bruno Kessel");
    let synced = run(&place, &["card", "sync"], image.path()).expect(0).json();
    assert_eq!(synced[0]["kept"]["kind"], "appended", "{synced:?}");
    // Appended changes count, whether they are new or replace an older state.
    place.run(["rm", "ada byrd"]).expect(0);
    run(&place, &["card", "sync"], image.path()).expect(0);
    for words in [["card", "list"], ["card", "verify"]] {
        let told = run(&place, &words, image.path()).expect(0).json();
        assert_eq!(
            (&told[0]["contacts"], &told[0]["trashed"]),
            (&200.into(), &1.into()),
            "{told:?}"
        );
    }
    place.run(["restore", "ada byrd"]).expect(0);
    let synced = run(&place, &["card", "sync"], image.path()).expect(0).json();
    let (other, _daemon) = bare();
    let restored = run(&other, &["restore"], image.path()).expect(0).json();
    assert_eq!(restored[0]["root"], synced[0]["root"]);
    assert_ne!(restored[0]["root"], backup[0]["root"]);
}

#[test]
fn a_full_card_is_said_to_be_full() {
    let (place, daemon) = bare();
    let disk = Disk::formatted(Layout::Fat16, 8 * 1024);
    let image = place.path().join("small.img");
    std::fs::write(&image, disk.bytes()).expect("room for it");
    add(&daemon, "Ada Lovelock");
    run(&place, &["card", "backup"], &image).expect(0);
    let photo = "A".repeat(7 << 20);
    let vcard = format!(
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bruno Kessel\r\nPHOTO:data:image/jpeg;base64,{photo}\r\nEND:VCARD\r\n"
    );
    for name in ["Kessel", "Lund", "Marten"] {
        // Each has another photo.
        let vcard =
            vcard.replace("Kessel", name).replacen("AAAA", &format!("{:A<4}", &name[..3]), 1);
        daemon.client().call("contact.put", json!({ "vcard": vcard }));
    }
    run(&place, &["card", "backup"], &image).expect(1).says(&["full"]);
    // The old content is still there.
    let (other, restored) = bare();
    run(&other, &["restore"], &image).expect(0);
    assert_eq!(finds(&restored, "lovelock"), 1);
}

#[test]
fn two_daemons_and_a_card_folder_hold_the_same() {
    let shared = tempfile::tempdir().expect("a temp folder");
    let folder = shared.path().to_str().expect("a path of letters");
    let (first, a) = served(&["--card", folder]);
    let (second, b) = served(&["--card", folder]);
    add(&a, "Ada Lovelock");
    until("what one has comes to the other", || finds(&b, "lovelock") == 1);
    add(&b, "Bruno Kessel");
    until("and back", || finds(&a, "kessel") == 1);
    people(&first);
    until("many at once", || finds(&b, "ada byrd") == 1);
    until("both say so", || {
        let place = |daemon: &Daemon| {
            daemon.client().call("box.info", json!({}))["places"][folder]["state"].clone()
        };
        place(&a) == "in step" && place(&b) == "in step"
    });
    a.stop();
    b.stop();
    let listed = run(&first, &["card", "list"], shared.path()).expect(0).json();
    assert_eq!(listed.iter().filter(|file| file["state"] == "newest").count(), 2, "{listed:?}");
    run(&first, &["card", "verify"], shared.path()).expect(0);
    let (a, b) = (first.serve_with(&["--backup", "off"]), second.serve_with(&["--backup", "off"]));
    assert_eq!(root(&first), root(&second));
    assert_eq!((finds(&a, "kessel"), finds(&b, "kessel")), (1, 1));
}

/// A box put back from an older copy of its file is used before it meets its own later snapshots.
#[test]
fn what_an_older_copy_of_a_box_has_forgotten_comes_back() {
    for automatic in [false, true] {
        let place = Place::new();
        let flags: &[&str] = if automatic { &[] } else { &["--backup", "off"] };
        let card = if automatic { place.data().join("backup") } else { card(&place) };
        let image = place.data().join("contacts.box");
        let daemon = place.serve_with(flags);
        for name in ["Ada Lovelock", "Bruno Kessel"] {
            add(&daemon, name);
        }
        daemon.stop();
        let older = std::fs::read(&image).expect("the box");
        let daemon = place.serve_with(flags);
        add(&daemon, "Cleo Marten");
        place.run(["edit", "ada", "--note", "met at the fair"]).expect(0);
        if !automatic {
            run(&place, &["card", "sync"], &card).expect(0);
        }
        daemon.stop();
        std::fs::write(&image, older).expect("a disk with room");
        let daemon = place.serve_with(flags);
        add(&daemon, "Dora Lund");
        if automatic {
            daemon.stop();
        } else {
            run(&place, &["card", "sync"], &card).expect(0);
            daemon.stop();
        }
        let daemon = place.serve_with(flags);
        for name in ["lovelock", "kessel", "marten", "dora lund", "fair"] {
            assert_eq!(finds(&daemon, name), 1, "{name}, automatic: {automatic}");
        }
        run(&place, &["card", "verify"], &card).expect(0);
        let (other, restored) = bare();
        run(&other, &["restore"], &card).expect(0);
        assert_eq!(finds(&restored, ""), 4);
    }
}

/// A damaged backup is found at the next start, and rewritten.
#[test]
fn a_damaged_backup_is_replaced() {
    let (place, daemon) = bare();
    people(&place);
    let card = card(&place);
    run(&place, &["card", "backup"], &card).expect(0);
    let file = std::fs::read_dir(&card)
        .expect("a folder")
        .filter_map(Result::ok)
        .find(|entry| entry.path().extension().is_some_and(|extension| extension == "A"));
    let file = file.expect("a snapshot").path();
    let mut bytes = std::fs::read(&file).expect("it reads");
    let at = bytes.len() / 3;
    bytes[at] ^= 0x10;
    std::fs::write(&file, bytes).expect("a disk with room");
    add(&daemon, "Bruno Kessel");
    run(&place, &["card", "sync"], &card);
    let (other, restored) = bare();
    run(&other, &["restore"], &card);
    assert_eq!(finds(&restored, "ada byrd"), 1);
    assert_eq!(finds(&restored, "kessel"), 1);
    let states = run(&place, &["card", "verify"], &card).json();
    assert!(
        states.iter().any(|file| file["sound"] == true && file["contacts"] == 201),
        "{states:?}"
    );
}

#[test]
fn a_card_that_is_pulled_holds_up_nobody() {
    let place = Place::new();
    let folder = place.path().join("card");
    let daemon =
        place.serve_with(&["--backup", "off", "--card", folder.to_str().expect("letters")]);
    let state = |daemon: &Daemon| {
        let info = daemon.client().call("box.info", json!({}));
        info["places"][folder.to_str().expect("letters")]["state"].clone()
    };
    for round in 0..4 {
        add(&daemon, &format!("Before {round}"));
        card(&place);
        until("the card is found", || state(&daemon) == "in step");
        people(&place);
        // In the middle of its work.
        std::fs::remove_dir_all(&folder).ok();
        std::fs::remove_dir_all(&folder).ok();
        let begun = Instant::now();
        add(&daemon, &format!("After {round}"));
        assert!(begun.elapsed() < Duration::from_secs(5), "an edit waited for a card");
        until("it is missed", || state(&daemon) != "in step" || folder.exists());
        std::fs::remove_dir_all(&folder).ok();
    }
    card(&place);
    until("it is found again", || state(&daemon) == "in step");
    assert!(daemon.stop().success());
    run(&place, &["card", "verify"], &folder).expect(0);
}

#[test]
fn a_card_that_can_not_be_written_is_read() {
    let (first, a) = bare();
    add(&a, "Ada Lovelock");
    let card = card(&first);
    run(&first, &["card", "backup"], &card).expect(0);
    // Root may write anywhere: a folder in place of a file stops root as well.
    let (second, b) = bare();
    add(&b, "Bruno Kessel");
    let before: Vec<_> = std::fs::read_dir(&card).expect("a folder").collect();
    set_writable(&card, false);
    let synced = run(&second, &["card", "sync"], &card);
    set_writable(&card, true);
    if synced.code() != 0 {
        synced.expect(1).says(&["may not be read or written"]);
    }
    assert_eq!(finds(&b, "lovelock"), 1, "what was there is taken in all the same");
    assert!(!before.is_empty());
}

fn set_writable(folder: &Path, is_writable: bool) {
    use std::os::unix::fs::PermissionsExt;
    let mode = if is_writable { 0o700 } else { 0o500 };
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))
        .expect("our own folder");
}

#[test]
fn a_backup_is_made_by_itself() {
    let place = Place::new();
    let daemon = place.serve();
    let backup = place.data().join("backup");
    add(&daemon, "Ada Lovelock");
    until("the first backup is made soon", || run(&place, &["card", "list"], &backup).code() == 0);
    // The later changes are there when the daemon has stopped.
    add(&daemon, "Bruno Kessel");
    let expected = root(&place);
    assert!(daemon.stop().success());
    run(&place, &["card", "verify"], &backup).expect(0);
    let (other, daemon) = bare();
    let restored = run(&other, &["restore"], &backup).expect(0).json();
    assert_eq!(restored[0]["root"], Value::from(expected));
    assert_eq!((finds(&daemon, "lovelock"), finds(&daemon, "kessel")), (1, 1));
}

#[test]
fn a_daemon_killed_at_a_backup_leaves_a_whole_one() {
    let place = Place::new();
    let folder = card(&place);
    let flags = ["--backup", "off", "--card", folder.to_str().expect("letters")];
    let daemon = place.serve_with(&flags);
    people(&place);
    // The empty box is backed up as well, and may come first.
    until("there is a backup of all", || {
        let listed = run(&place, &["card", "list"], &folder);
        listed.code() == 0 && listed.json().iter().any(|file| file["contacts"] == 200)
    });
    daemon.kill();
    for round in 0..12 {
        let daemon = place.serve_with(&["--backup", "off"]);
        for step in 0..20 {
            add(&daemon, &format!("Person {round} {step}"));
        }
        let path = folder.clone();
        let mut client = daemon.client();
        let asked = std::thread::spawn(move || {
            // It is usually killed before it answers.
            client.send("cards.backup", json!({ "path": path })).ok();
            client.receive().ok();
        });
        std::thread::sleep(Duration::from_millis(4 * round));
        daemon.kill();
        asked.join().expect("a client that waits");
        let verified = run(&place, &["card", "verify"], &folder);
        assert!(verified.code() <= 1, "{verified:?}");
        let (other, restored) = bare();
        run(&other, &["restore"], &folder);
        assert!(finds(&restored, "ada byrd") == 1, "round {round}: {verified:?}");
    }
}

/// The box's own daemon has that file open and locked.
#[test]
fn the_file_of_a_box_is_no_card() {
    let (place, _daemon) = bare();
    people(&place);
    for words in
        [&["card", "list"][..], &["card", "verify"], &["card", "sync"], &["card", "backup"]]
    {
        let begun = Instant::now();
        run(&place, words, &place.image()).expect(1).says(&["the file of a box and no card"]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{words:?} waited for a lock");
    }
}

/// A file may have the name of a snapshot, or be longer than one, up to what its disk allows.
#[test]
fn a_file_of_no_end_on_a_card_costs_no_time() {
    let (place, daemon) = bare();
    people(&place);
    let card = card(&place);
    run(&place, &["card", "backup"], &card).expect(0);
    let mut files = std::fs::read_dir(&card).expect("a folder");
    let own = files.find_map(|file| {
        let path = file.expect("an entry").path();
        path.extension().is_some_and(|end| end == "A").then_some(path)
    });
    let stranger = card.join("ABCDEFGH.A");
    std::fs::File::create(&stranger).expect("a file");
    for path in [own.expect("a snapshot"), stranger] {
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("our file");
        file.set_len(u32::MAX.into()).expect("a sparse file");
    }
    add(&daemon, "Bruno Kessel");
    let begun = Instant::now();
    for words in [["card", "list"], ["card", "verify"], ["card", "sync"]] {
        run(&place, &words, &card);
    }
    let (other, _daemon) = bare();
    run(&other, &["card", "sync"], &card);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(finds(&_daemon, "kessel"), 1);
}

/// The generation after the highest number is 0.
#[test]
fn generations_go_round_in_a_circle() {
    let (place, daemon) = bare();
    let card = card(&place);
    let first = run(&place, &["card", "backup"], &card).expect(0).json();
    let path = card.join(first[0]["file"].as_str().expect("a name"));
    let empty = std::fs::read(&path).expect("a snapshot");
    // An empty snapshot has nothing to restore, and the command says so.
    let (other, _other) = bare();
    run(&other, &["restore"], &card).expect(3).says(&["holds no contact"]);
    std::fs::write(&path, with_generation(&empty, u32::MAX)).expect("our file");
    run(&place, &["card", "verify"], &card).expect(0);
    for (number, name) in ["Ada Lovelock", "Bruno Kessel", "Carla Neumann"].iter().enumerate() {
        add(&daemon, name);
        let backup = run(&place, &["card", "backup"], &card).expect(0).json();
        assert_eq!(backup[0]["generation"], number, "{backup:?}");
        let listed = run(&place, &["card", "list"], &card).expect(0).json();
        let newest: Vec<_> = listed.iter().filter(|file| file["state"] == "newest").collect();
        assert_eq!(newest.len(), 1, "{listed:?}");
        assert_eq!(newest[0]["contacts"], number + 1, "{listed:?}");
        let (other, restored) = bare();
        run(&other, &["restore"], &card).expect(0);
        assert_eq!(finds(&restored, name), 1, "{name}");
    }
}

/// B7: a card that would empty a box waits for consent, and the command says so.
#[test]
fn a_card_of_tombstones_waits_for_a_yes() {
    let (place, daemon) = bare();
    people(&place);
    let card = card(&place);
    run(&place, &["card", "sync"], &card).expect(0);
    let (other, there) = bare();
    run(&other, &["card", "sync"], &card).expect(0);
    let mut client = there.client();
    loop {
        let found = client.call("contact.find", json!({ "query": "", "limit": 100 }));
        let hits = found["hits"].as_array().cloned().unwrap_or_default();
        if hits.is_empty() {
            break;
        }
        for hit in hits {
            client.call("contact.purge", json!({ "uid": hit["uid"] }));
        }
    }
    add(&there, "Bruno Kessel");
    run(&other, &["card", "sync"], &card).expect(0);
    let synced = run(&place, &["card", "sync"], &card).expect(4);
    let synced = synced.says(&["would remove 200 of the 200 contacts", "--accept-removals"]);
    assert_eq!(synced.json()[0]["held"], 200);
    assert_eq!((finds(&daemon, "ada byrd"), finds(&daemon, "kessel")), (1, 1));
    run(&place, &["card", "sync", "--accept-removals"], &card).expect(0);
    assert_eq!((finds(&daemon, "ada byrd"), finds(&daemon, "kessel")), (0, 1));
    run(&other, &["card", "sync"], &card).expect(0);
    assert_eq!(root(&place), root(&other));
}

/// This also holds if the user who starts the daemon makes files readable for everybody by default.
#[test]
fn what_is_left_on_a_card_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let card = card(&place);
    let mut shell = std::process::Command::new("sh");
    place.settle(&mut shell);
    shell.args(["-c", "umask 0; exec \"$0\" serve"]).arg(contactbox_tests::daemon::program());
    let daemon = place.started(shell).unwrap_or_else(|ran| panic!("{ran:?}"));
    people(&place);
    run(&place, &["card", "backup"], &card).expect(0);
    assert!(daemon.stop().success());
    let mode =
        |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let backup = place.data().join("backup");
    assert_eq!((mode(&place.image()), mode(&backup)), (0o600, 0o700));
    let mut count = 0;
    for folder in [&card, &backup] {
        for file in std::fs::read_dir(folder).expect("a folder") {
            let path = file.expect("an entry").path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 3, "{count} files");
}
