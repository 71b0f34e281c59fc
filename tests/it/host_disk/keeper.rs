//! The daemon's writer thread on a modelled disk that refuses, or that a kill leaves behind: its
//! answers are true.

use super::file::{Call, How, Model, Plan};
use super::office::{NAME, Office};
use contactbox_api::envelope::{RpcRequest, reply};
use contactbox_engine::image::{Access, Image};
use contactbox_engine::{Host, WriterThread};
use contactbox_server::{Answers, PendingCall};
use contactbox_system::config::{Config, Settings};
use contactbox_tests::daemon::Place;
use contactbox_tests::pagecache::Cut;
use contactbox_tests::random::Random;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::mpsc;

const CARDS: usize = 60;
const EIO: i32 = 5;

/// A daemon without a socket, on a modelled disk.
struct Daemon {
    keeper: WriterThread,
    _place: Place,
}

impl Daemon {
    fn start(file: &Model) -> Self {
        let place = Place::new();
        let settings = Settings { data: Some(place.data()), ..Settings::default() };
        let config = Config::load(settings).expect("good settings");
        let image = Image::over(Box::new(file.clone()), Path::new(NAME), Access::ReadWrite, false)
            .expect("the image opens");
        let desk = Host::on(image, &config).expect("the box opens");
        Self { keeper: WriterThread::start(desk).expect("a thread"), _place: place }
    }

    fn call(&self, method: &str, params: &Value) -> Value {
        let line = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = RpcRequest::parse(line.to_string().as_bytes());
        let call = request.call.unwrap_or_else(|fault| panic!("{method}: {fault}"));
        let (sender, receiver) = mpsc::channel();
        let id = request.id.expect("it has an id");
        let pending = PendingCall {
            call,
            author: "ada".into(),
            is_gone: Box::new(|| false),
            reply: Box::new(move |result| {
                sender.send(reply(&id, &result)).ok();
            }),
        };
        let job = Answers::default().job(pending);
        assert!(self.keeper.handle().put(job).is_ok(), "the writer thread listens");
        let line = receiver.recv().expect("it answers");
        serde_json::from_slice(&line).expect("JSON")
    }

    fn import(&self) -> Value {
        let cards: String = (0..CARDS)
            .map(|card| {
                format!("BEGIN:VCARD\nVERSION:3.0\nUID:{card}\nFN:Person {card}\nEND:VCARD\n")
            })
            .collect();
        self.call("contact.import", &json!({ "vcard": cards }))
    }

    fn stop(self) {
        self.keeper.stop();
    }
}

/// Checks that all contacts are there after the power failed and memory was lost.
fn check_after_a_cut(file: &Model, random: &mut Random) {
    let left = Model::new(file.state().cache.after(Cut::Nothing, random));
    let daemon = Daemon::start(&left);
    let info = daemon.call("box.info", &json!({}));
    assert_eq!(info["result"]["contacts"], CARDS, "{info}");
    let verified = daemon.call("box.verify", &json!({}));
    assert_eq!(verified["result"]["sound"], true, "{verified}");
    daemon.stop();
}

#[test]
fn b4_a_daemon_started_again_after_an_error_answers_for_the_disk() {
    let mut random = Random::new(4);
    for round in 0..6 {
        let file = Model::new(Office::blank());
        let daemon = Daemon::start(&file);
        // In some of the rounds the first sync succeeds.
        let first = file.state().calls[Call::Sync as usize] + round % 3;
        file.state().plan =
            Some(Plan { call: Call::Sync, first, is_lasting: true, how: How::Error(EIO) });
        let mut refused = daemon.import();
        while refused["error"].is_null() {
            let card = json!({ "vcard": "BEGIN:VCARD\nVERSION:3.0\nUID:0\nFN:Zero\nEND:VCARD\n" });
            refused = daemon.call("contact.put", &card);
        }
        let message = refused["error"]["message"].as_str().expect("a message");
        assert!(message.contains("see to the disk"), "{message}");
        // The kind differs if the box was doing maintenance when the disk failed.
        if refused["error"]["data"]["kind"] == "Disk" {
            let whys = ["cannot be synced: Input/output error", "refused an earlier write"];
            assert!(whys.iter().any(|why| message.contains(why)), "{message}");
            assert!(message.contains("nobody can tell"), "{message}");
        }
        let later = daemon.import();
        assert_eq!(later["error"]["data"]["kind"], "ReadOnly", "{later}");
        daemon.stop();

        // As long as the disk refuses, the box can be read.
        let daemon = Daemon::start(&file);
        let info = daemon.call("box.info", &json!({}));
        assert!(info["result"]["access"].as_str().is_some_and(|told| told.contains("read-only")));
        let refused = daemon.import();
        assert_eq!(refused["error"]["data"]["kind"], "ReadOnly", "{refused}");
        assert!(refused["error"]["message"].to_string().contains("Input/output"), "{refused}");
        daemon.stop();

        file.state().plan = None;
        let daemon = Daemon::start(&file);
        let told = daemon.import();
        let count = |name: &str| told["result"][name].as_u64().unwrap_or(0);
        assert_eq!(count("added") + count("updated") + count("unchanged"), CARDS as u64, "{told}");
        check_after_a_cut(&file, &mut random);
        daemon.stop();
    }
}

#[test]
fn b4_unchanged_after_a_kill_is_on_the_disk() {
    let mut random = Random::new(5);
    let file = Model::new(Office::blank());
    let daemon = Daemon::start(&file);
    // The kill interrupts the sync: everything is in memory, and nothing on the disk.
    let before = file.state().cache.clone();
    assert_eq!(daemon.import()["result"]["added"], CARDS);
    daemon.stop();
    let killed = file.state().cache.since(&before);
    let file = Model::new(killed);
    assert!(file.state().cache.is_dirty());
    let daemon = Daemon::start(&file);
    let told = daemon.import();
    assert_eq!(told["result"]["unchanged"], CARDS, "{told}");
    check_after_a_cut(&file, &mut random);
    daemon.stop();
}
