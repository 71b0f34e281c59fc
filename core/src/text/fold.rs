//! Folding: letter case, accents and spellings that a person typing a name does not think of.
//!
//! Compatibility decomposition (NFKD), marks dropped, lower case, ß as ss, ł as l and so on,
//! katakana as hiragana, every decimal digit as 0-9. The table is made from Unicode's by the
//! example `fold-table`, which also documents its layout; a test checks it for every character.

use super::escape::plain;

const TABLE: &[u8] = include_bytes!("fold.bin");
const HEAD_BYTES: usize = 4;
const RANGE_BYTES: usize = 8;

const DROP: u64 = 0;
const ALL_TO_ONE: u64 = 1;
const SHIFT: u64 = 2;
const PAIRS: u64 = 3;

const DROPPED: u16 = 0;
const UNCHANGED: u16 = 1;
const POOL_TARGETS: core::ops::RangeInclusive<u16> = 0xD800..=0xF8FF;

fn u16_at(at: usize) -> u16 {
    match TABLE.get(at..at + 2) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    }
}

fn range_at(index: usize) -> u64 {
    let at = HEAD_BYTES + index * RANGE_BYTES;
    match TABLE.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => u64::MAX,
    }
}

/// Characters looked up by parts of so many, up to the last letters of Japanese
/// and Chinese phonetics.
const PART_BITS: u32 = 7;
const PARTS: usize = 0x3200 >> PART_BITS;

/// For each part, how many ranges begin before it: few are left to search among.
static RANGES_BEFORE: [u16; PARTS + 1] = {
    let mut before = [0; PARTS + 1];
    let ranges = u16::from_le_bytes([TABLE[0], TABLE[1]]);
    let mut range = 0;
    let mut part = 0;
    while part <= PARTS {
        while range < ranges && const_start(range as usize) < part << PART_BITS {
            range += 1;
        }
        before[part] = range;
        part += 1;
    }
    before
};

/// Returns the start of a range: its upper 21 bits.
const fn const_start(index: usize) -> usize {
    let at = HEAD_BYTES + index * RANGE_BYTES + 5;
    (TABLE[at] as usize | (TABLE[at + 1] as usize) << 8 | (TABLE[at + 2] as usize) << 16) >> 3
}

/// The folded form of a character outside ASCII.
enum Folded {
    Nothing,
    One(char),
    Text(&'static str),
    /// The three jamo of a Hangul syllable; the last may be absent.
    Syllable([char; 2], Option<char>),
}

fn lookup(c: char) -> Folded {
    let code = u32::from(c);
    let one = |code: u32| Folded::One(char::from_u32(code).unwrap_or(c));
    if let Some(index) = code.checked_sub(0xAC00).filter(|&index| index < 11_172) {
        let jamo = |first: u32, index: u32| char::from_u32(first + index).unwrap_or(c);
        let last = (index % 28 != 0).then(|| jamo(0x11A7, index % 28));
        return Folded::Syllable([jamo(0x1100, index / 588), jamo(0x1161, index % 588 / 28)], last);
    }
    let ranges = usize::from(u16_at(0));
    // The last range that begins at or before the character.
    let part = (code >> PART_BITS) as usize;
    let (mut low, mut high) = match RANGES_BEFORE.get(part..part + 2) {
        Some(&[before, behind]) => (usize::from(before), usize::from(behind)),
        _ => (usize::from(RANGES_BEFORE[PARTS]), ranges),
    };
    while low < high {
        let middle = low.midpoint(high);
        if (range_at(middle) >> 43) as u32 <= code { low = middle + 1 } else { high = middle }
    }
    let Some(index) = low.checked_sub(1) else { return Folded::One(c) };
    let range = range_at(index);
    let offset = code - (range >> 43) as u32;
    if offset >= (range >> 32 & 0x7FF) as u32 {
        return Folded::One(c);
    }
    let number = (range & 0x1FFF_FFFF) as u32;
    match range >> 29 & 0b111 {
        DROP => Folded::Nothing,
        ALL_TO_ONE => one(number),
        // A shift is kept in 29 bits, two's complement.
        SHIFT => one(code.wrapping_add_signed((number << 3) as i32 >> 3)),
        PAIRS => one(code + (offset + 1) % 2),
        _ => {
            let targets = HEAD_BYTES + ranges * RANGE_BYTES;
            match u16_at(targets + 2 * (number + offset) as usize) {
                DROPPED => Folded::Nothing,
                UNCHANGED => Folded::One(c),
                target if POOL_TARGETS.contains(&target) => {
                    let pool = targets + 2 * usize::from(u16_at(2));
                    pooled(pool + usize::from(target - POOL_TARGETS.start()))
                }
                target => one(u32::from(target)),
            }
        }
    }
}

fn pooled(at: usize) -> Folded {
    let text = TABLE.get(at..).and_then(|rest| {
        let (len, rest) = rest.split_first()?;
        core::str::from_utf8(rest.get(..usize::from(*len))?).ok()
    });
    text.map_or(Folded::Nothing, Folded::Text)
}

/// Calls `emit` with each character that `c` folds to.
pub fn fold_char(c: char, mut emit: impl FnMut(char)) {
    if c.is_ascii() {
        if !matches!(c, '\'' | '`') {
            emit(c.to_ascii_lowercase());
        }
        return;
    }
    match lookup(c) {
        Folded::Nothing => {}
        Folded::One(c) => emit(c),
        Folded::Text(text) => text.chars().for_each(emit),
        Folded::Syllable(two, last) => two.into_iter().chain(last).for_each(emit),
    }
}

/// Calls `emit` with each folded character of a vCard text, its escapes (`\,` `\;` `\\` `\n`)
/// undone.
pub fn fold(text: &str, mut emit: impl FnMut(char)) {
    plain(text).for_each(|c| fold_char(c, &mut emit));
}

#[cfg(test)]
#[path = "folding.rs"]
mod folding;

#[cfg(test)]
mod tests {
    use super::folding::folded;
    use std::string::String;

    fn fold(text: &str) -> String {
        let mut out = String::new();
        super::fold(text, |c| out.push(c));
        out
    }

    #[test]
    fn the_table_is_unicodes_for_every_character() {
        for c in ('\0'..=char::MAX).filter(|&c| c != '\\') {
            let mut text = [0; 4];
            assert_eq!(fold(c.encode_utf8(&mut text)), folded(c), "{c:?}");
        }
    }

    #[test]
    fn folding_is_what_people_type() {
        for (written, typed) in [
            ("Müller", "muller"),
            ("STRAẞE straße", "strasse strasse"),
            ("Łódź Øresund", "lodz oresund"),
            ("O\u{2019}Brien O'Brien", "obrien obrien"),
            ("ＡＢＣ１２３", "abc123"),
            ("Ærø Œuvre Þór Đoković", "aero oeuvre thor dokovic"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσευσ"),
            ("Йосиф Ёлкин", "иосиф елкин"),
            ("İstanbul ısı", "istanbul isi"),
            ("タナカ ﾀﾅｶ", "たなか たなか"),
            ("٠١٧١", "0171"),
            (r"one\,two\;three\\four\nfive", "one,two;three\\four\nfive"),
        ] {
            assert_eq!(fold(written), typed, "{written}");
        }
    }

    #[test]
    fn composed_and_decomposed_are_one() {
        let both = ["한국", "\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}"];
        assert_eq!(fold(both[0]), fold(both[1]));
        assert_eq!(fold("é"), fold("e\u{301}"));
    }
}
