//! Holds the daemon's answers to every method, with every kind of error that can be had, and its
//! events, to the letter of `tests/golden`.
//!
//! With `CONTACTBOX_WRITE_GOLDEN` set, the files are written and not compared.

mod names;
mod script;
mod types;

use contactbox_tests::daemon::{Client, Daemon};
use names::Names;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Requests and what came back, with stable names.
struct Transcript {
    names: Names,
    text: String,
}

/// A golden file.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// Returns whether golden files are to be written.
pub fn is_writing() -> bool {
    std::env::var_os("CONTACTBOX_WRITE_GOLDEN").is_some()
}

impl Transcript {
    fn new(folder: &Path) -> Self {
        Self { names: Names::new(folder), text: String::new() }
    }

    fn keep(&mut self, mut line: Value) {
        self.names.settle(&mut line);
        self.text.push_str(&line.to_string());
        self.text.push('\n');
    }

    /// Asks, and keeps the question and the answer.
    fn ask(&mut self, client: &mut Client, method: &str, params: Value) -> Value {
        let id = client.send(method, params.clone()).expect("the daemon reads");
        self.keep(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = client.receive().expect("the daemon answers");
        self.keep(answer.clone());
        answer
    }

    /// Sends a line as it is, and keeps it as a text, and the answer.
    fn ask_text(&mut self, client: &mut Client, line: &str) -> Value {
        self.keep(line.into());
        client.send_bytes(format!("{line}\n").as_bytes()).expect("the daemon reads");
        self.hear(client)
    }

    /// Keeps what comes next.
    fn hear(&mut self, client: &mut Client) -> Value {
        let line = client.receive().expect("the daemon says something");
        self.keep(line.clone());
        line
    }

    /// Keeps the first event for which something is so, and passes over the others.
    fn await_event(&mut self, client: &mut Client, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = client.receive().expect("the daemon tells of it");
            if is_it(&line) {
                self.keep(line.clone());
                return line;
            }
        }
    }

    /// Compares it with the golden file of this name, or writes that.
    #[track_caller]
    fn end(self, name: &str) {
        let path = golden(name);
        if is_writing() {
            std::fs::write(&path, &self.text).expect("the folder of golden files is there");
            return;
        }
        let expected = std::fs::read_to_string(&path).expect("a golden file");
        for (number, (said, kept)) in self.text.lines().zip(expected.lines()).enumerate() {
            assert_eq!(said, kept, "line {} of {name}", number + 1);
        }
        assert_eq!(self.text.lines().count(), expected.lines().count(), "lines of {name}");
    }
}

/// A client of a daemon, whose user is known to the transcript.
fn met(transcript: &mut Transcript, daemon: &Daemon) -> Client {
    let mut client = daemon.client();
    let author = client.call("box.author", json!({}));
    transcript.names.set_user(author["author"].as_str().expect("a name"));
    client
}
