//! Finds the best contacts with few reads, by means of the signatures and keys in memory.
//!
//! Key and signature tell the best class that a contact can be in. Contacts are read by rising
//! class, and within a class by rising key, so that a page of rows is full after about as many
//! reads. If most candidates of a class turn out to be false alarms, the rest of that class is read
//! in the order of slots, without those that can no longer get in.

use super::code::{self, Beginning};
use super::key::{SORT_NAME_BYTES, SortKey};
use super::matcher::{Class, Rank};
use super::query::Query;
use super::slices::{BLOCK_SLOTS, BlockBits, Probes, Slices};
use crate::contact::{Contact, Uid};
use core::future::Future;
use heapless::Vec;

/// A source of contacts: slots in memory, records in flash.
pub trait ContactSource {
    /// The reason why a record could not be read.
    type Error;

    /// The number of upper bits of [`ContactSource::key`] that are kept. The others are 0.
    const KEY_BITS: u32 = u64::BITS;

    /// Returns the number of slots, empty ones included.
    fn slots(&self) -> u32;

    /// Returns whether a slot holds a contact that may be an answer.
    fn is_wanted(&self, slot: u32) -> bool;

    /// Returns the upper bits of the [`super::SortKey`] of the contact in a slot.
    fn key(&self, slot: u32) -> u64;

    /// Returns the shape of the signatures.
    fn slices(&self) -> Slices;

    /// Returns the signatures.
    fn signatures(&self) -> &[u32];

    /// Reads a contact; `None` when the slot has none after all.
    fn contact<'b>(
        &mut self,
        slot: u32,
        memory: &'b mut [u8],
    ) -> impl Future<Output = Result<Option<Contact<'b>>, Self::Error>>;
}

/// A request for one page of the answers to a query.
#[derive(Clone, Copy)]
pub struct PageRequest<'a> {
    /// The query.
    pub query: &'a Query,
    /// The last rank of the page before; `None` for the first page.
    pub after: Option<Rank>,
    /// The worst class that is looked for. [`Class::Named`] needs the names only and few reads,
    /// while a search of whole contacts takes a while.
    pub deepest: Class,
}

impl<'a> PageRequest<'a> {
    /// Makes a request for the first page, of all classes.
    pub fn first(query: &'a Query) -> Self {
        Self { query, after: None, deepest: Class::Elsewhere }
    }
}

/// A contact found.
#[derive(Clone, Copy)]
pub struct Hit {
    /// The slot of the contact.
    pub slot: u32,
    /// The place of the contact among the answers.
    pub rank: Rank,
}

impl Hit {
    /// An empty hit, to fill memory with.
    pub const EMPTY: Self = Self {
        slot: 0,
        rank: Rank { class: Class::Elsewhere, name: [0; SORT_NAME_BYTES], uid: Uid([0; 16]) },
    };
}

/// A candidate's place in the order of reading, then its slot.
///
/// The place is one number: the best class that the candidate can be in (two bits), then the least
/// key that it can have (the upper 126 bits).
type Turn = (u128, u32);

const CLASS_SHIFT: u32 = 126;

fn place(class: Class, key: u128) -> u128 {
    (class as u128) << CLASS_SHIFT | key >> (u128::BITS - CLASS_SHIFT)
}

fn key_of(rank: &Rank) -> u128 {
    SortKey::named(&rank.name, rank.uid).all()
}

/// Returns the least and the greatest key that a slot's contact can have, as far as memory tells.
fn key_range<S: ContactSource>(source: &S, slices: &Slices, slot: u32) -> (u128, u128) {
    let key = u128::from(source.key(slot)) << u64::BITS & !(u128::MAX >> S::KEY_BITS);
    match slices.tail(source.signatures(), slot) {
        Some(tail) if S::KEY_BITS == u64::BITS => {
            let key = key | u128::from(tail.get());
            (key, key)
        }
        _ => (key, key | u128::MAX >> S::KEY_BITS),
    }
}

/// All that memory tells about the answers to a page.
struct PagePlan {
    all: Probes,
    /// Two sets of probes. A candidate has all of one of them: a number is found by its digits or
    /// as text.
    either: Option<[Probes; 2]>,
    names: Probes,
    deepest: Class,
    /// The keys of contacts whose sort name begins with the query.
    begins: Beginning,
    /// True if such a key always means the best class; otherwise it may.
    begins_for_sure: bool,
    /// The class and key of the last rank of the page before.
    after: Option<(Class, u128)>,
}

impl PagePlan {
    fn new<S: ContactSource>(source: &S, page: &PageRequest<'_>) -> Self {
        let slices = source.slices();
        let begins = code::beginning(page.query.name().get());
        Self {
            all: slices.probes(&page.query.grams()),
            either: page.query.either_grams().map(|ways| ways.map(|way| slices.probes(&way))),
            names: slices.probes(&page.query.name_grams()),
            deepest: page.deepest,
            begins,
            // If a sort name begins with words apart by spaces, a searched text has these words,
            // too.
            begins_for_sure: begins.is_whole && page.query.is_plain_words(),
            after: page.after.map(|rank| (rank.class, key_of(&rank))),
        }
    }

    /// Returns the best class that a contact behind the page before can be in.
    ///
    /// Returns `None` when it was on an earlier page or can be in no class.
    #[inline]
    fn floor(&self, (least, greatest): (u128, u128), is_named: bool) -> Option<Class> {
        let begins = greatest >= self.begins.first && least <= self.begins.last;
        let floor = match (begins, is_named) {
            (true, _) => Class::Begins,
            (false, true) => Class::Named,
            (false, false) => Class::Elsewhere,
        };
        let Some((class, after)) = self.after.filter(|(class, _)| floor <= *class) else {
            return Some(floor);
        };
        let is_settled =
            self.begins_for_sure && least >= self.begins.first && greatest <= self.begins.last;
        match (class, greatest >= after) {
            (Class::Begins, true) => Some(Class::Begins),
            _ if is_settled => None,
            (_, true) => Some(class),
            (Class::Begins, false) => Some(Class::Named),
            (Class::Named, false) => Some(Class::Elsewhere),
            (Class::Elsewhere, false) => None,
        }
    }
}

/// Walks over the candidates in the order of slots.
struct Scan {
    block: u32,
    /// The bits of the block that are left to look at.
    all: BlockBits,
    names: BlockBits,
    word: usize,
}

impl Scan {
    fn new() -> Self {
        Self { block: 0, all: [0; _], names: [0; _], word: BlockBits::default().len() }
    }

    /// Loads the next block. Candidates whose place is certainly behind `bound` may be left out.
    fn load<S: ContactSource>(&mut self, source: &S, plan: &PagePlan, bound: u128) {
        let (slices, memory) = (source.slices(), source.signatures());
        self.all = slices.candidates(memory, self.block, &plan.all);
        if let Some(either) = &plan.either {
            let [one, other] =
                either.each_ref().map(|way| slices.candidates(memory, self.block, way));
            for ((bits, one), other) in self.all.iter_mut().zip(one).zip(other) {
                *bits &= one | other;
            }
        }
        if self.all != [0; _] {
            self.names = slices.candidates(memory, self.block, &plan.names);
            if bound >> CLASS_SHIFT <= Class::Elsewhere as u128 {
                self.leave_out(&slices, memory, plan, bound);
            }
        }
        self.block += 1;
        self.word = 0;
    }

    /// Removes candidates that the upper bits of their keys show to be behind `bound`.
    fn leave_out(&mut self, slices: &Slices, memory: &[u32], plan: &PagePlan, bound: u128) {
        let upper = |key: u128| (key >> (u128::BITS - u8::BITS)) as u8;
        let at_most = |upper: u8| slices.at_most(memory, self.block, upper);
        let near = at_most(upper(bound << (u128::BITS - CLASS_SHIFT)));
        let begins = at_most(upper(plan.begins.last));
        let before = match upper(plan.begins.first).checked_sub(1) {
            Some(before) => at_most(before),
            None => Some([0; _]),
        };
        let (Some(near), Some(begins), Some(before)) = (near, begins, before) else { return };
        let class = bound >> CLASS_SHIFT;
        let rows = self.all.iter_mut().zip(&self.names).zip(near).zip(begins.iter().zip(before));
        for (((bits, names), near), (begins, before)) in rows {
            let begins = begins & !before;
            *bits &= if class == Class::Begins as u128 {
                begins & near
            } else if class == Class::Named as u128 {
                begins | (names & near)
            } else {
                begins | names | near
            };
        }
    }

    /// Returns the next candidate. Those behind `bound` may be left out.
    #[inline]
    fn next<S: ContactSource>(&mut self, source: &S, plan: &PagePlan, bound: u128) -> Option<Turn> {
        let slots = source.slots();
        loop {
            let Some(bits) = self.all.get_mut(self.word) else {
                if self.block >= Slices::blocks(slots) {
                    return None;
                }
                self.load(source, plan, bound);
                continue;
            };
            if *bits == 0 {
                self.word += 1;
                continue;
            }
            let bit = bits.trailing_zeros();
            *bits &= *bits - 1;
            let slot = (self.block - 1) * BLOCK_SLOTS + self.word as u32 * u32::BITS + bit;
            if slot >= slots || !source.is_wanted(slot) {
                continue;
            }
            let key = key_range(source, &source.slices(), slot);
            let is_named = self.names.get(self.word).is_some_and(|names| names >> bit & 1 != 0);
            if let Some(class) = plan.floor(key, is_named).filter(|class| *class <= plan.deepest) {
                return Some((place(class, key.0), slot));
            }
        }
    }
}

/// The number of candidates taken at a time. A scan of the keys costs about as much as reading so
/// many.
const BATCH: usize = 64;

/// The smallest useful share of a batch, as one in so many.
///
/// If fewer candidates are in the class they were taken for, most of the class must be read anyway,
/// in any order.
const HOPE: usize = 8;

/// Fills `hits` with the best contacts of a page, best first, and returns how many there are.
///
/// Fewer than fit means that there are no more. `memory` holds one record at a time.
pub async fn find<S: ContactSource>(
    source: &mut S,
    page: &PageRequest<'_>,
    hits: &mut [Hit],
    memory: &mut [u8],
) -> Result<usize, S::Error> {
    if page.query.fits_nobody() {
        return Ok(0);
    }
    let plan = PagePlan::new(source, page);
    let mut top = Top { hits, len: 0, worst: u128::MAX };
    let mut batch = Vec::<Turn, BATCH>::new();
    let mut last = None;
    while !top.hits.is_empty() {
        let is_all = select(source, &plan, last, top.worst, &mut batch);
        let mut kept = 0;
        for &(place, slot) in &batch {
            // The place of every later candidate is no better.
            if !top.would_take(place) {
                return Ok(top.len);
            }
            last = Some((place, slot));
            kept += usize::from(top.read(source, page, (place, slot), memory).await?);
        }
        let class = match last {
            Some((place, _)) if !is_all => place >> CLASS_SHIFT,
            _ => break,
        };
        if kept * HOPE < batch.len() {
            let mut scan = Scan::new();
            while let Some(turn) = scan.next(source, &plan, top.worst) {
                let is_next = turn.0 >> CLASS_SHIFT == class && Some(turn) > last;
                if is_next && top.would_take(turn.0) {
                    top.read(source, page, turn, memory).await?;
                }
            }
            // The class is done: the next batch begins with the class behind it.
            last = Some((((class + 1) << CLASS_SHIFT) - 1, u32::MAX));
        }
    }
    Ok(top.len)
}

/// Fills `batch` with the next candidates after `last`, in their order.
///
/// Returns whether these are all up to the place `worst`.
fn select<S: ContactSource>(
    source: &S,
    plan: &PagePlan,
    last: Option<Turn>,
    worst: u128,
    batch: &mut Vec<Turn, BATCH>,
) -> bool {
    let mut bound = worst;
    let mut scan = Scan::new();
    batch.clear();
    while let Some(turn) = scan.next(source, plan, bound) {
        if Some(turn) <= last || turn.0 > bound {
            continue;
        }
        if batch.push(turn).is_ok() {
            if !batch.is_full() {
                continue;
            }
            heapify(batch);
        } else if let Some(highest) = batch.first_mut()
            && turn < *highest
        {
            *highest = turn;
            sift_down(batch, 0);
        }
        bound = batch.first().map_or(bound, |highest| highest.0);
    }
    batch.sort_unstable();
    !batch.is_full()
}

/// The best hits found yet, in the caller's memory.
struct Top<'h> {
    hits: &'h mut [Hit],
    len: usize,
    /// The place of the last hit, once all the memory is used.
    worst: u128,
}

impl Top<'_> {
    /// Returns whether a candidate with this place could get in.
    fn would_take(&self, place: u128) -> bool {
        place <= self.worst
    }

    /// Reads a candidate and matches it. Returns true when it is in the class it was taken for.
    async fn read<S: ContactSource>(
        &mut self,
        source: &mut S,
        page: &PageRequest<'_>,
        turn: Turn,
        memory: &mut [u8],
    ) -> Result<bool, S::Error> {
        let slot = turn.1;
        let Some(contact) = source.contact(slot, memory).await? else { return Ok(false) };
        let Some(rank) = page.query.rank(&contact) else { return Ok(false) };
        if rank.class <= page.deepest && page.after.is_none_or(|after| rank > after) {
            self.put(Hit { slot, rank });
        }
        Ok(rank.class as u128 == turn.0 >> CLASS_SHIFT)
    }

    /// Adds a hit. The worst hit is dropped when there is no room.
    fn put(&mut self, hit: Hit) {
        let known = self.hits.get(..self.len).unwrap_or(&[]);
        let at = known.partition_point(|known| known.rank < hit.rank);
        self.len = (self.len + 1).min(self.hits.len());
        if let Some(tail) = self.hits.get_mut(at..self.len) {
            // The tail is empty when there is no room and the hit is behind all others.
            if let Some(last) = tail.last_mut() {
                *last = hit;
                tail.rotate_right(1);
            }
        }
        if self.len == self.hits.len()
            && let Some(last) = self.hits.last()
        {
            self.worst = place(last.rank.class, key_of(&last.rank));
        }
    }
}

/// Makes a heap with the last candidate in order on top.
fn heapify(heap: &mut [Turn]) {
    for at in (0..heap.len() / 2).rev() {
        sift_down(heap, at);
    }
}

fn sift_down(heap: &mut [Turn], mut at: usize) {
    loop {
        let child = (2 * at + 1..heap.len().min(2 * at + 3)).max_by_key(|&at| heap[at]);
        let Some(child) = child.filter(|&child| heap[at] < heap[child]) else { return };
        heap.swap(at, child);
        at = child;
    }
}
