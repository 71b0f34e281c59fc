//! The merge of two states of one contact, and the pairing of equal contents it rests on.
//!
//! A stamp of a content survives when both states have it, or when the state that lacks it has not
//! seen it. A content is there while one of its stamps is. So the merge is a join: commutative,
//! associative, idempotent, whatever order states arrive in and however often.

use super::property::Content;
use super::record::{Contact, RecordWriter, Seen, WriteError};
use super::{Change, Contents, Property, Stamp};
use core::cmp::Ordering;

/// Where the equal content of a property is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Twin {
    None,
    /// Earlier on its own side: a draft says the same twice.
    Own,
    /// On the other side.
    Other {
        offset: u32,
        expected: Stamp,
    },
}

/// One property of one side, in scratch memory.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    hash: u32,
    offset: u32,
    twin: Twin,
    side: u8,
    expected: Stamp,
    first: Option<Stamp>,
}

impl Item {
    /// An item that means nothing, to fill memory with.
    pub const EMPTY: Self = Self {
        hash: 0,
        offset: 0,
        twin: Twin::None,
        side: 0,
        expected: Stamp {
            time: 0,
            origin: super::BoxIndex::SELF,
            seq: 0,
            author: super::AuthorIndex(0),
        },
        first: None,
    };
}

impl Item {
    fn place(&self) -> Twin {
        Twin::Other { offset: self.offset, expected: self.expected }
    }
}

/// Memory for comparing two sides: one [`Item`] for each property of both.
pub struct Scratch<'s> {
    items: &'s mut [Item],
    len: usize,
    /// Items of side 0 come first once sorted by place; this many.
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

    fn content(&self, item: &Item) -> Option<Content<'a>> {
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

    fn gather(&mut self, side: &Side<'_, '_>, number: u8) -> Result<(), WriteError> {
        match side {
            Side::Contact(contact) => {
                let mut properties = contact.properties();
                loop {
                    let (offset, expected) = properties.position();
                    let Some(property) = properties.next() else {
                        return Ok(());
                    };
                    self.add(Item {
                        hash: property.content.hash32(),
                        offset: offset as u32,
                        side: number,
                        expected,
                        ..Item::EMPTY
                    })?;
                }
            }
            Side::Contents(contents) => {
                let total = contents.remaining();
                let mut contents = (*contents).clone();
                loop {
                    let offset = total - contents.remaining();
                    let Some(content) = contents.next() else {
                        return Ok(());
                    };
                    self.add(Item {
                        hash: content.hash32(),
                        offset: offset as u32,
                        side: number,
                        ..Item::EMPTY
                    })?;
                }
            }
            Side::Nothing => Ok(()),
        }
    }

    /// Finds, for each property of either side, the equal one of the other side. A content that a
    /// draft says twice counts once: the second is paired with the first.
    pub(super) fn pair(&mut self, a: Side<'_, '_>, b: Side<'_, '_>) -> Result<(), WriteError> {
        self.len = 0;
        self.gather(&a, 0)?;
        self.first_side = self.len;
        self.gather(&b, 1)?;
        let sides = [a, b];
        let items = &mut self.items[..self.len];
        items.sort_unstable_by_key(|item| (item.hash, item.side, item.offset));
        for start in 0..items.len() {
            let one = items[start];
            if one.twin == Twin::Own || (one.side == 1 && one.twin != Twin::None) {
                continue;
            }
            let Some(content) = sides[usize::from(one.side)].content(&one) else {
                continue;
            };
            // Equal contents have equal hashes, so they stand in one run, side 0 first.
            for other in start + 1..items.len() {
                let candidate = items[other];
                if candidate.hash != one.hash {
                    break;
                }
                if candidate.twin != Twin::None
                    || sides[usize::from(candidate.side)].content(&candidate) != Some(content)
                {
                    continue;
                }
                if candidate.side == one.side {
                    items[other].twin = Twin::Own;
                } else if items[start].twin == Twin::None {
                    items[start].twin = candidate.place();
                    items[other].twin = one.place();
                } else {
                    items[other].twin = Twin::Own;
                }
            }
        }
        items.sort_unstable_by_key(|item| (item.side, item.offset));
        Ok(())
    }

    /// How many properties of a side have no twin, of those that count.
    pub(super) fn unpaired(
        &self,
        side: &Side<'_, '_>,
        counts: impl Fn(&Content<'_>) -> bool,
    ) -> usize {
        let number = u8::from(!matches!(side, Side::Contact(_)));
        self.items[..self.len]
            .iter()
            .filter(|item| item.side == number && item.twin == Twin::None)
            .filter(|item| side.content(item).is_some_and(|content| counts(&content)))
            .count()
    }

    /// For each property of a side, in order, whether the other side (or an earlier line of its own
    /// draft) says the same.
    pub(super) fn pairing(&self, side: u8) -> impl Iterator<Item = bool> + '_ {
        let (first, second) = self.items[..self.len].split_at(self.first_side);
        let items = if side == 0 { first } else { second };
        items.iter().map(|item| item.twin != Twin::None)
    }
}

/// Both states together, as one state; `None` when that is what `a` is already.
///
/// `change` tells when and by whom this box took it in; it is not part of the state.
pub fn merge<'b>(
    a: &Contact<'_>,
    b: &Contact<'_>,
    change: Change,
    scratch: &mut Scratch<'_>,
    out: &'b mut [u8],
) -> Result<Option<&'b [u8]>, WriteError> {
    scratch.pair(Side::Contact(a), Side::Contact(b))?;
    let (seen_a, seen_b) = (a.seen(), b.seen());
    let mut seen = seen_a.clone();
    seen.join(&seen_b)?;

    let mut is_news = seen != seen_a;
    let len = scratch.len;
    for item in &mut scratch.items[..len] {
        item.first = None;
        // The twin on side 0 stands for both.
        let stands = match item.twin {
            Twin::None => true,
            Twin::Own => false,
            Twin::Other { .. } => item.side == 0,
        };
        if !stands {
            continue;
        }
        if let Some(both) = Both::of(item, a, b) {
            let survivors = both.survivors(&seen_a, &seen_b);
            item.first = survivors.clone().next();
            is_news |= !survivors.eq(both.a.into_iter().flat_map(|property| property.stamps()));
        }
    }
    if !is_news {
        return Ok(None);
    }
    scratch.items[..len].sort_unstable_by_key(|item| item.first);
    let mut writer = RecordWriter::new(out, a.uid(), change, &seen)?;
    for item in scratch.items[..len].iter().filter(|item| item.first.is_some()) {
        let both = Both::of(item, a, b);
        if let Some((both, content)) = both.and_then(|both| both.content().map(|c| (both, c))) {
            writer.push(&content, both.survivors(&seen_a, &seen_b))?;
        }
    }
    Ok(Some(writer.finish()))
}

/// A content as the two states have it; one of them may lack it.
struct Both<'a, 'b> {
    a: Option<Property<'a>>,
    b: Option<Property<'b>>,
}

impl<'c> Both<'c, 'c> {
    fn of(item: &Item, a: &Contact<'c>, b: &Contact<'c>) -> Option<Self> {
        let (mine, theirs) = if item.side == 0 { (a, b) } else { (b, a) };
        let here = mine.property_at(item.offset as usize, item.expected)?;
        let there = match item.twin {
            Twin::Other { offset, expected } => theirs.property_at(offset as usize, expected),
            Twin::None | Twin::Own => None,
        };
        Some(if item.side == 0 {
            Self { a: Some(here), b: there }
        } else {
            Self { a: there, b: Some(here) }
        })
    }

    fn content(&self) -> Option<Content<'c>> {
        self.a.or(self.b).map(|property| property.content)
    }

    /// The stamps that both have, and those that the state without them has not seen.
    fn survivors<'s>(
        &self,
        seen_a: &'s Seen,
        seen_b: &'s Seen,
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
                    Ordering::Less => a.next().map(|stamp| (stamp, !seen_b.covers(stamp)))?,
                    Ordering::Greater => b.next().map(|stamp| (stamp, !seen_a.covers(stamp)))?,
                };
                if survives {
                    return Some(stamp);
                }
            }
        })
    }
}
