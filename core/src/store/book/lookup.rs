//! Finds the slot of a contact: by its hash, and by reading the contacts that have that hash.

use super::state::BookState;
use super::{GetError, Memory, read_record};
use crate::contact::{Contact, Millis, Uid};
use crate::store::index;
use crate::store::journal::Journal;
use core::ops::Range;
use embedded_storage_async::nor_flash::NorFlash;

/// The place of a contact, with its record in a buffer.
pub(super) struct Located {
    pub(super) number: u32,
    pub(super) version: Millis,
    /// The part of the buffer that its record takes.
    pub(super) record: Range<usize>,
}

/// The result of looking for a contact.
pub(super) enum Lookup<E> {
    /// In a slot that could be read.
    Here(Located),
    /// In this slot, most likely, but that cannot be read.
    Unreadable(u32, GetError<E>),
    /// Nowhere.
    Nowhere,
}

impl<E> Lookup<E> {
    /// Returns its place; an error when it cannot be read.
    pub(super) fn readable(self) -> Result<Option<Located>, GetError<E>> {
        match self {
            Self::Here(here) => Ok(Some(here)),
            Self::Unreadable(_, error) => Err(error),
            Self::Nowhere => Ok(None),
        }
    }
}

/// Finds a contact and reads its record into `buf`; tombstones too if they are wanted.
pub(super) async fn find<F: NorFlash, M: Memory>(
    journal: &mut Journal<F, M::Pages, M::Bytes>,
    ledger: &BookState<M>,
    uid: Uid,
    with_tombstones: bool,
    buf: &mut [u8],
) -> Result<Lookup<F::Error>, GetError<F::Error>> {
    let mut seat = Lookup::Nowhere;
    for number in ledger.contacts(uid) {
        if !with_tombstones && ledger.index.slot(number).has(index::TOMBSTONE) {
            continue;
        }
        let read = read_record(journal, ledger, number, Some(uid), buf).await;
        let known = read.and_then(|record| {
            let Some(record) = record else { return Ok(None) };
            let bytes = buf.get(record.clone()).unwrap_or(&[]);
            let (known, version) = Contact::peek(bytes).map_err(GetError::Record)?;
            Ok((known == uid).then_some(Located { number, version, record }))
        });
        match known {
            Ok(Some(here)) => return Ok(Lookup::Here(here)),
            Ok(None) => {}
            Err(error) if error.is_damage() => seat = Lookup::Unreadable(number, error),
            Err(error) => return Err(error),
        }
    }
    Ok(seat)
}
