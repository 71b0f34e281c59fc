//! Edits that wait together share one sync of the disk; none is answered before it.
use contactbox_tests::daemon::{Client, Place};
use contactbox_tests::report;
use serde_json::json;
use std::thread;

const CLIENTS: u64 = 16;
const EDITS: u64 = 100;

fn edit(name: &str) -> serde_json::Value {
    json!({ "jcard": ["vcard", [["fn", {}, "text", name]]] })
}

fn syncs(client: &mut Client) -> u64 {
    client.call("box.stats", json!({}))["syncs"].as_u64().expect("a number")
}

#[test]
fn each_edit_is_synced_before_its_answer() {
    let place = Place::new();
    let daemon = place.serve();
    let mut client = daemon.client();
    let mut before = syncs(&mut client);
    for number in 0..EDITS {
        client.call("contact.put", edit(&format!("Alone {number}")));
        let after = syncs(&mut client);
        assert!(after > before, "edit {number} was answered without a sync");
        before = after;
    }
    // A change without effect costs no sync, nor does a query.
    client.call("contact.find", json!({ "query": "alone" }));
    client.refused(
        "contact.remove",
        json!({ "uid": "00000000000000000000000000000000" }),
        "NoSuchContact",
    );
    assert_eq!(syncs(&mut client), before);
}

#[test]
fn edits_that_wait_together_share_a_sync() {
    let place = Place::new();
    let daemon = place.serve();
    let mut client = daemon.client();
    let before = syncs(&mut client);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let mut client = daemon.client();
            scope.spawn(move || {
                for edited in 0..EDITS {
                    client.call("contact.put", edit(&format!("Client {number} edit {edited}")));
                }
            });
        }
    });
    let waiting = syncs(&mut client) - before;
    let before = syncs(&mut client);
    for edited in 0..EDITS {
        client.send("contact.put", edit(&format!("At once {edited}"))).expect("the daemon reads");
    }
    for _ in 0..EDITS {
        let reply = client.receive().expect("a reply");
        assert!(reply["error"].is_null(), "{reply}");
    }
    let at_once = syncs(&mut client) - before;
    let edits = CLIENTS * EDITS;
    report::line(
        "group commit",
        &format!(
            "{edits} edits of {CLIENTS} clients took {waiting} syncs, {EDITS} sent at once by one client {at_once}"
        ),
    );
    assert_eq!(client.call("box.info", json!({}))["contacts"], edits + EDITS);
    // The number of edits that share a sync depends on the machine; that many do must show on any.
    assert!(waiting * 2 < edits, "{waiting} syncs for {edits} edits");
    assert!(at_once * 2 < EDITS, "{at_once} syncs for {EDITS} edits sent at once");
}
