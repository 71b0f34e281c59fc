//! Which page is reclaimed next.

use super::errors::JournalFailure;
use super::state::{EVACUATE, PageState, RAGGED, SEALED, UNREADABLE, USED};
use super::{EntryOwner, Journal};
use crate::store::slab::Slab;
use embedded_storage_async::nor_flash::NorFlash;

/// Erase counts may differ by this many, plus a thirty-second of the highest, before a page that
/// nobody writes to is moved.
const WEAR_SPREAD: u32 = 8;

/// What a step of reclaiming may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Only a page in which nothing is live: that costs no more than reading it.
    Dead,
    /// By cost and benefit.
    Usual,
    /// The same, but only where there is much to gain: there is time, but wear counts.
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
    /// Losses of it that have been dealt with.
    pub losses: u16,
}

impl<F: NorFlash, P: Slab<PageState>, B: Slab<u8>> Journal<F, P, B> {
    /// The start entry of a page says how the page before it in its stream ended. Before that
    /// witness goes, a checkpoint takes its place; where that cannot be written, the page before
    /// goes first, unless there is no room for what is live in it.
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
                // Nothing vouches for its tail any more, but the census of the pages, once the box
                // rests; and what that counts has to stay the same.
                if state.has(RAGGED) {
                    self.change(page, |state| state.mark(EVACUATE));
                }
                break;
            }
            victim = Victim { page, from: 0, losses: 0 };
        }
        Ok(victim)
    }

    /// Whether the open page of a write point has room for an announcement of some pages.
    pub(super) fn takes_announcement(&self, stream: usize) -> bool {
        self.fits(stream, Self::START_ROOM.min(96))
    }

    /// Whether an announcement takes no page of its own.
    pub(super) fn can_announce(&self) -> bool {
        (0..self.streams.len()).any(|stream| self.takes_announcement(stream))
    }

    /// The page to empty next: one that needs it; the least worn one when wear has become uneven;
    /// else by cost and benefit.
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
            // Older than a turn of all pages is old.
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
                // Benefit: room gained, times how long it is likely to last. Cost: reading the
                // page, writing what is live.
                (age << 24) * (usable - live) / (usable + live)
            };
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, page));
            }
        }
        best.map(|(_, page)| Victim { page, from: 0, losses: 0 })
    }
}
