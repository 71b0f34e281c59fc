//! Answers requests of clients by the same code as on a device.

use crate::host::{CONTACT_BYTES_MAX, Host};
use crate::image::{Image, ImageError};
use crate::memory::Heap;
use contactbox_core::contact::AuthorIndex;
use contactbox_core::search::Hit;
use contactbox_core::service::{
    AnswerBuffers, AnswerError, CableLimits, Reply, Request, Session, answer,
};
use contactbox_core::store::Book;
use embassy_futures::block_on;

/// Hits of a page, at most.
pub const HITS_MAX: usize = 200;

/// Memory for lists: that many of the longest lines fit. What is not used takes no memory.
const LIST_BYTES: usize = 2 * 1024 * 1024;

/// The most that the daemon takes from its own clients, where no frame is in the way.
const LIMITS: CableLimits =
    CableLimits { frame_bytes: LIST_BYTES as u32, contact_bytes: CONTACT_BYTES_MAX as u32 };

/// The memory for answers, beside the book and memory for a record.
pub struct Query {
    session: Session<Heap>,
    /// Memory for lists and names.
    pub list: Vec<u8>,
    hits: Vec<Hit>,
}

impl Query {
    pub(crate) fn new() -> Self {
        Self {
            session: Session::new(LIMITS),
            list: vec![0; LIST_BYTES],
            hits: vec![Hit::EMPTY; HITS_MAX],
        }
    }

    /// Sets the author of the next change.
    pub fn set_author(&mut self, author: AuthorIndex) {
        self.session.set_author(author);
    }

    /// Answers a request of the daemon's own clients.
    pub fn ask<'m>(
        &'m mut self,
        book: &mut Book<Image, Heap>,
        record: &'m mut [u8],
        request: &Request<'_>,
    ) -> Result<Reply<'m>, AnswerError<ImageError>> {
        let Self { session, list, hits } = self;
        answer_in(book, request, session, AnswerBuffers { list, record, hits })
    }
}

/// Answers a request in `room`: the only way from a request to the book.
pub(crate) fn answer_in<'m>(
    book: &mut Book<Image, Heap>,
    request: &Request<'_>,
    session: &mut Session<Heap>,
    room: AnswerBuffers<'m>,
) -> Result<Reply<'m>, AnswerError<ImageError>> {
    block_on(answer(book, request, Host::now(), session, room))
}
