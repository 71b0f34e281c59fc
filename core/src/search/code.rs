//! Codes sort keys: names and identities become numbers of the same order, in few bits.
//!
//! This is an arithmetic code (Rissanen, 1976) whose symbols have the order of the characters they
//! stand for. Each symbol narrows the interval that holds the number, a frequent one by less. The
//! script of the letter before decides which symbols are frequent, so that a letter of a Cyrillic
//! name costs about five bits, as one of a Latin name does. The upper bits of such a number are
//! themselves a number of the same order.

use crate::contact::Uid;

/// The most that the weights of all symbols in one place add up to.
const TOTAL: u32 = 1 << 12;

/// The width below which the interval is scaled up, while there are bits left.
const WIDTH_MIN: u64 = 1 << 24;

/// Bits of a number; the lowest bit of a key is not among them.
const BITS: u32 = u128::BITS - 1;

/// The interval that the number lies in, narrowed by each symbol.
#[derive(Clone, Copy)]
struct Interval {
    low: u128,
    /// The width in units of `1 << shift`.
    width: u64,
    shift: u32,
    /// True when no bits are left. Later symbols then have no effect.
    is_spent: bool,
}

impl Interval {
    const ALL: Self = Self { low: 0, width: 1 << 32, shift: BITS - 32, is_spent: false };

    /// Narrows to the part from `from` to `from + width` of `total` equal parts.
    fn narrow(&mut self, from: u32, width: u32, total: u32) {
        let unit = self.width / u64::from(total);
        self.is_spent |= unit == 0;
        if self.is_spent {
            return;
        }
        self.low += u128::from(unit * u64::from(from)) << self.shift;
        self.width = unit * u64::from(width);
        while self.width <= WIDTH_MIN && self.shift >= 8 {
            self.width <<= 8;
            self.shift -= 8;
        }
    }

    /// Narrows to one of `count` equal parts. `count` may be large.
    fn pick(&mut self, index: u32, count: u32) {
        if count <= TOTAL {
            self.narrow(index, 1, count);
        } else {
            self.narrow(index >> 10, 1, (count >> 10) + 1);
            self.narrow(index & 1023, 1, 1024);
        }
    }
}

/// A range of characters that are about equally frequent. It ends where the next range begins.
struct Range {
    first: u32,
    script: u8,
    /// The weight of the range behind a letter of the same script.
    home: u16,
    /// True if names often begin with one of these.
    is_common: bool,
}

const START: u8 = 0;
const LATIN: u8 = 1;
const GREEK: u8 = 2;
const CYRILLIC: u8 = 3;
const ARMENIAN: u8 = 4;
const HEBREW: u8 = 5;
const ARABIC: u8 = 6;
const DEVANAGARI: u8 = 7;
const BENGALI: u8 = 8;
const GURMUKHI: u8 = 9;
const GUJARATI: u8 = 10;
const ORIYA: u8 = 11;
const TAMIL: u8 = 12;
const TELUGU: u8 = 13;
const KANNADA: u8 = 14;
const MALAYALAM: u8 = 15;
const SINHALA: u8 = 16;
const THAI: u8 = 17;
const LAO: u8 = 18;
const TIBETAN: u8 = 19;
const MYANMAR: u8 = 20;
const GEORGIAN: u8 = 21;
const HANGUL: u8 = 22;
const ETHIOPIC: u8 = 23;
const KHMER: u8 = 24;
const HAN: u8 = 25;
const OTHER: u8 = 26;
const SCRIPTS: u8 = 27;

const fn common(first: u32, script: u8, home: u16) -> Range {
    Range { first, script, home, is_common: true }
}

const fn rare(first: u32, script: u8, home: u16) -> Range {
    Range { first, script, home, is_common: false }
}

/// The ranges of all characters behind `z`. Folding has removed capitals and most marks.
const RANGES: [Range; 49] = [
    rare(0x7B, LATIN, 24),
    rare(0x370, GREEK, 8),
    common(0x3B1, GREEK, 3000),
    rare(0x3CA, CYRILLIC, 4),
    common(0x430, CYRILLIC, 2850),
    // Ukrainian, Belarusian and Serbian letters.
    rare(0x450, CYRILLIC, 200),
    rare(0x460, CYRILLIC, 40),
    common(0x561, ARMENIAN, 3000),
    rare(0x588, HEBREW, 4),
    common(0x5D0, HEBREW, 3000),
    rare(0x5EB, ARABIC, 4),
    common(0x621, ARABIC, 2600),
    // Persian and Urdu letters.
    rare(0x64B, ARABIC, 500),
    rare(0x6D6, OTHER, 500),
    common(0x900, DEVANAGARI, 3000),
    common(0x980, BENGALI, 3000),
    common(0xA00, GURMUKHI, 3000),
    common(0xA80, GUJARATI, 3000),
    rare(0xB00, ORIYA, 3000),
    common(0xB80, TAMIL, 3000),
    common(0xC00, TELUGU, 3000),
    common(0xC80, KANNADA, 3000),
    common(0xD00, MALAYALAM, 3000),
    common(0xD80, SINHALA, 3000),
    common(0xE00, THAI, 3000),
    rare(0xE80, LAO, 3000),
    rare(0xF00, TIBETAN, 3000),
    common(0x1000, MYANMAR, 3000),
    rare(0x10A0, GEORGIAN, 4),
    common(0x10D0, GEORGIAN, 3000),
    // Leading consonants, vowels and trailing consonants: folding splits syllables into these.
    common(0x1100, HANGUL, 1200),
    rare(0x1113, HANGUL, 4),
    rare(0x1161, HANGUL, 1200),
    rare(0x1176, HANGUL, 4),
    rare(0x11A8, HANGUL, 700),
    rare(0x11C3, HANGUL, 4),
    common(0x1200, ETHIOPIC, 3000),
    rare(0x1380, OTHER, 500),
    common(0x1780, KHMER, 3000),
    rare(0x1800, OTHER, 500),
    rare(0x3000, HAN, 4),
    // Hiragana, which katakana is folded to, and the long vowel mark.
    common(0x3041, HAN, 800),
    rare(0x3097, HAN, 40),
    rare(0x3100, HAN, 4),
    common(0x4E00, HAN, 2200),
    rare(0xA000, OTHER, 500),
    rare(0x10000, OTHER, 500),
    rare(0x20000, HAN, 8),
    rare(0x30000, OTHER, 4),
];

const END_OF_CHARACTERS: u32 = 0x11_0000;

/// The weights of the letters a to z, after their frequency in names of many countries.
const LETTERS: [u16; 26] = [
    340, 75, 90, 120, 320, 55, 80, 120, 250, 40, 80, 190, 110, 260, 190, 55, 8, 230, 180, 150, 110,
    50, 45, 12, 60, 50,
];

/// The weights of all symbols other than letters.
struct PlainWeights {
    end: u32,
    space: u32,
    /// The weight of each digit.
    digit: u32,
    /// The number of bits by which the weights of Latin letters are shifted down; 0 inside a Latin
    /// word.
    letters_shift: u32,
}

const fn plain(script: u8) -> PlainWeights {
    match script {
        START => PlainWeights { end: 1, space: 1, digit: 14, letters_shift: 1 },
        LATIN => PlainWeights { end: 210, space: 230, digit: 8, letters_shift: 0 },
        // Names in Han script are short and have no spaces between their letters.
        HAN => PlainWeights { end: 640, space: 16, digit: 4, letters_shift: 6 },
        _ => PlainWeights { end: 256, space: 256, digit: 4, letters_shift: 6 },
    }
}

const fn letter(index: usize, shift: u32) -> u32 {
    (LETTERS[index] as u32 >> shift) + 4
}

const fn weight(range: &Range, script: u8) -> u32 {
    match (script, range.is_common) {
        (START, true) => 64,
        (START, false) => 2,
        _ if range.script == script => range.home as u32,
        (_, true) => 4,
        (_, false) => 1,
    }
}

/// The weight of the symbol for "no name", which comes behind all names and can only be the first.
const NO_NAME: u32 = 64;

const fn weights(script: u8) -> u32 {
    let PlainWeights { end, space, digit, letters_shift } = plain(script);
    let mut sum = end + space + 10 * digit + NO_NAME;
    let mut at = 0;
    while at < LETTERS.len() {
        sum += letter(at, letters_shift);
        at += 1;
    }
    at = 0;
    while at < RANGES.len() {
        sum += weight(&RANGES[at], script);
        at += 1;
    }
    sum
}

const _: () = {
    let mut script = START;
    while script < SCRIPTS {
        assert!(weights(script) <= TOTAL);
        script += 1;
    }
    let mut at = 1;
    while at < RANGES.len() {
        assert!(RANGES[at - 1].first < RANGES[at].first);
        at += 1;
    }
};

/// Sums up the weights of the Latin letters, shifted by `shift`: where each letter's part begins.
const fn beginnings(shift: u32) -> [u16; 27] {
    let mut all = [0; 27];
    let mut at = 0;
    while at < LETTERS.len() {
        all[at + 1] = all[at] + letter(at, shift) as u16;
        at += 1;
    }
    all
}

static BEGINNINGS: [[u16; 27]; 7] = [
    beginnings(0),
    beginnings(1),
    beginnings(2),
    beginnings(3),
    beginnings(4),
    beginnings(5),
    beginnings(6),
];

/// Codes a name character by character.
#[derive(Clone, Copy)]
struct Coder {
    left: Interval,
    /// The script of the letter before.
    script: u8,
}

impl Coder {
    const NEW: Self = Self { left: Interval::ALL, script: START };

    fn symbol(&mut self, from: u32, weight: u32) {
        self.left.narrow(from, weight, TOTAL);
    }

    /// Codes a character of a sort name. A character that no sort name has counts as its neighbour
    /// in order.
    fn push(&mut self, code: u32) {
        let PlainWeights { end, space, digit, letters_shift } = plain(self.script);
        let digits = end + space;
        let letters = digits + 10 * digit;
        let beginnings = BEGINNINGS.get(letters_shift as usize).unwrap_or(&[0; 27]);
        let is_latin = match code {
            ..0x30 => return self.symbol(end, space),
            0x30..0x61 => {
                self.symbol(digits + (code - 0x30).min(9) * digit, digit);
                self.script == START
            }
            0x61..=0x7A => {
                let index = (code - 0x61) as usize;
                let (Some(&from), Some(&to)) = (beginnings.get(index), beginnings.get(index + 1))
                else {
                    return;
                };
                self.symbol(letters + u32::from(from), u32::from(to - from));
                true
            }
            _ => false,
        };
        if is_latin {
            self.script = LATIN;
        }
        if code <= 0x7A {
            return;
        }
        let mut from = letters + u32::from(beginnings[26]);
        let mut ranges = RANGES.iter().peekable();
        while let Some(range) = ranges.next() {
            let next = ranges.peek().map_or(END_OF_CHARACTERS, |next| next.first);
            let weight = weight(range, self.script);
            if code < next {
                self.symbol(from, weight);
                self.left.pick(code - range.first, next - range.first);
                self.script = range.script;
                return;
            }
            from += weight;
        }
    }

    fn characters(&mut self, name: &[u8]) {
        for chunk in name.utf8_chunks() {
            chunk.valid().chars().for_each(|c| self.push(c.into()));
            if !chunk.invalid().is_empty() {
                // The name was cut inside a character. The least character with these bytes stands
                // for it.
                self.push(halved(chunk.invalid()));
                return;
            }
        }
    }
}

/// Returns the least character whose encoding begins with these bytes.
fn halved(bytes: &[u8]) -> u32 {
    let at = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0) & 0x3F);
    let lead = u32::from(bytes.first().copied().unwrap_or(0));
    match lead {
        ..0xE0 => ((lead & 0x1F) << 6).max(0x80),
        0xE0..0xF0 => ((lead & 0xF) << 12 | at(1) << 6).max(0x800),
        _ => ((lead & 7) << 18 | at(1) << 12 | at(2) << 6).clamp(0x1_0000, END_OF_CHARACTERS - 1),
    }
}

/// Returns the key of a sort name and an identity. Zeros behind the name are ignored. The lowest
/// bit of the key is 1.
pub(super) fn key(name: &[u8], uid: &Uid) -> u128 {
    let mut coder = Coder::NEW;
    if name.first() == Some(&0xFF) {
        coder.symbol(TOTAL - NO_NAME, NO_NAME);
    } else {
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        coder.characters(name.get(..end).unwrap_or(&[]));
        let PlainWeights { end, .. } = plain(coder.script);
        coder.symbol(0, end);
    }
    // Contacts of the same name are sorted by identity.
    for &byte in &uid.0 {
        if coder.left.is_spent {
            break;
        }
        coder.left.narrow(byte.into(), 1, 256);
    }
    coder.left.low << 1 | 1
}

/// The range of keys of the names that begin alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    pub(super) first: u128,
    pub(super) last: u128,
    /// True if every name with a key in the range begins so. If false, keys are too short to tell.
    pub(super) is_whole: bool,
}

/// Returns the keys of the names that begin with this one.
pub(super) fn beginning(name: &[u8]) -> Beginning {
    let mut coder = Coder::NEW;
    coder.characters(name);
    let Interval { low, width, shift, is_spent } = coder.left;
    let last = low + ((u128::from(width) << shift) - 1);
    Beginning { first: low << 1, last: last << 1 | 1, is_whole: !is_spent }
}
