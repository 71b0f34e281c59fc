//! Meetings of the box with a device: bringing both to hold the same, and asking
//! how a device is doing.

use super::error::DeviceError;
use super::port::Port;
use crate::card::Replica;
use crate::events::Events;
use contactbox_api::device::{DevicesInfoReply, DevicesSyncReply, TransferReport};
use contactbox_api::event::{DeviceEvent, DeviceProgress, DeviceState, SyncWay};
use contactbox_core::service::cable::{AskError, Caller, Exchange, Traffic};
use contactbox_core::service::sync::{Carried, Progress, SyncError, SyncReport, Way, sync};
use contactbox_core::service::{Fault as CableFault, PROTOCOL, Reply, Request};
use contactbox_core::store::book::{Consent, Root};
use contactbox_engine::{BoxAtHand, Handle};
use embassy_futures::block_on;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time a device may take to say hello: it may be starting, or nobody.
const HELLO_TIME: Duration = Duration::from_secs(1);

/// The time a device may take for an answer: it may have to read all it holds for one.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// The time a device may take to answer one request in all: each attempt may be waited for. One
/// that dribbles, or that answers what was not asked, would else hold a meeting for hours.
const REQUEST_TIME: Duration = Duration::from_secs(90);
const HELLO_TIME_MAX: Duration = Duration::from_secs(10);

/// The longest frame that is taken from a device.
const FRAME_BYTES: usize = 64 * 1024;

/// Between two words about how far a meeting has come.
const TELL_TIME: Duration = Duration::from_millis(250);

/// A cable that is open between two meetings; one at a time uses it.
type CableSlot = Arc<Mutex<Option<Port>>>;

/// The cables of the daemon, and its box.
#[derive(Clone)]
pub struct Devices {
    handle: Handle,
    /// The folder for pages of the box that memory is too small for.
    data: PathBuf,
    events: Events,
    slots: Arc<Mutex<HashMap<PathBuf, CableSlot>>>,
}

/// A device that answers, each request within its time.
struct TimedCable<'m, 'p> {
    caller: Caller<'m, &'p mut Port>,
    time: Duration,
}

impl Exchange for TimedCable<'_, '_> {
    type Error = std::io::Error;

    async fn ask<'s>(
        &'s mut self,
        request: &Request<'_>,
    ) -> Result<Reply<'s>, AskError<std::io::Error>> {
        self.caller.link().set_end(self.time);
        self.caller.ask(request).await
    }
}

impl Devices {
    /// For the box of `handle`; copies of it are made in `data`.
    pub fn new(handle: &Handle, data: &Path, events: &Events) -> Self {
        Self {
            handle: handle.clone(),
            data: data.to_path_buf(),
            events: events.clone(),
            slots: Arc::default(),
        }
    }

    /// The way to those who watch.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The way to the box.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Talks to the device at `path`. The cable is left open when that went well.
    fn with<T>(
        &self,
        path: &Path,
        talk: impl FnOnce(&mut TimedCable<'_, '_>) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry(path.to_path_buf()).or_default().clone()
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let cable = |error: std::io::Error| DeviceError::Cable { path: path.to_path_buf(), error };
        let mut port = match slot.take() {
            Some(port) => port,
            None => Port::open(path).map_err(cable)?,
        };
        let (mut out, mut into) = (vec![0; FRAME_BYTES], vec![0; FRAME_BYTES]);
        port.set_patience(HELLO_TIME).map_err(cable)?;
        let caller = Caller::new(&mut port, &mut out, &mut into);
        let mut device = TimedCable { caller, time: HELLO_TIME_MAX };
        let hello = Request::Hello { protocol: PROTOCOL, frame_bytes: FRAME_BYTES as u32 };
        let heard = block_on(device.ask(&hello)).map(drop);
        if let Err(error) = heard {
            let is_busy = device.caller.is_busy();
            let error = if is_busy { AskError::Fault(CableFault::Busy) } else { error };
            return Err(DeviceError::Ask { path: path.to_path_buf(), error });
        }
        let link = device.caller.into_link();
        link.set_patience(ANSWER_TIME).map_err(cable)?;
        let caller = Caller::new(link, &mut out, &mut into);
        let talked = talk(&mut TimedCable { caller, time: REQUEST_TIME })?;
        *slot = Some(port);
        Ok(talked)
    }

    /// Lets the cable at `path` go.
    pub fn let_go(&self, path: &Path) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// Asks the device at `path` how it is doing.
    pub fn info(&self, path: &Path) -> Result<DevicesInfoReply, DeviceError> {
        self.with(path, |device| {
            let reply = ask(path, device, &Request::Info)?;
            let Reply::Info(info) = reply else { return Err(not_understood(path)) };
            Ok(DevicesInfoReply {
                box_id: format!("{:016x}", info.id),
                version: info.version.to_owned(),
                protocol: PROTOCOL.into(),
                time: info.time,
                contacts: info.active.into(),
                trashed: info.trashed.into(),
                live_bytes: info.live_bytes,
                capacity_bytes: info.capacity_bytes,
                flash_bytes: info.flash_bytes,
                losses: info.losses.into(),
                root: info.root.map(|root| Root(root).to_string()),
            })
        })
    }

    /// Returns whether the device at `path` holds what the box does.
    pub fn is_in_step(&self, path: &Path) -> Result<bool, DeviceError> {
        let ours = self.root()?;
        let theirs = self.with(path, |device| match ask(path, device, &Request::Root)? {
            Reply::Root { root, .. } => Ok(Root(root)),
            _ => Err(not_understood(path)),
        })?;
        Ok(ours == Some(theirs))
    }

    /// The root of the box. Where it is not known yet it is computed from a copy:
    /// nobody waits for that.
    fn root(&self) -> Result<Option<Root>, DeviceError> {
        if let Some(root) = self.handle.have(|host| Ok(host.root()))? {
            return Ok(Some(root));
        }
        let replica = Replica::new(&self.handle, &self.data);
        Ok(replica.map_err(|error| DeviceError::Replica(Box::new(error)))?.root())
    }

    /// Brings the device at `path` and the box to hold the same. Tells watchers
    /// how far it has come.
    pub fn sync(&self, path: &Path, consent: Consent) -> Result<DevicesSyncReply, DeviceError> {
        self.root()?;
        self.with(path, |device| {
            let mut here = BoxAtHand::new(&self.handle);
            let mut last = Instant::now();
            let progress = |progress: Progress| {
                if last.elapsed() >= TELL_TIME {
                    last = Instant::now();
                    self.events.device(&DeviceEvent::Progress(under_way(path, &progress)));
                }
            };
            let report = block_on(sync(&mut here, device, consent, progress));
            let report = report.map_err(|error| match error {
                // This side has more to say.
                SyncError::Here(AskError::Link(error)) => DeviceError::Box(error),
                SyncError::There(error) => DeviceError::Ask { path: path.to_path_buf(), error },
                error @ (SyncError::Here(_) | SyncError::SameBox) => {
                    DeviceError::Meeting { path: path.to_path_buf(), error: Box::new(error) }
                }
            })?;
            Ok(told(&report, device.caller.traffic()))
        })
    }
}

fn ask<'d>(
    path: &Path,
    device: &'d mut TimedCable<'_, '_>,
    request: &Request<'_>,
) -> Result<Reply<'d>, DeviceError> {
    block_on(device.ask(request))
        .map_err(|error| DeviceError::Ask { path: path.to_path_buf(), error })
}

fn not_understood(path: &Path) -> DeviceError {
    DeviceError::Ask { path: path.to_path_buf(), error: AskError::NotUnderstood }
}

fn under_way(path: &Path, progress: &Progress) -> DeviceProgress {
    DeviceProgress {
        device: path.to_path_buf(),
        state: DeviceState::Syncing,
        way: match progress.way {
            Way::ToHere => SyncWay::ToHere,
            Way::ToThere => SyncWay::ToThere,
        },
        looked_at: progress.looked_at.into(),
        slots: progress.slots.into(),
        taken: progress.taken.into(),
    }
}

fn told(report: &SyncReport, traffic: Traffic) -> DevicesSyncReply {
    DevicesSyncReply {
        is_same: report.root.is_some(),
        root: report.root.map(|root| root.to_string()),
        rounds: report.rounds.into(),
        to_here: carried(&report.to_here),
        to_there: carried(&report.to_there),
        sent_bytes: traffic.sent_bytes,
        received_bytes: traffic.received_bytes,
        requests: traffic.requests,
        repeats: traffic.repeats,
    }
}

fn carried(carried: &Carried) -> TransferReport {
    let failures = carried.failures.iter().map(|(uid, fault)| format!("{uid}: {fault}"));
    let asides = carried.asides.iter().map(|(uid, why)| format!("{uid} was not taken in: {why}"));
    TransferReport {
        offered: carried.offered.into(),
        taken: carried.taken.into(),
        piece_bytes: carried.piece_bytes,
        failed: carried.failed.into(),
        failures: failures.collect(),
        held: carried.held.into(),
        waits: carried.waits.map(|fault| fault.to_string()),
        aside: carried.aside.into(),
        asides: asides.collect(),
    }
}
