//! This daemon's box as one of two that meet: it answers here, without a cable and without coding.

use crate::error::BoxError;
use crate::handle::Handle;
use crate::host::{CONTACT_BYTES_MAX, ENTRY_BYTES, Host};
use crate::memory::Heap;
use crate::query;
use contactbox_core::contact::{Contact, Origin, Uid};
use contactbox_core::search::Hit;
use contactbox_core::service::cable::{AskError, Exchange};
use contactbox_core::service::{
    AnswerBuffers, AnswerError, CableLimits, Effect, Fault, Reply, Request, Session,
};
use contactbox_core::store::book::{Outcome, Written};
use embassy_futures::block_on;

/// The longest list or piece in an answer.
const LIST_BYTES: usize = 64 * 1024;

/// Most hits in an answer: a meeting asks for none.
const HITS: usize = 16;

const LIMITS: CableLimits =
    CableLimits { frame_bytes: LIST_BYTES as u32, contact_bytes: CONTACT_BYTES_MAX as u32 };

/// The box at hand, as a meeting asks it: other requests are answered between any two of its own.
pub struct BoxAtHand {
    handle: Handle,
    session: Session<Heap>,
    list: Vec<u8>,
    record: Vec<u8>,
    hits: Vec<Hit>,
}

impl BoxAtHand {
    /// Begins with the box of `handle`.
    pub fn new(handle: &Handle) -> Self {
        Self {
            handle: handle.clone(),
            session: Session::new(LIMITS),
            list: vec![0; LIST_BYTES],
            record: vec![0; CONTACT_BYTES_MAX + ENTRY_BYTES],
            hits: vec![Hit::EMPTY; HITS],
        }
    }
}

impl Exchange for BoxAtHand {
    type Error = BoxError;

    /// Blocks: a meeting has a thread of its own.
    async fn ask<'s>(&'s mut self, request: &Request<'_>) -> Result<Reply<'s>, AskError<BoxError>> {
        let Self { handle, session, list, record, hits } = self;
        let room = AnswerBuffers { list, record, hits };
        let answered = handle.in_turn(|host| host.answer_peer(request, session, room));
        answered.map_err(AskError::Link)?.map_err(AskError::Fault)
    }
}

impl Host {
    /// Answers a request of a box that is met. The inner error is for that box; the outer one is
    /// for this side: the box takes no changes.
    fn answer_peer<'m>(
        &mut self,
        request: &Request<'_>,
        session: &mut Session<Heap>,
        room: AnswerBuffers<'m>,
    ) -> Result<Result<Reply<'m>, Fault>, BoxError> {
        if request.effect() != Effect::Reads {
            self.writable()?;
            self.grow_image(session.bytes_to_keep(request));
        }
        let before = self.book.time_max();
        let reply = match query::answer_in(&mut self.book, request, session, room) {
            Ok(reply) => reply,
            Err(AnswerError::Put(error)) if self.access().is_over() => {
                return Err(self.put_fault(error));
            }
            Err(failure) => return Ok(Err(failure.fault())),
        };
        if let (Request::Take { records }, Reply::Taken { taken, .. }) = (request, &reply) {
            let records = records.iter().take(*taken as usize);
            let uids = records.filter_map(|record| Some(Contact::parse(record.0).ok()?.uid()));
            self.notice_merged(&uids.collect::<Vec<Uid>>(), before);
        }
        Ok(Ok(reply))
    }

    /// Tells those who watch which of these contacts have changed after a time.
    fn notice_merged(&mut self, uids: &[Uid], since: u64) {
        if !self.is_watched() {
            return;
        }
        for &uid in uids {
            let Self { book, record, .. } = self;
            let Ok(Some(contact)) = block_on(book.state_of(uid, record)) else { continue };
            let changed = contact.changed();
            if changed.time > since {
                let author = book.author_name(changed.author).to_owned();
                let put = Written { uid, version: changed.time, outcome: Outcome::Updated };
                self.notice(&put, Origin::Merge, &author);
            }
        }
    }
}
