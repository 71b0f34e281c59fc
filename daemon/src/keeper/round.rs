//! Requests that go through the whole box: a slice at a time, so that others are
//! answered in between.

use super::error::BoxError;
use super::verify::Verify;
use super::{Answer, Host, history::HistoryQuery, send};
use crate::rpc::{Call, Id, RpcError};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// How long others may wait for a slice, so short that they do not notice.
const SLICE_TIME: Duration = Duration::from_millis(2);

/// Bytes that are read before the clock is looked at: a part of a slice also where reading is slow.
pub(super) const STEP_BYTES: u32 = 128 * 1024;

/// What a round has come to when it is through.
pub(super) type RoundOutcome = Result<Vec<u8>, BoxError>;

/// Goes on a little; the outcome once it is through.
pub(super) trait RoundStep: Send {
    fn step(&mut self, host: &mut Host) -> Option<RoundOutcome>;
}

/// Who waits for a round.
pub(super) struct Waiting {
    pub(super) id: Id,
    pub(super) permits: Vec<OwnedSemaphorePermit>,
    pub(super) reply: Box<dyn FnOnce(Answer) + Send>,
    /// Whether nobody is there any more to be told.
    pub(super) is_gone: Box<dyn Fn() -> bool + Send>,
}

struct Round {
    work: Box<dyn RoundStep>,
    is_verification: bool,
    waiting: Vec<Waiting>,
}

/// The rounds under way, and who waits for the next verification.
#[derive(Default)]
pub(super) struct Rounds {
    /// They take turns, a slice each.
    rounds: VecDeque<Round>,
    /// Whether the verification is among them; there is one at a time, however many ask.
    is_verifying: bool,
    /// Who asked when it had begun: what it has read already may have changed before they asked.
    next: Vec<Waiting>,
}

/// Whether a call is one that takes a round.
pub(super) fn is_round(call: &Call) -> bool {
    matches!(call, Call::Verify(_) | Call::History(_))
}

impl Rounds {
    pub(super) fn is_empty(&self) -> bool {
        self.rounds.is_empty()
    }

    /// Takes a request in.
    pub(super) fn begin(&mut self, host: &mut Host, call: &Call, waiting: Waiting) {
        match call {
            Call::History(asked) => match HistoryQuery::begin(host, asked) {
                Ok(work) => self.rounds.push_back(Round {
                    work: Box::new(work),
                    is_verification: false,
                    waiting: vec![waiting],
                }),
                Err(error) => tell(vec![waiting], Err(error)),
            },
            _ => {
                self.next.push(waiting);
                self.verify_next();
            }
        }
    }

    /// Begins the next verification, for all who wait for it.
    fn verify_next(&mut self) {
        if self.is_verifying || self.next.is_empty() {
            return;
        }
        self.is_verifying = true;
        let (work, waiting) = (Box::<Verify>::default(), std::mem::take(&mut self.next));
        self.rounds.push_back(Round { work, is_verification: true, waiting });
    }

    /// One slice of the round whose turn it is. One that nobody waits for any more ends.
    pub(super) fn slice(&mut self, host: &mut Host) {
        let Some(mut round) = self.rounds.pop_front() else { return };
        round.waiting.retain(|waiting| !(waiting.is_gone)());
        self.next.retain(|waiting| !(waiting.is_gone)());
        let outcome = match round.waiting.is_empty() {
            true => Some(Ok(Vec::new())),
            false => slice_of(&mut *round.work, host),
        };
        let Some(outcome) = outcome else { return self.rounds.push_back(round) };
        if round.is_verification {
            self.is_verifying = false;
            self.verify_next();
        }
        tell(round.waiting, outcome.and_then(|body| host.within_frame(body)));
    }

    /// Nothing more is done.
    pub(super) fn end(&mut self) {
        let rounds = self.rounds.drain(..).flat_map(|round| round.waiting);
        tell(rounds.chain(self.next.drain(..)).collect(), Err(BoxError::Stopping));
    }
}

fn slice_of(work: &mut dyn RoundStep, host: &mut Host) -> Option<RoundOutcome> {
    let begun = Instant::now();
    let steps = || {
        loop {
            let outcome = work.step(host);
            if outcome.is_some() || begun.elapsed() >= SLICE_TIME {
                return outcome;
            }
        }
    };
    catch_unwind(AssertUnwindSafe(steps)).unwrap_or(Some(Err(BoxError::PanickedReading)))
}

fn tell(waiting: Vec<Waiting>, outcome: RoundOutcome) {
    let outcome = outcome.map_err(RpcError::from);
    for Waiting { id, permits, reply, .. } in waiting {
        send((id, outcome.clone(), permits, reply));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};
    use contactbox_api::status::BoxVerify;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    #[test]
    fn b11_who_asks_at_once_shares_and_who_leaves_ends_it() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let data = Some(folder.path().to_path_buf());
        let config = Config::load(Settings { data, ..Settings::default() }).expect("good settings");
        let mut host = Host::open(&config).expect("a new box");
        let (told, is_gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let waiting = || {
            let (told, is_gone) = (told.clone(), is_gone.clone());
            Waiting {
                id: Id::null(),
                permits: Vec::new(),
                reply: Box::new(move |_| {
                    told.fetch_add(1, Ordering::SeqCst);
                }),
                is_gone: Box::new(move || is_gone.load(Ordering::SeqCst)),
            }
        };
        let mut rounds = Rounds::default();
        for _ in 0..5 {
            rounds.begin(&mut host, &Call::Verify(BoxVerify {}), waiting());
        }
        assert_eq!((rounds.rounds.len(), rounds.next.len()), (1, 4), "one at a time");
        while told.load(Ordering::SeqCst) == 0 {
            rounds.slice(&mut host);
        }
        assert_eq!(told.load(Ordering::SeqCst), 1, "the others asked when it had begun");
        while !rounds.is_empty() {
            rounds.slice(&mut host);
        }
        assert_eq!(told.load(Ordering::SeqCst), 5, "they share the next");
        rounds.begin(&mut host, &Call::Verify(BoxVerify {}), waiting());
        rounds.begin(&mut host, &Call::Verify(BoxVerify {}), waiting());
        is_gone.store(true, Ordering::SeqCst);
        rounds.slice(&mut host);
        assert!(rounds.is_empty() && rounds.next.is_empty(), "nobody is there any more");
        assert_eq!(told.load(Ordering::SeqCst), 5);
        // One that comes after that is answered all the same.
        is_gone.store(false, Ordering::SeqCst);
        rounds.begin(&mut host, &Call::Verify(BoxVerify {}), waiting());
        rounds.end();
        assert_eq!(told.load(Ordering::SeqCst), 6, "told that it will not be");
    }
}
