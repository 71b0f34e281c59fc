//! Requests of clients as jobs: what each does with the host, and what the client is told.

mod change;
mod cursor;
mod error;
mod export;
mod history;
mod import;
mod kept;
mod left_out;
mod read;
mod round;
mod verify;

pub use error::{CallError, ParamsError, VcardError};
pub(crate) use read::{body, origin};

use crate::rpc::{self, Call, RpcError, Weight};
use change::Move;
use contactbox_api::Empty;
use contactbox_engine::{BoxError, Handle, Host, Job, JobOutcome, JobWeight, guarded};
use contactbox_sync::status::StatusBoard;
use history::HistoryQuery;
use round::{Round, Verifications, Waiting};
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
    result: Result<Vec<u8>, CallError>,
    /// True when the reply must wait for the disk.
    is_change: bool,
}

/// Answers to requests. All clones share the verification under way.
#[derive(Clone, Default)]
pub struct Answers {
    verifications: Verifications,
    /// How cards, backups and devices are doing, for `box.info`.
    board: StatusBoard,
}

impl Answers {
    /// Answers with what is on `board` where that is asked for.
    pub fn new(board: StatusBoard) -> Self {
        Self { verifications: Verifications::default(), board }
    }

    /// Answers a brief request here and now, if nobody waits for the host; gives back any other.
    pub fn at_once(&self, handle: &Handle, call: Call, author: &str) -> Result<CallResult, Call> {
        if !rpc::is_brief(&call) {
            return Err(call);
        }
        let mut waiting = Some(call);
        let mut result = None;
        handle.at_once(|host| {
            result = waiting.take().map(|call| execute(host, call, author, &self.board))
        });
        match (result, waiting) {
            (Some(done), _) => Ok(done.result.map_err(RpcError::from)),
            (None, Some(call)) => Err(call),
            (None, None) => Ok(Err(CallError::from(BoxError::Panicked).into())),
        }
    }

    /// Makes the job of a request.
    pub fn job(&self, pending: PendingCall) -> Job {
        let weight = match rpc::weight(&pending.call) {
            Weight::Change | Weight::Read => JobWeight::Short,
            Weight::Work | Weight::Long => JobWeight::Long,
        };
        let answers = self.clone();
        Job::new(weight, move |host| answers.answer(host, pending))
    }

    fn answer(&self, host: &mut Host, pending: PendingCall) -> JobOutcome {
        let PendingCall { call, author, reply, is_gone } = pending;
        let round = match call {
            Call::Verify(_) => self.verifications.begin(Waiting { reply, is_gone }),
            Call::History(asked) => match HistoryQuery::begin(host, &asked) {
                Ok(work) => Some(Round::new(work, Waiting { reply, is_gone })),
                Err(error) => {
                    reply(Err(error.into()));
                    None
                }
            },
            call => {
                let Executed { result, is_change } = execute(host, call, &author, &self.board);
                if !is_change {
                    reply(result.map_err(RpcError::from));
                    return JobOutcome::Done;
                }
                return JobOutcome::Changed(Box::new(move |synced| {
                    let synced = synced.map_err(|refusal| CallError::from(BoxError::from(refusal)));
                    let result = result.and_then(|body| synced.map(|()| body));
                    reply(result.map_err(RpcError::from));
                }));
            }
        };
        round.map_or(JobOutcome::Done, |round| JobOutcome::Sliced(Box::new(round)))
    }
}

fn execute(host: &mut Host, call: Call, author: &str, board: &StatusBoard) -> Executed {
    guarded(host, |host| do_call(host, call, author, board))
        .unwrap_or(Executed { result: Err(BoxError::Panicked.into()), is_change: false })
}

fn do_call(host: &mut Host, call: Call, author: &str, board: &StatusBoard) -> Executed {
    let mut is_change = false;
    let mut change = |result: Result<Vec<u8>, CallError>| {
        is_change = true;
        result
    };
    let result = match call {
        Call::Find(find) => read::find(host, &find),
        Call::Get(get) => read::get(host, &get),
        Call::Hello(_) => read::hello(host).and_then(|told| body(&told)),
        Call::BlobGet(get) => read::blob(host, &get).and_then(|told| body(&told)),
        Call::Info(_) => read::info(host, board.places()).and_then(|told| body(&told)),
        Call::Stats(_) => read::stats(host).and_then(|told| body(&told)),
        Call::Export(asked) => export::page(host, &asked).and_then(|told| body(&told)),
        Call::Kept(asked) => kept::list(host, &asked).and_then(|told| body(&told)),
        Call::Put(put) => change(change::put(host, put, author).and_then(|told| body(&told))),
        Call::Patch(patch) => {
            change(change::patch(host, patch, author).and_then(|told| body(&told)))
        }
        Call::Remove(target) => change(shelve(host, &target.uid, author, Move::Remove)),
        Call::Restore(target) => change(shelve(host, &target.uid, author, Move::Restore)),
        Call::Purge(target) => change(shelve(host, &target.uid, author, Move::Purge)),
        Call::Forget(_) => change(kept::forget(host).and_then(|told| body(&told))),
        Call::Import(asked) => {
            change(import::batch(host, asked, author).and_then(|told| body(&told)))
        }
        // The session sees to these.
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
        | Call::WatchStop(_) => body(&Empty {}),
    };
    let result = result.and_then(|body| within_frame(host, body));
    Executed { result, is_change }
}

fn shelve(host: &mut Host, target: &str, author: &str, to: Move) -> Result<Vec<u8>, CallError> {
    body(&change::shelve(host, target, author, to)?)
}

/// Returns an answer if a frame takes it.
fn within_frame(host: &Host, body: Vec<u8>) -> Result<Vec<u8>, CallError> {
    // Room for what stands around the result.
    let bytes_max = host.config.limits.frame_bytes - 1024;
    if body.len() > bytes_max {
        return Err(CallError::AnswerTooLong { bytes_max });
    }
    Ok(body)
}
