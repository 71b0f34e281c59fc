//! Any bytes as contact records: refused, or read, changed and merged like any other.
use super::Input;
use contactbox_core::contact::{
    AuthorIndex, BoxIndex, Change, Contact, Contents, Draft, Item, Kind, Origin, Scratch, Stamp,
    Uid, Value, edit, import_into, merge, purge, rebase, restore, trash,
};
use contactbox_core::limits::MILLIS_MAX;
use contactbox_core::search::{SORT_NAME_BYTES, SortKey, sort_name};

/// The size of a buffer for everything that two inputs can make together.
const ROOM: usize = 128 * 1024;
const ITEMS: usize = 8 * 1024;

/// Takes the length of the first record from the first two bytes; the rest is the second record.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let length = usize::from(input.half());
    let (first, second) = (input.take(length), input.rest());
    let mut items = vec![Item::EMPTY; ITEMS];
    let mut scratch = Scratch::new(&mut items);
    let contacts = [first, second].map(|record| Contact::parse(record).ok());
    for contact in contacts.iter().flatten() {
        look(contact);
        change(contact, &mut scratch);
        renumber(contact);
    }
    if let [Some(a), Some(b)] = &contacts {
        together(a, b, &mut scratch);
        together(b, a, &mut scratch);
        let (mut card, mut room) = (vec![0; ROOM], vec![0; ROOM]);
        let card = card_of(b, &mut card);
        write_card(Some(a), &card, &mut scratch, &mut room);
        write_card(None, &card, &mut scratch, &mut room);
    }
}

/// Reads everything that can be read.
fn look(contact: &Contact<'_>) {
    let mut blobs = 0;
    for property in contact.properties() {
        let stamps: Vec<Stamp> = property.stamps().collect();
        assert_eq!(stamps.first(), Some(&property.first_stamp()));
        assert_eq!(stamps.last(), Some(&property.last_stamp()));
        assert!(stamps.is_sorted_by(|one, next| one < next), "stamps rise");
        blobs += usize::from(matches!(property.content.value, Value::Blob(_)));
        let _ = (property.content.name(), property.content.param("TYPE"));
        assert!(contact.latest(property.content.kind).is_some());
        assert!(contact.all(property.content.kind).count() > 0);
    }
    assert_eq!(contact.blobs().count(), blobs);
    assert_eq!(contact.has_blobs(), blobs > 0);
    assert_eq!(contact.is_tombstone(), contact.properties().next().is_none());
    assert!(!(contact.is_tombstone() && contact.is_trashed()));
    assert!(contact.seen().is_sorted_by(|one, next| one.0 < next.0), "one row a box");
    let _ = (contact.is_conflicted(Kind::FN), contact.origin(), contact.changed());
    let mut name = [0; SORT_NAME_BYTES];
    sort_name(contact, &mut name);
    let key = SortKey::of(contact);
    assert!(key == SortKey::named(&name, contact.uid()));
    let _ = contact.uid().hint();
}

/// Returns a change later than everything in the contact; `None` if a record cannot hold such a
/// time.
fn later(contact: &Contact<'_>, origin: Origin) -> Option<Change> {
    let stamps = contact.properties().map(|property| property.last_stamp().time);
    let times = stamps.chain(contact.seen().map(|row| row.1)).chain([contact.changed().time]);
    let time = times.max()?.checked_add(1).filter(|time| *time <= MILLIS_MAX)?;
    Some(Change::new(time, AuthorIndex(1), origin))
}

fn parsed(record: &[u8]) -> Contact<'_> {
    let contact = Contact::parse(record).expect("what is written can be read");
    look(&contact);
    contact
}

/// Trashes, restores and purges the contact.
fn change(contact: &Contact<'_>, scratch: &mut Scratch<'_>) {
    let Some(change) = later(contact, Origin::Trash) else { return };
    let mut room = vec![0; ROOM];
    if let Ok(Some(record)) = trash(contact, change, scratch, &mut room) {
        let trashed = parsed(record);
        assert!(trashed.is_trashed());
        let Some(change) = later(&trashed, Origin::Restore) else { return };
        let mut room = vec![0; ROOM];
        let record = restore(&trashed, change, scratch, &mut room);
        let record = record.expect("it fits").expect("it was in the trash");
        assert!(!parsed(record).is_trashed());
    }
    if let Ok(Some(record)) = purge(contact, change, &mut room) {
        let gone = parsed(record);
        assert!(gone.is_tombstone() && !gone.is_trashed());
        assert!(contact.seen().all(|row| gone.seen_of(row.0) >= row.1));
    }
}

/// Renumbers the contact for another box, and back.
fn renumber(contact: &Contact<'_>) {
    let (mut there, mut back) = (vec![0; ROOM], vec![0; ROOM]);
    let swap = |index: BoxIndex| BoxIndex(index.0 ^ 1);
    let author = |author: AuthorIndex| AuthorIndex(author.0 ^ 3);
    if let Ok(record) = rebase(contact, swap, author, &mut there) {
        let there = parsed(record);
        assert_eq!(there.properties().count(), contact.properties().count());
        if let Ok(record) = rebase(&there, swap, author, &mut back) {
            let back = parsed(record);
            assert!(back.seen().eq(contact.seen()));
            for (one, other) in back.properties().zip(contact.properties()) {
                assert!(one.stamps().eq(other.stamps()) && one.content == other.content);
            }
        }
    }
}

/// Merges both. A second merge of the same contact must change nothing.
fn together(a: &Contact<'_>, b: &Contact<'_>, scratch: &mut Scratch<'_>) {
    let Some(change) = later(a, Origin::Merge) else { return };
    let (mut once, mut twice) = (vec![0; ROOM], vec![0; ROOM]);
    if let Ok(Some(record)) = merge(a, b, change, scratch, &mut once) {
        let both = parsed(record);
        assert!(b.seen().all(|row| both.seen_of(row.0) >= row.1));
        let again = merge(&both, b, change, scratch, &mut twice).expect("it fits");
        if let Some(record) = again {
            parsed(record);
        }
    }
}

/// Returns the contents of a contact, as far as they fit.
fn card_of<'m>(contact: &Contact<'_>, memory: &'m mut [u8]) -> Contents<'m> {
    let mut draft = Draft::new(memory);
    for property in contact.properties() {
        if draft.push(&property.content).is_err() {
            break;
        }
    }
    draft.finish()
}

/// Writes these contents in place of the contact, and imports them into it.
fn write_card(
    old: Option<&Contact<'_>>,
    card: &Contents<'_>,
    scratch: &mut Scratch<'_>,
    room: &mut [u8],
) {
    let uid = old.map_or(Uid([7; 16]), Contact::uid);
    let _ = (card.uid(), card.has_uid(), card.digest());
    for origin in [Origin::Edit, Origin::Import] {
        let first = Change::new(1, AuthorIndex(0), origin);
        let Some(change) = old.map_or(Some(first), |old| later(old, origin)) else { return };
        let written = match origin {
            Origin::Edit => edit(old, uid, card, change, scratch, room),
            _ => import_into(old, uid, card, change, scratch, room),
        };
        let Ok(Some(record)) = written else { continue };
        let contact = parsed(record);
        assert!(!contact.is_trashed(), "what somebody writes is not in the trash");
        // A UID that is only the contact's own identity need not be kept.
        let is_kept = |kind: Kind| !kind.is_internal() && kind != Kind::UID;
        let mut said = card.clone().filter(|content| is_kept(content.kind));
        assert!(
            said.all(|content| contact.properties().any(|one| one.content == content)),
            "everything the card says is there"
        );
        if origin == Origin::Edit {
            let mut others = contact.properties().filter(|one| !one.content.kind.is_internal());
            assert!(others.all(|one| card.clone().any(|content| content == one.content)));
        }
    }
}
