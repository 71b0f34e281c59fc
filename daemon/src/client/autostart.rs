//! Starts a daemon in the background when none answers, as gpg-agent and adb do.

use super::{Client, ClientError};
use crate::config::Config;
use crate::image::is_held;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take until it answers. Opening a box of a million contacts takes seconds,
/// on a slow disk some more.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a daemon that answers no more may take to close the box, before another is started all the
/// same and says that the box is in use.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// A log longer than this is begun anew when a daemon is started, in bytes.
const LOG_BYTES_MAX: u64 = 1024 * 1024;

/// How much of the log's end an error shows, in bytes.
const TAIL_BYTES: u64 = 2048;

/// Why no daemon could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder takes no file.
    #[error("{} cannot be written: {source}; say another folder with --data", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The data folder is on a disk that takes no writes.
    #[error(
        "{} cannot be written: its disk is read-only, and a daemon needs a place for its socket and its log. Mount the disk for writing, or copy the box to another one; to read it where it is, say a folder on another disk with --data, and the box with --image {}",
        path.display(),
        image.display()
    )]
    ReadOnlyDisk {
        /// The folder or file.
        path: PathBuf,
        /// The box.
        image: PathBuf,
    },
    /// The program could not be started again.
    #[error("this program could not be started as a daemon: {0}")]
    Spawn(io::Error),
    /// The daemon ended before it answered.
    #[error("no daemon could be started: {tail}")]
    Ended {
        /// Why, or the end of its log.
        tail: String,
    },
    /// The daemon runs and does not answer.
    #[error("the daemon has not answered for {} s; its log is {}\n{tail}", START_TIME_MAX.as_secs(), log.display())]
    Slow {
        /// Its log.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },
    /// It answered wrongly.
    #[error(transparent)]
    Client(ClientError),
}

/// The log of a daemon started in the background.
pub fn log_file(config: &Config) -> PathBuf {
    config.data.join("daemon.log")
}

/// Connects, and starts a daemon first if none listens. `arguments` are those of `contactbox serve`
/// that lead it to the same box; `waiting` is called once if it takes more than a moment.
pub fn connect(
    config: &Config,
    arguments: &[OsString],
    waiting: impl FnOnce(),
) -> Result<Client, StartError> {
    match Client::connect(&config.socket) {
        Err(ClientError::Nobody { .. }) => start(config, arguments, waiting),
        other => other.map_err(StartError::Client),
    }
}

fn start(
    config: &Config,
    arguments: &[OsString],
    waiting: impl FnOnce(),
) -> Result<Client, StartError> {
    let folder = |path: &Path| {
        let (path, image) = (path.to_path_buf(), config.image.clone());
        move |source: io::Error| match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem => StartError::ReadOnlyDisk { path, image },
            _ => StartError::Folder { path, source },
        }
    };
    create_private(&config.data).map_err(folder(&config.data))?;
    // Of many clients that find nobody, one starts the daemon; the others wait here, then find it.
    let turn = config.data.join("start.lock");
    let turn_file =
        OpenOptions::new().create(true).append(true).open(&turn).map_err(folder(&turn))?;
    turn_file.lock().map_err(folder(&turn))?;
    match Client::connect(&config.socket) {
        Err(ClientError::Nobody { .. }) => {}
        other => return other.map_err(StartError::Client),
    }
    let begun = Instant::now();
    while is_held(&config.image) && begun.elapsed() < END_TIME_MAX {
        std::thread::sleep(Duration::from_millis(10));
        match Client::connect(&config.socket) {
            Err(ClientError::Nobody { .. }) => {}
            other => return other.map_err(StartError::Client),
        }
    }
    let log = log_file(config);
    let log_out = open_log(&log).map_err(folder(&log))?;
    let log_start = log_out.metadata().map(|data| data.len()).unwrap_or(0);
    let mut child = spawn(arguments, log_out).map_err(StartError::Spawn)?;
    wait(&mut child, config, &log, log_start, waiting)
}

fn wait(
    child: &mut Child,
    config: &Config,
    log: &Path,
    log_start: u64,
    waiting: impl FnOnce(),
) -> Result<Client, StartError> {
    let started = Instant::now();
    let mut waiting = Some(waiting);
    let mut pause = Duration::from_millis(2);
    loop {
        match Client::connect(&config.socket) {
            Err(ClientError::Nobody { .. }) => {}
            other => return other.map_err(StartError::Client),
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(StartError::Ended { tail: reason(status, &tail(log, log_start)) });
        }
        if started.elapsed() > START_TIME_MAX {
            return Err(StartError::Slow { log: log.to_path_buf(), tail: tail(log, log_start) });
        }
        if started.elapsed() > Duration::from_millis(700)
            && let Some(waiting) = waiting.take()
        {
            waiting();
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn spawn(arguments: &[OsString], log: File) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg("--detached").args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    // The folder it was called from may be one that somebody wants to unmount. All paths are absolute.
    if let Some(root) = std::env::current_dir()?.ancestors().last() {
        command.current_dir(root);
    }
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        const DETACHED_PROCESS: u32 = 0x0000_0008;
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    }
    command.spawn()
}

/// Leaves the terminal's session, so that closing the terminal does not end the daemon.
/// What a daemon started in the background does first.
pub fn detach() {
    // It fails only for the leader of a group, which is nobody's background process.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn open_log(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if file.metadata()?.len() > LOG_BYTES_MAX {
        file.set_len(0)?;
    }
    Ok(file)
}

/// What the daemon said last, if that was why it ended.
fn reason(status: ExitStatus, tail: &str) -> String {
    match tail.lines().last().and_then(|line| line.strip_prefix("contactbox: ")) {
        Some(reason) => reason.to_string(),
        None => format!("it ended at once ({status})\n{tail}"),
    }
}

/// The last lines of the log, of those written since `start`.
fn tail(path: &Path, start: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(end.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) if !text.trim().is_empty() => text.trim_end().to_string(),
        _ => format!("its log, {}, says nothing", path.display()),
    }
}
