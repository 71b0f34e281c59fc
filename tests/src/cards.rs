//! Boxes with a card in their slot, for tests: what a shell does with one, without waiting.

use contactbox_core::card::{
    Appended, Backup, Card, Changes, Merged, OwnFiles, Remark, Whose, append, backup, merge_all,
};
use contactbox_core::store::{Book, Memory};
use embassy_futures::block_on;
use embedded_storage_async::nor_flash::NorFlash;

/// Room for the largest contact of these tests.
pub const ROOM_BYTES: usize = 16 * 1024;

/// Looks for the box's files and writes a whole snapshot.
pub fn back_up<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
) -> Result<Backup, String> {
    let mut own = find(book, card)?;
    block_on(backup(book, card, &mut own, &mut room())).map_err(|error| error.to_string())
}

/// Looks for the box's files.
pub fn find<F: NorFlash, M: Memory, C: Card>(
    book: &Book<F, M>,
    card: &mut C,
) -> Result<OwnFiles, String> {
    block_on(OwnFiles::find(card, book.id())).map_err(|error| error.to_string())
}

/// What a shell does after a change: appends, or makes a snapshot where that is due. True when it
/// was a snapshot.
pub fn keep<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    own: &mut OwnFiles,
) -> Result<bool, String> {
    let mut room = room();
    let appended = block_on(append(book, card, own, Changes::Unknown, &mut room))
        .map_err(|error| error.to_string())?;
    if appended != Appended::Due {
        return Ok(false);
    }
    block_on(backup(book, card, own, &mut room)).map_err(|error| error.to_string())?;
    Ok(true)
}

/// Takes in what others left; what could not be taken in comes with it.
pub fn merge<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    whose: Whose,
    now: u64,
) -> Result<(Merged, Vec<Remark>), String> {
    let mut remarks = Vec::new();
    let visit = |remark: &Remark| remarks.push(*remark);
    let merged = block_on(merge_all(book, card, whose, now, &mut room(), visit))
        .map_err(|error| error.to_string())?;
    Ok((merged, remarks))
}

fn room() -> Vec<u8> {
    vec![0; ROOM_BYTES]
}
