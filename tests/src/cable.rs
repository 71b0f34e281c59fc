//! A box at the other end of a cable, asked from a test.

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

/// How long a box may take to answer; an emulated one on a busy machine takes its time.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// The socket that a cable ends in.
struct Wire(UnixStream);

impl Link for Wire {
    type Error = std::io::Error;

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        self.0.write_all(bytes)
    }

    async fn receive(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        // A test that was stopped and goes on has read nothing yet.
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

/// What asking a box may come to, besides an answer.
pub type NoAnswer = AskError<std::io::Error>;

/// The end of a cable that asks.
pub struct Cable {
    caller: Caller<'static, Wire>,
}

impl Cable {
    /// Plugs in, and says hello.
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

    /// The same, for whoever goes through a script.
    pub fn asked(self) -> Asked<impl Exchange> {
        Asked(self.caller)
    }

    /// Asks, and takes what matters out of the answer.
    pub fn ask<T>(
        &mut self,
        request: &Request<'_>,
        take: impl FnOnce(&Reply<'_>) -> T,
    ) -> Result<T, NoAnswer> {
        block_on(self.caller.ask(request)).map(|reply| take(&reply))
    }

    /// What went over it so far.
    pub fn traffic(&self) -> Traffic {
        self.caller.traffic()
    }

    /// Makes a contact say these lines.
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

    /// The texts of a contact, kind by kind; `None` when there is no such contact.
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

/// For whoever asks on behalf of another box.
impl Exchange for Cable {
    type Error = std::io::Error;

    async fn ask<'s>(&'s mut self, request: &Request<'_>) -> Result<Reply<'s>, NoAnswer> {
        self.caller.ask(request).await
    }
}
