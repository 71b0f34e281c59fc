//! Does what clients ask to be done with a card or a device: each on a thread of its own, whose
//! reply comes when it is done.

use super::folder::OpenMode;
use super::replica::Replica;
use super::sync_error::SyncError;
use super::visit::{AnyCard, Extent, keep, take_in, write_for_phones};
use crate::device::Devices;
use crate::keeper::{BoxError, Handle, UNREADABLE};
use crate::rpc::{LongRequest, LongRequestKind};
use contactbox_core::card::{PhoneFile, SnapshotOwners};
use contactbox_core::store::Consent;
use serde::Serialize;
use serde_json::{Value, json};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The work of one request, and the reply to it.
type Work = Box<dyn FnOnce() + Send>;

/// The means for long requests: the box, its folder, its devices and threads.
#[derive(Clone)]
pub struct LongRequests {
    handle: Handle,
    /// The folder for pages of the box that memory is too small for.
    data: PathBuf,
    devices: Devices,
    /// Starts a thread with the work; an error when there is none to be had.
    spawn: fn(Work) -> io::Result<()>,
}

impl LongRequests {
    /// For the box of `handle`; `data` is where pages of it go that memory is too small for.
    pub fn new(handle: &Handle, data: &Path, devices: &Devices) -> Self {
        Self {
            handle: handle.clone(),
            data: data.to_path_buf(),
            devices: devices.clone(),
            spawn: spawn_thread,
        }
    }

    /// Does it on another thread, which calls `reply`. When no thread can be started, `reply` is
    /// called here, with an error.
    pub fn run(
        &self,
        request: LongRequest,
        reply: impl FnOnce(Result<Vec<u8>, SyncError>) + Send + 'static,
    ) {
        let long_requests = self.clone();
        // A thread that cannot be started drops its work, and the reply must outlive that.
        let reply = Arc::new(Mutex::new(Some(reply)));
        let replies = Arc::clone(&reply);
        let answer = move |result| {
            if let Some(reply) = replies.lock().unwrap_or_else(PoisonError::into_inner).take() {
                reply(result);
            }
        };
        let work = move || {
            let work = || long_requests.work(&request);
            let result = catch_unwind(AssertUnwindSafe(work));
            let result = result.unwrap_or(Err(SyncError::Panicked));
            // The book that was read for it is gone by now.
            contactbox_system::heap::give_back();
            answer(result.map(|told| told.to_string().into_bytes()));
        };
        if let Err(error) = (self.spawn)(Box::new(work)) {
            tracing::error!(%error, "no thread for what a client asked");
            let reply = reply.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(reply) = reply {
                reply(Err(SyncError::NoThread(error)));
            }
        }
    }

    fn work(&self, request: &LongRequest) -> Result<Value, SyncError> {
        match request.kind {
            LongRequestKind::CardBackup => self.backup(&request.path),
            LongRequestKind::CardSync => self.sync(&request.path, request.consent()),
            LongRequestKind::CardRestore => self.restore(&request.path),
            LongRequestKind::DeviceInfo => {
                let told = self.devices.info(&request.path);
                // Others may want to use the cable. Who keeps a device in step opens it again.
                self.devices.let_go(&request.path);
                json_of(&told?)
            }
            LongRequestKind::DeviceSync => {
                let told = self.devices.sync(&request.path, request.consent());
                self.devices.let_go(&request.path);
                json_of(&told?)
            }
        }
    }

    fn backup(&self, path: &Path) -> Result<Value, SyncError> {
        let mut card = AnyCard::open(path, OpenMode::Write)?;
        let mut replica = Replica::new(&self.handle, &self.data)?;
        let kept = keep(&mut replica, &mut card, Extent::All)?;
        let phones = write_for_phones(&mut replica, &mut card)?;
        let mut told = kept.to_json();
        if kept.snapshot.is_some_and(|snapshot| snapshot.unreadable > 0) {
            let (count, uids) = replica.unreadable();
            let rows =
                uids.iter().map(|uid| json!({ "uid": uid.to_string(), "reason": UNREADABLE }));
            told["left_out"] = json!(rows.collect::<Vec<Value>>());
            told["left_out_count"] = json!(count);
        }
        told["lacks"] = json!(self.lacks()?);
        told["phones"] = phone_json(&phones);
        told["root"] = json!(replica.root().map(|root| root.to_string()));
        Ok(told)
    }

    /// Returns whether contacts may be missing in the box, or older than they were.
    fn lacks(&self) -> Result<bool, BoxError> {
        self.handle.have(|host| Ok(host.lacks()))
    }

    fn sync(&self, path: &Path, consent: Consent) -> Result<Value, SyncError> {
        let mut card = AnyCard::open(path, OpenMode::Write)?;
        let replica = Replica::new(&self.handle, &self.data)?;
        let (mut replica, given) = take_in(replica, &mut card, SnapshotOwners::Others, consent, 0)?;
        let mut told = given.to_json();
        let kept = keep(&mut replica, &mut card, given.extent())?;
        told["kept"] = kept.to_json();
        told["lacks"] = json!(self.lacks()?);
        if kept.is_news() {
            told["phones"] = phone_json(&write_for_phones(&mut replica, &mut card)?);
        }
        told["root"] = json!(replica.root().map(|root| root.to_string()));
        Ok(told)
    }

    fn restore(&self, path: &Path) -> Result<Value, SyncError> {
        let states = self.handle.have(|host| Ok(host.states()))?;
        if states > 0 {
            return Err(SyncError::NotEmpty { contacts: states });
        }
        let mut card = AnyCard::open(path, OpenMode::Read)?;
        let replica = Replica::new(&self.handle, &self.data)?;
        let (mut replica, given) =
            take_in(replica, &mut card, SnapshotOwners::All, Consent::Ask, 0)?;
        let mut told = given.to_json();
        told["root"] = json!(replica.root().map(|root| root.to_string()));
        Ok(told)
    }
}

fn json_of(reply: &impl Serialize) -> Result<Value, SyncError> {
    Ok(serde_json::to_value(reply).map_err(BoxError::from)?)
}

fn spawn_thread(work: Work) -> io::Result<()> {
    std::thread::Builder::new().name("long-request".to_owned()).spawn(work).map(|_| ())
}

fn phone_json(file: &PhoneFile) -> Value {
    json!({
        "was_current": file.was_current,
        "is_foreign": file.is_foreign,
        "vcards": file.cards,
        "private": file.private,
        "without_blob": file.without_blob,
        "unreadable": file.unreadable,
        "bytes": file.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Events;
    use crate::keeper::{Host, WriterThread};
    use crate::rpc::{ErrorKind, RpcError};
    use contactbox_system::config::{Config, Settings};
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_request_no_thread_can_be_started_for_is_answered_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings { data: Some(folder.path().to_path_buf()), ..Settings::default() };
        let config = Config::load(settings).expect("good settings");
        let writer = WriterThread::start(Host::open(&config).expect("a box")).expect("a thread");
        let handle = writer.handle();
        let devices = Devices::new(&handle, folder.path(), &Events::default());
        let works = LongRequests::new(&handle, folder.path(), &devices);
        let refuses = LongRequests {
            spawn: |_| Err(io::Error::from(io::ErrorKind::WouldBlock)),
            ..works.clone()
        };
        for (requests, kind, cure) in [
            (&refuses, ErrorKind::Busy, "try again later"),
            (&works, ErrorKind::Card, "no card at"),
        ] {
            let (sender, answers) = mpsc::channel();
            let request = LongRequest {
                kind: LongRequestKind::CardBackup,
                path: folder.path().join("none"),
                accept_removals: false,
            };
            requests.run(request, move |result| sender.send(result).expect("it is waited for"));
            let result = answers.recv_timeout(Duration::from_secs(20)).expect("an answer");
            let error = RpcError::from(result.expect_err("no card"));
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.to_string().contains(cure), "{error}");
            assert!(answers.recv_timeout(Duration::from_secs(20)).is_err(), "one answer");
        }
        writer.stop();
    }
}
