//! The observed-remove set by the book: sets and maps, no bytes, no cleverness.

use super::universe::{IMPORT_KEY, TRASH_KEY};
use super::world::BOXES;
use crate::limits::IMPORTS_MAX;
use std::collections::{BTreeMap, BTreeSet};

/// `(time, box, seq, author)`, with boxes and authors named as an onlooker of all of them would.
pub type Tag = (u64, u16, u16, u16);

/// One content to be written: its key, and whether it is a mark of the file it came in.
#[derive(Clone, Debug)]
pub struct Line {
    pub key: String,
    pub is_bookkeeping: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub contents: BTreeMap<String, BTreeSet<Tag>>,
    pub seen: BTreeMap<u16, u64>,
}

impl State {
    fn covers(&self, tag: &Tag) -> bool {
        tag.0 <= self.seen.get(&tag.1).copied().unwrap_or(0)
    }

    pub fn has(&self, key: &str) -> bool {
        self.contents.contains_key(key)
    }

    pub fn is_tombstone(&self) -> bool {
        self.contents.is_empty()
    }

    pub fn is_trashed(&self) -> bool {
        let Some(tags) = self.contents.get(TRASH_KEY) else { return false };
        let trashed = tags.iter().map(|tag| tag.0).max();
        self.contents
            .iter()
            .filter(|(key, _)| !is_internal(key))
            .all(|(_, tags)| tags.iter().map(|tag| tag.0).max() < trashed)
    }

    fn note(&mut self, number: u16, time: u64) {
        let seen = self.seen.entry(number).or_default();
        *seen = time.max(*seen);
    }

    fn add(&mut self, lines: impl Iterator<Item = String>, number: u16, time: u64) {
        let mut seq = 0;
        for key in lines {
            if !self.has(&key) {
                self.contents.insert(key, BTreeSet::from([(time, number, seq, number)]));
                seq += 1;
            }
        }
    }

    pub fn merged(&self, other: &Self) -> Self {
        let mut all = Self::default();
        for (one, another) in [(self, other), (other, self)] {
            for (key, tags) in &one.contents {
                let theirs = another.contents.get(key);
                let kept = tags.iter().filter(|tag| {
                    theirs.is_some_and(|theirs| theirs.contains(tag)) || !another.covers(tag)
                });
                all.contents.entry(key.clone()).or_default().extend(kept.copied());
            }
            for (&number, &time) in &one.seen {
                all.note(number, time);
            }
        }
        all.contents.retain(|_, tags| !tags.is_empty());
        assert!(all.seen.len() <= BOXES);
        all
    }
}

fn is_internal(key: &str) -> bool {
    key == TRASH_KEY || key.starts_with(IMPORT_KEY)
}

pub fn edited(old: Option<&State>, card: &[Line], number: u16, time: u64) -> Option<State> {
    let is_kept = |key: &str| card.iter().any(|line| line.key == key);
    if let Some(old) = old
        && !old.is_trashed()
        && old.contents.keys().all(|key| is_internal(key) || is_kept(key))
        && card.iter().all(|line| old.has(&line.key))
    {
        return None;
    }
    let mut new = old.cloned().unwrap_or_default();
    new.contents.retain(|key, _| is_kept(key) || (is_internal(key) && key != TRASH_KEY));
    new.add(card.iter().map(|line| line.key.clone()), number, time);
    new.note(number, time);
    Some(new)
}

pub fn absorbed(
    old: Option<&State>,
    card: &[Line],
    mark: &str,
    bookkeeping: &[String],
    (number, time): (u16, u64),
    actual: Option<&State>,
) -> Option<State> {
    if let Some(old) = old {
        let says_nothing_new = card.iter().all(|line| line.is_bookkeeping || old.has(&line.key));
        if old.has(mark) || (!old.is_tombstone() && says_nothing_new) {
            return None;
        }
    }
    let mut new = old.cloned().unwrap_or_default();
    new.contents
        .retain(|key, _| !bookkeeping.contains(key) || card.iter().any(|line| line.key == *key));
    let marks: Vec<_> = new
        .contents
        .iter()
        .filter(|(key, _)| key.starts_with(IMPORT_KEY))
        .map(|(key, tags)| (tags.first().map(|tag| tag.0), key.clone()))
        .collect();
    let (stay, go): (Vec<_>, Vec<_>) =
        marks.into_iter().partition(|(_, key)| actual.is_some_and(|actual| actual.has(key)));
    assert_eq!(go.len(), (stay.len() + go.len() + 1).saturating_sub(IMPORTS_MAX));
    // Either of two marks of one moment may go.
    assert!(go.iter().all(|(gone, _)| stay.iter().all(|(stayed, _)| gone <= stayed)));
    for (_, key) in go {
        new.contents.remove(&key);
    }
    let lines = card.iter().map(|line| line.key.clone()).chain([mark.to_string()]);
    new.add(lines, number, time);
    new.note(number, time);
    Some(new)
}

pub fn trashed(old: &State, number: u16, time: u64) -> Option<State> {
    if old.is_trashed() || old.is_tombstone() {
        return None;
    }
    let mut new = old.clone();
    new.contents.remove(TRASH_KEY);
    new.add([TRASH_KEY.to_string()].into_iter(), number, time);
    new.note(number, time);
    Some(new)
}

pub fn restored(old: &State, number: u16, time: u64) -> Option<State> {
    if !old.is_trashed() {
        return None;
    }
    let mut new = old.clone();
    new.contents.remove(TRASH_KEY);
    new.note(number, time);
    Some(new)
}

pub fn purged(old: &State, number: u16, time: u64) -> Option<State> {
    if old.is_tombstone() {
        return None;
    }
    let mut new = State { seen: old.seen.clone(), ..State::default() };
    new.note(number, time);
    Some(new)
}
