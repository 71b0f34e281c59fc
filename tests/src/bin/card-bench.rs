//! `card-bench`: the cost of a card and a cable to a device, its start, and the size of its
//! program.
//!
//! The device runs on a host and in the emulator. Counts are the same on any machine; times depend
//! on the machine.

#[cfg(unix)]
fn main() {
    if let Err(why) = contactbox_tests::bench::card::print::all() {
        eprintln!("card-bench: {why}");
        std::process::exit(1);
    }
}

#[cfg(not(unix))]
fn main() {
    eprintln!("card-bench: talks to an emulator through Unix sockets, which this system has not");
    std::process::exit(1);
}
