//! Requests that change nothing and take no time: finding, showing, figures.

use super::cursor;
use super::error::{BoxError, ParamsError};
use super::host::Host;
use super::query::HITS_MAX;
use crate::image::Access;
use crate::rpc::{self, BlobGet, Find, Get, PROTOCOL};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_core::contact::{BlobRef, Origin, Uid};
use contactbox_core::service::display_name::{DisplayName, TEXT_CHARS_MAX};
use contactbox_core::service::protocol::{Cursor, HitRow};
use contactbox_core::service::{self, AnswerError, Reply, Request};
use contactbox_core::store::book::Shelf;
use contactbox_formats::jcard;
use embassy_futures::block_on;
use serde::Serialize;
use serde_json::{Value as Json, json};

/// Hits of a page, unless told.
const HITS: u32 = 20;

/// Bytes of a piece of a blob, unless told and at most.
const PIECE_BYTES: u32 = 1024 * 1024;
const PIECE_BYTES_MAX: u32 = 8 * 1024 * 1024;

pub(super) fn shelf(shelf: rpc::Shelf) -> Shelf {
    match shelf {
        rpc::Shelf::Active => Shelf::Active,
        rpc::Shelf::Trash => Shelf::Trash,
        rpc::Shelf::All => Shelf::All,
    }
}

/// Asks the query; the answer may lie in the host's memory for one record.
fn ask<'d>(host: &'d mut Host, request: &Request<'_>) -> Result<Reply<'d>, BoxError> {
    let Host { book, record, counter, .. } = host;
    counter.ask(book, record, request).map_err(|failure| match failure {
        AnswerError::Get(error) => error.into(),
        AnswerError::Put(error) => BoxError::Put(error),
        AnswerError::Fault(fault) => fault.into(),
    })
}

pub(super) fn hello(host: &mut Host) -> Result<Json, BoxError> {
    let request = Request::Hello { protocol: service::PROTOCOL, frame_bytes: u32::MAX };
    let Reply::Hello(welcome) = ask(host, &request)? else { return Err(BoxError::OtherAnswer) };
    let mut told = json!({
        "protocol": PROTOCOL,
        "box": format!("{:016x}", welcome.id),
        "version": env!("CARGO_PKG_VERSION"),
        "limits": {
            "frame_bytes": host.config.limits.frame_bytes,
            "blob_bytes": welcome.blob_bytes,
            "contact_bytes": welcome.contact_bytes,
        },
        "pid": std::process::id(),
        "image": host.path,
        "contacts": welcome.contacts,
    });
    if let Some(notice) = host.notice_now() {
        told["notice"] = json!(notice);
    }
    Ok(told)
}

pub(super) fn find(host: &mut Host, asked: &Find) -> Result<Vec<u8>, BoxError> {
    let after = asked.cursor.as_deref().map(cursor::rank).transpose()?;
    let request = Request::Find {
        query: &asked.query,
        shelf: shelf(asked.shelf),
        limit: asked.limit.unwrap_or(HITS).clamp(1, HITS_MAX as u32),
        after: after.map(|rank| Cursor::of(&rank)),
    };
    let Reply::Hits { hits, after } = ask(host, &request)? else {
        return Err(BoxError::OtherAnswer);
    };
    let cursor = after.and_then(|cursor| cursor.rank()).map(|rank| cursor::of_rank(&rank));
    let mut told = body(&HitPage { hits: hits.iter().map(ListedHit::of).collect(), cursor })?;
    let slots = host.left_out(shelf(asked.shelf));
    let mut rest = json!({});
    if !slots.is_empty() {
        // The hits lie in memory that looking for these uses; so their members go
        // behind those of the page.
        rest["left_out"] = json!(host.tell_left_out(&slots)?);
        rest["left_out_count"] = json!(slots.len());
    }
    if host.lacks() {
        rest["lacks"] = json!(true);
    }
    if rest != json!({}) {
        told.pop();
        told.push(b',');
        told.extend(rest.to_string().bytes().skip(1));
    }
    Ok(told)
}

/// The JSON of an answer.
fn body(answer: &impl Serialize) -> Result<Vec<u8>, BoxError> {
    Ok(serde_json::to_vec(answer)?)
}

#[derive(Serialize)]
struct HitPage<'h> {
    hits: Vec<ListedHit<'h>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Serialize)]
struct ListedHit<'h> {
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

impl<'h> ListedHit<'h> {
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
pub(super) fn name_of(host: &mut Host, uid: Uid) -> String {
    let Host { book, record, counter, .. } = host;
    match block_on(book.get(uid, record)) {
        Ok(Some(found)) => {
            let mut texts = DisplayName::new(&mut counter.list, TEXT_CHARS_MAX);
            texts.name(&found.contact).unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// What made a version, as the protocol calls it.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Edit => "edit",
        Origin::Import => "import",
        Origin::Merge => "merge",
        Origin::Trash => "trash",
        Origin::Restore => "restore",
        Origin::Purge => "purge",
    }
}

/// A contact as it is shown.
#[derive(Serialize)]
struct ContactBody<'c, C> {
    uid: String,
    version: u64,
    changed: Changed<'c>,
    trashed: bool,
    stale: bool,
    conflicts: Vec<&'c str>,
    jcard: C,
}

#[derive(Serialize)]
struct Changed<'c> {
    time: u64,
    author: &'c str,
    origin: &'static str,
}

pub(super) fn get(host: &mut Host, asked: &Get) -> Result<Vec<u8>, BoxError> {
    let uid = host.resolve(&asked.uid)?;
    let Host { book, record, counter, .. } = host;
    let reply = match counter.ask(book, record, &Request::Get { uid }) {
        Ok(reply) => reply,
        Err(failure) => return Err(host.fault(failure)),
    };
    let Reply::Contact { contact, is_stale, author } = reply else {
        return Err(BoxError::OtherAnswer);
    };
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
    let card =
        jcard::PlainContact::new(contact.properties().map(|property| property.content), |blob| {
            if !asked.blobs {
                return None;
            }
            let mut bytes = vec![0; blob.len as usize];
            match block_on(book.read_blob(blob, 0, &mut bytes)) {
                Ok(len) if len == bytes.len() => Some(bytes),
                Ok(_) => None,
                Err(error) => {
                    failed = Some(error.into());
                    None
                }
            }
        });
    let shown = body(&ContactBody {
        uid: uid.to_string(),
        version: changed.time,
        changed: Changed { time: changed.time, author, origin: origin(contact.origin()) },
        trashed: contact.is_trashed(),
        stale: is_stale,
        conflicts,
        jcard: card,
    });
    failed.map_or(shown, Err)
}

pub(super) fn blob(host: &mut Host, asked: &BlobGet) -> Result<Json, BoxError> {
    let hash = jcard::hash_of_hex(&asked.hash).ok_or(ParamsError::NoHash)?;
    let none = || BoxError::NoSuchBlob { hash: asked.hash.clone() };
    let total = block_on(host.book.blob_len(&hash))?.ok_or_else(none)?;
    let wanted = asked.bytes.unwrap_or(PIECE_BYTES).min(PIECE_BYTES_MAX);
    // Base64 is a third longer, and there is room for what stands around it.
    let frame = u32::try_from(host.config.limits.frame_bytes / 4 * 3 - 4096).unwrap_or(u32::MAX);
    let mut bytes = vec![0; wanted.min(frame).min(total.saturating_sub(asked.offset)) as usize];
    let blob = BlobRef { hash, len: total };
    let len = block_on(host.book.read_blob(blob, asked.offset, &mut bytes))?;
    bytes.truncate(len);
    Ok(json!({ "base64": BASE64.encode(&bytes), "bytes": len, "total": total }))
}

pub(super) fn info(host: &mut Host) -> Result<Json, BoxError> {
    let access = match host.book.flash().look() {
        Access::ReadWrite => "read-write".to_owned(),
        Access::ReadOnly => "read-only".to_owned(),
        Access::Broken => "closed after a failed write".to_owned(),
        Access::Unsettled => "read-only: the disk refused what was written before".to_owned(),
        Access::Displaced(how) => format!("closed: the file was {}", how.word()),
    };
    // What is damaged has no digest: then there is no root to tell.
    let root = match ask(host, &Request::Root) {
        Ok(Reply::Root { root, .. }) => Some(jcard::hex(&root)),
        _ => None,
    };
    let Reply::Info(info) = ask(host, &Request::Info)? else { return Err(BoxError::OtherAnswer) };
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
    told["image"] = json!(host.path);
    told["socket"] = json!(host.config.socket);
    told["backup"] = json!(host.config.backup.as_ref().map(|(folder, _)| folder));
    told["config"] = json!(host.config.file);
    told["config_read"] = json!(host.config.is_file_read);
    told["open_microseconds"] = json!(host.open_microseconds());
    told["places"] = host.standing.to_json();
    told["damaged"] = json!(!host.opened.is_sound() || host.book.losses() > 0);
    told["put_back"] = json!(host.put_back.is_some());
    Ok(told)
}

pub(super) fn stats(host: &mut Host) -> Result<Json, BoxError> {
    let Reply::Stats(stats) = ask(host, &Request::Stats)? else {
        return Err(BoxError::OtherAnswer);
    };
    let journal = &stats.journal;
    Ok(json!({
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
        "syncs": host.book.flash().syncs(),
        "open_microseconds": host.open_microseconds(),
    }))
}
