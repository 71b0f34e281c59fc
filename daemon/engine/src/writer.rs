//! The thread that owns the book: takes what waits, does it all, syncs the disk once, then answers.

use crate::handle::{Handle, SharedHost};
use crate::host::{ContactChange, Host};
use crate::job::{Job, JobOutcome, JobWeight, OnDisk};
use crate::sliced::SlicedJobs;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest that a change waits for others to share its sync.
const BATCH_TIME: Duration = Duration::from_millis(20);

/// Quiet after which the book tidies up, and then leaves its last word on the disk.
const IDLE_TIME: Duration = Duration::from_millis(200);

/// Something for the writer thread.
pub(crate) enum Message {
    Job(Job),
    Stop,
}

/// Those who want to know of changes.
pub trait ChangeListener: Send {
    /// Returns whether anybody wants to know.
    fn is_listening(&self) -> bool;

    /// Tells them of a change that is on the disk.
    fn changed(&self, change: &ContactChange);
}

/// Nobody listens.
impl ChangeListener for () {
    fn is_listening(&self) -> bool {
        false
    }

    fn changed(&self, _: &ContactChange) {}
}

/// Told after each change that is on the disk.
#[derive(Default)]
pub struct ChangeSignal {
    beats: Mutex<u64>,
    beaten: Condvar,
}

impl ChangeSignal {
    /// Changes so far.
    pub fn epoch(&self) -> u64 {
        *self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened: whoever waits looks around.
    pub fn raise(&self) {
        *self.beats.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.beaten.notify_all();
    }

    /// Waits until there were other than `seen` changes, or the time is over.
    pub fn wait(&self, seen: u64, time: Duration) {
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        // A thread that was woken looks around anyway.
        drop(self.beaten.wait_timeout_while(beats, time, |beats| *beats == seen));
    }
}

/// The thread that owns the host.
pub struct WriterThread {
    handle: Handle,
    thread: JoinHandle<Option<Host>>,
}

impl WriterThread {
    /// Gives the host to a thread of its own.
    pub fn start(host: Host) -> std::io::Result<Self> {
        Self::start_with(host, (), ())
    }

    /// The same, for those who listen to changes. `until_end` is dropped when the thread ends,
    /// which by itself it does only by a fault of the program.
    pub fn start_with(
        host: Host,
        listener: impl ChangeListener + 'static,
        until_end: impl Send + 'static,
    ) -> std::io::Result<Self> {
        let table = Arc::new(SharedHost::new(host));
        let (handle, jobs) = Handle::new(table.clone());
        let pulse = handle.pulse().clone();
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(move || {
            let _until_end = until_end;
            let (long, sliced) = (VecDeque::new(), SlicedJobs::default());
            let listener = Box::new(listener);
            WriterLoop { jobs, long, sliced, pulse, listener, table: table.clone() }.run();
            table.take()
        })?;
        Ok(Self { handle, thread })
    }

    /// A way to ask it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Does what is in the queue, puts all on the disk, and gives the host back; `None` when the
    /// thread had ended by a fault.
    pub fn stop(self) -> Option<Host> {
        self.handle.close();
        self.thread.join().ok().flatten()
    }
}

/// The state of the writer thread.
struct WriterLoop {
    jobs: mpsc::Receiver<Message>,
    /// Long jobs, put off until nobody waits for a short one. The session lets each connection have
    /// one, with nothing beside it, so their order is kept.
    long: VecDeque<Job>,
    /// Jobs that go on in slices.
    sliced: SlicedJobs,
    pulse: Arc<ChangeSignal>,
    listener: Box<dyn ChangeListener>,
    table: Arc<SharedHost>,
}

impl WriterLoop {
    fn run(mut self) {
        let mut is_tidy = false;
        let mut is_rested = false;
        loop {
            // Tidying goes on step by step for as long as nobody asks for anything.
            let is_busy = !self.long.is_empty() || !self.sliced.is_empty();
            let is_waiting = is_tidy && !is_busy;
            let first = if is_rested && is_waiting {
                self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.jobs.recv_timeout(if is_waiting { IDLE_TIME } else { Duration::ZERO })
            };
            let mut is_stopping = false;
            match first {
                Ok(Message::Job(job)) => is_stopping = self.batch(job, false),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => is_stopping = true,
                Err(RecvTimeoutError::Timeout) if is_busy => {}
                Err(RecvTimeoutError::Timeout) if !is_tidy => {
                    is_tidy = self.table.with(Host::maintain).unwrap_or(true);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.table.with(Host::checkpoint);
                    is_rested = true;
                    continue;
                }
            }
            while let Some(job) = self.long.pop_front() {
                is_stopping |= self.batch(job, true);
                if !is_stopping {
                    break;
                }
            }
            if is_stopping {
                self.sliced.end();
                self.table.with(Host::checkpoint);
                return;
            }
            let Self { sliced, table, .. } = &mut self;
            let is_written = table.with(|host| {
                sliced.slice(host);
                host.is_written()
            });
            is_tidy = is_written == Some(false);
            is_rested = is_tidy && is_rested;
        }
    }

    /// Does `first` and the short jobs behind it, then syncs the disk once and answers. `first` is
    /// put off if it is long and not its turn. Returns true when the thread is to stop.
    fn batch(&mut self, first: Job, mut is_turn: bool) -> bool {
        let start = Instant::now();
        let mut waiting: Vec<OnDisk> = Vec::new();
        let mut next = Some(first);
        let mut answered = 0;
        let mut is_stopping = false;
        while let Some(mut job) = next.take() {
            // Its place in the queue is free for another.
            job.permit = None;
            if job.weight == JobWeight::Long && !is_turn {
                self.long.push_back(job);
            } else {
                answered += 1;
                let is_watched = self.listener.is_listening();
                self.table.with(|host| host.watch(is_watched));
                match job.run(&self.table) {
                    JobOutcome::Done => {}
                    JobOutcome::Changed(told) => waiting.push(told),
                    JobOutcome::Sliced(job) => self.sliced.push(job),
                }
            }
            is_turn = false;
            if start.elapsed() < BATCH_TIME {
                match self.jobs.try_recv() {
                    Ok(Message::Job(job)) => next = Some(job),
                    Ok(Message::Stop) => is_stopping = true,
                    Err(_) => {}
                }
            }
        }
        let Some((has_changed, synced, notices)) = self.table.with(|host| {
            let has_changed = !host.is_written();
            (has_changed, host.sync(), host.take_notices())
        }) else {
            return true;
        };
        for told in waiting {
            told(synced.clone());
        }
        self.table.answered(answered);
        if has_changed && synced.is_ok() {
            self.pulse.raise();
        }
        if synced.is_ok() {
            notices.iter().for_each(|change| self.listener.changed(change));
        }
        is_stopping
    }
}

/// Does `work`; `None` after a fault of the program in it, which closes the box: what it has in
/// memory may be half changed. What is on the disk is whole.
pub fn guarded<T>(host: &mut Host, work: impl FnOnce(&mut Host) -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(|| work(host))).ok();
    if done.is_none() {
        host.close();
    }
    done
}
