//! Requests that change nothing: finding, showing, history, figures.

use super::desk::{CONTACT_BYTES_MAX, Desk};
use super::{cursor, fault, label};
use crate::image::Access;
use crate::jcard;
use crate::rpc::{self, BlobGet, Fault, Find, Get, History, Kind, PROTOCOL};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_core::contact::{BlobRef, Contact, Content, Kind as Property, Uid};
use contactbox_core::limits::BLOB_BYTES_MAX;
use contactbox_core::search::{Class, Hit, Page, Query};
use contactbox_core::store::book::{Finding, Shelf};
use embassy_futures::block_on;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, HashMap};

/// Hits of a page, unless told and at most.
const HITS: u32 = 20;
const HITS_MAX: u32 = 200;

/// Versions of a history, unless told and at most.
const VERSIONS: u32 = 20;
const VERSIONS_MAX: u32 = 200;

/// Records of a history that are kept while it is gathered, in bytes.
const HISTORY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of a piece of a blob, unless told and at most.
const PIECE_BYTES: u32 = 1024 * 1024;
const PIECE_BYTES_MAX: u32 = 8 * 1024 * 1024;

/// Findings of a verification that are told one by one.
const FINDINGS_MAX: usize = 1000;

pub(super) fn shelf(shelf: rpc::Shelf) -> Shelf {
    match shelf {
        rpc::Shelf::Active => Shelf::Active,
        rpc::Shelf::Trash => Shelf::Trash,
        rpc::Shelf::All => Shelf::All,
    }
}

pub(super) fn hello(desk: &mut Desk) -> Json {
    json!({
        "protocol": PROTOCOL,
        "box": format!("{:016x}", desk.book.id()),
        "version": env!("CARGO_PKG_VERSION"),
        "limits": {
            "frame_bytes": desk.config.limits.frame_bytes,
            "blob_bytes": BLOB_BYTES_MAX,
            "contact_bytes": CONTACT_BYTES_MAX,
        },
        "pid": std::process::id(),
        "image": desk.path,
        "contacts": desk.book.counts().active,
    })
}

pub(super) fn find(desk: &mut Desk, asked: &Find) -> Result<Json, Fault> {
    let query = Query::parse(&asked.query);
    let limit = asked.limit.unwrap_or(HITS).clamp(1, HITS_MAX) as usize;
    let after = asked.cursor.as_deref().map(cursor::rank).transpose()?;
    let page = Page { query: &query, after, deepest: Class::Elsewhere };
    let mut hits = [Hit::EMPTY; HITS_MAX as usize];
    let hits = &mut hits[..limit];
    let Desk { book, record, .. } = desk;
    let found =
        block_on(book.find(&page, shelf(asked.shelf), hits, record)).map_err(fault::of_get)?;
    let hits = &hits[..found];
    let mut rows = Vec::with_capacity(found);
    for hit in hits {
        // Found a moment ago, so what can not be read now is damaged; `verify` tells of it.
        let Ok(Some(found)) = block_on(book.get_slot(hit.slot, record)) else { continue };
        rows.push(row(&found.contact, found.is_stale, hit.rank.class));
    }
    let mut page = json!({ "hits": rows });
    if found == limit
        && let Some(last) = hits.last()
    {
        page["cursor"] = json!(cursor::of_rank(&last.rank));
    }
    Ok(page)
}

fn row(contact: &Contact<'_>, is_stale: bool, class: Class) -> Json {
    let mut row = Map::new();
    row.insert("uid".to_owned(), json!(contact.uid().to_string()));
    row.insert("version".to_owned(), json!(contact.changed().time));
    row.insert("name".to_owned(), json!(label::of(contact)));
    for (key, kind) in [("org", Property::ORG), ("tel", Property::TEL), ("email", Property::EMAIL)]
    {
        if let Some(text) = label::first(contact, kind) {
            row.insert(key.to_owned(), json!(text));
        }
    }
    row.insert("class".to_owned(), json!(class as u8));
    row.insert("trashed".to_owned(), json!(contact.is_trashed()));
    if is_stale {
        row.insert("stale".to_owned(), json!(true));
    }
    Json::Object(row)
}

/// What a contact is called; empty when there is none.
pub(super) fn name_of(desk: &mut Desk, uid: Uid) -> String {
    let Desk { book, record, .. } = desk;
    match block_on(book.get(uid, record)) {
        Ok(Some(found)) => label::of(&found.contact),
        _ => String::new(),
    }
}

pub(super) fn no_such_contact(uid: Uid) -> Fault {
    Fault::new(Kind::NoSuchContact, format!("there is no contact {uid}"))
        .with("uid", uid.to_string())
}

pub(super) fn get(desk: &mut Desk, asked: &Get) -> Result<Json, Fault> {
    let uid = desk.resolve(&asked.uid)?;
    let Desk { book, record, .. } = desk;
    let found = block_on(book.get(uid, record)).map_err(fault::of_get)?;
    let found = found.ok_or_else(|| no_such_contact(uid))?;
    let contact = found.contact;
    let changed = contact.changed();
    let mut conflicts: Vec<&str> = contact
        .properties()
        .map(|property| property.content.kind)
        .filter(|&kind| contact.is_conflicted(kind))
        .map(Property::name)
        .collect();
    conflicts.dedup();
    let mut failed = None;
    let card = jcard::write(contact.properties().map(|property| property.content), |blob| {
        if !asked.blobs {
            return None;
        }
        let mut bytes = vec![0; blob.len as usize];
        match block_on(book.read_blob(blob, 0, &mut bytes)) {
            Ok(len) if len == bytes.len() => Some(bytes),
            Ok(_) => None,
            Err(error) => {
                failed = Some(fault::of_get(error));
                None
            }
        }
    });
    if let Some(fault) = failed {
        return Err(fault);
    }
    Ok(json!({
        "uid": uid.to_string(),
        "version": changed.time,
        "changed": {
            "time": changed.time,
            "author": book.author_name(changed.author),
            "origin": label::origin(contact.origin()),
        },
        "trashed": contact.is_trashed(),
        "stale": found.is_stale,
        "conflicts": conflicts,
        "card": card,
    }))
}

/// A version while the history is gathered; nothing for one that is kept apart.
type Version = Option<Vec<u8>>;

pub(super) fn history(desk: &mut Desk, asked: &History) -> Result<Json, Fault> {
    let uid = desk.resolve(&asked.uid)?;
    let limit = asked.limit.unwrap_or(VERSIONS).clamp(1, VERSIONS_MAX) as usize;
    let mut versions: BTreeMap<u64, Version> = BTreeMap::new();
    let mut bytes = 0;
    let Desk { book, record, .. } = desk;
    block_on(book.history(uid, |time, contact| {
        let version = contact.map(|contact| contact.bytes().to_vec());
        bytes += version.as_ref().map_or(0, Vec::len);
        versions.insert(time, version);
        // One more than asked for: the oldest shown is compared with it.
        while versions.len() > limit + 1 || (bytes > HISTORY_BYTES_MAX && versions.len() > 1) {
            let oldest = versions.pop_first().and_then(|(_, version)| version);
            bytes -= oldest.map_or(0, |version| version.len());
        }
    }))
    .map_err(fault::of_get)?;
    if let Some(mut newest) = versions.last_entry()
        && newest.get().is_none()
        && let Ok(Some(found)) = block_on(book.get(uid, record))
    {
        newest.insert(Some(found.contact.bytes().to_vec()));
    }
    if versions.is_empty() {
        return Err(no_such_contact(uid));
    }
    let mut rows = Vec::new();
    let mut before: Option<&[u8]> = None;
    let is_cut = versions.len() > limit;
    for (place, (&time, version)) in versions.iter().enumerate() {
        let mut row = json!({ "version": time, "time": time });
        match version.as_deref() {
            Some(bytes) => {
                if let Ok(contact) = Contact::parse(bytes) {
                    row["author"] = json!(book.author_name(contact.changed().author));
                    row["origin"] = json!(label::origin(contact.origin()));
                    let old = before.and_then(|bytes| Contact::parse(bytes).ok());
                    let (added, removed) = difference(old.as_ref(), &contact);
                    row["added"] = json!(added);
                    row["removed"] = json!(removed);
                }
                before = Some(bytes);
            }
            None => row["kept_apart"] = json!(true),
        }
        if !(is_cut && place == 0) {
            rows.push(row);
        }
    }
    rows.reverse();
    Ok(json!({ "uid": uid.to_string(), "versions": rows }))
}

/// What a version says that the one before did not, and the other way round.
fn difference(old: Option<&Contact<'_>>, new: &Contact<'_>) -> (Vec<Json>, Vec<Json>) {
    let said = |contact: &Contact<'_>| -> Vec<Json> {
        let contents = contact.properties().map(|property| property.content);
        contents
            .filter(|content| !content.kind.is_internal())
            .map(|content: Content<'_>| jcard::write_property(&content, |_| None))
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

pub(super) fn blob(desk: &mut Desk, asked: &BlobGet) -> Result<Json, Fault> {
    let hash =
        jcard::hash_of_hex(&asked.hash).ok_or_else(|| Fault::params("hash has 32 hex digits"))?;
    let none = || {
        Fault::new(Kind::NoSuchBlob, format!("there is no blob {}", asked.hash))
            .with("hash", asked.hash.as_str())
    };
    let total = block_on(desk.book.blob_len(&hash)).map_err(fault::of_get)?.ok_or_else(none)?;
    let wanted = asked.bytes.unwrap_or(PIECE_BYTES).min(PIECE_BYTES_MAX);
    // Base64 is a third longer, and there is room for what stands around it.
    let frame = u32::try_from(desk.config.limits.frame_bytes / 4 * 3 - 4096).unwrap_or(u32::MAX);
    let mut bytes = vec![0; wanted.min(frame).min(total.saturating_sub(asked.offset)) as usize];
    let blob = BlobRef { hash, len: total };
    let len =
        block_on(desk.book.read_blob(blob, asked.offset, &mut bytes)).map_err(fault::of_get)?;
    bytes.truncate(len);
    Ok(json!({ "base64": BASE64.encode(&bytes), "bytes": len, "total": total }))
}

pub(super) fn info(desk: &mut Desk) -> Json {
    let stats = desk.book.stats();
    let access = match desk.access() {
        Access::ReadWrite => "read-write",
        Access::ReadOnly => "read-only",
        Access::Broken => "closed after a failed write",
    };
    json!({
        "box": format!("{:016x}", desk.book.id()),
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "image": desk.path,
        "socket": desk.config.socket,
        "access": access,
        "contacts": stats.counts.active,
        "trashed": stats.counts.trashed,
        "image_bytes": stats.journal.flash_bytes,
        "live_bytes": stats.journal.live_bytes,
        "capacity_bytes": stats.journal.capacity_bytes,
        "open_microseconds": u64::try_from(desk.open_time.as_micros()).unwrap_or(u64::MAX),
        "damaged": !desk.opened.is_sound(),
        "losses": stats.losses,
        "places": desk.standing.to_json(),
    })
}

pub(super) fn stats(desk: &mut Desk) -> Json {
    let stats = desk.book.stats();
    let journal = stats.journal;
    json!({
        "contacts": stats.counts.active,
        "trashed": stats.counts.trashed,
        "tombstones": stats.counts.tombstones,
        "chunks": stats.counts.chunks,
        "losses": stats.losses,
        "foreign": stats.foreign,
        "live_bytes": journal.live_bytes,
        "capacity_bytes": journal.capacity_bytes,
        "image_bytes": journal.flash_bytes,
        "pages": journal.pages,
        "pages_free": journal.pages_free,
        "pages_failed": journal.pages_failed,
        "erases_min": journal.erases_min,
        "erases_max": journal.erases_max,
        "erases_total": journal.erases_total,
        "programs": journal.programs,
        "programmed_bytes": journal.programmed_bytes,
        "erases": journal.erases,
        "torn": journal.torn,
        "corrected": journal.corrected,
        "holes": journal.holes,
        "syncs": desk.book.flash().syncs(),
        "open_microseconds": u64::try_from(desk.open_time.as_micros()).unwrap_or(u64::MAX),
    })
}

pub(super) fn verify(desk: &mut Desk) -> Result<Json, Fault> {
    let mut findings = Vec::new();
    let report = block_on(desk.book.verify(|finding| {
        if findings.len() < FINDINGS_MAX {
            findings.push(match finding {
                Finding::Unreadable { slot } => {
                    format!("the contact in slot {slot} can not be read; import its card again")
                }
                Finding::Stale(uid) => format!(
                    "a newer version of {uid} was lost to damage; look at it and put right what is old"
                ),
                Finding::BlobDamaged(uid, blob) => format!(
                    "a photo or document of {uid} ({} bytes, {}) is damaged; add it again",
                    blob.len,
                    jcard::hex(&blob.hash)
                ),
            });
        }
    }))
    .map_err(fault::of_get)?;
    let scan = report.scan;
    Ok(json!({
        "sound": report.is_sound(),
        "contacts": report.contacts,
        "blobs": report.blobs,
        "pages": scan.pages,
        "entries": scan.entries,
        "bytes": desk.book.stats().journal.flash_bytes,
        "corrected": scan.corrected,
        "missing": scan.missing,
        "headers_struck": scan.headers_struck,
        "pages_struck": scan.pages_struck,
        "losses": report.losses,
        "damaged": report.findings,
        "findings": findings,
    }))
}
