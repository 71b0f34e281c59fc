//! The rule behind the fold table: what each character becomes. For the generator
//! and its test only.
//!
//! Included by both as a file, because neither a test nor an example can see into the other.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// The zeros of the decimal digits outside ASCII that have no compatibility
/// decomposition (Unicode, Nd).
const ZEROS: &[u32] = &[
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6,
    0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0,
    0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650,
    0x116C0, 0x116D0, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11DE0,
    0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950,
];

/// Characters that print nothing: joiners, direction marks, fillers, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(
        u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F
            | 0xFEFF | 0xFFA0 | 0xE0000..=0xE0FFF
    )
}

/// Apostrophes in names ("O'Brien"), which people leave out when they type.
fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '\u{B4}' | '\u{2018}' | '\u{2019}' | '\u{2BC}' | '\u{2BB}' | '\u{2032}'
    )
}

fn once(text: &str) -> String {
    let mut out = String::new();
    for c in text.nfkd() {
        // Every mark that combines by the standard, the accents among them.
        if canonical_combining_class(c) != 0 || is_invisible(c) || is_apostrophe(c) {
            continue;
        }
        for c in c.to_lowercase() {
            let code = u32::from(c);
            match c {
                // Letters with a stroke or of their own that Unicode does not take apart.
                'ß' => out.push_str("ss"),
                'æ' => out.push_str("ae"),
                'œ' => out.push_str("oe"),
                'þ' => out.push_str("th"),
                'ł' => out.push('l'),
                'ø' => out.push('o'),
                'ı' => out.push('i'),
                'đ' | 'ð' => out.push('d'),
                'ħ' => out.push('h'),
                'ŧ' => out.push('t'),
                'ς' => out.push('σ'),
                // Katakana as hiragana: names are written in the one and typed in the other.
                '\u{30A1}'..='\u{30F6}' => out.extend(char::from_u32(code - 0x60)),
                _ => match ZEROS.iter().find(|&&zero| (zero..zero + 10).contains(&code)) {
                    Some(zero) => out.extend(char::from_digit(code - zero, 10)),
                    None => out.push(c),
                },
            }
        }
    }
    out
}

/// Returns the folded form of a character; folding it again changes nothing.
pub fn folded(c: char) -> String {
    let mut text = once(c.encode_utf8(&mut [0; 4]));
    loop {
        let next = once(&text);
        if next == text {
            return text;
        }
        text = next;
    }
}
