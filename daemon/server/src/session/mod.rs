//! One client: its lines in, its replies and notifications out, and what it may use of the daemon.

mod error;
mod frames;

pub use error::SessionError;
pub use frames::{LineError, LineFrame, LineReader, SharedMemory};

use crate::answer::{Answers, CallError, CallResult, PendingCall, body};
use crate::events::Events;
use crate::long_request::LongRequests;
use crate::rpc::{self, Call, Id, LongRequest, RpcError, RpcRequest, Weight};
use crate::socket::SocketPeer;
use contactbox_api::Empty;
use contactbox_api::envelope::notification;
use contactbox_api::event::LostEvent;
use contactbox_api::status::SetAuthorReply;
use contactbox_engine::{BoxError, Handle};
use contactbox_system::config::PeerLimits;
use serde::Serialize;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};
use tokio::time::{sleep, timeout};

/// Requests that may wait for the writer thread; who asks for more waits in its own socket.
const QUEUE: usize = 256;

/// The most that a connection's requests at work may weigh together.
const WINDOW: u32 = 64;

/// Long requests at work at once, all connections together: their replies are what takes memory.
const LONG_AT_ONCE: usize = 16;

/// The same for those with shorter replies, which are not to wait for them: an import
/// tells of rejected cards.
const WORK_AT_ONCE: usize = 64;

/// A client gets a second more for each so many bytes of a reply.
const BYTES_PER_SECOND: usize = 256 * 1024;

/// A client must read something of this size within the time a reply may wait.
const PIECE_BYTES: usize = 64 * 1024;

/// The time after which it is looked again whether a client that sends no more is still there.
const LOOK_TIME: Duration = Duration::from_millis(500);

/// Lines of more bytes than this, in or out, are worth looking for memory to give back.
const LARGE_BYTES: usize = 256 * 1024;

/// The means that all sessions share.
pub struct Shared {
    /// The bounds on what peers may use.
    pub limits: PeerLimits,
    /// The way to the writer thread.
    pub handle: Handle,
    events: Events,
    answers: Answers,
    /// The places in the queue.
    places: Arc<Semaphore>,
    /// Told when a client asks the daemon to stop.
    pub stop: Notify,
    /// The work with cards and devices.
    pub long_requests: LongRequests,
    /// Told when a client had or gave much at once, or has left: memory may be given back soon.
    pub relief: Notify,
    owners: Share,
    guests: Share,
}

/// The allowance of the owner's connections, or of all others: neither waits for the other.
#[derive(Clone)]
struct Share {
    /// Memory for long lines.
    memory: SharedMemory,
    long: Arc<Semaphore>,
    work: Arc<Semaphore>,
}

impl Share {
    /// One of `parts` equal shares.
    fn of(parts: usize, memory_bytes: usize) -> Self {
        Self {
            memory: SharedMemory::new(memory_bytes),
            long: Arc::new(Semaphore::new(LONG_AT_ONCE / parts)),
            work: Arc::new(Semaphore::new(WORK_AT_ONCE / parts)),
        }
    }
}

impl Shared {
    /// For a daemon with these limits, for its owner alone or for others as well.
    pub fn new(
        limits: PeerLimits,
        is_owner_only: bool,
        handle: Handle,
        events: Events,
        answers: Answers,
        long_requests: LongRequests,
    ) -> Self {
        // Half of it must take a line of any length.
        let half = limits.memory_bytes / 2;
        let (owners, guests) = if is_owner_only || half < limits.frame_bytes {
            let all = Share::of(1, limits.memory_bytes);
            (all.clone(), all)
        } else {
            (Share::of(2, half), Share::of(2, half))
        };
        let (stop, relief) = (Notify::new(), Notify::new());
        let places = Arc::new(Semaphore::new(QUEUE));
        Self {
            limits,
            handle,
            events,
            answers,
            places,
            stop,
            long_requests,
            relief,
            owners,
            guests,
        }
    }

    /// Puts a request in the queue, waiting for a place in it. Returns false when the writer thread
    /// has ended, or is about to.
    async fn put(&self, pending: PendingCall) -> bool {
        let Ok(place) = self.places.clone().acquire_owned().await else { return false };
        self.handle.put(self.answers.job(pending).holding(place)).is_ok()
    }

    fn share(&self, peer: &SocketPeer) -> &Share {
        if peer.is_owner { &self.owners } else { &self.guests }
    }
}

/// A reply, and the allowance that is free again once it is written.
struct OutgoingReply {
    line: Vec<u8>,
    _permits: Vec<OwnedSemaphorePermit>,
}

/// Something for the client.
enum ToClient {
    /// A reply.
    Reply(OutgoingReply),
    /// From now on changes are sent, or no longer.
    Watch(Option<broadcast::Receiver<Arc<[u8]>>>),
}

/// The client that is talked to.
pub struct Guest {
    /// The user.
    pub peer: SocketPeer,
    /// True for the owner in the last place there is, who may say stop and ask how the box is
    /// doing.
    pub is_in_last_seat: bool,
}

/// Talks to one client until it leaves, misbehaves, or `stopping` says so.
pub async fn run<S>(
    stream: S,
    guest: Guest,
    shared: Arc<Shared>,
    stopping: watch::Receiver<bool>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (read_half, write_half) = tokio::io::split(stream);
    let (sender, replies) = mpsc::unbounded_channel();
    let memory = shared.share(&guest.peer).memory.clone();
    let frames = LineReader::new(read_half, &shared.limits, memory);
    let left = Notify::new();
    let mut writer = std::pin::pin!(write_replies(write_half, replies, &shared, &left));
    let reader = read_requests(frames, guest, &shared, sender, stopping);
    tokio::select! {
        // The reader is done; what it has asked for is still answered, if it only ended its side.
        () = reader => {
            left.notify_one();
            writer.await
        }
        ended = &mut writer => ended,
    }
}

async fn read_requests<R: AsyncRead + Unpin>(
    mut frames: LineReader<R>,
    Guest { peer, is_in_last_seat }: Guest,
    shared: &Shared,
    sender: mpsc::UnboundedSender<ToClient>,
    mut stopping: watch::Receiver<bool>,
) {
    let window = Arc::new(Semaphore::new(WINDOW as usize));
    let mut author: Arc<str> = peer.user.as_str().into();
    let send = |id: Option<Id>, result: Result<Vec<u8>, RpcError>| {
        if let Some(id) = id {
            let line = rpc::reply(&id, &result);
            // The writer is gone only when the whole session is.
            sender.send(ToClient::Reply(OutgoingReply { line, _permits: Vec::new() })).ok();
        }
    };
    loop {
        let frame = tokio::select! {
            frame = frames.next() => frame,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) | Err(LineError::Gone) => return,
            Err(error) => {
                let error = SessionError::of_line(&error, &shared.limits);
                return send(Some(Id::null()), Err(error.into()));
            }
        };
        if frame.bytes.is_empty() {
            continue;
        }
        let RpcRequest { id, call } = RpcRequest::parse(&frame.bytes);
        let call = call.and_then(|call| Ok((LongRequest::of(&call)?, call)));
        if is_in_last_seat && call.as_ref().is_ok_and(|(_, call)| !rpc::is_of_last_seat(call)) {
            let connections_max = shared.limits.connections;
            return send(id, Err(SessionError::TooManyConnections { connections_max }.into()));
        }
        let LineFrame { bytes, memory } = frame;
        if bytes.len() > LARGE_BYTES {
            shared.relief.notify_one();
        }
        drop(bytes);
        let weight = call.as_ref().map_or(Weight::Read, |(_, call)| rpc::weight(call));
        let Some(mut permits) = allowance(&window, shared.share(&peer), weight).await else {
            return;
        };
        permits.extend(memory);
        let result = match call {
            Err(fault) => Err(fault),
            Ok((None, Call::WatchStart(_))) => {
                sender.send(ToClient::Watch(Some(shared.events.subscribe()))).ok();
                result_of(&Empty {})
            }
            Ok((None, Call::WatchStop(_))) => {
                sender.send(ToClient::Watch(None)).ok();
                result_of(&Empty {})
            }
            Ok((Some(_), _)) if !peer.is_owner => Err(SessionError::OwnersOnly.into()),
            Ok((Some(request), _)) => {
                let replies = sender.clone();
                shared.long_requests.run(request, move |result| {
                    if let Some(id) = id {
                        let line = rpc::reply(&id, &result.map_err(RpcError::from));
                        replies
                            .send(ToClient::Reply(OutgoingReply { line, _permits: permits }))
                            .ok();
                    }
                });
                continue;
            }
            Ok((None, Call::Author(new))) => match sign(new.name, &mut author) {
                Ok(told) => result_of(&told),
                Err(error) => Err(error.into()),
            },
            Ok((None, Call::Stop(_))) if !peer.is_owner => {
                Err(SessionError::MayNotStop { user: peer.user.clone() }.into())
            }
            Ok((None, Call::Stop(_))) => {
                tracing::info!(author = &*author, "asked to stop");
                shared.stop.notify_one();
                result_of(&Empty {})
            }
            Ok((None, call)) => match shared.answers.at_once(&shared.handle, call, &author) {
                Ok(result) => result,
                Err(call) => {
                    let asker = Asker { id: id.clone(), permits, sender: sender.clone() };
                    let pending = asker.pending(call, author.clone());
                    if shared.put(pending).await {
                        continue;
                    }
                    return send(id, Err(CallError::from(BoxError::Stopping).into()));
                }
            },
        };
        if let Some(id) = id {
            let line = rpc::reply(&id, &result);
            sender.send(ToClient::Reply(OutgoingReply { line, _permits: permits })).ok();
        }
    }
}

/// A client that waits for the answer to a request.
struct Asker {
    id: Option<Id>,
    permits: Vec<OwnedSemaphorePermit>,
    sender: mpsc::UnboundedSender<ToClient>,
}

impl Asker {
    /// Makes a request for the writer thread of what it asks.
    fn pending(self, call: Call, author: Arc<str>) -> PendingCall {
        let Self { id, permits, sender } = self;
        // Long work without an answer would have no effect.
        let (is_silent, replies) = (id.is_none(), sender.clone());
        let is_gone = Box::new(move || is_silent || replies.is_closed());
        let reply = Box::new(move |result| {
            if let Some(id) = id {
                let line = rpc::reply(&id, &result);
                sender.send(ToClient::Reply(OutgoingReply { line, _permits: permits })).ok();
            }
        });
        PendingCall { call, author, reply, is_gone }
    }
}

/// Waits until the connection may ask for something of this weight.
async fn allowance(
    window: &Arc<Semaphore>,
    shared: &Share,
    weight: Weight,
) -> Option<Vec<OwnedSemaphorePermit>> {
    let share = match weight {
        Weight::Change => 1,
        Weight::Read => WINDOW / 4,
        Weight::Work | Weight::Long => WINDOW,
    };
    let mut permits = vec![window.clone().acquire_many_owned(share).await.ok()?];
    let among_all = match weight {
        Weight::Change | Weight::Read => None,
        Weight::Work => Some(&shared.work),
        Weight::Long => Some(&shared.long),
    };
    if let Some(places) = among_all {
        permits.push(places.clone().acquire_owned().await.ok()?);
    }
    Some(permits)
}

/// Longest name an author may have, in bytes.
const AUTHOR_BYTES_MAX: usize = 64;

/// Returns a reply as it goes into a line.
fn result_of(reply: &impl Serialize) -> CallResult {
    body(reply).map_err(RpcError::from)
}

fn sign(name: Option<String>, author: &mut Arc<str>) -> Result<SetAuthorReply, SessionError> {
    if let Some(name) = name {
        let name = name.trim();
        let is_plain = !name.chars().any(char::is_control);
        if name.is_empty() || name.len() > AUTHOR_BYTES_MAX || !is_plain {
            return Err(SessionError::BadAuthor { bytes_max: AUTHOR_BYTES_MAX });
        }
        *author = name.into();
    }
    Ok(SetAuthorReply { author: author.to_string() })
}

async fn write_replies<W: AsyncWrite + Unpin>(
    mut stream: W,
    mut replies: mpsc::UnboundedReceiver<ToClient>,
    shared: &Shared,
    left: &Notify,
) -> io::Result<()> {
    let limits = shared.limits;
    let mut is_left = false;
    let mut changes: Option<broadcast::Receiver<Arc<[u8]>>> = None;
    loop {
        let change = async {
            match &mut changes {
                Some(changes) => changes.recv().await,
                None => std::future::pending().await,
            }
        };
        let look = async {
            match is_left {
                true => sleep(LOOK_TIME).await,
                false => left.notified().await,
            }
        };
        tokio::select! {
            biased;
            outgoing = replies.recv() => match outgoing {
                None => return stream.shutdown().await,
                Some(ToClient::Watch(watched)) => changes = watched,
                // The allowance goes back when the answer is dropped: after it was written.
                Some(ToClient::Reply(answer)) => {
                    write(&mut stream, &answer.line, &limits).await?;
                    if answer.line.len() > LARGE_BYTES {
                        shared.relief.notify_one();
                    }
                }
            },
            () = look => {
                // A client that has ended its side may still read, or be gone altogether: then no
                // byte, too, is one too many.
                if is_left {
                    let _none = stream.write(&[]).await?;
                }
                is_left = true;
            }
            change = change => match change {
                Ok(line) => write(&mut stream, &line, &limits).await?,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    let line = notification(&LostEvent { missed }).map_err(io::Error::other)?;
                    write(&mut stream, &line, &limits).await?;
                }
                Err(broadcast::error::RecvError::Closed) => changes = None,
            },
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    stream: &mut W,
    line: &[u8],
    limits: &PeerLimits,
) -> io::Result<()> {
    let time = limits.write_time + Duration::from_secs((line.len() / BYTES_PER_SECOND) as u64);
    let pieces = async {
        // A client that reads nothing at all is known long before a long line's time is over.
        for piece in line.chunks(PIECE_BYTES) {
            timeout(limits.write_time, stream.write_all(piece)).await??;
        }
        Ok::<_, io::Error>(())
    };
    let written = timeout(time, pieces).await.map_err(io::Error::from).flatten();
    if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut) {
        tracing::warn!("a client does not read its replies; its connection is closed");
    }
    written
}
