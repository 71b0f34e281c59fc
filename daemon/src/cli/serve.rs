//! `serve`: this process is the daemon.

use super::args::Serve;
use super::{Context, Exit, Failure};
use crate::client::autostart;
use contactbox_server::serve;
use contactbox_system::log::{self, Log};
use std::io::IsTerminal;
use std::path::PathBuf;
use tracing::Level;

pub fn run(context: &mut Context, args: Serve) -> Result<Exit, Failure> {
    if args.detached {
        autostart::detach();
    }
    // Its standard error is the log that whoever started it has opened.
    log(args.detached.then(|| log::file(&context.config)))?;
    serve::run(&context.config).map_err(|error| Failure::other(error.to_string()))?;
    Ok(Exit::Ok)
}

/// The log goes to standard error: to the terminal or to systemd; or to the file that a
/// daemon in the background has.
fn log(file: Option<PathBuf>) -> Result<(), Failure> {
    let level = match std::env::var("CONTACTBOX_LOG") {
        Ok(level) if !level.is_empty() => level.parse().map_err(|_| {
            Failure::new(
                Exit::Usage,
                format!(
                    "CONTACTBOX_LOG is \"{level}\"; it can be error, warn, info, debug or trace"
                ),
            )
        })?,
        _ => Level::INFO,
    };
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let log = tracing_subscriber::fmt()
        .with_ansi(std::io::stderr().is_terminal() && !is_plain)
        .with_writer(Log::new(file, level))
        .with_target(false)
        .with_max_level(level);
    // systemd adds the time itself.
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        log.without_time().init()
    } else {
        log.init()
    }
    Ok(())
}
