//! `host-bench`: 100,000 contacts in this daemon and in SQLite, side by side in one run.
//!
//! Counts come first and are the same on any machine. Times depend on the machine, and most of all
//! on how long its disk takes to make a write durable.

#[cfg(unix)]
fn main() {
    use contactbox_tests::bench::host::run;
    // The memory of SQLite is measured in a process of its own, which is this program once more.
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        Some(run::MEMORY) => run::memory_of_sqlite(arguments.collect()),
        Some(count) => count
            .parse()
            .map_err(|_| format!("{count} is not a number of contacts"))
            .and_then(run::compare),
        None => run::compare(run::CONTACTS),
    };
    if let Err(why) = result {
        eprintln!("host-bench: {why}");
        std::process::exit(1);
    }
}

#[cfg(not(unix))]
fn main() {
    eprintln!("host-bench: measures through Unix sockets, which this system has not");
    std::process::exit(1);
}
