//! The search itself: from signatures and keys in memory to the best contacts, with few reads.
//!
//! Contacts are taken by rising class they can at best be in, told from the key and the
//! signature, and within a class by rising key, so that a page is full after about as many reads as it has
//! rows. Where most candidates turn out to be false alarms, the rest is gone through in the order of
//! slots, leaving out what can no longer get in.

use super::judge::{Class, Rank};
use super::key::{SORT_NAME_BYTES, key_of};
use super::query::Query;
use super::slices::{BLOCK_SLOTS, BlockBits, Probes, Slices};
use crate::contact::{Contact, Uid};
use core::future::Future;
use core::ops::Range;

/// Where contacts are: slots in memory, records in flash.
pub trait Source {
    /// Why a record could not be read.
    type Error;

    /// How many upper bits of [`Source::key`] are kept; the others are 0.
    const KEY_BITS: u32 = u64::BITS;

    /// Slots there are, empty ones included.
    fn slots(&self) -> u32;

    /// Whether a slot holds a contact that may be an answer.
    fn is_wanted(&self, slot: u32) -> bool;

    /// The [`super::sort_key`] of the contact in a slot.
    fn key(&self, slot: u32) -> u64;

    /// The shape of the signatures.
    fn slices(&self) -> Slices;

    /// The signatures.
    fn signatures(&self) -> &[u32];

    /// Reads a contact; `None` when the slot has none after all.
    fn contact<'b>(
        &mut self,
        slot: u32,
        memory: &'b mut [u8],
    ) -> impl Future<Output = Result<Option<Contact<'b>>, Self::Error>>;
}

/// What is asked for: a page of the answers to a query.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// The query.
    pub query: &'a Query,
    /// The last rank of the page before; `None` for the first page.
    pub after: Option<Rank>,
    /// The worst class that is looked for. [`Class::Named`] answers from the names alone, with few
    /// reads, where going through all contacts takes a while.
    pub deepest: Class,
}

impl<'a> Page<'a> {
    /// The first page, of all classes.
    pub fn first(query: &'a Query) -> Self {
        Self { query, after: None, deepest: Class::Elsewhere }
    }
}

/// Key and slot of a candidate: the order in which candidates are read.
type Turn = (u64, u32);

/// A contact found.
#[derive(Clone, Copy)]
pub struct Hit {
    /// Where it is.
    pub slot: u32,
    /// Its place among the answers.
    pub rank: Rank,
}

impl Hit {
    /// A hit that means nothing, to fill memory with.
    pub const EMPTY: Self = Self {
        slot: 0,
        rank: Rank { class: Class::Elsewhere, name: [0; SORT_NAME_BYTES], uid: Uid([0; 16]) },
    };

    /// A candidate that waits for its turn in memory where hits will be.
    fn waiting(key: u64, slot: u32) -> Self {
        let mut hit = Self { slot, ..Self::EMPTY };
        if let Some(room) = hit.rank.name.first_chunk_mut() {
            *room = key.to_be_bytes();
        }
        hit
    }

    fn turn(&self) -> Turn {
        (self.rank.name.first_chunk().map_or(0, |key| u64::from_be_bytes(*key)), self.slot)
    }
}

/// What memory alone tells about the answers to a page.
struct Plan {
    all: Probes,
    names: Probes,
    /// The upper bits of a key that are kept.
    key_mask: u64,
    /// What keys of contacts begin with whose sort name begins with the query.
    begins: u64,
    begins_mask: u64,
    /// Keys that begin so are of the best class for sure, not only maybe.
    begins_for_sure: bool,
    /// Class and key of the last rank of the page before.
    after: Option<(Class, u64)>,
}

impl Plan {
    fn new<S: Source>(source: &S, page: &Page<'_>) -> Self {
        let slices = source.slices();
        let mask = |bits: u32| !u64::MAX.checked_shr(bits).unwrap_or(0);
        let (begins, bits) = key_of(page.query.name().get());
        let begins_mask = mask(bits.min(S::KEY_BITS));
        Self {
            all: slices.probes(&page.query.grams()),
            names: slices.probes(&page.query.name_grams()),
            key_mask: mask(S::KEY_BITS),
            begins: begins & begins_mask,
            begins_mask,
            // Words apart by spaces that a sort name begins with are also words of a searched text.
            begins_for_sure: bits <= S::KEY_BITS && bits < u64::BITS && page.query.is_plain_words(),
            after: page.after.map(|rank| (rank.class, key_of(&rank.name).0 & mask(S::KEY_BITS))),
        }
    }

    /// The best class that a contact behind the page before can be in; `None` when it has been there
    /// or has no class.
    fn floor(&self, key: u64, is_named: bool) -> Option<Class> {
        let begins = key & self.begins_mask == self.begins;
        let floor = match (begins, is_named) {
            (true, _) => Class::Begins,
            (false, true) => Class::Named,
            (false, false) => Class::Elsewhere,
        };
        let Some((class, after)) = self.after.filter(|(class, _)| floor <= *class) else {
            return Some(floor);
        };
        let is_settled = begins && self.begins_for_sure;
        match (class, key >= after) {
            (Class::Begins, true) => Some(Class::Begins),
            _ if is_settled => None,
            (_, true) => Some(class),
            (Class::Begins, false) => Some(Class::Named),
            (Class::Named, false) => Some(Class::Elsewhere),
            (Class::Elsewhere, false) => None,
        }
    }
}

/// A walk over the slots whose contact can at best be in one class.
struct Scan {
    class: Class,
    block: u32,
    /// Bits of the block that are still to be looked at.
    all: BlockBits,
    names: BlockBits,
    word: usize,
}

impl Scan {
    fn new(class: Class) -> Self {
        Self { class, block: 0, all: [0; _], names: [0; _], word: BlockBits::default().len() }
    }

    /// The next candidate's key and slot.
    fn next<S: Source>(&mut self, source: &S, plan: &Plan) -> Option<Turn> {
        loop {
            let Some(bits) = self.all.get_mut(self.word) else {
                if self.block >= Slices::blocks(source.slots()) {
                    return None;
                }
                let (slices, memory) = (source.slices(), source.signatures());
                self.all = slices.candidates(memory, self.block, &plan.all);
                self.names = slices.candidates(memory, self.block, &plan.names);
                self.block += 1;
                self.word = 0;
                continue;
            };
            if *bits == 0 {
                self.word += 1;
                continue;
            }
            let bit = bits.trailing_zeros();
            *bits &= *bits - 1;
            let slot = (self.block - 1) * BLOCK_SLOTS + self.word as u32 * u32::BITS + bit;
            if slot >= source.slots() || !source.is_wanted(slot) {
                continue;
            }
            let key = source.key(slot) & plan.key_mask;
            let is_named = self.names.get(self.word).is_some_and(|names| names >> bit & 1 != 0);
            if plan.floor(key, is_named) == Some(self.class) {
                return Some((key, slot));
            }
        }
    }
}

/// Fills `hits` with the best contacts of a page, best first, and returns how many there are; fewer
/// than fit means there are no more. `memory` takes one record at a time.
pub async fn find<S: Source>(
    source: &mut S,
    page: &Page<'_>,
    hits: &mut [Hit],
    memory: &mut [u8],
) -> Result<usize, S::Error> {
    let plan = Plan::new(source, page);
    let mut top = Top { hits, len: 0 };
    for class in [Class::Begins, Class::Named, Class::Elsewhere] {
        if class > page.deepest || !top.would_take(&plan, class, 0) {
            break;
        }
        let mut last = None;
        let mut is_done = false;
        // By rising key, as many at a time as are wanted.
        while !is_done && !top.is_full() {
            let (mut waiting, left) = top.select(source, &plan, class, last);
            let (selected, len_before) = (waiting.len(), top.len);
            while let Some(next) = waiting.next().and_then(|at| top.hits.get(at)).copied() {
                last = Some(next.turn());
                top.read(source, page, next.slot, memory).await?;
            }
            is_done = left.is_none_or(|(key, _)| !top.would_take(&plan, class, key));
            if (top.len - len_before) * 2 < selected {
                break;
            }
        }
        // What is left, in the order of slots.
        let mut scan = Scan::new(class);
        while !is_done && let Some((key, slot)) = scan.next(source, &plan) {
            if Some((key, slot)) > last && top.would_take(&plan, class, key) {
                top.read(source, page, slot, memory).await?;
            }
        }
    }
    Ok(top.len)
}

/// The best hits so far, in the caller's memory; behind them is room for candidates.
struct Top<'h> {
    hits: &'h mut [Hit],
    len: usize,
}

impl Top<'_> {
    fn is_full(&self) -> bool {
        self.len == self.hits.len()
    }

    /// Whether a contact with this key that is in this class at best could get in.
    fn would_take(&self, plan: &Plan, class: Class, key: u64) -> bool {
        if !self.is_full() {
            return true;
        }
        self.hits.last().is_some_and(|worst| {
            (class, key) <= (worst.rank.class, key_of(&worst.rank.name).0 & plan.key_mask)
        })
    }

    /// Puts the candidates of a class with the lowest keys above `last` behind the hits, in rising
    /// order, and returns where they are, and the key and slot of the next one.
    fn select<S: Source>(
        &mut self,
        source: &S,
        plan: &Plan,
        class: Class,
        last: Option<Turn>,
    ) -> (Range<usize>, Option<Turn>) {
        let room = self.hits.get_mut(self.len..).unwrap_or(&mut []);
        let mut len = 0;
        let mut left: Option<Turn> = None;
        let mut scan = Scan::new(class);
        while let Some(turn) = scan.next(source, plan) {
            if Some(turn) <= last {
                continue;
            }
            if let Some(slot) = room.get_mut(len) {
                *slot = Hit::waiting(turn.0, turn.1);
                len += 1;
                if len == room.len() {
                    heapify(room);
                }
            } else if let Some(highest) = room.first_mut() {
                let mut loser = turn;
                if turn < highest.turn() {
                    loser = highest.turn();
                    *highest = Hit::waiting(turn.0, turn.1);
                    sift_down(room, 0);
                }
                left = Some(left.map_or(loser, |left| left.min(loser)));
            }
        }
        if let Some(waiting) = room.get_mut(..len) {
            waiting.sort_unstable_by_key(Hit::turn);
        }
        (self.len..self.len + len, left)
    }

    async fn read<S: Source>(
        &mut self,
        source: &mut S,
        page: &Page<'_>,
        slot: u32,
        memory: &mut [u8],
    ) -> Result<(), S::Error> {
        if let Some(contact) = source.contact(slot, memory).await?
            && let Some(rank) = page.query.rank(&contact)
            && rank.class <= page.deepest
            && page.after.is_none_or(|after| rank > after)
        {
            self.put(Hit { slot, rank });
        }
        Ok(())
    }

    /// Takes in a hit; the worst falls out when there is no room.
    fn put(&mut self, hit: Hit) {
        let known = self.hits.get(..self.len).unwrap_or(&[]);
        let at = known.partition_point(|known| known.rank < hit.rank);
        self.len = (self.len + 1).min(self.hits.len());
        if let Some(tail) = self.hits.get_mut(at..self.len) {
            // Empty when the hit is behind all others and there is no room.
            if let Some(last) = tail.last_mut() {
                *last = hit;
                tail.rotate_right(1);
            }
        }
    }
}

/// Makes a heap with the latest turn on top.
fn heapify(heap: &mut [Hit]) {
    for at in (0..heap.len() / 2).rev() {
        sift_down(heap, at);
    }
}

fn sift_down(heap: &mut [Hit], mut at: usize) {
    loop {
        let child = (2 * at + 1..heap.len().min(2 * at + 3)).max_by_key(|&at| heap[at].turn());
        let Some(child) = child.filter(|&child| heap[at].turn() < heap[child].turn()) else {
            return;
        };
        heap.swap(at, child);
        at = child;
    }
}
