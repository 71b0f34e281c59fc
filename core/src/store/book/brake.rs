//! The brake: how many contacts others may remove here before somebody says yes.

use super::latest::LatestEntry;
use super::{Book, Memory, Peer, PutError};
use crate::contact::{Contact, Kind, Millis, Property};
use crate::store::entries::{REMOVAL_SPANS, REMOVALS, RemovalsEntry, SMALL_ENTRY_BYTES_MAX};
use crate::store::index::{self, Slot};
use crate::store::journal::{Liveness, Need};
use crate::text::with_escapes;
use embedded_storage_async::nor_flash::NorFlash;

/// When removals wait for a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// The most contacts of a hundred that are removed without a question.
    pub percent_max: u32,
    /// So many contacts may go from a box that is large enough,
    pub contacts_free: u32,
    /// and of a hundred, so many from any.
    pub percent_free: u32,
    /// Removals of so long a time count together.
    pub millis: Millis,
}

/// The one brake there is: more than half of a box, or more than 20 contacts that are more
/// than 5 % of it, in 24 hours.
pub const BRAKE: Brake =
    Brake { percent_max: 50, contacts_free: 20, percent_free: 5, millis: 24 * 60 * 60 * 1000 };

impl Brake {
    /// Returns whether removing `count` of `of` contacts waits for consent.
    pub const fn holds(&self, count: u32, of: u32) -> bool {
        let (hundred, of) = (count as u64 * 100, of as u64);
        hundred > of * self.percent_max as u64
            || (count > self.contacts_free && hundred > of * self.percent_free as u64)
    }
}

/// The answer of a person to the removals of a meeting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// Nobody was asked: the brake decides.
    #[default]
    Ask,
    /// Yes, to all of it.
    Given,
}

/// The removals by other boxes within the last 24 hours.
pub(super) type Removed = LatestEntry<RemovalsEntry>;

/// How long a span is that removals are counted in. What is summed up are all spans that
/// reach into the last [`BRAKE`] millis, so that between any two moments that far apart
/// no more goes than it says.
const SPAN_MILLIS: Millis = BRAKE.millis / (REMOVAL_SPANS as Millis - 1);

impl Removed {
    /// Returns the removals that count together with those at `now`. A clock that was put back, or
    /// that begins anew at each start, does not end a span; consent does.
    fn lately(&self, now: Millis) -> RemovalsEntry {
        let mut entry = self.entry;
        let passed = now.saturating_sub(entry.since) / SPAN_MILLIS;
        let shift = usize::try_from(passed).unwrap_or(usize::MAX).min(REMOVAL_SPANS);
        let moved = |counts: &[u32; REMOVAL_SPANS]| {
            core::array::from_fn(|span| {
                span.checked_sub(shift)
                    .and_then(|before| counts.get(before))
                    .map_or(0, |count| *count)
            })
        };
        (entry.removed, entry.contacts) = (moved(&entry.removed), moved(&entry.contacts));
        entry.since = entry.since.saturating_add(passed.saturating_mul(SPAN_MILLIS));
        entry
    }
}

impl RemovalsEntry {
    /// How many were removed in all these spans, and of how many: those there were before
    /// the first of them, so that what is added in between buys nobody more. `contacts` are
    /// there when none were removed.
    fn sum(&self, contacts: u32) -> (u32, u32) {
        let removed = self.removed.iter().fold(0u32, |sum, count| sum.saturating_add(*count));
        let first = self.removed.iter().zip(&self.contacts).rfind(|(removed, _)| **removed > 0);
        (removed, first.map_or(contacts, |(_, of)| *of))
    }

    /// So many more are removed in the present span, of so many.
    fn add(&mut self, count: u32, of: u32) {
        let ([removed, ..], [contacts, ..]) = (&mut self.removed, &mut self.contacts);
        if *removed == 0 {
            *contacts = of;
        }
        *removed = removed.saturating_add(count);
    }
}

/// Returns whether a person who looks for a contact no longer finds it, or cannot tell who it is,
/// after the change of another box.
pub(super) fn removes(before: &Contact<'_>, after: &Contact<'_>) -> bool {
    let is_there = |contact: &Contact<'_>| !contact.is_tombstone() && !contact.is_trashed();
    is_there(before) && (!is_there(after) || empties(before, after))
}

/// Returns whether the change of another box leaves nothing here that tells who the contact was, so
/// that its state before is to be kept. A contact that is only moved to the trash still has all it
/// said. One that is purged from the trash counts, because nearly every purged contact was in the
/// trash before.
pub(super) fn loses(before: &Contact<'_>, after: &Contact<'_>) -> bool {
    !before.is_tombstone() && (after.is_tombstone() || empties(before, after))
}

/// Returns whether the contact no longer tells who it was, or says nothing at all.
fn empties(before: &Contact<'_>, after: &Contact<'_>) -> bool {
    let has_properties = |contact: &Contact<'_>| {
        contact.properties().any(|property| !property.content.kind.is_internal())
    };
    (says(before) && !says(after)) || (has_properties(before) && !has_properties(after))
}

/// Returns whether a contact tells who it is, or how to reach them.
pub fn says(contact: &Contact<'_>) -> bool {
    contact.properties().any(|property| {
        let Property { kind, value, .. } = property.content;
        let text = value.as_text();
        match kind {
            Kind::FN | Kind::N => text.is_none_or(has_something_to_read),
            Kind::TEL => text.is_none_or(|text| text.chars().any(char::is_numeric)),
            Kind::EMAIL => text.is_none_or(|text| {
                let address = text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
                has_something_to_read(address.map_or(text, |scheme| &text[scheme.len()..]))
            }),
            _ => false,
        }
    })
}

/// Returns whether a text, escaped as it is kept, has a letter or a digit that can be seen.
fn has_something_to_read(text: &str) -> bool {
    with_escapes(text).any(|(character, is_escaped)| {
        // Unicode has the fillers of Hangul among its letters.
        let is_unseen = matches!(character, '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}');
        character.is_alphanumeric() && !is_escaped && !is_unseen
    })
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// Lets a peer remove `count` contacts, which it was held back from; takes note of them.
    ///
    /// Fails with [`PutError::Removals`] when they wait for a yes; nothing is changed then.
    /// One who has said yes is not asked, whatever it removes from then on; that does not count,
    /// and neither does what was removed before.
    pub async fn admit_removals(
        &mut self,
        peer: &mut Peer<M>,
        count: u32,
        consent: Consent,
        now: Millis,
    ) -> Result<(), PutError<F::Error>> {
        if consent == Consent::Given {
            peer.accept_removals();
            let entry = self.ledger.removed.entry;
            return match entry.sum(0) {
                (0, _) => Ok(()),
                _ => self.write_removals(RemovalsEntry { removed: [0; _], ..entry }).await,
            };
        }
        let count = count.max(peer.held());
        let before = self.contacts_before();
        let (removed, contacts) = self.ledger.removed.lately(now).sum(before);
        if BRAKE.holds(count.saturating_add(removed), contacts) {
            return Err(PutError::Removals { count, removed, contacts });
        }
        // Before they are done: what a cut leaves undone has counted all the same.
        self.note_removals(count, before, now).await?;
        peer.admit();
        Ok(())
    }

    /// From here on, what others bring was not here before: that they take it back removes nothing,
    /// and it makes no room for what else they remove. To be called when a card is put in, or
    /// somebody comes by cable.
    pub fn begin_meeting(&mut self) {
        if core::mem::take(&mut self.ledger.has_brought) {
            self.ledger.index.unmark_contacts(index::BROUGHT);
        }
    }

    /// Contacts there were when the meeting began, as far as they have not become others' removals.
    fn contacts_before(&self) -> u32 {
        let active = self.counts().active;
        if !self.ledger.has_brought {
            return active;
        }
        let shown = |slot: &Slot| slot.is_contact() && !slot.has(index::TRASHED);
        let brought =
            self.ledger.index.slots().filter(|slot| shown(slot) && slot.has(index::BROUGHT));
        active.saturating_sub(brought.count() as u32)
    }

    /// Takes note that others remove so many of the contacts that there were before they came; see
    /// [`Book::admit_removals`], which does it by itself.
    pub async fn note_removals(
        &mut self,
        count: u32,
        contacts: u32,
        now: Millis,
    ) -> Result<(), PutError<F::Error>> {
        if count == 0 {
            return Ok(());
        }
        let mut entry = self.ledger.removed.lately(now);
        entry.add(count, contacts);
        self.write_removals(entry).await
    }

    async fn write_removals(&mut self, entry: RemovalsEntry) -> Result<(), PutError<F::Error>> {
        let entry = RemovalsEntry { version: entry.version.saturating_add(1), ..entry };
        let mut memory = [0; SMALL_ENTRY_BYTES_MAX];
        let payload = entry.encode(&mut memory);
        let at = self
            .journal
            .append_needing(
                &mut self.ledger,
                Need::Deletion,
                REMOVALS,
                RemovalsEntry::HINT,
                &[payload],
            )
            .await?;
        let len = payload.len() as u32;
        if let Liveness::Replaces(at, len) = self.ledger.removed.take(&entry, at, len) {
            self.journal.retire(at, len);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_yes() {
        for (count, of, waits) in [
            (1, 1, true),
            (1, 2, false),
            (10, 20, false),
            (11, 20, true),
            (20, 100, false),
            (21, 100, true),
            (21, 420, false),
            (22, 420, true),
            (500, 10_000, false),
            (501, 10_000, true),
            (0, 0, false),
        ] {
            assert_eq!(BRAKE.holds(count, of), waits, "{count} of {of}");
        }
    }
}
