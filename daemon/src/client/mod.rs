//! A client of the daemon's socket: JSON-RPC 2.0, one object a line, answers in
//! the order of requests.

pub mod autostart;
mod error;
#[cfg(test)]
pub(crate) mod fake;

pub use error::{ClientError, Refusal};

use crate::config::Config;
use crate::socket::{Distrust, Trust, connect};
use crate::user;
use interprocess::local_socket::{Stream, prelude::*};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

/// Longest line taken from a daemon: four times the frame limit it starts with by default.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a daemon that accepts a connection may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// The version of the protocol this client speaks.
const PROTOCOL: u64 = 1;

/// A connection to a daemon that has said hello.
pub struct Client {
    stream: BufReader<Stream>,
    last_id: u64,
    hello: Value,
}

/// A line that came from the daemon.
pub enum DaemonLine {
    /// The answer to the request with this number.
    Reply {
        /// The number that [`Client::send`] gave.
        id: u64,
        /// The result, or why there is none.
        result: Result<Value, Refusal>,
    },
    /// What nobody asked for: a change that is watched.
    Notification {
        /// Its method.
        method: String,
        /// Its parameters.
        params: Value,
    },
}

impl Client {
    /// Connects to one's own daemon, or root's, at this socket (a path; on Windows a
    /// pipe's name) and says hello.
    pub fn connect(socket: &Path) -> Result<Self, ClientError> {
        Self::connect_trusting(socket, Trust::new(None))
    }

    /// The same with the socket, and whose daemon may answer at it, out of the settings.
    pub fn to(config: &Config) -> Result<Self, ClientError> {
        Self::connect_trusting(&config.socket, Trust::new(config.server_user))
    }

    fn connect_trusting(socket: &Path, trust: Trust) -> Result<Self, ClientError> {
        let path = || socket.to_path_buf();
        let nobody = |source| ClientError::Nobody { socket: path(), source };
        let silent = || ClientError::Silent { socket: path(), seconds: HELLO_TIMEOUT.as_secs() };
        let stream = connect(socket, HELLO_TIMEOUT).map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => silent(),
            // On Windows that is said of a pipe that is going.
            std::io::ErrorKind::PermissionDenied if cfg!(unix) => {
                ClientError::Closed { socket: path() }
            }
            _ => nobody(error),
        })?;
        // Before anything is sent: whoever can make a socket there would be given
        // what is meant for the box.
        trust.judge(&stream).map_err(|distrust| match distrust {
            Distrust::Stranger(id) => {
                ClientError::Stranger { socket: path(), user: user::called(id), id }
            }
            Distrust::Untold(source) => ClientError::Untold { socket: path(), source },
        })?;
        let mut client = Self { stream: BufReader::new(stream), last_id: 0, hello: Value::Null };
        client.set_timeout(Some(HELLO_TIMEOUT))?;
        client.hello = client.call("box.hello", json!({ "protocol": PROTOCOL })).map_err(
            |error| match error {
                ClientError::Io { source, .. } if is_timeout(&source) => silent(),
                // A process that is being killed still accepts, and says nothing.
                ClientError::Gone { .. } => nobody(std::io::ErrorKind::ConnectionReset.into()),
                other => other,
            },
        )?;
        client.set_timeout(None)?;
        Ok(client)
    }

    /// What the daemon said of itself: protocol, box, version, limits, pid.
    pub fn hello(&self) -> &Value {
        &self.hello
    }

    /// Longest line the daemon takes, in bytes.
    pub fn frame_bytes_max(&self) -> usize {
        let stated = self.hello["limits"]["frame_bytes"].as_u64();
        stated.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(16 * 1024 * 1024)
    }

    /// Asks and waits for the answer; changes watched on the same connection are passed over.
    pub fn call(&mut self, method: &'static str, params: Value) -> Result<Value, ClientError> {
        let asked = self.send(method, params)?;
        loop {
            if let DaemonLine::Reply { id, result } = self.receive(method)?
                && id == asked
            {
                return result.map_err(ClientError::Refused);
            }
        }
    }

    /// Asks, and gives the number that the answer will carry.
    pub fn send(&mut self, method: &'static str, params: Value) -> Result<u64, ClientError> {
        self.last_id += 1;
        let request =
            json!({ "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params });
        let mut line = request.to_string();
        line.push('\n');
        let frame_bytes_max = self.frame_bytes_max();
        if line.len() > frame_bytes_max {
            return Err(ClientError::TooLong { bytes: line.len(), bytes_max: frame_bytes_max });
        }
        let stream = self.stream.get_mut();
        match stream.write_all(line.as_bytes()).and_then(|()| stream.flush()) {
            Ok(()) => Ok(self.last_id),
            // A daemon that closes says why before it does: that is worth more than "broken pipe".
            Err(source) => match self.receive(method) {
                Ok(DaemonLine::Reply { result: Err(refusal), .. }) => {
                    Err(ClientError::Refused(refusal))
                }
                _ => Err(ClientError::of_io(method, source)),
            },
        }
    }

    /// Waits for the next line; `method` is what an error names as going on.
    pub fn receive(&mut self, method: &'static str) -> Result<DaemonLine, ClientError> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|source| ClientError::of_io(method, source))?;
        if line.last() != Some(&b'\n') {
            return Err(ClientError::Gone { method });
        }
        let garbled = || ClientError::Garbled { method };
        let mut message: Value = serde_json::from_slice(&line).map_err(|_| garbled())?;
        let mut part = |name: &str| message.get_mut(name).map(Value::take);
        if let Some(Value::String(method)) = part("method") {
            return Ok(DaemonLine::Notification {
                method,
                params: part("params").unwrap_or(Value::Null),
            });
        }
        // An error without a number is about the connection as a whole, so about
        // what was asked last.
        let id = part("id").and_then(|id| id.as_u64()).unwrap_or(self.last_id);
        let result = match part("error").filter(|error| !error.is_null()) {
            Some(error) => Err(Refusal::from_json(error)),
            None => Ok(part("result").ok_or_else(garbled)?),
        };
        Ok(DaemonLine::Reply { id, result })
    }

    fn set_timeout(&self, timeout: Option<Duration>) -> Result<(), ClientError> {
        let set = self.stream.get_ref().set_recv_timeout(timeout);
        // Pipes of Windows have no such thing; waiting without end is what is left there.
        match set {
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(()),
            other => other.map_err(|source| ClientError::of_io("box.hello", source)),
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::fake::Fake;
    use super::*;

    #[test]
    fn asks_and_is_answered() {
        let fake = Fake::start(|method, params| Ok(json!({ "method": method, "params": params })));
        let mut client = Client::connect(fake.socket()).unwrap();
        let answer = client.call("contact.find", json!({ "query": "ada" })).unwrap();
        assert_eq!(answer, json!({ "method": "contact.find", "params": { "query": "ada" } }));
        assert_eq!(client.frame_bytes_max(), fake::FRAME_BYTES);
    }

    #[test]
    fn a_refusal_keeps_its_kind_and_numbers() {
        let fake = Fake::start(|_, _| {
            Err((-32004, "the box is full", json!({ "kind": "Full", "live_bytes": 7 })))
        });
        let mut client = Client::connect(fake.socket()).unwrap();
        let Err(ClientError::Refused(refusal)) = client.call("contact.put", json!({})) else {
            panic!("refused");
        };
        assert_eq!((refusal.kind(), refusal.data["live_bytes"].as_u64()), (Some("Full"), Some(7)));
        assert_eq!(refusal.to_string(), "the box is full");
    }

    #[test]
    fn nobody_there_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let none = Client::connect(&folder.path().join("none"));
        assert!(matches!(none, Err(ClientError::Nobody { .. })));
    }

    #[test]
    fn what_is_too_long_is_not_sent() {
        let fake = Fake::start(|_, _| Ok(json!({})));
        let mut client = Client::connect(fake.socket()).unwrap();
        let long = client.call("card.import", json!({ "vcard": "x".repeat(fake::FRAME_BYTES) }));
        assert!(matches!(long, Err(ClientError::TooLong { .. })));
        client.call("box.info", json!({})).unwrap();
    }

    #[test]
    fn a_daemon_that_dies_is_named() {
        let fake = Fake::start(|method, _| match method {
            "box.stats" => panic!("the connection is dropped"),
            _ => Ok(json!({})),
        });
        let mut client = Client::connect(fake.socket()).unwrap();
        let gone = client.call("box.stats", json!({}));
        assert!(matches!(gone, Err(ClientError::Gone { method: "box.stats" })));
    }
}
