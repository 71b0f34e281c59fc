//! Three boxes with one contact, each with tables of its own, that edit, meet, and meet old cards.

use super::oracle::{self, Line, State};
use super::universe::{UID, draft, key, universe};
use crate::contact::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

pub const BOXES: usize = 3;
#[derive(Clone, Debug)]
pub enum Op {
    Edit {
        at: usize,
        mask: u16,
        turn: usize,
    },
    Import {
        at: usize,
        mask: u16,
        turn: usize,
    },
    Trash {
        at: usize,
    },
    Restore {
        at: usize,
    },
    Purge {
        at: usize,
    },
    Merge {
        at: usize,
        from: usize,
    },
    /// A state of some time ago comes back on a card.
    MergeOld {
        at: usize,
        which: usize,
    },
}

pub fn op() -> impl Strategy<Value = (Op, u64)> {
    let at = 0..BOXES;
    // Few bits change from edit to edit, so that contents live through several.
    let mask = prop_oneof![any::<u16>(), Just(0b101), Just(0b1_0000_1101), Just(0)];
    let op = prop_oneof![
        4 => (at.clone(), mask.clone(), 0..4usize)
            .prop_map(|(at, mask, turn)| Op::Edit { at, mask, turn }),
        2 => (at.clone(), mask, 0..4usize)
            .prop_map(|(at, mask, turn)| Op::Import { at, mask, turn }),
        1 => at.clone().prop_map(|at| Op::Trash { at }),
        1 => at.clone().prop_map(|at| Op::Restore { at }),
        1 => at.clone().prop_map(|at| Op::Purge { at }),
        5 => (at.clone(), at.clone()).prop_map(|(at, from)| Op::Merge { at, from }),
        2 => (at, any::<usize>()).prop_map(|(at, which)| Op::MergeOld { at, which }),
    ];
    // Wall clocks are close, so that stamps of different boxes fall on the same moment.
    (op, 1_000..1_020u64)
}

#[derive(Clone, Default)]
pub struct Place {
    pub record: Option<Vec<u8>>,
    pub truth: Option<State>,
    clock: u64,
}

#[derive(Clone, Default)]
pub struct World {
    pub places: [Place; BOXES],
    /// Every state there ever was, and whose.
    pub old: Vec<(usize, Place)>,
}

/// Index of a box or author in one table, as the index in another: each box counts from itself.
fn turned(index: u16, from: usize, to: usize) -> u16 {
    ((usize::from(index) + BOXES + from - to) % BOXES) as u16
}

pub fn moved(record: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut out = vec![0; 16 * 1024];
    let contact = Contact::parse(record).expect("a record that was written");
    rebase(
        &contact,
        |origin| BoxIndex(turned(origin.0, from, to)),
        |author| AuthorIndex(turned(author.0 - 1, from, to) + 1),
        &mut out,
    )
    .expect("room for a small record")
    .to_vec()
}

/// The state in a record of box `at`, with the names of an onlooker.
pub fn state(record: &[u8], at: usize) -> State {
    let contact = Contact::parse(record).expect("a record that was written");
    let mut state = State::default();
    for property in contact.properties() {
        let tags: BTreeSet<_> = property
            .stamps()
            .map(|stamp| {
                let number = turned(stamp.origin.0, at, 0) + 1;
                (stamp.time, number, stamp.seq, turned(stamp.author.0 - 1, at, 0) + 1)
            })
            .collect();
        assert_eq!(tags.len(), property.stamps().count(), "a stamp twice");
        let before = state.contents.insert(key(&property.content), tags);
        assert_eq!(before, None, "a content twice");
    }
    for (origin, time) in contact.seen() {
        state.seen.insert(turned(origin.0, at, 0) + 1, time);
    }
    state
}

pub fn merged(a: &[u8], b: &[u8], time: u64) -> Option<Vec<u8>> {
    let (a, b) = (Contact::parse(a).unwrap(), Contact::parse(b).unwrap());
    let change = Change::new(time, AuthorIndex(1), Origin::Merge);
    let (mut items, mut out) = ([Item::EMPTY; 256], vec![0; 16 * 1024]);
    let mut scratch = Scratch::new(&mut items);
    merge(&a, &b, change, &mut scratch, &mut out).unwrap().map(|record| record.to_vec())
}

impl World {
    pub fn after(ops: &[(Op, u64)]) -> Self {
        let mut world = Self::default();
        for (op, wall) in ops {
            world.run(op, *wall);
        }
        world
    }

    fn run(&mut self, op: &Op, wall: u64) {
        match *op {
            Op::Merge { at, from } => {
                let other = self.places[from].clone();
                self.meet(at, from, &other, wall);
            }
            Op::MergeOld { at, which } if !self.old.is_empty() => {
                let (from, other) = self.old[which % self.old.len()].clone();
                self.meet(at, from, &other, wall);
            }
            Op::MergeOld { .. } => {}
            Op::Edit { at, .. }
            | Op::Import { at, .. }
            | Op::Trash { at }
            | Op::Restore { at }
            | Op::Purge { at } => self.change(at, op, wall),
        }
    }

    fn tick(&mut self, at: usize, wall: u64) -> u64 {
        let place = &mut self.places[at];
        place.clock = wall.max(place.clock + 1);
        place.clock
    }

    fn change(&mut self, at: usize, op: &Op, wall: u64) {
        let time = self.tick(at, wall);
        let number = at as u16 + 1;
        let place = &mut self.places[at];
        let (old, truth) = (place.record.clone(), place.truth.clone());
        let old = old.as_deref().map(|record| Contact::parse(record).unwrap());
        let (mut items, mut out) = ([Item::EMPTY; 256], vec![0; 16 * 1024]);
        let mut scratch = Scratch::new(&mut items);
        let change = |origin| Change::new(time, AuthorIndex(1), origin);
        let mut memory = [0; 4096];
        let lines = |mask: u16, turn: usize| {
            let mut memory = [0; 4096];
            draft(&mut memory, mask, turn)
                .map(|content| Line {
                    key: key(&content),
                    is_bookkeeping: content.kind.is_bookkeeping(),
                })
                .collect::<Vec<_>>()
        };
        let (new, expected) = match (op, old, truth) {
            (&Op::Edit { mask, turn, .. }, old, truth) => {
                let card = draft(&mut memory, mask, turn);
                let change = change(Origin::Edit);
                (
                    edit(old.as_ref(), UID, &card, change, &mut scratch, &mut out).unwrap(),
                    oracle::edited(truth.as_ref(), &lines(mask, turn), number, time),
                )
            }
            (&Op::Import { mask, turn, .. }, old, truth) => {
                let card = draft(&mut memory, mask, turn);
                let digest = card.digest();
                let mark = Property {
                    value: Value::Bytes(if UID.0 == digest { &[] } else { &digest[..6] }),
                    ..Property::text(Kind::IMPORTED, "")
                };
                let file: Vec<_> = universe()
                    .iter()
                    .filter(|content| content.kind.is_bookkeeping())
                    .map(key)
                    .collect();
                let lines = lines(mask, turn);
                let change = change(Origin::Import);
                let new =
                    import_into(old.as_ref(), UID, &card, change, &mut scratch, &mut out).unwrap();
                let actual = new.map(|record| state(record, at));
                let (by, truth) = ((number, time), truth.as_ref());
                let expected =
                    oracle::absorbed(truth, &lines, &key(&mark), &file, by, actual.as_ref());
                (new, expected)
            }
            (Op::Trash { .. }, Some(old), Some(truth)) => (
                trash(&old, change(Origin::Trash), &mut scratch, &mut out).unwrap(),
                oracle::trashed(&truth, number, time),
            ),
            (Op::Restore { .. }, Some(old), Some(truth)) => (
                restore(&old, change(Origin::Restore), &mut scratch, &mut out).unwrap(),
                oracle::restored(&truth, number, time),
            ),
            (Op::Purge { .. }, Some(old), Some(truth)) => (
                purge(&old, change(Origin::Purge), &mut out).unwrap(),
                oracle::purged(&truth, number, time),
            ),
            _ => return,
        };
        assert_eq!(new.is_some(), expected.is_some(), "{op:?} changes something or nothing");
        let Some(new) = new else { return };
        place.record = Some(new.to_vec());
        place.truth = expected;
        self.check(at, time);
    }

    fn meet(&mut self, at: usize, from: usize, other: &Place, wall: u64) {
        let (Some(record), Some(truth)) = (&other.record, &other.truth) else { return };
        let place = &mut self.places[at];
        place.clock = place.clock.max(other.clock);
        let theirs = moved(record, from, at);
        assert_eq!(state(&theirs, at), *truth, "another table, the same state");
        let Some(mine) = self.places[at].record.clone() else {
            self.places[at].record = Some(theirs);
            self.places[at].truth = Some(truth.clone());
            return;
        };
        let time = self.tick(at, wall);
        let place = &mut self.places[at];
        let expected = place.truth.as_ref().expect("as there is a record").merged(truth);
        let new = merged(&mine, &theirs, time);
        assert_eq!(new.is_none(), place.truth.as_ref() == Some(&expected));
        if let Some(new) = new {
            place.record = Some(new);
            place.truth = Some(expected);
            self.check(at, time);
        }
    }

    fn check(&mut self, at: usize, time: u64) {
        let place = &self.places[at];
        let record = place.record.as_deref().expect("just written");
        let contact = Contact::parse(record).expect("what a change writes parses");
        assert_eq!(contact.uid(), UID);
        assert_eq!(contact.changed().time, time);
        let truth = place.truth.as_ref().expect("just written");
        assert_eq!(state(record, at), *truth);
        assert_eq!(contact.is_trashed(), truth.is_trashed());
        assert_eq!(contact.is_tombstone(), truth.is_tombstone());
        let firsts: Vec<_> = contact.properties().map(|property| property.first_stamp()).collect();
        // A state taken over from another table keeps that table's order within a moment.
        assert!(firsts.is_sorted_by_key(|stamp| stamp.time), "properties stand in order");
        self.old.push((at, place.clone()));
    }
}

impl World {
    /// Every box meets every other, twice round.
    pub fn settle(&mut self) {
        for _ in 0..2 {
            for at in 0..BOXES {
                for from in 0..BOXES {
                    self.run(&Op::Merge { at, from }, 1_000);
                }
            }
        }
    }
}
