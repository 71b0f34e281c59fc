//! A daemon of the demonstration's own, which it may kill.

use crate::cli::Failure;
use crate::client::{Client, ClientError};
use contactbox_system::config::{Config, Settings};
use contactbox_system::log;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take until it answers, or ends.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Ends with the demonstration, however that ends.
pub struct Daemon {
    child: Child,
    config: Config,
}

impl Daemon {
    /// Starts one on the box in `folder`.
    pub fn start(folder: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::other(format!("the daemon cannot be started: {error}"))
        };
        // The demonstration is about this box, whatever the user's own settings say.
        let settings_file = folder.join("config.toml");
        File::create(&settings_file).map_err(failed)?;
        let config = Config::load(Settings {
            data: Some(folder.to_path_buf()),
            config: Some(settings_file.clone()),
            ..Settings::default()
        })?;
        let log = log::open(&log::file(&config)).map_err(failed)?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("serve").arg("--data").arg(folder).arg("--config").arg(settings_file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"CONTACTBOX_") {
                command.env_remove(name);
            }
        }
        Ok(Self { child: command.spawn().map_err(failed)?, config })
    }

    /// A connection, as soon as it answers.
    pub fn client(&mut self) -> Result<Client, Failure> {
        let started = Instant::now();
        loop {
            match Client::to(&self.config) {
                // A socket that a killed daemon left refuses; a new one may not answer yet.
                Err(ClientError::Nobody { .. }) if started.elapsed() < TIME_MAX => {}
                other => return Ok(other?),
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = std::fs::read_to_string(log::file(&self.config)).unwrap_or_default();
                return Err(Failure::other(format!(
                    "the daemon ended at once ({status})\n{}",
                    log.trim_end()
                )));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// SIGKILL (on Windows, TerminateProcess): no handler runs, nothing is written any more.
    pub fn kill(&mut self) {
        // It fails only when the daemon has ended, which is then noticed at its socket.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end, which must be a good one.
    pub fn wait(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        while started.elapsed() < TIME_MAX {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => {
                    return Err(Failure::other(format!("the daemon ended with {status}")));
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => {
                    return Err(Failure::other(format!(
                        "the daemon cannot be waited for: {error}"
                    )));
                }
            }
        }
        Err(Failure::other("the daemon was told to stop and has not"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
