//! Boxes with a card in their slot, for tests: the work of a shell, without its waits.

use contactbox_core::card::{
    Appended, Backup, Card, Changes, Merged, OwnFiles, Remark, SECTOR_BYTES, SnapshotOwners,
    append, backup, merge_all,
};
use contactbox_core::store::seal::Seal;
use contactbox_core::store::{Book, Consent, Memory};
use embassy_futures::block_on;
use embedded_storage_async::nor_flash::NorFlash;

/// The size of a buffer for the largest contact of these tests.
pub const ROOM_BYTES: usize = 16 * 1024;

/// Finds the box's files and writes a whole snapshot.
pub fn back_up<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
) -> Result<Backup, String> {
    let mut own = find(book, card)?;
    block_on(backup(book, card, &mut own, &mut room())).map_err(|error| error.to_string())
}

/// Finds the box's files.
pub fn find<F: NorFlash, M: Memory, C: Card>(
    book: &Book<F, M>,
    card: &mut C,
) -> Result<OwnFiles, String> {
    block_on(OwnFiles::find(card, book.id())).map_err(|error| error.to_string())
}

/// Does the work of a shell after a change: appends, or writes a snapshot if one is due. Returns
/// true for a snapshot.
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

/// Imports what others left, with consent to every removal. Returns the remarks on what could not
/// be imported as well.
pub fn merge<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    whose: SnapshotOwners,
    now: u64,
) -> Result<(Merged, Vec<Remark>), String> {
    merge_with(book, card, whose, Consent::Given, now)
}

/// Does the same, with or without consent to removals.
pub fn merge_with<F: NorFlash, M: Memory, C: Card>(
    book: &mut Book<F, M>,
    card: &mut C,
    whose: SnapshotOwners,
    consent: Consent,
    now: u64,
) -> Result<(Merged, Vec<Remark>), String> {
    let mut remarks = Vec::new();
    let visit = |remark: &Remark| remarks.push(*remark);
    let merged = block_on(merge_all(book, card, whose, consent, now, &mut room(), visit))
        .map_err(|error| error.to_string())?;
    Ok((merged, remarks))
}

fn room() -> Vec<u8> {
    vec![0; ROOM_BYTES]
}

/// Returns a snapshot file with another generation: its header and all its entries are sealed anew.
pub fn with_generation(file: &[u8], generation: u32) -> Vec<u8> {
    let mut file = file.to_vec();
    let word = |file: &[u8], at: usize| {
        u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"))
    };
    file[20..24].copy_from_slice(&generation.to_le_bytes());
    let crc = Seal::new().over(&file[..508]).value();
    file[508..512].copy_from_slice(&crc.to_le_bytes());
    let end = word(&file, 32) as usize;
    let mut at = SECTOR_BYTES;
    while at < end {
        if file[at] == 0 {
            at = (at + 1).next_multiple_of(SECTOR_BYTES);
            continue;
        }
        let seed = [&file[12..32], &(at as u32).to_le_bytes(), &[0; 4]].concat();
        let len = word(&file, at + 4) as usize;
        file[at + 2..at + 4].fill(0);
        let check = Seal::new().over(&seed).over(&file[at..at + 12]).value() as u16;
        file[at + 2..at + 4].copy_from_slice(&check.to_le_bytes());
        let crc = Seal::new().over(&seed).over(&file[at..at + 12 + len]).value();
        file[at + 12 + len..at + 16 + len].copy_from_slice(&crc.to_le_bytes());
        at += (16 + len).next_multiple_of(4);
    }
    file
}
