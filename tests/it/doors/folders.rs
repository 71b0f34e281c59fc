//! B9: files of the user who runs the program, behind a folder that others can write to.
use super::{EVA, as_user, has_others, mode};
use contactbox_tests::daemon::{Place, Ran};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Runs a command that may start a daemon.
fn run(place: &Place, arguments: &[&str]) -> Ran {
    let mut command = place.command(arguments);
    command.env_remove("CONTACTBOX_NO_AUTOSTART");
    Ran::of(command.output().expect("the program runs"))
}

fn names(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.data()).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect()
}

#[test]
fn b9_a_folder_that_others_can_write_is_not_used() {
    let place = Place::new();
    fs::create_dir(place.data()).expect("a folder takes a folder");
    for bits in [0o777, 0o1777] {
        mode(&place.data(), bits);
        run(&place, &["add", "Ada"]).expect(6).says(&["everybody", "folder of your own", "--data"]);
        place.serve_in_vain(&[]).expect(1).says(&["everybody", "folder of your own", "--image"]);
        // The socket's folder and the one above it count as well.
        let socket = place.data().join("deep/socket");
        let elsewhere = place.path().join("other");
        let flags = ["--data", elsewhere.to_str().expect("letters")];
        let flags = [&flags[..], &["--socket", socket.to_str().expect("letters")]].concat();
        if bits == 0o777 {
            place.serve_in_vain(&flags).expect(1).says(&["--socket", "chmod go-w"]);
        }
    }
    assert!(names(&place).is_empty(), "{:?}", names(&place));
    if has_others("b9") {
        mode(&place.data(), 0o755);
        chown(place.data(), Some(EVA), None).expect("root may");
        let eva = format!("belongs to user {EVA}");
        run(&place, &["add", "Ada"]).expect(6).says(&[&eva]);
        place.serve_in_vain(&[]).expect(1).says(&[&eva]);
        assert!(names(&place).is_empty(), "{:?}", names(&place));
    }
    // A user who knows better can say so.
    run(&place, &["--strict-folders", "false", "add", "Ada"]).expect(0);
    run(&place, &["stop"]).expect(0);
}

#[test]
fn b9_no_link_is_followed_and_nothing_of_others_is_cut() {
    let place = Place::new();
    let keys = place.file("authorized_keys", "k".repeat(1_126_400));
    let is_whole = || fs::metadata(&keys).is_ok_and(|found| found.len() == 1_126_400);
    fs::create_dir(place.data()).expect("a folder takes a folder");
    for name in ["daemon.log", "start.lock"] {
        let planted = place.data().join(name);
        fs::remove_file(&planted).ok();
        symlink(&keys, &planted).expect("a link");
        run(&place, &["find", "a"]).expect(6).says(&[name, "is a link", "remove it"]);
        fs::remove_file(&planted).expect("a link");
        assert!(is_whole(), "{name}");
    }
    // A log that is another file under a second name is put aside as a whole.
    fs::hard_link(&keys, place.data().join("daemon.log")).expect("a second name");
    run(&place, &["find", "a"]).expect(3);
    run(&place, &["stop"]).expect(0);
    assert!(is_whole());
    let log = fs::read_to_string(place.data().join("daemon.log")).expect("a new log");
    assert!(log.contains("serving"), "{log}");
}

#[test]
fn b9_whoever_holds_the_lock_is_named_and_not_waited_for_without_a_word() {
    let place = Place::new();
    fs::create_dir(place.data()).expect("a folder takes a folder");
    let lock = File::create(place.data().join("start.lock")).expect("a file");
    lock.lock().expect("nobody else has it");
    let mut command = place.command(["add", "Ada"]);
    command.env_remove("CONTACTBOX_NO_AUTOSTART").stderr(Stdio::piped()).stdout(Stdio::piped());
    let begun = Instant::now();
    let child = command.spawn().expect("the program runs");
    std::thread::sleep(Duration::from_millis(1500));
    lock.unlock().expect("it was ours");
    let holder = format!("(process {})", std::process::id());
    let ran = Ran::of(child.wait_with_output().expect("a child")).expect(0);
    ran.says(&["waiting for another contactbox", &holder]);
    assert!(begun.elapsed() < Duration::from_secs(60));
    run(&place, &["stop"]).expect(0);
    let mode = fs::metadata(place.data().join("start.lock")).expect("it stays").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "others cannot lock it");
}

/// A folder for everybody, with the sticky bit, may hold a socket.
#[test]
fn b9_a_socket_among_what_is_others() {
    let place = Place::new();
    let public = place.path().join("public");
    fs::create_dir(&public).expect("a folder takes a folder");
    mode(&public, 0o1777);
    let socket = public.join("socket");
    let daemon = place.serve_with(&[]);
    assert!(daemon.stop().success());
    let mut command = place.command(["--socket", socket.to_str().expect("letters"), "find", "a"]);
    command.env_remove("CONTACTBOX_NO_AUTOSTART");
    Ran::of(command.output().expect("the program runs")).expect(3);
    let bits = |path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(bits(&socket), 0o600);
    place.run(["--socket", socket.to_str().expect("letters"), "stop"]).expect(0);
    if has_others("b9") {
        // A socket of another user is not replaced, and not talked to.
        let taken = socket.clone();
        let theirs = as_user(EVA, move || std::os::unix::net::UnixListener::bind(taken));
        let _theirs = theirs.join().expect("no panic").expect("a folder for everybody");
        let flags = ["--socket", socket.to_str().expect("letters")];
        place.serve_in_vain(&flags).expect(1).says(&["another daemon listens"]);
        assert!(socket.exists());
    }
}
