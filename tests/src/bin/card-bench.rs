//! `card-bench`: what a card and a cable cost a device, on a host and in the emulator; how it
//! starts, and what its program takes of each board.
//!
//! What is counted is the same on any machine; what is clocked depends on the machine.

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
