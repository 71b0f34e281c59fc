//! Seeded mutations of kept inputs, like a fuzzer's first ones, and the same in every run.
use crate::random::Random;

/// Lengths and values at the edges of bounds.
const TELLING: [u8; 12] = [0, 1, 0x7f, 0x80, 0xfe, 0xff, b'\r', b'\n', b' ', b':', b';', b'='];

/// Makes inputs from seeds.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    random: Random,
    length_max: usize,
}

impl Mutator {
    /// Returns a mutator of `seeds` whose inputs have at most `length_max` bytes. Without seeds it
    /// starts from an empty input.
    pub fn new(mut seeds: Vec<Vec<u8>>, seed: u64, length_max: usize) -> Self {
        if seeds.is_empty() {
            seeds.push(Vec::new());
        }
        Self { seeds, random: Random::new(seed), length_max }
    }

    /// Returns the next input: a seed with one to eight changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut bytes = self.random.pick(&self.seeds).clone();
        for _ in 0..=self.random.below(8) {
            self.change(&mut bytes);
        }
        bytes.truncate(self.length_max);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let random = &mut self.random;
        let place = random.below(bytes.len() + 1);
        let run = random.below(64) + 1;
        let end = (place + run).min(bytes.len());
        match random.below(9) {
            0 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
            1 if place < bytes.len() => bytes[place] = *random.pick(&TELLING),
            2 if place < bytes.len() => bytes[place] = bytes[place].wrapping_add(1),
            3 => {
                bytes.drain(place..end);
            }
            4 => bytes.truncate(place),
            5 => {
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
            6 => {
                let other = random.pick(&self.seeds);
                let from = random.below(other.len() + 1);
                bytes.splice(place.., other[from..].iter().copied());
            }
            7 => {
                let value = *random.pick(&TELLING);
                bytes.splice(place..place, std::iter::repeat_n(value, run));
            }
            _ => {
                let noise = random.bytes(run);
                bytes.splice(place..end, noise);
            }
        }
    }
}
