//! A client with a line of JSON in each direction, for the daemon and for the service around
//! SQLite.
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

/// A connection that asks one thing at a time.
pub struct Client {
    stream: BufReader<UnixStream>,
    id: u64,
    line: String,
}

impl Client {
    /// Connects.
    pub fn connect(socket: &Path) -> io::Result<Self> {
        let stream = BufReader::with_capacity(64 * 1024, UnixStream::connect(socket)?);
        Ok(Self { stream, id: 0, line: String::new() })
    }

    /// Sends a request and waits for the result. An error in the reply is returned as an error.
    pub fn call(&mut self, method: &str, params: &Value) -> io::Result<Value> {
        self.id += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        let mut bytes = serde_json::to_vec(&request)?;
        bytes.push(b'\n');
        self.stream.get_mut().write_all(&bytes)?;
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service hung up"));
        }
        let mut reply: Value = serde_json::from_str(&self.line)?;
        match reply.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(io::Error::other(format!("{method}: {}", reply["error"]))),
        }
    }
}
