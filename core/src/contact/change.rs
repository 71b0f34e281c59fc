//! Changes of one contact by this box: edit, import, trash, restore, purge.
//!
//! None of them is inlined, nor is the merge: whoever calls several would have the code of each
//! once more, and their stacks together, of which a device has neither to spare.

use super::merge::{Scratch, Side};
use super::property::Property;
use super::record::{Contact, RecordWriter, WriteError, joined};
use super::{AuthorIndex, BoxIndex, Contents, Kind, Millis, Stamp, StampedProperty, Uid, Value};
use crate::limits::IMPORTS_MAX;
use serde::{Deserialize, Serialize};

/// The way in which a version of a contact was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Somebody typed.
    Edit,
    /// A card was imported.
    Import,
    /// Another box's state was taken in.
    Merge,
    /// It was put in the trash.
    Trash,
    /// It was taken out of the trash.
    Restore,
    /// It was removed for good.
    Purge,
}

impl Origin {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Edit => 0,
            Self::Import => 1,
            Self::Merge => 2,
            Self::Trash => 3,
            Self::Restore => 4,
            Self::Purge => 5,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Edit,
            1 => Self::Import,
            2 => Self::Merge,
            3 => Self::Trash,
            4 => Self::Restore,
            5 => Self::Purge,
            _ => return None,
        })
    }
}

/// The author, the time and the way of a change.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// When; later than every time this box has written, and than what the contact says, at most
    /// [`crate::limits::MILLIS_MAX`]. What the contact keeps is said anew, a moment before, where
    /// its own stamps are not earlier: that moment is then the box's own, too.
    pub time: Millis,
    /// The author.
    pub author: AuthorIndex,
    /// How.
    pub origin: Origin,
    /// The box that writes: [`BoxIndex::SELF`], or the name this box has taken since it lost
    /// something of what it wrote under an earlier one.
    pub writer: BoxIndex,
}

/// Bytes of a card's digest that are kept to know it again: two cards of one contact pass for one
/// another once in 2^48.
const MARK_BYTES: usize = 6;

impl Change {
    /// A change that this box writes under its first name.
    pub const fn new(time: Millis, author: AuthorIndex, origin: Origin) -> Self {
        Self { time, author, origin, writer: BoxIndex::SELF }
    }

    /// The stamp of the first property written by this change.
    pub fn stamp(&self) -> Stamp {
        Stamp { time: self.time, origin: self.writer, seq: 0, author: self.author }
    }

    /// The tag of the version that this change makes: a box counts its own versions.
    pub(super) fn version(&self) -> Stamp {
        Stamp { origin: BoxIndex::SELF, ..self.stamp() }
    }
}

/// The contact with exactly the contents of `card`, besides the box's own marks.
/// Contents that were there keep their stamps. A contact in the trash comes out of it.
/// `None` when nothing would change.
#[inline(never)]
pub fn edit<'b>(
    old: Option<&Contact<'_>>,
    uid: Uid,
    card: &Contents<'_>,
    change: Change,
    scratch: &mut Scratch<'_>,
    out: &'b mut [u8],
) -> Result<Option<&'b [u8]>, WriteError> {
    scratch.pair(Side::of_contact(old), Side::of_contents(Some(card)))?;
    let is_card = |content: &Property<'_>| !content.kind.is_internal();
    if old.is_some_and(|old| !old.is_trashed())
        && scratch.unpaired(&Side::of_contact(old), is_card) == 0
        && scratch.unpaired(&Side::of_contents(Some(card)), |content| {
            is_card(content) && !is_own_name(content, old, uid)
        }) == 0
    {
        return Ok(None);
    }
    let keep = |content: &Property<'_>, is_paired: bool| {
        (is_paired || content.kind.is_internal()) && content.kind != Kind::TRASHED
    };
    rewrite(old, uid, Some(card), None, change, scratch, keep, out).map(Some)
}

/// The contact with the contents of an imported card added: nothing the contact has is removed but
/// the file's own marks. `None` when this very card was imported before, whatever was edited since,
/// or when it says nothing new.
#[inline(never)]
pub fn import_into<'b>(
    old: Option<&Contact<'_>>,
    uid: Uid,
    card: &Contents<'_>,
    change: Change,
    scratch: &mut Scratch<'_>,
    out: &'b mut [u8],
) -> Result<Option<&'b [u8]>, WriteError> {
    let digest = card.digest();
    // A card without UID has its digest for identity: there is nothing to say twice.
    let news = if digest == uid.0 { &[][..] } else { &digest[..MARK_BYTES] };
    let mark = Property { value: Value::Bytes(news), ..Property::text(Kind::IMPORTED, "") };
    if let Some(old) = old
        && old.all(Kind::IMPORTED).any(|property| property.content == mark)
    {
        return Ok(None);
    }
    scratch.pair(Side::of_contact(old), Side::of_contents(Some(card)))?;
    let is_news = |content: &Property<'_>| {
        !content.kind.is_bookkeeping()
            && !content.kind.is_internal()
            && !is_own_name(content, old, uid)
            && !is_respelled(content, old, uid)
    };
    if old.is_some_and(|old| !old.is_tombstone())
        && scratch.unpaired(&Side::of_contents(Some(card)), is_news) == 0
    {
        return Ok(None);
    }
    // Marks stand in the order they were made; the oldest make room for the new one.
    let marks = old.map_or(0, |old| old.all(Kind::IMPORTED).count());
    let mut surplus = (marks + 1).saturating_sub(IMPORTS_MAX);
    let keep = |content: &Property<'_>, is_paired: bool| {
        if content.kind == Kind::IMPORTED && surplus > 0 {
            surplus -= 1;
            return false;
        }
        is_paired || content.kind == Kind::IMPORTED || !content.kind.is_bookkeeping()
    };
    rewrite(old, uid, Some(card), Some(mark), change, scratch, keep, out).map(Some)
}

/// The contact in the trash. `None` when it is there already.
#[inline(never)]
pub fn trash<'b>(
    old: &Contact<'_>,
    change: Change,
    scratch: &mut Scratch<'_>,
    out: &'b mut [u8],
) -> Result<Option<&'b [u8]>, WriteError> {
    if old.is_trashed() || old.is_tombstone() {
        return Ok(None);
    }
    scratch.pair(Side::of_contact(Some(old)), Side::of_contents(None))?;
    let keep = |content: &Property<'_>, _: bool| content.kind != Kind::TRASHED;
    let mark = Property::text(Kind::TRASHED, "");
    rewrite(Some(old), old.uid(), None, Some(mark), change, scratch, keep, out).map(Some)
}

/// The contact out of the trash. `None` when it is not in it.
#[inline(never)]
pub fn restore<'b>(
    old: &Contact<'_>,
    change: Change,
    scratch: &mut Scratch<'_>,
    out: &'b mut [u8],
) -> Result<Option<&'b [u8]>, WriteError> {
    if !old.is_trashed() {
        return Ok(None);
    }
    scratch.pair(Side::of_contact(Some(old)), Side::of_contents(None))?;
    let keep = |content: &Property<'_>, _: bool| content.kind != Kind::TRASHED;
    rewrite(Some(old), old.uid(), None, None, change, scratch, keep, out).map(Some)
}

/// Leaves of a contact its identity and what was seen of it, so that no older state brings it back.
/// Returns `None` when nothing else is left already.
pub fn purge<'b>(
    old: &Contact<'_>,
    change: Change,
    out: &'b mut [u8],
) -> Result<Option<&'b [u8]>, WriteError> {
    if old.is_tombstone() {
        return Ok(None);
    }
    let seen = joined(old.seen(), core::iter::once((change.writer, change.time)));
    Ok(Some(RecordWriter::new(out, old.uid(), change, seen)?.finish()))
}

/// Returns whether a vCard only calls a contact without a UID by the identity the box gave it. The
/// box's own export names such a contact so, and comes back saying nothing new.
fn is_own_name(content: &Property<'_>, old: Option<&Contact<'_>>, uid: Uid) -> bool {
    content.kind == Kind::UID
        && matches!(content.value, Value::Uuid(name) if !name.ab_person && name.bytes == uid.0)
        && old.is_some_and(|old| !old.is_tombstone() && old.all(Kind::UID).next().is_none())
}

/// Returns whether a vCard calls a contact by the same UUID as before, only written in another way.
/// Adding it would leave the contact with two UIDs.
fn is_respelled(content: &Property<'_>, old: Option<&Contact<'_>>, uid: Uid) -> bool {
    names(content, uid)
        && old.is_some_and(|old| old.all(Kind::UID).any(|known| names(&known.content, uid)))
}

/// Returns whether a vCard would give a contact the UID of another one. Exported with it, the
/// contact would come back as that one.
pub(crate) fn is_given_another_uid(
    old: Option<&Contact<'_>>,
    uid: Uid,
    card: &Contents<'_>,
) -> bool {
    match old.filter(|old| !old.is_tombstone()) {
        Some(old) => card.clone().any(|content| {
            content.kind == Kind::UID
                && !names(&content, uid)
                && !old.all(Kind::UID).any(|known| known.content == content)
        }),
        None => card.has_uid() && card.uid() != uid,
    }
}

/// Returns whether a property is a UID that stands for a contact.
fn names(content: &Property<'_>, uid: Uid) -> bool {
    let named = match content.value {
        Value::Text(text) => Uid::from_text(text),
        Value::Uuid(name) => Uid(name.identity()),
        Value::Bytes(_) | Value::Blob(_) => return false,
    };
    content.kind == Kind::UID && named == uid
}

/// Writes what `keep` says of the old properties, then what `card` adds, then `mark`.
#[expect(clippy::too_many_arguments, reason = "one private function under five public ones")]
fn rewrite<'b>(
    old: Option<&Contact<'_>>,
    uid: Uid,
    card: Option<&Contents<'_>>,
    mark: Option<Property<'_>>,
    change: Change,
    scratch: &mut Scratch<'_>,
    mut keep: impl FnMut(&Property<'_>, bool) -> bool,
    out: &'b mut [u8],
) -> Result<&'b [u8], WriteError> {
    let seen = old.into_iter().flat_map(Contact::seen);
    let seen = joined(seen, core::iter::once((change.writer, change.time)));
    let mut writer = RecordWriter::new(out, uid, change, seen)?;
    let is_earlier = |stamp: &Stamp| stamp.time < change.time;
    let mut has_beyond = false;
    for (at, property) in old.into_iter().flat_map(Contact::properties).enumerate() {
        if !keep(&property.content, scratch.is_kept(at)) {
            continue;
        }
        let stamps = StampedProperty::stamps(&property).filter(is_earlier);
        if stamps.clone().next().is_some() {
            writer.push(&property.content, stamps)?;
        } else {
            scratch.postpone(at);
            has_beyond = true;
        }
    }
    // Properties that no clock dated are said anew, before what this change says.
    if has_beyond {
        let before = Stamp { time: change.time.saturating_sub(1), ..change.stamp() };
        let mut stamp = Some(before);
        for (at, property) in old.into_iter().flat_map(Contact::properties).enumerate() {
            if scratch.is_postponed(at) {
                let now = stamp.ok_or(WriteError::TooManyAtOnce)?;
                writer.push(&property.content, core::iter::once(now))?;
                stamp = now.seq.checked_add(1).map(|_| now.next());
            }
        }
    }
    let mut stamp = Some(change.stamp());
    let mut added = scratch.added();
    // A card that carries marks of a box must not put anything in the trash.
    let is_added = |content: &Property<'_>| {
        let is_new = added.next().unwrap_or(true);
        let says_nothing = is_own_name(content, old, uid)
            || (change.origin == Origin::Import && is_respelled(content, old, uid));
        is_new && !content.kind.is_internal() && !says_nothing
    };
    let added = card.cloned().into_iter().flatten().filter(is_added).chain(mark);
    for content in added {
        let now = stamp.ok_or(WriteError::TooManyAtOnce)?;
        writer.push(&content, core::iter::once(now))?;
        stamp = now.seq.checked_add(1).map(|_| now.next());
    }
    Ok(writer.finish())
}
