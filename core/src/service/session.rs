//! The state that a box keeps of a cable between two requests, and the memory it answers in.

use super::frame::overhead_bytes;
use super::protocol::NewContact;
use super::{Fault, PROTOCOL, Request};
use crate::contact::AuthorIndex;
use crate::limits::BLOB_BYTES_MAX;
use crate::search::Hit;
use crate::store::{Memory, Peer, Quota, Written};

/// The shortest frame, in bytes on the cable, that both ends must take: the longest line of a list
/// of contacts fits it, and so does a piece of a blob in pages of 4 KiB.
pub const FRAME_BYTES_MIN: u32 = 4096;

/// Bytes of a message around what it is asked for: codes, numbers, lengths.
const AROUND_BYTES: usize = 64;

/// The most that one end of a cable takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CableLimits {
    /// The longest frame, in bytes on the cable; at least [`FRAME_BYTES_MIN`].
    pub frame_bytes: u32,
    /// The longest record, in bytes.
    pub contact_bytes: u32,
}

impl CableLimits {
    /// Bytes of a list, a piece or a record for which there is room in each of its frames.
    pub fn room_bytes(&self) -> usize {
        let frame_bytes = self.frame_bytes as usize;
        frame_bytes.saturating_sub(overhead_bytes(frame_bytes) + AROUND_BYTES)
    }
}

/// Memory that a request is answered in; the answer lies in it.
pub struct AnswerBuffers<'m> {
    /// Lists and pieces: as long as a frame at least, to be of use.
    pub list: &'m mut [u8],
    /// One record: the largest contact and an entry's header. What is staged is kept here.
    pub record: &'m mut [u8],
    /// The most hits in one answer.
    pub hits: &'m mut [Hit],
}

impl AnswerBuffers<'_> {
    /// The same memory for one answer.
    pub fn lend(&mut self) -> AnswerBuffers<'_> {
        AnswerBuffers { list: self.list, record: self.record, hits: self.hits }
    }
}

/// The bytes that are kept in [`AnswerBuffers::record`] from one request to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    pub(super) len: usize,
    pub(super) total: usize,
}

/// One end of a cable that answers.
pub struct Session<M: Memory> {
    /// The most that this end takes.
    pub(super) limits: CableLimits,
    /// The most that the other end takes of this one's frames.
    pub(super) replies: CableLimits,
    pub(super) author: AuthorIndex,
    pub(super) staged: Option<Staged>,
    /// The box whose records are taken in, and its numbering.
    pub(super) peer: Option<(u64, Peer<M>)>,
    /// The rest of what the cable may bring, when no peer has it.
    quota: Quota,
    /// The last change asked for, and what was answered: asked again, it is not done again.
    last: Option<(u16, u32, Written)>,
}

impl<M: Memory> Session<M> {
    /// A cable just put in.
    pub fn new(limits: CableLimits) -> Self {
        Self {
            limits,
            replies: limits,
            author: AuthorIndex(0),
            staged: None,
            peer: None,
            quota: Quota::NEW,
            last: None,
        }
    }

    /// Sets the author of what is changed from now on.
    pub fn set_author(&mut self, author: AuthorIndex) {
        self.author = author;
    }

    /// Begins anew with another end that takes frames of `frame_bytes`.
    pub(super) fn begin(&mut self, protocol: u8, frame_bytes: u32) -> Result<(), Fault> {
        if protocol < PROTOCOL {
            return Err(Fault::Protocol { spoken: PROTOCOL });
        }
        if frame_bytes < FRAME_BYTES_MIN {
            return Err(Fault::TooLarge { bytes_max: FRAME_BYTES_MIN });
        }
        *self = Self { quota: self.quota(), ..Self::new(self.limits) };
        self.replies.frame_bytes = self.limits.frame_bytes.min(frame_bytes);
        Ok(())
    }

    /// New boxes and authors that this cable may still bring.
    pub(super) fn quota(&mut self) -> Quota {
        if let Some((_, peer)) = &self.peer {
            self.quota = self.quota.least(peer.quota());
        }
        self.quota
    }

    /// Returns the answer to the very same change before.
    pub(super) fn answered(&self, number: u16, seal: u32) -> Option<Written> {
        let (last, last_seal, answer) = self.last?;
        (last == number && last_seal == seal).then_some(answer)
    }

    pub(super) fn remember(&mut self, number: u16, seal: u32, answer: Written) {
        self.last = Some((number, seal, answer));
    }

    /// Keeps a piece of what comes in several.
    pub(super) fn stage(
        &mut self,
        offset: u32,
        total: u32,
        piece: &[u8],
        record: &mut [u8],
    ) -> Result<(), Fault> {
        let (offset, total) = (offset as usize, total as usize);
        let bytes_max = record.len().min(BLOB_BYTES_MAX as usize) as u32;
        let end = offset.saturating_add(piece.len());
        // The first piece again begins anew; any other one again changes nothing.
        let len = match self.staged {
            _ if offset == 0 => 0,
            Some(staged) if staged.total == total => staged.len,
            _ => return Err(Fault::NotStaged),
        };
        if total > record.len() || end > total {
            return Err(Fault::TooLarge { bytes_max });
        }
        if offset > len {
            return Err(Fault::NotStaged);
        }
        let room = record.get_mut(offset..end).ok_or(Fault::TooLarge { bytes_max })?;
        room.copy_from_slice(piece);
        self.staged = Some(Staged { len: len.max(end), total });
        Ok(())
    }

    /// Returns how many bytes of records, pieces and tables a request wants the box to keep, those
    /// that are staged for it included.
    pub fn bytes_to_keep(&self, request: &Request<'_>) -> usize {
        let staged = self.staged.map_or(0, |staged| staged.len);
        match request {
            Request::Put { card: NewContact::Here(contents), .. } => contents.bytes().len(),
            Request::Put { card: NewContact::Staged, .. }
            | Request::TakeStaged
            | Request::PutBlobStaged { .. } => staged,
            Request::Author { name } => name.len(),
            Request::Introduce { rows } => rows.bytes().len(),
            Request::Take { records } => records.bytes().len(),
            Request::PutBlob { bytes, .. } => bytes.0.len(),
            Request::Hello { .. }
            | Request::Info
            | Request::Stats
            | Request::Verify
            | Request::Find { .. }
            | Request::Get { .. }
            | Request::Piece { .. }
            | Request::Stage { .. }
            | Request::Remove { .. }
            | Request::Restore { .. }
            | Request::Purge { .. }
            | Request::History { .. }
            | Request::Version { .. }
            | Request::Blob { .. }
            | Request::Root
            | Request::Tables { .. }
            | Request::Meet { .. }
            | Request::Offers { .. }
            | Request::Want { .. }
            | Request::Records { .. }
            | Request::Missing { .. }
            | Request::Met { .. }
            | Request::Removals { .. } => 0,
        }
    }

    /// Takes out what was staged, when all of it is here.
    pub(super) fn unstage<'r>(&mut self, record: &'r [u8]) -> Result<&'r [u8], Fault> {
        let staged = self.staged.take().filter(|staged| staged.len == staged.total);
        staged.and_then(|staged| record.get(..staged.len)).ok_or(Fault::NotStaged)
    }
}
