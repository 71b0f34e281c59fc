//! The digest of a contact's state: the same on every box that holds the same of it.

use super::draft::content_digest;
use super::{BoxIndex, Contact, digest};

/// 128 bits that two boxes share exactly when they hold the same of a contact: the same contents
/// with the same stamps, and the same `seen`. When and by whom a box took it in does not count, nor
/// do the authors of stamps, which a box whose table of authors is full forgets.
///
/// `box_id` tells the identity of a box of this box's table.
pub fn state_digest(contact: &Contact<'_>, box_id: impl Fn(BoxIndex) -> u64) -> [u8; 16] {
    // Sums do not depend on the order, in which stamps of one moment may differ between boxes.
    let mut said = 0u128;
    for property in contact.properties() {
        let content = content_digest(&property.content);
        for stamp in property.stamps() {
            let origin = box_id(stamp.origin).to_le_bytes();
            let tag: [&[u8]; 4] =
                [&content, &origin, &stamp.time.to_le_bytes(), &stamp.seq.to_le_bytes()];
            said = said.wrapping_add(u128::from_le_bytes(digest(b"tag", &tag)));
        }
    }
    let mut seen = 0u128;
    for (origin, time) in contact.seen().filter(|row| row.1 > 0) {
        let row = [box_id(origin).to_le_bytes(), time.to_le_bytes()];
        seen = seen.wrapping_add(u128::from_le_bytes(digest(b"seen", &[&row[0], &row[1]])));
    }
    digest(b"state", &[&contact.uid().0, &said.to_le_bytes(), &seen.to_le_bytes()])
}

/// Returns whether a state has taken in every stamp that it has itself, as every state that a box
/// has made does. One that has not would make other boxes forget, or bring back what was removed.
pub fn is_coherent(contact: &Contact<'_>) -> bool {
    contact.properties().all(|property| property.stamps().all(|stamp| contact.has_seen(stamp)))
}

/// The latest time that a state tells of.
pub fn latest_time(contact: &Contact<'_>) -> super::Millis {
    contact.seen().map(|row| row.1).max().unwrap_or(0)
}
