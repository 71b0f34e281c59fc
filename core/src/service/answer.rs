//! The one function that answers a request, on the device and in the daemon.

use super::display_name::{DisplayName, TEXT_CHARS_MAX};
use super::own_frame::on_own_frame;
use super::protocol::{
    Cursor, HitRow, Info, NewContact, PROTOCOL, Reply, Request, VersionRow, Welcome,
};
use super::rows::{Bytes, Packer};
use super::session::{AnswerBuffers, Session};
use super::{AnswerError, Fault, meeting};
use crate::contact::{BlobRef, Contact, Contents, Kind, Millis, Origin, Uid};
use crate::limits::{AUTHOR_NAME_BYTES_MAX, BLOB_BYTES_MAX};
use crate::search::{Class, Hit, PageRequest, Query};
use crate::store::{Book, GetError, Memory, Shelf, Written};
use core::pin::pin;
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

/// Versions of one contact that a history tells of.
const VERSIONS_MAX: usize = 64;

/// Shorter texts for a hit that would else not fit an answer on its own.
const SHORT_TEXT_CHARS: usize = 40;

/// Does what a request asks for, and returns the answer, which lies in `room`.
///
/// A caller that shares `room` between sessions must know that answering one session discards what
/// another has staged in it. The session does not know.
pub async fn answer<'m, F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    request: &Request<'_>,
    now: Millis,
    session: &mut Session<M>,
    room: AnswerBuffers<'m>,
) -> Result<Reply<'m>, AnswerError<F::Error>> {
    if !request.uses_staged() {
        session.staged = None;
    }
    let author = session.author;
    let room_bytes = session.replies.room_bytes();
    Ok(match *request {
        Request::Hello { protocol, frame_bytes } => {
            session.begin(protocol, frame_bytes)?;
            Reply::Hello(Welcome {
                protocol: PROTOCOL,
                id: book.id(),
                frame_bytes: session.limits.frame_bytes,
                contact_bytes: session.limits.contact_bytes,
                blob_bytes: BLOB_BYTES_MAX,
                contacts: book.counts().active,
                slots: book.slots(),
            })
        }
        Request::Info => Reply::Info(info(book)),
        Request::Stats => Reply::Stats(book.stats()),
        Request::Verify => {
            let mut findings = Packer::new(room.list, room_bytes);
            let verified = book.verify(|finding| {
                findings.push(finding);
            });
            let report = on_own_frame(pin!(verified)).await?;
            let findings = findings.finish();
            Reply::Verify { is_sound: report.is_sound(), report, findings }
        }
        Request::Find { query, shelf, limit, after } => {
            on_own_frame(pin!(find(book, query, shelf, limit, after, room, room_bytes))).await?
        }
        Request::Get { uid } => {
            let found = book.get(uid, room.record).await?;
            let found = found.ok_or(Fault::NoSuchContact(uid))?;
            shown(book, &found.contact, found.is_stale, room.list, room_bytes)
        }
        Request::Piece { uid, offset, bytes } => {
            let state = book.state_of(uid, room.record).await?;
            let state = state.ok_or(Fault::NoSuchContact(uid))?;
            piece(&state, offset, room_bytes.min(bytes as usize))
        }
        Request::Stage { offset, total, bytes } => {
            session.stage(offset, total, bytes.0, room.record)?;
            Reply::Ok
        }
        Request::Put { uid, base, ref card } => {
            let contents = match card {
                NewContact::Here(contents) => contents.clone(),
                NewContact::Staged => {
                    let staged = session.unstage(room.record)?;
                    Contents::parse(staged).map_err(|_| Fault::BadCard)?
                }
            };
            if contents.clone().next().is_none() {
                return Err(Fault::BadCard.into());
            }
            let own = contents.has_uid().then(|| contents.uid());
            Reply::Done(match uid.or(own) {
                Some(uid) => {
                    on_own_frame(pin!(book.put(uid, &contents, base, author, now))).await?
                }
                None if base.is_some() => return Err(Fault::NotUnderstood.into()),
                None => on_own_frame(pin!(book.add(&contents, author, now))).await?,
            })
        }
        Request::Remove { uid } => Reply::Done(book.remove(uid, author, now).await?),
        Request::Restore { uid } => Reply::Done(book.restore(uid, author, now).await?),
        Request::Purge { uid } => Reply::Done(book.purge(uid, author, now).await?),
        Request::History { uid } => {
            on_own_frame(pin!(history(book, uid, room, room_bytes))).await?
        }
        Request::Version { uid, time } => {
            let len = on_own_frame(pin!(version(book, uid, time, room.record)))
                .await?
                .ok_or(Fault::NoSuchVersion)?;
            let record = room.record.get(..len).unwrap_or(&[]);
            let contact = Contact::parse(record).map_err(GetError::Record)?;
            shown(book, &contact, false, room.list, room_bytes)
        }
        Request::Author { name } => {
            session.author = book.author(name).await?;
            Reply::Ok
        }
        Request::Blob { hash, offset, bytes } => {
            let total = book.blob_len(&hash).await?.ok_or(Fault::NoSuchBlob)?;
            let wanted = (bytes as usize).min(room_bytes).min(room.list.len());
            let out = room.list.get_mut(..wanted).unwrap_or_default();
            let len = book.read_blob(BlobRef { hash, len: total }, offset, out).await?;
            Reply::Blob { total, bytes: Bytes(out.get(..len).unwrap_or(&[])) }
        }
        Request::Root
        | Request::Tables { .. }
        | Request::Meet { .. }
        | Request::Introduce { .. }
        | Request::Offers { .. }
        | Request::Want { .. }
        | Request::Records { .. }
        | Request::Take { .. }
        | Request::TakeStaged
        | Request::Missing { .. }
        | Request::PutBlob { .. }
        | Request::PutBlobStaged { .. }
        | Request::Met { .. }
        | Request::Removals { .. } => {
            return on_own_frame(pin!(meeting::answer(book, request, now, session, room))).await;
        }
    })
}

/// The change that an answer tells of.
pub fn change_of(reply: &Reply<'_>) -> Option<Written> {
    match reply {
        Reply::Done(put) => Some(*put),
        Reply::Hello(_)
        | Reply::Info(_)
        | Reply::Stats(_)
        | Reply::Verify { .. }
        | Reply::Hits { .. }
        | Reply::Contact { .. }
        | Reply::Long { .. }
        | Reply::Piece { .. }
        | Reply::Versions { .. }
        | Reply::Blob { .. }
        | Reply::Ok
        | Reply::Root { .. }
        | Reply::Tables { .. }
        | Reply::Met { .. }
        | Reply::Offers { .. }
        | Reply::Wanted { .. }
        | Reply::Records { .. }
        | Reply::Taken { .. }
        | Reply::Missing { .. } => None,
    }
}

fn info<F: NorFlash, M: Memory>(book: &Book<F, M>) -> Info<'static> {
    let stats = book.stats();
    Info {
        id: book.id(),
        version: env!("CARGO_PKG_VERSION"),
        time: book.time_max(),
        active: stats.counts.active,
        trashed: stats.counts.trashed,
        live_bytes: stats.journal.live_bytes,
        capacity_bytes: stats.journal.capacity_bytes,
        flash_bytes: stats.journal.flash_bytes,
        losses: stats.losses,
        root: book.root_known().map(|root| root.0),
    }
}

async fn find<'m, F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    query: &str,
    shelf: Shelf,
    limit: u32,
    after: Option<Cursor>,
    room: AnswerBuffers<'m>,
    room_bytes: usize,
) -> Result<Reply<'m>, AnswerError<F::Error>> {
    let query = Query::parse(query);
    let after = match after {
        Some(cursor) => Some(cursor.rank().ok_or(Fault::NotUnderstood)?),
        None => None,
    };
    let page = PageRequest { query: &query, after, deepest: Class::Elsewhere };
    let limit = room.hits.len().min((limit as usize).max(1));
    let hits = room.hits.get_mut(..limit).unwrap_or_default();
    let found = book.find(&page, shelf, hits, room.record).await?;
    let hits = hits.get(..found).unwrap_or_default();
    let mut rows = Packer::new(room.list, room_bytes);
    let mut told = None;
    let mut is_full = false;
    for hit in hits {
        // Found a moment ago, so what cannot be read now is damaged; verification tells of it.
        if let Ok(Some(found)) = book.get_slot(hit.slot, room.record).await
            && !push_hit(&mut rows, hit, &found.contact, found.is_stale)
        {
            is_full = true;
            break;
        }
        told = Some(Cursor::of(&hit.rank));
    }
    let after = told.filter(|_| is_full || found == limit);
    Ok(Reply::Hits { hits: rows.finish(), after })
}

/// Adds a line; `false` when it does not fit.
fn push_hit(rows: &mut Packer<'_>, hit: &Hit, contact: &Contact<'_>, is_stale: bool) -> bool {
    let chars =
        if rows.is_empty() { [TEXT_CHARS_MAX, SHORT_TEXT_CHARS] } else { [TEXT_CHARS_MAX; 2] };
    for chars_max in chars {
        let (mut half, memory) = rows.halves();
        let mut texts = DisplayName::new(memory, chars_max);
        let row = (|| {
            Some(HitRow {
                uid: contact.uid(),
                version: contact.changed().time,
                class: hit.rank.class as u8,
                is_trashed: contact.is_trashed(),
                is_stale,
                name: texts.name(contact)?,
                org: texts.first(contact, Kind::ORG)?,
                tel: texts.first(contact, Kind::TEL)?,
                email: texts.first(contact, Kind::EMAIL)?,
            })
        })();
        if row.is_some_and(|row| half.push(&row)) {
            let len = half.len();
            rows.keep(len);
            return true;
        }
    }
    false
}

/// A contact as it is told, if it fits.
fn shown<'m, F: NorFlash, M: Memory>(
    book: &Book<F, M>,
    contact: &Contact<'m>,
    is_stale: bool,
    list: &'m mut [u8],
    room_bytes: usize,
) -> Reply<'m> {
    let changed = contact.changed();
    let bytes = contact.bytes().len();
    if bytes + AUTHOR_NAME_BYTES_MAX > room_bytes {
        return Reply::Long { version: changed.time, bytes: bytes as u32 };
    }
    let name = book.author_name(changed.author);
    let author = match list.get_mut(..name.len()) {
        Some(room) => {
            room.copy_from_slice(name.as_bytes());
            core::str::from_utf8(room).unwrap_or("")
        }
        None => "",
    };
    Reply::Contact { contact: *contact, is_stale, author }
}

fn piece<'m>(contact: &Contact<'m>, offset: u32, room_bytes: usize) -> Reply<'m> {
    let record = contact.bytes();
    let rest = record.get(offset as usize..).unwrap_or(&[]);
    Reply::Piece {
        version: contact.changed().time,
        total: record.len() as u32,
        bytes: Bytes(rest.get(..room_bytes).unwrap_or(rest)),
    }
}

/// A version while the history is gathered.
#[derive(Clone, Copy)]
struct HistoryVersion {
    time: Millis,
    /// Its author, origin and length, when the log itself has what it said.
    said: Option<(crate::contact::AuthorIndex, Origin, u32)>,
}

async fn history<'m, F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    uid: Uid,
    room: AnswerBuffers<'m>,
    room_bytes: usize,
) -> Result<Reply<'m>, AnswerError<F::Error>> {
    // Newest first.
    let mut pasts: Vec<HistoryVersion, VERSIONS_MAX> = Vec::new();
    book.history(uid, |time, contact| {
        let place = pasts.partition_point(|past| past.time > time);
        if pasts.get(place).is_some_and(|past| past.time == time) {
            return;
        }
        let said = contact.map(|contact| {
            (contact.changed().author, contact.origin(), contact.bytes().len() as u32)
        });
        if pasts.is_full() && place < pasts.len() {
            pasts.pop();
        }
        // When it is full and this is the oldest of all, it is not told.
        pasts.insert(place, HistoryVersion { time, said }).ok();
    })
    .await?;
    if pasts.is_empty() {
        return Err(Fault::NoSuchContact(uid).into());
    }
    let mut versions = Packer::new(room.list, room_bytes);
    for past in &pasts {
        let row = VersionRow {
            time: past.time,
            origin: past.said.map(|(_, origin, _)| origin),
            author: past.said.map_or("", |(author, _, _)| book.author_name(author)),
            bytes: past.said.map_or(0, |(_, _, bytes)| bytes),
        };
        if !versions.push(&row) {
            break;
        }
    }
    Ok(Reply::Versions { versions: versions.finish() })
}

/// Copies the record of a version to `record` and returns its length; `None` when
/// the log has no such.
async fn version<F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    uid: Uid,
    time: Millis,
    record: &mut [u8],
) -> Result<Option<usize>, AnswerError<F::Error>> {
    let mut len = None;
    let mut is_too_long = None;
    book.history(uid, |version, contact| {
        if version == time
            && let Some(contact) = contact
        {
            let bytes = contact.bytes();
            match record.get_mut(..bytes.len()) {
                Some(room) => {
                    room.copy_from_slice(bytes);
                    len = Some(bytes.len());
                }
                None => is_too_long = Some(bytes.len() as u32),
            }
        }
    })
    .await?;
    match is_too_long {
        Some(bytes) => Err(Fault::TooLong { bytes }.into()),
        None => Ok(len),
    }
}
