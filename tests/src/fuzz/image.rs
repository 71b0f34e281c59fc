//! Images of chips for the fuzzer: noise, real boxes, and real boxes with damage or forged
//! checksums.
use super::Input;
use crate::world::ops::script;
use crate::world::{self, Chip};
use contactbox_core::store::page::{
    ChecksumSeed, ENTRY_HEADER_BYTES, EntryHeader, FIRST_ENTRY_AT, HeaderFound, PAGE_HEADER_BYTES,
    PageHeader, entry_bytes,
};
use std::sync::LazyLock;

/// Bytes of a word of these chips.
pub const WORD: usize = 4;
/// Bytes of a page of these chips.
pub const PAGE: usize = 512;
/// Pages of these chips.
pub const PAGES: usize = 28;

/// Boxes with histories of different lengths: short ones, and ones whose pages were reclaimed many
/// times.
static REAL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    [(1, 4), (2, 40), (3, 90), (4, 260), (5, 500)]
        .into_iter()
        .map(|(seed, ops)| {
            let mut book = world::format::<WORD, PAGE>(Chip::strict(PAGES));
            for op in script(seed, ops) {
                // An operation that does not fit is left out.
                let _ = world::apply(&mut book, op, 0);
            }
            book.into_flash().contents().to_vec()
        })
        .collect()
});

/// An image made from the input.
pub struct Image {
    /// The bytes of the chip.
    pub bytes: Vec<u8>,
    /// True if entries were made by somebody who knows the box's salt.
    pub is_forged: bool,
}

/// Takes an image from the beginning of the input.
pub fn image(input: &mut Input<'_>) -> Image {
    let choice = input.byte();
    let mut image = Image { bytes: vec![0xFF; PAGES * PAGE], is_forged: false };
    if choice >= 0xF0 {
        noise(input, &mut image.bytes, choice & 1 != 0);
    } else {
        let real = &*REAL;
        image.bytes.copy_from_slice(&real[usize::from(choice) % real.len()]);
    }
    for _ in 0..input.byte() % 24 {
        tamper(input, &mut image);
    }
    image
}

/// Fills the pages with bytes of the input over and over, with or without valid headers.
fn noise(input: &mut Input<'_>, bytes: &mut [u8], with_headers: bool) {
    let pattern = input.take(256);
    if pattern.is_empty() {
        return;
    }
    for (byte, from) in bytes.iter_mut().zip(pattern.iter().cycle()) {
        *byte = *from;
    }
    if with_headers {
        for (number, page) in (1..).zip(bytes.chunks_exact_mut(PAGE)) {
            let header = PageHeader { order: number, erases: 1, salt: 7 };
            let base = (number - 1) * PAGE as u32;
            page[..PAGE_HEADER_BYTES].copy_from_slice(&header.encode(base));
        }
    }
}

fn tamper(input: &mut Input<'_>, image: &mut Image) {
    let (what, page, at) = (input.byte(), usize::from(input.byte()) % PAGES, input.half());
    let at = usize::from(at) % PAGE;
    let base = page * PAGE;
    let bytes = &mut image.bytes;
    match what % 12 {
        0 => bytes[base + at] ^= 1 << (what / 12 % 8),
        1 => bytes[base + at] = input.byte(),
        2 => {
            let fill = [0x00, 0xFF, 0x55][usize::from(what / 12 % 3)];
            let end = at + usize::from(input.byte()) + 1;
            bytes[base + at..base + end.min(PAGE)].fill(fill);
        }
        3 => {
            let with = input.take(usize::from(what / 12));
            let end = (base + at + with.len()).min(bytes.len());
            bytes[base + at..end].copy_from_slice(&with[..end - base - at]);
        }
        4 => bytes[base..base + PAGE].fill(0xFF),
        5 => {
            let from = at % PAGES * PAGE;
            bytes.copy_within(from..from + PAGE, base);
        }
        6 => {
            let from = usize::from(input.byte()) * 2 % PAGE;
            let length = usize::from(what) % (PAGE - at.max(from));
            bytes.copy_within(base + from..base + from + length, base + at);
        }
        7 => {
            // The chip from this page on, in the state of another box.
            let other = &REAL[usize::from(what / 12) % REAL.len()];
            bytes[base..].copy_from_slice(&other[base..]);
        }
        _ => {
            image.is_forged = true;
            forge(input, &mut bytes[base..base + PAGE], base as u32, what, at);
        }
    }
}

/// Changes an entry of a page, or its header, and corrects the checksums.
fn forge(input: &mut Input<'_>, page: &mut [u8], base: u32, what: u8, at: usize) {
    let Some(head) = page.first_chunk::<PAGE_HEADER_BYTES>() else { return };
    let HeaderFound::Valid(mut header, _) = PageHeader::decode(head, base) else { return };
    let mut frame = ChecksumSeed { salt: header.salt, order: header.order, base };
    let mut entries = entries(page, &frame);
    match what % 12 {
        // Another order: everything in the page is sealed anew.
        8 => {
            header.order = input.word();
            header.erases = input.word();
            frame.order = header.order;
            page[..PAGE_HEADER_BYTES].copy_from_slice(&header.encode(base));
        }
        // Other bytes of a payload.
        9 | 10 if !entries.is_empty() => {
            let (start, header) = entries[at % entries.len()];
            let place = usize::from(input.byte()) % usize::from(header.len).max(1);
            let with = input.take(usize::from(what / 12 % 11) + 1);
            let payload = start + ENTRY_HEADER_BYTES;
            let end = payload + usize::from(header.len);
            for (to, from) in page[payload..end].iter_mut().skip(place).zip(with) {
                *to = *from;
            }
        }
        // Another kind, number or hint; or one more entry behind the last.
        _ => {
            let last = entries.len().saturating_sub(1);
            let end = entries
                .last()
                .map_or(FIRST_ENTRY_AT, |(at, it)| at + entry_bytes(it.len.into(), WORD));
            let new = EntryHeader {
                len: u16::from(input.byte()),
                tag: input.byte(),
                seq: entries.get(last).map_or(0, |(_, it)| it.seq.wrapping_add(1)),
                hint: input.half(),
                crc: 0,
            };
            if what >= 128
                && let Some((start, header)) = entries.get_mut(at % (last + 1))
            {
                *header = EntryHeader { len: header.len, seq: header.seq, ..new };
                page[*start + 2] = new.tag;
            } else if end + entry_bytes(new.len.into(), WORD) <= PAGE {
                let payload = end + ENTRY_HEADER_BYTES;
                let room = &mut page[payload..payload + usize::from(new.len)];
                let with = input.take(room.len());
                room[..with.len()].copy_from_slice(with);
                entries.push((end, new));
            }
        }
    }
    for (at, entry) in entries {
        let end = at + ENTRY_HEADER_BYTES + usize::from(entry.len);
        frame.seal(at, &mut page[at..end], entry.tag, entry.seq, entry.hint);
    }
}

/// Returns the entries from the start of a page to the first invalid one.
fn entries(page: &[u8], frame: &ChecksumSeed) -> Vec<(usize, EntryHeader)> {
    let mut entries = Vec::new();
    let mut at = FIRST_ENTRY_AT;
    while let Some(header) = frame.verified(page, at, PAGE) {
        entries.push((at, header));
        at += entry_bytes(header.len.into(), WORD);
    }
    entries
}
