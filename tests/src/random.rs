//! Random numbers that are the same in every run: SplitMix64 (Steele, Lea and Flood, 2014).

/// A seeded source of numbers. The same seed gives the same numbers on every machine, so the seed
/// identifies a failing case.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// Returns a source that starts at `seed`; any seed is as good as another.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`, which is not 0. It is slightly uneven for an `end` near 2^64,
    /// which is fine for tests.
    pub fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "there is no number below 0");
        (self.bits() % end as u64) as usize
    }

    /// Returns true `parts` times in `whole`.
    pub fn chance(&mut self, parts: usize, whole: usize) -> bool {
        self.below(whole) < parts
    }

    /// Returns one of `choices`, which is not empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Returns `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits() as u8).collect()
    }
}
