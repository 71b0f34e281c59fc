//! What clients ask to be done with a card or a device: each on a thread of its own, whose reply comes when it is done.

use super::shadow::Shadow;
use super::trouble::Trouble;
use super::visit::{AnyCard, Extent, keep, take_in, write_for_phones};
use crate::device::Devices;
use crate::keeper::{Asker, UNREADABLE};
use crate::rpc::{Errand, ErrandKind, Fault, Kind};
use contactbox_core::card::{PhoneFile, Whose};
use contactbox_core::store::Consent;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What is needed for errands.
#[derive(Clone)]
pub struct Errands {
    asker: Asker,
    /// Where pages of the box go that memory is too small for.
    data: PathBuf,
    devices: Devices,
}

impl Errands {
    /// For the box of `asker`; `data` is where pages of it go that memory is too small for.
    pub fn new(asker: &Asker, data: &Path, devices: &Devices) -> Self {
        Self { asker: asker.clone(), data: data.to_path_buf(), devices: devices.clone() }
    }

    /// Does it elsewhere; `reply` is called there.
    pub fn run(&self, errand: Errand, reply: impl FnOnce(Result<Vec<u8>, Fault>) + Send + 'static) {
        let errands = self.clone();
        let work = move || {
            let work = || errands.work(&errand).map_err(Trouble::into_fault);
            let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                Err(Fault::new(Kind::Internal, "a fault of the program; the box is as it was"))
            });
            // The book that was read for it is gone by now.
            crate::memory::give_back();
            reply(result.map(|told| told.to_string().into_bytes()));
        };
        if let Err(error) = std::thread::Builder::new().name("errand".to_owned()).spawn(work) {
            // The closure is gone with the reply in it: the client sees no answer, the log says why.
            tracing::error!(%error, "no thread for what a client asked");
        }
    }

    fn work(&self, errand: &Errand) -> Result<Value, Trouble> {
        match errand.kind {
            ErrandKind::CardBackup => self.backup(&errand.path),
            ErrandKind::CardSync => self.sync(&errand.path, errand.consent()),
            ErrandKind::CardRestore => self.restore(&errand.path),
            ErrandKind::DeviceInfo | ErrandKind::DeviceSync => {
                let told = match errand.kind {
                    ErrandKind::DeviceInfo => self.devices.info(&errand.path),
                    _ => self.devices.sync(&errand.path, errand.consent()),
                };
                // Others may want to use the cable. Who keeps a device in step opens it again.
                self.devices.let_go(&errand.path);
                Ok(told?)
            }
        }
    }

    fn backup(&self, path: &Path) -> Result<Value, Trouble> {
        let mut card = AnyCard::open(path, true)?;
        let mut shadow = Shadow::new(&self.asker, &self.data)?;
        let kept = keep(&mut shadow, &mut card, Extent::All)?;
        let phones = write_for_phones(&mut shadow, &mut card)?;
        let mut told = kept.to_json();
        if kept.snapshot.is_some_and(|snapshot| snapshot.unreadable > 0) {
            let (count, uids) = shadow.unreadable();
            let rows =
                uids.iter().map(|uid| json!({ "uid": uid.to_string(), "reason": UNREADABLE }));
            told["left_out"] = json!(rows.collect::<Vec<Value>>());
            told["left_out_count"] = json!(count);
        }
        told["lacks"] = json!(self.lacks()?);
        told["phones"] = phone_json(&phones);
        told["root"] = json!(shadow.root().map(|root| root.to_string()));
        Ok(told)
    }

    /// Whether contacts may be missing in the box, or older than they were.
    fn lacks(&self) -> Result<bool, Fault> {
        self.asker.have(|desk| Ok(desk.lacks()))
    }

    fn sync(&self, path: &Path, consent: Consent) -> Result<Value, Trouble> {
        let mut card = AnyCard::open(path, true)?;
        let shadow = Shadow::new(&self.asker, &self.data)?;
        let (mut shadow, given) = take_in(shadow, &mut card, Whose::Others, consent, 0)?;
        let mut told = given.to_json();
        let kept = keep(&mut shadow, &mut card, given.extent())?;
        told["kept"] = kept.to_json();
        told["lacks"] = json!(self.lacks()?);
        if kept.is_news() {
            told["phones"] = phone_json(&write_for_phones(&mut shadow, &mut card)?);
        }
        told["root"] = json!(shadow.root().map(|root| root.to_string()));
        Ok(told)
    }

    fn restore(&self, path: &Path) -> Result<Value, Trouble> {
        let states = self.asker.have(|desk| Ok(desk.states()))?;
        if states > 0 {
            return Err(Fault::new(
                Kind::NotEmpty,
                "this box has contacts already, or had some that were removed; `contactbox card sync` takes a card in beside what is there",
            )
            .with("contacts", states)
            .into());
        }
        let mut card = AnyCard::open(path, false)?;
        let shadow = Shadow::new(&self.asker, &self.data)?;
        let (mut shadow, given) = take_in(shadow, &mut card, Whose::All, Consent::Ask, 0)?;
        let mut told = given.to_json();
        told["root"] = json!(shadow.root().map(|root| root.to_string()));
        Ok(told)
    }
}

fn phone_json(file: &PhoneFile) -> Value {
    json!({
        "was_current": file.was_current,
        "is_foreign": file.is_foreign,
        "cards": file.cards,
        "private": file.private,
        "without_blob": file.without_blob,
        "unreadable": file.unreadable,
        "bytes": file.bytes,
    })
}
