//! A daemon for a test, in a folder of its own, started and killed at will, asked through its
//! socket.
//!
//! Clients use none of the project's own code: a socket of the standard library and JSON.
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The longest time from a daemon's start to its answer; the machine may be busy.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// The longest time that a client waits for a reply before the test fails.
const REPLY_TIME_MAX: Duration = Duration::from_secs(60);

/// The longest wait for something that happens by itself; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
///
/// # Panics
///
/// If that takes too long.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the program: `CONTACTBOX_BIN` if that is set, else one built as it ships, beside this
/// test.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(program) = std::env::var_os("CONTACTBOX_BIN") {
            return program.into();
        }
        let here = std::env::current_exe().expect("a running program knows its file");
        let profile = here.ancestors().nth(2).expect("a test lies in TARGET/PROFILE/deps");
        // Without cargo at hand, the last build is used.
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

/// A folder for a box and for the files of a test, removed when this is dropped.
pub struct Place {
    folder: TempDir,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// Makes a folder in the system's place for temporary files.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("there is room for temporary files") }
    }

    /// Returns the folder for files that are not the box's.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file with these bytes into the folder and returns its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).expect("the folder takes a file");
        path
    }

    /// Returns the data folder of the box.
    pub fn data(&self) -> PathBuf {
        self.path().join("box")
    }

    /// Returns the image of the box.
    pub fn image(&self) -> PathBuf {
        self.data().join("contacts.box")
    }

    /// Returns the path of the socket.
    pub fn socket(&self) -> PathBuf {
        self.data().join("socket")
    }

    /// Returns a command that runs the program on this box, without the variables of the
    /// environment. It starts no daemon by itself: the test knows which ones run.
    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(program());
        self.settle(&mut command);
        command.args(arguments);
        command
    }

    /// Gives a command the environment of this box.
    pub fn settle(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONTACTBOX_") {
                command.env_remove(name);
            }
        }
        command.env("CONTACTBOX_DATA", self.data());
        command.env("CONTACTBOX_NO_AUTOSTART", "1");
        // The settings file of the user who runs the tests must not be found.
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

    /// Does the same with further flags.
    pub fn serve_with(&self, flags: &[&str]) -> Daemon {
        let mut command = self.command(["serve"]);
        command.args(flags);
        self.started(command).unwrap_or_else(|ran| panic!("the daemon did not start: {ran:?}"))
    }

    /// Starts a daemon that must end by itself, and returns how it ended.
    pub fn serve_in_vain(&self, flags: &[&str]) -> Ran {
        let mut command = self.command(["serve"]);
        command.args(flags);
        match self.started(command) {
            Ok(_) => panic!("the daemon started, and should not have"),
            Err(ran) => ran,
        }
    }

    /// Runs `command`, which should be a daemon on this box. If it ends instead, returns how.
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
                // The process would outlive the test.
                child.kill().ok();
                child.wait().ok();
                panic!("no answer: {}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The result of a command.
#[derive(Debug)]
pub struct Ran {
    /// The exit status.
    pub status: ExitStatus,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Ran {
    /// Takes the output of a command.
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns the exit code; -1 for a signal.
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

    /// Fails unless each of these is in its standard error.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in: {self:?}");
        }
        self
    }

    /// Fails unless this is in its standard output.
    #[track_caller]
    pub fn shows(self, part: &str) -> Self {
        assert!(self.stdout.contains(part), "{part:?} is not in: {self:?}");
        self
    }

    /// Returns the lines of its standard output, parsed as JSON.
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
    /// Returns the number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Connects a client to it.
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

    /// Returns whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// Returns the text of its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns a line of `/proc/PID/status` in KiB, such as `VmRSS` or `VmHWM`.
    pub fn memory_kib(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("{name} is not in the status of a process"))
    }

    fn end(&mut self) {
        // This fails if the process has ended already, which is no error.
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

/// The answer to a call: its result, or the daemon's error.
pub type Answer = Result<Value, Value>;

/// A client on the socket.
pub struct Client {
    stream: BufReader<UnixStream>,
    last_id: u64,
}

impl Client {
    /// Connects, if a daemon listens.
    pub fn try_connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(REPLY_TIME_MAX))?;
        Ok(Self { stream: BufReader::new(stream), last_id: 0 })
    }

    /// Sends a request and returns its number.
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

    /// Returns the next line as JSON; `UnexpectedEof` if the daemon has closed the connection.
    pub fn receive(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Sends a request and waits for the reply. An error of the connection is the outer one.
    pub fn try_call(&mut self, method: &str, params: Value) -> std::io::Result<Answer> {
        let id = self.send(method, params)?;
        let mut reply = self.receive()?;
        assert!(reply["id"] == id || reply["id"].is_null(), "{reply} answers request {id}");
        Ok(match reply["error"].take() {
            Value::Null => Ok(reply["result"].take()),
            error => Err(error),
        })
    }

    /// Sends a request, and fails unless there is a result.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        match self.try_call(method, params) {
            Ok(Ok(result)) => result,
            other => panic!("{method}: {other:?}"),
        }
    }

    /// Sends a request, and fails unless the daemon refuses it with this kind.
    #[track_caller]
    pub fn refused(&mut self, method: &str, params: Value, kind: &str) -> Value {
        match self.try_call(method, params) {
            Ok(Err(error)) if error["data"]["kind"] == kind => error,
            other => panic!("{method} should be refused as {kind}: {other:?}"),
        }
    }

    /// Returns whether the daemon closes the connection within `time`, whatever it sends before.
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

    /// Returns the socket itself.
    pub fn socket(&self) -> &UnixStream {
        self.stream.get_ref()
    }
}
