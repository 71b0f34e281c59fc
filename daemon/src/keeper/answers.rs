//! Requests of clients as jobs: what each does with the host, and what the client is told.

use super::error::BoxError;
use super::history::HistoryQuery;
use super::round::{Round, Verifications, Waiting};
use super::{Handle, Host, Job, JobOutcome, JobWeight, guarded};
use super::{change, export, import, kept, read};
use crate::rpc::{self, Call, RpcError, Weight};
use serde_json::Value;
use std::sync::Arc;

/// The JSON of a result, or the error that a client is told instead.
pub type CallResult = Result<Vec<u8>, RpcError>;

/// A request of a client on its way to the host.
pub struct PendingCall {
    /// The request.
    pub call: Call,
    /// The name that changes are signed with.
    pub author: Arc<str>,
    /// The way back.
    pub reply: Box<dyn FnOnce(CallResult) + Send>,
    /// Tells that the client has left, so that what takes long need not go on for it.
    pub is_gone: Box<dyn Fn() -> bool + Send>,
}

/// The outcome of a request.
struct Executed {
    result: Result<Vec<u8>, BoxError>,
    /// True when the reply must wait for the disk.
    is_change: bool,
}

/// Answers to requests. All clones share the verification under way.
#[derive(Clone, Default)]
pub struct Answers {
    verifications: Verifications,
}

impl Answers {
    /// Answers a brief request here and now, if nobody waits for the host; gives back any other.
    pub fn at_once(&self, handle: &Handle, call: Call, author: &str) -> Result<CallResult, Call> {
        if !rpc::is_brief(&call) {
            return Err(call);
        }
        let mut waiting = Some(call);
        let mut result = None;
        handle.at_once(|host| result = waiting.take().map(|call| execute(host, call, author)));
        match (result, waiting) {
            (Some(done), _) => Ok(done.result.map_err(RpcError::from)),
            (None, Some(call)) => Err(call),
            (None, None) => Ok(Err(BoxError::Panicked.into())),
        }
    }

    /// Makes the job of a request.
    pub fn job(&self, pending: PendingCall) -> Job {
        let weight = match rpc::weight(&pending.call) {
            Weight::Change | Weight::Read => JobWeight::Short,
            Weight::Work | Weight::Long => JobWeight::Long,
        };
        let verifications = self.verifications.clone();
        Job::new(weight, move |host| answer(host, pending, &verifications))
    }
}

fn answer(host: &mut Host, pending: PendingCall, verifications: &Verifications) -> JobOutcome {
    let PendingCall { call, author, reply, is_gone } = pending;
    let round = match call {
        Call::Verify(_) => verifications.begin(Waiting { reply, is_gone }),
        Call::History(asked) => match HistoryQuery::begin(host, &asked) {
            Ok(work) => Some(Round::new(work, Waiting { reply, is_gone })),
            Err(error) => {
                reply(Err(error.into()));
                None
            }
        },
        call => {
            let Executed { result, is_change } = execute(host, call, &author);
            if !is_change {
                reply(result.map_err(RpcError::from));
                return JobOutcome::Done;
            }
            return JobOutcome::Changed(Box::new(move |synced| {
                let synced = synced.map_err(BoxError::from);
                let result = result.and_then(|body| synced.map(|()| body));
                reply(result.map_err(RpcError::from));
            }));
        }
    };
    round.map_or(JobOutcome::Done, |round| JobOutcome::Sliced(Box::new(round)))
}

fn execute(host: &mut Host, call: Call, author: &str) -> Executed {
    guarded(host, |host| host.execute(call, author))
        .unwrap_or(Executed { result: Err(BoxError::Panicked), is_change: false })
}

impl Host {
    fn execute(&mut self, call: Call, author: &str) -> Executed {
        let json = |value: Value| value.to_string().into_bytes();
        let (result, is_change) = match call {
            Call::Find(find) => (read::find(self, &find), false),
            Call::Get(get) => (read::get(self, &get), false),
            Call::Hello(_) => (read::hello(self).map(json), false),
            Call::BlobGet(get) => (read::blob(self, &get).map(json), false),
            Call::Info(_) => (read::info(self).map(json), false),
            Call::Stats(_) => (read::stats(self).map(json), false),
            Call::Export(asked) => (export::page(self, &asked).map(json), false),
            Call::Put(put) => (change::put(self, put, author).map(json), true),
            Call::Patch(patch) => (change::patch(self, patch, author).map(json), true),
            Call::Remove(target) => {
                (change::shelve(self, &target.uid, author, change::Move::Remove).map(json), true)
            }
            Call::Restore(target) => {
                (change::shelve(self, &target.uid, author, change::Move::Restore).map(json), true)
            }
            Call::Purge(target) => {
                (change::shelve(self, &target.uid, author, change::Move::Purge).map(json), true)
            }
            Call::Kept(asked) => (kept::list(self, &asked).map(json), false),
            Call::Forget(_) => (kept::forget(self).map(json), true),
            Call::Import(asked) => (import::batch(self, asked, author).map(json), true),
            // The session and the keeper see to these.
            Call::Verify(_)
            | Call::History(_)
            | Call::CardsBackup(_)
            | Call::CardsSync(_)
            | Call::CardsRestore(_)
            | Call::DevicesInfo(_)
            | Call::DevicesSync(_)
            | Call::Author(_)
            | Call::Stop(_)
            | Call::WatchStart(_)
            | Call::WatchStop(_) => (Ok(b"{}".to_vec()), false),
        };
        let result = result.and_then(|body| self.within_frame(body));
        Executed { result, is_change }
    }

    /// An answer, if a frame takes it.
    pub(super) fn within_frame(&self, body: Vec<u8>) -> Result<Vec<u8>, BoxError> {
        // Room for what stands around the result.
        let bytes_max = self.config.limits.frame_bytes - 1024;
        if body.len() > bytes_max {
            return Err(BoxError::AnswerTooLong { bytes_max });
        }
        Ok(body)
    }
}
