//! The asking end of a cable, with a box at the other end, for tests.

use crate::behaviour::Asked;
use contactbox_core::contact::{Draft, Kind, Property, Uid};
use contactbox_core::service::cable::{AskError, Caller, Exchange, GAP_MILLIS, Link, Traffic};
use contactbox_core::service::protocol::{NewContact, Welcome};
use contactbox_core::service::{FRAME_BYTES_MIN, Fault, PROTOCOL, Reply, Request};
use contactbox_core::store::Written;
use embassy_futures::block_on;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The longest time for an answer. An emulated box on a busy machine needs a while.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// The socket at the end of a cable.
struct Wire(UnixStream);

impl Link for Wire {
    type Error = std::io::Error;

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        self.0.write_all(bytes)
    }

    async fn receive(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        // A test that was stopped and continued has read nothing yet.
        let read = loop {
            match self.0.read(into) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.0.set_read_timeout(Some(Duration::from_millis(GAP_MILLIS.into())))?;
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(0)
            }
            read => read,
        }
    }
}

/// The errors of a request to a box.
pub type NoAnswer = AskError<std::io::Error>;

/// The asking end of a cable.
pub struct Cable {
    caller: Caller<'static, Wire>,
}

impl Cable {
    /// Connects and says hello.
    pub fn plug_in(socket: &Path) -> Result<(Self, Welcome), NoAnswer> {
        let stream = UnixStream::connect(socket).map_err(AskError::Link)?;
        // A test has few cables, and they last as long as it does.
        let memory = || vec![0; FRAME_BYTES_MIN as usize].leak();
        let mut cable = Self { caller: Caller::new(Wire(stream), memory(), memory()) };
        let hello = Request::Hello { protocol: PROTOCOL, frame_bytes: FRAME_BYTES_MIN };
        let welcome = cable.ask(&hello, |reply| match reply {
            Reply::Hello(welcome) => Some(*welcome),
            _ => None,
        })?;
        Ok((cable, welcome.ok_or(AskError::NotUnderstood)?))
    }

    /// Returns the same end in the form that a script takes.
    pub fn asked(self) -> Asked<impl Exchange> {
        Asked(self.caller)
    }

    /// Sends a request and takes what matters out of the answer.
    pub fn ask<T>(
        &mut self,
        request: &Request<'_>,
        take: impl FnOnce(&Reply<'_>) -> T,
    ) -> Result<T, NoAnswer> {
        block_on(self.caller.ask(request)).map(|reply| take(&reply))
    }

    /// Returns the bytes that went over the cable so far.
    pub fn traffic(&self) -> Traffic {
        self.caller.traffic()
    }

    /// Sets the lines of a contact.
    pub fn put(&mut self, uid: Option<Uid>, lines: &[(Kind, &str)]) -> Result<Written, NoAnswer> {
        let mut memory = vec![0; 8 * 1024];
        let mut draft = Draft::new(&mut memory);
        for &(kind, text) in lines {
            let fits = draft.push(&Property::text(kind, text));
            fits.map_err(|_| AskError::Fault(Fault::BadCard))?;
        }
        let request = Request::Put { uid, base: None, card: NewContact::Here(draft.finish()) };
        self.change(&request)
    }

    /// Asks for a change.
    pub fn change(&mut self, request: &Request<'_>) -> Result<Written, NoAnswer> {
        let put = self.ask(request, |reply| match reply {
            Reply::Done(put) => Some(*put),
            _ => None,
        })?;
        put.ok_or(AskError::NotUnderstood)
    }

    /// Returns the texts of a contact with their kinds; `None` if there is no such contact.
    pub fn texts(&mut self, uid: Uid) -> Result<Option<Vec<(Kind, String)>>, NoAnswer> {
        let taken = self.ask(&Request::Get { uid }, |reply| match reply {
            Reply::Contact { contact, .. } => {
                let contents = contact.properties().map(|property| property.content);
                let texts = contents.filter(|content| !content.kind.is_internal());
                let texts = texts.filter_map(|content| {
                    content.value.as_text().map(|text| (content.kind, text.to_owned()))
                });
                Some(texts.collect())
            }
            _ => None,
        });
        match taken {
            Err(AskError::Fault(Fault::NoSuchContact(_))) => Ok(None),
            taken => Ok(Some(taken?.ok_or(AskError::NotUnderstood)?)),
        }
    }
}

/// For code that asks on behalf of another box.
impl Exchange for Cable {
    type Error = std::io::Error;

    async fn ask<'s>(&'s mut self, request: &Request<'_>) -> Result<Reply<'s>, NoAnswer> {
        self.caller.ask(request).await
    }
}
