//! Hostile and faulty clients: the daemon stays small, answers the others, and lives.
use contactbox_tests::daemon::{Client, Daemon, Place};
use contactbox_tests::people::people;
use contactbox_tests::report;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The default limits of a frame, and of the memory for the frames of all clients.
const FRAME_BYTES: usize = 16 << 20;

/// The most memory of the daemon: the requests of all clients (128 MiB), 16 long replies of 11 MiB
/// and their JSON, the box, and what the allocator keeps.
const MEMORY_KIB_MAX: usize = 384 * 1024;

/// The longest wait of another client during an attack, beyond fifty times its usual wait. The
/// daemon itself takes milliseconds, but a busy machine does not always let it.
const LATENCY_MAX: Duration = Duration::from_secs(5);

/// The same limit for attacks whose requests take a second or two each: the other client may have
/// to wait for one of them, and not for all.
const LATENCY_OF_LONG_MAX: Duration = Duration::from_secs(20);

/// The people in the box.
const PEOPLE: usize = 1000;

/// Short limits, so that a client that is too slow is closed soon.
const FLAGS: [&str; 4] = ["--read-seconds", "2", "--write-seconds", "2"];

/// Starts a daemon with these limits on a filled box.
fn serve(place: &Place) -> Daemon {
    filled(place.serve_with(&FLAGS))
}

fn filled(daemon: Daemon) -> Daemon {
    let text: String = people(PEOPLE, 1).map(|person| person.vcard()).collect();
    let told = daemon.client().call("contact.import", json!({ "vcard": text }));
    assert_eq!(told["added"], PEOPLE);
    daemon
}

/// Does the work of a well-behaved client, which searches and edits.
fn work(client: &mut Client) -> Duration {
    let begun = Instant::now();
    let found = client.call("contact.find", json!({ "query": "mü" }));
    assert!(!found["hits"].as_array().expect("hits").is_empty());
    let card = json!(["vcard", [["fn", {}, "text", "Bystander"]]]);
    client.call("contact.put", json!({ "jcard": card }));
    begun.elapsed()
}

/// Attacks while another client works. That client must get its answers in time, and the daemon
/// must stay within its memory.
fn attack(name: &str, daemon: &mut Daemon, attack: impl FnOnce(&Daemon)) {
    attack_at_length(name, daemon, LATENCY_MAX, attack);
}

fn attack_at_length(
    name: &str,
    daemon: &mut Daemon,
    latency_max: Duration,
    attack: impl FnOnce(&Daemon),
) {
    let is_over = AtomicBool::new(false);
    let mut bystander = daemon.client();
    let in_peace = (0..20).map(|_| work(&mut bystander)).max().unwrap_or_default();
    let (count, worst) = thread::scope(|scope| {
        let watched = scope.spawn(|| {
            let (mut count, mut worst) = (0, Duration::ZERO);
            while !is_over.load(Ordering::Relaxed) || count == 0 {
                worst = worst.max(work(&mut bystander));
                count += 1;
                thread::sleep(Duration::from_millis(2));
            }
            (count, worst)
        });
        let attacked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| attack(daemon)));
        is_over.store(true, Ordering::Relaxed);
        if let Err(panic) = attacked {
            std::panic::resume_unwind(panic);
        }
        watched.join().expect("the bystander is answered")
    });
    assert!(daemon.is_alive(), "{name}: the daemon has ended");
    let (now, most) = (daemon.memory_kib("VmRSS"), daemon.memory_kib("VmHWM"));
    report::line(
        "hostile",
        &format!(
            "{name}: {count} answers to another client meanwhile, the slowest in {} ms ({} in peace); memory {} MiB, \
             at most {} MiB",
            worst.as_millis(),
            in_peace.as_millis(),
            now / 1024,
            most / 1024
        ),
    );
    assert!(most < MEMORY_KIB_MAX, "{name}: the daemon has taken {most} KiB");
    let worst_max = latency_max + 50 * in_peace;
    assert!(worst < worst_max, "{name}: another client has waited for {worst:?}");
}

/// Sends bytes that the daemon need not read to their end.
fn shout(client: &mut Client, bytes: &[u8]) {
    // This fails if the daemon closes the connection, which it may do.
    client.send_bytes(bytes).ok();
}

/// Sends a line that is refused with this kind; the connection can be used afterwards.
#[track_caller]
fn refused(client: &mut Client, line: &[u8], kind: &str) {
    client.send_bytes(line).expect("the daemon reads");
    client.send_bytes(b"\n").expect("the daemon reads");
    let reply = client.receive().expect("a reply");
    assert_eq!(reply["error"]["data"]["kind"], kind, "{reply}");
    assert!(reply.to_string().len() < 1000, "a reply is no echo");
}

fn request(method: &str, params: &str) -> Vec<u8> {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}")
        .into_bytes()
}

#[test]
fn lines_that_are_no_requests() {
    let place = Place::new();
    let mut daemon = serve(&place);
    attack("no requests", &mut daemon, |daemon| {
        let mut client = daemon.client();
        refused(&mut client, b"\0\0\0\0", "ParseError");
        refused(&mut client, &[0; 1 << 20], "ParseError");
        refused(&mut client, b"GET / HTTP/1.1", "ParseError");
        refused(&mut client, &[0xff; 1000], "ParseError");
        refused(
            &mut client,
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc3\x28\"}",
            "ParseError",
        );
        refused(&mut client, b"[{}]", "InvalidRequest");
        refused(&mut client, b"null", "InvalidRequest");
        refused(&mut client, &b"[".repeat(1 << 20), "InvalidRequest");
        refused(&mut client, &b"{\"a\":".repeat(1 << 20), "ParseError");
        let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
        refused(&mut client, &request("contact.find", &deep), "InvalidParams");
        let deep = format!("{{\"jcard\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        let reply = answer(&mut client, &request("contact.put", &deep));
        assert!(!reply["error"].is_null(), "{reply}");
        let long = "x".repeat(8 << 20);
        refused(&mut client, &request(&long, "{}"), "NoSuchMethod");
        refused(&mut client, &request("box.info", &format!("{{\"{long}\":1}}")), "InvalidParams");
        refused(
            &mut client,
            &request("contact.get", &format!("{{\"uid\":\"{long}\"}}")),
            "InvalidParams",
        );
        refused(
            &mut client,
            &request("contact.find", "{\"query\":\"a\",\"limit\":1e999}"),
            "InvalidParams",
        );
        refused(
            &mut client,
            &request("contact.find", "{\"query\":\"a\",\"limit\":-1}"),
            "InvalidParams",
        );
        refused(
            &mut client,
            &request("contact.find", "{\"query\":\"a\",\"cursor\":\"zzz\"}"),
            "InvalidParams",
        );
        // Empty lines are ignored.
        client.send_bytes(&b"\n\r\n".repeat(300_000)).expect("the daemon reads");
        client.call("box.hello", json!({}));

        let mut longest = daemon.client();
        shout(&mut longest, &vec![b'x'; FRAME_BYTES + 1024]);
        let reply = longest.receive().expect("the daemon says why it closes");
        assert_eq!(reply["error"]["data"]["kind"], "TooLarge", "{reply}");
        assert!(longest.is_closed_within(Duration::from_secs(10)));
    });
    assert!(daemon.stop().success());
}

/// Returns the reply to a line.
fn answer(client: &mut Client, line: &[u8]) -> Value {
    client.send_bytes(line).expect("the daemon reads");
    client.send_bytes(b"\n").expect("the daemon reads");
    client.receive().expect("a reply")
}

#[test]
fn half_a_line_and_silence() {
    let place = Place::new();
    let mut daemon = serve(&place);
    attack("half a line", &mut daemon, |daemon| {
        let mut silent: Vec<Client> = (0..100).map(|_| daemon.client()).collect();
        for client in &mut silent {
            client.send_bytes(b"{\"jsonrpc\":").expect("the daemon reads");
        }
        for client in &mut silent {
            let told = client.receive().expect("the daemon says why it closes");
            assert_eq!(told["error"]["data"]["kind"], "Timeout", "{told}");
            assert!(client.is_closed_within(Duration::from_secs(10)));
        }
    });
    attack("a byte now and then", &mut daemon, |daemon| {
        let mut client = daemon.client();
        let begun = Instant::now();
        while client.send_bytes(b"{").is_ok() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "a line may take as long as it likes"
            );
            thread::sleep(Duration::from_millis(50));
        }
    });
    // A client may be silent between lines for any time.
    let mut client = daemon.client();
    client.call("box.hello", json!({}));
    thread::sleep(Duration::from_millis(2500));
    client.call("box.hello", json!({}));
    assert!(daemon.stop().success());
}

#[test]
fn a_thousand_connections() {
    const CONNECTIONS: usize = 1000;
    let place = Place::new();
    let mut daemon = serve(&place);
    attack("1,000 connections", &mut daemon, |daemon| {
        let (mut inside, mut told) = (Vec::new(), 0);
        for _ in 0..CONNECTIONS {
            let mut client = daemon.client();
            // The last place is kept for `stop`, so a search is refused there.
            match client.try_call("contact.find", json!({ "query": "a" })) {
                Ok(Ok(_)) => inside.push(client),
                Ok(Err(error)) => {
                    assert_eq!(error["data"]["kind"], "TooManyConnections", "{error}");
                    assert!(client.is_closed_within(Duration::from_secs(10)));
                    told += 1;
                }
                // The connection ended before the line was read.
                Err(_) => told += 1,
            }
        }
        assert_eq!(
            (inside.len(), told),
            (255, CONNECTIONS - 255),
            "256 in all, with the other one"
        );
        for client in &mut inside {
            client.call("contact.find", json!({ "query": "a" }));
        }
    });
    // Their places are free again.
    let begun = Instant::now();
    while !matches!(daemon.client().try_call("box.stats", json!({})), Ok(Ok(_))) {
        assert!(begun.elapsed() < Duration::from_secs(10), "no place becomes free");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(daemon.stop().success());
}

#[test]
fn clients_that_never_read() {
    let place = Place::new();
    let mut daemon = serve(&place);
    let photo = format!("data:image/jpeg;base64,{}", "/9j/".repeat((8 << 20) / 3));
    let card = json!(["vcard", [["fn", {}, "text", "Large"], ["photo", {}, "uri", photo]]]);
    let mut client = daemon.client();
    let uid = client.call("contact.put", json!({ "jcard": card }))["uid"].clone();
    let shown = client.call("contact.get", json!({ "uid": uid }));
    let properties = shown["jcard"][1].as_array().expect("properties");
    let blob = properties.iter().find_map(|one| one[1].get("blob")).expect("a blob").clone();
    drop(client);
    let asks = [
        ("blob.get", json!({ "hash": blob, "bytes": 8 << 20 })),
        ("contact.get", json!({ "uid": uid, "blobs": true })),
        ("contact.export", json!({})),
        ("contact.find", json!({ "query": "", "limit": 200 })),
    ];
    attack_at_length(
        "asking for much and never reading",
        &mut daemon,
        LATENCY_OF_LONG_MAX,
        |daemon| {
            let mut deaf = Vec::new();
            for (method, params) in asks.iter().cycle().take(40) {
                let mut client = daemon.client();
                client
                    .socket()
                    .set_write_timeout(Some(Duration::from_millis(20)))
                    .expect("not zero");
                for _ in 0..50 {
                    // The daemon stops reading from a client with many open requests.
                    if client.send(method, params.clone()).is_err() {
                        break;
                    }
                }
                deaf.push(client);
            }
            // Other requests are answered in between, including long ones such as an import.
            let mut other = daemon.client();
            let begun = Instant::now();
            let text = people(10, 9).next().expect("a person").vcard();
            other.call("contact.import", json!({ "vcard": text }));
            other.call("contact.export", json!({ "query": "bystander" }));
            let waited = begun.elapsed();
            report::line(
                "hostile",
                &format!("an import and an export beside them: {} ms", waited.as_millis()),
            );
            assert!(waited < Duration::from_secs(60), "{waited:?}");
            let begun = Instant::now();
            for client in &mut deaf {
                client.socket().set_nonblocking(false).expect("a socket");
                while std::io::Write::write(&mut client.socket(), b"\n").is_ok() {
                    assert!(begun.elapsed() < Duration::from_secs(30), "they are never closed");
                    thread::sleep(Duration::from_millis(50));
                }
            }
        },
    );
    assert!(daemon.stop().success());
}

#[test]
fn a_watcher_that_never_reads() {
    let place = Place::new();
    let mut daemon = serve(&place);
    attack("watching and never reading", &mut daemon, |daemon| {
        let mut watchers: Vec<Client> = (0..20).map(|_| daemon.client()).collect();
        for watcher in &mut watchers {
            watcher.call("watch.start", json!({}));
        }
        let mut writer = daemon.client();
        for round in 0..30 {
            let text: String = people(300, 100 + round).map(|person| person.vcard()).collect();
            writer.call("contact.import", json!({ "vcard": text }));
        }
    });
    assert!(daemon.stop().success());
}

#[test]
fn many_requests_at_once() {
    const REQUESTS: usize = 20_000;
    let place = Place::new();
    let mut daemon = serve(&place);
    attack("20,000 requests without waiting", &mut daemon, |daemon| {
        let mut reader = daemon.client();
        let socket = reader.socket().try_clone().expect("a socket has two ends");
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut out = std::io::BufWriter::new(socket);
                for id in 0..REQUESTS {
                    use std::io::Write;
                    let method = if id % 2 == 0 { "box.info" } else { "contact.nothing" };
                    writeln!(out, "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\"}}")
                        .expect("the daemon reads");
                }
            });
            let mut is_answered = vec![false; REQUESTS];
            for _ in 0..REQUESTS {
                let reply = reader.receive().expect("a reply");
                let id = reply["id"].as_u64().expect("a number") as usize;
                assert!(!std::mem::replace(&mut is_answered[id], true), "{id} is answered twice");
                assert_eq!(reply["error"].is_null(), id.is_multiple_of(2), "{reply}");
            }
        });
    });
    assert!(daemon.stop().success());
}

#[test]
fn little_text_that_wants_much_memory() {
    const BYTES: usize = 15 << 20;
    let place = Place::new();
    let mut daemon = filled(place.serve());
    let values = "0,".repeat(BYTES / 2);
    let card = format!("{{\"jcard\":[\"vcard\",[{values}0]]}}");
    let properties = "[\"a\",{},\"a\",\"\"],".repeat(BYTES / 16);
    let patch = format!("{{\"uid\":\"abcd\",\"add\":[{properties}[]]}}");
    let empty = "A:\\n".repeat(BYTES / 4);
    let import =
        format!("{{\"vcard\":\"BEGIN:VCARD\\nVERSION:3.0\\nFN:x\\n{empty}END:VCARD\\n\"}}");
    let begins = format!("{{\"vcard\":\"{}\"}}", "BEGIN:VCARD\\n".repeat(BYTES / 13));
    // The most that one request may cost the others: the longest frame, all of it lines.
    attack_at_length("one import of 3,900,000 lines", &mut daemon, LATENCY_OF_LONG_MAX, |daemon| {
        for params in [&import, &begins] {
            let reply = answer(&mut daemon.client(), &request("contact.import", params));
            assert_eq!(reply["result"]["added"], 0, "{}", reply["error"]);
        }
    });
    attack_at_length("much out of little", &mut daemon, LATENCY_OF_LONG_MAX, |daemon| {
        thread::scope(|scope| {
            for _ in 0..4 {
                for (method, params) in [("contact.put", &card), ("contact.patch", &patch)] {
                    scope.spawn(|| {
                        let reply = answer(&mut daemon.client(), &request(method, params));
                        let kind = reply["error"]["data"]["kind"].as_str().unwrap_or_default();
                        assert!(["TooLarge", "NoSuchContact"].contains(&kind), "{reply}");
                    });
                }
            }
        });
    });
    assert!(daemon.stop().success());
}
