//! The ways to the host: through the writer thread's queue, or at once where that is brief and
//! nobody waits.

use crate::error::BoxError;
use crate::host::Host;
use crate::job::{Job, JobOutcome, JobWeight};
use crate::writer::{ChangeSignal, Message, guarded};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The host where everybody finds it, and whether somebody waits for it.
pub(crate) struct SharedHost {
    host: Mutex<Option<Host>>,
    /// The number of jobs that were put in the queue and are not done yet.
    due: AtomicUsize,
    /// True when no more jobs are taken.
    is_closed: AtomicBool,
}

impl SharedHost {
    pub(crate) fn new(host: Host) -> Self {
        let (due, is_closed) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { host: Mutex::new(Some(host)), due, is_closed }
    }

    /// Does `work` with the host, which is there until the writer thread has taken it away.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Host) -> T) -> Option<T> {
        self.lock().as_mut().map(work)
    }

    /// Takes the host away, once the writer thread is through.
    pub(crate) fn take(&self) -> Option<Host> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Host>> {
        // Faults of the program are caught while it is held, and close the book.
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `count` jobs of those in the queue are done, or have begun.
    pub(crate) fn answered(&self, count: usize) {
        self.due.fetch_sub(count, Ordering::SeqCst);
    }
}

/// A way to the host; there are as many as there are askers.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::Sender<Message>,
    pulse: Arc<ChangeSignal>,
    table: Arc<SharedHost>,
}

impl Handle {
    pub(crate) fn new(table: Arc<SharedHost>) -> (Self, Receiver<Message>) {
        let (queue, jobs) = mpsc::channel();
        (Self { queue, pulse: Arc::default(), table }, jobs)
    }

    /// Puts a job in the queue. When the writer thread has ended, or is about to, the job comes
    /// back.
    pub fn put(&self, job: Job) -> Result<(), Job> {
        if self.table.is_closed.load(Ordering::SeqCst) {
            return Err(job);
        }
        // First counted: what the writer thread has done it takes off again.
        self.table.due.fetch_add(1, Ordering::SeqCst);
        match self.queue.send(Message::Job(job)) {
            Err(SendError(Message::Job(job))) => Err(job),
            Ok(()) | Err(SendError(Message::Stop)) => Ok(()),
        }
    }

    /// Has `work` done with the host by the writer thread, and waits until all of it is on the
    /// disk. Work is to be short: nobody else is served meanwhile. An error when the disk refuses,
    /// and when the writer thread has ended. Not for async tasks, as it blocks.
    pub fn have<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Host) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        let (sender, receiver) = mpsc::channel();
        let job = Job::new(JobWeight::Short, move |host| {
            let given = work(host);
            JobOutcome::Changed(Box::new(move |synced| {
                let synced = synced.map_err(BoxError::from);
                sender.send(given.and_then(|given| synced.map(|()| given))).ok();
            }))
        });
        self.put(job).map_err(|_| BoxError::Stopping)?;
        receiver.recv().unwrap_or(Err(BoxError::Stopping))
    }

    /// Has `work` done with the host by the writer thread, and does not wait for it.
    pub fn post(&self, work: impl FnOnce(&mut Host) + Send + 'static) {
        let job = Job::new(JobWeight::Short, move |host| {
            work(host);
            JobOutcome::Done
        });
        // When the writer thread has ended nobody misses it.
        self.put(job).ok();
    }

    /// Does `work` on the thread that calls, when its turn in the queue has come, and returns its
    /// result once all of it is on the disk. So `work` may borrow what the calling thread has. It
    /// is to be short: the writer thread waits for it, and so does everybody else. An error when
    /// the disk refuses, and when the writer thread has ended.
    pub fn in_turn<T>(
        &self,
        work: impl FnOnce(&mut Host) -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let (pass, passed) = mpsc::channel::<()>();
        let (hold, held) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let pause = Job::pause(move || {
            pass.send(()).ok();
            // An error is what this waits for: the other end is dropped when the work is done.
            held.recv().ok();
            Box::new(move |synced| {
                tell.send(synced).ok();
            })
        });
        self.put(pause).map_err(|_| BoxError::Stopping)?;
        passed.recv().map_err(|_| BoxError::Stopping)?;
        let done = self
            .table
            .with(|host| guarded(host, work).unwrap_or(Err(BoxError::Panicked)))
            .unwrap_or(Err(BoxError::Stopping));
        drop(hold);
        let synced = told.recv().map_err(|_| BoxError::Stopping)?;
        let given = done?;
        synced?;
        Ok(given)
    }

    /// Does brief `work` here and now; `None` when somebody waits for the host. Two changes of
    /// thread take longer than reading a contact does. But a request that waits already goes first,
    /// even one of the same client.
    pub fn at_once<T>(&self, work: impl FnOnce(&mut Host) -> T) -> Option<T> {
        if self.table.due.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let mut host = self.table.host.try_lock().ok()?;
        guarded(host.as_mut()?, work)
    }

    /// The signal that is raised after each change on the disk.
    pub fn pulse(&self) -> &Arc<ChangeSignal> {
        &self.pulse
    }

    /// Lets no more jobs into the queue, and has the writer thread end behind those that are in it.
    pub(crate) fn close(&self) {
        self.table.is_closed.store(true, Ordering::SeqCst);
        self.queue.send(Message::Stop).ok();
    }
}
