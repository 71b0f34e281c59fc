//! A client of the daemon's socket: JSON-RPC 2.0, one object a line, answers in
//! the order of requests.

pub mod autostart;
mod error;
#[cfg(test)]
pub(crate) mod fake;

pub use error::ClientError;

use contactbox_api::envelope::{self, IncomingLine};
use contactbox_api::status::{Hello, HelloReply};
use contactbox_api::{ApiError, Event, Method, PROTOCOL};
use contactbox_system::config::Config;
use contactbox_system::socket::{Distrust, Trust, connect};
use contactbox_system::user;
use interprocess::local_socket::{Stream, prelude::*};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

/// Longest line taken from a daemon: four times the frame limit it starts with by default.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a daemon that accepts a connection may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest line that a daemon is sent that has not said yet how long they may be, in bytes.
const FIRST_LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A connection to a daemon that has said hello.
pub struct Client {
    stream: BufReader<Stream>,
    last_id: u64,
    hello: Option<HelloReply>,
}

/// A line that came from the daemon.
pub enum DaemonLine {
    /// The answer to the request with this number.
    Reply {
        /// The number that [`Client::send`] gave.
        id: u64,
        /// The JSON of the result, or why there is none.
        result: Result<Box<RawValue>, ApiError>,
    },
    /// A notification that nobody asked for: a change that is watched.
    Notification(Box<DaemonEvent>),
}

/// A notification of the daemon.
pub struct DaemonEvent {
    /// Its name.
    pub method: String,
    /// The JSON of its parameters.
    pub raw: Box<RawValue>,
    /// Its parameters.
    pub event: Event,
}

/// An answer, and its text as it came.
pub struct Answered<T> {
    /// The JSON of the answer.
    pub raw: Box<RawValue>,
    /// The answer.
    pub reply: T,
}

impl<T: DeserializeOwned> Answered<T> {
    /// Reads the JSON of an answer to `method`.
    pub fn parse(method: &'static str, raw: Box<RawValue>) -> Result<Self, ClientError> {
        match serde_json::from_str(raw.get()) {
            Ok(reply) => Ok(Self { raw, reply }),
            Err(_) => Err(ClientError::Garbled { method }),
        }
    }
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
        let mut client = Self { stream: BufReader::new(stream), last_id: 0, hello: None };
        client.set_timeout(Some(HELLO_TIMEOUT))?;
        let hello = client.call(&Hello { protocol: Some(PROTOCOL) });
        client.hello = Some(hello.map_err(|error| match error {
            ClientError::Io { source, .. } if is_timeout(&source) => silent(),
            // A process that is being killed still accepts, and says nothing.
            ClientError::Gone { .. } => nobody(std::io::ErrorKind::ConnectionReset.into()),
            other => other,
        })?);
        client.set_timeout(None)?;
        Ok(client)
    }

    /// Returns the daemon's words on itself when the client connected.
    pub fn hello(&self) -> Option<&HelloReply> {
        self.hello.as_ref()
    }

    /// Longest line the daemon takes, in bytes.
    pub fn frame_bytes_max(&self) -> usize {
        self.hello().map_or(FIRST_LINE_BYTES_MAX, |hello| hello.limits.frame_bytes)
    }

    /// Asks and waits for the answer; changes watched on the same connection are passed over.
    pub fn call<M: Method>(&mut self, params: &M) -> Result<M::Reply, ClientError> {
        self.ask(params).map(|answered| answered.reply)
    }

    /// The same, with the text of the answer.
    pub fn ask<M: Method>(&mut self, params: &M) -> Result<Answered<M::Reply>, ClientError> {
        let asked = self.send(params)?;
        loop {
            if let DaemonLine::Reply { id, result } = self.receive(M::NAME)?
                && id == asked
            {
                return Answered::parse(M::NAME, result.map_err(ClientError::Refused)?);
            }
        }
    }

    /// Asks, and gives the number that the answer will carry.
    pub fn send<M: Method>(&mut self, params: &M) -> Result<u64, ClientError> {
        self.last_id += 1;
        let method = M::NAME;
        let line = envelope::request(self.last_id, params)
            .map_err(|error| ClientError::Io { method, source: error.into() })?;
        let frame_bytes_max = self.frame_bytes_max();
        if line.len() > frame_bytes_max {
            return Err(ClientError::TooLong { bytes: line.len(), bytes_max: frame_bytes_max });
        }
        let stream = self.stream.get_mut();
        match stream.write_all(&line).and_then(|()| stream.flush()) {
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
        match IncomingLine::parse(&line).ok_or(ClientError::Garbled { method })? {
            IncomingLine::Notification { method: name, params } => {
                let event = Event::parse(&name, params.get());
                let event = event.map_err(|_| ClientError::Garbled { method })?;
                let (method, raw) = (name.into_owned(), params.to_owned());
                Ok(DaemonLine::Notification(Box::new(DaemonEvent { method, raw, event })))
            }
            // An error without a number is about the connection as a whole, so about
            // what was asked last.
            IncomingLine::Reply { id, result } => Ok(DaemonLine::Reply {
                id: id.unwrap_or(self.last_id),
                result: result.map(ToOwned::to_owned),
            }),
        }
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
    use contactbox_api::ErrorKind;
    use contactbox_api::contact::{Find, Put};
    use contactbox_api::status::{BoxStats, SetAuthor};
    use contactbox_api::vcard::Import;
    use serde_json::json;

    #[test]
    fn asks_and_is_answered() {
        let fake = Fake::start(|method, params| {
            assert_eq!(method, "contact.find");
            assert_eq!(*params, json!({ "query": "ada", "shelf": "active" }));
            Ok(json!({ "hits": [], "cursor": "c", "of-tomorrow": 7 }))
        });
        let mut client = Client::connect(fake.socket()).unwrap();
        let find = Find { query: "ada".into(), ..Find::default() };
        let answer = client.ask(&find).unwrap();
        assert_eq!(answer.reply.cursor.as_deref(), Some("c"));
        assert_eq!(answer.raw.get(), r#"{"hits":[],"cursor":"c","of-tomorrow":7}"#);
        assert_eq!(client.frame_bytes_max(), fake::FRAME_BYTES);
    }

    #[test]
    fn a_refusal_keeps_its_kind_and_numbers() {
        let fake = Fake::start(|_, _| {
            Err((-32004, "the box is full", json!({ "kind": "Full", "live_bytes": 7 })))
        });
        let mut client = Client::connect(fake.socket()).unwrap();
        let Err(ClientError::Refused(refusal)) = client.call(&Put::default()) else {
            panic!("refused");
        };
        assert_eq!((refusal.kind, refusal.data.live_bytes), (ErrorKind::Full, Some(7)));
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
        let fake = Fake::start(|_, _| Ok(json!({ "author": "Eva" })));
        let mut client = Client::connect(fake.socket()).unwrap();
        let vcard = Some("x".repeat(fake::FRAME_BYTES));
        let long = client.call(&Import { vcard, ..Import::default() });
        assert!(matches!(long, Err(ClientError::TooLong { .. })));
        client.call(&SetAuthor::default()).unwrap();
    }

    #[test]
    fn a_daemon_that_dies_is_named() {
        let fake = Fake::start(|method, _| match method {
            "box.stats" => panic!("the connection is dropped"),
            _ => Ok(json!({})),
        });
        let mut client = Client::connect(fake.socket()).unwrap();
        let gone = client.call(&BoxStats {});
        assert!(matches!(gone, Err(ClientError::Gone { method: "box.stats" })));
    }

    #[test]
    fn what_is_no_answer_to_what_was_asked_is_said_to_be_none() {
        let fake = Fake::start(|_, _| Ok(json!({ "odd": 1 })));
        let mut client = Client::connect(fake.socket()).unwrap();
        let garbled = client.call(&BoxStats {});
        assert!(matches!(garbled, Err(ClientError::Garbled { method: "box.stats" })));
    }
}
