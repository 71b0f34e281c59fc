//! The thread that owns the book: takes what waits, does it all, syncs the disk once, then answers.

mod asker;
mod backup;
mod change;
mod counter;
mod cursor;
mod desk;
mod export;
mod fault;
mod history;
mod import;
mod kept;
mod left_out;
mod mark;
mod opening;
mod read;
mod room;
mod round;
mod verify;

pub use asker::Asker;
pub use backup::{Batch, Missing, Spoken, Taken};
pub use desk::{CONTACT_BYTES_MAX, Desk, ENTRY_BYTES, OpenBoxError, parts};
pub use left_out::REASON as UNREADABLE;
pub use mark::is_mark;

use crate::rpc::{self, Call, Fault, Id, Kind, Weight};
use asker::Table;
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
pub struct Done {
    /// The result's JSON, or what went wrong.
    pub result: Result<Vec<u8>, Fault>,
    /// Whether the reply must wait for the disk.
    pub is_change: bool,
}

/// A short piece of work with the book that nobody asked for over the socket: what it gives is handed
/// on when all that was changed is on the disk.
type Task = Box<dyn FnOnce(&mut Desk) -> Told + Send>;

/// Hands on what a task gave, or why it could not be put on the disk.
type Told = Box<dyn FnOnce(Result<(), Fault>) + Send>;

enum Message {
    Job(Box<Job>, OwnedSemaphorePermit),
    Task(Task),
    Stop,
}

/// What the keeper does next.
enum Piece {
    Job(Job),
    Task(Task),
}

/// Told after each change that is on the disk.
#[derive(Default)]
pub struct Pulse {
    beats: Mutex<u64>,
    beaten: Condvar,
}

impl Pulse {
    /// Changes so far.
    pub fn beats(&self) -> u64 {
        *self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened: whoever waits looks around.
    pub fn beat(&self) {
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

/// Why nobody answers any more.
pub fn ended() -> Fault {
    Fault::new(Kind::Stopping, "the daemon is stopping")
}

/// The keeper's thread.
pub struct Keeper {
    asker: Asker,
    thread: JoinHandle<Option<Desk>>,
    ended: oneshot::Receiver<()>,
}

impl Keeper {
    /// Gives the book to a thread of its own.
    pub fn start(desk: Desk) -> std::io::Result<Self> {
        let table = Arc::new(Table::new(desk));
        let (asker, jobs) = Asker::new(table.clone());
        let (end, ended) = oneshot::channel();
        let told = asker.clone();
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(move || {
            let (long, rounds) = (VecDeque::new(), Rounds::default());
            Room { jobs, long, rounds, asker: told, table: table.clone() }.keep();
            let desk = table.desk().take();
            end.send(()).ok();
            desk
        })?;
        Ok(Self { asker, thread, ended })
    }

    /// A way to ask it.
    pub fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Waits until the thread has ended by itself, which it does only by a fault of the program.
    pub async fn ended(&mut self) {
        (&mut self.ended).await.ok();
    }

    /// Does what is in the queue, puts all on the disk, and gives the book back; `None` when the
    /// thread had ended by a fault.
    pub fn stop(self) -> Option<Desk> {
        self.asker.close();
        self.thread.join().ok().flatten()
    }
}

/// What the thread works with.
struct Room {
    jobs: mpsc::Receiver<Message>,
    /// What takes long, put off until nobody waits for a short answer. The session lets each
    /// connection have one, with nothing beside it, so their order is kept.
    long: VecDeque<Job>,
    /// What takes longer still, done in slices.
    rounds: Rounds,
    asker: Asker,
    table: Arc<Table>,
}

impl Room {
    fn keep(mut self) {
        let table = self.table.clone();
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
            let mut desk = table.desk();
            let Some(desk) = desk.as_mut() else { return };
            let mut is_stopping = false;
            match first {
                Ok(Message::Job(job, room)) => {
                    drop(room);
                    is_stopping = self.batch(desk, Piece::Job(*job), false);
                }
                Ok(Message::Task(task)) => {
                    is_stopping = self.batch(desk, Piece::Task(task), false);
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => is_stopping = true,
                Err(RecvTimeoutError::Timeout) if is_busy => {}
                Err(RecvTimeoutError::Timeout) if !is_tidy => {
                    is_tidy = desk.tend();
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {
                    desk.rest();
                    is_rested = true;
                    continue;
                }
            }
            while let Some(job) = self.long.pop_front() {
                is_stopping |= self.batch(desk, Piece::Job(job), true);
                if !is_stopping {
                    break;
                }
            }
            if is_stopping {
                self.rounds.end();
                desk.rest();
                return;
            }
            self.rounds.slice(desk);
            is_tidy = !desk.is_written();
            is_rested = is_tidy && is_rested;
        }
    }

    /// Does `first`, if it takes long only when that is its turn, and what is short behind it.
    /// Returns whether the keeper is to stop.
    fn batch(&mut self, desk: &mut Desk, first: Piece, mut is_turn: bool) -> bool {
        let start = Instant::now();
        let mut changes = Vec::new();
        let mut told = Vec::new();
        let mut next = Some(first);
        let mut answered = 0;
        let mut is_stopping = false;
        while let Some(piece) = next.take() {
            match piece {
                Piece::Task(task) => {
                    answered += 1;
                    told.extend(self.work(desk, task));
                }
                Piece::Job(job)
                    if matches!(job.call.weight(), Weight::Work | Weight::Long) && !is_turn =>
                {
                    self.long.push_back(job);
                }
                Piece::Job(Job { id, call, permits, reply, is_gone, .. })
                    if round::is_round(&call) =>
                {
                    answered += 1;
                    // Without an answer it would be without an effect.
                    if let Some(id) = id {
                        let waiting = Waiting { id, permits, reply, is_gone };
                        self.rounds.begin(desk, &call, waiting);
                    }
                }
                Piece::Job(Job { id, call, author, permits, reply, .. }) => {
                    answered += 1;
                    desk.watch(self.asker.is_watched());
                    let done = execute(desk, call, &author);
                    let answer = id.map(|id| (id, done.result, permits, reply));
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
                        next = Some(Piece::Job(*job));
                    }
                    Ok(Message::Task(task)) => next = Some(Piece::Task(task)),
                    Ok(Message::Stop) => is_stopping = true,
                    Err(_) => {}
                }
            }
        }
        let has_changed = !desk.is_written();
        let synced = desk.sync();
        for (id, result, permits, reply) in changes {
            let result = match &synced {
                Ok(()) => result,
                Err(fault) => result.and(Err(fault.clone())),
            };
            send((id, result, permits, reply));
        }
        for told in told {
            told(synced.clone());
        }
        self.table.answered(answered);
        if has_changed && synced.is_ok() {
            self.asker.pulse().beat();
        }
        let notices = desk.take_notices();
        if synced.is_ok() {
            notices.iter().for_each(|notice| self.asker.announce("watch.change", notice));
        }
        is_stopping
    }

    /// Does a task; `None` after a fault of the program, and who waits for it is told by that.
    fn work(&mut self, desk: &mut Desk, task: Task) -> Option<Told> {
        desk.watch(self.asker.is_watched());
        let told = catch_unwind(AssertUnwindSafe(|| task(desk))).ok();
        if told.is_none() {
            desk.close();
        }
        told
    }
}

fn execute(desk: &mut Desk, call: Call, author: &str) -> Done {
    match catch_unwind(AssertUnwindSafe(|| desk.execute(call, author))) {
        Ok(done) => done,
        Err(_) => {
            // What the book has in memory may be half changed. What is on the disk is whole.
            desk.close();
            let fault = Fault::new(
                Kind::Internal,
                "a fault of the program; the box takes no more changes until the daemon is started again",
            );
            Done { result: Err(fault), is_change: false }
        }
    }
}

type Due = (Id, Result<Vec<u8>, Fault>, Vec<OwnedSemaphorePermit>, Box<dyn FnOnce(Answer) + Send>);

fn send((id, result, permits, reply): Due) {
    reply(Answer { line: rpc::reply(&id, &result), permits });
}
