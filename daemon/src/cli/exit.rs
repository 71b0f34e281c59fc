//! How a command ends: exit codes, and the one line on standard error that says why.

use crate::client::{ClientError, autostart::AutostartError};
use contactbox_api::ErrorKind;
use contactbox_system::config::ConfigError;
use std::io;
use std::process::ExitCode;

/// The exit codes that a script can tell apart. Part of the interface: appended, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All was done.
    Ok = 0,
    /// It failed; `verify`: there is damage.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Nobody fits.
    NothingFound = 3,
    /// Done in part: some cards of an import were rejected, or some of its files not read; or a
    /// list, an export or a backup had to leave out contacts or photos that cannot be read.
    Partly = 4,
    /// Several contacts fit where one is meant.
    Ambiguous = 5,
    /// No daemon answers and none could be started.
    NoDaemon = 6,
    /// Somebody else changed the contact in between.
    Conflict = 7,
}

/// The codes as the help shows them.
pub const HELP: &str = "Exit codes:
  0  done                              4  done in part: some cards or files were not taken,
  1  failed (verify: damage found)        or some contacts cannot be read and were left out
  2  wrong command line                5  several contacts fit where one is meant
  3  nothing found                     6  no daemon answers and none could be started
                                       7  somebody else changed the contact in between
With --json an error other than 2 and 3 is also a line on standard output: {\"error\": TEXT, \"exit\": CODE}";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ends before its end.
#[derive(Debug)]
pub struct Failure {
    /// The code it ends with.
    pub exit: Exit,
    /// The text for standard error; empty when the reader of the output has gone.
    pub message: String,
}

impl Failure {
    /// A failure with a code of its own.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// A failure of no particular kind.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Exit::Failure, message)
    }

    /// A file that cannot be read or written; `doing` is as in "cannot be read".
    pub fn file(path: &std::path::Path, doing: &str, error: &io::Error) -> Self {
        Self::other(format!("{} {doing}: {error}", super::text::place(path)))
    }
}

/// The only I/O that goes through `?` unnamed is writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Ok, ""),
            _ => Self::other(format!("standard output cannot be written: {error}")),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Nobody { .. } | ClientError::Silent { .. } => Exit::NoDaemon,
            ClientError::Refused(refusal) => match refusal.kind {
                ErrorKind::NoSuchContact | ErrorKind::NoSuchProperty | ErrorKind::NoSuchBlob => {
                    Exit::NothingFound
                }
                ErrorKind::Ambiguous => Exit::Ambiguous,
                ErrorKind::Conflict => Exit::Conflict,
                _ => Exit::Failure,
            },
            _ => Exit::Failure,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<AutostartError> for Failure {
    fn from(error: AutostartError) -> Self {
        match error {
            AutostartError::Client(error) => error.into(),
            other => Self::new(Exit::NoDaemon, other.to_string()),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}
