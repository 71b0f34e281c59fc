//! Computes the checksum of everything stored or sent, CRC-32C, and finds a single flipped bit.

/// The polynomial of CRC-32C, reflected.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// On a device, there is one table of 1 KiB, as flash is dear and entries are short.
#[cfg(target_os = "none")]
mod sum {
    use crc::{CRC_32_ISCSI, Crc, Digest, Table};

    type Tables = Table<1>;

    static CRC: Crc<u32, Tables> = Crc::<u32, Tables>::new(&CRC_32_ISCSI);

    #[derive(Clone)]
    pub(super) struct Sum(Digest<'static, u32, Tables>);

    impl Sum {
        pub(super) fn new() -> Self {
            Self(CRC.digest())
        }

        pub(super) fn over(mut self, bytes: &[u8]) -> Self {
            self.0.update(bytes);
            self
        }

        pub(super) fn value(self) -> u32 {
            self.0.finalize()
        }
    }
}

/// On a host, the processor has an instruction for it, which takes a tenth of the time. Tables are
/// used if it lacks that.
#[cfg(not(target_os = "none"))]
mod sum {
    #[derive(Clone)]
    pub(super) struct Sum(u32);

    impl Sum {
        pub(super) fn new() -> Self {
            Self(0)
        }

        pub(super) fn over(self, bytes: &[u8]) -> Self {
            Self(crc32c::crc32c_append(self.0, bytes))
        }

        pub(super) fn value(self) -> u32 {
            self.0
        }
    }
}

/// A CRC-32C over several pieces, which is the same as over all of them together.
#[derive(Clone)]
pub struct Seal(sum::Sum);

impl Seal {
    /// Makes the checksum over nothing.
    pub fn new() -> Self {
        Seal(sum::Sum::new())
    }

    /// Adds the next piece.
    #[must_use]
    pub fn over(self, bytes: &[u8]) -> Self {
        Seal(self.0.over(bytes))
    }

    /// Returns the checksum of all pieces.
    pub fn value(self) -> u32 {
        self.0.value()
    }
}

impl Default for Seal {
    fn default() -> Self {
        Self::new()
    }
}

/// The place of a single flipped bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// In the data: bit `n % 8`, lowest first, of byte `n / 8` of the last pieces added.
    Data(usize),
    /// In the stored checksum: its bit `n`.
    Checksum(u32),
}

/// Finds the single flipped bit that explains the difference between the computed and the stored
/// checksum, if there is one.
///
/// Only the last `bytes` bytes of the data are suspected. The bytes before are known.
pub fn find_flip(computed: u32, stored: u32, bytes: usize) -> Option<Flip> {
    let difference = computed ^ stored;
    if difference == 0 {
        return None;
    }
    if difference.is_power_of_two() {
        return Some(Flip::Checksum(difference.trailing_zeros()));
    }
    // The effect of one flipped bit on the checksum depends only on how many bits follow it. The
    // search begins at the last bit and goes backwards. The last bit is the top one of the last
    // byte, as the reflected CRC takes a byte lowest bit first.
    let mut effect = POLYNOMIAL;
    for index in (0..bytes).rev() {
        for bit in (0..8).rev() {
            if effect == difference {
                return Some(Flip::Data(index * 8 + bit));
            }
            effect = (effect >> 1) ^ (POLYNOMIAL & (effect & 1).wrapping_neg());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_as_one() {
        assert_eq!(Seal::new().over(b"123456789").value(), 0xE306_9283);
        assert_eq!(Seal::new().over(b"1234").over(b"").over(b"56789").value(), 0xE306_9283);
    }

    #[test]
    fn host_and_device_agree() {
        let tables = crc::Crc::<u32, crc::Table<1>>::new(&crc::CRC_32_ISCSI);
        let data: [u8; 1000] = core::array::from_fn(|index| ((index * index * 31) >> 4) as u8);
        for from in 0..9 {
            for to in from..data.len() {
                let piece = &data[from..to];
                let (first, second) = piece.split_at(piece.len() / 3);
                let value = Seal::new().over(first).over(second).value();
                assert_eq!(value, tables.checksum(piece), "{from}..{to}");
            }
        }
    }

    #[test]
    fn every_single_flip_is_found() {
        let data: [u8; 37] = core::array::from_fn(|index| (index * 7) as u8);
        let stored = Seal::new().over(b"known").over(&data).value();
        assert_eq!(find_flip(stored, stored, data.len()), None);
        for bit in 0..data.len() * 8 {
            let mut struck = data;
            struck[bit / 8] ^= 1 << (bit % 8);
            let computed = Seal::new().over(b"known").over(&struck).value();
            assert_eq!(find_flip(computed, stored, data.len()), Some(Flip::Data(bit)));
        }
        for bit in 0..32 {
            assert_eq!(
                find_flip(stored, stored ^ (1 << bit), data.len()),
                Some(Flip::Checksum(bit))
            );
        }
    }

    #[test]
    fn two_flips_are_never_taken_for_one() {
        let data = [0x5Au8; 24];
        let stored = Seal::new().over(&data).value();
        for first in 0..data.len() * 8 {
            for second in 0..first {
                let mut struck = data;
                struck[first / 8] ^= 1 << (first % 8);
                struck[second / 8] ^= 1 << (second % 8);
                assert_eq!(find_flip(Seal::new().over(&struck).value(), stored, data.len()), None);
            }
        }
    }
}
