//! Standard output and standard error: tables, JSON lines, colour, the width of the terminal.

use super::exit::Failure;
use comfy_table::{Attribute, Cell, ContentArrangement, Row, Table, presets};
use serde_json::Value;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Narrowest table, in columns: below this, lines wrap rather than say nothing. Where no terminal
/// says how much fits nothing is cut.
const WIDTH_MIN: u16 = 40;

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

/// Where a command writes.
pub struct Out {
    stdout: BufWriter<io::Stdout>,
    /// Whether `--json` was given.
    pub json: bool,
    /// Whether `--quiet` was given.
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
        Self { stdout: BufWriter::new(io::stdout()), json, quiet, style: style && !json }
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
    pub fn json(&mut self, value: &Value) -> Result<(), Failure> {
        Ok(writeln!(self.stdout, "{value}")?)
    }

    /// Text as it is.
    pub fn raw(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.stdout.write_all(text.as_bytes())?)
    }

    /// What was written reaches its reader now.
    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }

    /// A remark on standard error, unless `--quiet`.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            let _ = self.stdout.flush();
            // Nobody is left to tell when this fails.
            let _ = writeln!(io::stderr(), "{text}");
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

    /// Rows in columns; cells that a terminal has no room for are shortened. Cells must be
    /// [visible](super::text::visible) already.
    pub fn table(
        &mut self,
        head: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Result<(), Failure> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let terminal = io::stdout().is_terminal().then(|| table.width()).flatten();
        if let Some(width) = terminal {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width.max(WIDTH_MIN));
        } else {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        if self.style {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(head.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        for cells in rows {
            let mut row = Row::from(cells);
            row.max_height(1);
            table.add_row(row);
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in table.lines() {
            writeln!(self.stdout, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
