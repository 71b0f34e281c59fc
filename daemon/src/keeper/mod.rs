//! The thread that owns the book: takes what waits, does it all, syncs the disk once, then answers.

mod backup;
mod change;
mod cursor;
mod error;
mod exchange;
mod export;
mod handle;
mod history;
mod host;
mod import;
mod kept;
mod left_out;
mod mark;
mod opening;
mod query;
mod read;
mod room;
mod round;
mod verify;

pub use backup::{MergeBatch, Missing, TakeResult};
pub use error::{BoxError, DiskRefusal, ParamsError, VcardError};
pub use exchange::BoxAtHand;
pub use handle::Handle;
pub use host::{CONTACT_BYTES_MAX, ENTRY_BYTES, Host, OpenBoxError, parts};
pub use left_out::REASON as UNREADABLE;
pub use mark::is_mark;

use crate::rpc::{self, Call, Id, RpcError, Weight};
use handle::SharedHost;
use round::{Rounds, Waiting};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Requests that may wait; who asks for more waits in its own socket.
const QUEUE: usize = 256;

/// Changes a watcher may fall behind by.
const CHANGES: usize = 1024;

/// Longest that a change waits for others to share its sync.
const BATCH_TIME: Duration = Duration::from_millis(20);

/// Quiet after which the book tidies up, and then leaves its last word on the disk.
const IDLE_TIME: Duration = Duration::from_millis(200);

/// A request on its way to the book.
pub struct Job {
    /// Without one there is no reply.
    pub id: Option<Id>,
    /// What is asked.
    pub call: Call,
    /// Who asks.
    pub author: Arc<str>,
    /// What the connection has taken of its allowance.
    pub permits: Vec<OwnedSemaphorePermit>,
    /// Where the answer goes.
    pub reply: Box<dyn FnOnce(Answer) + Send>,
    /// Whether the client has left, so that what takes long need not go on for it.
    pub is_gone: Box<dyn Fn() -> bool + Send>,
}

/// A reply, and the allowance that is free again once it is written.
pub struct Answer {
    /// The line.
    pub line: Vec<u8>,
    /// The allowance.
    pub permits: Vec<OwnedSemaphorePermit>,
}

/// What is done with a request once it is.
pub struct Executed {
    /// The result's JSON, or what went wrong.
    pub result: Result<Vec<u8>, BoxError>,
    /// Whether the reply must wait for the disk.
    pub is_change: bool,
}

/// A short piece of work with the book that nobody asked for over the socket: what it gives is
/// handed on when all that was changed is on the disk.
type Task = Box<dyn FnOnce(&mut Host) -> TaskReply + Send>;

/// Hands on what a task gave, or why it could not be put on the disk.
type TaskReply = Box<dyn FnOnce(Result<(), DiskRefusal>) + Send>;

/// A pause of this thread, in which another one works with the host because its turn has come.
type Turn = Box<dyn FnOnce() -> TaskReply + Send>;

enum Message {
    Job(Box<Job>, OwnedSemaphorePermit),
    Task(Task),
    Turn(Turn),
    Stop,
}

/// The next piece of work.
enum NextWork {
    Job(Job),
    Task(Task),
    Turn(Turn),
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
        // Whoever was woken looks around anyway.
        drop(self.beaten.wait_timeout_while(beats, time, |beats| *beats == seen));
    }
}

/// The keeper's thread.
pub struct WriterThread {
    handle: Handle,
    thread: JoinHandle<Option<Host>>,
    ended: oneshot::Receiver<()>,
}

impl WriterThread {
    /// Gives the book to a thread of its own.
    pub fn start(host: Host) -> std::io::Result<Self> {
        let table = Arc::new(SharedHost::new(host));
        let (handle, jobs) = Handle::new(table.clone());
        let (end, ended) = oneshot::channel();
        let told = handle.clone();
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(move || {
            let (long, rounds) = (VecDeque::new(), Rounds::default());
            WriterLoop { jobs, long, rounds, handle: told, table: table.clone() }.run();
            let host = table.take();
            end.send(()).ok();
            host
        })?;
        Ok(Self { handle, thread, ended })
    }

    /// A way to ask it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until the thread has ended by itself, which it does only by a fault of the program.
    pub async fn ended(&mut self) {
        (&mut self.ended).await.ok();
    }

    /// Does what is in the queue, puts all on the disk, and gives the book back; `None` when the
    /// thread had ended by a fault.
    pub fn stop(self) -> Option<Host> {
        self.handle.close();
        self.thread.join().ok().flatten()
    }
}

/// What the thread works with.
struct WriterLoop {
    jobs: mpsc::Receiver<Message>,
    /// What takes long, put off until nobody waits for a short answer. The session lets each
    /// connection have one, with nothing beside it, so their order is kept.
    long: VecDeque<Job>,
    /// What takes longer still, done in slices.
    rounds: Rounds,
    handle: Handle,
    table: Arc<SharedHost>,
}

impl WriterLoop {
    fn run(mut self) {
        let mut is_tidy = false;
        let mut is_rested = false;
        loop {
            // Tidying goes on step by step for as long as nobody asks for anything.
            let is_busy = !self.long.is_empty() || !self.rounds.is_empty();
            let is_waiting = is_tidy && !is_busy;
            let first = if is_rested && is_waiting {
                self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.jobs.recv_timeout(if is_waiting { IDLE_TIME } else { Duration::ZERO })
            };
            let mut is_stopping = false;
            match first {
                Ok(Message::Job(job, room)) => {
                    drop(room);
                    is_stopping = self.batch(NextWork::Job(*job), false);
                }
                Ok(Message::Task(task)) => is_stopping = self.batch(NextWork::Task(task), false),
                Ok(Message::Turn(turn)) => is_stopping = self.batch(NextWork::Turn(turn), false),
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
                is_stopping |= self.batch(NextWork::Job(job), true);
                if !is_stopping {
                    break;
                }
            }
            if is_stopping {
                self.rounds.end();
                self.table.with(Host::checkpoint);
                return;
            }
            let Self { rounds, table, .. } = &mut self;
            let is_written = table.with(|host| {
                rounds.slice(host);
                host.is_written()
            });
            is_tidy = is_written == Some(false);
            is_rested = is_tidy && is_rested;
        }
    }

    /// Does `first` and the short pieces behind it, then syncs the disk once and answers. `first`
    /// is put off if it takes long and it is not its turn. Returns true when the thread is to stop.
    fn batch(&mut self, first: NextWork, mut is_turn: bool) -> bool {
        let start = Instant::now();
        let mut changes = Vec::new();
        let mut told = Vec::new();
        let mut next = Some(first);
        let mut answered = 0;
        let mut is_stopping = false;
        while let Some(piece) = next.take() {
            match piece {
                NextWork::Task(task) => {
                    answered += 1;
                    let is_watched = self.handle.is_watched();
                    told.extend(self.table.with(|host| work(host, task, is_watched)).flatten());
                }
                NextWork::Turn(turn) => {
                    answered += 1;
                    told.push(turn());
                }
                NextWork::Job(job)
                    if matches!(rpc::weight(&job.call), Weight::Work | Weight::Long)
                        && !is_turn =>
                {
                    self.long.push_back(job);
                }
                NextWork::Job(Job { id, call, permits, reply, is_gone, .. })
                    if round::is_round(&call) =>
                {
                    answered += 1;
                    // Without an answer it would be without an effect.
                    if let Some(id) = id {
                        let waiting = Waiting { id, permits, reply, is_gone };
                        let Self { rounds, table, .. } = self;
                        table.with(|host| rounds.begin(host, &call, waiting));
                    }
                }
                NextWork::Job(Job { id, call, author, permits, reply, .. }) => {
                    answered += 1;
                    let is_watched = self.handle.is_watched();
                    let done = self.table.with(|host| {
                        host.watch(is_watched);
                        execute(host, call, &author)
                    });
                    let Some(done) = done else { continue };
                    let result = done.result.map_err(RpcError::from);
                    let answer = id.map(|id| (id, result, permits, reply));
                    if done.is_change {
                        changes.extend(answer);
                    } else {
                        answer.into_iter().for_each(send);
                    }
                }
            }
            is_turn = false;
            if start.elapsed() < BATCH_TIME {
                match self.jobs.try_recv() {
                    Ok(Message::Job(job, room)) => {
                        drop(room);
                        next = Some(NextWork::Job(*job));
                    }
                    Ok(Message::Task(task)) => next = Some(NextWork::Task(task)),
                    Ok(Message::Turn(turn)) => next = Some(NextWork::Turn(turn)),
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
        for (id, result, permits, reply) in changes {
            let result = match &synced {
                Ok(()) => result,
                Err(refusal) => result.and(Err(RpcError::from(BoxError::from(refusal.clone())))),
            };
            send((id, result, permits, reply));
        }
        for told in told {
            told(synced.clone());
        }
        self.table.answered(answered);
        if has_changed && synced.is_ok() {
            self.handle.pulse().raise();
        }
        if synced.is_ok() {
            notices.iter().for_each(|notice| self.handle.announce("watch.change", notice));
        }
        is_stopping
    }
}

/// Does a task; `None` after a fault of the program, and who waits for it is told by that.
fn work(host: &mut Host, task: Task, is_watched: bool) -> Option<TaskReply> {
    host.watch(is_watched);
    guarded(host, task)
}

/// Does `work`; `None` after a fault of the program in it, which closes the box: what it has in
/// memory may be half changed. What is on the disk is whole.
fn guarded<T>(host: &mut Host, work: impl FnOnce(&mut Host) -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(|| work(host))).ok();
    if done.is_none() {
        host.close();
    }
    done
}

fn execute(host: &mut Host, call: Call, author: &str) -> Executed {
    guarded(host, |host| host.execute(call, author))
        .unwrap_or(Executed { result: Err(BoxError::Panicked), is_change: false })
}

type Deadline =
    (Id, Result<Vec<u8>, RpcError>, Vec<OwnedSemaphorePermit>, Box<dyn FnOnce(Answer) + Send>);

fn send((id, result, permits, reply): Deadline) {
    reply(Answer { line: rpc::reply(&id, &result), permits });
}
