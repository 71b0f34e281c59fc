//! System calls that fail, each kind in each way at each call: the errors are true, nothing
//! acknowledged is lost, and a restart helps.

use super::file::{Call, How, Model, Plan};
use super::office::{Card, Office, Op, Oracle, Wrong};
use contactbox_tests::pagecache::{Cut, PageCache};
use contactbox_tests::random::Random;
use contactbox_tests::report;

const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

/// The kinds of calls that can fail.
const CALLS: [Call; 4] = [Call::Write, Call::Len, Call::Room, Call::Sync];

/// The most calls of one kind tried in a usual run, spread over all of them.
const CALLS_MAX: usize = 40;

/// The batches asked for from the one on in which a call fails.
const BATCHES: usize = 3;

/// Returns the requests, one batch for each sync: photos, growth, small changes, and enough for
/// pages to be erased.
fn script() -> Vec<Vec<Op>> {
    let mut random = Random::new(0xFA_017);
    (0..60)
        .map(|batch| {
            (0..1 + random.below(4))
                .map(|place| {
                    let number = batch * 10 + place as u32;
                    let who = random.below(9) as u16;
                    let (photo, note) = match random.below(12) {
                        0 => (20_000 + random.below(40_000), 0),
                        1 => (0, 33_000),
                        _ => (0, random.below(7_000)),
                    };
                    match random.below(12) {
                        0 => Op::Remove(who),
                        1 => Op::Purge(who),
                        2 => Op::Import(100 + number as u16, Card { number, photo: 0, note: 50 }),
                        3 if batch % 6 == 0 => Op::Grow(1),
                        _ => Op::Put(who, Card { number, photo, note }),
                    }
                })
                .collect()
        })
        .collect()
}

/// The box before a batch, and the number of calls up to then.
struct Before {
    cache: PageCache,
    oracle: Oracle,
    now: u64,
    batch: usize,
    calls: [usize; 4],
}

/// Runs the whole script without a failure.
fn rehearsed(script: &[Vec<Op>]) -> (Vec<Before>, [usize; 4]) {
    let mut office = Office::new(Office::blank());
    office.file.state().calls = [0; 4];
    let mut before = Vec::new();
    for (batch, ops) in script.iter().enumerate() {
        let (oracle, now) = (office.oracle.clone(), office.now());
        let (cache, calls) = {
            let state = office.file.state();
            (state.cache.clone(), state.calls)
        };
        before.push(Before { cache, oracle, now, batch, calls });
        office.batch(ops).unwrap_or_else(|story| panic!("batch {batch}: {story}"));
        if batch % 5 == 4 {
            office.idle(2).unwrap_or_else(|story| panic!("idle at {batch}: {story}"));
        }
    }
    let calls = office.file.state().calls;
    (before, calls)
}

/// Asks for some batches; returns those that were refused.
fn work(office: &mut Office, script: &[Vec<Op>], first: usize) -> Vec<(usize, String)> {
    let mut refused = Vec::new();
    for (number, batch) in script.iter().enumerate().skip(first).take(BATCHES) {
        if let Err(story) = office.batch(batch) {
            refused.push((number, story));
        }
        if number % 5 == 4 {
            office.idle(2).ok();
        }
    }
    refused
}

/// Checks that a message shows nothing of the inside of the program.
fn check_words(story: &str) -> Result<(), String> {
    let is_raw = ["Os {", "kind:", "Io {", "Flash("].iter().any(|raw| story.contains(raw));
    if is_raw { Err(format!("no words for a person: {story}")) } else { Ok(()) }
}

fn attempt(
    plan: Plan,
    script: &[Vec<Op>],
    before: &Before,
    random: &mut Random,
) -> Result<usize, String> {
    let told = |step: &'static str| {
        move |(wrong, story): (Wrong, String)| format!("{step}: {wrong:?}: {story}")
    };
    let file = Model::new(before.cache.clone());
    let mut office =
        Office::open(file, before.oracle.clone(), before.now).map_err(told("before"))?;
    office.file.state().plan = Some(plan);
    office.file.state().calls = before.calls;
    let refused = work(&mut office, script, before.batch);
    refused.iter().try_for_each(|(_, story)| check_words(story))?;
    let everything = usize::MAX - 1;
    let (oracle, now, file) = (office.oracle.clone(), office.now(), office.file.clone());
    drop(office);

    // The power fails at once.
    file.state().plan = None;
    let cut = *random.pick(&[Cut::Nothing, Cut::Blocks, Cut::All]);
    let left = file.state().cache.after(cut, random);
    let mut after = Office::open(Model::new(left), oracle.clone(), now).map_err(told("cut"))?;
    after.compare(everything).map_err(told("cut"))?;
    after.verify().map_err(told("cut"))?;
    drop(after);

    // If the disk goes on refusing, the box can be read and changes nothing.
    if plan.is_lasting && plan.call == Call::Sync {
        file.state().plan = Some(Plan { first: 0, ..plan });
        let mut sick = Office::open(file.clone(), oracle.clone(), now).map_err(told("sick"))?;
        let story = sick.batch(&[Op::Put(0, Card::default())]).err();
        let story = story.ok_or("a disk that takes nothing was believed")?;
        check_words(&story)?;
        if !story.contains("read-only") {
            return Err(format!("it is not said that the box is read-only: {story}"));
        }
        file.state().plan = None;
    }

    // The daemon is restarted, and the refused batches are asked for again.
    let mut office = Office::open(file.clone(), oracle, now).map_err(told("restart"))?;
    office.compare(everything).map_err(told("restart"))?;
    office.verify().map_err(told("restart"))?;
    for (number, _) in &refused {
        office.batch(&script[*number]).map_err(|story| format!("asked again: {story}"))?;
    }
    let (oracle, now) = (office.oracle.clone(), office.now());
    drop(office);
    let left = file.state().cache.after(Cut::Nothing, random);
    let mut office = Office::open(Model::new(left), oracle, now).map_err(told("asked again"))?;
    office.compare(everything).map_err(told("asked again"))?;
    office.verify().map_err(told("asked again"))?;
    Ok(refused.len())
}

#[test]
fn b4_no_call_that_fails_costs_anything_acknowledged() {
    let script = script();
    let (before, calls) = rehearsed(&script);
    let mut random = Random::new(0xB4);
    let (mut attempts, mut refused, mut wrong) = (0, 0, Vec::new());
    for call in CALLS {
        let made = calls[call as usize];
        assert!(made > 2, "{call:?} is called {made} times");
        let step = if report::campaign() { 1 } else { made.div_ceil(CALLS_MAX) };
        for first in (0..made).step_by(step) {
            let mut hows = vec![
                (How::Error(EIO), false),
                (How::Error(*random.pick(&[EIO, ENOSPC, EDQUOT])), true),
                (How::Error(*random.pick(&[ENOSPC, EDQUOT, EINTR])), false),
            ];
            if call != Call::Sync && call != Call::Len {
                hows.push((How::Half(*random.pick(&[EIO, ENOSPC, EDQUOT])), random.below(2) == 0));
            }
            if call == Call::Write {
                hows.push((How::Short, random.below(2) == 0));
            }
            for (how, is_lasting) in hows {
                let plan = Plan { call, first, is_lasting, how };
                let last = before.iter().rfind(|before| before.calls[call as usize] <= first);
                let Some(last) = last else { continue };
                attempts += 1;
                match attempt(plan, &script, last, &mut random) {
                    Ok(count) => refused += count,
                    Err(story) => wrong.push(format!("{plan:?}: {story}")),
                }
            }
        }
    }
    report::line(
        "host_disk",
        &format!(
            "{attempts} runs with a call that fails, {refused} batches refused and asked for again: {} went wrong",
            wrong.len()
        ),
    );
    wrong.truncate(8);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
