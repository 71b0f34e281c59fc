//! What clients ask to be done with a card or a device: each on a thread of its own, whose
//! reply comes when it is done.

use super::replica::Replica;
use super::sync_error::SyncError;
use super::visit::{AnyCard, Extent, keep, take_in, write_for_phones};
use crate::device::Devices;
use crate::keeper::{Handle, UNREADABLE};
use crate::rpc::{ErrorKind, LongRequest, LongRequestKind, RpcError};
use contactbox_core::card::{PhoneFile, SnapshotOwners};
use contactbox_core::store::Consent;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What is needed for long_requests.
#[derive(Clone)]
pub struct LongRequests {
    handle: Handle,
    /// Where pages of the box go that memory is too small for.
    data: PathBuf,
    devices: Devices,
}

impl LongRequests {
    /// For the box of `handle`; `data` is where pages of it go that memory is too small for.
    pub fn new(handle: &Handle, data: &Path, devices: &Devices) -> Self {
        Self { handle: handle.clone(), data: data.to_path_buf(), devices: devices.clone() }
    }

    /// Does it elsewhere; `reply` is called there.
    pub fn run(
        &self,
        request: LongRequest,
        reply: impl FnOnce(Result<Vec<u8>, RpcError>) + Send + 'static,
    ) {
        let long_requests = self.clone();
        let work = move || {
            let work = || long_requests.work(&request).map_err(SyncError::into_fault);
            let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                Err(RpcError::new(
                    ErrorKind::Internal,
                    "a fault of the program; the box is as it was",
                ))
            });
            // The book that was read for it is gone by now.
            crate::memory::give_back();
            reply(result.map(|told| told.to_string().into_bytes()));
        };
        if let Err(error) = std::thread::Builder::new().name("long-request".to_owned()).spawn(work)
        {
            // The closure is gone with the reply in it: the client sees no answer,
            // the log says why.
            tracing::error!(%error, "no thread for what a client asked");
        }
    }

    fn work(&self, request: &LongRequest) -> Result<Value, SyncError> {
        match request.kind {
            LongRequestKind::CardBackup => self.backup(&request.path),
            LongRequestKind::CardSync => self.sync(&request.path, request.consent()),
            LongRequestKind::CardRestore => self.restore(&request.path),
            LongRequestKind::DeviceInfo | LongRequestKind::DeviceSync => {
                let told = match request.kind {
                    LongRequestKind::DeviceInfo => self.devices.info(&request.path),
                    _ => self.devices.sync(&request.path, request.consent()),
                };
                // Others may want to use the cable. Who keeps a device in step opens it again.
                self.devices.let_go(&request.path);
                Ok(told?)
            }
        }
    }

    fn backup(&self, path: &Path) -> Result<Value, SyncError> {
        let mut card = AnyCard::open(path, true)?;
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

    /// Whether contacts may be missing in the box, or older than they were.
    fn lacks(&self) -> Result<bool, RpcError> {
        self.handle.have(|host| Ok(host.lacks()))
    }

    fn sync(&self, path: &Path, consent: Consent) -> Result<Value, SyncError> {
        let mut card = AnyCard::open(path, true)?;
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
            return Err(RpcError::new(
                ErrorKind::NotEmpty,
                "this box has contacts already, or had some that were removed; `contactbox card sync` takes a card in beside what is there",
            )
            .with(|data| data.contacts = Some(states as u64))
            .into());
        }
        let mut card = AnyCard::open(path, false)?;
        let replica = Replica::new(&self.handle, &self.data)?;
        let (mut replica, given) =
            take_in(replica, &mut card, SnapshotOwners::All, Consent::Ask, 0)?;
        let mut told = given.to_json();
        told["root"] = json!(replica.root().map(|root| root.to_string()));
        Ok(told)
    }
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
