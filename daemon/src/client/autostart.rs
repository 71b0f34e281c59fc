//! Starts a daemon in the background when none answers, as gpg-agent and adb do.

use super::{Client, ClientError};
use contactbox_system::config::Config;
use contactbox_system::files::make_private_folder;
use contactbox_system::lock::is_held;
use contactbox_system::log;
use contactbox_system::private::{self, FolderError, Use, check_folder};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take until it answers. Opening a box of a million contacts takes seconds,
/// on a slow disk some more.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// The time from which a wait is reported.
const MOMENT: Duration = Duration::from_millis(700);

/// How long a daemon that answers no more may take to close the box, before another is started all
/// the same and says that the box is in use.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// How long another client may take to start the daemon: as long as it may wait
/// for one, and a little.
const TURN_TIME_MAX: Duration = Duration::from_secs(75);

/// How much of the log's end an error shows, in bytes.
const TAIL_BYTES: u64 = 2048;

/// The work that takes so long that a person wants to know.
#[derive(Clone, Copy, Debug)]
pub enum Delay {
    /// The daemon is opening the box.
    Opening,
    /// Another client is at starting it: this process, where the system tells.
    Turn(Option<u32>),
}

/// Why no daemon could be started.
#[derive(Debug, thiserror::Error)]
pub enum AutostartError {
    /// Others can write the data folder.
    #[error("the data folder cannot be used: {0}")]
    NotPrivate(#[from] FolderError),
    /// Another client has begun to start it and does not come to an end.
    #[error(
        "{} has been held for {} s by {}, which is to start the daemon; end that process and try again",
        path.display(),
        TURN_TIME_MAX.as_secs(),
        holder.map_or("another process".to_owned(), |holder| format!("process {holder}"))
    )]
    Turn {
        /// The lock.
        path: PathBuf,
        /// The user who has it, if the system tells.
        holder: Option<u32>,
    },
    /// The data folder takes no file.
    #[error("{} cannot be written: {source}; say another folder with --data", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// The system's error.
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

/// Connects, and starts a daemon first if none listens. `arguments` are those of `contactbox serve`
/// that lead it to the same box; `waiting` is called when something takes more than a moment.
pub fn connect(
    config: &Config,
    arguments: &[OsString],
    mut waiting: impl FnMut(Delay),
) -> Result<Client, AutostartError> {
    match Client::to(config) {
        Err(ClientError::Nobody { .. }) => start(config, arguments, &mut waiting),
        other => other.map_err(AutostartError::Client),
    }
}

fn start(
    config: &Config,
    arguments: &[OsString],
    waiting: &mut dyn FnMut(Delay),
) -> Result<Client, AutostartError> {
    let folder = |path: &Path| {
        let (path, image) = (path.to_path_buf(), config.image.clone());
        move |source: io::Error| match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem => AutostartError::ReadOnlyDisk { path, image },
            _ => AutostartError::Folder { path, source },
        }
    };
    let look = || match config.is_strict {
        true => check_folder(&config.data, Use::Box, "--data"),
        false => Ok(()),
    };
    look()?;
    make_private_folder(&config.data).map_err(folder(&config.data))?;
    // Somebody else may have made it first.
    look()?;
    // One of many clients that find nobody starts the daemon; the others wait here, then find it.
    let turn = config.data.join("start.lock");
    let turn_file = private::open(&turn, OpenOptions::new().create(true).append(true))
        .map_err(folder(&turn))?;
    if !take_turn(&turn_file, config, waiting).map_err(folder(&turn))? {
        return Err(AutostartError::Turn { holder: holder(&turn_file), path: turn });
    }
    match Client::to(config) {
        Err(ClientError::Nobody { .. }) => {}
        other => return other.map_err(AutostartError::Client),
    }
    let begun = Instant::now();
    while is_held(&config.image) && begun.elapsed() < END_TIME_MAX {
        std::thread::sleep(Duration::from_millis(10));
        match Client::to(config) {
            Err(ClientError::Nobody { .. }) => {}
            other => return other.map_err(AutostartError::Client),
        }
    }
    let log = log::file(config);
    let log_out = log::open(&log).map_err(folder(&log))?;
    let log_start = log_out.metadata().map(|data| data.len()).unwrap_or(0);
    let mut child = spawn(arguments, log_out).map_err(AutostartError::Spawn)?;
    wait(&mut child, config, &log, log_start, waiting)
}

/// Waits until nobody else is at starting a daemon; `false` when that takes too long.
fn take_turn(file: &File, config: &Config, waiting: &mut dyn FnMut(Delay)) -> io::Result<bool> {
    let begun = Instant::now();
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if begun.elapsed() > MOMENT && !is_told {
            is_told = true;
            waiting(Delay::Turn(holder(file)));
        }
        if begun.elapsed() > TURN_TIME_MAX {
            return Ok(false);
        }
        // The process that holds it may not go on though the daemon is there.
        if is_told && !matches!(Client::to(config), Err(ClientError::Nobody { .. })) {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process that has a file locked, where the system tells.
fn holder(file: &File) -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        let number = format!(":{}", file.metadata().ok()?.ino());
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        // 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF; who waits for it has an arrow in front.
        let held = |line: &str| {
            let mut fields = line.split_whitespace().skip(1);
            (fields.next() == Some("FLOCK")).then_some(())?;
            let process = fields.nth(2)?.parse().ok()?;
            fields.next()?.ends_with(&number).then_some(process)
        };
        locks.lines().find_map(held)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        None
    }
}

fn wait(
    child: &mut Child,
    config: &Config,
    log: &Path,
    log_start: u64,
    waiting: &mut dyn FnMut(Delay),
) -> Result<Client, AutostartError> {
    let started = Instant::now();
    let mut is_told = false;
    let mut pause = Duration::from_millis(2);
    loop {
        match Client::to(config) {
            Err(ClientError::Nobody { .. }) => {}
            other => return other.map_err(AutostartError::Client),
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(AutostartError::Ended { tail: reason(status, &tail(log, log_start)) });
        }
        if started.elapsed() > START_TIME_MAX {
            return Err(AutostartError::Slow {
                log: log.to_path_buf(),
                tail: tail(log, log_start),
            });
        }
        if started.elapsed() > MOMENT && !is_told {
            is_told = true;
            waiting(Delay::Opening);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn spawn(arguments: &[OsString], log: File) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg("--detached").args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    // The folder it was called from may be one that somebody wants to unmount. All
    // paths are absolute.
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
    keep_to_ourselves();
    command.spawn()
}

/// Closes for the daemon what this process was given open beside its three streams: the lock or the
/// pipe of a script would stay for as long as the daemon runs.
#[cfg(unix)]
fn keep_to_ourselves() {
    use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
    use std::os::fd::{BorrowedFd, RawFd};
    // On systems that do not list them, the usual ones are gone through.
    let listed = ["/proc/self/fd", "/dev/fd"].iter().find_map(|folder| {
        let entries = std::fs::read_dir(folder).ok()?;
        let number = |entry: io::Result<std::fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.parse::<RawFd>().ok()
        };
        Some(entries.filter_map(number).collect::<Vec<_>>())
    });
    for number in listed.unwrap_or_else(|| (3..1024).collect()).into_iter().filter(|&one| one > 2) {
        // SAFETY: it is used only for asking for and setting a flag, which fails when it is not
        // open; the flag does no harm to whoever has it.
        let held = unsafe { BorrowedFd::borrow_raw(number) };
        if let Ok(flags) = fcntl_getfd(held) {
            fcntl_setfd(held, flags | FdFlags::CLOEXEC).ok();
        }
    }
}

/// Keeps this process's three streams from the daemon: a program that reads them to their end would
/// wait for as long as the daemon runs. The daemon gets streams opened for it.
#[cfg(windows)]
fn keep_to_ourselves() {
    use std::os::windows::io::{AsRawHandle, RawHandle};
    const HANDLE_FLAG_INHERIT: u32 = 1;
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn SetHandleInformation(object: RawHandle, mask: u32, flags: u32) -> i32;
    }
    let streams =
        [io::stdin().as_raw_handle(), io::stdout().as_raw_handle(), io::stderr().as_raw_handle()];
    for stream in streams.into_iter().filter(|stream| !stream.is_null()) {
        // SAFETY: the function takes any handle, and fails for one that is none; the flag is about
        // processes still to be started, and each is given its streams by a copy.
        unsafe { SetHandleInformation(stream, HANDLE_FLAG_INHERIT, 0) };
    }
}

#[cfg(not(any(unix, windows)))]
fn keep_to_ourselves() {}

/// Leaves the terminal's session, so that closing the terminal does not end the daemon.
/// What a daemon started in the background does first.
pub fn detach() {
    // It fails only for the leader of a group, which is nobody's background process.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
}

/// Returns the daemon's last words, if they tell why it ended.
fn reason(status: ExitStatus, tail: &str) -> String {
    match tail.lines().last().and_then(|line| line.strip_prefix("contactbox: ")) {
        Some(reason) => reason.to_string(),
        None => format!("it ended at once ({status})\n{tail}"),
    }
}

/// The last lines of the log, of those written since `start`.
fn tail(path: &Path, start: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = private::open(path, OpenOptions::new().read(true))?;
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
