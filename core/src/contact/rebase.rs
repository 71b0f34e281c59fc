//! A record as another box would write it: its boxes and authors renamed to that box's tables.

use super::record::{Contact, RecordWriter, WriteError};
use super::{AuthorIndex, BoxIndex, Change, Millis, Stamp, StampedProperty};
use heapless::Vec;

/// Rows of `seen` that are put in order at once.
const ROWS_AT_ONCE: usize = 16;

/// The state of a contact of another box in the terms of this one, ready to be merged.
///
/// `boxes` maps an index of the other box's table to this box's, its [`BoxIndex::SELF`] included,
/// and gives different boxes different indices; `authors` does the same for authors. The time of
/// the version stays that of the other box.
pub fn rebase<'b>(
    contact: &Contact<'_>,
    boxes: impl Fn(BoxIndex) -> BoxIndex,
    authors: impl Fn(AuthorIndex) -> AuthorIndex,
    out: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let changed = contact.changed();
    let change = Change::new(changed.time, authors(changed.author), contact.origin());
    adopt(contact, boxes, authors, change, out)
}

/// The same as a version of this box's own, made by `change`.
pub fn adopt<'b>(
    contact: &Contact<'_>,
    boxes: impl Fn(BoxIndex) -> BoxIndex,
    authors: impl Fn(AuthorIndex) -> AuthorIndex,
    change: Change,
    out: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let rename = |stamp: Stamp| Stamp {
        origin: boxes(stamp.origin),
        author: authors(stamp.author),
        ..stamp
    };
    let mut writer = RecordWriter::new(out, contact.uid(), change, seen_by(contact, &boxes))?;
    for property in contact.properties() {
        writer.push(&property.content, renamed(&property, &rename))?;
    }
    Ok(writer.finish())
}

/// The stamps of a property, renamed, in rising order. Only stamps of one moment can change places,
/// and there are at most a few of one moment, so each moment is searched for its next.
fn renamed<'a>(
    property: &StampedProperty<'a>,
    rename: &impl Fn(Stamp) -> Stamp,
) -> impl Iterator<Item = Stamp> + Clone {
    let mut moment = property.stamps().peekable();
    let mut last: Option<Stamp> = None;
    core::iter::from_fn(move || {
        loop {
            let time = moment.peek()?.time;
            let next = moment
                .clone()
                .take_while(|stamp| stamp.time == time)
                .map(rename)
                .filter(|&stamp| last.is_none_or(|last| stamp > last))
                .min();
            if next.is_some() {
                last = next;
                return next;
            }
            while moment.next_if(|stamp| stamp.time == time).is_some() {}
        }
    })
}

/// The rows of `seen`, renamed, rising by box. They are gone through once for each few of them:
/// there is no memory to sort as many as a box may know.
fn seen_by<'a>(
    contact: &Contact<'a>,
    boxes: &impl Fn(BoxIndex) -> BoxIndex,
) -> impl Iterator<Item = (BoxIndex, Millis)> + Clone {
    let rows = contact.seen();
    let mut next: Vec<(BoxIndex, Millis), ROWS_AT_ONCE> = Vec::new();
    let mut last: Option<BoxIndex> = None;
    core::iter::from_fn(move || {
        if next.is_empty() {
            for (origin, time) in rows.clone() {
                let row = (boxes(origin), time);
                if last.is_some_and(|last| row.0 <= last) {
                    continue;
                }
                // The smallest stand last, to be taken from there.
                match next.binary_search_by(|known| row.0.cmp(&known.0)) {
                    // Two names of one box.
                    Ok(at) => next[at].1 = next[at].1.max(row.1),
                    Err(0) if next.is_full() => {}
                    Err(at) => {
                        if next.is_full() {
                            next.remove(0);
                            next.insert(at - 1, row).ok();
                        } else {
                            next.insert(at, row).ok();
                        }
                    }
                }
            }
        }
        let row = next.pop()?;
        last = Some(row.0);
        Some(row)
    })
}
