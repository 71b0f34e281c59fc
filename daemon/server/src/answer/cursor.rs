//! Writes and reads the end of a page, as text that means nothing to clients.

use super::error::ParamsError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use contactbox_core::contact::Uid;
use contactbox_core::search::{Class, Rank, SORT_NAME_BYTES};

const RANK_BYTES: usize = 1 + SORT_NAME_BYTES + 16;

/// Ranks do not depend on the run of the daemon, so neither does this.
pub(super) fn of_rank(rank: &Rank) -> String {
    let mut bytes = vec![rank.class as u8];
    bytes.extend_from_slice(&rank.name);
    bytes.extend_from_slice(&rank.uid.0);
    BASE64.encode(bytes)
}

pub(super) fn rank(cursor: &str) -> Result<Rank, ParamsError> {
    let bytes = BASE64.decode(cursor).map_err(|_| foreign())?;
    let bytes: [u8; RANK_BYTES] = bytes.try_into().map_err(|_| foreign())?;
    let [class, rest @ ..] = bytes;
    let class = match class {
        0 => Class::Begins,
        1 => Class::Named,
        2 => Class::Elsewhere,
        _ => return Err(foreign()),
    };
    let (name, uid) = rest.split_at(SORT_NAME_BYTES);
    let mut rank = Rank { class, name: [0; SORT_NAME_BYTES], uid: Uid([0; 16]) };
    rank.name.copy_from_slice(name);
    rank.uid.0.copy_from_slice(uid);
    Ok(rank)
}

/// A slot keeps its number while the box is open: the cursor says of which run it is.
pub(super) fn of_slot(run: u32, slot: u32) -> String {
    let mut bytes = run.to_le_bytes().to_vec();
    bytes.extend_from_slice(&slot.to_le_bytes());
    BASE64.encode(bytes)
}

pub(super) fn slot(cursor: &str, run: u32) -> Result<u32, ParamsError> {
    let bytes = BASE64.decode(cursor).map_err(|_| foreign())?;
    let [a, b, c, d, slot @ ..]: [u8; 8] = bytes.try_into().map_err(|_| foreign())?;
    if u32::from_le_bytes([a, b, c, d]) != run {
        return Err(ParamsError::OldCursor);
    }
    Ok(u32::from_le_bytes(slot))
}

/// A kept state is found again by its time and its contact.
pub(super) fn of_kept(time: u64, uid: Uid) -> String {
    let mut bytes = time.to_le_bytes().to_vec();
    bytes.extend_from_slice(&uid.0);
    BASE64.encode(bytes)
}

pub(super) fn kept(cursor: &str) -> Result<(u64, Uid), ParamsError> {
    let bytes = BASE64.decode(cursor).map_err(|_| foreign())?;
    let (time, uid) = bytes.split_first_chunk::<8>().ok_or_else(foreign)?;
    let uid = uid.try_into().map_err(|_| foreign())?;
    Ok((u64::from_le_bytes(*time), Uid(uid)))
}

fn foreign() -> ParamsError {
    ParamsError::ForeignCursor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let of = Rank { class: Class::Named, name: [7; SORT_NAME_BYTES], uid: Uid([9; 16]) };
        assert!(rank(&of_rank(&of)).is_ok_and(|back| back == of));
        assert_eq!(slot(&of_slot(5, 77), 5).ok(), Some(77));
        assert_eq!(kept(&of_kept(5, of.uid)).ok(), Some((5, of.uid)));
        assert!(slot(&of_slot(5, 77), 6).is_err());
        for cursor in ["", "x", "????", &of_slot(5, 77)] {
            assert!(rank(cursor).is_err());
            assert!(kept(cursor).is_err());
        }
        assert!(slot(&of_rank(&of), 5).is_err());
    }
}
