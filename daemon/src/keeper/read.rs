//! Requests that change nothing: finding, showing, history, figures.

use super::counter::HITS_MAX;
use super::desk::Desk;
use super::{cursor, fault};
use crate::image::Access;
use crate::jcard;
use crate::rpc::{self, BlobGet, Fault, Find, Get, History, Kind, PROTOCOL};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_core::contact::{BlobRef, Contact, Content, Origin, Uid};
use contactbox_core::service::label::{TEXT_CHARS_MAX, Texts};
use contactbox_core::service::protocol::{Cursor, Flaw, HitRow};
use contactbox_core::service::{self, Failure, Reply, Request};
use contactbox_core::store::book::Shelf;
use embassy_futures::block_on;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};

/// Hits of a page, unless told.
const HITS: u32 = 20;

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

/// Asks at the counter; the answer may lie in the desk's memory for one record.
fn ask<'d>(desk: &'d mut Desk, request: &Request<'_>) -> Result<Reply<'d>, Fault> {
    let Desk { book, record, counter, .. } = desk;
    counter.ask(book, record, request).map_err(|failure| match failure {
        Failure::Get(error) => fault::of_get(error),
        Failure::Put(error) => fault::of_put(error),
        Failure::Fault(fault) => fault::of_service(fault),
    })
}

/// What should not happen: the box has answered something else.
fn other_answer() -> Fault {
    Fault::new(
        Kind::Internal,
        "the box has answered another question; this is a fault of the program",
    )
}

pub(super) fn hello(desk: &mut Desk) -> Result<Json, Fault> {
    let request = Request::Hello { protocol: service::PROTOCOL, frame_bytes: u32::MAX };
    let Reply::Hello(welcome) = ask(desk, &request)? else { return Err(other_answer()) };
    let mut told = json!({
        "protocol": PROTOCOL,
        "box": format!("{:016x}", welcome.id),
        "version": env!("CARGO_PKG_VERSION"),
        "limits": {
            "frame_bytes": desk.config.limits.frame_bytes,
            "blob_bytes": welcome.blob_bytes,
            "contact_bytes": welcome.contact_bytes,
        },
        "pid": std::process::id(),
        "image": desk.path,
        "contacts": welcome.contacts,
    });
    if let Some(notice) = desk.notice_now() {
        told["notice"] = json!(notice);
    }
    Ok(told)
}

pub(super) fn find(desk: &mut Desk, asked: &Find) -> Result<Vec<u8>, Fault> {
    let after = asked.cursor.as_deref().map(cursor::rank).transpose()?;
    let request = Request::Find {
        query: &asked.query,
        shelf: shelf(asked.shelf),
        limit: asked.limit.unwrap_or(HITS).clamp(1, HITS_MAX as u32),
        after: after.map(|rank| Cursor::of(&rank)),
    };
    let Reply::Hits { hits, after } = ask(desk, &request)? else { return Err(other_answer()) };
    let cursor = after.and_then(|cursor| cursor.rank()).map(|rank| cursor::of_rank(&rank));
    body(&HitPage { hits: hits.iter().map(Row::of).collect(), cursor })
}

/// The JSON of an answer.
fn body(answer: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(answer).map_err(|error| Fault::new(Kind::Internal, error.to_string()))
}

#[derive(Serialize)]
struct HitPage<'h> {
    hits: Vec<Row<'h>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Row<'h> {
    uid: String,
    version: u64,
    name: &'h str,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<&'h str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tel: Option<&'h str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'h str>,
    class: u8,
    trashed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<bool>,
}

impl<'h> Row<'h> {
    fn of(hit: HitRow<'h>) -> Self {
        let HitRow { version, name, org, tel, email, class, .. } = hit;
        Self {
            uid: hit.uid.to_string(),
            version,
            name,
            org,
            tel,
            email,
            class,
            trashed: hit.is_trashed,
            stale: hit.is_stale.then_some(true),
        }
    }
}

/// What a contact is called; empty when there is none.
pub(super) fn name_of(desk: &mut Desk, uid: Uid) -> String {
    let Desk { book, record, counter, .. } = desk;
    match block_on(book.get(uid, record)) {
        Ok(Some(found)) => {
            let mut texts = Texts::new(&mut counter.list, TEXT_CHARS_MAX);
            texts.name(&found.contact).unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// What made a version, as the protocol calls it.
fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Edit => "edit",
        Origin::Import => "import",
        Origin::Merge => "merge",
        Origin::Trash => "trash",
        Origin::Restore => "restore",
        Origin::Purge => "purge",
    }
}

pub(super) fn no_such_contact(uid: Uid) -> Fault {
    Fault::new(Kind::NoSuchContact, format!("there is no contact {uid}"))
        .with("uid", uid.to_string())
}

/// A contact as it is shown.
#[derive(Serialize)]
struct Shown<'c, C> {
    uid: String,
    version: u64,
    changed: Changed<'c>,
    trashed: bool,
    stale: bool,
    conflicts: Vec<&'c str>,
    card: C,
}

#[derive(Serialize)]
struct Changed<'c> {
    time: u64,
    author: &'c str,
    origin: &'static str,
}

pub(super) fn get(desk: &mut Desk, asked: &Get) -> Result<Vec<u8>, Fault> {
    let uid = desk.resolve(&asked.uid)?;
    let Desk { book, record, counter, .. } = desk;
    let reply = match counter.ask(book, record, &Request::Get { uid }) {
        Ok(reply) => reply,
        Err(failure) => return Err(desk.fault(failure)),
    };
    let Reply::Contact { contact, is_stale, author } = reply else { return Err(other_answer()) };
    let changed = contact.changed();
    let mut conflicts: Vec<&str> = Vec::new();
    for property in contact.properties() {
        // Properties stand in the order they were said: two of a kind need not stand side by side.
        let name = property.content.name();
        if contact.is_conflicted(property.content.kind) && !conflicts.contains(&name) {
            conflicts.push(name);
        }
    }
    let mut failed = None;
    let card = jcard::Card::new(contact.properties().map(|property| property.content), |blob| {
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
    let shown = body(&Shown {
        uid: uid.to_string(),
        version: changed.time,
        changed: Changed { time: changed.time, author, origin: origin(contact.origin()) },
        trashed: contact.is_trashed(),
        stale: is_stale,
        conflicts,
        card,
    });
    failed.map_or(shown, Err)
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
                    row["origin"] = json!(origin(contact.origin()));
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

pub(super) fn info(desk: &mut Desk) -> Result<Json, Fault> {
    let access = match desk.book.flash().look() {
        Access::ReadWrite => "read-write".to_owned(),
        Access::ReadOnly => "read-only".to_owned(),
        Access::Broken => "closed after a failed write".to_owned(),
        Access::Unsettled => "read-only: the disk refused what was written before".to_owned(),
        Access::Displaced(how) => format!("closed: the file was {}", how.word()),
    };
    // What is damaged has no digest: then there is no root to tell.
    let root = match ask(desk, &Request::Root) {
        Ok(Reply::Root { root, .. }) => Some(jcard::hex(&root)),
        _ => None,
    };
    let Reply::Info(info) = ask(desk, &Request::Info)? else { return Err(other_answer()) };
    let mut told = json!({
        "box": format!("{:016x}", info.id),
        "version": info.version,
        "pid": std::process::id(),
        "access": access,
        "contacts": info.active,
        "trashed": info.trashed,
        "image_bytes": info.flash_bytes,
        "live_bytes": info.live_bytes,
        "capacity_bytes": info.capacity_bytes,
        "losses": info.losses,
        "root": root,
    });
    told["image"] = json!(desk.path);
    told["socket"] = json!(desk.config.socket);
    told["backup"] = json!(desk.config.backup.as_ref().map(|(folder, _)| folder));
    told["config"] = json!(desk.config.file);
    told["config_read"] = json!(desk.config.is_file_read);
    told["open_microseconds"] = json!(desk.open_microseconds());
    told["places"] = desk.standing.to_json();
    told["damaged"] = json!(!desk.opened.is_sound());
    Ok(told)
}

pub(super) fn stats(desk: &mut Desk) -> Result<Json, Fault> {
    let Reply::Stats(stats) = ask(desk, &Request::Stats)? else { return Err(other_answer()) };
    Ok(json!({
        "contacts": stats.active,
        "trashed": stats.trashed,
        "tombstones": stats.tombstones,
        "chunks": stats.chunks,
        "losses": stats.losses,
        "foreign": stats.foreign,
        "live_bytes": stats.live_bytes,
        "capacity_bytes": stats.capacity_bytes,
        "image_bytes": stats.flash_bytes,
        "pages": stats.pages,
        "pages_free": stats.pages_free,
        "pages_failed": stats.pages_failed,
        "erases_min": stats.erases_min,
        "erases_max": stats.erases_max,
        "erases_total": stats.erases_total,
        "programs": stats.programs,
        "programmed_bytes": stats.programmed_bytes,
        "erases": stats.erases,
        "torn": stats.torn,
        "corrected": stats.corrected,
        "holes": stats.holes,
        "syncs": desk.book.flash().syncs(),
        "open_microseconds": desk.open_microseconds(),
    }))
}

pub(super) fn verify(desk: &mut Desk) -> Result<Json, Fault> {
    let bytes = desk.book.stats().journal.flash_bytes;
    let Reply::Verify { report, findings } = ask(desk, &Request::Verify)? else {
        return Err(other_answer());
    };
    let findings: Vec<String> =
        findings.iter().take(FINDINGS_MAX).map(|flaw| told(&flaw)).collect();
    Ok(json!({
        "sound": report.is_sound,
        "contacts": report.contacts,
        "blobs": report.blobs,
        "pages": report.pages,
        "entries": report.entries,
        "bytes": bytes,
        "corrected": report.corrected,
        "missing": report.missing,
        "headers_struck": report.headers_struck,
        "pages_struck": report.pages_struck,
        "losses": report.losses,
        "damaged": report.findings,
        "findings": findings,
    }))
}

fn told(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Unreadable { slot } => {
            format!("the contact in slot {slot} can not be read; import its card again")
        }
        Flaw::Stale(uid) => format!(
            "a newer version of {uid} was lost to damage; look at it and put right what is old"
        ),
        Flaw::Blob(uid, blob) => format!(
            "a photo or document of {uid} ({} bytes, {}) is damaged; add it again",
            blob.len,
            jcard::hex(&blob.hash)
        ),
    }
}
