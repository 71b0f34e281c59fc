//! A daemon for a test: on a folder of its own, killed and started at will, asked
//! through its socket.
//!
//! Clients know nothing of the project's own code: a socket of the standard library and JSON.
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a daemon may take to answer after its start; the machine may be busy.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a client waits for a reply before the test fails.
const REPLY_TIME_MAX: Duration = Duration::from_secs(60);

/// How long something may take to come about by itself; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
///
/// # Panics
///
/// When that takes too long.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The program: `CONTACTBOX_BIN` when that is set, else built as it ships, beside this test.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(program) = std::env::var_os("CONTACTBOX_BIN") {
            return program.into();
        }
        let here = std::env::current_exe().expect("a running program knows its file");
        let profile = here.ancestors().nth(2).expect("a test lies in TARGET/PROFILE/deps");
        // Without cargo around, what was built last is taken.
        if let Some(cargo) = std::env::var_os("CARGO") {
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "-p", "contactbox-daemon", "--manifest-path"]);
            build.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"));
            build.arg("--target-dir").arg(profile.parent().unwrap_or(profile));
            if profile.ends_with("release") {
                build.arg("--release");
            }
            let status = build.status().expect("cargo has started this test");
            assert!(status.success(), "the daemon does not build");
        }
        profile.join(format!("contactbox{}", std::env::consts::EXE_SUFFIX))
    })
}

/// A folder for a box, and for the files of a test; it goes when this is dropped.
pub struct Place {
    folder: TempDir,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// A folder in the system's place for temporary files.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("there is room for temporary files") }
    }

    /// The folder of files that are not the box's.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file in the folder, with these bytes.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).expect("the folder takes a file");
        path
    }

    /// The data folder of the box.
    pub fn data(&self) -> PathBuf {
        self.path().join("box")
    }

    /// The image of the box.
    pub fn image(&self) -> PathBuf {
        self.data().join("contacts.box")
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.data().join("socket")
    }

    /// The program on this box, with nothing of the surroundings in it. It starts no daemon by
    /// itself: the test knows which are running.
    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(program());
        self.settle(&mut command);
        command.args(arguments);
        command
    }

    /// Gives a command the surroundings of this box.
    pub fn settle(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONTACTBOX_") {
                command.env_remove(name);
            }
        }
        command.env("CONTACTBOX_DATA", self.data());
        command.env("CONTACTBOX_NO_AUTOSTART", "1");
        // A settings file of whoever runs the tests is not to be found.
        command.env("XDG_CONFIG_HOME", self.path().join("config"));
        command.env("NO_COLOR", "1").current_dir(self.path()).stdin(Stdio::null());
    }

    /// Runs the command line to its end.
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
        Ran::of(self.command(arguments).output().expect("the program runs"))
    }

    /// Starts a daemon and waits until it answers.
    pub fn serve(&self) -> Daemon {
        self.serve_with(&[])
    }

    /// The same with further flags.
    pub fn serve_with(&self, flags: &[&str]) -> Daemon {
        let mut command = self.command(["serve"]);
        command.args(flags);
        self.started(command).unwrap_or_else(|ran| panic!("the daemon did not start: {ran:?}"))
    }

    /// Starts a daemon that is expected to end by itself, and says how it ended.
    pub fn serve_in_vain(&self, flags: &[&str]) -> Ran {
        let mut command = self.command(["serve"]);
        command.args(flags);
        match self.started(command) {
            Ok(_) => panic!("the daemon started, and should not have"),
            Err(ran) => ran,
        }
    }

    /// Runs `command`, which is to be a daemon on this box; when it ends instead, says how.
    pub fn started(&self, mut command: Command) -> Result<Daemon, Ran> {
        let log = self.path().join("log");
        let out = std::fs::File::create(&log).expect("the folder takes a file");
        command.stdout(Stdio::null()).stderr(out);
        let mut child = command.spawn().expect("the program runs");
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a child can be asked") {
                let stderr = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(Ran { status, stdout: String::new(), stderr });
            }
            let answer = Client::try_connect(&self.socket())
                .and_then(|mut client| client.try_call("box.hello", json!({})));
            if let Ok(Ok(hello)) = answer
                && hello["pid"] == child.id()
            {
                return Ok(Daemon { child, socket: self.socket(), log });
            }
            if begun.elapsed() > START_TIME_MAX {
                // It would outlive the test.
                child.kill().ok();
                child.wait().ok();
                panic!("no answer: {}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// What a command left.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it remarked.
    pub stderr: String,
}

impl Ran {
    /// Of the output of a command.
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The exit code; -1 for a signal.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Fails unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self
    }

    /// Fails unless it remarked each of these.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in: {self:?}");
        }
        self
    }

    /// Fails unless it printed this.
    #[track_caller]
    pub fn shows(self, part: &str) -> Self {
        assert!(self.stdout.contains(part), "{part:?} is not in: {self:?}");
        self
    }

    /// The lines it printed as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// A running daemon, killed when it is dropped.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::try_connect(&self.socket).expect("the daemon listens")
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop, and waits for it.
    pub fn stop(mut self) -> ExitStatus {
        self.client().call("box.stop", json!({}));
        self.child.wait().expect("a child can be waited for")
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A line of `/proc/PID/status` in KiB, such as `VmRSS` or `VmHWM`.
    pub fn memory_kib(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("{name} is not in the status of a process"))
    }

    fn end(&mut self) {
        // It fails when the process has ended, and then all is as it should be.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
        self.end();
    }
}

/// What a call gave: its result, or the error the daemon answered with.
pub type Answer = Result<Value, Value>;

/// A client on the socket.
pub struct Client {
    stream: BufReader<UnixStream>,
    last_id: u64,
}

impl Client {
    /// Connects, if somebody listens.
    pub fn try_connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(REPLY_TIME_MAX))?;
        Ok(Self { stream: BufReader::new(stream), last_id: 0 })
    }

    /// Sends a request and gives its number.
    pub fn send(&mut self, method: &str, params: Value) -> std::io::Result<u64> {
        self.last_id += 1;
        let request =
            json!({ "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params });
        self.send_bytes(format!("{request}\n").as_bytes())?;
        Ok(self.last_id)
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The next line as JSON; `UnexpectedEof` when the daemon has closed.
    pub fn receive(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Asks and waits for the reply; an error of the connection is the outer one.
    pub fn try_call(&mut self, method: &str, params: Value) -> std::io::Result<Answer> {
        let id = self.send(method, params)?;
        let mut reply = self.receive()?;
        assert!(reply["id"] == id || reply["id"].is_null(), "{reply} answers request {id}");
        Ok(match reply["error"].take() {
            Value::Null => Ok(reply["result"].take()),
            error => Err(error),
        })
    }

    /// Asks, and fails unless there is a result.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        match self.try_call(method, params) {
            Ok(Ok(result)) => result,
            other => panic!("{method}: {other:?}"),
        }
    }

    /// Asks, and fails unless the daemon refuses with this kind.
    #[track_caller]
    pub fn refused(&mut self, method: &str, params: Value, kind: &str) -> Value {
        match self.try_call(method, params) {
            Ok(Err(error)) if error["data"]["kind"] == kind => error,
            other => panic!("{method} should be refused as {kind}: {other:?}"),
        }
    }

    /// Whether the daemon closes the connection within `time`, whatever it says before.
    pub fn is_closed_within(&mut self, time: Duration) -> bool {
        let begun = Instant::now();
        let mut rest = [0; 64 * 1024];
        while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            self.stream.get_ref().set_read_timeout(Some(left)).expect("a time that is not zero");
            match self.stream.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
        false
    }

    /// The socket itself.
    pub fn socket(&self) -> &UnixStream {
        self.stream.get_ref()
    }
}
