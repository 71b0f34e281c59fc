//! `box.verify`: everything read again, a slice at a time.

use super::error::CallError;
use super::read::body;
use super::round::{RoundOutcome, RoundStep};
use contactbox_api::status::BoxVerifyReply;
use contactbox_core::store::{Finding, Verification};
use contactbox_engine::{Host, STEP_BYTES};
use contactbox_formats::jcard;
use embassy_futures::block_on;

/// Findings that are told one by one.
const FINDINGS_MAX: usize = 1000;

/// A verification under way, and what it has to tell.
#[derive(Default)]
pub(super) struct Verify {
    verification: Verification,
    findings: Vec<String>,
}

impl RoundStep for Verify {
    fn step(&mut self, host: &mut Host) -> Option<RoundOutcome> {
        let Self { verification, findings } = self;
        let mut unreadable = Vec::new();
        let visit = |finding: &Finding| {
            if let Finding::Unreadable { slot } = finding {
                unreadable.push(*slot);
            }
            if findings.len() < FINDINGS_MAX {
                findings.push(told(finding));
            }
        };
        let is_done = match block_on(host.book.verify_step(verification, STEP_BYTES, visit)) {
            Ok(is_done) => is_done,
            Err(error) => return Some(Err(error.into())),
        };
        host.note_left_out(&unreadable);
        is_done.then(|| self.report(host))
    }
}

impl Verify {
    fn report(&self, host: &Host) -> Result<Vec<u8>, CallError> {
        let report = self.verification.report();
        let scan = &report.scan;
        body(&BoxVerifyReply {
            // All that an earlier state of the box holds may be right, and is not what
            // the box has acknowledged.
            sound: report.is_sound() && !host.is_put_back(),
            put_back: host.is_put_back(),
            contacts: report.contacts.into(),
            blobs: report.blobs.into(),
            pages: scan.pages.into(),
            entries: scan.entries.into(),
            bytes: host.book.stats().journal.flash_bytes,
            corrected: scan.corrected.into(),
            missing: scan.missing.into(),
            headers_struck: scan.headers_struck.into(),
            pages_struck: scan.pages_struck.into(),
            losses: report.losses.into(),
            damaged: report.findings.into(),
            findings: self.findings.clone(),
        })
    }
}

fn told(finding: &Finding) -> String {
    match finding {
        Finding::Unreadable { slot } => {
            format!("the contact in slot {slot} cannot be read; import its vCard again")
        }
        Finding::Stale(uid) => format!(
            "a newer version of {uid} was lost to damage; look at it and put right what is old"
        ),
        Finding::AnyStale => "something was lost to damage, and nothing is known of what: any contact may be older than it was, or missing".to_owned(),
        Finding::BlobDamaged(uid, blob) => format!(
            "a photo or document of {uid} ({} bytes, {}) is damaged; sync with a card, box or backup that has it, or add it again",
            blob.len,
            jcard::hex(&blob.hash)
        ),
    }
}
