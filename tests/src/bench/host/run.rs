//! The comparison itself: the same people, queries and edits on both sides, one row a question.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::daemon::{self, Daemon};
use super::measure::{Times, disk_bytes, mebibytes, memory_of, rate};
use super::service;
use super::sqlite::{self, Sqlite};
use super::texts::{Edit, Row, queries};
use crate::bench::table::{Table, grouped, shown};
use crate::people::{Person, people};
use crate::random::Random;

/// The number of contacts by default.
pub const CONTACTS: usize = 100_000;
/// The first argument of the process that holds SQLite while its memory is measured.
pub const MEMORY: &str = "memory-of-sqlite";

const SEED: u64 = 20_261_122;
const QUERIES: usize = 1_000;
const GETS: usize = 1_000;
const EDITS: usize = 2_000;
const CLIENTS: usize = 8;
const ROUNDS: usize = 4;
/// The bytes of a batch of vCards, as the command line sends them.
const BATCH_BYTES: usize = 256 * 1024;

type Outcome<T> = Result<T, String>;

/// The columns: the side that answers, and the way to it.
const HEAD: [&str; 4] = ["", "contactbox, socket", "SQLite, socket", "SQLite, in process"];

/// The work for all sides.
struct Work {
    people: Vec<Person>,
    rows: Vec<Row>,
    queries: Vec<String>,
    gets: Vec<String>,
    /// The edits of each round: SQLite alone behind the socket, alone in process, and the same two
    /// with several clients. The daemon makes those of its two rounds.
    edits: [Vec<Edit>; ROUNDS],
}

/// Returns one edit for each of some people, none of them twice, because several clients have no
/// fixed order.
fn round(now: &mut [Person], random: &mut Random) -> Vec<Edit> {
    let mut numbers: Vec<_> = (0..now.len()).collect();
    (0..EDITS)
        .map(|edit| {
            let other = edit + random.below(numbers.len() - edit);
            numbers.swap(edit, other);
            let person = &mut now[numbers[edit]];
            let old = Row::of(person);
            person.phones[0] = format!("+49 171 {:07}", random.below(10_000_000));
            Edit { old, new: Row::of(person) }
        })
        .collect()
}

impl Work {
    fn new(count: usize) -> Self {
        let people: Vec<_> = people(count, SEED).collect();
        let rows: Vec<_> = people.iter().map(Row::of).collect();
        let mut random = Random::new(SEED ^ 1);
        let queries = queries(&people, QUERIES, &mut random);
        let gets = (0..GETS).map(|_| random.pick(&people).uid.clone()).collect();
        let mut now = people.clone();
        let edits = std::array::from_fn(|_| round(&mut now, &mut random));
        Self { people, rows, queries, gets, edits }
    }

    fn vcards(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.card.as_str())
    }
}

/// Measures and prints.
pub fn compare(count: usize) -> Outcome<()> {
    if count < EDITS {
        return Err(format!("at least {EDITS} contacts are needed"));
    }
    let program = daemon::program()?;
    let folder = std::env::temp_dir().join(format!("host-bench-{}", std::process::id()));
    let result = in_folder(&program, &folder, count);
    // The folder goes after a failure as well. The message has what is of use.
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn in_folder(program: &Path, folder: &Path, count: usize) -> Outcome<()> {
    let (ours, theirs) = (folder.join("contactbox"), folder.join("sqlite"));
    for folder in [&ours, &theirs] {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    let work = Work::new(count);
    preamble(&work, folder)?;
    let mut table = Table::new(&HEAD);
    let mut facts = Table::new(&["", "contactbox", "SQLite"]);

    // Import.
    let daemon = Daemon::start(program, &ours)?;
    let imported = import(&work, &daemon)?;
    let database = theirs.join("contacts.db");
    let begun = Instant::now();
    let mut sqlite = Sqlite::create(&database).map_err(text)?;
    sqlite.import(&work.rows).map_err(text)?;
    sqlite.tidy().map_err(text)?;
    let their_import = begun.elapsed();
    table.row([
        "import".to_string(),
        format!("{} ({})", shown(imported), rate(count, imported)),
        String::new(),
        format!("{} ({})", shown(their_import), rate(count, their_import)),
    ]);

    // Compare the answers.
    let socket = theirs.join("socket");
    service::serve(&socket, &database, work.edits.concat())?;
    let mut us = daemon.client().map_err(text)?;
    let mut them = Client::connect(&socket).map_err(text)?;
    facts.row(["same answers, same order".to_string(), agreement(&work, &mut us, &sqlite)?]);
    let after_import = [disk_bytes(&ours), disk_bytes(&theirs)];

    // Reading.
    let ours_got = gets(&work, &mut us)?;
    let theirs_got = gets(&work, &mut them)?;
    let in_process = Times::of(&work.gets, |uid| sqlite.get(uid).map(drop)).map_err(text)?;
    for percent in [50, 99] {
        table.row([
            format!("get by id, p{percent}"),
            shown(ours_got.percentile(percent)),
            shown(theirs_got.percentile(percent)),
            shown(in_process.percentile(percent)),
        ]);
    }
    let (ours_found, ours_slowest) = finds(&work, &mut us)?;
    let (theirs_found, theirs_slowest) = finds(&work, &mut them)?;
    let in_process =
        Times::of(&work.queries, |query| sqlite.find(query).map(drop)).map_err(text)?;
    for percent in [50, 99] {
        table.row([
            format!("type-ahead, p{percent}"),
            shown(ours_found.percentile(percent)),
            shown(theirs_found.percentile(percent)),
            shown(in_process.percentile(percent)),
        ]);
    }

    table.row(["type-ahead, slowest".to_string(), ours_slowest, theirs_slowest]);

    // Writing.
    let [socket_alone, process_alone, socket_together, process_together] = &work.edits;
    let ours_alone = edits(&mut us, socket_alone.iter().map(put))?;
    let theirs_alone = edits(&mut them, (0..EDITS).map(numbered))?;
    let in_process_alone = Times::of(process_alone, |edit| sqlite.edit(edit)).map_err(text)?;
    for percent in [50, 99] {
        table.row([
            format!("durable edit, 1 client, p{percent}"),
            shown(ours_alone.percentile(percent)),
            shown(theirs_alone.percentile(percent)),
            shown(in_process_alone.percentile(percent)),
        ]);
    }
    let ours_together = together_through(daemon.socket(), |number| put(&socket_together[number]))?;
    let theirs_together = together_through(&socket, |number| numbered(2 * EDITS + number))?;
    let in_process_together = together_in_process(sqlite, process_together)?;
    table.row([
        format!("durable edits, {CLIENTS} clients"),
        rate(EDITS, ours_together),
        rate(EDITS, theirs_together),
        rate(EDITS, in_process_together),
    ]);
    drop(us);
    drop(them);
    daemon.stop()?;

    // Opening, and memory at rest.
    let daemon = Daemon::start(program, &ours)?;
    let mut us = daemon.client().map_err(text)?;
    gets(&work, &mut us)?;
    finds(&work, &mut us)?;
    let our_memory = memory_of(daemon.pid());
    let their_memory = memory_in_process(&database, folder, &work)?;
    let begun = Instant::now();
    let sqlite = Sqlite::open(&database).map_err(text)?;
    sqlite.get(&work.gets[0]).map_err(text)?;
    let their_open = begun.elapsed();
    table.row([
        "open, to the first answer".into(),
        shown(daemon.started_in),
        String::new(),
        shown(their_open),
    ]);
    let memory = |bytes: Option<u64>| bytes.map_or("not known here".into(), mebibytes);
    table.row([
        "memory, after the reads".into(),
        memory(our_memory),
        String::new(),
        memory(their_memory),
    ]);
    drop(us);
    daemon.stop()?;
    drop(sqlite);
    for (when, [ours, theirs]) in
        [("import", after_import), ("edits", [disk_bytes(&ours), disk_bytes(&theirs)])]
    {
        facts.row([format!("bytes on disk after the {when}"), mebibytes(ours), mebibytes(theirs)]);
    }

    println!("{facts}");
    print!("{table}");
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn preamble(work: &Work, folder: &Path) -> Outcome<()> {
    let bytes: usize = work.vcards().map(str::len).sum();
    println!("{} contacts in this daemon and in SQLite", grouped(work.people.len() as u64));
    println!();
    println!("people    invented, {} of vCard 3.0; seed {SEED}", mebibytes(bytes as u64));
    println!(
        "queries   {} of 1 to 8 keys: first and last names, phone digits; the best 20 answers",
        grouped(QUERIES as u64)
    );
    println!(
        "edits     {} by one client, {} by {CLIENTS}; each on the disk before it is answered",
        grouped(EDITS as u64),
        grouped(EDITS as u64)
    );
    println!(
        "daemon    {}, parses vCard, answers in jCard",
        crate::bench::engines::version_of("contactbox-daemon")
    );
    println!(
        "SQLite    {} (rusqlite {}); WAL, synchronous=FULL, 32 MiB cache; FTS5 trigram over folded texts",
        sqlite::version(),
        crate::bench::engines::version_of("rusqlite")
    );
    println!(
        "          and digits, an index of words for shorter queries; import in one transaction,"
    );
    println!(
        "          then optimize and ANALYZE; it is given texts folded and cards parsed, and gives"
    );
    println!("          cards back as the text they were");
    println!("socket    a Unix socket and a line of JSON each way; in process: a function call");
    println!("disk      append 256 B and fdatasync: p50 {}", shown(append(folder)?));
    println!();
    Ok(())
}

/// Returns the time that the disk takes for the smallest durable write.
fn append(folder: &Path) -> Outcome<Duration> {
    use std::io::Write;
    let path = folder.join("append");
    let mut file = std::fs::File::create(&path).map_err(text)?;
    let times = Times::of(0..500, |_| file.write_all(&[7; 256]).and_then(|()| file.sync_data()));
    let times = times.map_err(text)?;
    std::fs::remove_file(&path).map_err(text)?;
    Ok(times.percentile(50))
}

fn import(work: &Work, daemon: &Daemon) -> Outcome<Duration> {
    let mut client = daemon.client().map_err(text)?;
    let begun = Instant::now();
    let (mut batch, mut added) = (String::new(), 0);
    let mut send = |batch: &mut String| {
        let done = client.call("contact.import", &json!({"vcard": batch})).map_err(text)?;
        batch.clear();
        added += done["added"].as_u64().unwrap_or(0);
        Ok::<_, String>(())
    };
    for card in work.vcards() {
        batch.push_str(card);
        if batch.len() >= BATCH_BYTES {
            send(&mut batch)?;
        }
    }
    send(&mut batch)?;
    let time = begun.elapsed();
    if added != work.people.len() as u64 {
        return Err(format!("the daemon took {added} of {} cards", work.people.len()));
    }
    Ok(time)
}

/// Counts the queries to which both sides give the same contacts in the same order.
fn agreement(work: &Work, us: &mut Client, sqlite: &Sqlite) -> Outcome<String> {
    let (mut same, mut apart) = (0, Vec::new());
    for query in &work.queries {
        let found = us.call("contact.find", &json!({"query": query})).map_err(text)?;
        let ours = daemon::uids(&found);
        let theirs: Vec<_> =
            sqlite.find(query).map_err(text)?.into_iter().map(|(uid, _)| uid).collect();
        if ours == theirs {
            same += 1;
        } else {
            apart.push(query.clone());
        }
    }
    if std::env::var_os("HOST_BENCH_APART").is_some() {
        eprintln!("answered otherwise: {}", apart.join(" | "));
    }
    Ok(format!("{} of {}", grouped(same), grouped(work.queries.len() as u64)))
}

fn gets(work: &Work, client: &mut Client) -> Outcome<Times> {
    Times::of(&work.gets, |uid| client.call("contact.get", &json!({"uid": uid})).map(drop))
        .map_err(text)
}

/// Returns the times of the queries, and the slowest query.
fn finds(work: &Work, client: &mut Client) -> Outcome<(Times, String)> {
    let mut slowest = (Duration::ZERO, "");
    let times = Times::of(&work.queries, |query| {
        let begun = Instant::now();
        client.call("contact.find", &json!({"query": query, "limit": sqlite::HITS}))?;
        slowest = slowest.max((begun.elapsed(), query));
        Ok::<_, std::io::Error>(())
    });
    Ok((times.map_err(text)?, format!("\"{}\" {}", slowest.1, shown(slowest.0))))
}

/// Returns an edit in the form of the daemon's request.
fn put(edit: &Edit) -> Value {
    json!({"uid": edit.new.uid, "vcard": edit.new.card})
}

fn numbered(number: usize) -> Value {
    json!({"edit": number})
}

fn edits(client: &mut Client, params: impl Iterator<Item = Value>) -> Outcome<Times> {
    Times::of(params, |params| client.call("contact.put", &params).map(drop)).map_err(text)
}

/// Shares edits out among clients of a socket, each of which waits for its own replies.
fn together_through(socket: &Path, params: impl Fn(usize) -> Value + Sync) -> Outcome<Duration> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(socket).map_err(text)?);
    }
    let begun = Instant::now();
    let done: Outcome<Vec<()>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(clients)
            .map(|(first, mut client)| {
                let params = &params;
                scope.spawn(move || {
                    edits(&mut client, (first..EDITS).step_by(CLIENTS).map(params)).map(drop)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a client panicked".to_string())?)
            .collect()
    });
    done.map(|_| begun.elapsed())
}

/// Shares edits out among threads of one process, which take turns with its connection.
fn together_in_process(sqlite: Sqlite, edits: &[Edit]) -> Outcome<Duration> {
    let sqlite = std::sync::Mutex::new(sqlite);
    let begun = Instant::now();
    let done: Outcome<Vec<()>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|first| {
                let sqlite = &sqlite;
                scope.spawn(move || {
                    for edit in edits.iter().skip(first).step_by(CLIENTS) {
                        sqlite.lock().expect("no client panics").edit(edit).map_err(text)?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a client panicked".to_string())?)
            .collect()
    });
    done.map(|_| begun.elapsed())
}

/// Returns the memory of a process that has opened the database and done the reads, and nothing
/// else.
fn memory_in_process(database: &Path, folder: &Path, work: &Work) -> Outcome<Option<u64>> {
    let list = |name: &str, lines: &[String]| {
        let path = folder.join(name);
        std::fs::write(&path, lines.join("\n")).map_err(text).map(|()| path)
    };
    let output = Command::new(std::env::current_exe().map_err(text)?)
        .arg(MEMORY)
        .args([database, &list("gets", &work.gets)?, &list("queries", &work.queries)?])
        .output()
        .map_err(text)?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}

/// Runs that process, which prints its memory.
pub fn memory_of_sqlite(arguments: Vec<String>) -> Outcome<()> {
    let paths: Vec<_> = arguments.into_iter().map(PathBuf::from).collect();
    let [database, gets, queries] = &paths[..] else { return Err("three paths are needed".into()) };
    let sqlite = Sqlite::open(database).map_err(text)?;
    for uid in std::fs::read_to_string(gets).map_err(text)?.lines() {
        sqlite.get(uid).map_err(text)?;
    }
    for query in std::fs::read_to_string(queries).map_err(text)?.lines() {
        sqlite.find(query).map_err(text)?;
    }
    if let Some(bytes) = memory_of(std::process::id()) {
        println!("{bytes}");
    }
    Ok(())
}
