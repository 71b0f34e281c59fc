//! Other users of the same machine (B8, B9, B10): users at a socket, owners of folders, shares of
//! places.
//!
//! Threads and programs that give up being root play the other users; a user who is not root cannot
//! play them.
mod crowd;
mod folders;

use contactbox_tests::daemon::{Client, Place, Ran, program};
use contactbox_tests::report;
use serde_json::json;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Users that do not exist on this machine, most likely.
const EVA: u32 = 4_000_111;
const MAX: u32 = 4_000_222;

/// Returns whether other users can be played.
fn has_others(test: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        report::line(test, "not run as the superuser, who alone can be another: not tried");
    }
    is_root
}

/// Does something as another user, on a thread that stays that user.
fn as_user<T: Send + 'static>(
    user: u32,
    act: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::spawn(move || {
        let id = rustix::process::Uid::from_raw(user);
        rustix::thread::set_thread_res_uid(id, id, id).expect("root may be anybody");
        act()
    })
}

fn mode(path: &Path, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).expect("it is ours");
}

/// Makes a place that others may pass through, with a copy of the program for them.
fn open_place() -> (Place, PathBuf) {
    let place = Place::new();
    mode(place.path(), 0o755);
    std::fs::create_dir(place.data()).expect("a folder takes a folder");
    mode(&place.data(), 0o755);
    let copy = place.path().join("contactbox");
    std::fs::copy(program(), &copy).expect("there is room for the program");
    mode(&copy, 0o755);
    (place, copy)
}

/// Returns the command line for another user, with a folder of that user's own.
fn command_of(user: u32, place: &Place, copy: &Path, arguments: &[&str]) -> Command {
    let home = place.path().join(format!("home-{user}"));
    if std::fs::create_dir(&home).is_ok() {
        chown(&home, Some(user), Some(user)).expect("root may");
    }
    let mut command = Command::new(copy);
    place.settle(&mut command);
    command.args(arguments).env("CONTACTBOX_DATA", &home).env("HOME", &home);
    command.current_dir(&home).uid(user).gid(user);
    command
}

fn run(mut command: Command) -> Ran {
    Ran::of(command.output().expect("the program runs"))
}

#[test]
fn b8_a_stranger_who_answers_is_told_nothing() {
    if !has_others("b8") {
        return;
    }
    let place = Place::new();
    mode(place.path(), 0o1777);
    let socket = place.path().join("trap");
    let trap = socket.clone();
    let heard = as_user(EVA, move || {
        let listener = UnixListener::bind(trap).expect("a folder for everybody");
        let mut heard = Vec::new();
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
            let mut bytes = vec![0; 64 * 1024];
            let count = stream.read(&mut bytes).expect("a line or the end");
            heard.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
        }
        heard
    });
    contactbox_tests::daemon::until("the trap is set", || socket.exists());
    let named = socket.to_str().expect("a path of letters");
    let add = ["--socket", named, "add", "Ada", "--note", "secret"];
    let eva = format!("user {EVA}");
    place.run(add).expect(1).says(&[&eva, "nothing was sent", "--server-user"]);
    place.run(["--socket", named, "stop"]).expect(1).says(&[&eva]);
    // Once it is named, it is talked to, and hangs up.
    let eva = EVA.to_string();
    place.run([&["--server-user", &eva], &add[..]].concat()).expect(6);
    let heard = heard.join().expect("no panic");
    assert_eq!(heard[..2], ["", ""]);
    assert!(heard[2].contains("box.hello") && !heard[2].contains("secret"), "{heard:?}");
    place.run(["--server-user", "nobody at all", "find", "a"]).expect(2).says(&["number"]);
}

/// A box shared by several users of a machine.
#[test]
fn b8_a_shared_box_is_used_by_who_is_listed() {
    if !has_others("b8") {
        return;
    }
    let (place, copy) = open_place();
    let (eva, mut daemon) = (EVA.to_string(), place.serve_with(&["--users", &EVA.to_string()]));
    let socket = place.socket();
    let socket = socket.to_str().expect("a path of letters");
    let as_eva = |arguments: &[&str]| {
        run(command_of(EVA, &place, &copy, &[&["--socket", socket], arguments].concat()))
    };
    as_eva(&["add", "Ada"]).expect(0);
    as_eva(&["find", "ada"]).expect(0);
    as_eva(&["stop"]).expect(1).says(&["may not stop it"]);
    let as_max = command_of(MAX, &place, &copy, &["--socket", socket, "find", "ada"]);
    run(as_max).expect(1).says(&["you may not use the socket", "--users"]);
    assert!(daemon.is_alive());
    assert!(daemon.stop().success());

    // The reverse: a box of hers, which root may read and does not take for its own.
    let data = place.path().join("hers");
    std::fs::create_dir(&data).expect("a folder takes a folder");
    chown(&data, Some(EVA), Some(EVA)).expect("root may");
    let data = data.to_str().expect("a path of letters");
    let mut serve = command_of(EVA, &place, &copy, &["--data", data, "serve"]);
    let mut child = serve.spawn().expect("the program runs");
    let find = ["--data", data, "--server-user", &eva, "find", "ada"];
    contactbox_tests::daemon::until("her daemon answers", || place.run(find).code() == 3);
    place.run(["--data", data, "find", "ada"]).expect(1).says(&["--server-user"]);
    place.run(["--data", data, "--server-user", &eva, "stop"]).expect(0);
    assert!(child.wait().expect("a child").success());
    place.run(find).expect(6).says(&["serve", &eva]);
}

/// The daemon does not keep open what its client was given: a pipe would never end.
#[test]
fn the_daemon_takes_nothing_along() {
    let place = Place::new();
    let mut command = Command::new("sh");
    place.settle(&mut command);
    command.env_remove("CONTACTBOX_NO_AUTOSTART").env("PROGRAM", program());
    command.args(["-c", "\"$PROGRAM\" add Ada 9>&1 8>&2"]);
    Ran::of(command.output().expect("a shell runs")).expect(0);
    let mut client = Client::try_connect(&place.socket()).expect("the daemon goes on");
    assert_eq!(client.call("box.info", json!({}))["contacts"], 1);
    place.run(["stop"]).expect(0);
}
