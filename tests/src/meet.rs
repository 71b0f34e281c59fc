//! Boxes that meet without a card or a cable between them: one hands its contacts to the other.

use crate::world::Box;
use crate::world::memory::HostMemory;
use contactbox_core::contact::{AuthorIndex, BlobRef, BoxIndex};
use contactbox_core::store::{Intake, Outcome, Peer, Quota};
use embassy_futures::block_on;

const CONTACT_BYTES: usize = 16 * 1024;

/// Tells `to` about all boxes and authors that `from` knows.
pub fn introduce<const W: usize, const E: usize>(
    from: &Box<W, E>,
    to: &mut Box<W, E>,
) -> Result<Peer<HostMemory>, String> {
    let mut peer = block_on(to.meet(from.id(), Quota::NEW)).map_err(|error| error.to_string())?;
    peer.accept_removals();
    let boxes: Vec<(BoxIndex, u64)> = from.boxes().collect();
    for (index, id) in boxes {
        block_on(to.introduce_box(&mut peer, index, id)).map_err(|error| error.to_string())?;
    }
    let authors: Vec<(AuthorIndex, String)> =
        from.authors().map(|(index, name)| (index, name.to_owned())).collect();
    for (index, name) in authors {
        block_on(to.introduce_author(&mut peer, index, &name))
            .map_err(|error| error.to_string())?;
    }
    Ok(peer)
}

/// Hands a blob over in pieces of the size that the receiver asks for.
pub fn hand_blob<const W: usize, const E: usize>(
    from: &mut Box<W, E>,
    to: &mut Box<W, E>,
    blob: BlobRef,
) -> Result<(), String> {
    let mut piece = vec![0; to.blob_piece_bytes()];
    while let Some(offset) = to.blob_missing(blob) {
        let read = block_on(from.read_blob(blob, offset, &mut piece))
            .map_err(|error| error.to_string())?;
        block_on(to.put_blob_piece(blob, offset, &piece[..read]))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Hands everything in `from` to `to`. Returns how many contacts changed there.
pub fn hand_over<const W: usize, const E: usize>(
    from: &mut Box<W, E>,
    to: &mut Box<W, E>,
    now: u64,
) -> Result<usize, String> {
    let mut peer = introduce(from, to)?;
    let mut memory = vec![0; CONTACT_BYTES];
    let mut changed = 0;
    for slot in 0..from.slots() {
        let state = block_on(from.state(slot, &mut memory)).map_err(|error| error.to_string())?;
        let Some(state) = state else { continue };
        let record = state.bytes().to_vec();
        let blobs: Vec<BlobRef> = state.blobs().collect();
        for blob in blobs {
            hand_blob(from, to, blob)?;
        }
        match block_on(to.take(&mut peer, &record, now)).map_err(|error| error.to_string())? {
            Intake::Taken(put) => changed += usize::from(put.outcome != Outcome::Unchanged),
            Intake::Aside(uid, why) => return Err(format!("{uid}: {why}")),
        }
    }
    Ok(changed)
}
