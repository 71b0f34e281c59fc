//! Bad input through the command line: a clear message, the good cards in, nothing else harmed.
mod boxes;
mod displaced;
mod files;
mod joined;
mod large;
mod lost;
mod round_trip;
mod told;

use contactbox_tests::daemon::{Client, Place, Ran};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Returns a vCard without any fault.
fn good(name: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nTEL:+44 20 7946 0018\r\nEND:VCARD\r\n")
}

/// Imports files, and returns the summary of each.
fn import(place: &Place, files: &[&Path]) -> (Ran, Vec<Value>) {
    let mut command = place.command(["--json", "import"]);
    command.args(files);
    let ran = Ran::of(command.output().expect("the program runs"));
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    let told = ran.json();
    (ran, told)
}

/// Returns a summary's numbers of added, updated, unchanged and rejected vCards.
fn tally(told: &Value) -> [u64; 4] {
    ["added", "updated", "unchanged", "rejected"]
        .map(|name| told[name].as_u64().unwrap_or_else(|| panic!("{told}")))
}

fn sum(told: &[Value]) -> [u64; 4] {
    told.iter().map(tally).fold([0; 4], |sum, one| std::array::from_fn(|at| sum[at] + one[at]))
}

/// Returns all contacts of a box by identity, with their properties sorted, binary values included.
fn contacts(client: &mut Client) -> BTreeMap<String, Vec<String>> {
    let mut contacts = BTreeMap::new();
    let mut params = json!({ "query": "", "shelf": "all", "limit": 200 });
    loop {
        let page = client.call("contact.find", params.clone());
        for hit in page["hits"].as_array().expect("hits") {
            let uid = hit["uid"].as_str().expect("a text").to_owned();
            let found = client.call("contact.get", json!({ "uid": uid, "blobs": true }));
            let properties = found["jcard"][1].as_array().expect("properties");
            let mut lines: Vec<String> = properties.iter().map(Value::to_string).collect();
            lines.sort();
            contacts.insert(uid, lines);
        }
        match page.get("cursor") {
            Some(cursor) => params["cursor"] = cursor.clone(),
            None => return contacts,
        }
    }
}

/// Returns the names in a box.
fn names(client: &mut Client) -> Vec<String> {
    let found = client.call("contact.find", json!({ "query": "", "limit": 200 }));
    let hits = found["hits"].as_array().expect("hits");
    hits.iter().map(|hit| hit["name"].as_str().expect("a text").to_owned()).collect()
}
