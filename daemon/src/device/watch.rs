//! Keeping a device in step while it is plugged in: a thread for each.

use super::error::DeviceError;
use super::meeting::Devices;
use crate::card::Status;
use crate::keeper::Host;
use contactbox_core::store::Consent;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a device is asked whether it is still in step.
const POLL_TIME: Duration = Duration::from_secs(2);

/// How long changes of the box gather before the device hears of them.
const GATHER_TIME: Duration = Duration::from_millis(300);

/// How long a device that could not be brought in step is left alone.
const RETRY_TIME: Duration = Duration::from_secs(30);

/// How long a meeting under way may take when the daemon stops.
const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// The threads.
pub struct Watches {
    threads: Vec<(mpsc::Sender<()>, JoinHandle<()>)>,
    devices: Devices,
}

impl Watches {
    /// Begins to keep the devices at these ports in step.
    pub fn start(ports: &[PathBuf], devices: &Devices, standing: &Status) -> std::io::Result<Self> {
        let mut threads = Vec::new();
        for port in ports {
            let (halt, halted) = mpsc::channel();
            let watch = DeviceWatcher {
                port: port.clone(),
                devices: devices.clone(),
                standing: standing.clone(),
                halted,
                told: None,
            };
            let thread = std::thread::Builder::new().name("device".to_owned());
            threads.push((halt, thread.spawn(move || watch.run())?));
        }
        Ok(Self { threads, devices: devices.clone() })
    }

    /// Ends them; a meeting that takes long is broken off by the end of the
    /// daemon, and loses nothing.
    pub fn stop(self) {
        let begun = Instant::now();
        let threads: Vec<JoinHandle<()>> =
            self.threads.into_iter().map(|(_, thread)| thread).collect();
        self.devices.handle().pulse().raise();
        while threads.iter().any(|thread| !thread.is_finished()) && begun.elapsed() < FAREWELL_TIME
        {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

struct DeviceWatcher {
    port: PathBuf,
    devices: Devices,
    standing: Status,
    halted: mpsc::Receiver<()>,
    /// What was said last.
    told: Option<String>,
}

impl DeviceWatcher {
    fn run(mut self) {
        self.say("not plugged in", json!({}));
        loop {
            let beats = self.devices.handle().pulse().epoch();
            let pause = match self.attend() {
                Ok(true) => Duration::ZERO,
                Ok(false) => RETRY_TIME,
                Err(fault) => {
                    self.devices.let_go(&self.port);
                    match self.port.exists() {
                        true => self.say("failed", json!({ "why": fault.to_string() })),
                        false => self.say("not plugged in", json!({})),
                    }
                    POLL_TIME
                }
            };
            if self.is_halted(pause) {
                return;
            }
            self.devices.handle().pulse().wait(beats, POLL_TIME);
            let is_changed = self.devices.handle().pulse().epoch() != beats;
            let gather = if is_changed { GATHER_TIME } else { Duration::ZERO };
            if self.is_halted(gather) {
                return;
            }
        }
    }

    fn is_halted(&self, time: Duration) -> bool {
        matches!(self.halted.recv_timeout(time), Err(RecvTimeoutError::Disconnected) | Ok(()))
    }

    /// Brings the device in step if it is not; false when that did not come to its end.
    fn attend(&mut self) -> Result<bool, DeviceError> {
        if !self.port.exists() {
            self.devices.let_go(&self.port);
            self.say("not plugged in", json!({}));
            return Ok(true);
        }
        if self.devices.is_in_step(&self.port)? {
            self.say("in step", json!({}));
            return Ok(true);
        }
        self.say("syncing", json!({}));
        let report = self.devices.sync(&self.port, Consent::Ask)?;
        let is_same = report["is_same"] == true;
        self.say(if is_same { "in step" } else { "not in step" }, report);
        Ok(is_same)
    }

    /// Says how the device is doing, where it is new in the log, too.
    fn say(&mut self, state: &str, more: Value) {
        let mut told = json!({ "state": state, "checked": Host::now() });
        if let (Some(told), Some(more)) = (told.as_object_mut(), more.as_object()) {
            told.extend(more.clone());
        }
        self.standing.set(&self.port.display().to_string(), told.clone());
        let why = more["why"].as_str().unwrap_or("");
        let line = format!("{state}{}{why}", if why.is_empty() { "" } else { ": " });
        if self.told.as_ref() == Some(&line) {
            return;
        }
        let device = self.port.display().to_string();
        let (came, went) = (&more["to_here"]["taken"], &more["to_there"]["taken"]);
        match state {
            "failed" => tracing::warn!(device, "{why}"),
            "not in step" => {
                let (here, there) = (&more["to_here"], &more["to_there"]);
                tracing::warn!(device, %here, %there, "some contacts were not taken in");
            }
            "in step" if more["rounds"].as_u64() > Some(0) => {
                tracing::info!(device, %came, %went, "in step");
            }
            _ => tracing::info!(device, "{state}"),
        }
        if let Some(members) = told.as_object_mut() {
            members.insert("device".to_owned(), json!(self.port));
        }
        self.devices.handle().announce("watch.device", &told);
        self.told = Some(line);
    }
}
