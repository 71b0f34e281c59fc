//! The checksum under every entry: one flipped bit is always detected, and the change tells its
//! place.
use crc::{CRC_32_ISCSI, Crc};

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Flips one bit of `bytes`, chosen by the bytes themselves. The CRC must change, by an amount that
/// depends on the place alone.
pub fn run(bytes: &[u8]) {
    let whole = CRC.checksum(bytes);
    if bytes.is_empty() {
        return;
    }
    let bit = whole as usize % (bytes.len() * 8);
    let mut struck = bytes.to_vec();
    struck[bit / 8] ^= 1 << (bit % 8);
    let difference = CRC.checksum(&struck) ^ whole;
    assert_ne!(difference, 0, "bit {bit} of {} bytes can flip unseen", bytes.len());

    let blank = vec![0; bytes.len()];
    let mut one = blank.clone();
    one[bit / 8] = 1 << (bit % 8);
    assert_eq!(
        difference,
        CRC.checksum(&one) ^ CRC.checksum(&blank),
        "bit {bit} of {} bytes",
        bytes.len()
    );
}
