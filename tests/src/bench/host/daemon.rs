//! The daemon under measurement: built if needed, started on a folder, stopped at the end.
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;

/// The longest time for a start before it counts as failed.
const START_MAX: Duration = Duration::from_secs(120);

/// A running daemon.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    /// The time from its start to its first answer.
    pub started_in: Duration,
}

/// Returns the program: `CONTACTBOX_BIN` if that is set, else one built beside this one in the same
/// profile.
pub fn program() -> Result<PathBuf, String> {
    if let Some(program) = std::env::var_os("CONTACTBOX_BIN") {
        return Ok(program.into());
    }
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = here.parent().ok_or("this program lies in no folder")?;
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", "contactbox-daemon", "--manifest-path"]).arg(manifest);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if let Some(target) = folder.parent() {
        build.arg("--target-dir").arg(target);
    }
    let status = build.status().map_err(|error| format!("cargo does not run: {error}"))?;
    if !status.success() {
        return Err("the daemon does not build".into());
    }
    Ok(folder.join(format!("contactbox{}", std::env::consts::EXE_SUFFIX)))
}

impl Daemon {
    /// Starts the daemon on the box in `folder` and waits until it answers.
    pub fn start(program: &Path, folder: &Path) -> Result<Self, String> {
        let socket = folder.join("socket");
        let log = std::fs::File::create(folder.join("log")).map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let child = Command::new(program)
            .arg("serve")
            .arg("--data")
            .arg(folder)
            .arg("--socket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", program.display()))?;
        let mut daemon = Self { child, socket, started_in: Duration::ZERO };
        loop {
            let hello = daemon.client().and_then(|mut client| client.call("box.hello", &json!({})));
            if hello.is_ok() {
                daemon.started_in = begun.elapsed();
                return Ok(daemon);
            }
            let ended = daemon.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || begun.elapsed() > START_MAX {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or("it says nothing").to_string();
                return Err(format!("the daemon does not answer: {last}"));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Opens a connection.
    pub fn client(&self) -> io::Result<Client> {
        Client::connect(&self.socket)
    }

    /// Returns the path of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it and waits until it has ended.
    pub fn stop(mut self) -> Result<(), String> {
        let stopped = self.client().and_then(|mut client| client.call("box.stop", &json!({})));
        stopped.map_err(|error| error.to_string())?;
        self.child.wait().map_err(|error| error.to_string())?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // After `stop` the process is gone already, which is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the identities in the answer to `contact.find`.
pub fn uids(found: &Value) -> Vec<String> {
    let hits = found["hits"].as_array().into_iter().flatten();
    hits.filter_map(|hit| hit["uid"].as_str()).map(str::to_string).collect()
}
