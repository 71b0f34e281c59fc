//! `box.verify`: everything read again, a slice at a time.

use super::Host;
use super::round::{RoundOutcome, RoundStep, STEP_BYTES};
use contactbox_core::store::{Finding, Verification};
use contactbox_formats::jcard;
use embassy_futures::block_on;
use serde_json::json;

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
        host.left_out.note(&unreadable);
        is_done.then(|| Ok(self.report(host)))
    }
}

impl Verify {
    fn report(&self, host: &Host) -> Vec<u8> {
        let report = self.verification.report();
        let scan = &report.scan;
        let told = json!({
            // All that an earlier state of the box holds may be right, and is not what
            // the box has acknowledged.
            "sound": report.is_sound() && host.put_back.is_none(),
            "put_back": host.put_back.is_some(),
            "contacts": report.contacts,
            "blobs": report.blobs,
            "pages": scan.pages,
            "entries": scan.entries,
            "bytes": host.book.stats().journal.flash_bytes,
            "corrected": scan.corrected,
            "missing": scan.missing,
            "headers_struck": scan.headers_struck,
            "pages_struck": scan.pages_struck,
            "losses": report.losses,
            "damaged": report.findings,
            "findings": self.findings,
        });
        told.to_string().into_bytes()
    }
}

fn told(finding: &Finding) -> String {
    match finding {
        Finding::Unreadable { slot } => {
            format!("the contact in slot {slot} can not be read; import its card again")
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
