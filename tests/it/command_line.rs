//! The command line as a person and a script use it, with a daemon that it starts by itself.

use contactbox_tests::corpus::sample;
use contactbox_tests::daemon::{Place, Ran};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// The sample that ships with the daemon.
const PEOPLE: &[u8] = include_bytes!("../../daemon/src/samples/people.vcf");

/// A box whose daemon is started by the first command, and stopped at the end.
struct Desk {
    place: Place,
}

impl Desk {
    fn new() -> Self {
        Self { place: Place::new() }
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.place.command(arguments);
        command.env_remove("CONTACTBOX_NO_AUTOSTART").env("TZ", "UTC");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().expect("the program runs"))
    }

    /// Runs it with this on its standard input.
    fn fed(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        // It may end before it has read everything.
        child.stdin.take().expect("a pipe").write_all(input).ok();
        Ran::of(child.wait_with_output().expect("a child can be waited for"))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.run(&["stop"]);
    }
}

/// A phone that takes an export in and gives it back has changed nothing.
#[test]
fn what_was_typed_comes_back_from_either_version() {
    let desk = Desk::new();
    desk.run(&["add", "Ada Lovelock", "--bday=1815-12-10", "--tel", "cell:+44 20 7946 0018"])
        .expect(0);
    desk.run(&["add", "Bruno Kessel", "--bday=--12-10", "--note", "one, two; three"]).expect(0);
    for version in ["3.0", "4.0"] {
        let exported = desk.run(&["export", "--version", version]).expect(0).stdout;
        let file = desk.place.file("back.vcf", exported.as_bytes());
        let file = file.to_str().expect("a path of letters");
        let told = desk.run(&["import", file, "--json"]).expect(0).json();
        assert_eq!(told[0]["unchanged"], 2, "{version}: {told:?}\n{exported}");
    }
}

/// When `stop` returns, the next daemon can open the box.
#[test]
fn stopped_means_stopped() {
    let desk = Desk::new();
    for number in 0..12 {
        desk.run(&["add", &format!("Number {number}")]).expect(0);
        let told = desk.run(&["stop"]).expect(0).stdout;
        assert_eq!(told.trim(), "stopped");
        let image = std::fs::File::open(desk.place.image()).expect("the image");
        image.try_lock().expect("nobody has it");
    }
}

#[test]
fn from_an_import_to_an_export() {
    let desk = Desk::new();
    let file = desk.place.file("people.vcf", PEOPLE);
    let file = file.to_str().expect("a path of letters");
    let first = desk.run(&["import", file, "--json"]).expect(0).json();
    assert_eq!((&first[0]["added"], &first[0]["rejected"]), (&200.into(), &0.into()));
    let again = desk.run(&["import", file, "--json"]).expect(0).json();
    assert_eq!((&again[0]["unchanged"], &again[0]["added"]), (&200.into(), &0.into()));

    for query in ["lovel byrd", "0171 555", "analytical byrd"] {
        let hits = desk.run(&["find", query, "--json"]).expect(0).json();
        assert_eq!(hits[0]["name"], "Ada Byrd Lovelock", "{query}");
    }
    desk.run(&["find", "nobody at all"]).expect(3).says(&["nobody fits"]);
    desk.run(&["show", "ada"]).expect(5).says(&["several contacts fit"]);
    desk.run(&["show"]).expect(2);

    let edit = ["edit", "ada", "byrd", "--tel", "work:+44 20 7946 0555", "--title", "Owner"];
    desk.run(&edit).expect(0);
    desk.run(&["edit", "ada byrd", "--remove", "tel=7946 0018", "--note", ""]).expect(0);
    let shown = desk.run(&["show", "ada byrd"]).expect(0).stdout;
    for line in
        ["phone (work)    +44 20 7946 0555", "title           Owner", "birthday        1985-12-10"]
    {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
    }
    assert!(!shown.contains("0018") && !shown.contains("trade fair"), "{shown}");
    let history = desk.run(&["history", "ada byrd", "--json"]).expect(0).json();
    assert_eq!(history.len(), 3, "{history:?}");

    desk.run(&["rm", "ada byrd"]).expect(0);
    desk.run(&["rm", "ada byrd"]).expect(3).says(&["is in the trash"]);
    assert_eq!(desk.run(&["trash", "--json"]).expect(0).json().len(), 1);
    desk.run(&["restore", "ada byrd"]).expect(0);
    desk.run(&["trash"]).expect(3);
    desk.run(&["rm", "--purge", "jörg größmann"]).expect(2).says(&["--yes"]);
    desk.run(&["rm", "--purge", "--yes", "jörg größmann"]).expect(0);

    let out = desk.place.path().join("all.vcf");
    let export = ["export", "--version", "3.0", "-o", out.to_str().expect("a path of letters")];
    desk.run(&export).expect(0);
    let text = std::fs::read_to_string(&out).expect("the export is there");
    assert_eq!(text.matches("BEGIN:VCARD").count(), 199);
    desk.run(&["export", "nobody at all", "-o", out.to_str().expect("a path of letters")])
        .expect(3);
    assert_eq!(std::fs::read_to_string(&out).expect("it is still there"), text);
    desk.run(&["verify"]).expect(0);
}

#[test]
fn many_commands_at_once_start_one_daemon() {
    let desk = Desk::new();
    let start = |_| {
        let mut command = desk.command(["info", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program runs")
    };
    let children: Vec<_> = (0..16).map(start).collect();
    let mut pids = Vec::new();
    for child in children {
        let ran = Ran::of(child.wait_with_output().expect("a child can be waited for")).expect(0);
        pids.push(ran.json()[0]["pid"].clone());
    }
    pids.dedup();
    assert_eq!(pids.len(), 1, "{pids:?}");
    desk.run(&["--no-autostart", "info"]).expect(0);
    desk.run(&["stop"]).expect(0);
    desk.run(&["--no-autostart", "info"]).expect(6).says(&["contactbox serve"]);
    // A daemon that was killed leaves its socket, and the next command starts a new one.
    let pid = desk.run(&["info", "--json"]).expect(0).json()[0]["pid"].to_string();
    let killed = Command::new("kill").args(["-9", &pid]).status().expect("the system has kill");
    assert!(killed.success());
    desk.run(&["info"]).expect(0);
}

#[test]
fn an_editor_changes_the_lines_it_touches() {
    let desk = Desk::new();
    desk.run(&["add", "Ada Lovelock", "--tel", "work:+44 20 7946 0018", "--note", "a, b"])
        .expect(0);
    let edit = |script: &str| {
        let mut command = desk.command(["edit", "ada"]);
        command.env("EDITOR", script).env_remove("VISUAL").env("TMPDIR", desk.place.path());
        Ran::of(command.output().expect("the program runs"))
    };
    edit("true").expect(0);
    edit("false").expect(1).says(&["nothing was changed"]);
    edit("sed -i s/^NOTE.*/NOTE:c/").expect(0);
    edit("sed -i s/^NOTE.*/NOTE/").expect(1).says(&["no colon", "your text is kept in"]);
    let versions = desk.run(&["history", "ada", "--json"]).expect(0).json();
    let lines = |name: &str| versions[0][name].as_array().map(Vec::len);
    assert_eq!((versions.len(), lines("added"), lines("removed")), (2, Some(1), Some(1)));
}

#[test]
fn bad_files_are_told_and_good_cards_are_in() {
    let desk = Desk::new();
    desk.fed(&["import", "-"], b"").expect(1).says(&["is empty"]);
    desk.fed(&["import", "-"], b"name,tel\nAda,1\n").expect(1).says(&["holds no vCard"]);
    desk.fed(&["import", "-"], &vec![0; 3 << 20]).expect(1).says(&["holds no vCard"]);
    desk.run(&["import", "none.vcf"]).expect(1).says(&["none.vcf cannot be read"]);
    desk.run(&["import", "--charset", "martian", "-"]).expect(2).says(&["martian"]);
    let cut = b"BEGIN:VCARD\nVERSION:3.0\nFN:Whole\nEND:VCARD\nBEGIN:VCARD\nVERSION:3.0\nFN:Cu";
    desk.place.file("cut.vcf", cut);
    desk.run(&["import", "cut.vcf"]).expect(4).says(&[
        "cut.vcf:7: ",
        "from line 5",
        "cut.rejected.vcf",
    ]);
    desk.run(&["import", "cut.vcf"]).expect(4).says(&["cut.rejected.vcf"]);
    let saved = std::fs::read(desk.place.path().join("cut.rejected.vcf")).expect("it is named");
    assert!(saved.starts_with(b"BEGIN:VCARD\nVERSION:3.0\nFN:Cu"));
    desk.run(&["find", "whole"]).expect(0);
    desk.place.file("utf-16.vcf", sample("utf-16"));
    desk.run(&["import", "utf-16.vcf"]).expect(0);
}

#[test]
fn one_card_that_no_frame_carries_costs_one_card() {
    let desk = Desk::new();
    let photo = vec![b'x'; 20 << 20];
    let good =
        |name: &str| format!("BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nEND:VCARD\n").into_bytes();
    let large = [b"BEGIN:VCARD\nVERSION:3.0\nNOTE:".as_slice(), &photo, b"\nEND:VCARD\n"].concat();
    desk.place.file("large.vcf", [good("Before"), large.clone(), good("After")].concat());
    let ran =
        desk.run(&["import", "large.vcf", "--json"]).expect(4).says(&["large.vcf:5: ", "larger"]);
    assert_eq!((&ran.json()[0]["added"], &ran.json()[0]["rejected"]), (&2.into(), &1.into()));
    let saved = std::fs::read(desk.place.path().join("large.rejected.vcf")).expect("it is named");
    assert_eq!(saved, large);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let desk = Desk::new();
    desk.place.file("people.vcf", PEOPLE);
    desk.run(&["import", "people.vcf", "--quiet"]).expect(0);
    let mut command = desk.command(["export"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut first = [0; 16];
    let mut out = child.stdout.take().expect("a pipe");
    out.read_exact(&mut first).expect("an export begins");
    drop(out);
    Ran::of(child.wait_with_output().expect("a child can be waited for")).expect(0);
}

#[test]
fn a_watcher_sees_each_change() {
    let desk = Desk::new();
    desk.run(&["info"]).expect(0);
    let mut command = desk.command(["watch", "--json", "-n", "2"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut told = [0; 8];
    // It says so when it begins to watch.
    child.stderr.as_mut().expect("a pipe").read_exact(&mut told).expect("it watches");
    desk.run(&["add", "Ada Lovelock"]).expect(0);
    desk.run(&["rm", "ada"]).expect(0);
    let ran = Ran::of(child.wait_with_output().expect("a child can be waited for")).expect(0);
    let seen: Vec<Value> =
        ran.json().into_iter().map(|line| line["params"]["origin"].clone()).collect();
    assert_eq!(seen, ["edit", "trash"]);
}

#[test]
fn the_demonstration_is_as_it_must_be() {
    let desk = Desk::new();
    let ran = desk.run(&["demo"]).expect(0);
    assert!(ran.stdout.contains("all is as it must be"), "{ran:?}");
}

#[test]
fn completions_are_scripts() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(desk.run(&["completions", shell]).expect(0).stdout.contains("contactbox"));
    }
}

/// A name of a file, of a contact or on the command line contains nothing that a terminal obeys.
#[test]
fn a_terminal_obeys_no_name() {
    let desk = Desk::new();
    let evil = "E\u{1b}[2Jvil\u{9b}31m\u{202e}\u{200f}\u{61c}";
    let calm = |text: &str| {
        let harmless = |c: char| c == '\n' || !c.is_control();
        let turning = ['\u{202e}', '\u{200f}', '\u{61c}'];
        assert!(text.chars().all(harmless) && !text.contains(turning), "{text:?}");
    };
    desk.run(&["add", evil, "--note", evil]).expect(0);
    let path = desk.place.path().join(evil).display().to_string();
    for arguments in [
        vec!["import", &path],
        vec!["card", "backup", &path],
        vec!["card", "list", &path],
        vec!["restore", &path],
        vec!["device", "info", &path],
        vec!["export", "-o", &path],
        vec!["import", "--charset", evil, &path],
        vec!["add", "Ada", "--photo", &path],
        vec!["add", "Ada", "--birthday", evil],
        vec!["show", evil, "more"],
        vec!["find", "e"],
        vec!["find", evil, "none"],
        vec!["show", "vil"],
        vec!["history", "vil"],
        vec![evil],
        vec!["find", "--limit", evil],
    ] {
        let ran = desk.run(&arguments);
        calm(&ran.stdout);
        calm(&ran.stderr);
        let ran = desk.run(&[&["--json"], arguments.as_slice()].concat());
        calm(&ran.stdout);
        calm(&ran.stderr);
    }
    // Programs get the stored name, not its printable form; a box stores no control characters.
    let hits = desk.run(&["find", "vil", "--json"]).expect(0).json();
    assert_eq!(hits[0]["name"], "E [2Jvil 31m\u{202e}\u{200f}\u{61c}");
}

#[test]
fn a_long_name_makes_no_long_line() {
    let desk = Desk::new();
    let long = "山".repeat(10_000);
    desk.run(&["add", &long, "--tel", &"12345".repeat(100), "--email", &format!("{long}@a.b")])
        .expect(0);
    desk.run(&["add", "Ada Lovelock", "--org", "Analytical Engines"]).expect(0);
    let table = desk.run(&["find"]).expect(0).stdout;
    for line in table.lines() {
        assert!(line.chars().count() < 200, "{line}");
    }
    assert!(table.contains('…') && table.contains("Analytical Engines"), "{table}");
}

#[test]
fn a_contact_with_nothing_in_it_is_not_added() {
    let desk = Desk::new();
    for arguments in [vec!["add"], vec!["add", ""], vec!["add", " "], vec!["add", "--note", ""]] {
        desk.run(&arguments).expect(2).says(&["say what there is to add, as in"]);
    }
    desk.run(&["find"]).expect(3);
}

/// `--note` on a contact with several notes explains the choices.
#[test]
fn several_values_are_not_replaced_by_one_without_a_word() {
    let desk = Desk::new();
    let card = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\nNOTE:first\r\nNOTE:second\r\nNOTE:third\r\nEND:VCARD\r\n";
    desk.fed(&["add", "--vcard"], card.as_bytes()).expect(0);
    let notes = || desk.run(&["show", "ada", "--vcard"]).expect(0).stdout.matches("NOTE:").count();
    for text in ["new", ""] {
        desk.run(&["edit", "ada", "--note", text]).expect(5).says(&[
            "Ada has 3 notes",
            "second",
            "--remove note",
            "without flags",
        ]);
        assert_eq!(notes(), 3);
    }
    desk.run(&[
        "edit",
        "ada",
        "--remove",
        "note=second",
        "--remove",
        "note=third",
        "--note",
        "new",
    ])
    .expect(0);
    assert_eq!(notes(), 1);
    desk.run(&["edit", "ada", "--note", "newer"]).expect(0);
    let shown = desk.run(&["show", "ada"]).expect(0).stdout;
    assert!(shown.contains("newer") && !shown.contains("first"), "{shown}");
}

#[test]
fn a_conflict_is_said_once() {
    let desk = Desk::new();
    let card = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\nBDAY:18151210\r\nFN:Ada King\r\nBDAY:18151211\r\nEND:VCARD\r\n";
    desk.fed(&["add", "--vcard"], card.as_bytes()).expect(0);
    let shown = desk.run(&["show", "ada"]).expect(0).stdout;
    let line = shown.lines().find(|line| line.contains("conflict")).expect("both are kept");
    assert!(line.matches("name").count() <= 1 && line.matches("birthday").count() <= 1, "{line}");
    let told = desk.run(&["show", "ada", "--json"]).expect(0).json()[0]["conflicts"].clone();
    let mut names: Vec<&str> =
        told.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{told}");
}

#[test]
fn what_is_no_port_is_said_with_the_cure() {
    let desk = Desk::new();
    let folder = desk.place.path().to_str().expect("a path of letters").to_owned();
    for (port, why) in
        [("/dev/null", "no serial line"), ("/nope", "is no port"), (&folder, "is a folder")]
    {
        for word in ["info", "sync"] {
            desk.run(&["device", word, port]).expect(1).says(&[port, why, "device list"]);
        }
    }
}

#[test]
fn info_says_where_everything_is() {
    let desk = Desk::new();
    let told = desk.run(&["info", "--json"]).expect(0).json();
    for name in ["image", "socket", "backup", "config", "log", "data"] {
        assert!(
            told[0][name].as_str().is_some_and(|path| path.starts_with('/')),
            "{name}: {told:?}"
        );
    }
    let shown = desk.run(&["info"]).expect(0).stdout;
    for name in ["image ", "socket ", "backup ", "config ", "config read ", "log ", "data "] {
        assert!(shown.lines().any(|line| line.starts_with(name)), "{name} is not in\n{shown}");
    }
}

/// A terminal of 72 columns, and one that does not tell its width.
#[test]
fn a_table_is_as_wide_as_the_terminal() {
    let desk = Desk::new();
    let long = "山".repeat(1000);
    desk.run(&[
        "add",
        &long,
        "--org",
        &long,
        "--tel",
        "0171 5550001",
        "--email",
        "long@example.com",
    ])
    .expect(0);
    let program = contactbox_tests::daemon::program().to_str().expect("a path of letters");
    for (size, room) in [("cols 72 rows 20", 72), ("cols 0 rows 0", 80)] {
        let line = format!("stty {size} && '{program}' find");
        // Without util-linux no terminal can be made.
        let mut command = Command::new("script");
        desk.place.settle(command.args(["-qec", &line, "/dev/null"]).env_remove("COLUMNS"));
        let Ok(output) = command.stdin(Stdio::null()).output() else { return };
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        let table = console_text(&table);
        assert!(table.contains("0171 5550001") && table.contains('…'), "{table}");
        for line in table.lines() {
            // Each of these letters takes two columns.
            let width = line.chars().count() + line.matches('山').count();
            assert!(width <= room, "{width} of {room} columns: {line}");
        }
    }
}

/// Returns the text that a terminal shows, without the codes for bold and dim.
fn console_text(text: &str) -> String {
    let plain = text.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
    plain.replace("\u{1b}[2m", "").replace('\r', "")
}
