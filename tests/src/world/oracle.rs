//! The right content of a box after a script: plain sets, no stamps, no flash.

use super::ops::{Op, lines, photo};
use contactbox_core::contact::{BlobRef, Kind};
use contactbox_core::limits::IMPORTS_MAX;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The visible state of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The lines, sorted; photos by their hash.
    pub lines: Vec<(Kind, String)>,
    /// True if the person is in the trash.
    pub is_trashed: bool,
    /// The vCards imported last, oldest first, each as a hash of its content.
    pub imported: Vec<u64>,
}

impl Person {
    /// Returns whether a reader sees the same, whatever was imported when.
    pub fn looks_like(&self, other: &Self) -> bool {
        self.lines == other.lines && self.is_trashed == other.is_trashed
    }
}

/// All people in the box.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oracle {
    /// The people, by number.
    pub people: BTreeMap<u8, Person>,
}

/// Returns the line that stands for a photo.
pub fn photo_line(photo: &[u8]) -> (Kind, String) {
    (Kind::PHOTO, format!("{:02x?}", BlobRef::of(photo).hash))
}

fn number_of(lines: &[(Kind, String)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (kind, text) in lines {
        (kind.name(), text).hash(&mut hasher);
    }
    hasher.finish()
}

impl Oracle {
    /// Does what the box does when it acknowledges `op`.
    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Put { who, card } => self.put(who, lines(who, card)),
            Op::Photo { who, card } => {
                let mut all = lines(who, card);
                all.push(photo_line(&photo(card)));
                all.sort();
                self.put(who, all);
            }
            Op::Import { who, card } => {
                let is_known = self.people.contains_key(&who);
                let person = self.people.entry(who).or_default();
                let mut new = lines(who, card);
                let said = number_of(&new);
                new.retain(|line| !person.lines.contains(line));
                // A vCard that was imported before, or has nothing new, changes nothing.
                if person.imported.contains(&said) || (new.is_empty() && is_known) {
                    return;
                }
                person.imported.push(said);
                if person.imported.len() > IMPORTS_MAX {
                    person.imported.remove(0);
                }
                person.lines.append(&mut new);
                person.is_trashed = false;
                person.lines.sort();
            }
            Op::Remove { who } => {
                if let Some(person) = self.people.get_mut(&who) {
                    person.is_trashed = true;
                }
            }
            Op::Restore { who } => {
                if let Some(person) = self.people.get_mut(&who) {
                    person.is_trashed = false;
                }
            }
            Op::Purge { who } => {
                self.people.remove(&who);
            }
            Op::Tend | Op::Rest => {}
        }
    }

    fn put(&mut self, who: u8, lines: Vec<(Kind, String)>) {
        let person = self.people.entry(who).or_default();
        person.lines = lines;
        person.is_trashed = false;
    }
}
