//! Requests that change one contact.

use super::error::{CallError, ParamsError, VcardError};
use super::import;
use super::kept;
use super::read::resolve;
use crate::rpc::{Patch, Put, RawJson, Removal};
use contactbox_api::contact::{ChangeOutcome, ChangeReply};
use contactbox_core::contact::{Contents, Draft, Origin, Property, Uid};
use contactbox_core::service::Request;
use contactbox_core::service::protocol::NewContact;
use contactbox_core::store::book::{Outcome, Written};
use contactbox_engine::{BoxError, Host};
use contactbox_formats::jcard::{self, Owned};
use embassy_futures::block_on;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// Room that a property takes in a draft beside its texts.
const PROPERTY_BYTES: usize = 64;

fn told(put: &Written) -> ChangeReply {
    let outcome = match put.outcome {
        Outcome::Added => ChangeOutcome::Added,
        Outcome::Updated => ChangeOutcome::Updated,
        Outcome::Unchanged => ChangeOutcome::Unchanged,
    };
    ChangeReply { uid: put.uid.to_string(), version: put.version, outcome }
}

/// `contact.put`
pub(super) fn put(host: &mut Host, asked: Put, author: &str) -> Result<ChangeReply, CallError> {
    host.writable()?;
    let mut memory = std::mem::take(&mut host.draft);
    let result = match (asked.jcard, asked.vcard) {
        (Some(card), None) => card_of(card).and_then(|owned| {
            let draft = drafted(&mut memory, owned.iter().map(Owned::content))?;
            put_contents(host, asked.uid.as_deref(), &draft, asked.version, author)
        }),
        (None, Some(text)) => import::one(&text, &mut memory).and_then(|contents| {
            put_contents(host, asked.uid.as_deref(), &contents, asked.version, author)
        }),
        _ => {
            Err(ParamsError::Either { method: "contact.put", one: "jcard", other: "vcard" }.into())
        }
    };
    host.draft = import::kept(memory);
    result
}

/// The contents of a jCard.
fn card_of(card: RawJson) -> Result<Vec<Owned>, CallError> {
    let card: Json = card.read("jcard").map_err(CallError::Malformed)?;
    Ok(jcard::read(&card).map_err(VcardError::Jcard)?)
}

/// Returns the members of a list; none when it was not given.
fn list_of<T: DeserializeOwned>(list: Option<&RawJson>, name: &str) -> Result<Vec<T>, CallError> {
    list.map_or_else(|| Ok(Vec::new()), |list| list.read(name).map_err(CallError::Malformed))
}

fn put_contents(
    host: &mut Host,
    uid: Option<&str>,
    contents: &Contents<'_>,
    version: Option<u64>,
    author: &str,
) -> Result<ChangeReply, CallError> {
    if contents.clone().next().is_none() {
        return Err(VcardError::Empty.into());
    }
    let uid = match uid {
        Some(uid) => Some(resolve(host, uid)?),
        None if contents.has_uid() => Some(contents.uid()),
        None => None,
    };
    write(host, uid, contents, version, author, Origin::Edit)
}

/// Has a contact say this; `origin` is what watchers are told of it.
pub(super) fn write(
    host: &mut Host,
    uid: Option<Uid>,
    contents: &Contents<'_>,
    version: Option<u64>,
    author: &str,
    origin: Origin,
) -> Result<ChangeReply, CallError> {
    host.grow_image(2 * contents.clone().map(|content| import::bytes_of(&content)).sum::<usize>());
    if uid.is_none() && version.is_some() {
        return Err(ParamsError::VersionAlone.into());
    }
    let card = NewContact::Here(contents.clone());
    let put = host.change(&Request::Put { uid, base: version, card }, author)?;
    if put.outcome != Outcome::Unchanged {
        host.notice(&put, origin, author);
    }
    Ok(told(&put))
}

/// Contents as a draft in memory that is made to fit.
pub(super) fn drafted<'m, 'a>(
    memory: &'m mut Vec<u8>,
    contents: impl Iterator<Item = Property<'a>> + Clone,
) -> Result<Contents<'m>, CallError> {
    let bytes = contents.clone().map(|content| import::bytes_of(&content) + PROPERTY_BYTES).sum();
    import::fit(memory, bytes);
    let mut draft = Draft::new(memory);
    for content in contents {
        draft.push(&content)?;
    }
    Ok(draft.finish())
}

/// `contact.patch`
pub(super) fn patch(host: &mut Host, asked: Patch, author: &str) -> Result<ChangeReply, CallError> {
    host.writable()?;
    let uid = resolve(host, &asked.uid)?;
    let add: Vec<Json> = list_of(asked.add.as_ref(), "add")?;
    let remove: Vec<Removal> = list_of(asked.remove.as_ref(), "remove")?;
    let added: Vec<Owned> = add
        .iter()
        .enumerate()
        .map(|(place, property)| {
            jcard::read_property(property).map_err(|why| VcardError::Property { place, why })
        })
        .collect::<Result<_, VcardError>>()?;
    drop(add);
    let mut memory = std::mem::take(&mut host.draft);
    let result = patched(host, uid, &added, &remove, asked.version, &mut memory).and_then(
        |(contents, version)| {
            write(host, Some(uid), &contents, Some(version), author, Origin::Edit)
        },
    );
    host.draft = import::kept(memory);
    result
}

/// Returns the new contents of the contact, and the version they were made of.
fn patched<'m>(
    host: &mut Host,
    uid: Uid,
    added: &[Owned],
    removed: &[Removal],
    version: Option<u64>,
    memory: &'m mut Vec<u8>,
) -> Result<(Contents<'m>, u64), CallError> {
    let Host { book, record, .. } = host;
    let found = block_on(book.get(uid, record))?;
    let contact = found.ok_or(BoxError::NoSuchContact(uid))?.contact;
    let contents: Vec<Property<'_>> = contact
        .properties()
        .map(|property| property.content)
        .filter(|content| !content.kind.is_internal())
        .collect();
    let mut is_kept = vec![true; contents.len()];
    for removal in removed {
        strike(&contents, removal, &mut is_kept)?;
    }
    let kept = contents.iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
    let said = kept.map(|(content, _)| *content).chain(added.iter().map(Owned::content));
    let contents = drafted(memory, said)?;
    Ok((contents, version.unwrap_or(contact.changed().time)))
}

fn strike(
    contents: &[Property<'_>],
    removal: &Removal,
    is_kept: &mut [bool],
) -> Result<(), CallError> {
    let named = contents
        .iter()
        .enumerate()
        .filter(|(_, content)| content.name().eq_ignore_ascii_case(&removal.name));
    let struck: Vec<usize> = match (&removal.value, removal.index) {
        (None, None) => named.map(|(place, _)| place).collect(),
        (None, Some(index)) => named.map(|(place, _)| place).skip(index).take(1).collect(),
        (Some(value), None) => {
            named.filter(|(_, content)| says(content, value)).map(|(place, _)| place).collect()
        }
        (Some(_), Some(_)) => {
            return Err(ParamsError::ValueAndIndex.into());
        }
    };
    if struck.is_empty() {
        return Err(CallError::NoSuchProperty { name: removal.name.clone() });
    }
    for place in struck {
        is_kept[place] = false;
    }
    Ok(())
}

/// Returns whether a property has this value: its only one, all of them as an array, or its text as
/// kept.
fn says(content: &Property<'_>, value: &Json) -> bool {
    let property = jcard::write_property(content, |_| None);
    let values = property.as_array().and_then(|parts| parts.get(3..)).unwrap_or_default();
    let is_jcard = match values {
        [one] => one == value,
        all => value.as_array().is_some_and(|wanted| wanted == all),
    };
    is_jcard || content.value.as_text().is_some_and(|text| value.as_str() == Some(text))
}

/// The destination of a contact.
#[derive(Clone, Copy)]
pub(super) enum Move {
    Remove,
    Restore,
    Purge,
}

/// `contact.remove`, `contact.restore`, `contact.purge`
pub(super) fn shelve(
    host: &mut Host,
    target: &str,
    author: &str,
    to: Move,
) -> Result<ChangeReply, CallError> {
    host.writable()?;
    // A contact that another box removed is not among the contacts, and one that it stripped has
    // nothing to be found by.
    if matches!(to, Move::Restore)
        && let Some(told) = kept::restore(host, target, author)?
    {
        return Ok(told);
    }
    let uid = resolve(host, target)?;
    let request = match to {
        Move::Remove => Request::Remove { uid },
        Move::Restore => Request::Restore { uid },
        Move::Purge => Request::Purge { uid },
    };
    let put = host.change(&request, author)?;
    if put.outcome != Outcome::Unchanged {
        let origin = match to {
            Move::Remove => Origin::Trash,
            Move::Restore => Origin::Restore,
            Move::Purge => Origin::Purge,
        };
        host.notice(&put, origin, author);
    }
    Ok(told(&put))
}
