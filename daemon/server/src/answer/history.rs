//! `contact.history`: the versions of a contact that the log still holds, gathered
//! a slice at a time.

use super::error::CallError;
use super::read::{body, origin, resolve};
use super::round::{RoundOutcome, RoundStep};
use crate::rpc;
use contactbox_api::contact::{ContactVersion, HistoryReply};
use contactbox_core::contact::{Contact, Property, Uid};
use contactbox_engine::image::PAGE_BYTES;
use contactbox_engine::{BoxError, Host, STEP_BYTES};
use contactbox_formats::jcard;
use embassy_futures::block_on;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// Versions of a history, unless told and at most.
const VERSIONS: u32 = 20;
const VERSIONS_MAX: u32 = 200;

/// Records of a history that are kept while it is gathered, in bytes.
const HISTORY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A version; nothing for one that is kept apart.
type HistoryEntry = Option<Vec<u8>>;

/// A history while it is gathered.
pub(super) struct HistoryQuery {
    uid: Uid,
    limit: usize,
    /// The next page of the log.
    page: u32,
    versions: BTreeMap<u64, HistoryEntry>,
    /// The length of their records.
    bytes: usize,
}

impl RoundStep for HistoryQuery {
    fn step(&mut self, host: &mut Host) -> Option<RoundOutcome> {
        for _ in 0..STEP_BYTES as usize / PAGE_BYTES {
            let Self { uid, limit, versions, bytes, .. } = self;
            let visit = |time, contact: Option<&Contact<'_>>| {
                let version = contact.map(|contact| contact.bytes().to_vec());
                keep(versions, bytes, *limit, time, version);
            };
            match block_on(host.book.history_page(*uid, self.page, visit)) {
                Ok(true) => self.page += 1,
                Ok(false) => return Some(self.end(host)),
                Err(error) => return Some(Err(error.into())),
            }
        }
        None
    }
}

fn keep(
    versions: &mut BTreeMap<u64, HistoryEntry>,
    bytes: &mut usize,
    limit: usize,
    time: u64,
    version: HistoryEntry,
) {
    *bytes += version.as_ref().map_or(0, Vec::len);
    if let Some(same) = versions.insert(time, version).flatten() {
        // It has moved to where the round came by again.
        *bytes -= same.len();
    }
    // One more than asked for: the oldest shown is compared with it.
    while versions.len() > limit + 1 || (*bytes > HISTORY_BYTES_MAX && versions.len() > 1) {
        let oldest = versions.pop_first().and_then(|(_, version)| version);
        *bytes -= oldest.map_or(0, |version| version.len());
    }
}

impl HistoryQuery {
    pub(super) fn begin(host: &mut Host, asked: &rpc::History) -> Result<Self, CallError> {
        let uid = resolve(host, &asked.uid)?;
        let limit = asked.limit.unwrap_or(VERSIONS).clamp(1, VERSIONS_MAX) as usize;
        Ok(Self { uid, limit, page: 0, versions: BTreeMap::new(), bytes: 0 })
    }

    fn end(&mut self, host: &mut Host) -> RoundOutcome {
        let Self { uid, limit, versions, bytes, .. } = self;
        let Host { book, record, .. } = host;
        // The present version may have been kept apart, have moved, or be younger than the round.
        if let Ok(Some(found)) = block_on(book.get(*uid, record)) {
            let time = found.contact.changed().time;
            keep(versions, bytes, *limit, time, Some(found.contact.bytes().to_vec()));
        }
        if versions.is_empty() {
            return Err(BoxError::NoSuchContact(*uid).into());
        }
        let mut rows = Vec::new();
        let mut before: Option<&[u8]> = None;
        let is_cut = versions.len() > *limit;
        for (place, (&time, version)) in versions.iter().enumerate() {
            let mut row = ContactVersion {
                version: time,
                time,
                author: None,
                origin: None,
                added: None,
                removed: None,
                kept_apart: version.is_none(),
            };
            if let Some(bytes) = version.as_deref() {
                if let Ok(contact) = Contact::parse(bytes) {
                    row.author = Some(book.author_name(contact.changed().author).to_owned());
                    row.origin = Some(origin(contact.origin()));
                    let old = before.and_then(|bytes| Contact::parse(bytes).ok());
                    let (added, removed) = difference(old.as_ref(), &contact);
                    (row.added, row.removed) = (Some(added), Some(removed));
                }
                before = Some(bytes);
            }
            if !(is_cut && place == 0) {
                rows.push(row);
            }
        }
        rows.reverse();
        body(&HistoryReply { uid: uid.to_string(), versions: rows })
    }
}

/// Returns the properties that a version has and the one before did not, and the other way round.
fn difference(old: Option<&Contact<'_>>, new: &Contact<'_>) -> (Vec<Json>, Vec<Json>) {
    let said = |contact: &Contact<'_>| -> Vec<Json> {
        let contents = contact.properties().map(|property| property.content);
        contents
            .filter(|content| !content.kind.is_internal())
            .map(|content: Property<'_>| jcard::write_property(&content, |_| None))
            .collect()
    };
    let Some(old) = old else { return (said(new), Vec::new()) };
    let (old, new) = (said(old), said(new));
    let mut counts: HashMap<String, i64> = HashMap::new();
    for property in &old {
        *counts.entry(property.to_string()).or_default() += 1;
    }
    let added = new.into_iter().filter(|property| {
        let count = counts.entry(property.to_string()).or_default();
        *count -= 1;
        *count < 0
    });
    let added: Vec<Json> = added.collect();
    let removed = old.into_iter().filter(|property| {
        let count = counts.entry(property.to_string()).or_default();
        *count -= 1;
        *count >= 0
    });
    (added, removed.collect())
}
