//! Standard output and standard error: tables, JSON lines, colour, the width of the terminal.

use super::exit::Failure;
use super::text;
use console::{measure_text_width, truncate_str};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Narrowest table, in columns: below this, lines wrap rather than say nothing.
const WIDTH_MIN: u16 = 40;

/// Width of a terminal that does not say, in columns.
const WIDTH_USUAL: u16 = 80;

/// Widest cell of a column that may give way where no terminal says how much fits: what a
/// program reads does not depend on the rows around it, and a name of 10,000 letters is still
/// no line of 10,000 letters.
const CELL_WIDTH_MAX: usize = 64;

/// When output is in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Also into a pipe.
    Always,
    /// Never.
    Never,
}

/// Standard output, which a reader may leave.
struct Pipe {
    stdout: io::Stdout,
    /// True when the command has more to do than to be read.
    goes_on: bool,
}

impl Pipe {
    /// Counts output that nobody reads any more as written if the command goes on.
    fn or_gone<T>(&self, written: io::Result<T>, all: T) -> io::Result<T> {
        match written {
            Err(error) if self.goes_on && error.kind() == io::ErrorKind::BrokenPipe => Ok(all),
            written => written,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stdout.write(bytes);
        self.or_gone(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.stdout.flush();
        self.or_gone(flushed, ())
    }
}

/// The output of a command.
pub struct Out {
    stdout: BufWriter<Pipe>,
    /// True when `--json` was given.
    pub json: bool,
    /// True when `--quiet` was given.
    pub quiet: bool,
    style: bool,
}

impl Out {
    /// As the flags say.
    pub fn new(json: bool, quiet: bool, color: Color) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let style = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => wanted && io::stdout().is_terminal(),
        };
        let stdout = BufWriter::new(Pipe { stdout: io::stdout(), goes_on: false });
        Self { stdout, json, quiet, style: style && !json }
    }

    /// From now on the command comes to its end though whoever read its output may have gone: it
    /// changes the box, and half of that is not what was asked for.
    pub fn go_on(&mut self) {
        self.stdout.get_mut().goes_on = true;
    }

    /// A line on standard output.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.stdout, "{text}")?)
    }

    /// A line for people: not there with `--json` or `--quiet`.
    pub fn say(&mut self, text: &str) -> Result<(), Failure> {
        if self.json || self.quiet { Ok(()) } else { self.line(text) }
    }

    /// A value on a line of its own, as JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let line = text::json(value).map_err(io::Error::from)?;
        Ok(writeln!(self.stdout, "{line}")?)
    }

    /// Text as it is; a terminal gets what it can show of it.
    pub fn raw(&mut self, text: &str) -> Result<(), Failure> {
        if !io::stdout().is_terminal() {
            return Ok(self.stdout.write_all(text.as_bytes())?);
        }
        let text = text.replace("\r\n", "\n");
        Ok(self.stdout.write_all(text::message(&text).as_bytes())?)
    }

    /// Sends everything written so far to its reader.
    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }

    /// A remark on standard error, unless `--quiet`.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            let _ = self.stdout.flush();
            // Nobody is left to tell when this fails.
            let _ = writeln!(io::stderr(), "{}", text::message(text));
        }
    }

    /// `text` in bold where that shows.
    pub fn bold(&self, text: &str) -> String {
        if self.style { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_string() }
    }

    /// `text` faint where that shows.
    pub fn dim(&self, text: &str) -> String {
        if self.style { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_string() }
    }

    /// Rows in columns, in as much room as the terminal has; each cell within bounds where there is
    /// none. Cells must be [visible](super::text::visible) already.
    pub fn table(&mut self, columns: &[Column], mut rows: Vec<Vec<String>>) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            fit(columns, &mut rows, usize::from(terminal_width().max(WIDTH_MIN)));
        } else {
            bound(columns, &mut rows);
        }
        let widths = widths(columns, &rows);
        let head: Vec<String> = columns.iter().map(|column| column.head.to_string()).collect();
        let head = self.bold(&aligned(&head, &widths));
        writeln!(self.stdout, "{head}")?;
        for row in rows {
            writeln!(self.stdout, "{}", aligned(&row, &widths))?;
        }
        Ok(())
    }
}

/// A column of a table.
pub struct Column {
    /// The heading above it.
    pub head: &'static str,
    /// How narrow it may become where there is little room. Columns give way from the last to the
    /// first of those that may.
    pub width_min: Option<usize>,
}

/// As the terminal says; some, of recorders and of builds, say nothing.
fn terminal_width() -> u16 {
    let said = console::Term::stdout().size_checked().map(|(_, width)| width);
    let set = || std::env::var("COLUMNS").ok()?.parse().ok();
    said.or_else(set).unwrap_or(WIDTH_USUAL)
}

/// Blanks between columns.
const GAP: usize = 2;

fn widths(columns: &[Column], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.head.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    widths
}

/// Shortens cells until the rows are no wider than `room`, or no column may give way any more.
fn fit(columns: &[Column], rows: &mut [Vec<String>], room: usize) {
    let mut widths = widths(columns, rows);
    let gaps = GAP * columns.len().saturating_sub(1);
    let mut surplus = (widths.iter().sum::<usize>() + gaps).saturating_sub(room);
    for (index, column) in columns.iter().enumerate().rev() {
        let (Some(width_min), Some(width)) = (column.width_min, widths.get_mut(index)) else {
            continue;
        };
        let less = surplus.min(width.saturating_sub(width_min.max(column.head.len())));
        *width -= less;
        surplus -= less;
        for cell in rows.iter_mut().filter(|_| less > 0).filter_map(|row| row.get_mut(index)) {
            shorten(cell, *width);
        }
    }
}

/// Shortens the cells that may give way to what is enough anywhere.
fn bound(columns: &[Column], rows: &mut [Vec<String>]) {
    for row in rows {
        let cells = row.iter_mut().zip(columns).filter(|(_, column)| column.width_min.is_some());
        cells.for_each(|(cell, _)| shorten(cell, CELL_WIDTH_MAX));
    }
}

/// `cell` in at most `width` columns, with a mark where something is left out.
pub fn shorten(cell: &mut String, width: usize) {
    if let Cow::Owned(short) = truncate_str(cell, width, "…") {
        *cell = short;
    }
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        let blanks = width.saturating_sub(measure_text_width(cell)) + GAP;
        line.extend(std::iter::repeat_n(' ', blanks));
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_way_where_it_may() {
        let column = |head, width_min| Column { head, width_min };
        let columns = [column("NAME", Some(6)), column("PHONE", None), column("EMAIL", Some(8))];
        let row = |cells: [&str; 3]| cells.map(str::to_string).to_vec();
        let mut rows = vec![row(["山田花子 Yamada", "0171 5550001", "hanako@example.com"])];
        fit(&columns, &mut rows, 40);
        assert_eq!(rows[0], row(["山田花子 Yamada", "0171 5550001", "hanako@e…"]));
        fit(&columns, &mut rows, 30);
        assert_eq!(rows[0], row(["山田…", "0171 5550001", "hanako@…"]));
        assert_eq!(aligned(&rows[0], &widths(&columns, &rows)), "山田…  0171 5550001  hanako@…");
    }

    #[test]
    fn without_a_terminal_no_cell_is_endless() {
        let columns =
            [Column { head: "NAME", width_min: Some(6) }, Column { head: "ID", width_min: None }];
        let id = "0123456789".repeat(10);
        let mut rows = vec![vec!["山".repeat(10_000), id.clone()], vec!["Ada".into(), id.clone()]];
        bound(&columns, &mut rows);
        assert_eq!(measure_text_width(&rows[0][0]), 63);
        assert!(rows[0][0].ends_with("山…"));
        assert_eq!((rows[1][0].as_str(), &rows[0][1]), ("Ada", &id));
    }
}
