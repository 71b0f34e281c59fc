//! SQLite behind a socket: a thread for each client, a line of JSON in each direction, one writer.
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::sqlite::Sqlite;
use super::texts::Edit;

/// The state that all clients share.
struct Shared {
    database: PathBuf,
    writer: Mutex<Sqlite>,
    /// All edits by number. A client names one, so that SQLite need not parse vCards here either.
    edits: Vec<Edit>,
}

/// Serves until the process ends.
pub fn serve(socket: &Path, database: &Path, edits: Vec<Edit>) -> Result<(), String> {
    let listener = UnixListener::bind(socket).map_err(|error| error.to_string())?;
    let writer = Mutex::new(Sqlite::open(database).map_err(|error| error.to_string())?);
    let shared = Arc::new(Shared { database: database.to_path_buf(), writer, edits });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = shared.clone();
            thread::spawn(move || {
                // A client that hangs up ends only its own thread.
                let _ = answer(&shared, stream);
            });
        }
    });
    Ok(())
}

fn answer(shared: &Shared, stream: UnixStream) -> Result<(), Box<dyn std::error::Error>> {
    // Readers of a write-ahead log do not wait for each other.
    let reader = Sqlite::open(&shared.database)?;
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let request: Value = serde_json::from_str(&line)?;
        let params = &request["params"];
        let result = match request["method"].as_str() {
            Some("contact.get") => {
                json!({"vcard": reader.get(params["uid"].as_str().unwrap_or_default())?})
            }
            Some("contact.find") => {
                let hits = reader.find(params["query"].as_str().unwrap_or_default())?;
                let hits: Vec<_> =
                    hits.iter().map(|(uid, name)| json!({"uid": uid, "name": name})).collect();
                json!({"hits": hits})
            }
            Some("contact.put") => {
                let number = params["edit"].as_u64().unwrap_or_default() as usize;
                let edit = shared.edits.get(number).ok_or("no such edit")?;
                shared.writer.lock().expect("no client panics").edit(edit)?;
                json!({"outcome": "updated"})
            }
            _ => return Err("no such method".into()),
        };
        let mut reply =
            serde_json::to_vec(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}))?;
        reply.push(b'\n');
        stream.get_mut().write_all(&reply)?;
    }
}
