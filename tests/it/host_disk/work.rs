//! The kinds of work for a box on a modelled disk, each with its own pattern of writes.

use super::office::{Card, Office, Op};
use contactbox_tests::pagecache::PageCache;
use contactbox_tests::random::Random;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Contacts get photos of several chunks.
    Photos,
    /// Notes are so long that the record is kept in chunks.
    Texts,
    /// Hundreds of contacts are imported, dozens to a sync, twice.
    Imports,
    /// The image grows again and again.
    Growth,
    /// More is written than fits, so that pages are reclaimed.
    Reclaim,
    /// One small change to a sync.
    Edits,
    /// The process is killed now and then, and unacknowledged requests are repeated.
    Restarts,
}

/// All kinds of work.
pub const WORKS: [Work; 7] = [
    Work::Photos,
    Work::Texts,
    Work::Imports,
    Work::Growth,
    Work::Reclaim,
    Work::Edits,
    Work::Restarts,
];

fn small(random: &mut Random, number: u32) -> Card {
    Card { number, photo: 0, note: random.below(400) }
}

/// Returns any change of one of `people` contacts.
fn any(random: &mut Random, people: usize, number: u32) -> Op {
    let who = random.below(people) as u16;
    match random.below(12) {
        0 => Op::Remove(who),
        1 => Op::Restore(who),
        2 => Op::Purge(who),
        _ => Op::Put(who, small(random, number)),
    }
}

/// Does the work in a new box.
pub fn done(work: Work, seed: u64, blank: PageCache) -> Office {
    let mut random = Random::new(seed);
    let office = Office::new(blank);
    let told = match work {
        Work::Restarts => restarts(office, &mut random),
        _ => work_on(office, work, &mut random),
    };
    told.unwrap_or_else(|story| panic!("{work:?} {seed}: the disk is sound, and yet {story}"))
}

fn work_on(mut office: Office, work: Work, random: &mut Random) -> Result<Office, String> {
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    match work {
        Work::Photos => {
            for _ in 0..8 {
                let mut ops = Vec::new();
                for _ in 0..1 + random.below(3) {
                    let who = random.below(5) as u16;
                    let mut card = small(random, next());
                    if random.below(2) > 0 {
                        card.photo = 200 + random.below(80_000);
                    }
                    ops.push(Op::Put(who, card));
                }
                office.batch(&ops)?;
            }
        }
        Work::Texts => {
            for _ in 0..8 {
                let mut ops = Vec::new();
                for _ in 0..1 + random.below(3) {
                    let mut card = small(random, next());
                    if random.below(2) > 0 {
                        card.note = 31_000 + random.below(36_000);
                    }
                    ops.push(Op::Put(random.below(5) as u16, card));
                }
                office.batch(&ops)?;
            }
        }
        Work::Imports => {
            let cards: Vec<_> =
                (0..240).map(|who| Op::Import(who, small(random, u32::from(who)))).collect();
            for ops in cards.chunks(60).chain(cards.chunks(120)) {
                office.batch(ops)?;
            }
        }
        Work::Growth => {
            for _ in 0..16 {
                let ops: Vec<_> = (0..1 + random.below(6))
                    .map(|_| match random.below(4) {
                        0 => Op::Grow(1 + random.below(3) as u16),
                        1 => {
                            let note = 3_000 + random.below(9_000);
                            let card = Card { note, ..small(random, next()) };
                            Op::Put(random.below(16) as u16, card)
                        }
                        _ => any(random, 16, next()),
                    })
                    .collect();
                office.batch(&ops)?;
            }
        }
        Work::Reclaim => {
            for round in 0..100 {
                let ops: Vec<_> = (0..1 + random.below(6))
                    .map(|_| {
                        let note = 500 + random.below(9_000);
                        Op::Put(random.below(12) as u16, Card { note, ..small(random, next()) })
                    })
                    .collect();
                office.batch(&ops)?;
                if round % 9 == 8 {
                    office.idle(random.below(4))?;
                }
            }
        }
        Work::Edits => {
            for round in 0..120 {
                let op = any(random, 30, next());
                office.batch(&[op])?;
                if round % 13 == 12 {
                    office.idle(random.below(2))?;
                }
            }
        }
        // Its process is replaced each time.
        Work::Restarts => {}
    }
    Ok(office)
}

/// A process is killed between writing and syncing, and its client asks again.
fn restarts(mut office: Office, random: &mut Random) -> Result<Office, String> {
    for round in 0..25 {
        let ops: Vec<_> = (0..1 + random.below(8))
            .map(|place| match random.below(4) {
                0 => {
                    let card = Card { number: round * 10 + place as u32, photo: 40_000, note: 0 };
                    Op::Put(random.below(12) as u16, card)
                }
                _ => Op::Put(random.below(12) as u16, small(random, round * 10 + place as u32)),
            })
            .collect();
        if random.below(2) == 0 {
            office.batch(&ops)?;
            continue;
        }
        office.unsynced(&ops[..1 + random.below(ops.len())])?;
        office = office.restart().map_err(|(wrong, story)| format!("{wrong:?}: {story}"))?;
        office.batch(&ops)?;
    }
    Ok(office)
}
