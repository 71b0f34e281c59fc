//! A device on a cable as people and scripts use it: a real daemon, and the device's own app at the
//! other end of a socket.

use contactbox_core::contact::Kind;
use contactbox_core::service::cable::Link;
use contactbox_core::store::diary::Cause;
use contactbox_tests::cable::Cable;
use contactbox_tests::daemon::{Daemon, Place, until};
use contactbox_tests::desk_device::{blank, no_card, start};
use embassy_futures::block_on;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The sample that ships with the daemon.
const PEOPLE: &[u8] = include_bytes!("../../daemon/src/samples/people.vcf");

/// A running device, with a socket to connect to.
pub struct Powered {
    socket: PathBuf,
    is_off: Arc<AtomicBool>,
    /// The number of pieces from the device after which the cable breaks; 0 for never.
    breaks: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Powered {
    /// Begins to wait for a plug at a socket in this folder.
    pub fn new(folder: &Path) -> Self {
        let socket = folder.join("device");
        let listener = UnixListener::bind(&socket).expect("a socket");
        listener.set_nonblocking(true).expect("a socket");
        let (is_off, breaks) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let (off, fuse) = (is_off.clone(), breaks.clone());
        let thread = std::thread::spawn(move || {
            let mut device = start(blank(), no_card(), 0x00C0_FFEE, Cause::Power);
            while !off.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => serve(&mut device, stream, &off, &fuse),
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self { socket, is_off, breaks, thread: Some(thread) }
    }

    /// The path of the socket.
    pub fn path(&self) -> &str {
        self.socket.to_str().expect("a path of letters")
    }
}

impl Drop for Powered {
    fn drop(&mut self) {
        self.is_off.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(ended.is_none_or(|ended| ended.is_ok()), "the device stopped");
        }
    }
}

/// Carries bytes between the device and a socket.
fn serve(
    mut device: &mut contactbox_tests::desk_device::Bench,
    mut stream: UnixStream,
    is_off: &AtomicBool,
    fuse: &AtomicU32,
) {
    stream.set_nonblocking(false).expect("a socket");
    stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a socket");
    let mut bytes = vec![0; 4096];
    while !is_off.load(Ordering::Relaxed) {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Ok(len) => {
                let Ok(()) = block_on(device.send(&bytes[..len]));
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(_) => return,
        }
        loop {
            let Ok(len) = block_on(device.receive(&mut bytes));
            if len == 0 {
                break;
            }
            if stream.write_all(&bytes[..len]).is_err() {
                return;
            }
            let before = fuse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(left.saturating_sub(1))
            });
            if before == Ok(1) {
                return;
            }
        }
    }
}

fn finds(daemon: &Daemon, query: &str) -> usize {
    let found = daemon.client().call("contact.find", json!({ "query": query }));
    found["hits"].as_array().map_or(0, Vec::len)
}

fn add(daemon: &Daemon, name: &str) -> Value {
    let vcard = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEND:VCARD\r\n");
    daemon.client().call("contact.put", json!({ "vcard": vcard }))
}

/// Types a contact into the device.
fn type_in(device: &Powered, name: &str) {
    let (mut cable, _) = Cable::plug_in(&device.socket).expect("the device answers");
    cable.put(None, &[(Kind::FN, name)]).expect("the device takes it");
}

#[test]
fn a_device_is_asked_and_brought_in_step() {
    let place = Place::new();
    let device = Powered::new(place.path());
    let daemon = place.serve_with(&["--backup", "off"]);
    let file = place.file("people.vcf", PEOPLE);
    place.run(["import".as_ref(), file.as_os_str()]).expect(0);
    type_in(&device, "Bruno Kessel");

    let info = place.run(["device", "info", device.path(), "--json"]).expect(0).json();
    assert_eq!(info[0]["contacts"], 1, "{info:?}");
    let synced = place.run(["device", "sync", device.path(), "--json"]).expect(0).json();
    assert_eq!(synced[0]["is_same"], true, "{synced:?}");
    assert_eq!(synced[0]["to_here"]["taken"], 1, "{synced:?}");
    assert_eq!(synced[0]["to_there"]["taken"], 200, "{synced:?}");
    assert_eq!(finds(&daemon, "kessel"), 1);
    let info = place.run(["device", "info", device.path(), "--json"]).expect(0).json();
    assert_eq!((&info[0]["contacts"], &info[0]["root"]), (&201.into(), &synced[0]["root"]));
    // A second sync costs a few words.
    let again = place.run(["device", "sync", device.path(), "--json"]).expect(0).json();
    assert_eq!((&again[0]["is_same"], &again[0]["rounds"]), (&true.into(), &0.into()));
    let bytes = again[0]["sent_bytes"].as_u64().zip(again[0]["received_bytes"].as_u64());
    assert!(bytes.is_some_and(|(out, back)| out + back < 1024), "{again:?}");
}

#[test]
fn a_port_without_a_device_is_said_to_be_one() {
    let place = Place::new();
    let _daemon = place.serve_with(&["--backup", "off"]);
    let nowhere = place.path().join("nowhere");
    let nowhere = nowhere.to_str().expect("letters");
    place.run(["device", "info", nowhere]).expect(1).says(&["is no port"]);
    // A listener that says nothing.
    let mute = place.path().join("mute");
    let _listener = UnixListener::bind(&mute).expect("a socket");
    let mute = mute.to_str().expect("letters");
    place.run(["device", "sync", mute]).expect(1).says(&["no answer"]);
}

#[test]
fn a_device_is_kept_in_step_while_it_is_plugged_in() {
    let place = Place::new();
    let socket = place.path().join("device");
    let flags = ["--backup", "off", "--device", socket.to_str().expect("letters")];
    let daemon = place.serve_with(&flags);
    add(&daemon, "Ada Lovelock");
    let state = |daemon: &Daemon| {
        let info = daemon.client().call("box.info", json!({}));
        info["places"][socket.to_str().expect("letters")]["state"].clone()
    };
    assert_eq!(state(&daemon), "not plugged in");
    let device = Powered::new(place.path());
    until("it is brought in step", || state(&daemon) == "in step");
    add(&daemon, "Bruno Kessel");
    let info = || place.run(["device", "info", device.path(), "--json"]).json();
    until("an edit goes over by itself", || {
        info().first().is_some_and(|told| told["contacts"] == 2)
    });
    // Interruptions cost nothing.
    let file = place.file("people.vcf", PEOPLE);
    device.breaks.store(40, Ordering::Relaxed);
    place.run(["import".as_ref(), file.as_os_str()]).expect(0);
    until("also many at once, over a cable that breaks", || {
        info().first().is_some_and(|told| told["contacts"] == 202)
    });
    until("and all is well", || state(&daemon) == "in step");
    drop(device);
    std::fs::remove_file(&socket).expect("the socket is left");
    until("it is missed", || state(&daemon) == "not plugged in");
    assert!(daemon.stop().success());
}

/// Starts a faulty device, which sends all the time and never answers a request.
fn babble(socket: &Path, word: impl Fn(usize) -> Vec<u8> + Send + 'static) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody calls");
        for number in 0.. {
            if stream.write_all(&word(number)).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

#[test]
fn a_device_that_never_comes_to_an_answer_is_given_up() {
    let place = Place::new();
    let _daemon = place.serve_with(&["--backup", "off"]);
    // Single bytes of a frame that never ends, and whole replies that nobody asked for.
    let reply = vec![0, 6, 1, 1, 2, 1, 7, 9, 3, 97, 100, 97, 0x9c, 0x43, 0x7e, 0x1c, 0];
    let words: [Box<dyn Fn(usize) -> Vec<u8> + Send>; 2] =
        [Box::new(|_| vec![0x55]), Box::new(move |_| reply.clone())];
    for (number, word) in words.into_iter().enumerate() {
        let socket = place.path().join(format!("mad-{number}"));
        let device = babble(&socket, word);
        let begun = Instant::now();
        let ran = place.run(["device", "info", socket.to_str().expect("letters")]);
        ran.expect(1).says(&["no answer was whole within"]);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        device.join().expect("the cable is let go");
    }
}
