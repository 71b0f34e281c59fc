//! Long work over the whole box with clients beside it: verification, backup, and unreadable
//! contacts.
use super::mended::strike;
use contactbox_tests::daemon::{Client, Daemon, Place, Ran};
use contactbox_tests::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

fn served() -> (Place, Daemon) {
    let place = Place::new();
    let daemon = place.serve_with(&["--backup", "off"]);
    (place, daemon)
}

fn card(place: &Place) -> PathBuf {
    let folder = place.path().join("card");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Adds contacts with documents of this many bytes each, all different.
fn documents(client: &mut Client, count: usize, bytes: usize) -> Vec<String> {
    let mut random = Random::new(13);
    let mut uids = Vec::new();
    for number in 0..count {
        let hex: String =
            random.bytes(bytes / 2).iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("Person {number}");
        let url = format!("data:text/plain,{hex}");
        let card = json!(["vcard", [["fn", {}, "text", name], ["note", {}, "text", url]]]);
        let put = client.call("contact.put", json!({ "jcard": card }));
        uids.push(put["uid"].as_str().expect("its identity").to_owned());
    }
    uids
}

fn photos(client: &mut Client, count: usize, bytes: usize) {
    use base64::Engine;
    let mut random = Random::new(17);
    for number in 0..count {
        let photo = base64::engine::general_purpose::STANDARD.encode(random.bytes(bytes));
        let vcard = format!(
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Photo {number}\r\nPHOTO:data:image/jpeg;base64,{photo}\r\nEND:VCARD\r\n"
        );
        client.call("contact.put", json!({ "vcard": vcard }));
    }
}

/// Returns how many requests of another client are answered during one long request.
fn answered_beside(daemon: &Daemon, method: &str, params: Value) -> usize {
    let is_done = AtomicBool::new(false);
    let mut answered = 0;
    thread::scope(|scope| {
        let mut long = daemon.client();
        let mut brief = daemon.client();
        brief.call("contact.find", json!({ "query": "photo 1" }));
        long.send(method, params).expect("the daemon reads");
        scope.spawn(|| {
            let mut long = long;
            let reply = long.receive().expect("a reply");
            is_done.store(true, Ordering::SeqCst);
            assert!(reply["error"].is_null(), "{reply}");
        });
        // The long request has begun by then.
        thread::sleep(Duration::from_millis(5));
        while !is_done.load(Ordering::SeqCst) {
            brief.call("contact.find", json!({ "query": "photo 1" }));
            answered += 1;
        }
    });
    answered
}

#[test]
fn b11_others_are_answered_beside_a_verification() {
    let (_place, daemon) = served();
    let mut client = daemon.client();
    // Enough that it takes a while even on an idle machine.
    photos(&mut client, 32, 6 << 20);
    let uid = client.call("contact.find", json!({ "query": "photo 1" }))["hits"][0]["uid"].clone();
    for (method, params) in [("box.verify", json!({})), ("contact.history", json!({ "uid": uid }))]
    {
        let answered = answered_beside(&daemon, method, params);
        assert!(answered > 3, "{answered} answered beside {method}");
    }
    // Many clients that ask at once are all answered, by two verifications at most.
    let mut clients: Vec<Client> = (0..8).map(|_| daemon.client()).collect();
    for client in &mut clients {
        client.send("box.verify", json!({})).expect("the daemon reads");
    }
    // Clients that go away meanwhile harm nobody.
    clients.truncate(5);
    for mut client in clients {
        assert_eq!(client.receive().expect("a reply")["result"]["sound"], true);
    }
}

/// Returns the number of the daemon's open files that have no name any more.
fn nameless(daemon: &Daemon) -> usize {
    let folder = format!("/proc/{}/fd", daemon.pid());
    let files = std::fs::read_dir(folder).expect("a running process").flatten();
    let is_nameless = |path: &Path| path.to_string_lossy().ends_with("(deleted)");
    files
        .filter(|file| std::fs::read_link(file.path()).is_ok_and(|path| is_nameless(&path)))
        .count()
}

#[test]
fn b13_a_backup_makes_no_second_image_and_holds_what_was_acknowledged() {
    let (place, daemon) = served();
    let card = card(&place);
    let mut client = daemon.client();
    let uids = documents(&mut client, 60, 20_000);
    let (is_done, backups) = (AtomicBool::new(false), 4);
    let mut highest = 0;
    // For each backup: the latest acknowledged versions before it began, and the number of its
    // records.
    let mut bounds = Vec::new();
    let acked = std::sync::Mutex::new(BTreeMap::<String, u64>::new());
    thread::scope(|scope| {
        for writer in 0..3 {
            let (daemon, uids, acked, is_done) = (&daemon, &uids, &acked, &is_done);
            scope.spawn(move || {
                let (mut client, mut round) = (daemon.client(), 0);
                while !is_done.load(Ordering::SeqCst) {
                    round += 1;
                    for uid in uids.iter().skip(writer).step_by(3) {
                        let text = format!("{round} {}", "x".repeat(20_000));
                        let params = json!({ "uid": uid, "remove": [{ "name": "note" }], "add": [["note", {}, "text", text]] });
                        let version = client.call("contact.patch", params)["version"].as_u64();
                        acked.lock().expect("nobody failed").insert(uid.clone(), version.expect("a version"));
                    }
                }
            });
        }
        for _ in 0..backups {
            let before = acked.lock().expect("nobody failed").clone();
            let mut asker = daemon.client();
            asker.send("cards.backup", json!({ "path": card })).expect("the daemon reads");
            let watcher = scope.spawn(|| {
                let most = (0..50).map(|_| {
                    thread::sleep(Duration::from_millis(1));
                    nameless(&daemon)
                });
                most.max().unwrap_or(0)
            });
            let reply = asker.receive().expect("a reply");
            assert!(reply["error"].is_null(), "{reply}");
            highest = highest.max(watcher.join().expect("it looks"));
            bounds.push((before, reply["result"]["records"].clone()));
        }
        is_done.store(true, Ordering::SeqCst);
    });
    // Few pages were erased during a backup, so all that had to be kept was kept in memory.
    assert_eq!(highest, 0, "files without a name beside the box");
    let stats = client.call("box.stats", json!({}));
    assert!(stats["erases"].as_u64() > Some(50), "pages were reclaimed meanwhile: {stats}");
    assert!(bounds.iter().all(|(_, records)| *records == 60), "{bounds:?}");
    let path = card.to_str().expect("a path of letters");
    place.run(["card", "verify", path]).expect(0);
    // The last of them is restored, and has nothing older than what was acknowledged when it began.
    let (other, restored) = served();
    other.run(["restore", path]).expect(0);
    let before = &bounds.last().expect("there were some").0;
    let mut there = restored.client();
    for uid in &uids {
        let card = there.call("contact.get", json!({ "uid": uid }));
        let changed = there.call("contact.history", json!({ "uid": uid }));
        assert_eq!(changed["versions"].as_array().map(Vec::len), Some(1));
        let seen = card["version"].as_u64().expect("a version");
        assert!(Some(&seen) >= before.get(uid), "{uid} is older than what was acknowledged");
    }
    assert_eq!(there.call("box.verify", json!({}))["sound"], true);
}

#[test]
fn what_can_not_be_read_is_told_by_all_that_leave_it_out() {
    let (place, daemon) = served();
    let mut client = daemon.client();
    // One note is so long that it is stored in pieces.
    let long: String = (0..30_000).map(|number| format!("{number:07} ")).collect();
    for (name, note) in [("Ada", "short"), ("Bea", long.as_str()), ("Cleo", "short")] {
        let card = json!(["vcard", [["fn", {}, "text", name], ["note", {}, "text", note]]]);
        client.call("contact.put", json!({ "jcard": card }));
    }
    let file = place.path().join("all.vcf");
    let file = file.to_str().expect("a path of letters");
    for words in [&["export", "-o", file][..], &["find"], &["find", "ada"], &["export"]] {
        place.run(words).expect(0);
    }
    let old = place.path().join("old");
    std::fs::create_dir(&old).expect("a folder");
    let old = old.to_str().expect("a path of letters");
    place.run(["card", "backup", old]).expect(0);
    assert!(daemon.stop().success());
    strike(&place, "0015000 0015001 ");
    let daemon = place.serve_with(&["--backup", "off"]);
    let told = |ran: Ran| ran.expect(4).says(&["1 contact", "cannot be read", "verify"]);
    told(place.run(["export", "-o", file]));
    told(place.run(["export"]));
    told(place.run(["export", "ada"]));
    told(place.run(["find"]));
    told(place.run(["find", "ada"]));
    let mut client = daemon.client();
    for (method, params) in [
        ("contact.export", json!({})),
        ("contact.find", json!({ "query": "" })),
        ("contact.export", json!({ "query": "ada" })),
    ] {
        let told = client.call(method, params);
        assert_eq!(told["left_out_count"], 1, "{told}");
        assert!(
            told["left_out"][0]["uid"].is_string() && told["left_out"][0]["reason"].is_string()
        );
    }
    let card = card(&place);
    let path = card.to_str().expect("a path of letters");
    let told = place.run(["card", "backup", path, "--json"]).expect(4).json();
    assert_eq!(
        (&told[0]["left_out_count"], &told[0]["records"]),
        (&1.into(), &2.into()),
        "{told:?}"
    );
    assert!(told[0]["left_out"][0]["uid"].is_string());
    place.run(["verify"]).expect(1);
    // A backup from before has it: it comes back, and nothing is left out.
    place.run(["card", "sync", old]).expect(0);
    place.run(["find"]).expect(0);
    place.run(["export", "-o", file]).expect(0);
    let shown = place.run(["show", "bea"]).expect(0);
    assert!(shown.stdout.contains("0015000 0015001"), "the whole note is there again");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn memory_is_given_back() {
    let (_place, daemon) = served();
    let mut client = daemon.client();
    let before = daemon.memory_kib("VmRSS");
    // Imports of 10 MiB at once.
    let note = "x".repeat(20_000);
    let card = |number: usize| {
        let name = number % 50;
        format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Nobody {name}\r\nNOTE:{note}\r\nEND:VCARD\r\n")
    };
    let text: String = (0..500).map(card).collect();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| daemon.client().call("contact.import", json!({ "vcard": text })));
        }
    });
    photos(&mut client, 3, 4 << 20);
    client.call("contact.export", json!({}));
    let peak = daemon.memory_kib("VmHWM");
    contactbox_tests::daemon::until("memory is given back", || {
        let now = daemon.memory_kib("VmRSS");
        now < before + 16 * 1024
    });
    assert!(peak > before + 32 * 1024, "there was something to give back: {peak} KiB");
}
