//! Keeping a device in step while it is plugged in: a thread for each.

use super::error::DeviceError;
use super::meeting::Devices;
use crate::status::StatusBoard;
use contactbox_api::device::{DevicesSyncReply, TransferReport};
use contactbox_api::event::{DeviceEvent, DeviceState, DeviceStatus};
use contactbox_api::status::PlaceStatus;
use contactbox_core::store::Consent;
use contactbox_engine::Host;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The time after which a device is asked again whether it is still in step.
const POLL_TIME: Duration = Duration::from_secs(2);

/// The time for which changes of the box gather before the device hears of them.
const GATHER_TIME: Duration = Duration::from_millis(300);

/// The time for which a device that could not be brought in step is left alone.
const RETRY_TIME: Duration = Duration::from_secs(30);

/// The time a meeting under way may take when the daemon stops.
const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// The threads.
pub struct Watches {
    threads: Vec<(mpsc::Sender<()>, JoinHandle<()>)>,
    devices: Devices,
}

impl Watches {
    /// Begins to keep the devices at these ports in step.
    pub fn start(
        ports: &[PathBuf],
        devices: &Devices,
        board: &StatusBoard,
    ) -> std::io::Result<Self> {
        let mut threads = Vec::new();
        for port in ports {
            let (halt, halted) = mpsc::channel();
            let watch = DeviceWatcher {
                port: port.clone(),
                devices: devices.clone(),
                board: board.clone(),
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
    board: StatusBoard,
    halted: mpsc::Receiver<()>,
    /// The last words on how it is doing.
    told: Option<String>,
}

impl DeviceWatcher {
    fn run(mut self) {
        self.say_state(DeviceState::NotPluggedIn);
        loop {
            let beats = self.devices.handle().pulse().epoch();
            let pause = match self.attend() {
                Ok(true) => Duration::ZERO,
                Ok(false) => RETRY_TIME,
                Err(fault) => {
                    self.devices.let_go(&self.port);
                    match self.port.exists() {
                        true => self.say(DeviceState::Failed, Some(fault.to_string()), None),
                        false => self.say_state(DeviceState::NotPluggedIn),
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
            self.say_state(DeviceState::NotPluggedIn);
            return Ok(true);
        }
        if self.devices.is_in_step(&self.port)? {
            self.say_state(DeviceState::InStep);
            return Ok(true);
        }
        self.say_state(DeviceState::Syncing);
        let report = self.devices.sync(&self.port, Consent::Ask)?;
        let is_same = report.is_same;
        let state = if is_same { DeviceState::InStep } else { DeviceState::NotInStep };
        self.say(state, None, Some(report));
        Ok(is_same)
    }

    /// Says how the device is doing, and nothing but that.
    fn say_state(&mut self, state: DeviceState) {
        self.say(state, None, None);
    }

    /// Says how the device is doing; also in the log and to those who watch, if it is new.
    fn say(&mut self, state: DeviceState, why: Option<String>, report: Option<DevicesSyncReply>) {
        let (checked, word) = (Host::now(), word(state));
        let status = PlaceStatus {
            state: word.to_owned(),
            why: why.clone(),
            checked: Some(checked),
            report: report.clone(),
            ..PlaceStatus::default()
        };
        self.board.set(&self.port, status);
        let line = match &why {
            Some(why) => format!("{word}: {why}"),
            None => word.to_owned(),
        };
        if self.told.as_ref() == Some(&line) {
            return;
        }
        let device = self.port.display().to_string();
        match (state, &report) {
            (DeviceState::Failed, _) => tracing::warn!(device, "{}", why.as_deref().unwrap_or("")),
            (DeviceState::NotInStep, Some(DevicesSyncReply { to_here, to_there, .. })) => {
                let (here, there) = (in_words(to_here), in_words(to_there));
                tracing::warn!(device, %here, %there, "some contacts were not taken in");
            }
            (DeviceState::InStep, Some(report)) if report.rounds > 0 => {
                let (came, went) = (report.to_here.taken, report.to_there.taken);
                tracing::info!(device, came, went, "in step");
            }
            (
                DeviceState::NotPluggedIn
                | DeviceState::Syncing
                | DeviceState::InStep
                | DeviceState::NotInStep,
                _,
            ) => tracing::info!(device, "{word}"),
        }
        let told = DeviceStatus { state, checked, why, report, device: self.port.clone() };
        self.devices.events().device(&DeviceEvent::Status(Box::new(told)));
        self.told = Some(line);
    }
}

/// Returns what the protocol calls a state.
fn word(state: DeviceState) -> &'static str {
    match state {
        DeviceState::NotPluggedIn => "not plugged in",
        DeviceState::Syncing => "syncing",
        DeviceState::InStep => "in step",
        DeviceState::NotInStep => "not in step",
        DeviceState::Failed => "failed",
    }
}

/// Returns a report as the log has it.
fn in_words(report: &TransferReport) -> String {
    // Numbers and texts become JSON without an error.
    serde_json::to_string(report).unwrap_or_default()
}
