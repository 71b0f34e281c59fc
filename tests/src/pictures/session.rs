//! Records a session with the real program, on its invented people, and draws it as a terminal.

use super::svg::Svg;
use crate::daemon::Place;

/// The commands, as their user types them.
const COMMANDS: [&[&str]; 9] = [
    &["import", "phone.vcf"],
    &["find", "0171 555"],
    &["edit", "ada byrd", "--note", "Wants an offer by May"],
    &["rm", "ada byrd"],
    &["restore", "ada byrd"],
    &["history", "ada byrd"],
    &["card", "backup", "stick"],
    &["import", "phone.vcf"],
    &["export", "-o", "all.vcf"],
];

/// Lines of a command's output that are shown.
const PRINTED_MAX: usize = 8;

/// Columns at which a line is cut off.
const COLUMNS: usize = 100;
const COLUMN_PIXELS: usize = 8;
const LINE_PIXELS: usize = 18;
const MARGIN_PIXELS: usize = 16;

/// A line of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionLine {
    /// A command, typed.
    Typed(String),
    /// A line that the program printed.
    Printed(String),
}

/// Plays the session and returns its lines.
///
/// # Panics
///
/// If a command fails.
pub fn play() -> Vec<SessionLine> {
    let place = Place::new();
    let _daemon = place.serve();
    let people = concat!(env!("CARGO_MANIFEST_DIR"), "/../daemon/src/samples/people.vcf");
    place.file("phone.vcf", std::fs::read(people).expect("the sample is there"));
    std::fs::create_dir(place.path().join("stick")).expect("a folder can be made");
    let mut lines = Vec::new();
    for command in COMMANDS {
        let quoted = command.iter().map(|word| match word.contains(' ') {
            true => format!("\"{word}\""),
            false => (*word).to_owned(),
        });
        let typed = quoted.collect::<Vec<_>>().join(" ");
        lines.push(SessionLine::Typed(format!("contactbox {typed}")));
        let mut program = place.command(command);
        let output = program.current_dir(place.path()).output().expect("the program starts");
        let ran = crate::daemon::Ran::of(output).expect(0);
        let printed = ran.stdout.lines().map(steady);
        let more = ran.stdout.lines().nth(PRINTED_MAX).map(|_| "  …".to_owned());
        lines.extend(printed.take(PRINTED_MAX).chain(more).map(SessionLine::Printed));
    }
    lines
}

/// Returns a line without what differs from run to run: durations, the date and the user of a
/// change, names of snapshots.
fn steady(line: &str) -> String {
    let mut line = line.to_owned();
    // A version in a history: `  2026-12-01 09:30 restored by anna`.
    let version = line.trim_start().strip_prefix("20").and_then(|rest| rest.get(14..));
    if let Some((what, _)) = version.and_then(|rest| rest.split_once(" by ")) {
        line = format!("  2026-12-01 09:30{what} by anna");
    }
    if let Some(at) = line.rfind(" (0.") {
        line.truncate(at);
    }
    if let Some((before, after)) = line.split_once(" written to ") {
        let after = after.split_once(' ').map_or("", |(_, after)| after);
        line = format!("{before} written {after}");
    }
    let line = match line.char_indices().nth(COLUMNS - 1) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    };
    line.trim_end().to_owned()
}

/// Draws a session.
pub fn session(lines: &[SessionLine]) -> String {
    let mut picture = Svg::new();
    let mut y = MARGIN_PIXELS;
    for line in lines {
        match line {
            SessionLine::Typed(command) => {
                y += if y > MARGIN_PIXELS { LINE_PIXELS * 3 / 2 } else { LINE_PIXELS / 2 + 4 };
                picture.text(MARGIN_PIXELS, y, "faint", "$");
                picture.text(MARGIN_PIXELS + 2 * COLUMN_PIXELS, y, "strong", command);
            }
            SessionLine::Printed(text) => {
                y += LINE_PIXELS;
                picture.text(MARGIN_PIXELS, y, "", text);
            }
        }
    }
    let width = COLUMNS * COLUMN_PIXELS + 2 * MARGIN_PIXELS;
    picture.finish("A session with contactbox", width, y + MARGIN_PIXELS)
}
