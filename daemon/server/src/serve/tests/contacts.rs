//! Tests what clients do with contacts, through the socket.
use super::{Client, Daemon, empty, folder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_system::config::Settings;
use serde_json::{Value, json};

impl Client {
    /// The result of a request that must go well.
    fn good(&mut self, method: &str, params: Value) -> Value {
        let reply = self.ask(method, params);
        assert!(reply.get("error").is_none(), "{method}: {reply}");
        reply["result"].clone()
    }

    /// The kind of error of a request that must not.
    fn bad(&mut self, method: &str, params: Value) -> String {
        let reply = self.ask(method, params);
        reply["error"]["data"]["kind"]
            .as_str()
            .unwrap_or_else(|| panic!("{method}: {reply}"))
            .to_owned()
    }

    fn names(&mut self, params: Value) -> Vec<String> {
        let found = self.good("contact.find", params);
        let hits = found["hits"].as_array().expect("hits");
        hits.iter().map(|hit| hit["name"].as_str().expect("a name").to_owned()).collect()
    }
}

fn card(name: &str, tel: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nTEL;TYPE=cell:{tel}\r\nEND:VCARD\r\n")
}

#[test]
fn a_contact_is_put_found_patched_and_shown() {
    let folder = folder();
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    let ada = json!(["vcard", [
        ["version", {}, "text", "4.0"],
        ["fn", {}, "text", "Ada Lovelace"],
        ["tel", {"type": ["home", "cell"]}, "text", "+49 (171) 555-01"],
        ["x-odd", {}, "unknown", "a;b\\,c"],
    ]]);
    let put = client.good("contact.put", json!({ "jcard": ada }));
    assert_eq!(put["outcome"], "added");
    let uid = put["uid"].as_str().expect("a uid").to_owned();
    assert_eq!(client.names(json!({ "query": "love" })), ["Ada Lovelace"]);
    assert_eq!(client.names(json!({ "query": "0171 555" })), ["Ada Lovelace"]);
    assert!(client.names(json!({ "query": "babbage" })).is_empty());

    let got = client.good("contact.get", json!({ "uid": uid }));
    assert_eq!(got["jcard"], ada);
    assert_eq!(got["version"], put["version"]);
    assert_eq!(got["changed"]["origin"], "edit");
    assert_eq!((&got["trashed"], &got["conflicts"]), (&json!(false), &json!([])));
    let same =
        client.good("contact.put", json!({ "jcard": ada, "uid": uid, "version": put["version"] }));
    assert_eq!((&same["outcome"], &same["version"]), (&json!("unchanged"), &put["version"]));

    let patched = client.good(
        "contact.patch",
        json!({
            "uid": &uid[..8],
            "version": put["version"],
            "remove": [{ "name": "tel", "value": "+49 (171) 555-01" }],
            "add": [["email", {}, "text", "ada@example.org"]],
        }),
    );
    assert_eq!(patched["outcome"], "updated");
    assert!(client.names(json!({ "query": "0171 555" })).is_empty());
    assert_eq!(client.names(json!({ "query": "ada@ex" })), ["Ada Lovelace"]);
    let stale = json!({ "uid": uid, "version": put["version"], "remove": [{ "name": "email" }] });
    assert_eq!(client.bad("contact.patch", stale), "Conflict");
    let none = json!({ "uid": uid, "remove": [{ "name": "bday" }] });
    assert_eq!(client.bad("contact.patch", none), "NoSuchProperty");

    let history = client.good("contact.history", json!({ "uid": uid }));
    let versions = history["versions"].as_array().expect("versions");
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0]["version"], patched["version"]);
    assert_eq!(versions[0]["added"], json!([["email", {}, "text", "ada@example.org"]]));
    assert_eq!(versions[0]["removed"][0][3], "+49 (171) 555-01");
    assert_eq!(versions[1]["added"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        client.good("contact.history", json!({ "uid": uid, "limit": 1 }))["versions"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn the_trash_gives_back_and_purging_does_not() {
    let folder = folder();
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    client.good("contact.import", json!({ "vcard": card("Ada", "1") + &card("Bob", "2") }));
    let uid = client.good("contact.find", json!({ "query": "ada" }))["hits"][0]["uid"].clone();
    assert_eq!(client.good("contact.remove", json!({ "uid": uid }))["outcome"], "updated");
    assert_eq!(client.good("contact.remove", json!({ "uid": uid }))["outcome"], "unchanged");
    assert!(client.names(json!({ "query": "ada" })).is_empty());
    assert_eq!(client.names(json!({ "query": "ada", "shelf": "trash" })), ["Ada"]);
    assert_eq!(client.names(json!({ "query": "", "shelf": "all" })), ["Ada", "Bob"]);
    client.good("contact.restore", json!({ "uid": uid }));
    assert_eq!(client.names(json!({ "query": "" })), ["Ada", "Bob"]);
    client.good("contact.purge", json!({ "uid": uid }));
    assert_eq!(client.names(json!({ "query": "", "shelf": "all" })), ["Bob"]);
    assert_eq!(client.bad("contact.get", json!({ "uid": uid })), "NoSuchContact");
    assert_eq!(client.bad("contact.get", json!({ "uid": "abc" })), "InvalidParams");
    assert_eq!(client.bad("contact.get", json!({ "uid": "hello world" })), "InvalidParams");
    assert_eq!(client.bad("contact.get", json!({ "uid": "00000000" })), "NoSuchContact");
}

#[test]
fn an_import_takes_the_good_cards_and_tells_of_the_others() {
    let folder = folder();
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    let bad = "BEGIN:VCARD\r\nEND:VCARD\r\n";
    let text = card("Ada", "1") + bad + &card("Bob", "2");
    let told = client.good("contact.import", json!({ "vcard": text, "first_line": 101 }));
    assert_eq!((&told["added"], &told["updated"]), (&json!(2), &json!(0)), "{told}");
    assert_eq!(told["rejected"][0]["line"], 106, "{told}");
    assert_eq!(told["rejected"][0]["text"], bad);
    let again = client.good("contact.import", json!({ "vcard": text }));
    assert_eq!((&again["added"], &again["unchanged"]), (&json!(0), &json!(2)), "{again}");
    let latin = [card("J\u{fc}rgen", "3").replace('\u{fc}', "?").into_bytes()];
    let latin: Vec<u8> =
        latin[0].iter().map(|&byte| if byte == b'?' { 0xFC } else { byte }).collect();
    client.good("contact.import", json!({ "base64": BASE64.encode(latin) }));
    assert_eq!(client.names(json!({ "query": "jurgen" })), ["J\u{fc}rgen"]);
    let no_card = client.good("contact.import", json!({ "vcard": "hello" }));
    assert_eq!(no_card["rejected"].as_array().map(Vec::len), Some(1));
    assert_eq!(client.bad("contact.import", empty()), "InvalidParams");
    assert_eq!(client.bad("contact.put", json!({ "vcard": text })), "BadVcard");
}

#[test]
fn photos_come_back_byte_for_byte() {
    let folder = folder();
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    let photo: Vec<u8> = (0..3_000_000u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    let text = format!(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nPHOTO;ENCODING=b;TYPE=JPEG:{}\nEND:VCARD\n",
        BASE64.encode(&photo)
    );
    client.good("contact.import", json!({ "vcard": text }));
    let uid = client.good("contact.find", json!({ "query": "ada" }))["hits"][0]["uid"].clone();
    let slim = client.good("contact.get", json!({ "uid": uid }));
    let property = slim["jcard"][1]
        .as_array()
        .expect("properties")
        .iter()
        .find(|property| property[0] == "photo");
    let params = property.expect("a photo")[1].clone();
    assert_eq!(params["bytes"], photo.len());
    let mut pieces = Vec::new();
    while pieces.len() < photo.len() {
        let piece = client.good(
            "blob.get",
            json!({ "hash": params["blob"], "offset": pieces.len(), "bytes": 700_000 }),
        );
        pieces.extend(BASE64.decode(piece["base64"].as_str().expect("base64")).expect("base64"));
    }
    assert!(pieces == photo);
    let whole = client.good("contact.get", json!({ "uid": uid, "blobs": true }));
    assert!(whole["jcard"].to_string().contains(&BASE64.encode(&photo)));
    // A value that was left out goes back as it is.
    let put = client.good("contact.put", json!({ "uid": uid, "jcard": slim["jcard"] }));
    assert_eq!(put["outcome"], "unchanged");
    let export = client.good("contact.export", json!({ "vcard_version": "3.0" }));
    let unfolded = export["vcard"].as_str().expect("text").replace("\r\n ", "");
    assert!(unfolded.contains(&BASE64.encode(&photo)));
    let slim = client.good("contact.export", json!({ "photos": false }));
    assert!(!slim["vcard"].as_str().expect("text").contains("PHOTO"));
    let none = json!({ "hash": "00".repeat(16) });
    assert_eq!(client.bad("blob.get", none), "NoSuchBlob");
    let lost = json!({ "jcard": ["vcard", [["fn", {}, "text", "X"], ["photo", {"blob": "00".repeat(16), "bytes": 9}, "uri", ""]]] });
    assert_eq!(client.bad("contact.put", lost), "NoSuchBlob");
}

#[test]
fn pages_go_through_everybody_once() {
    let folder = folder();
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    let text: String =
        (0..3000).map(|at| card(&format!("Person {at:04}"), &"7".repeat(400))).collect();
    client.good("contact.import", json!({ "vcard": text }));
    let mut names = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let found =
            client.good("contact.find", json!({ "query": "pers", "limit": 200, "cursor": cursor }));
        names.extend(found["hits"].as_array().expect("hits").iter().map(|hit| hit["name"].clone()));
        match found.get("cursor") {
            Some(next) => cursor = next.clone(),
            None => break,
        }
    }
    assert_eq!(names.len(), 3000);
    assert!(names.is_sorted_by_key(|name| name.as_str().expect("a name").to_owned()));
    for query in [Value::Null, json!("person")] {
        let mut cards = 0;
        let mut pages = 0;
        let mut cursor = Value::Null;
        loop {
            let page = client.good("contact.export", json!({ "query": query, "cursor": cursor }));
            let text = page["vcard"].as_str().expect("text");
            assert_eq!(
                text.matches("BEGIN:VCARD").count() as u64,
                page["vcards"].as_u64().expect("a count")
            );
            cards += page["vcards"].as_u64().expect("a count");
            pages += 1;
            match page.get("cursor") {
                Some(next) => cursor = next.clone(),
                None => break,
            }
        }
        assert_eq!(cards, 3000);
        assert!(pages > 1);
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_new_start() {
    let folder = folder();
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    let text: String = (0..500).map(|at| card(&format!("Person {at:04}"), "7")).collect();
    client.good("contact.import", json!({ "vcard": text }));
    client.good("box.author", json!({ "name": "Eva" }));
    let uid = client.good("contact.put", json!({ "vcard": card("Ada", "1") }))["uid"].clone();
    drop(client);
    drop(daemon);
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    assert_eq!(client.good("box.hello", empty())["contacts"], 501);
    assert_eq!(client.good("contact.get", json!({ "uid": uid }))["changed"]["author"], "Eva");
    let report = client.good("box.verify", empty());
    assert_eq!((&report["sound"], &report["contacts"]), (&json!(true), &json!(501)), "{report}");
    let stats = client.good("box.stats", empty());
    assert_eq!(stats["contacts"], 501);
    assert_eq!(client.good("box.info", empty())["access"], "read-write");
}

#[test]
fn changes_are_watched_and_pipelined_requests_are_done_in_order() {
    let folder = folder();
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut watcher = daemon.connect();
    watcher.good("watch.start", empty());
    let mut client = daemon.connect();
    let mut lines = String::new();
    for id in 0..300 {
        let put = json!({ "jsonrpc": "2.0", "id": id, "method": "contact.put", "params": { "vcard": card(&format!("P{id}"), "1") } });
        lines.push_str(&put.to_string());
        lines.push('\n');
    }
    lines.push_str(&json!({ "jsonrpc": "2.0", "id": "last", "method": "contact.find", "params": { "query": "p299" } }).to_string());
    client.send(&lines);
    let mut added = 0;
    let mut found = Value::Null;
    for _ in 0..301 {
        let reply = client.receive();
        if reply["id"] == "last" {
            found = reply["result"]["hits"][0]["name"].clone();
        } else {
            assert_eq!(reply["result"]["outcome"], "added", "{reply}");
            added += 1;
        }
    }
    assert_eq!((added, found), (300, json!("P299")));
    let change = watcher.receive();
    assert_eq!(change["method"], "watch.change");
    assert_eq!(change["params"]["name"], "P0");
    assert_eq!(change["params"]["origin"], "edit");
    let stats = client.good("box.stats", empty());
    assert!(
        stats["syncs"].as_u64().expect("a count") < 250,
        "changes that wait share a sync: {stats}"
    );
}

#[test]
fn large_cards_go_in_and_out() {
    let folder = folder();
    let daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    let numbers: String = (0..5000).map(|at| format!("TEL:+49 171 {at:07}\r\n")).collect();
    let name = "N\u{e4}me".repeat(2500);
    let text = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\n{numbers}END:VCARD\r\n");
    let told = client.good("contact.import", json!({ "vcard": text }));
    assert_eq!(told["added"], 1, "{told}");
    let hit = client.good("contact.find", json!({ "query": "0171 0004999" }))["hits"][0].clone();
    assert_eq!(hit["name"].as_str().expect("a name").chars().count(), 200);
    let got = client.good("contact.get", json!({ "uid": hit["uid"] }));
    assert_eq!(got["jcard"][1].as_array().map(Vec::len), Some(5002));
    let again = client.good("contact.import", json!({ "vcard": text }));
    assert_eq!(again["unchanged"], 1);
    let patch = json!({ "uid": hit["uid"], "remove": [{ "name": "tel", "index": 4999 }] });
    assert_eq!(client.good("contact.patch", patch)["outcome"], "updated");
    assert_eq!(client.good("contact.import", json!({ "vcard": card("Small", "1") }))["added"], 1);
    let huge = format!(
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:x\r\nNOTE:{}\r\nEND:VCARD\r\n",
        "n".repeat(3_000_000)
    );
    let told = client.good("contact.import", json!({ "vcard": huge.clone() + &card("Good", "1") }));
    assert_eq!((&told["added"], told["rejected"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    assert_eq!(client.bad("contact.put", json!({ "vcard": huge })), "TooLarge");
}
