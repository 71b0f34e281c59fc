//! A daemon with clients at its socket, good ones and hostile ones.
mod backups;
mod contacts;
mod kept;

use super::*;
use contactbox_system::config::Settings;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use tokio::sync::oneshot;

/// A daemon on a thread of its own.
struct Daemon {
    config: Config,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<Result<(), ServeError>>>,
}

impl Daemon {
    fn start(folder: &Path, settings: Settings) -> Self {
        let settings = Settings { data: Some(folder.to_path_buf()), ..settings };
        Self::start_with(Config::load(settings).expect("good settings"))
    }

    fn start_with(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let mine = config.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let host = Host::open(&mine)?;
            runtime.block_on(async {
                let policy = PeerPolicy::new(vec![]);
                let listener = Listener::bind(&mine.socket, &policy, mine.is_strict)?;
                ready.send(()).ok();
                let shutdown = async { stopped.await.unwrap_or(()) };
                serve(listener, host, policy, &mine, shutdown).await
            })
        });
        is_ready.recv().expect("it starts");
        Self { config, stop: Some(stop), thread: Some(thread) }
    }

    fn connect(&self) -> Client {
        let stream = UnixStream::connect(&self.config.socket).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        Client { lines: BufReader::new(stream) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        let ended = self.thread.take().expect("dropped once").join();
        if !std::thread::panicking() {
            ended.expect("no panic").expect("a good end");
            assert!(!self.config.socket.exists(), "the socket is gone");
        }
    }
}

pub(super) struct Client {
    lines: BufReader<UnixStream>,
}

impl Client {
    fn send(&mut self, line: &str) {
        let stream = self.lines.get_mut();
        stream.write_all(line.as_bytes()).expect("it is read");
        stream.write_all(b"\n").expect("it is read");
    }

    fn receive(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    fn ask(&mut self, method: &str, params: serde_json::Value) -> serde_json::Value {
        self.send(
            &serde_json::json!({"jsonrpc":"2.0","id":1,"method":method,"params":params})
                .to_string(),
        );
        self.receive()
    }

    fn is_closed(&mut self) -> bool {
        let mut line = String::new();
        matches!(self.lines.read_line(&mut line), Ok(0) | Err(_))
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temp folder")
}

fn empty() -> serde_json::Value {
    serde_json::json!({})
}

#[test]
fn it_says_hello_and_stops_when_asked() {
    let folder = folder();
    let mut daemon = Daemon::start(folder.path(), Settings::default());
    let mut client = daemon.connect();
    let hello = client.ask("box.hello", serde_json::json!({ "protocol": 1 }));
    assert_eq!(hello["result"]["protocol"], 1, "{hello}");
    assert_eq!(
        client.ask("box.author", serde_json::json!({"name": "Eva"}))["result"]["author"],
        "Eva"
    );
    assert_eq!(client.ask("box.stop", empty())["result"], empty());
    daemon.thread.take().expect("running").join().expect("no panic").expect("a good end");
    assert!(!daemon.config.socket.exists());
    // The guard has nothing more to end.
    daemon.thread = Some(std::thread::spawn(|| Ok(())));
}

#[test]
fn the_socket_of_a_killed_daemon_is_replaced_and_other_files_are_not() {
    let folder = folder();
    let socket = folder.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    assert!(socket.exists());
    let daemon = Daemon::start(folder.path(), Settings::default());
    daemon.connect().ask("box.hello", empty());
    let policy = PeerPolicy::new(vec![]);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _in_it = runtime.enter();
    let error = Listener::bind(&socket, &policy, true).err().expect("taken");
    assert!(matches!(error, ListenError::InUse { .. }), "{error}");
    let file = folder.path().join("file");
    std::fs::write(&file, "text").expect("a file");
    let error = Listener::bind(&file, &policy, true).err().expect("no socket");
    assert!(matches!(error, ListenError::NotASocket { .. }), "{error}");
    let error = Host::open(&daemon.config).err().expect("locked");
    assert!(error.to_string().contains("another contactbox daemon"), "{error}");
}

#[test]
fn garbage_and_floods_are_told_and_harm_nobody() {
    let folder = folder();
    let settings =
        Settings { frame_bytes: Some(65_536), read_seconds: Some(1), ..Settings::default() };
    let daemon = Daemon::start(folder.path(), settings);
    let mut good = daemon.connect();

    let mut garbage = daemon.connect();
    garbage.send("\u{1}\u{2}garbage");
    assert_eq!(garbage.receive()["error"]["data"]["kind"], "ParseError");
    assert_eq!(garbage.ask("box.author", empty())["id"], 1, "it may go on");

    let mut flood = daemon.connect();
    let chunk = vec![b'x'; 70_000];
    flood.lines.get_mut().write_all(&chunk).ok();
    assert_eq!(flood.receive()["error"]["data"]["bytes_max"], 65_536);
    assert!(flood.is_closed());

    let mut half = daemon.connect();
    half.lines.get_mut().write_all(b"{\"jsonrpc\"").expect("it is read");
    assert_eq!(half.receive()["error"]["data"]["kind"], "Timeout");
    assert!(half.is_closed());

    assert_eq!(good.ask("box.hello", empty())["result"]["protocol"], 1);
}

#[test]
fn one_client_too_many_is_told() {
    let folder = folder();
    let settings = Settings { connections: Some(2), ..Settings::default() };
    let daemon = Daemon::start(folder.path(), settings);
    let mut first = daemon.connect();
    let mut second = daemon.connect();
    first.ask("box.hello", empty());
    second.ask("box.hello", empty());
    // The place that is left is for looking what is wrong, and for saying stop.
    let mut third = daemon.connect();
    assert_eq!(third.ask("box.hello", empty())["result"]["protocol"], 1);
    let mut fourth = daemon.connect();
    let told = fourth.receive();
    assert_eq!(told["error"]["data"]["connections_max"], 2, "{told}");
    assert!(fourth.is_closed());
    let told = third.ask("contact.find", serde_json::json!({ "query": "a" }));
    assert_eq!(told["error"]["data"]["connections_max"], 2, "{told}");
    assert!(third.is_closed());
    drop(second);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let mut fourth = daemon.connect();
        let told = fourth.receive_if_refused();
        if told.is_none() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "a place becomes free");
    }
    first.ask("box.hello", empty());
}

impl Client {
    /// Asks for something; `Some` is the refusal it got instead.
    fn receive_if_refused(&mut self) -> Option<serde_json::Value> {
        let line = "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"box.stats\"}\n";
        self.lines.get_mut().write_all(line.as_bytes()).ok();
        let mut line = String::new();
        self.lines.read_line(&mut line).ok();
        let told: serde_json::Value = serde_json::from_str(&line).ok()?;
        told.get("error").cloned()
    }
}

#[test]
fn a_client_that_never_reads_is_closed_and_holds_up_nobody() {
    let folder = folder();
    let settings = Settings { write_seconds: Some(1), ..Settings::default() };
    let daemon = Daemon::start(folder.path(), settings);
    let mut deaf = daemon.connect();
    let stream = deaf.lines.get_mut();
    stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let line = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"box.hello\"}\n".repeat(200);
    let start = std::time::Instant::now();
    let mut good = daemon.connect();
    while stream.write_all(&line).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is closed");
        assert_eq!(good.ask("box.hello", empty())["result"]["protocol"], 1);
    }
}

#[test]
fn who_is_let_in_may_not_stop_it() {
    use tokio::io::{AsyncBufReadExt, BufReader as Lines};
    let folder = folder();
    let settings = Settings { data: Some(folder.path().to_path_buf()), ..Settings::default() };
    let config = Config::load(settings).expect("good settings");
    let keeper = WriterThread::start(Host::open(&config).expect("a new box")).expect("a thread");
    let handle = keeper.handle();
    let events = crate::events::Events::default();
    let told: contactbox_sync::events::Events = Arc::new(events.clone());
    let devices = Devices::new(&handle, folder.path(), &told);
    let long_requests = LongRequests::new(&handle, folder.path(), &devices);
    let answers = Answers::new(StatusBoard::default());
    let shared = Arc::new(Shared::new(config.limits, true, handle, events, answers, long_requests));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for is_owner in [false, true] {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let peer = crate::socket::SocketPeer { id: None, user: "eva".to_owned(), is_owner };
            let guest = Guest { peer, is_in_last_seat: false };
            let (_stop, stopping) = watch::channel(false);
            let session = tokio::spawn(session::run(far, guest, shared.clone(), stopping));
            let (read, mut write) = tokio::io::split(near);
            let ask = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"box.stop\"}\n";
            write.write_all(ask.as_bytes()).await.expect("it is read");
            let mut line = String::new();
            Lines::new(read).read_line(&mut line).await.expect("a line");
            let told: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            let is_told = timeout(Duration::from_millis(100), shared.stop.notified()).await.is_ok();
            assert_eq!(is_told, is_owner, "{told}");
            let kind = &told["error"]["data"]["kind"];
            assert_eq!(*kind == "NotAllowed", !is_owner, "{told}");
            session.abort();
        }
    });
    drop(shared);
    keeper.stop();
}
