//! The daemon killed at random moments: every acknowledged change is there when it is opened again.
mod writer;

use contactbox_tests::daemon::{Client, Daemon, Place};
use contactbox_tests::people::people;
use contactbox_tests::random::Random;
use contactbox_tests::report;
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};
use writer::Writer;

const KILLS: usize = 50;
const WRITERS: usize = 8;

/// The longest time of writing before a kill.
const WRITING_MAX: Duration = Duration::from_millis(300);

/// The longest life of a daemon that is only opening its box.
const OPENING_MAX: Duration = Duration::from_millis(40);

/// The number of kills after which the next daemon is killed as well, while it opens the box.
const OPENING_EVERY: usize = 5;

#[test]
fn what_was_acknowledged_survives_fifty_kills() {
    let place = Place::new();
    let mut random = Random::new(0x6b69_6c6c);
    let mut writers: Vec<_> = (0..WRITERS).map(|seed| Writer::new(seed as u64)).collect();
    let kills = if report::campaign() { 10 * KILLS } else { KILLS };
    let mut killed_opening = 0;
    for kill in 1..=kills {
        let daemon = place.serve();
        let lives = fraction(&mut random, WRITING_MAX);
        thread::scope(|scope| {
            for writer in &mut writers {
                let client = daemon.client();
                scope.spawn(move || writer.write(client));
            }
            thread::sleep(lives);
            daemon.kill();
        });
        if kill % OPENING_EVERY == 0 {
            let mut command = place.command(["serve"]);
            let opening = command.stderr(std::process::Stdio::null()).spawn();
            let mut opening = opening.expect("the program runs");
            thread::sleep(fraction(&mut random, OPENING_MAX));
            opening.kill().expect("a child can be killed");
            opening.wait().expect("a child can be waited for");
            killed_opening += 1;
        }
        let daemon = place.serve();
        check(&daemon, &mut writers, kill == kills);
        daemon.kill();
    }
    let sum = |part: fn(&Writer) -> u64| writers.iter().map(part).sum::<u64>();
    let acknowledged = sum(|writer| writer.acknowledged);
    report::line(
        "killed",
        &format!(
            "{kills} kills under {WRITERS} writers, {killed_opening} more while opening: {acknowledged} changes \
             acknowledged and 0 lost; {} of {} in flight were on the disk",
            sum(|writer| writer.unanswered[1]),
            sum(|writer| writer.unanswered[0]),
        ),
    );
    // A run in which hardly anything was written proves nothing.
    assert!(acknowledged > 10 * kills as u64, "only {acknowledged} changes were acknowledged");
}

fn fraction(random: &mut Random, of: Duration) -> Duration {
    of.mul_f64(random.below(1000) as f64 / 1000.0)
}

/// Checks that everything acknowledged is there, and nothing else.
fn check(daemon: &Daemon, writers: &mut [Writer], is_last: bool) {
    let mut client = daemon.client();
    let mut expected = [0; 2];
    for writer in writers {
        let counts = writer.compare(&mut client);
        expected = [expected[0] + counts[0], expected[1] + counts[1]];
    }
    let info = client.call("box.info", json!({}));
    assert_eq!(json!([info["contacts"], info["trashed"]]), json!(expected), "{info}");
    if is_last {
        let verified = client.call("box.verify", json!({}));
        assert_eq!(verified["sound"], true, "{verified}");
    }
}

#[test]
fn an_import_goes_on_where_a_kill_stopped_it() {
    const CARDS: usize = 20_000;
    const KILLS: usize = 6;
    let place = Place::new();
    let text: String = people(CARDS, 77).map(|person| person.vcard()).collect();
    let file = place.file("people.vcf", text);
    let file = file.to_str().expect("a plain path");
    let mut random = Random::new(0x696d_706f);
    let mut stopped_at = Vec::new();
    for _ in 0..KILLS {
        let daemon = place.serve();
        let before = contacts(&mut daemon.client());
        let import = place
            .command(["import", file])
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program runs");
        // In the middle of the new contacts: they take longer than those that are there already.
        let begun = Instant::now();
        let mut client = daemon.client();
        let beyond = before + random.below(CARDS / KILLS) as u64;
        while contacts(&mut client) <= beyond && begun.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(1));
        }
        daemon.kill();
        let output = import.wait_with_output().expect("the import ends");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        let acknowledged = taken_in(&told);

        let daemon = place.serve();
        let after = contacts(&mut daemon.client());
        assert!(after >= acknowledged, "{after} contacts after {acknowledged} cards: {told}");
        assert!(after >= before, "{after} contacts after there were {before}");
        stopped_at.push(after);
    }
    let daemon = place.serve();
    let ran = place.run(["--json", "import", file]).expect(0);
    let told = &ran.json()[0];
    assert_eq!(told["unchanged"], stopped_at[KILLS - 1], "what was there is known again");
    assert_eq!(told["added"], CARDS as u64 - stopped_at[KILLS - 1]);
    assert_eq!(json!([told["updated"], told["rejected"]]), json!([0, 0]));
    let mut client = daemon.client();
    assert_eq!(contacts(&mut client), CARDS as u64);
    assert_eq!(client.call("box.verify", json!({}))["sound"], true);
    report::line("killed", &format!("an import of {CARDS} cards, killed at {stopped_at:?}"));
}

fn contacts(client: &mut Client) -> u64 {
    client.call("box.info", json!({}))["contacts"].as_u64().expect("a number")
}

/// Returns how many vCards an interrupted import says it has imported.
fn taken_in(told: &str) -> u64 {
    let line = told
        .lines()
        .find(|line| line.contains(" were taken in"))
        .unwrap_or_else(|| panic!("{told}"));
    let digits = line.split(" card").next().unwrap_or("");
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{told}"))
}
