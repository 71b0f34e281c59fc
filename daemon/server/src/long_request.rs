//! Does what clients ask to be done with a card or a device: each on a thread of its own, whose
//! reply comes when it is done.

use crate::answer::{CallError, body};
use crate::rpc::{LongRequest, LongRequestKind};
use contactbox_api::card::{
    CardsBackupReply, CardsRestoreReply, CardsSyncReply, PhoneFileReport, UnreadableContact,
};
use contactbox_core::card::{PhoneFile, SnapshotOwners};
use contactbox_core::store::Consent;
use contactbox_engine::{BoxError, Handle, UNREADABLE};
use contactbox_sync::card::{
    AnyCard, Extent, OpenMode, Replica, SyncError, keep, take_in, write_for_phones,
};
use contactbox_sync::device::Devices;
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
        reply: impl FnOnce(Result<Vec<u8>, CallError>) + Send + 'static,
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
            let result = result.unwrap_or(Err(SyncError::Panicked.into()));
            // The book that was read for it is gone by now.
            contactbox_system::heap::give_back();
            answer(result);
        };
        if let Err(error) = (self.spawn)(Box::new(work)) {
            tracing::error!(%error, "no thread for what a client asked");
            let reply = reply.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(reply) = reply {
                reply(Err(SyncError::NoThread(error).into()));
            }
        }
    }

    fn work(&self, request: &LongRequest) -> Result<Vec<u8>, CallError> {
        match request.kind {
            LongRequestKind::CardBackup => body(&self.backup(&request.path)?),
            LongRequestKind::CardSync => body(&self.sync(&request.path, request.consent())?),
            LongRequestKind::CardRestore => body(&self.restore(&request.path)?),
            LongRequestKind::DeviceInfo => {
                let told = self.devices.info(&request.path);
                // Others may want to use the cable. Who keeps a device in step opens it again.
                self.devices.let_go(&request.path);
                body(&told.map_err(SyncError::from)?)
            }
            LongRequestKind::DeviceSync => {
                let told = self.devices.sync(&request.path, request.consent());
                self.devices.let_go(&request.path);
                body(&told.map_err(SyncError::from)?)
            }
        }
    }

    fn backup(&self, path: &Path) -> Result<CardsBackupReply, SyncError> {
        let mut card = AnyCard::open(path, OpenMode::Write)?;
        let mut replica = Replica::new(&self.handle, &self.data)?;
        let kept = keep(&mut replica, &mut card, Extent::All)?;
        let phones = write_for_phones(&mut replica, &mut card)?;
        let (mut left_out, mut left_out_count) = (Vec::new(), None);
        if kept.snapshot.is_some_and(|snapshot| snapshot.unreadable > 0) {
            let (count, uids) = replica.unreadable();
            left_out_count = Some(count.into());
            left_out.extend(
                uids.iter().map(|uid| UnreadableContact {
                    uid: uid.to_string(),
                    reason: UNREADABLE.into(),
                }),
            );
        }
        Ok(CardsBackupReply {
            written: (&kept).into(),
            left_out,
            left_out_count,
            lacks: self.lacks()?,
            phones: phone_report(&phones),
            root: replica.root().map(|root| root.to_string()),
        })
    }

    /// Returns whether contacts may be missing in the box, or older than they were.
    fn lacks(&self) -> Result<bool, BoxError> {
        self.handle.have(|host| Ok(host.lacks()))
    }

    fn sync(&self, path: &Path, consent: Consent) -> Result<CardsSyncReply, SyncError> {
        let mut card = AnyCard::open(path, OpenMode::Write)?;
        let replica = Replica::new(&self.handle, &self.data)?;
        let (mut replica, given) = take_in(replica, &mut card, SnapshotOwners::Others, consent, 0)?;
        let kept = keep(&mut replica, &mut card, given.extent())?;
        let lacks = self.lacks()?;
        let phones = match kept.is_news() {
            true => Some(phone_report(&write_for_phones(&mut replica, &mut card)?)),
            false => None,
        };
        Ok(CardsSyncReply {
            taken: (&given).into(),
            kept: (&kept).into(),
            lacks,
            phones,
            root: replica.root().map(|root| root.to_string()),
        })
    }

    fn restore(&self, path: &Path) -> Result<CardsRestoreReply, SyncError> {
        let states = self.handle.have(|host| Ok(host.states()))?;
        if states > 0 {
            return Err(SyncError::NotEmpty { contacts: states });
        }
        let mut card = AnyCard::open(path, OpenMode::Read)?;
        let replica = Replica::new(&self.handle, &self.data)?;
        let (mut replica, given) =
            take_in(replica, &mut card, SnapshotOwners::All, Consent::Ask, 0)?;
        let root = replica.root().map(|root| root.to_string());
        Ok(CardsRestoreReply { taken: (&given).into(), root })
    }
}

fn spawn_thread(work: Work) -> io::Result<()> {
    std::thread::Builder::new().name("long-request".to_owned()).spawn(work).map(|_| ())
}

fn phone_report(file: &PhoneFile) -> PhoneFileReport {
    PhoneFileReport {
        was_current: file.was_current,
        is_foreign: file.is_foreign,
        vcards: file.cards.into(),
        private: file.private.into(),
        without_blob: file.without_blob.into(),
        unreadable: file.unreadable.into(),
        bytes: file.bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{ErrorKind, RpcError};
    use contactbox_engine::{Host, WriterThread};
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
        let devices = Devices::new(
            &handle,
            folder.path(),
            &(Arc::new(()) as contactbox_sync::events::Events),
        );
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
