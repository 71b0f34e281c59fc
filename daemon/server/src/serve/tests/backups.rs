//! Backups are made by what is not in them, whatever the clocks say.
use super::{Client, Daemon, empty, folder};
use contactbox_core::card::{OwnFiles, backup};
use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid};
use contactbox_core::store::{Book, BookConfig};
use contactbox_engine::image::Image;
use contactbox_engine::parts;
use contactbox_sync::card::{FolderCard, OpenMode};
use contactbox_system::config::{Config, Settings};
use embassy_futures::block_on;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// The end of the year 2076.
const AHEAD: u64 = 3_376_684_800_000;

/// A box whose clock shows this time, and who writes one contact.
fn write_box(image: &Path, who: &str, now: u64) -> Book<Image, contactbox_engine::memory::Heap> {
    let image = Image::open(image, false).expect("a new box");
    let config = BookConfig { id: image.box_id(), gram_slices: 32, gram_probes: 1 };
    let mut book = block_on(Book::format(image, config, parts())).expect("a box is made");
    let mut memory = [0; 256];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, who)).expect("room for a name");
    let card = draft.finish();
    let put = block_on(book.put(Uid::from_text(who), &card, None, AuthorIndex(0), now));
    put.expect("a contact is put");
    block_on(book.checkpoint()).expect("it comes to rest");
    book.flash().publish().expect("the file gets its name");
    book
}

fn put(client: &mut Client, name: &str) -> u64 {
    let vcard = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEND:VCARD\r\n");
    let put = client.ask("contact.put", json!({ "vcard": vcard }));
    put["result"]["version"].as_u64().unwrap_or_else(|| panic!("{put}"))
}

fn backup_of(client: &mut Client, config: &Config) -> Value {
    let (folder, _) = config.backup.as_ref().expect("there are backups");
    let info = client.ask("box.info", empty());
    info["result"]["places"][folder.display().to_string()].clone()
}

/// Waits until what was written at `version` is in the backup.
fn backed_up(client: &mut Client, config: &Config, version: u64) {
    let begun = Instant::now();
    loop {
        let told = backup_of(client, config);
        if told["state"] == "in step" && told["time"].as_u64() >= Some(version) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{version}: {told}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn config(folder: &Path) -> Config {
    let settings = Settings { data: Some(folder.to_path_buf()), ..Settings::default() };
    let mut config = Config::load(settings).expect("good settings");
    let (_, wait_max) = config.backup.as_mut().expect("there are backups");
    *wait_max = Duration::from_millis(200);
    config
}

#[test]
fn b2_a_clock_that_was_wrong_once_stops_no_backup() {
    let folder = folder();
    let config = config(folder.path());
    drop(write_box(&config.image, "Ahead", AHEAD));
    let daemon = Daemon::start_with(config);
    let mut client = daemon.connect();
    backed_up(&mut client, &daemon.config, AHEAD);
    for name in ["Ada", "Grace", "Hedy"] {
        let version = put(&mut client, name);
        assert!(version > AHEAD, "times of a box rise");
        backed_up(&mut client, &daemon.config, version);
    }
}

#[test]
fn b2_a_card_of_a_box_that_is_ahead_stops_no_backup() {
    let folder = folder();
    let card = folder.path().join("card");
    std::fs::create_dir(&card).expect("a folder");
    let mut theirs = write_box(&folder.path().join("theirs.box"), "Ahead", AHEAD);
    let mut medium = FolderCard::open(&card, OpenMode::Write).expect("a card");
    let mut own = block_on(OwnFiles::find(&mut medium, theirs.id())).expect("an empty card");
    let mut room = vec![0; 1 << 20];
    block_on(backup(&mut theirs, &mut medium, &mut own, &mut room)).expect("a backup is made");
    // The card is the daemon's turn now.
    drop(medium);
    let daemon = Daemon::start_with(config(&folder.path().join("ours")));
    let mut client = daemon.connect();
    let version = put(&mut client, "Ada");
    backed_up(&mut client, &daemon.config, version);
    let synced = client.ask("cards.sync", json!({ "path": card }));
    assert_eq!((&synced["result"]["added"], &synced["result"]["aside"]), (&json!(1), &json!(0)));
    let version = put(&mut client, "Grace");
    assert!(version < AHEAD, "what others wrote moves no clock");
    backed_up(&mut client, &daemon.config, version);
    // Changed, it does; and backups go on.
    let found = client.ask("contact.find", json!({ "query": "ahead" }));
    let uid = &found["result"]["hits"][0]["uid"];
    let changed =
        client.ask("contact.patch", json!({ "uid": uid, "add": [["note", {}, "text", "seen"]] }));
    let version = changed["result"]["version"].as_u64().unwrap_or_else(|| panic!("{changed}"));
    assert!(version > AHEAD);
    backed_up(&mut client, &daemon.config, version);
    let version = put(&mut client, "Hedy");
    backed_up(&mut client, &daemon.config, version);
}
