//! Contacts that other boxes have removed and this one keeps for a while: listing them, bringing
//! them back, forgetting them.

use super::change::{drafted, write};
use super::error::CallError;
use super::read::resolve;
use super::{cursor, import};
use crate::rpc::KeptList;
use contactbox_api::PageCursor;
use contactbox_api::contact::ChangeReply;
use contactbox_api::trash::{ForgetReply, KeptContact, KeptListReply};
use contactbox_core::contact::{Contact, Kind, Origin, Property, Uid};
use contactbox_core::search::Query;
use contactbox_core::service::display_name::{DisplayName, TEXT_CHARS_MAX};
use contactbox_core::store::{GetError, KEEP_MILLIS, KeptState, says};
use contactbox_engine::image::ImageError;
use contactbox_engine::{BoxError, CONTACT_BYTES_MAX, ENTRY_BYTES, HITS_MAX, Host};
use contactbox_formats::jcard;
use embassy_futures::block_on;
use std::collections::HashMap;

/// The kinds that tell who a contact is.
const WHO: [Kind; 4] = [Kind::FN, Kind::N, Kind::TEL, Kind::EMAIL];

/// States of a page, unless told.
const STATES: u32 = 20;

/// The place of a kept state, and the time since when it is kept.
#[derive(Clone, Copy)]
struct KeptPlace {
    uid: Uid,
    time: u64,
    slot: u32,
}

/// Returns the newest kept state that tells who it was, for each contact that is not here any more
/// or is somebody else now; the latest removal first.
fn places(host: &mut Host) -> Result<Vec<KeptPlace>, CallError> {
    let Host { book, record, .. } = host;
    book.tell_time(Host::now());
    let mut best: HashMap<[u8; 16], (bool, KeptPlace)> = HashMap::new();
    for slot in 0..book.slots() {
        let (uid, time, tells) = match block_on(book.kept_at(slot, record)) {
            Ok(Some(KeptState { contact, time })) => (contact.uid(), time, says(&contact)),
            Ok(None) => continue,
            Err(error) if error.is_damage() => continue,
            Err(error) => return Err(error.into()),
        };
        let place = (tells, KeptPlace { uid, time, slot });
        let known = best.entry(uid.0).or_insert(place);
        // The rest of a contact after it was removed for good is not what a person looks for.
        if (known.0, known.1.time) < (tells, time) {
            *known = place;
        }
    }
    let mut places = Vec::new();
    for (_, place) in best.into_values() {
        match is_wanted(host, place) {
            Ok(true) => places.push(place),
            Ok(false) => {}
            // Something is here, and `verify` tells of it.
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error.into()),
        }
    }
    places.sort_by_key(|place| (std::cmp::Reverse(place.time), place.uid.0));
    Ok(places)
}

/// Returns whether the contact is not here any more, or has neither a name nor a number nor an
/// address of those it had.
fn is_wanted(host: &mut Host, place: KeptPlace) -> Result<bool, GetError<ImageError>> {
    let Host { book, record, .. } = host;
    if block_on(book.is_lost(place.uid))? {
        return Ok(true);
    }
    let who = |contact: &Contact<'_>| -> Vec<(Kind, String)> {
        let properties = contact.properties().map(|property| property.content);
        let who = properties.filter(|content| WHO.contains(&content.kind));
        who.filter_map(|content| Some((content.kind, content.value.as_text()?.to_owned())))
            .collect()
    };
    let Some(kept) = block_on(book.kept_at(place.slot, record))? else { return Ok(false) };
    let had = who(&kept.contact);
    let Some(found) = block_on(book.get(place.uid, record))? else { return Ok(false) };
    let has = who(&found.contact);
    Ok(!had.is_empty() && !had.iter().any(|one| has.contains(one)))
}

/// `trash.kept`
pub(super) fn list(host: &mut Host, asked: &KeptList) -> Result<KeptListReply, CallError> {
    let after = asked.cursor.as_deref().map(cursor::kept).transpose()?;
    let limit = asked.limit.unwrap_or(STATES).clamp(1, HITS_MAX as u32) as usize;
    let wanted = Query::parse(&asked.query);
    let mut kept = Vec::new();
    let mut last = None;
    for place in places(host)? {
        let here = (std::cmp::Reverse(place.time), place.uid.0);
        if after.is_some_and(|(time, uid)| here <= (std::cmp::Reverse(time), uid.0)) {
            continue;
        }
        let Host { book, record, query, .. } = &mut *host;
        let Ok(Some(KeptState { contact, time })) = block_on(book.kept_at(place.slot, record))
        else {
            continue;
        };
        if !wanted.is_empty() && wanted.judge(&contact).is_none() {
            continue;
        }
        if kept.len() == limit {
            return Ok(KeptListReply { kept, cursor: last });
        }
        kept.push(row(&contact, time, &mut query.list));
        last = Some(PageCursor(cursor::of_kept(time, place.uid)));
    }
    Ok(KeptListReply { kept, cursor: None })
}

fn row(contact: &Contact<'_>, time: u64, memory: &mut [u8]) -> KeptContact {
    let mut texts = DisplayName::new(memory, TEXT_CHARS_MAX);
    let name = texts.name(contact).unwrap_or_default().to_owned();
    let mut first = |kind| texts.first(contact, kind).flatten().map(str::to_owned);
    KeptContact {
        uid: contact.uid().to_string(),
        version: contact.changed().time,
        name,
        removed: time,
        until: time.saturating_add(KEEP_MILLIS),
        org: first(Kind::ORG),
        tel: first(Kind::TEL),
        email: first(Kind::EMAIL),
    }
}

/// `trash.forget`
pub(super) fn forget(host: &mut Host) -> Result<ForgetReply, CallError> {
    host.writable()?;
    let forgotten = places(host)?.len();
    block_on(host.book.forget_kept()).map_err(|error| host.put_fault(error))?;
    Ok(ForgetReply { forgotten: forgotten as u64 })
}

/// Brings back what is kept of the contact that a client means; `None` when nothing is.
pub(super) fn restore(
    host: &mut Host,
    target: &str,
    author: &str,
) -> Result<Option<ChangeReply>, CallError> {
    let digits = jcard::digits(target);
    let places = places(host)?;
    let mut fitting = places.iter().filter(|place| jcard::hex(&place.uid.0).starts_with(&digits));
    let (Some(&place), None) = (fitting.next(), fitting.next()) else { return Ok(None) };
    if digits.len() < 32 {
        match resolve(host, target) {
            Ok(uid) if uid == place.uid => {}
            Err(CallError::UnknownIdentity { .. }) => {}
            Ok(uid) => {
                let text = target.to_owned();
                return Err(CallError::Ambiguous { text, matches: [uid, place.uid] });
            }
            Err(fault) => return Err(fault),
        }
    }
    let mut memory = std::mem::take(&mut host.draft);
    let result = bring_back(host, place, author, &mut memory);
    host.draft = import::kept(memory);
    result.map(Some)
}

/// Writes what is kept as the owner's own word, which so counts for more than the removal wherever
/// both are met. What has been said of the contact since stays.
fn bring_back(
    host: &mut Host,
    place: KeptPlace,
    author: &str,
    memory: &mut Vec<u8>,
) -> Result<ChangeReply, CallError> {
    let mut present = vec![0; CONTACT_BYTES_MAX + ENTRY_BYTES];
    let Host { book, record, .. } = &mut *host;
    let found = block_on(book.get(place.uid, &mut present))?;
    let kept = block_on(book.kept_at(place.slot, record))?;
    let kept = kept.ok_or(BoxError::NoSuchContact(place.uid))?.contact;
    let mut said = said_by(&kept);
    if let Some(found) = &found {
        let more = said_by(&found.contact).into_iter();
        let more: Vec<Property<'_>> = more.filter(|content| !said.contains(content)).collect();
        said.extend(more);
    }
    let contents = drafted(memory, said.iter().copied())?;
    write(host, Some(place.uid), &contents, None, author, Origin::Restore)
}

fn said_by<'c>(contact: &Contact<'c>) -> Vec<Property<'c>> {
    let contents = contact.properties().map(|property| property.content);
    contents.filter(|content| !content.kind.is_internal()).collect()
}
