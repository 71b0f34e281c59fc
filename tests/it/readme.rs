//! The README shows what the program does today.

use contactbox_tests::daemon::{Place, program};
use contactbox_tests::pictures;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The longest README: a person reads it in a few minutes.
const LINES_MAX: usize = 150;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= LINES_MAX, "{lines} lines");
}

/// `cargo run -p contactbox-tests --bin pictures` draws them anew.
#[test]
fn the_pictures_are_of_this_program() {
    assert!(read(".github/session.svg") == pictures::session(&pictures::play()), "session.svg");
    let rows = pictures::losses_in(&read("tests/FIGURES.md"));
    assert!(rows.len() >= 4 && rows.iter().all(|row| row.runs == 20_000), "{rows:?}");
    assert!(read(".github/losses.svg") == pictures::losses(&rows), "losses.svg");
}

/// Returns the commands that papers give: `contactbox` and its words, in text or in a program.
fn commands(text: &str) -> Vec<Vec<String>> {
    let in_programs = text.lines().filter_map(|line| line.strip_prefix("contactbox "));
    let in_text =
        text.split('`').skip(1).step_by(2).filter_map(|code| {
            code.strip_prefix("contactbox ").filter(|code| !code.contains('\n'))
        });
    let words = |command: &str| {
        let plain = command.split(" #").next().unwrap_or(command);
        plain.split_whitespace().map(str::to_owned).collect()
    };
    in_programs.chain(in_text).map(words).collect()
}

/// Each command of the papers is one of the program, with flags that it knows.
#[test]
fn the_commands_of_the_papers_are_there() {
    let place = Place::new();
    let mut count = 0;
    for paper in ["README.md", "daemon/README.md", "firmware/README.md"] {
        for command in commands(&read(paper)) {
            let is_own_help =
                command.first().is_none_or(|word| word == "help" || word == "COMMAND");
            if is_own_help {
                continue;
            }
            let is_word = |word: &&String| word.chars().all(|c| c.is_ascii_lowercase());
            let names: Vec<&String> = command.iter().take(2).take_while(is_word).collect();
            let group =
                ["card", "device", "trash"].contains(&names.first().map_or("", |name| name));
            let names = &names[..names.len().min(if group { 2 } else { 1 })];
            let mut help = Command::new(program());
            place.settle(help.args(names).arg("--help"));
            let help = help.output().expect("the program starts");
            assert!(help.status.success(), "{paper}: contactbox {}", command.join(" "));
            let help = String::from_utf8_lossy(&help.stdout).into_owned();
            for flag in command.iter().filter(|word| word.starts_with('-')) {
                let flag = flag.split('=').next().unwrap_or(flag);
                assert!(help.contains(flag), "{paper}: contactbox {}: {flag}", command.join(" "));
            }
            count += 1;
        }
    }
    assert!(count > 30, "{count} commands were found");
}
