//! The merge of two states of one contact, and the pairing of equal contents it rests on.
//!
//! A stamp of a content survives when both states have it, or when the state that lacks it has not
//! seen it. A content is there while one of its stamps is. So the merge is a join: commutative,
//! associative, idempotent, whatever order states arrive in and however often.

use super::property::Property;
use super::record::{Contact, RecordWriter, WriteError, joined};
use super::{BoxIndex, Change, Contents, Stamp, StampedProperty};
use core::cmp::Ordering;

/// One property of one side, in scratch memory.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    hash: u32,
    /// Its start on its side.
    offset: u32,
    /// The item with the equal content, or one of the values below.
    twin: u32,
    /// The item that stands here when they are sorted: the items themselves stay in place.
    order: u32,
    expected: Stamp,
    first: Stamp,
}

/// No other item says the same.
const NO_TWIN: u32 = u32::MAX;
/// An earlier one on its own side does: a draft says the same twice, or a record that no box wrote.
const OWN_TWIN: u32 = u32::MAX - 1;

/// In the place of an order: written after the others.
const POSTPONED: u32 = u32::MAX;

impl Item {
    /// An item that means nothing, to fill memory with.
    pub const EMPTY: Self =
        Self { hash: 0, offset: 0, twin: NO_TWIN, order: 0, expected: NEVER, first: NEVER };

    fn has_other_twin(&self) -> bool {
        self.twin < OWN_TWIN
    }
}

const NEVER: Stamp =
    Stamp { time: 0, origin: BoxIndex::SELF, seq: 0, author: super::AuthorIndex(0) };

/// Memory for comparing two sides: one [`Item`] for each property of both, in their order.
pub struct Scratch<'s> {
    items: &'s mut [Item],
    len: usize,
    /// This many are of side 0.
    first_side: usize,
}

/// One of two sets of contents to be compared.
pub(super) enum Side<'c, 'a> {
    Contact(&'c Contact<'a>),
    Contents(&'c Contents<'a>),
    Nothing,
}

impl<'c, 'a> Side<'c, 'a> {
    pub(super) fn of_contact(contact: Option<&'c Contact<'a>>) -> Self {
        contact.map_or(Self::Nothing, Self::Contact)
    }

    pub(super) fn of_contents(contents: Option<&'c Contents<'a>>) -> Self {
        contents.map_or(Self::Nothing, Self::Contents)
    }

    fn content(&self, item: &Item) -> Option<Property<'a>> {
        match self {
            Self::Contact(contact) => {
                Some(contact.property_at(item.offset as usize, item.expected)?.content)
            }
            Self::Contents(contents) => contents.at(item.offset as usize),
            Self::Nothing => None,
        }
    }
}

impl<'s> Scratch<'s> {
    /// Scratch memory of the caller's.
    pub fn new(items: &'s mut [Item]) -> Self {
        Self { items, len: 0, first_side: 0 }
    }

    fn add(&mut self, item: Item) -> Result<(), WriteError> {
        let items_max = self.items.len();
        let slot =
            self.items.get_mut(self.len).ok_or(WriteError::TooManyProperties { items_max })?;
        *slot = item;
        self.len += 1;
        Ok(())
    }

    fn gather(&mut self, side: &Side<'_, '_>) -> Result<(), WriteError> {
        match side {
            Side::Contact(contact) => {
                let mut properties = contact.properties();
                loop {
                    let (offset, expected) = properties.position();
                    let Some(property) = properties.next() else {
                        return Ok(());
                    };
                    let (hash, offset) = (property.content.hash32(), offset as u32);
                    self.add(Item { hash, offset, expected, ..Item::EMPTY })?;
                }
            }
            Side::Contents(contents) => {
                let total = contents.remaining();
                let mut contents = (*contents).clone();
                loop {
                    let offset = (total - contents.remaining()) as u32;
                    let Some(content) = contents.next() else {
                        return Ok(());
                    };
                    self.add(Item { hash: content.hash32(), offset, ..Item::EMPTY })?;
                }
            }
            Side::Nothing => Ok(()),
        }
    }

    /// Finds, for each property of either side, the equal one of the other side. A content that one
    /// side says twice counts once: the second is paired with the first.
    pub(super) fn pair(&mut self, a: Side<'_, '_>, b: Side<'_, '_>) -> Result<(), WriteError> {
        self.len = 0;
        self.gather(&a)?;
        self.first_side = self.len;
        self.gather(&b)?;
        let (len, first_side) = (self.len, self.first_side);
        let items = &mut self.items[..len];
        for (at, item) in items.iter_mut().enumerate() {
            item.order = at as u32;
        }
        // Equal contents have equal hashes, so they stand in one run, side 0 first.
        sort(items, len, |items, at| (items[at].hash, at));
        let side = |at: usize| if at < first_side { &a } else { &b };
        for start in 0..len {
            let one = items[start].order as usize;
            if items[one].twin == OWN_TWIN || (one >= first_side && items[one].twin != NO_TWIN) {
                continue;
            }
            let Some(content) = side(one).content(&items[one]) else {
                continue;
            };
            for next in start + 1..len {
                let other = items[next].order as usize;
                if items[other].hash != items[one].hash {
                    break;
                }
                if items[other].twin != NO_TWIN
                    || side(other).content(&items[other]) != Some(content)
                {
                    continue;
                }
                let is_same_side = (one < first_side) == (other < first_side);
                if is_same_side || items[one].twin != NO_TWIN {
                    items[other].twin = OWN_TWIN;
                } else {
                    items[one].twin = other as u32;
                    items[other].twin = one as u32;
                }
            }
        }
        Ok(())
    }

    /// How many properties of a side have no twin, of those that count.
    pub(super) fn unpaired(
        &self,
        side: &Side<'_, '_>,
        counts: impl Fn(&Property<'_>) -> bool,
    ) -> usize {
        let (first, second) = self.items[..self.len].split_at(self.first_side);
        let items = if matches!(side, Side::Contact(_)) { first } else { second };
        items
            .iter()
            .filter(|item| item.twin == NO_TWIN)
            .filter(|item| side.content(item).is_some_and(|content| counts(&content)))
            .count()
    }

    /// Returns whether side 1 says the same as the property of side 0 at a place. A second one of
    /// the same content goes unpaired: a content is there once.
    pub(super) fn is_kept(&self, at: usize) -> bool {
        self.side_0(at).is_some_and(Item::has_other_twin)
    }

    fn side_0(&self, at: usize) -> Option<&Item> {
        self.items.get(at).filter(|_| at < self.first_side)
    }

    /// Notes of the property of side 0 at a place that it is to be written after the others.
    pub(super) fn postpone(&mut self, at: usize) {
        if let Some(item) = self.items.get_mut(at).filter(|_| at < self.first_side) {
            item.order = POSTPONED;
        }
    }

    /// Returns whether the item at a place is postponed.
    pub(super) fn is_postponed(&self, at: usize) -> bool {
        self.side_0(at).is_some_and(|item| item.order == POSTPONED)
    }

    /// For each property of side 1, in order, whether it is new: neither side 0 says the same, nor
    /// an earlier line of side 1.
    pub(super) fn added(&self) -> impl Iterator<Item = bool> + '_ {
        let items = &self.items[self.first_side..self.len];
        items.iter().map(|item| item.twin == NO_TWIN)
    }
}

/// Sorts the order of the first `len` items by a key of the item there. A heap sort: what the
/// standard library sorts with takes 4 KB of a device's stack.
fn sort<K: Ord>(items: &mut [Item], len: usize, key: impl Fn(&[Item], usize) -> K) {
    let key = |items: &[Item], at: usize| key(items, items[at].order as usize);
    let swap = |items: &mut [Item], one: usize, other: usize| {
        let order = items[one].order;
        items[one].order = items[other].order;
        items[other].order = order;
    };
    let sink = |items: &mut [Item], mut at: usize, end: usize| {
        loop {
            let mut child = 2 * at + 1;
            if child + 1 < end && key(items, child) < key(items, child + 1) {
                child += 1;
            }
            if child >= end || key(items, child) <= key(items, at) {
                return;
            }
            swap(items, at, child);
            at = child;
        }
    };
    for at in (0..len / 2).rev() {
        sink(items, at, len);
    }
    for end in (1..len).rev() {
        swap(items, 0, end);
        sink(items, 0, end);
    }
}

/// Both states together, as one state; `None` when that is what `a` is already.
///
/// `change` tells when and by whom this box took it in; it is not part of the state.
#[inline(never)]
pub fn merge<'b>(
    a: &Contact<'_>,
    b: &Contact<'_>,
    change: Change,
    scratch: &mut Scratch<'_>,
    out: &'b mut [u8],
) -> Result<Option<&'b [u8]>, WriteError> {
    scratch.pair(Side::Contact(a), Side::Contact(b))?;
    let mut is_news = a.has_seen_less_than(b);
    let mut count = 0;
    for at in 0..scratch.len {
        let item = scratch.items[at];
        // The twin on side 0 stands for both.
        let stands = item.twin == NO_TWIN || (item.has_other_twin() && at < scratch.first_side);
        if !stands {
            continue;
        }
        if let Some(both) = Both::of(scratch, at, a, b) {
            let survivors = both.survivors(a, b);
            if let Some(first) = survivors.clone().next() {
                scratch.items[at].first = first;
                scratch.items[count].order = at as u32;
                count += 1;
            }
            is_news |= !survivors.eq(both.a.into_iter().flat_map(|property| property.stamps()));
        }
    }
    if !is_news {
        return Ok(None);
    }
    sort(scratch.items, count, |items, at| (items[at].first, items[at].hash));
    let mut writer = RecordWriter::new(out, a.uid(), change, joined(a.seen(), b.seen()))?;
    for at in 0..count {
        let both = Both::of(scratch, scratch.items[at].order as usize, a, b);
        if let Some((both, content)) = both.and_then(|both| both.content().map(|c| (both, c))) {
            writer.push(&content, both.survivors(a, b))?;
        }
    }
    Ok(Some(writer.finish()))
}

/// A content as the two states have it; one of them may lack it.
struct Both<'a, 'b> {
    a: Option<StampedProperty<'a>>,
    b: Option<StampedProperty<'b>>,
}

impl<'c> Both<'c, 'c> {
    fn of(scratch: &Scratch<'_>, at: usize, a: &Contact<'c>, b: &Contact<'c>) -> Option<Self> {
        let property = |at: usize| {
            let item = scratch.items.get(at)?;
            let contact = if at < scratch.first_side { a } else { b };
            contact.property_at(item.offset as usize, item.expected)
        };
        let here = property(at)?;
        let there = property(scratch.items[at].twin as usize);
        Some(if at < scratch.first_side {
            Self { a: Some(here), b: there }
        } else {
            Self { a: there, b: Some(here) }
        })
    }

    fn content(&self) -> Option<Property<'c>> {
        self.a.or(self.b).map(|property| property.content)
    }

    /// The stamps that both have, and those that the state without them has not seen.
    fn survivors<'s>(
        &self,
        state_a: &'s Contact<'c>,
        state_b: &'s Contact<'c>,
    ) -> impl Iterator<Item = Stamp> + Clone + use<'s, 'c> {
        let mut a = self.a.into_iter().flat_map(|property| property.stamps()).peekable();
        let mut b = self.b.into_iter().flat_map(|property| property.stamps()).peekable();
        core::iter::from_fn(move || {
            loop {
                let order = match (a.peek(), b.peek()) {
                    (Some(one), Some(other)) => one.cmp(other),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => return None,
                };
                let (stamp, survives) = match order {
                    Ordering::Equal => {
                        b.next();
                        (a.next()?, true)
                    }
                    Ordering::Less => a.next().map(|stamp| (stamp, !state_b.has_seen(stamp)))?,
                    Ordering::Greater => b.next().map(|stamp| (stamp, !state_a.has_seen(stamp)))?,
                };
                if survives {
                    return Some(stamp);
                }
            }
        })
    }
}
