//! A daemon for tests: answers each request with what a function says.

use interprocess::local_socket::{GenericFilePath, ListenerOptions, Stream, prelude::*};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The frame limit it states.
pub(crate) const FRAME_BYTES: usize = 1024 * 1024;

/// Code, message and data of a refusal.
pub(crate) type Refused = (i64, &'static str, Value);

/// Runs until the process ends; its folder goes with it.
pub(crate) struct Fake {
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fake {
    /// Answers `box.hello` itself and everything else with `answer`.
    pub(crate) fn start(
        answer: impl Fn(&str, &Value) -> Result<Value, Refused> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        let socket = folder.path().join("socket");
        #[cfg(windows)]
        let socket =
            PathBuf::from(format!(r"\\.\pipe\{}", folder.path().file_name().unwrap().display()));
        let name = socket.as_path().to_fs_name::<GenericFilePath>().unwrap();
        let listener = ListenerOptions::new().name(name).create_sync().unwrap();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = answer.clone();
                std::thread::spawn(move || serve(stream, &*answer));
            }
        });
        Self { socket, _folder: folder }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

fn serve(stream: Stream, answer: &dyn Fn(&str, &Value) -> Result<Value, Refused>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        let request: Value = serde_json::from_str(&line).unwrap();
        let method = request["method"].as_str().unwrap();
        let result = match method {
            "box.hello" => Ok(json!({
                "protocol": 1,
                "box": "00000000000000aa",
                "version": "0.0.0",
                "limits": { "frame_bytes": FRAME_BYTES, "blob_bytes": 1, "contact_bytes": 1 },
                "pid": 1,
                "image": "/contacts.box",
                "contacts": 0,
            })),
            _ => answer(method, &request["params"]),
        };
        let reply = match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }),
            Err((code, message, data)) => {
                json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": code, "message": message, "data": data } })
            }
        };
        if writeln!(stream.get_mut(), "{reply}").is_err() {
            return;
        }
        line.clear();
    }
}
