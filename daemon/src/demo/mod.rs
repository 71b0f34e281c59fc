//! The main job played through on the sample, with a daemon of its own in a temporary folder.
//!
//! Each step is printed with its time and checked: anything that is not as it must be ends the
//! demonstration with an error.

mod daemon;

use crate::cli::import::{self, FileTally, ImportObserver, RejectedCard};
use crate::cli::{Exit, Failure, export};
use crate::client::Client;
use crate::samples::{PEOPLE, PEOPLE_CARDS};
use contactbox_api::contact::{ChangeOutcome, Find, Patch};
use contactbox_api::status::{BoxStop, BoxVerify};
use contactbox_api::vcard::Export;
use contactbox_api::{JcardProperty, RawJson};
use daemon::Daemon;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the sample is in the file whose import is cut.
const COPIES: u64 = 25;

/// So many cards of it are acknowledged when the daemon is killed.
const CARDS_BEFORE_THE_KILL: u64 = 1500;

/// Plays it through; `keep` leaves the folder.
pub fn run(keep: bool) -> Result<(), Failure> {
    let started = Instant::now();
    let folder = tempfile::Builder::new().prefix("contactbox-").tempdir();
    let mut folder = folder
        .map_err(|error| Failure::other(format!("no temporary folder can be made: {error}")))?;
    folder.disable_cleanup(keep);
    let done = play(folder.path());
    if keep {
        say(&format!("the box, its log and the export are in {}", folder.path().display()))?;
    }
    done?;
    say(&format!("all is as it must be ({})", seconds(started.elapsed())))
}

fn play(folder: &Path) -> Result<(), Failure> {
    let mut step = Steps { number: 0, since: Instant::now() };

    let mut daemon = Daemon::start(folder)?;
    let mut client = daemon.client()?;
    step.done("serve", &format!("a daemon with an empty box in {}", folder.display()))?;

    let tally = import(&mut client, PEOPLE)?;
    expect("cards added", tally.added, PEOPLE_CARDS)?;
    let size = PEOPLE.len() / 1024;
    step.done("import", &format!("{PEOPLE_CARDS} invented people from {size} KiB of vCard"))?;
    let tally = import(&mut client, PEOPLE)?;
    expect("cards unchanged", tally.unchanged, PEOPLE_CARDS)?;
    step.done("import", "the same file again: nothing changes")?;

    let ada = find(&mut client, "lovel", "Ada Byrd Lovelock")?;
    step.done("find", "\"lovel\" finds Ada Byrd Lovelock: part of a name")?;
    let by_number = find(&mut client, "0171 555", "Ada Byrd Lovelock")?;
    expect("the person found by number", &by_number, &ada)?;
    step.done("find", "\"0171 555\" finds her +49 (171) 555-01: a number by its digits")?;
    find(&mut client, "grossmann", "Jörg Größmann")?;
    step.done("find", "\"grossmann\" finds Jörg Größmann: without the accents")?;

    let number = "+44 20 7946 0555";
    let added = [
        JcardProperty::text("tel", number).with_param("type", "work"),
        JcardProperty::text("note", "Offer sent."),
    ];
    let add = RawJson::of(&added).map_err(|error| Failure::other(error.to_string()))?;
    let patch = Patch { uid: ada.clone(), add: Some(add), ..Patch::default() };
    let edited = client.call(&patch)?;
    expect("the outcome of the edit", edited.outcome, ChangeOutcome::Updated)?;
    find(&mut client, "7946 0555", "Ada Byrd Lovelock")?;
    step.done("edit", "another number and a note for her; found by it at once")?;

    let large = copies();
    let cards = PEOPLE_CARDS * COPIES;
    let acknowledged = import_until_killed(&mut client, &mut daemon, &large)?;
    let text = format!("import of {cards} cards; SIGKILL when {acknowledged} were acknowledged");
    step.done("crash", &text)?;

    let mut daemon = Daemon::start(folder)?;
    let mut client = daemon.client()?;
    let held = client.hello().map_or(0, |hello| hello.contacts);
    if held < PEOPLE_CARDS + acknowledged {
        return Err(Failure::other(format!(
            "{PEOPLE_CARDS} and then {acknowledged} cards were acknowledged, the box has {held} contacts"
        )));
    }
    let edited = find(&mut client, "7946 0555", "Ada Byrd Lovelock")?;
    expect("the person edited before", &edited, &ada)?;
    step.done("reopen", &format!("{held} contacts: all that was acknowledged, and the edit"))?;

    let tally = import(&mut client, &large)?;
    expect("cards left to import", tally.added, PEOPLE_CARDS + cards - held)?;
    expect("cards there already", tally.unchanged, held - PEOPLE_CARDS)?;
    step.done("import", &format!("the same file goes on where it was cut: {} more", tally.added))?;

    let found = client.call(&BoxVerify {})?;
    expect("damaged entries", found.damaged, 0)?;
    step.done("verify", "everything reads back as it was written")?;

    let path = folder.join("export.vcf");
    let exported = export::to_file(&mut client, Export::default(), &path)?.cards;
    expect("cards exported", exported, PEOPLE_CARDS + cards)?;
    let text =
        std::fs::read(&path).map_err(|error| Failure::file(&path, "cannot be read", &error))?;
    step.done("export", &format!("{exported} cards, {} KiB of vCard 4.0", text.len() / 1024))?;
    let tally = import(&mut client, &text)?;
    expect("cards unchanged by their own export", tally.unchanged, exported)?;
    step.done("import", "the export again: nothing changes")?;

    client.call(&BoxStop {})?;
    daemon.wait()?;
    step.done("stop", "the daemon has ended")
}

/// Counts the steps and times them.
struct Steps {
    number: u32,
    since: Instant,
}

impl Steps {
    fn done(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        self.number += 1;
        let time = seconds(self.since.elapsed());
        say(&format!("{:2}  {name:6}  {time:>8}  {text}", self.number))?;
        self.since = Instant::now();
        Ok(())
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    Ok(writeln!(out, "{text}").and_then(|()| out.flush())?)
}

fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 1.0 => format!("{:.1} ms", short * 1e3),
        long => format!("{long:.2} s"),
    }
}

fn expect<T: PartialEq + std::fmt::Display>(
    what: &str,
    found: T,
    wanted: T,
) -> Result<(), Failure> {
    if found == wanted {
        return Ok(());
    }
    Err(Failure::other(format!("{what}: {found}, and it must be {wanted}")))
}

/// The identity of the best match, which must be called `name`.
fn find(client: &mut Client, query: &str, name: &str) -> Result<String, Failure> {
    let find = Find { query: query.to_owned(), limit: Some(1), ..Find::default() };
    let hit = client.call(&find)?.hits.into_iter().next();
    let found = hit.as_ref().map_or("nobody", |hit| &hit.name);
    expect(&format!("who \"{query}\" finds"), found, name)?;
    Ok(hit.map(|hit| hit.uid).unwrap_or_default())
}

/// The sample many times over, each time of other people.
fn copies() -> Vec<u8> {
    let text = String::from_utf8_lossy(PEOPLE);
    let copy = |number: u64| {
        text.replace("\r\nUID:", &format!("\r\nUID:copy-{number}-"))
            .replace("\r\nEND:VCARD", &format!("\r\nX-COPY:{number}\r\nEND:VCARD"))
    };
    (1..=COPIES).map(copy).collect::<String>().into_bytes()
}

fn import(client: &mut Client, text: &[u8]) -> Result<FileTally, Failure> {
    let tally = import::stream(client, text, "sample", None, &mut Strict)?;
    expect("cards rejected", tally.rejected, 0)?;
    Ok(tally)
}

/// Every card of the sample is good.
struct Strict;

impl ImportObserver for Strict {
    fn progress(&mut self, _: u64, _: &FileTally) {}

    fn rejected(&mut self, rejection: Option<&RejectedCard>, _: &[u8]) -> Result<(), Failure> {
        match rejection {
            Some(RejectedCard { at, reason, .. }) => {
                Err(Failure::other(format!("line {at} of the sample: {reason}")))
            }
            None => Ok(()),
        }
    }
}

/// Kills the daemon in the middle.
struct Killer<'a> {
    daemon: &'a mut Daemon,
    acknowledged: u64,
    killed: bool,
}

impl ImportObserver for Killer<'_> {
    fn progress(&mut self, _: u64, tally: &FileTally) {
        self.acknowledged = tally.cards();
        if tally.cards() >= CARDS_BEFORE_THE_KILL && !self.killed {
            self.killed = true;
            self.daemon.kill();
        }
    }

    fn rejected(&mut self, rejection: Option<&RejectedCard>, text: &[u8]) -> Result<(), Failure> {
        Strict.rejected(rejection, text)
    }
}

/// How many cards were acknowledged before the daemon died.
fn import_until_killed(
    client: &mut Client,
    daemon: &mut Daemon,
    text: &[u8],
) -> Result<u64, Failure> {
    let mut killer = Killer { daemon, acknowledged: 0, killed: false };
    let done = import::stream(client, text, "sample", None, &mut killer);
    match (done, killer.killed) {
        (Err(failure), true) if failure.exit == Exit::Failure => Ok(killer.acknowledged),
        (Err(failure), _) => Err(failure),
        (Ok(_), _) => Err(Failure::other(
            "the import ended before the daemon could be killed in the middle of it",
        )),
    }
}
