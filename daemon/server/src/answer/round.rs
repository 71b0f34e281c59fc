//! Requests that go through the whole box, as jobs in slices: who waits for one, and who shares it.

use super::CallResult;
use super::error::CallError;
use super::verify::Verify;
use super::within_frame;
use crate::rpc::RpcError;
use contactbox_engine::{BoxError, Host, SlicedJob};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The outcome of a round that is through.
pub(super) type RoundOutcome = Result<Vec<u8>, CallError>;

/// Goes on a little; the outcome once it is through.
pub(super) trait RoundStep: Send {
    fn step(&mut self, host: &mut Host) -> Option<RoundOutcome>;
}

/// A client that waits for a round.
pub(super) struct Waiting {
    pub(super) reply: Box<dyn FnOnce(CallResult) + Send>,
    /// Tells that nobody is there any more to be told.
    pub(super) is_gone: Box<dyn Fn() -> bool + Send>,
}

/// The verification, of which there is one at a time, however many ask.
#[derive(Clone, Default)]
pub(super) struct Verifications(Arc<Mutex<VerifyQueue>>);

#[derive(Default)]
struct VerifyQueue {
    /// True while one is under way.
    is_verifying: bool,
    /// Clients that asked when it had begun: what it has read already may have changed before.
    next: Vec<Waiting>,
}

impl Verifications {
    fn lock(&self) -> MutexGuard<'_, VerifyQueue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a verification; nothing while one is under way, after which the next one begins.
    pub(super) fn begin(&self, waiting: Waiting) -> Option<Round> {
        let mut queue = self.lock();
        queue.next.push(waiting);
        if std::mem::replace(&mut queue.is_verifying, true) {
            return None;
        }
        let waiting = std::mem::take(&mut queue.next);
        Some(Round { work: Box::<Verify>::default(), waiting, queue: Some(self.clone()) })
    }
}

/// A round under way, for all who wait for it.
pub(super) struct Round {
    work: Box<dyn RoundStep>,
    waiting: Vec<Waiting>,
    /// The queue of verifications, if it is one.
    queue: Option<Verifications>,
}

impl Round {
    /// Begins a round of its own for one client.
    pub(super) fn new(work: impl RoundStep + 'static, waiting: Waiting) -> Self {
        Self { work: Box::new(work), waiting: vec![waiting], queue: None }
    }

    fn tell(&mut self, outcome: RoundOutcome) {
        let outcome = outcome.map_err(RpcError::from);
        for Waiting { reply, .. } in self.waiting.drain(..) {
            reply(outcome.clone());
        }
    }

    /// Begins anew for those who asked since it had begun. Returns false when there are none.
    fn begin_next(&mut self) -> bool {
        let Some(queue) = &self.queue else { return false };
        let mut queue = queue.lock();
        self.waiting = std::mem::take(&mut queue.next);
        self.work = Box::<Verify>::default();
        queue.is_verifying = !self.waiting.is_empty();
        queue.is_verifying
    }
}

impl SlicedJob for Round {
    fn is_wanted(&mut self) -> bool {
        self.waiting.retain(|waiting| !(waiting.is_gone)());
        if let Some(queue) = &self.queue {
            queue.lock().next.retain(|waiting| !(waiting.is_gone)());
        }
        !self.waiting.is_empty() || self.begin_next()
    }

    fn step(&mut self, host: &mut Host) -> bool {
        let Some(outcome) = self.work.step(host) else { return false };
        self.tell(outcome.and_then(|body| within_frame(host, body)));
        !self.begin_next()
    }

    fn end(&mut self, error: BoxError) {
        self.tell(Err(error.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contactbox_engine::SlicedJobs;
    use contactbox_system::config::{Config, Settings};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    #[test]
    fn b11_who_asks_at_once_shares_and_who_leaves_ends_it() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let data = Some(folder.path().to_path_buf());
        let config = Config::load(Settings { data, ..Settings::default() }).expect("good settings");
        let mut host = Host::open(&config).expect("a new box");
        let (told, is_gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let verifications = Verifications::default();
        let mut jobs = SlicedJobs::default();
        let ask = |jobs: &mut SlicedJobs| {
            let (told, is_gone) = (told.clone(), is_gone.clone());
            let waiting = Waiting {
                reply: Box::new(move |_| {
                    told.fetch_add(1, Ordering::SeqCst);
                }),
                is_gone: Box::new(move || is_gone.load(Ordering::SeqCst)),
            };
            let begun = verifications.begin(waiting);
            let has_begun = begun.is_some();
            begun.into_iter().for_each(|round| jobs.push(Box::new(round)));
            has_begun
        };
        let begun = [(); 5].map(|()| ask(&mut jobs));
        assert_eq!(begun, [true, false, false, false, false], "one at a time");
        while told.load(Ordering::SeqCst) == 0 {
            jobs.slice(&mut host);
        }
        while !jobs.is_empty() {
            let told = told.load(Ordering::SeqCst);
            assert_eq!(told, 1, "the others asked when it had begun");
            jobs.slice(&mut host);
        }
        assert_eq!(told.load(Ordering::SeqCst), 5, "they share the next");
        assert!(ask(&mut jobs) && !ask(&mut jobs));
        is_gone.store(true, Ordering::SeqCst);
        jobs.slice(&mut host);
        assert!(jobs.is_empty() && verifications.lock().next.is_empty(), "nobody is there");
        assert_eq!(told.load(Ordering::SeqCst), 5);
        // One that comes after that is answered all the same.
        is_gone.store(false, Ordering::SeqCst);
        assert!(ask(&mut jobs));
        jobs.end();
        assert_eq!(told.load(Ordering::SeqCst), 6, "told that it will not be");
    }
}
