//! Answers of a box that meets another: tables, offers, records, blobs.

#![deny(clippy::wildcard_enum_match_arm)]

use super::protocol::{AsideRow, LIST_BYTES_MAX, OFFERS_MAX, Offer, Reply, Request, TableRow};
use super::rows::{Bytes, Packer, Rows};
use super::session::{AnswerBuffers, Session};
use super::{AnswerError, Fault};
use crate::contact::{AuthorIndex, BlobRef, BoxIndex, Contact, Millis};
use crate::store::{Book, Consent, GetError, Intake, Memory, PutError};
use embedded_storage_async::nor_flash::NorFlash;

/// States that one request for offers looks at, so that it is answered in time by a device, too.
pub(super) const STATES_AT_ONCE: u32 = 1024;

pub(super) async fn answer<'m, F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    request: &Request<'_>,
    now: Millis,
    session: &mut Session<M>,
    room: AnswerBuffers<'m>,
) -> Result<Reply<'m>, AnswerError<F::Error>> {
    let room_bytes = session.replies.room_bytes();
    Ok(match *request {
        Request::Root => {
            let root = book.root().await?;
            Reply::Root { root: root.0, time: book.time_max() }
        }
        Request::Tables { from } => tables(book, from, room.list),
        Request::Meet { id } => {
            if id == book.id() {
                return Err(Fault::Refused.into());
            }
            if session.peer.is_none() {
                book.begin_meeting();
            }
            // The quota that a cable has used stays used while it is plugged in: beginning anew
            // gains nothing.
            let peer = book.meet(id, session.quota()).await?;
            session.peer = Some((id, peer));
            Reply::Met { time: book.met(id) }
        }
        Request::Introduce { rows } => {
            let (_, peer) = session.peer.as_mut().ok_or(Fault::NotMet)?;
            for row in rows.iter() {
                match row {
                    TableRow::Box { index, id, .. } => {
                        book.introduce_box(peer, BoxIndex(index), id).await?;
                    }
                    TableRow::Author { index, name } => {
                        book.introduce_author(peer, AuthorIndex(index), name).await?;
                    }
                }
            }
            Reply::Ok
        }
        Request::Offers { since, from } => offers(book, since, from, room).await?,
        Request::Want { offers } => want(book, offers, room).await?,
        Request::Records { uids, bytes } => {
            let bytes = room_bytes.min(bytes as usize);
            let mut records = Packer::new(room.list, bytes);
            let mut long = None;
            for uid in uids.iter() {
                let state = match book.state_of(uid, room.record).await {
                    Err(error) if error.is_damage() => None,
                    // Told when it is the first: then the asker knows which it is.
                    Err(GetError::TooSmall { .. }) if !records.is_empty() => break,
                    state => state?,
                };
                let record = state.map_or(&[][..], |state| state.bytes());
                if !records.push(&Bytes(record)) {
                    long = records.is_empty().then_some(record.len() as u32);
                    break;
                }
            }
            Reply::Records { records: records.finish(), long }
        }
        Request::Take { records } => {
            let (_, peer) = session.peer.as_mut().ok_or(Fault::NotMet)?;
            let (aside, missing) = halves(room.list);
            let mut aside = Packer::new(aside, usize::MAX);
            let mut taken = 0;
            for Bytes(record) in records.iter() {
                if !record.is_empty() {
                    match book.take(peer, record, now).await {
                        Ok(Intake::Taken(_)) => {}
                        // Rows that no longer fit the list come again in the next request.
                        Ok(Intake::Aside(uid, why)) if !aside.push(&AsideRow { uid, why }) => break,
                        Ok(Intake::Aside(..)) => {}
                        Err(error) => {
                            let (stop, missing) = stopped(book, record, error, missing);
                            return Ok(Reply::Taken {
                                taken,
                                aside: aside.finish(),
                                stop: Some(stop),
                                missing,
                            });
                        }
                    }
                }
                taken += 1;
            }
            Reply::Taken { taken, aside: aside.finish(), stop: None, missing: Rows::EMPTY }
        }
        Request::TakeStaged => {
            let record = session.unstage(room.record)?;
            let (_, peer) = session.peer.as_mut().ok_or(Fault::NotMet)?;
            match book.take(peer, record, now).await {
                Ok(intake) => {
                    let mut aside = Packer::new(room.list, usize::MAX);
                    if let Intake::Aside(uid, why) = intake {
                        aside.push(&AsideRow { uid, why });
                    }
                    let aside = aside.finish();
                    Reply::Taken { taken: 1, aside, stop: None, missing: Rows::EMPTY }
                }
                Err(error) => {
                    let (stop, missing) = stopped(book, record, error, room.list);
                    Reply::Taken { taken: 0, aside: Rows::EMPTY, stop: Some(stop), missing }
                }
            }
        }
        Request::Missing { blob } => Reply::Missing {
            offset: book.blob_missing(blob),
            piece_bytes: book.blob_piece_bytes() as u32,
        },
        Request::PutBlob { blob, offset, bytes } => {
            book.put_blob_piece(blob, offset, bytes.0).await?;
            Reply::Ok
        }
        Request::PutBlobStaged { blob, offset } => {
            let piece = session.unstage(room.record)?;
            book.put_blob_piece(blob, offset, piece).await?;
            Reply::Ok
        }
        Request::Met { time } => {
            let (id, _) = session.peer.as_ref().ok_or(Fault::NotMet)?;
            book.note_met(*id, time, None).await?;
            Reply::Ok
        }
        Request::Removals { count, is_accepted } => {
            let (_, peer) = session.peer.as_mut().ok_or(Fault::NotMet)?;
            let consent = if is_accepted { Consent::Given } else { Consent::Ask };
            book.admit_removals(peer, count, consent, now).await?;
            Reply::Ok
        }
        // Answered by `super::answer`, which sends only the others here.
        Request::Hello { .. }
        | Request::Info
        | Request::Stats
        | Request::Verify
        | Request::Find { .. }
        | Request::Get { .. }
        | Request::Piece { .. }
        | Request::Stage { .. }
        | Request::Put { .. }
        | Request::Remove { .. }
        | Request::Restore { .. }
        | Request::Purge { .. }
        | Request::History { .. }
        | Request::Version { .. }
        | Request::Author { .. }
        | Request::Blob { .. } => return Err(Fault::Refused.into()),
    })
}

/// A page of the tables: boxes first, then authors.
fn tables<'m, F: NorFlash, M: Memory>(
    book: &Book<F, M>,
    from: u32,
    list: &'m mut [u8],
) -> Reply<'m> {
    let boxes =
        book.boxes().map(|(index, id)| TableRow::Box { index: index.0, id, key: Bytes(&[]) });
    let authors = book.authors().map(|(index, name)| TableRow::Author { index: index.0, name });
    let mut rows = Packer::new(list, LIST_BYTES_MAX);
    let mut next = None;
    for (place, row) in (0u32..).zip(boxes.chain(authors)).skip(from as usize) {
        if !rows.push(&row) {
            // A row that does not fit an empty page never will: memory for lists is that small.
            next = (!rows.is_empty()).then_some(place);
            break;
        }
    }
    Reply::Tables { rows: rows.finish(), next }
}

async fn offers<'m, F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    since: Millis,
    from: u32,
    room: AnswerBuffers<'m>,
) -> Result<Reply<'m>, AnswerError<F::Error>> {
    let mut offers = Packer::new(room.list, OFFERS_MAX * Offer::BYTES);
    let mut looked_at = 0;
    let mut next = None;
    for slot in from..book.slots() {
        if !book.is_state(slot) {
            continue;
        }
        if looked_at == STATES_AT_ONCE {
            next = Some(slot);
            break;
        }
        looked_at += 1;
        let state = match book.state(slot, room.record).await {
            // A contact that cannot be read is not offered; the other box's is taken.
            Err(error) if error.is_damage() => continue,
            state => state?,
        };
        let Some(state) = state.filter(|state| state.changed().time > since) else { continue };
        if !offers.push(&Offer::new(state.uid(), book.state_digest(&state))) {
            next = Some(slot);
            break;
        }
    }
    Ok(Reply::Offers { offers: offers.finish(), next })
}

async fn want<'m, F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    offers: Rows<'_, Offer>,
    room: AnswerBuffers<'m>,
) -> Result<Reply<'m>, AnswerError<F::Error>> {
    let mut len = 0;
    for (place, offer) in offers.iter().enumerate() {
        let is_here = match book.state_of(offer.uid, room.record).await {
            Ok(Some(state)) => Offer::new(offer.uid, book.state_digest(&state)) == offer,
            Ok(None) => false,
            Err(error) if error.is_damage() => false,
            Err(error) => return Err(error.into()),
        };
        len = place / 8 + 1;
        let Some(byte) = room.list.get_mut(place / 8) else {
            return Err(Fault::TooLarge { bytes_max: room.list.len() as u32 }.into());
        };
        let bit = 1 << (place % 8);
        *byte = if place % 8 == 0 { 0 } else { *byte } | if is_here { 0 } else { bit };
    }
    Ok(Reply::Wanted { bits: Bytes(room.list.get(..len).unwrap_or(&[])) })
}

/// Why a record was not taken, and which blobs are missing, if that is why.
fn stopped<'m, F: NorFlash, M: Memory>(
    book: &Book<F, M>,
    record: &[u8],
    error: PutError<F::Error>,
    list: &'m mut [u8],
) -> (Fault, Rows<'m, BlobRef>) {
    let mut missing = Packer::new(list, LIST_BYTES_MAX);
    if matches!(error, PutError::NoSuchBlob)
        && let Ok(contact) = Contact::parse(record)
    {
        for blob in contact.blobs().filter(|&blob: &BlobRef| !book.has_blob(blob)) {
            if !missing.push(&blob) {
                break;
            }
        }
    }
    (AnswerError::Put(error).fault(), missing.finish())
}

/// Memory for two lists of one reply.
fn halves(list: &mut [u8]) -> (&mut [u8], &mut [u8]) {
    let bytes = list.len().min(LIST_BYTES_MAX);
    let (list, _) = list.split_at_mut(bytes);
    list.split_at_mut(bytes / 2)
}
