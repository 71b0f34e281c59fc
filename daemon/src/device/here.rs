//! This daemon's box as one of two that meet: each request a short piece of the keeper's work.

use crate::keeper::{BoxError, CONTACT_BYTES_MAX, ENTRY_BYTES, Handle, Spoken};
use crate::memory::Heap;
use contactbox_core::search::Hit;
use contactbox_core::service::cable::{AskError, Exchange};
use contactbox_core::service::{AnswerBuffers, CableLimits, Reply, Request, Session};

/// The longest message that is given to the keeper, or comes back.
const MESSAGE_BYTES: usize = 64 * 1024;

/// Most hits in an answer: a device's driver asks for none.
const HITS: usize = 16;

/// What is remembered between two requests, and the memory they are answered in.
pub struct Talk {
    /// What is remembered.
    pub session: Session<Heap>,
    list: Vec<u8>,
    record: Vec<u8>,
    hits: Vec<Hit>,
}

impl Talk {
    fn new() -> Self {
        let limits = CableLimits {
            frame_bytes: MESSAGE_BYTES as u32,
            contact_bytes: CONTACT_BYTES_MAX as u32,
        };
        Self {
            session: Session::new(limits),
            list: vec![0; MESSAGE_BYTES],
            record: vec![0; CONTACT_BYTES_MAX + ENTRY_BYTES],
            hits: vec![Hit::EMPTY; HITS],
        }
    }

    /// The session, and the memory an answer lies in.
    pub fn parts(&mut self) -> (&mut Session<Heap>, AnswerBuffers<'_>) {
        let Self { session, list, record, hits } = self;
        (session, AnswerBuffers { list, record, hits })
    }
}

/// The box at hand.
pub struct Talker {
    handle: Handle,
    /// With the keeper while it answers.
    talk: Option<Box<Talk>>,
    reply: Vec<u8>,
}

impl Talker {
    /// The box of `handle`.
    pub fn new(handle: &Handle) -> Self {
        Self { handle: handle.clone(), talk: Some(Box::new(Talk::new())), reply: Vec::new() }
    }
}

impl Exchange for Talker {
    type Error = BoxError;

    async fn ask<'s>(&'s mut self, request: &Request<'_>) -> Result<Reply<'s>, AskError<BoxError>> {
        let message =
            postcard::to_extend(request, Vec::new()).map_err(|_| AskError::NotUnderstood)?;
        let mut talk = self.talk.take().unwrap_or_else(|| Box::new(Talk::new()));
        let answered = self.handle.task(move |host| {
            let answer = host.converse(&mut talk, &message)?;
            Ok((talk, answer))
        });
        let answered = answered.await.unwrap_or(Err(BoxError::Stopping));
        let (talk, answer) = answered.map_err(AskError::Link)?;
        self.talk = Some(talk);
        match answer {
            Spoken::Reply(reply) => {
                self.reply = reply;
                postcard::from_bytes(&self.reply).map_err(|_| AskError::NotUnderstood)
            }
            Spoken::Fault(fault) => Err(AskError::Fault(fault)),
        }
    }
}
