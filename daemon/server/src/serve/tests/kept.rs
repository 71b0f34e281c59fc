//! Tests that a contact removed by another box stays in the trash for a while, and comes back from
//! there.
use super::{Client, Daemon, empty, folder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_core::store::KEEP_MILLIS;
use contactbox_system::config::Settings;
use serde_json::{Value, json};
use std::path::Path;

fn good(client: &mut Client, method: &str, params: Value) -> Value {
    let reply = client.ask(method, params);
    assert!(reply.get("error").is_none(), "{method}: {reply}");
    reply["result"].clone()
}

fn sync(client: &mut Client, card: &Path) {
    good(client, "cards.sync", json!({ "path": card, "accept_removals": true }));
}

/// Names of those that are kept, the latest removal first.
fn kept(client: &mut Client, query: &str) -> Vec<String> {
    let told = good(client, "trash.kept", json!({ "query": query }));
    let rows = told["kept"].as_array().expect("a list");
    rows.iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

fn photo_of(client: &mut Client, uid: &str) -> Value {
    let got = good(client, "contact.get", json!({ "uid": uid, "blobs": true }));
    let card = got["jcard"][1].as_array().expect("a card").clone();
    let photo = card.into_iter().find(|property| property[0] == "photo");
    photo.expect("a photo")[3].clone()
}

#[test]
fn b7_what_a_peer_removed_is_in_the_trash_and_comes_back_for_good() {
    let (here_folder, there_folder, card) = (folder(), folder(), folder());
    let card = card.path();
    let here_daemon = Daemon::start(here_folder.path(), Settings::default());
    let there_daemon = Daemon::start(there_folder.path(), Settings::default());
    let (mut here, mut there) = (here_daemon.connect(), there_daemon.connect());

    let photo: Vec<u8> = (0..5_000u32).map(|at| ((at * at) >> 5) as u8).collect();
    let photo = format!("data:image/jpeg;base64,{}", BASE64.encode(photo));
    let ada = json!([
        "vcard",
        [
            ["version", {}, "text", "4.0"],
            ["fn", {}, "text", "Ada Lovelace"],
            ["tel", {}, "text", "+44 20 7946 0000"],
            ["photo", {}, "uri", photo],
        ]
    ]);
    let uid = good(&mut here, "contact.put", json!({ "jcard": ada }))["uid"].clone();
    let uid = uid.as_str().expect("a uid").to_owned();
    for name in ["Grace", "Hedy"] {
        let vcard = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEND:VCARD\r\n");
        good(&mut here, "contact.put", json!({ "vcard": vcard }));
    }
    sync(&mut here, card);
    sync(&mut there, card);
    assert_eq!(photo_of(&mut there, &uid), photo);
    assert!(kept(&mut here, "").is_empty());

    good(&mut there, "contact.purge", json!({ "uid": uid }));
    sync(&mut there, card);
    assert!(kept(&mut there, "").is_empty(), "there it was the owner's own doing");
    sync(&mut here, card);
    assert_eq!(here.ask("contact.get", json!({ "uid": uid }))["error"]["code"], -32000);
    let told = good(&mut here, "trash.kept", empty());
    let row = &told["kept"][0];
    assert_eq!((&row["uid"], &row["tel"]), (&json!(uid), &json!("+44 20 7946 0000")));
    let removed = row["removed"].as_u64().expect("a time");
    assert_eq!(row["until"].as_u64(), Some(removed + KEEP_MILLIS));
    assert_eq!(kept(&mut here, "lovelace 7946"), ["Ada Lovelace"]);
    assert!(kept(&mut here, "grace").is_empty());

    // It is still there when the daemon has been started again.
    drop(here);
    drop(here_daemon);
    let here_daemon = Daemon::start(here_folder.path(), Settings::default());
    let mut here = here_daemon.connect();
    let restored = good(&mut here, "contact.restore", json!({ "uid": &uid[..8] }));
    assert_eq!((&restored["uid"], &restored["outcome"]), (&json!(uid), &json!("added")));
    assert_eq!(photo_of(&mut here, &uid), photo);
    assert!(kept(&mut here, "").is_empty(), "it is a contact again");

    // It counts for more than the removal, here and there.
    for _ in 0..2 {
        sync(&mut here, card);
        sync(&mut there, card);
    }
    sync(&mut here, card);
    for client in [&mut here, &mut there] {
        assert_eq!(photo_of(client, &uid), photo);
        assert!(kept(client, "").is_empty());
    }

    // Emptying the trash forgets what is kept.
    good(&mut there, "contact.purge", json!({ "uid": uid }));
    sync(&mut there, card);
    sync(&mut here, card);
    assert_eq!(kept(&mut here, ""), ["Ada Lovelace"]);
    assert_eq!(good(&mut here, "trash.forget", empty())["forgotten"], 1);
    assert!(kept(&mut here, "").is_empty());
    assert_eq!(here.ask("contact.restore", json!({ "uid": uid }))["error"]["code"], -32000);
}
