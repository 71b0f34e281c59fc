//! `crash-bench`: the power cut at every flash operation, this box beside other engines.
//!
//! Everything here is counted, not timed: two runs print the same numbers on any machine.
use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use contactbox_core::sim::Tear;
use contactbox_tests::bench::crash::{Plan, SEED, Script, Tally, WORD_BYTES};
use contactbox_tests::bench::engine::Engine;
use contactbox_tests::bench::engines::{Ekv, Map, Queue, version_of};
use contactbox_tests::bench::ours::Ours;
use contactbox_tests::bench::table::{Table, grouped};

/// Runs with two cuts, in each tear mode.
const DOUBLE_RUNS: u64 = 4_000;
/// Pages as small as engines allow, so that a short script reuses them over and over.
const SMALL: Plan = Plan { pages: 16, contacts: 20, edits: 260 };
/// The plan of ekv, which needs a page for each transaction and fixes the page size by a feature.
const LARGE: Plan = Plan { pages: 24, contacts: 12, edits: 48 };

fn main() {
    // A panic of an engine under test is counted; its text would swamp the table.
    std::panic::set_hook(Box::new(|_| {}));
    println!("The power cut at every flash operation, on a simulated NOR chip");
    println!();
    println!(
        "script    contacts added, then edited at random (90 % of the edits on 10 % of them); seed {SEED}"
    );
    println!(
        "cuts      single: at every program and erase; double: {} runs, the second within 24 operations",
        grouped(DOUBLE_RUNS)
    );
    println!("tears     none: not begun; prefix: its first part; bits: a random choice of bits;");
    println!("          zeros: a part reads 0; full: done, but never acknowledged");
    println!("after     reopened, compared, 40 more edits, reopened, compared");
    println!("lost      runs where an acknowledged contact is gone, unreadable or wrong");
    println!("stale     runs where an older version of a contact is shown as the newest");
    println!("stuck     runs where the store does not open, takes no more edits, or panics");
    println!(
        "versions  contactbox-core {}, sequential-storage {}, ekv {}",
        version_of("contactbox-core"),
        version_of("sequential-storage"),
        version_of("ekv")
    );
    run::<Ours<WORD_BYTES, 512>, 512>(SMALL);
    run::<Map<WORD_BYTES, 512>, 512>(SMALL);
    run::<Queue<WORD_BYTES, 512>, 512>(SMALL);
    run::<Ekv<WORD_BYTES>, 4096>(LARGE);
}

fn run<E: Engine<WORD_BYTES, ERASE>, const ERASE: usize>(plan: Plan) {
    let script = Script::new(plan);
    println!();
    let operations = match script.operations::<E, ERASE>() {
        Ok(operations) => operations,
        Err(why) => return println!("{}: {why}", E::NAME),
    };
    println!(
        "{}: {} pages of {ERASE} B, {} contacts, {} edits, {} flash operations",
        E::NAME,
        plan.pages,
        plan.contacts,
        plan.edits,
        grouped(operations)
    );
    let jobs: VecDeque<_> =
        Tear::ALL.into_iter().flat_map(|tear| [(tear, false), (tear, true)]).collect();
    let (jobs, results) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    let worker = || {
        while let Some((tear, double)) = jobs.lock().expect("no worker panics").pop_front() {
            let tally = if double {
                script.double::<E, ERASE>(operations, tear, DOUBLE_RUNS)
            } else {
                script.single::<E, ERASE>(operations, tear)
            };
            results.lock().expect("no worker panics").push((double, tear as u8, tally));
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(worker);
        }
    });
    let mut table = Table::new(&[
        "tear",
        "1 cut: runs",
        "lost",
        "stale",
        "stuck",
        "2 cuts: runs",
        "lost",
        "stale",
        "stuck",
    ]);
    let results = results.into_inner().expect("no worker panics");
    let of = |tear: Tear, double: bool| {
        let found = results.iter().find(|(two, name, _)| (*two, *name) == (double, tear as u8));
        found.map_or(Tally::default(), |(_, _, tally)| *tally)
    };
    let mut sums = [Tally::default(); 2];
    for tear in Tear::ALL {
        let both = [of(tear, false), of(tear, true)];
        table.row(cells(&format!("{tear:?}").to_lowercase(), &both));
        for (sum, one) in sums.iter_mut().zip(both) {
            *sum = sum.plus(one);
        }
    }
    table.row(cells("all", &sums));
    print!("{table}");
}

fn cells(name: &str, tallies: &[Tally; 2]) -> Vec<String> {
    let mut cells = vec![name.to_string()];
    for tally in tallies {
        cells.extend([tally.runs, tally.lost, tally.stale, tally.stuck].map(grouped));
    }
    cells
}
