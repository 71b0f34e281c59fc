//! Power cuts, and kills, at any moment of each kind of work: nothing acknowledged is lost or
//! reported as lost.

use super::file::{Event, Model};
use super::office::{Card, Office, Op, Oracle, Verdict, Wrong};
use super::work::{WORKS, Work, done};
use contactbox_tests::pagecache::{CUTS, Cut, PageCache};
use contactbox_tests::random::Random;
use contactbox_tests::report;
use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The points of all kinds of work together, unless CONTACTBOX_POINTS gives another number.
/// CONTACTBOX_POINTS_FROM leaves out the points before it, so that a long sweep can be run in
/// parts.
const POINTS: usize = 20_000;

/// The number of points in the long sweep.
const POINTS_LONG: usize = 1_000_000;

/// The points taken from one run of a work.
const POINTS_OF_A_RUN: usize = 100;

/// The number of points of which one is cut again during further work.
const AGAIN: usize = 3;

/// The results of the points.
#[derive(Default)]
struct Counts {
    points: usize,
    again: usize,
    wrong: BTreeMap<(Wrong, Work, Cut), usize>,
    stories: Vec<String>,
}

/// Follows the log of a run from one point to the next.
struct Player<'l> {
    cache: PageCache,
    log: &'l [Event],
    at: usize,
}

impl Player<'_> {
    fn go_to(&mut self, events: usize) {
        for event in &self.log[self.at..events] {
            match event {
                Event::Change(change) => self.cache.apply(change),
                Event::Sync => self.cache.sync(),
                Event::Forget => self.cache.forget(),
            }
        }
        self.at = events;
    }
}

fn pick(random: &mut Random) -> Cut {
    // Cuts with only one result need fewer tries.
    match random.below(20) {
        0 => Cut::All,
        1 => Cut::Nothing,
        2 | 3 => Cut::Kill,
        _ => *random.pick(&CUTS[3..]),
    }
}

/// Makes one run of a work, and cuts it at many points.
fn sweep(work: Work, seed: u64, points: usize, counts: &Mutex<Counts>) {
    let start = Office::blank();
    let office = done(work, seed, start.clone());
    let (oracle, now) = (office.oracle.clone(), office.now());
    let log = std::mem::take(&mut office.file.state().log);
    drop(office);
    let mut random = Random::new(seed ^ 0xC0_7A11);
    let mut places: Vec<usize> = (0..points).map(|_| random.below(log.len() + 1)).collect();
    places.sort_unstable();
    let mut player = Player { cache: start, log: &log, at: 0 };
    let mut seen = HashSet::new();
    for place in places {
        player.go_to(place);
        let mut tries = 0;
        let (cut, after) = loop {
            let cut = pick(&mut random);
            let after = player.cache.after(cut, &mut random);
            tries += 1;
            // A second case with the same bytes at this place would be counted and prove nothing.
            if seen.insert((place, after.print(&player.cache))) || tries == 20 {
                break (cut, after);
            }
        };
        let is_again = random.below(AGAIN) == 0;
        let verdict = judge(after, &oracle, place, now, is_again, &mut random);
        let mut counts = counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.points += 1;
        counts.again += usize::from(is_again);
        if let Err((wrong, story)) = verdict {
            *counts.wrong.entry((wrong, work, cut)).or_default() += 1;
            if counts.stories.len() < 12 {
                let of = log.len();
                counts.stories.push(format!(
                    "{wrong:?}: {work:?}, seed {seed}, {cut:?} behind event {place} of {of}: {story}"
                ));
            }
        }
    }
}

/// Opens the remains of a cut, compares, goes on working, and opens it once more.
fn judge(
    after: PageCache,
    oracle: &Oracle,
    events: usize,
    now: u64,
    is_again: bool,
    random: &mut Random,
) -> Verdict<()> {
    let failed = |story: String| (Wrong::Refused, story);
    let file = Model::new(after);
    let mut office = Office::open(file.clone(), oracle.clone(), now)?;
    // The oracle knows the events of the first run; the log of what follows begins anew.
    office.compare(events)?;
    office.verify()?;
    let begun = file.state().cache.clone();
    file.state().log.clear();
    let card = Card { number: 1_000_000, photo: 0, note: random.below(300) };
    let who = random.below(12) as u16;
    let mut ops = vec![Op::Put(who, card)];
    if is_again {
        let photo = 30_000 + random.below(10_000);
        ops.push(Op::Put(random.below(12) as u16, Card { photo, number: 1_000_001, note: 0 }));
    }
    office.batch(&ops).map_err(failed)?;
    if is_again {
        office.batch(&[Op::Remove(who), Op::Put(who, card)]).map_err(failed)?;
        office.idle(1).map_err(failed)?;
    }
    let (oracle, now) = (office.oracle.clone(), office.now());
    drop(office);
    let log = std::mem::take(&mut file.state().log);
    let place = if is_again { random.below(log.len() + 1) } else { log.len() };
    let mut player = Player { cache: begun, log: &log, at: 0 };
    player.go_to(place);
    let cut = if is_again { pick(random) } else { Cut::Nothing };
    let left = player.cache.after(cut, random);
    let again = |(wrong, story)| (wrong, format!("then {cut:?} behind {place} more: {story}"));
    let mut office = Office::open(Model::new(left), oracle, now).map_err(again)?;
    office.compare(place).map_err(again)?;
    if is_again { office.verify().map_err(again) } else { Ok(()) }
}

#[test]
fn b5_b6_a_power_cut_on_a_host_loses_nothing_and_raises_no_alarm() {
    let usual = if report::campaign() { POINTS_LONG } else { POINTS };
    let asked = |name: &str| {
        std::env::var(name).ok().map(|asked| asked.parse::<usize>().expect("a number"))
    };
    let first = asked("CONTACTBOX_POINTS_FROM").unwrap_or(0) / POINTS_OF_A_RUN;
    let runs = asked("CONTACTBOX_POINTS").unwrap_or(usual) / POINTS_OF_A_RUN;
    let points = runs * POINTS_OF_A_RUN;
    let (next, counts) = (AtomicUsize::new(first), Mutex::new(Counts::default()));
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= first + runs {
                        return;
                    }
                    let work = WORKS[run % WORKS.len()];
                    sweep(work, run as u64, POINTS_OF_A_RUN, &counts);
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sum = |wrong: Wrong| -> usize {
        counts.wrong.iter().filter(|((kind, ..), _)| *kind == wrong).map(|(_, count)| count).sum()
    };
    let told = format!(
        "{} power cuts and kills over {} kinds of work, {} of them cut again: {} lost, {} false alarms, {} not opened",
        counts.points,
        WORKS.len(),
        counts.again,
        sum(Wrong::Lost),
        sum(Wrong::Alarm),
        sum(Wrong::Refused),
    );
    report::line("host_disk", &told);
    assert!(counts.points >= points, "{} points", counts.points);
    assert!(counts.wrong.is_empty(), "{told}\n{:?}\n{}", counts.wrong, counts.stories.join("\n"));
}
