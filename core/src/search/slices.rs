//! Keeps signatures, a few bits for each contact, in slices that spare most reads.
//!
//! This is a Bloom filter turned on its side. The first bits of all contacts lie together, then all
//! second bits, and so on. A query looks at the few slices that its grams point to, 512 contacts at
//! a time. The memory belongs to the caller and grows by blocks, each with all its slices, so that
//! contacts added one after the other stay in a small part of it.

use super::grams::{LETTERS, SORTS, Sort, grams_and_name, low_bits, sort_of};
use super::key::SortKey;
use crate::contact::Contact;
use core::num::NonZeroU64;
use heapless::Vec;

/// Contacts in a block.
pub const BLOCK_SLOTS: u32 = 512;
const BLOCK_WORDS: usize = (BLOCK_SLOTS / u32::BITS) as usize;

/// One bit for each contact of a block.
pub type BlockBits = [u32; BLOCK_WORDS];

/// The most slices that a query looks at. More would hardly reduce the candidates further.
const QUERY_SLICES_MAX: usize = 64;

/// The number of bits of a gram's hash that one probe uses.
const PROBE_BITS: u32 = 12;

/// The most probes of a gram.
const PROBES_MAX: u32 = u64::BITS / PROBE_BITS;

/// The slices that a contact must all have set.
#[derive(Clone, Default)]
pub struct Probes(Vec<u16, QUERY_SLICES_MAX>);

/// The number of slices up to which there is no room for slices of single letters, nor for every
/// gram.
const SMALL_SLICES_MAX: u32 = 511;

/// The number of slices that hold the upper bits of sort keys, the uppermost first. Small shapes
/// have none.
const KEY_SLICES: u32 = 8;
const KEY_WORDS: usize = KEY_SLICES as usize * BLOCK_WORDS;

/// The memory that holds the rest of sort keys, in slices: 64 bits a contact. Small shapes have
/// none.
const TAIL_SLICES: u32 = u64::BITS;
const TAIL_WORDS: usize = TAIL_SLICES as usize * BLOCK_WORDS;

/// The shape of the signatures of one box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slices {
    slices: u32,
    /// The number of words of a block that hold the rest of sort keys.
    tail_words: usize,
    /// The region for the grams of each [`Sort`].
    regions: [Region; SORTS],
}

/// The slices for the grams of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    first: u16,
    /// The number of slices; 0 when grams of this sort are not kept.
    len: u16,
    /// The largest hash that is kept. Contacts and queries leave out the same grams.
    hash_max: u32,
    /// The number of slices that a gram sets; 0 if the grams have numbers and a slice each.
    probes: u8,
}

impl Region {
    const NONE: Self = Self { first: 0, len: 0, hash_max: 0, probes: 1 };

    /// Makes a region that keeps all grams of a sort, by their hashes.
    const fn hashed(first: u32, len: u32, probes: u32) -> Self {
        Self { first: first as u16, len: len as u16, hash_max: u32::MAX, probes: probes as u8 }
    }

    /// Makes a region that keeps only one gram in `one_in`.
    const fn thinned(first: u32, len: u32, probes: u32, one_in: u32) -> Self {
        Self { hash_max: u32::MAX / one_in, ..Self::hashed(first, len, probes) }
    }

    /// Makes a region with a slice for each gram, by the gram's number.
    const fn direct(first: u32, len: u32) -> Self {
        Self::hashed(first, len, 0)
    }
}

impl Slices {
    /// Makes a shape with `slices` bits a contact, of which a gram sets `probes`.
    ///
    /// From 16 to 4,096 slices: 16 or 32 and one probe where memory is scarce, 1,280 and five where
    /// it is not.
    pub const fn new(slices: u32, probes: u32) -> Self {
        assert!(slices >= 16 && slices <= 4096, "from 16 to 4,096 slices");
        assert!(probes >= 1 && probes <= PROBES_MAX, "from 1 to 5 probes");
        let mut regions = [Region::NONE; SORTS];
        let tail_words = if slices > SMALL_SLICES_MAX { TAIL_WORDS } else { 0 };
        if slices > SMALL_SLICES_MAX {
            let mut first = 0;
            let mut sort = 0;
            // These grams are few. Each has a slice, which gives no false alarms.
            let direct = [
                (Sort::Start1, LETTERS),
                (Sort::Name1, LETTERS),
                (Sort::NameDigit, 1),
                (Sort::National1, 10),
                (Sort::National2, 100),
            ];
            while sort < direct.len() {
                regions[direct[sort].0 as usize] = Region::direct(first, direct[sort].1);
                first += direct[sort].1;
                sort += 1;
            }
            // Names get a sparse part of their own: they alone tell contacts apart whose other
            // words everybody has somewhere.
            let names = (slices - TAIL_SLICES - KEY_SLICES) / 5;
            let names_of = Region::hashed(first, names, probes);
            regions[Sort::Name2 as usize] = names_of;
            regions[Sort::Name3 as usize] = names_of;
            regions[Sort::Name4 as usize] = names_of;
            first += names;
            let others = Region::hashed(first, slices - TAIL_SLICES - KEY_SLICES - first, probes);
            regions[Sort::Inside as usize] = others;
            regions[Sort::Digits as usize] = others;
            // A query with no better gram than this has many true answers as well. A few more false
            // alarms among them cost less than a crowded region would cost all other queries.
            regions[Sort::Start2 as usize] =
                Region { probes: if probes < 2 { probes as u8 } else { 2 }, ..others };
        } else {
            // These shares were measured on made-up people: a typical contact has 8 grams of its
            // names, 21 of digits and 45 inside of words. Each part is best when about half full.
            let (names, digits) = (slices * 13 / 32, slices * 9 / 32);
            let inside = 1 + names + digits;
            let names_of = Region::hashed(1, names, probes);
            regions[Sort::Name2 as usize] = names_of;
            regions[Sort::Name3 as usize] = names_of;
            // Few names have a word that begins with a digit. One slice for these tells at once
            // that a phone number is not a name.
            regions[Sort::NameDigit as usize] = Region::direct(0, 1);
            regions[Sort::Digits as usize] =
                Region::thinned(1 + names, digits, probes, 96_u32.div_ceil(slices));
            regions[Sort::Inside as usize] =
                Region::thinned(inside, slices - inside, probes, 256_u32.div_ceil(slices));
        }
        Self { slices, tail_words, regions }
    }

    /// Returns the number of words of memory for so many contacts.
    pub const fn words(&self, slots: u32) -> usize {
        slots.div_ceil(BLOCK_SLOTS) as usize * self.block_words()
    }

    /// Returns the number of blocks that hold so many contacts.
    pub const fn blocks(slots: u32) -> u32 {
        slots.div_ceil(BLOCK_SLOTS)
    }

    const fn block_words(&self) -> usize {
        self.slices as usize * BLOCK_WORDS
    }

    /// Calls `visit` with each slice that a gram sets.
    #[inline]
    fn each_probe(&self, gram: u32, mut visit: impl FnMut(u32)) {
        let Some(region) = self.regions.get(sort_of(gram)) else { return };
        let (first, len, low) = (u32::from(region.first), u32::from(region.len), low_bits(gram));
        if region.probes == 0 {
            visit(first + low.min(len - 1));
            return;
        }
        // Fibonacci hashing spreads the gram over 64 bits. Each probe uses 12 of them to choose a
        // slice of the region, which has at most 2^12.
        let mut spread = u64::from(gram).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        if len > 0 && (spread >> PROBE_BITS) as u32 <= region.hash_max {
            for _ in 0..region.probes {
                visit(first + (((spread >> (u64::BITS - PROBE_BITS)) as u32 * len) >> PROBE_BITS));
                spread <<= PROBE_BITS;
            }
        }
    }

    /// Returns a block: its slices, then the rest of its sort keys.
    fn block<'m>(&self, memory: &'m [u32], slot: u32) -> (&'m [u32], &'m [u32]) {
        let first = (slot / BLOCK_SLOTS) as usize * self.block_words();
        let block = memory.get(first..first + self.block_words()).unwrap_or(&[]);
        block.split_at(block.len().saturating_sub(self.tail_words))
    }

    fn block_mut<'m>(&self, memory: &'m mut [u32], slot: u32) -> (&'m mut [u32], &'m mut [u32]) {
        let first = (slot / BLOCK_SLOTS) as usize * self.block_words();
        let block = memory.get_mut(first..first + self.block_words()).unwrap_or(&mut []);
        block.split_at_mut(block.len().saturating_sub(self.tail_words))
    }

    /// Adds the grams of a contact to its signature, stores its sort key there, and returns the
    /// key.
    ///
    /// Has no effect on `memory` when that ends before `slot`.
    pub fn set(&self, memory: &mut [u32], slot: u32, contact: &Contact<'_>) -> SortKey {
        let (slices, _) = self.block_mut(memory, slot);
        let word = (slot % BLOCK_SLOTS / u32::BITS) as usize;
        let bit = 1 << (slot % u32::BITS);
        let name = grams_and_name(contact, &mut |gram| {
            self.each_probe(gram, |slice| {
                if let Some(word) = slices.get_mut(slice as usize * BLOCK_WORDS + word) {
                    *word |= bit;
                }
            });
        });
        let key = SortKey::named(&name.bytes, contact.uid());
        self.set_key(memory, slot, key);
        key
    }

    /// Returns the lower 64 bits of a slot's sort key, if they are kept and known.
    #[inline]
    pub(super) fn tail(&self, memory: &[u32], slot: u32) -> Option<NonZeroU64> {
        if self.tail_words == 0 {
            return None;
        }
        let at = (slot / BLOCK_SLOTS + 1) as usize * self.block_words() - self.tail_words
            + (slot % BLOCK_SLOTS) as usize * 2;
        let &[low, high] = memory.get(at..)?.first_chunk()?;
        NonZeroU64::new(u64::from(high) << u32::BITS | u64::from(low))
    }

    /// Returns the contacts of a block whose keys have at most these upper bits, if those are kept.
    pub(super) fn at_most(&self, memory: &[u32], block: u32, upper: u8) -> Option<BlockBits> {
        let keys = self.keys(memory, block)?;
        let (mut less, mut equal) = ([0; BLOCK_WORDS], [u32::MAX; BLOCK_WORDS]);
        for (slice, place) in keys.iter().zip((0..KEY_SLICES).rev()) {
            let is_set = upper >> place & 1 != 0;
            for ((less, equal), bits) in less.iter_mut().zip(&mut equal).zip(slice) {
                if is_set {
                    *less |= *equal & !bits;
                    *equal &= bits;
                } else {
                    *equal &= !bits;
                }
            }
        }
        less.iter_mut().zip(equal).for_each(|(less, equal)| *less |= equal);
        Some(less)
    }

    /// Returns the slices of a block that hold the upper bits of keys.
    fn keys<'m>(&self, memory: &'m [u32], block: u32) -> Option<&'m [[u32; BLOCK_WORDS]]> {
        if self.tail_words == 0 {
            return None;
        }
        let (slices, _) = self.block(memory, block * BLOCK_SLOTS);
        slices.last_chunk::<KEY_WORDS>().map(|keys| keys.as_chunks().0)
    }

    /// Empties the signature of a slot.
    pub fn clear(&self, memory: &mut [u32], slot: u32) {
        self.all(memory, slot, false);
    }

    /// Makes the signature of a slot match every query, for a contact whose words are not known.
    pub fn fill(&self, memory: &mut [u32], slot: u32, key: SortKey) {
        self.all(memory, slot, true);
        self.set_key(memory, slot, key);
    }

    /// Stores the lower bits of a slot's key, and its upper bits in the last slices of the block.
    fn set_key(&self, memory: &mut [u32], slot: u32, key: SortKey) {
        let (slices, tails) = self.block_mut(memory, slot);
        let (Some(tail), Some(keys)) =
            (tail_mut(tails, slot), slices.last_chunk_mut::<KEY_WORDS>())
        else {
            return;
        };
        let key = key.all();
        *tail = [key as u32, (key >> u32::BITS) as u32];
        let word = (slot % BLOCK_SLOTS / u32::BITS) as usize;
        let bit = 1 << (slot % u32::BITS);
        for (slice, place) in keys.chunks_exact_mut(BLOCK_WORDS).zip(1..) {
            if let Some(word) = slice.get_mut(word) {
                let is_set = key >> (u128::BITS - place) & 1 != 0;
                *word = if is_set { *word | bit } else { *word & !bit };
            }
        }
    }

    fn all(&self, memory: &mut [u32], slot: u32, is_set: bool) {
        let word = (slot % BLOCK_SLOTS / u32::BITS) as usize;
        let bit = 1 << (slot % u32::BITS);
        let (slices, tails) = self.block_mut(memory, slot);
        for slice in slices.chunks_exact_mut(BLOCK_WORDS) {
            if let Some(word) = slice.get_mut(word) {
                *word = if is_set { *word | bit } else { *word & !bit };
            }
        }
        if let Some(tail) = tail_mut(tails, slot) {
            *tail = [0; 2];
        }
    }

    /// Returns the slices that contacts with all these grams have set.
    pub fn probes(&self, grams: &[u32]) -> Probes {
        let mut probes = Probes::default();
        for &gram in grams {
            self.each_probe(gram, |slice| {
                let slice = slice as u16;
                if !probes.0.contains(&slice) {
                    probes.0.push(slice).ok();
                }
            });
        }
        probes
    }

    /// Returns the contacts of a block that may have all grams of `probes`; none when `memory` ends
    /// before it.
    pub fn candidates(&self, memory: &[u32], block: u32, probes: &Probes) -> BlockBits {
        let (words, _) = self.block(memory, block * BLOCK_SLOTS);
        if words.is_empty() {
            return [0; BLOCK_WORDS];
        }
        let mut all = [u32::MAX; BLOCK_WORDS];
        for &slice in &probes.0 {
            let first = usize::from(slice) * BLOCK_WORDS;
            let slice = words.get(first..first + BLOCK_WORDS).unwrap_or(&[]);
            let mut any = 0;
            for (bits, word) in all.iter_mut().zip(slice) {
                *bits &= word;
                any |= *bits;
            }
            if any == 0 {
                break;
            }
        }
        all
    }
}

/// Returns the lower bits of a slot's key among those of its block.
fn tail_mut(tails: &mut [u32], slot: u32) -> Option<&mut [u32; 2]> {
    tails.get_mut((slot % BLOCK_SLOTS) as usize * 2..)?.first_chunk_mut()
}
