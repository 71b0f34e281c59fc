//! The ways to the book: through the keeper's queue, or at once where that is
//! brief and nobody waits.

use super::{
    BoxError, CHANGES, ChangeSignal, Host, Job, Message, QUEUE, Task, Turn, execute, guarded,
};
use crate::rpc::{self, Call};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, broadcast, oneshot};

/// The book where everybody finds it, and whether somebody waits for it.
pub(super) struct SharedHost {
    host: Mutex<Option<Host>>,
    /// What was put in the queue and is not answered yet.
    due: AtomicUsize,
}

impl SharedHost {
    pub(super) fn new(host: Host) -> Self {
        Self { host: Mutex::new(Some(host)), due: AtomicUsize::new(0) }
    }

    /// Does `work` with the host, which is there until the writer thread has taken it away.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Host) -> T) -> Option<T> {
        self.lock().as_mut().map(work)
    }

    /// Takes the host away, once the writer thread is through.
    pub(super) fn take(&self) -> Option<Host> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Host>> {
        // Faults of the program are caught while it is held, and close the book.
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So much of what was in the queue is answered.
    pub(super) fn answered(&self, count: usize) {
        self.due.fetch_sub(count, Ordering::SeqCst);
    }
}

/// A way to ask the keeper; as many as there are clients.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    changes: broadcast::Sender<Arc<[u8]>>,
    pulse: Arc<ChangeSignal>,
    table: Arc<SharedHost>,
}

impl Handle {
    pub(super) fn new(table: Arc<SharedHost>) -> (Self, Receiver<Message>) {
        let (queue, jobs) = mpsc::channel();
        let (changes, _) = broadcast::channel(CHANGES);
        let room = Arc::new(Semaphore::new(QUEUE));
        (Self { queue, room, changes, pulse: Arc::default(), table }, jobs)
    }

    /// Has `work` done with the book, and gives what it gave once all of it is on the disk. Work is
    /// to be short: nobody else is served meanwhile. An error when the disk refuses, and when the
    /// keeper has ended.
    pub fn task<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Host) -> Result<T, BoxError> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, BoxError>> {
        let (sender, receiver) = oneshot::channel();
        let task: Task = Box::new(move |host| {
            let given = work(host);
            Box::new(move |synced| {
                let given = given.and_then(|given| Ok(synced.map(|()| given)?));
                sender.send(given).ok();
            })
        });
        // When the keeper has ended the sender is dropped, and the receiver says so.
        self.put(Message::Task(task)).ok();
        receiver
    }

    /// The same, waiting for it: not for async tasks.
    pub fn have<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Host) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        self.task(work).blocking_recv().unwrap_or_else(|_| Err(BoxError::Stopping))
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
        let turn: Turn = Box::new(move || {
            pass.send(()).ok();
            // An error is what this waits for: the other end is dropped when the work is done.
            held.recv().ok();
            Box::new(move |synced| {
                tell.send(synced).ok();
            })
        });
        // When the writer thread has ended the sender is dropped, and the receiver says so.
        self.put(Message::Turn(turn)).ok();
        passed.recv().map_err(|_| BoxError::Stopping)?;
        let done = self.table.with(|host| {
            host.watch(self.is_watched());
            guarded(host, work).unwrap_or(Err(BoxError::Panicked))
        });
        drop(hold);
        let synced = told.recv().map_err(|_| BoxError::Stopping)?;
        let given = done.unwrap_or(Err(BoxError::Stopping))?;
        synced?;
        Ok(given)
    }

    /// The beat of changes.
    pub fn pulse(&self) -> &Arc<ChangeSignal> {
        &self.pulse
    }

    /// Whether anybody listens to changes.
    pub(super) fn is_watched(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Tells all who watch.
    pub fn announce(&self, method: &str, params: &serde_json::Value) {
        // Nobody listening is no error.
        self.changes.send(rpc::notification(method, params).into()).ok();
    }

    /// Answers a brief request here and now, and gives back any other. Two changes of
    /// thread take longer than a contact does; but whoever was there before, be it the
    /// same client, comes first.
    pub fn at_once(&self, call: Call, author: &str) -> Result<Result<Vec<u8>, BoxError>, Call> {
        if !rpc::is_brief(&call) || self.table.due.load(Ordering::SeqCst) > 0 {
            return Err(call);
        }
        let Ok(mut host) = self.table.host.try_lock() else { return Err(call) };
        let Some(host) = host.as_mut() else { return Err(call) };
        Ok(execute(host, call, author).result)
    }

    /// Puts a request in the queue, waiting for a place in it. When the keeper has
    /// ended, the request comes back.
    pub async fn ask(&self, job: Job) -> Result<(), Box<Job>> {
        let Ok(room) = self.room.clone().acquire_owned().await else { return Err(Box::new(job)) };
        self.put(Message::Job(Box::new(job), room)).map_err(|refused| match refused {
            Message::Job(job, _) => job,
            Message::Task(_) | Message::Turn(_) | Message::Stop => unreachable!("a job was sent"),
        })
    }

    fn put(&self, message: Message) -> Result<(), Message> {
        // First counted: what the keeper has answered it takes off again.
        self.table.due.fetch_add(1, Ordering::SeqCst);
        self.queue.send(message).map_err(|refused| refused.0)
    }

    /// Lets no more requests into the queue, and has the keeper end behind those that are in it.
    pub(super) fn close(&self) {
        self.room.close();
        self.queue.send(Message::Stop).ok();
    }

    /// The lines of changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[u8]>> {
        self.changes.subscribe()
    }
}
