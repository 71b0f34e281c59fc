//! B10: many connections, of users who are admitted and of users who are not.
use super::{EVA, MAX, as_user, has_others, open_place};
use contactbox_tests::daemon::{Client, Daemon, Place};
use contactbox_tests::report;
use serde_json::json;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Connects until one is turned away, and keeps the others.
fn crowd(socket: &std::path::Path) -> Vec<Client> {
    let mut inside = Vec::new();
    loop {
        let mut client = Client::try_connect(socket).expect("the daemon listens");
        match client.try_call("contact.find", json!({ "query": "a" })) {
            Ok(Ok(_)) => inside.push(client),
            Ok(Err(error)) => {
                assert_eq!(error["data"]["kind"], "TooManyConnections", "{error}");
                return inside;
            }
            // The connection ended before the line was read.
            Err(_) => return inside,
        }
        assert!(inside.len() <= 256, "there is an end");
    }
}

fn crowd_of(user: u32, place: &Place) -> Vec<Client> {
    let socket = place.socket();
    as_user(user, move || crowd(&socket)).join().expect("no panic")
}

#[test]
fn b10_a_listed_user_keeps_nobody_out() {
    if !has_others("b10") {
        return;
    }
    let (place, _) = open_place();
    let users = format!("{EVA},{MAX}");
    let daemon = place.serve_with(&["--users", &users]);
    let evas = crowd_of(EVA, &place);
    let maxs = crowd_of(MAX, &place);
    assert_eq!((evas.len(), maxs.len()), (96, 96));
    // The owner can search even if all of the owner's own places are taken, and can stop the
    // daemon.
    place.run(["find", "a"]).expect(3);
    let own = crowd(&place.socket());
    assert_eq!(own.len(), 64);
    place.run(["info"]).expect(0);
    place.run(["find", "a"]).expect(1).says(&["256 clients are connected"]);
    place.run(["stop"]).expect(0);
    drop((evas, maxs, own, daemon));
}

/// The owner's own programs can take all places, too.
#[test]
fn b10_the_owner_can_always_stop() {
    let place = Place::new();
    let daemon = place.serve_with(&["--connections", "8"]);
    let inside = crowd(&place.socket());
    assert_eq!(inside.len(), 8);
    // A silent client does not keep the last place for long.
    let silent = UnixStream::connect(place.socket()).expect("the daemon listens");
    let begun = Instant::now();
    contactbox_tests::daemon::until("it is free again", || place.run(["info"]).code() == 0);
    assert!(begun.elapsed() < Duration::from_secs(20));
    place.run(["stop"]).expect(0);
    drop((inside, silent, daemon));
}

/// Measures how long the owner waits for answers while `attackers` threads of a stranger connect as
/// fast as they can: the median, the 99th percentile, the longest; and how often they connected.
fn beside_strangers(place: &Place, daemon: &Daemon, attackers: usize) -> ([Duration; 3], usize) {
    let is_over = Arc::new(AtomicBool::new(false));
    let socket: PathBuf = place.socket();
    let strangers: Vec<_> = (0..attackers)
        .map(|_| {
            let (socket, is_over) = (socket.clone(), is_over.clone());
            as_user(MAX, move || {
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) {
                    count += usize::from(UnixStream::connect(&socket).is_ok());
                }
                count
            })
        })
        .collect();
    let mut client = daemon.client();
    let begun = Instant::now();
    let mut times = Vec::new();
    while begun.elapsed() < Duration::from_secs(2) {
        let asked = Instant::now();
        client.call("contact.find", json!({ "query": "a" }));
        // A new connection is answered as well.
        daemon.client().call("box.hello", json!({}));
        times.push(asked.elapsed());
    }
    is_over.store(true, Ordering::Relaxed);
    let count = strangers.into_iter().map(|one| one.join().expect("no panic")).sum();
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    ([at(50), at(99), at(100)], count)
}

/// If the socket's file can name users, the system turns strangers away; if not, for example if a
/// listed user is unknown yet, the daemon does.
#[test]
fn b10_strangers_cost_little_and_fill_no_disk() {
    if !has_others("b10") {
        return;
    }
    for (who, users) in [("system", EVA.to_string()), ("daemon", format!("{EVA},not-yet-there"))] {
        let (place, _) = open_place();
        let daemon = place.serve_with(&["--users", &users]);
        let (alone, _) = beside_strangers(&place, &daemon, 0);
        let before = daemon.log().len();
        let (beside, count) = beside_strangers(&place, &daemon, 1);
        let log = daemon.log();
        let lines = log[before..].lines().count();
        report::line(
            "b10",
            &format!(
                "turned away by the {who}: {count} connections of a stranger in 2 s, {lines} lines of log; the owner waits {:.1?} {:.1?} {:.1?} (50, 99, 100 %), alone {:.1?} {:.1?} {:.1?}",
                beside[0], beside[1], beside[2], alone[0], alone[1], alone[2],
            ),
        );
        assert!(lines <= 5, "{log}");
        if who == "daemon" {
            assert!(count > 1000 && log.contains("turned away"), "{count} {log}");
        }
        assert!(beside[1] < Duration::from_secs(1), "{beside:?}");
        assert!(daemon.stop().success());
    }
}
