//! The daemon: a function of a listener and a shutdown; and what starts it from the settings.

mod seats;
mod strangers;

use crate::answer::Answers;
use crate::events::Events;
use crate::long_request::LongRequests;
use crate::rpc::{self, Id};
use crate::session::{self, Guest, SessionError, Shared};
use crate::socket::{ListenError, Listener, PeerPolicy, SocketPeer, Stream};
use contactbox_engine::{Host, OpenBoxError, WriterThread};
use contactbox_sync::card::{FolderWatchers, WatchPlan, left_behind};
use contactbox_sync::device::{Devices, Watches};
use contactbox_sync::status::StatusBoard;
use contactbox_system::config::Config;
use contactbox_system::private::{FolderError, Use, check_folder};
use seats::{ConnectionPlace, Seats};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strangers::Strangers;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The time a client that is turned away may take to be told.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// Clients being turned away at once; more are closed without a word.
const REFUSALS: usize = 32;

/// The time the owner may sit in the last place: long enough to say stop.
const LAST_SEAT_TIME: Duration = Duration::from_secs(3);

/// The time replies under way may take when the daemon stops.
const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// The time for which memory that was in use stays ready for the same again.
const RELIEF_TIME: Duration = Duration::from_secs(2);

/// Why the daemon did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The box.
    #[error(transparent)]
    Box(#[from] OpenBoxError),
    /// Others can write where the box is.
    #[error("the box's folder cannot be used: {0}")]
    Folder(#[from] FolderError),
    /// The socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system refuses a thread or a signal.
    #[error("the daemon cannot start: {0}")]
    System(io::Error),
    /// A fault of the program ended the thread that owns the book.
    #[error("the daemon ended by a fault of the program; what was acknowledged is on the disk")]
    Fault,
}

/// Opens the box, listens, and serves until a signal or a client says stop. Blocks.
pub fn run(config: &Config) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(ServeError::System)?;
    if config.is_strict {
        // The folder of the image, where that is another, has the box and what is made beside it.
        let image = config.image.parent().unwrap_or(&config.data);
        check_folder(image, Use::Box, "--image")?;
    }
    // The box first: its lock says that no other daemon is there, so a socket may be replaced.
    let mut host = Host::open(config)?;
    look_behind(&mut host);
    let policy = PeerPolicy::new(config.users.clone());
    runtime.block_on(async {
        let listener = match Listener::activated().map_err(ServeError::System)? {
            Some(listener) => listener,
            None => Listener::bind(&config.socket, &policy, config.is_strict)?,
        };
        let shutdown = signal().map_err(ServeError::System)?;
        tracing::info!(image = %config.image.display(), socket = %config.socket.display(), "serving");
        notify_ready();
        serve(listener, host, policy, config, shutdown).await
    })
}

/// Has an empty box tell of the backup that another one has left where its own would be.
fn look_behind(host: &mut Host) {
    let (id, _) = host.identity();
    if let Some(folder) = host.backup_of_empty().filter(|folder| left_behind(folder, id)) {
        host.note_left_behind(&folder);
    }
}

/// Serves the clients that come through `listener` until `shutdown`, then finishes what was begun,
/// closes the box and removes the socket, in this order.
pub async fn serve(
    listener: Listener,
    host: Host,
    policy: PeerPolicy,
    config: &Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    contactbox_system::heap::keep_large_apart();
    let board = StatusBoard::default();
    let events = Events::default();
    let (until_end, mut ended) = oneshot::channel::<()>();
    let keeper =
        WriterThread::start_with(host, events.clone(), until_end).map_err(ServeError::System)?;
    let handle = keeper.handle();
    // Pages that are read for a card while the box changes are kept beside it when memory is too
    // small for them.
    let beside = config.image.parent().unwrap_or(&config.data);
    let told: contactbox_sync::events::Events = Arc::new(events.clone());
    let devices = Devices::new(&handle, beside, &told);
    let long_requests = LongRequests::new(&handle, beside, &devices);
    let watches = Watches::start(&config.devices, &devices, &board).map_err(ServeError::System)?;
    let places = FolderWatchers::start(plans(config), &handle, beside, &board, &told)
        .map_err(ServeError::System)?;
    let answers = Answers::new(board);
    let shared = Arc::new(Shared::new(
        config.limits,
        policy.is_owner_only(),
        handle,
        events,
        answers,
        long_requests,
    ));
    let mut entrance = Entrance {
        seats: Seats::new(config.limits.connections, policy.users()),
        policy,
        strangers: Strangers::default(),
        refusals: Arc::new(Semaphore::new(REFUSALS)),
    };
    let (stop, stopping) = watch::channel(false);
    let mut sessions = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let relief = tokio::spawn(relieve(shared.clone()));
    loop {
        let stream = tokio::select! {
            stream = listener.accept() => stream,
            Some(_) = sessions.join_next() => continue,
            () = &mut shutdown => break,
            () = shared.stop.notified() => break,
            _ = &mut ended => return Err(ServeError::Fault),
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                // Out of file descriptors, mostly: it passes when clients leave.
                tracing::warn!(%error, "a client could not be let in");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Some(client) = entrance.admit(stream) {
            sessions.spawn(client.attend(shared.clone(), stopping.clone()));
        }
    }

    tracing::info!("stopping");
    relief.abort();
    notify_stopping();
    let remains = listener.close();
    stop.send_replace(true);
    let farewell = async { while sessions.join_next().await.is_some() {} };
    timeout(FAREWELL_TIME, farewell).await.ok();
    sessions.abort_all();
    // Changes that are not on a card or in the backup yet go there while the writer thread still
    // runs.
    watches.stop();
    places.stop();
    let host = keeper.stop().ok_or(ServeError::Fault)?;
    // The socket goes while the box is still locked: then nobody waits for a box
    // that is still open.
    drop(remains);
    drop(host);
    Ok(())
}

/// Decides who of those that connect is let in.
struct Entrance {
    policy: PeerPolicy,
    seats: Arc<Seats>,
    strangers: Strangers,
    refusals: Arc<Semaphore>,
}

impl Entrance {
    /// Returns a client that is let in, in its place; others are told why they are not.
    fn admit(&mut self, stream: Stream) -> Option<AdmittedClient> {
        let peer = match self.policy.admit(&stream) {
            Ok(Ok(peer)) => peer,
            Ok(Err(id)) => {
                if let Some(user) = self.strangers.turn_away(id, Instant::now()) {
                    refuse(stream, SessionError::MayNotUse { user }, &self.refusals);
                }
                return None;
            }
            Err(error) => {
                tracing::debug!(%error, "a client left before it was let in");
                return None;
            }
        };
        match self.seats.take(&peer) {
            Ok(place) => Some(AdmittedClient { stream, peer, place }),
            Err(connections_max) => {
                let error = SessionError::TooManyConnections { connections_max };
                refuse(stream, error, &self.refusals);
                None
            }
        }
    }
}

/// A client that was let in.
struct AdmittedClient {
    stream: Stream,
    peer: SocketPeer,
    place: ConnectionPlace,
}

impl AdmittedClient {
    /// Talks with the client until it leaves, or has sat in the last place for too long.
    async fn attend(self, shared: Arc<Shared>, stopping: watch::Receiver<bool>) {
        let is_in_last_seat = self.place.is_last();
        let guest = Guest { peer: self.peer, is_in_last_seat };
        let talk = session::run(self.stream, guest, shared.clone(), stopping);
        let ended = match is_in_last_seat {
            true => timeout(LAST_SEAT_TIME, talk).await.unwrap_or(Ok(())),
            false => talk.await,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        drop(self.place);
        shared.relief.notify_one();
    }
}

/// Gives memory back to the system some time after much of it was in use, on a thread
/// where nobody waits for it.
async fn relieve(shared: Arc<Shared>) {
    loop {
        shared.relief.notified().await;
        sleep(RELIEF_TIME).await;
        tokio::task::spawn_blocking(contactbox_system::heap::give_back).await.ok();
    }
}

/// Returns the places in which backups are made by themselves.
fn plans(config: &Config) -> Vec<WatchPlan> {
    let cards = config.cards.iter().cloned().map(WatchPlan::Card);
    let backup = config.backup.clone().map(|(folder, age_max)| WatchPlan::Backup(folder, age_max));
    cards.chain(backup).collect()
}

/// Tells a client why it cannot come in, and closes.
fn refuse(mut stream: Stream, error: SessionError, refusals: &Arc<Semaphore>) {
    let Ok(place) = refusals.clone().try_acquire_owned() else { return };
    tokio::spawn(async move {
        let line = rpc::reply(&Id::null(), &Err(error.into()));
        let told = async {
            stream.write_all(&line).await?;
            stream.shutdown().await
        };
        timeout(REFUSAL_TIME, told).await.ok();
        drop(place);
    });
}

#[cfg(unix)]
fn signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A write past a limit on the size of files fails as well, unless the signal has ended the
    // process first.
    drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // On systems without such a signal, a client says stop.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(target_os = "linux")]
fn notify_ready() {
    // Without a service manager there is nobody to tell.
    sd_notify::notify(&[sd_notify::NotifyState::Ready]).ok();
}

#[cfg(target_os = "linux")]
fn notify_stopping() {
    sd_notify::notify(&[sd_notify::NotifyState::Stopping]).ok();
}

#[cfg(not(target_os = "linux"))]
fn notify_ready() {}

#[cfg(not(target_os = "linux"))]
fn notify_stopping() {}

#[cfg(all(test, unix))]
mod tests;
