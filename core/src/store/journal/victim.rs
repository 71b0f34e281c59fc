//! The choice of the page that is reclaimed next.

use super::errors::JournalFailure;
use super::state::{EVACUATE, PageState, RAGGED, SEALED, UNREADABLE, USED};
use super::{EntryOwner, Journal};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// The difference of erase counts, beside a thirty-second of the highest, from which a page that
/// nobody writes to is moved.
const WEAR_SPREAD: u32 = 8;

/// The pages that a step of reclaiming may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Only a page in which nothing is live, which costs no more than reading it.
    Dead,
    /// Any page, by cost and benefit.
    Usual,
    /// Any page with much to gain, by cost and benefit: there is time, but wear counts.
    Idle,
    /// The page with the fewest live bytes: room is short.
    Urgent,
}

/// The page that is being emptied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Victim {
    pub page: u32,
    /// Entries before this offset have been dealt with.
    pub from: usize,
    /// The number of its losses that have been dealt with.
    pub losses: u16,
}

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// Makes sure that the end of the page before the victim in its stream stays known. The
    /// victim's start entry tells it. Before that witness goes, a checkpoint takes its place. Where
    /// that cannot be written, the page before goes first, unless there is no room for its live
    /// entries.
    pub(super) async fn witnessed<T: EntryOwner + ?Sized>(
        &mut self,
        tenant: &T,
        victim: Victim,
    ) -> Result<Victim, JournalFailure<F::Error>> {
        let mut victim = victim;
        for _ in 0..self.page_count {
            let state = self.state(victim.page);
            if matches!(state.gap, 0 | u16::MAX) {
                break;
            }
            let order = state.order.wrapping_sub(u32::from(state.gap));
            let before = (0u32..).zip(self.states()).find(|(page, state)| {
                let needs = !state.has(SEALED) && !self.is_open(*page);
                state.order == order && state.role() == USED && needs
            });
            let Some((page, state)) = before.map(|(page, state)| (page, *state)) else { break };
            let hint = match state.tail {
                0 => None,
                _ => self.tail_hint(page).await.map_err(JournalFailure::Flash)?,
            };
            if let Some(hint) = hint {
                self.change(page, |state| state.tail = 0);
                let held =
                    self.commit_tail(page, usize::from(state.tail), state.vouched, hint, &[]).await;
                if matches!(held, Ok(true)) {
                    self.change(page, |state| state.mark(SEALED));
                    break;
                }
            }
            let has_room = match self.free {
                0 => false,
                1 => self.moves_at_once(tenant, page).await?,
                _ => true,
            };
            if !has_room {
                // Nothing confirms the tail of that page any more, except the census of the pages
                // once the box rests. The number of entries that the census counts has to stay the
                // same.
                if state.has(RAGGED) {
                    self.change(page, |state| state.mark(EVACUATE));
                }
                break;
            }
            victim = Victim { page, from: 0, losses: 0 };
        }
        Ok(victim)
    }

    /// Returns whether the open page of a write point has room for an erase intent of some pages.
    pub(super) fn takes_announcement(&self, stream: usize) -> bool {
        self.fits(stream, Self::START_ROOM.min(96))
    }

    /// Returns whether an erase intent needs no page of its own.
    pub(super) fn can_announce(&self) -> bool {
        (0..self.streams.len()).any(|stream| self.takes_announcement(stream))
    }

    /// Chooses the page to empty next: one that has to be emptied; the least worn one when wear has
    /// become uneven; else by cost and benefit.
    pub(super) fn choose(&self, choice: Choice) -> Option<Victim> {
        let usable = Self::usable() as u64;
        let states = self.states();
        let most_worn = states.iter().map(PageState::erases).max().unwrap_or(0);
        let spread = WEAR_SPREAD + most_worn / 32;
        let least_gain = if choice == Choice::Idle { 8 } else { 16 };
        let mut best: Option<(u64, u32)> = None;
        for (page, state) in (0u32..).zip(states) {
            if !matches!(state.role(), USED | UNREADABLE) || self.is_open(page) {
                continue;
            }
            let live = u64::from(state.live).min(usable);
            // A page older than one turn of all pages is simply old.
            let age = u64::from(self.next_order.wrapping_sub(state.order).min(self.page_count));
            let score = if choice == Choice::Dead {
                if live != 0 || state.role() != USED {
                    continue;
                }
                (1 << 62) - u64::from(state.erases())
            } else if choice == Choice::Urgent {
                if live + 16 > usable {
                    continue;
                }
                (usable - live) << 24 | age
            } else if state.has(EVACUATE) {
                u64::MAX
            } else if most_worn - state.erases() > spread {
                u64::MAX - 1 - u64::from(state.erases())
            } else if live == 0 {
                (1 << 62) - u64::from(state.erases())
            } else if live + usable / least_gain > usable {
                continue;
            } else {
                // The benefit is the room gained, times how long it is likely to last. The cost is
                // reading the page and writing its live entries.
                (age << 24) * (usable - live) / (usable + live)
            };
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, page));
            }
        }
        best.map(|(_, page)| Victim { page, from: 0, losses: 0 })
    }
}
