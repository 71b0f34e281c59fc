//! Writes the fold table that `text` reads:
//! `cargo run -p contactbox-core --example fold-table > core/src/text/fold.bin`
//!
//! Layout, all numbers little-endian: u16 count of ranges, u16 count of targets; then each range as
//! a u64 (first character in bits 43.., length in 32..43, way in 29..32, number in 0..29); then the
//! targets as u16; then the pool, each text preceded by its length in a byte.

#[path = "../src/text/folding.rs"]
mod folding;

use folding::folded;
use std::io::Write;

/// Shorter runs cost less in a list.
const RUN_MIN: u32 = 5;
/// A list goes on over this many characters that stay as they are.
const GAP_MAX: u32 = 3;
const LENGTH_MAX: u32 = 2047;

const DROP: u64 = 0;
const ALL_TO_ONE: u64 = 1;
const SHIFT: u64 = 2;
const PAIRS: u64 = 3;
const LIST: u64 = 4;

const DROPPED: u16 = 0;
const UNCHANGED: u16 = 1;
/// Targets from here to the end of the private use area point into the pool.
const POOL: u32 = 0xD800;
const POOL_END: u32 = 0xF900;

/// Returns the replacement of a character; `None` for one that stays. Hangul syllables are taken
/// apart by arithmetic.
fn change(code: u32) -> Option<String> {
    let c = char::from_u32(code).filter(|c| !c.is_ascii() && !('가'..='힣').contains(c))?;
    let to = folded(c);
    (to != c.to_string()).then_some(to)
}

fn single(code: u32) -> Option<u32> {
    let to = change(code)?;
    let mut chars = to.chars();
    let first = chars.next()?;
    chars.next().is_none().then_some(u32::from(first))
}

fn length(is_in: impl Fn(u32) -> bool) -> u32 {
    (0..LENGTH_MAX).take_while(|&offset| is_in(offset)).count() as u32
}

/// The longest run of one way that begins at a character.
fn run(code: u32) -> Option<(u64, u32, u64)> {
    let to = single(code);
    let shift = to.map_or(0, |to| to.wrapping_sub(code));
    let drops = length(|offset| change(code + offset).is_some_and(|to| to.is_empty()));
    let same = length(|offset| to.is_some() && single(code + offset) == to);
    let shifts = length(|offset| {
        to.is_some() && single(code + offset) == Some((code + offset).wrapping_add(shift))
    });
    let pairs = length(|offset| match offset % 2 {
        0 => {
            single(code + offset) == Some(code + offset + 1) && change(code + offset + 1).is_none()
        }
        _ => change(code + offset).is_none(),
    }) & !1;
    let ways = [
        (DROP, drops, 0),
        (ALL_TO_ONE, same, u64::from(to.unwrap_or(0))),
        (SHIFT, shifts, u64::from(shift & 0x1FFF_FFFF)),
        (PAIRS, pairs, 0),
    ];
    ways.into_iter().filter(|way| way.1 >= RUN_MIN).max_by_key(|way| way.1)
}

fn main() {
    let mut ranges = Vec::new();
    let mut targets: Vec<u16> = Vec::new();
    let mut pool: Vec<u8> = Vec::new();
    let mut code = 0x80;
    while code < 0x11_0000 {
        if change(code).is_none() {
            code += 1;
        } else if let Some((way, length, number)) = run(code) {
            ranges.push(u64::from(code) << 43 | u64::from(length) << 32 | way << 29 | number);
            code += length;
        } else {
            let (first, index) = (code, targets.len());
            while run(code).is_none() && code - first < LENGTH_MAX {
                let Some(gap) = (0..=GAP_MAX).find(|gap| change(code + gap).is_some()) else {
                    break;
                };
                if (0..=gap).any(|gap| run(code + gap).is_some()) {
                    break;
                }
                targets.extend((0..gap).map(|_| UNCHANGED));
                code += gap;
                let text = change(code).expect("the gap ends at a change");
                let bmp = single(code).and_then(|to| u16::try_from(to).ok());
                targets.push(match bmp {
                    Some(to) => to,
                    None if text.is_empty() => DROPPED,
                    None => {
                        let mut entry = vec![u8::try_from(text.len()).expect("a short text")];
                        entry.extend(text.as_bytes());
                        let at = pool.windows(entry.len()).position(|known| known == entry);
                        let at = at.unwrap_or_else(|| {
                            pool.extend(&entry);
                            pool.len() - entry.len()
                        });
                        let target = POOL + at as u32;
                        assert!(target < POOL_END, "the pool is full");
                        target as u16
                    }
                });
                code += 1;
            }
            let length = u64::from(code - first);
            ranges.push(u64::from(first) << 43 | length << 32 | LIST << 29 | index as u64);
        }
    }
    let mut out = Vec::new();
    out.extend((ranges.len() as u16).to_le_bytes());
    out.extend((targets.len() as u16).to_le_bytes());
    out.extend(ranges.iter().flat_map(|range| range.to_le_bytes()));
    out.extend(targets.iter().flat_map(|target| target.to_le_bytes()));
    out.extend(&pool);
    eprintln!("{} ranges, {} targets, {} bytes", ranges.len(), targets.len(), out.len());
    std::io::stdout().write_all(&out).expect("the standard output takes the table");
}
