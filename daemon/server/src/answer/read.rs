//! Requests that change nothing and take no time: finding, showing, figures.

use super::cursor;
use super::error::{CallError, ParamsError};
use super::left_out::unlisted;
use crate::rpc::{self, BlobGet, Find, Get, PROTOCOL};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_api::PageCursor;
use contactbox_api::blob::BlobReply;
use contactbox_api::contact::{
    ChangeNote, ChangeOrigin, FindReply, FoundContact, GetReply, Unlisted,
};
use contactbox_api::status::{BoxInfoReply, BoxStatsReply, HelloLimits, HelloReply, PlaceStatus};
use contactbox_core::contact::{BlobRef, Origin, Uid};
use contactbox_core::service::protocol::{Cursor, HitRow};
use contactbox_core::service::{self, AnswerError, Reply, Request};
use contactbox_core::store::book::Shelf;
use contactbox_engine::image::Access;
use contactbox_engine::{BoxError, HITS_MAX, Host};
use contactbox_formats::jcard;
use embassy_futures::block_on;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

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
fn ask<'d>(host: &'d mut Host, request: &Request<'_>) -> Result<Reply<'d>, CallError> {
    let Host { book, record, query, .. } = host;
    query.ask(book, record, request).map_err(|failure| match failure {
        AnswerError::Get(error) => error.into(),
        AnswerError::Put(error) => BoxError::Put(error).into(),
        AnswerError::Fault(fault) => fault.into(),
    })
}

pub(super) fn hello(host: &mut Host) -> Result<HelloReply, CallError> {
    let request = Request::Hello { protocol: service::PROTOCOL, frame_bytes: u32::MAX };
    let Reply::Hello(welcome) = ask(host, &request)? else { return Err(other_answer()) };
    Ok(HelloReply {
        protocol: PROTOCOL,
        box_id: format!("{:016x}", welcome.id),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        limits: HelloLimits {
            frame_bytes: host.config.limits.frame_bytes,
            blob_bytes: welcome.blob_bytes.into(),
            contact_bytes: welcome.contact_bytes.into(),
        },
        pid: std::process::id(),
        image: host.path.clone(),
        contacts: welcome.contacts.into(),
        notice: host.notice_now(),
    })
}

/// The box has answered another question.
fn other_answer() -> CallError {
    BoxError::OtherAnswer.into()
}

pub(super) fn find(host: &mut Host, asked: &Find) -> Result<Vec<u8>, CallError> {
    let after = asked.cursor.as_deref().map(cursor::rank).transpose()?;
    let request = Request::Find {
        query: &asked.query,
        shelf: shelf(asked.shelf),
        limit: asked.limit.unwrap_or(HITS).clamp(1, HITS_MAX as u32),
        after: after.map(|rank| Cursor::of(&rank)),
    };
    let Reply::Hits { hits, after } = ask(host, &request)? else {
        return Err(other_answer());
    };
    let cursor = after.and_then(|cursor| cursor.rank()).map(|rank| cursor::of_rank(&rank));
    let page = FindReply {
        hits: hits.iter().map(found).collect(),
        cursor: cursor.map(PageCursor),
        unlisted: Unlisted::default(),
    };
    let mut told = body(&page)?;
    // The hits lie in memory that looking for these uses, so these come behind them.
    let rest = unlisted(host, shelf(asked.shelf))?;
    if !rest.is_empty() {
        told.pop();
        told.push(b',');
        told.extend_from_slice(body(&rest)?.get(1..).unwrap_or_default());
    }
    Ok(told)
}

/// Returns the JSON of a reply.
pub(crate) fn body(reply: &impl Serialize) -> Result<Vec<u8>, CallError> {
    Ok(serde_json::to_vec(reply)?)
}

fn found(hit: HitRow<'_>) -> FoundContact<'_> {
    FoundContact {
        uid: hit.uid.to_string(),
        version: hit.version,
        name: hit.name.into(),
        org: hit.org.map(Cow::from),
        tel: hit.tel.map(Cow::from),
        email: hit.email.map(Cow::from),
        class: hit.class,
        trashed: hit.is_trashed,
        stale: hit.is_stale,
    }
}

/// Returns how a version was made, as the protocol calls it.
pub(crate) fn origin(origin: Origin) -> ChangeOrigin {
    match origin {
        Origin::Edit => ChangeOrigin::Edit,
        Origin::Import => ChangeOrigin::Import,
        Origin::Merge => ChangeOrigin::Merge,
        Origin::Trash => ChangeOrigin::Trash,
        Origin::Restore => ChangeOrigin::Restore,
        Origin::Purge => ChangeOrigin::Purge,
    }
}

pub(super) fn get(host: &mut Host, asked: &Get) -> Result<Vec<u8>, CallError> {
    let uid = resolve(host, &asked.uid)?;
    let Host { book, record, query, .. } = host;
    let reply = match query.ask(book, record, &Request::Get { uid }) {
        Ok(reply) => reply,
        Err(failure) => return Err(host.fault(failure).into()),
    };
    let Reply::Contact { contact, is_stale, author } = reply else {
        return Err(other_answer());
    };
    let changed = contact.changed();
    let mut conflicts: Vec<Cow<'_, str>> = Vec::new();
    for property in contact.properties() {
        // Properties stand in the order they were said: two of a kind need not stand side by side.
        let name = property.content.name();
        if contact.is_conflicted(property.content.kind)
            && !conflicts.iter().any(|known| known == name)
        {
            conflicts.push(name.into());
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
    let shown = body(&GetReply {
        uid: uid.to_string(),
        version: changed.time,
        changed: ChangeNote {
            time: changed.time,
            author: author.into(),
            origin: origin(contact.origin()),
        },
        trashed: contact.is_trashed(),
        stale: is_stale,
        conflicts,
        jcard: card,
    });
    failed.map_or(shown, Err)
}

pub(super) fn blob(host: &mut Host, asked: &BlobGet) -> Result<BlobReply, CallError> {
    let hash = jcard::hash_of_hex(&asked.hash).ok_or(ParamsError::NoHash)?;
    let none = || CallError::NoSuchBlob { hash: asked.hash.clone() };
    let total = block_on(host.book.blob_len(&hash))?.ok_or_else(none)?;
    let wanted = asked.bytes.unwrap_or(PIECE_BYTES).min(PIECE_BYTES_MAX);
    // Base64 is a third longer, and there is room for what stands around it.
    let frame = u32::try_from(host.config.limits.frame_bytes / 4 * 3 - 4096).unwrap_or(u32::MAX);
    let mut bytes = vec![0; wanted.min(frame).min(total.saturating_sub(asked.offset)) as usize];
    let blob = BlobRef { hash, len: total };
    let len = block_on(host.book.read_blob(blob, asked.offset, &mut bytes))?;
    bytes.truncate(len);
    Ok(BlobReply { base64: BASE64.encode(&bytes), bytes: len as u64, total: total.into() })
}

/// `box.info`; `places` are the cards, backups and devices that the daemon keeps by itself.
pub(super) fn info(
    host: &mut Host,
    places: BTreeMap<String, PlaceStatus>,
) -> Result<BoxInfoReply, CallError> {
    let access = match host.book.flash().look() {
        Access::ReadWrite => "read-write".to_owned(),
        Access::ReadOnly => "read-only".to_owned(),
        Access::Broken => "closed after a failed write".to_owned(),
        Access::Unsettled => "read-only: the disk refused what was written before".to_owned(),
        Access::Displaced(how) => format!("closed: the file was {}", how.word()),
    };
    // A damaged contact has no digest, and then there is no root to tell.
    let root = match ask(host, &Request::Root) {
        Ok(Reply::Root { root, .. }) => Some(jcard::hex(&root)),
        _ => None,
    };
    let Reply::Info(info) = ask(host, &Request::Info)? else { return Err(other_answer()) };
    Ok(BoxInfoReply {
        box_id: format!("{:016x}", info.id),
        version: info.version.to_owned(),
        pid: std::process::id(),
        access,
        contacts: info.active.into(),
        trashed: info.trashed.into(),
        image_bytes: info.flash_bytes,
        live_bytes: info.live_bytes,
        capacity_bytes: info.capacity_bytes,
        losses: info.losses.into(),
        root,
        image: host.path.clone(),
        socket: host.config.socket.clone(),
        backup: host.config.backup.as_ref().map(|(folder, _)| folder.clone()),
        config: host.config.file.clone(),
        config_read: host.config.is_file_read,
        open_microseconds: host.open_microseconds(),
        places,
        damaged: !host.opened.is_sound() || host.book.losses() > 0,
        put_back: host.is_put_back(),
    })
}

pub(super) fn stats(host: &mut Host) -> Result<BoxStatsReply, CallError> {
    let Reply::Stats(stats) = ask(host, &Request::Stats)? else { return Err(other_answer()) };
    let journal = &stats.journal;
    Ok(BoxStatsReply {
        contacts: stats.counts.active.into(),
        trashed: stats.counts.trashed.into(),
        tombstones: stats.counts.tombstones.into(),
        chunks: stats.counts.chunks.into(),
        losses: stats.losses.into(),
        foreign: stats.foreign.into(),
        live_bytes: journal.live_bytes,
        capacity_bytes: journal.capacity_bytes,
        image_bytes: journal.flash_bytes,
        pages: journal.pages.into(),
        pages_free: journal.pages_free.into(),
        pages_failed: journal.pages_failed.into(),
        erases_min: journal.erases_min.into(),
        erases_max: journal.erases_max.into(),
        erases_total: journal.erases_total,
        programs: journal.programs,
        programmed_bytes: journal.programmed_bytes,
        erases: journal.erases,
        torn: journal.torn,
        corrected: journal.corrected,
        holes: journal.holes,
        syncs: host.book.flash().syncs(),
        open_microseconds: host.open_microseconds(),
    })
}

/// Returns the one contact that a client means: by all of an identity, or by its first digits.
pub(super) fn resolve(host: &mut Host, text: &str) -> Result<Uid, CallError> {
    let bad = || ParamsError::NoIdentity(text.chars().take(60).collect());
    let digits = jcard::digits(text);
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) || !(4..=32).contains(&digits.len()) {
        return Err(bad().into());
    }
    if let Some(uid) = jcard::hash_of_hex(&digits) {
        return Ok(Uid(uid));
    }
    let starts = |uid: Uid| jcard::hex(&uid.0).starts_with(&digits);
    let mut found = [Uid([0; 16]); 2];
    match block_on(host.book.by_prefix(starts, &mut found))? {
        0 => Err(CallError::UnknownIdentity { text: text.to_owned() }),
        1 => Ok(found[0]),
        _ => Err(CallError::Ambiguous { text: text.to_owned(), matches: found }),
    }
}
