//! Tells what is missing in a list because it cannot be read.

use super::error::CallError;
use contactbox_api::contact::{Unlisted, UnreadableSlot};
use contactbox_core::store::book::Shelf;
use contactbox_engine::{Host, UNREADABLE};
use embassy_futures::block_on;

/// Contacts that are told one by one.
const TOLD_MAX: usize = 100;

/// Returns what may be missing in a list of a shelf.
pub(super) fn unlisted(host: &mut Host, shelf: Shelf) -> Result<Unlisted, CallError> {
    let slots = host.left_out(shelf);
    of_slots(host, &slots)
}

/// Returns what may be missing in a list without these slots.
pub(super) fn of_slots(host: &mut Host, slots: &[u32]) -> Result<Unlisted, CallError> {
    let mut left_out = Vec::new();
    for &slot in slots.iter().take(TOLD_MAX) {
        let uid = block_on(host.book.uid_at(slot))?.map(|uid| uid.to_string());
        left_out.push(UnreadableSlot { slot, reason: UNREADABLE.into(), uid });
    }
    let left_out_count = (!slots.is_empty()).then_some(slots.len() as u64);
    Ok(Unlisted { left_out, left_out_count, lacks: host.lacks() })
}
