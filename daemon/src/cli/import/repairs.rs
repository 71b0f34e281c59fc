//! Counts the repairs of an import: of each kind how often, and where first. There are few kinds.

use super::super::text::{grouped, visible};
use contactbox_api::vcard::RepairNote;

/// Kinds that are kept, whatever a daemon says.
const KINDS_MAX: usize = 32;

/// Repairs by kind, in the order in which they were first met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repairs(Vec<RepairNote>);

impl Repairs {
    /// Returns whether there is one of a kind.
    pub fn has(&self, kind: &str) -> bool {
        self.0.iter().any(|repair| repair.kind == kind)
    }

    /// So many more of a kind, the first in a line.
    pub fn count(&mut self, kind: &str, what: &str, count: u64, line: u64) {
        if let Some(known) = self.0.iter_mut().find(|repair| repair.kind == kind) {
            known.count += count;
            // Answers may come in any order.
            known.line = known.line.min(line);
        } else if self.0.len() < KINDS_MAX {
            self.0.push(RepairNote { kind: kind.to_owned(), what: what.to_owned(), count, line });
        }
    }

    /// Those of an answer of the daemon.
    pub fn read(&mut self, answer: &[RepairNote]) {
        for RepairNote { kind, what, count, line } in answer {
            self.count(kind, what, *count, *line);
        }
    }

    /// These and those of another file.
    pub fn add(&mut self, other: &Self) {
        for RepairNote { kind, what, count, line } in &other.0 {
            self.count(kind, what, *count, *line);
        }
    }

    /// For people: a line for each kind.
    pub fn lines(&self, file: &str) -> Vec<String> {
        let line = |repair: &RepairNote| {
            let more = match repair.count {
                0 | 1 => String::new(),
                count => format!(" (and {} more of these)", grouped(count - 1)),
            };
            format!("{}:{}: {}{more}", visible(file), repair.line, visible(&repair.what))
        };
        self.0.iter().map(line).collect()
    }

    /// For programs.
    pub fn list(&self) -> &[RepairNote] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_line_with_its_first_place() {
        let mut repairs = Repairs::default();
        let odd =
            |count, line| RepairNote { kind: "NotUtf8".into(), what: "odd".into(), count, line };
        repairs.read(&[odd(2, 90)]);
        repairs.read(&[odd(1, 7)]);
        repairs.count("Comment", "left out", 1, 3);
        assert_eq!(repairs.lines("a"), ["a:7: odd (and 2 more of these)", "a:3: left out"]);
        assert!(repairs.has("Comment") && !repairs.has("NulBytes"));
        for kind in 0..100 {
            repairs.count(&kind.to_string(), "", 1, 1);
        }
        assert_eq!(repairs.list().len(), KINDS_MAX);
    }
}
