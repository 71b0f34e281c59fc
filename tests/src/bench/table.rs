//! Aligned tables in plain text: words on the left, numbers on the right.
use std::fmt::{self, Display};
use std::time::Duration;

/// Rows under a head; every column is as wide as its widest cell.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names; the first column is aligned to the left.
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells at its end stay empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert!(cells.len() <= self.head.len(), "a row is no wider than the head");
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// Adds a row of a name and a remark that may run across all columns.
    pub fn remark(&mut self, name: &str, remark: &str) {
        self.rows.push(vec![name.into(), remark.into()]);
    }

    /// Returns the rows, for a caller that does not print them.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = vec![0; self.head.len()];
        let is_remark = |row: &[String]| row.len() < self.head.len();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let cells = if is_remark(row) { &row[..1] } else { &row[..] };
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |f: &mut fmt::Formatter<'_>, row: &[String]| {
            let mut text = String::new();
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match index {
                    0 => text += &format!("{cell:<width$}"),
                    _ if is_remark(row) => text += &format!("  {cell}"),
                    _ => text += &format!("  {cell:>width$}"),
                }
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(f, &self.head)?;
        let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
        line(f, &rule)?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

/// Formats a number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a duration with three figures and a suitable unit.
pub fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (number, unit) = match seconds {
        1.0.. => (seconds, "s"),
        0.001.. => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "us"),
    };
    let digits = if number >= 100.0 {
        0
    } else if number >= 10.0 {
        1
    } else {
        2
    };
    format!("{number:.digits$} {unit}")
}
