//! The requests: about contacts, about the box, about cards and devices, wrong ones, and events.

use super::{Transcript, met};
use crate::device_cli::Powered;
use contactbox_tests::daemon::{Client, Daemon, Place, until};
use serde_json::{Value, json};
use std::fs;

const ADA: &str = "0badcafe-0000-4000-8000-00000000000a";
const BRUNO: &str = "0badcafe-0000-4000-8000-00000000000b";
const CARLA: &str = "0badcafe-0000-4000-8000-00000000000c";

fn jcard(uid: &str, name: &str) -> Value {
    json!([
        "vcard",
        [
            ["version", {}, "text", "4.0"],
            ["uid", {}, "uri", format!("urn:uuid:{uid}")],
            ["fn", {}, "text", name],
        ]
    ])
}

fn vcard(uid: &str, name: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:{uid}\r\nFN:{name}\r\nEND:VCARD\r\n")
}

fn version_of(answer: &Value) -> Value {
    answer["result"]["version"].clone()
}

#[test]
fn contacts_are_told_as_they_ever_were() {
    let place = Place::new();
    let daemon = place.serve_with(&["--backup", "off"]);
    let mut said = Transcript::new(place.path());
    let client = &mut met(&mut said, &daemon);
    said.ask(client, "box.hello", json!({ "protocol": 1 }));
    said.ask(client, "box.author", json!({ "name": "Eva" }));
    let mut ada = jcard(ADA, "Ada Lovelock");
    let more = json!([
        ["n", {}, "text", ["Lovelock", "Ada", "", "", ""]],
        ["org", {}, "text", ["Engines", "Analysis"]],
        ["tel", { "type": ["work", "voice"] }, "uri", "tel:+44-20-7946-0018"],
        ["email", { "pref": "1" }, "text", "ada@example.org"],
        ["x-odd", { "group": "item1" }, "unknown", "a\\, b"],
    ]);
    let list = ada[1].as_array_mut().expect("a list of properties");
    list.extend(more.as_array().expect("a list").iter().cloned());
    let put = said.ask(client, "contact.put", json!({ "jcard": ada }));
    said.ask(client, "contact.put", json!({ "jcard": ada }));
    said.ask(client, "contact.put", json!({ "vcard": vcard(BRUNO, "Bruno Kessel") }));
    said.ask(
        client,
        "contact.put",
        json!({ "jcard": ["vcard", [["fn", {}, "text", "Nora New"]]] }),
    );
    let note = json!([["note", {}, "text", "One\nTwo"]]);
    let params = json!({ "uid": ADA, "version": version_of(&put), "add": note });
    said.ask(client, "contact.patch", params);
    let gone = json!([{ "name": "note", "value": "One\nTwo" }, { "name": "tel", "index": 0 }]);
    said.ask(client, "contact.patch", json!({ "uid": ADA, "remove": gone }));
    said.ask(client, "contact.get", json!({ "uid": ADA }));
    said.ask(client, "contact.history", json!({ "uid": ADA, "limit": 5 }));
    said.ask(client, "contact.find", json!({ "query": "ada" }));
    let page = said.ask(client, "contact.find", json!({ "query": "", "limit": 1 }));
    let cursor = &page["result"]["cursor"];
    said.ask(client, "contact.find", json!({ "query": "", "limit": 1, "cursor": cursor }));
    said.ask(client, "contact.remove", json!({ "uid": BRUNO }));
    said.ask(client, "contact.find", json!({ "query": "", "shelf": "trash" }));
    said.ask(client, "contact.restore", json!({ "uid": BRUNO }));
    said.ask(client, "contact.purge", json!({ "uid": BRUNO }));
    let photo = format!("data:image/png;base64,{}", "iVBO".repeat(100));
    let params = json!({ "uid": ADA, "add": [["photo", {}, "uri", photo]] });
    said.ask(client, "contact.patch", params);
    let shown = said.ask(client, "contact.get", json!({ "uid": ADA }));
    let properties = shown["result"]["jcard"][1].as_array().expect("properties");
    let hash = properties.iter().find_map(|property| property[1].get("blob")).expect("a blob");
    said.ask(client, "contact.get", json!({ "uid": ADA, "blobs": true }));
    said.ask(client, "blob.get", json!({ "hash": hash, "offset": 3, "bytes": 6 }));
    let odd = format!(
        "{}BEGIN:VCARD\nVERSION:3.0\nFN:Dora\nTEL;HOME:1\n\nEND:VCARD\nBEGIN:VCARD\nEND:VCARD\nBEGIN:VCARD\nVERSION:4.0\nFN:Half",
        vcard(CARLA, "Carla Neumann")
    );
    said.ask(
        client,
        "contact.import",
        json!({ "vcard": odd, "source": "odd.vcf", "first_line": 7 }),
    );
    said.ask(client, "contact.remove", json!({ "uid": CARLA }));
    let base64 = "QkVHSU46VkNBUkQKVkVSU0lPTjo0LjAKRk46RW1pbAplbmQ6dmNhcmQK";
    said.ask(client, "contact.import", json!({ "base64": base64, "in_parts": true }));
    said.ask(client, "contact.import", json!({ "vcard": vcard(CARLA, "Carla Neumann") }));
    said.ask(client, "contact.export", json!({ "query": "ada", "photos": false }));
    said.ask(
        client,
        "contact.export",
        json!({ "query": "carla", "shelf": "all", "vcard_version": "3.0" }),
    );
    said.ask(client, "trash.kept", json!({}));
    said.ask(client, "trash.forget", json!({}));
    for method in ["box.info", "box.stats", "box.verify", "watch.start", "watch.stop", "box.stop"] {
        said.ask(client, method, json!({}));
    }
    said.end("contacts.jsonl");
}

#[test]
fn wrong_requests_are_refused_as_they_ever_were() {
    let place = Place::new();
    let flags = ["--backup", "off", "--frame-bytes", "65536", "--read-seconds", "1"];
    let daemon = place.serve_with(&[&flags[..], &["--connections", "2"]].concat());
    let mut said = Transcript::new(place.path());
    let client = &mut met(&mut said, &daemon);
    for line in [
        "{",
        "[]",
        r#"{"id":7}"#,
        r#"{"jsonrpc":"1.0","id":7,"method":"box.info"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"box.info"}"#,
        r#"{"jsonrpc":"2.0","id":"a","method":"box.info","params":[]}"#,
    ] {
        said.ask_text(client, line);
    }
    said.ask(client, "box.frobnicate", json!({}));
    for (method, params) in [
        ("contact.find", json!({ "query": "a", "lmit": 3 })),
        ("contact.find", json!({ "query": "a", "cursor": "?" })),
        ("contact.put", json!({})),
        ("contact.put", json!({ "jcard": ["vcard", []] })),
        ("contact.put", json!({ "jcard": ["vcard", 7] })),
        ("contact.put", json!({ "vcard": "BEGIN:VCARD\nFN:A\nBAD\nEND:VCARD\n" })),
        ("contact.put", json!({ "vcard": format!("{0}{0}", vcard(ADA, "Ada")) })),
        ("contact.put", json!({ "jcard": ["vcard", [["fn", {}, "text", "A"]]], "version": 1 })),
        ("contact.patch", json!({ "uid": ADA, "add": [["fn"]] })),
        ("contact.import", json!({})),
        ("contact.import", json!({ "base64": "!" })),
        ("contact.export", json!({ "vcard_version": "2.1" })),
        ("blob.get", json!({ "hash": "00" })),
        ("blob.get", json!({ "hash": "0".repeat(32) })),
        ("contact.get", json!({ "uid": "abc" })),
        ("contact.get", json!({ "uid": ADA })),
        ("contact.history", json!({ "uid": ADA })),
        ("box.author", json!({ "name": "\n" })),
        ("cards.backup", json!({ "path": "card" })),
        ("cards.backup", json!({ "path": "/nowhere", "accept_removals": true })),
        ("cards.sync", json!({ "path": "/nowhere/at/all", "accept_removals": false })),
        ("devices.info", json!({ "path": "/nowhere/at/all" })),
        ("devices.sync", json!({ "path": "/nowhere/at/all" })),
    ] {
        said.ask(client, method, params);
    }
    said.ask(client, "contact.put", json!({ "jcard": jcard(ADA, "Ada Lovelock") }));
    said.ask(client, "contact.put", json!({ "jcard": jcard(BRUNO, "Bruno Kessel") }));
    said.ask(client, "contact.get", json!({ "uid": "0badcafe" }));
    let old = json!({ "jcard": jcard(ADA, "Ada King"), "uid": ADA, "version": 1 });
    said.ask(client, "contact.put", old);
    let none = json!([{ "name": "tel" }]);
    said.ask(client, "contact.patch", json!({ "uid": ADA, "remove": none }));
    said.ask(client, "cards.restore", json!({ "path": place.path() }));
    let file = place.file("no-card", [0; 4096]);
    said.ask(client, "cards.backup", json!({ "path": file }));
    let second = daemon.client();
    let third = &mut daemon.client();
    said.ask(third, "contact.find", json!({ "query": "a" }));
    drop(second);
    // A line that is too long, and one that is not ended.
    let long = &mut client_after(&daemon, third);
    long.send_bytes(&vec![b' '; 70_000]).expect("the daemon reads");
    said.hear(long);
    client.send_bytes(b"{").expect("the daemon reads");
    said.hear(client);
    fs::remove_file(place.image()).expect("it is ours");
    let client = &mut client_after(&daemon, client);
    // The messages name a file of the system's by a number of its own.
    let closed = client.refused("contact.put", json!({ "jcard": jcard(ADA, "Ada King") }), "Disk");
    said.keep(closed["data"].clone());
    let closed = client.refused("contact.remove", json!({ "uid": ADA }), "ReadOnly");
    said.keep(closed["data"].clone());
    said.end("errors.jsonl");
}

/// A client in the place of another.
fn client_after(daemon: &Daemon, other: &mut Client) -> Client {
    other.socket().shutdown(std::net::Shutdown::Both).ok();
    let mut fresh = None;
    until("there is a place for a client", || {
        let mut client = daemon.client();
        let answer = client.try_call("contact.find", json!({ "query": "a" }));
        let is_in = matches!(answer, Ok(Ok(_)));
        fresh = is_in.then_some(client);
        is_in
    });
    fresh.expect("there was one")
}

/// Events come in their own order: each is waited for.
fn is_card(state: &'static str) -> impl Fn(&Value) -> bool {
    move |line| line["method"] == "watch.card" && line["params"]["state"] == state
}

#[test]
fn cards_and_devices_are_told_as_they_ever_were() {
    let place = Place::new();
    let daemon = place.serve_with(&["--backup", "off"]);
    let other = Place::new();
    let elsewhere = other.serve_with(&["--backup", "off"]);
    let card = place.path().join("card");
    fs::create_dir(&card).expect("a folder takes a folder");
    let there = json!({ "jcard": jcard(CARLA, "Carla Neumann") });
    elsewhere.client().call("contact.put", there.clone());
    elsewhere.client().call("cards.backup", json!({ "path": card }));
    let mut said = Transcript::new(place.path());
    let client = &mut met(&mut said, &daemon);
    said.ask(client, "cards.restore", json!({ "path": card }));
    said.ask(client, "contact.put", json!({ "jcard": jcard(ADA, "Ada Lovelock") }));
    said.ask(client, "cards.backup", json!({ "path": card }));
    said.ask(client, "cards.sync", json!({ "path": card }));
    said.ask(client, "contact.put", json!({ "jcard": jcard(BRUNO, "Bruno Kessel") }));
    said.ask(client, "cards.sync", json!({ "path": card, "accept_removals": true }));
    elsewhere.client().call("contact.remove", json!({ "uid": CARLA }));
    elsewhere.client().call("contact.purge", json!({ "uid": CARLA }));
    elsewhere.client().call("cards.sync", json!({ "path": card }));
    said.ask(client, "cards.sync", json!({ "path": card, "accept_removals": true }));
    said.ask(client, "trash.kept", json!({ "query": "carla" }));
    said.ask(client, "contact.restore", json!({ "uid": CARLA }));
    let device = Powered::new(place.path());
    said.ask(client, "devices.info", json!({ "path": device.path() }));
    said.ask(client, "devices.sync", json!({ "path": device.path() }));
    said.ask(client, "devices.sync", json!({ "path": device.path() }));
    said.end("cards.jsonl");
}

#[test]
fn events_are_told_as_they_ever_were() {
    let place = Place::new();
    let other = Place::new();
    let elsewhere = other.serve_with(&["--backup", "off"]);
    let (card, port) = (place.path().join("card"), place.path().join("device"));
    let letters = |path: &std::path::Path| path.to_str().expect("letters").to_owned();
    let (card_flag, port_flag) = (letters(&card), letters(&port));
    let flags = ["--backup", "off", "--card", &card_flag, "--device", &port_flag];
    let daemon = place.serve_with(&flags);
    let mut said = Transcript::new(place.path());
    let client = &mut met(&mut said, &daemon);
    let watching = &mut met(&mut said, &daemon);
    let state = |client: &mut Client, place: &str| {
        client.call("box.info", json!({}))["places"][place]["state"].clone()
    };
    // The daemon looks for both as soon as it runs: before somebody watches.
    let looked = |place: &str| !state(&mut daemon.client(), place).is_null();
    until("the card and the device were looked for", || looked(&card_flag) && looked(&port_flag));
    // Watchers are told right after a state is set.
    std::thread::sleep(std::time::Duration::from_millis(100));
    said.ask(watching, "watch.start", json!({}));
    client.call("contact.put", json!({ "jcard": jcard(ADA, "Ada Lovelock") }));
    said.hear(watching);
    client.call("contact.remove", json!({ "uid": ADA }));
    said.hear(watching);
    said.ask(client, "box.info", json!({}));
    // A card of another box is put in, at once and whole.
    let aside = place.path().join("aside");
    fs::create_dir(&aside).expect("a folder takes a folder");
    let there = json!({ "jcard": jcard(CARLA, "Carla Neumann") });
    elsewhere.client().call("contact.put", there);
    elsewhere.client().call("cards.backup", json!({ "path": aside }));
    fs::rename(&aside, &card).expect("it is ours");
    said.await_event(watching, is_card("taken in"));
    said.await_event(watching, is_card("backed up"));
    until("the card is in step", || state(&mut daemon.client(), &card_flag) == "in step");
    said.ask(client, "box.info", json!({}));
    fs::rename(&card, &aside).expect("it is ours");
    said.await_event(watching, is_card("no card"));
    let device = Powered::new(place.path());
    let is_device = |state: &'static str| {
        move |line: &Value| line["method"] == "watch.device" && line["params"]["state"] == state
    };
    said.await_event(watching, is_device("syncing"));
    said.await_event(watching, is_device("in step"));
    drop(device);
    fs::remove_file(&port).expect("the socket is left");
    said.await_event(watching, is_device("not plugged in"));
    said.ask(client, "box.info", json!({}));
    said.end("events.jsonl");
}
