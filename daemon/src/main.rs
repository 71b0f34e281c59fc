//! The program `contactbox`: the daemon and its command line, both of which live in the library.

fn main() -> std::process::ExitCode {
    contactbox_daemon::cli::run()
}
