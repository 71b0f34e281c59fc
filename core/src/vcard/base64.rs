//! Base64 (RFC 4648), decoded in place and encoded piece by piece.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BLANK: u8 = 0xFE;
const PAD: u8 = 0xFD;
const INVALID: u8 = 0xFF;

/// The value of each byte, or what it is instead.
static VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [INVALID; 256];
    let mut at = 0;
    while at < ALPHABET.len() {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values[b'=' as usize] = PAD;
    values[b' ' as usize] = BLANK;
    values[b'\t' as usize] = BLANK;
    values[b'\n' as usize] = BLANK;
    values[b'\r' as usize] = BLANK;
    values
}

/// Returns whether a line could be a piece of base64.
pub(super) fn is_piece(line: &[u8]) -> bool {
    line.iter().all(|&byte| VALUES[usize::from(byte)] != INVALID)
}

/// Returns whether a value is base64 from end to end: whole groups, at most two `=`, and those
/// last. Blanks do not count, and missing `=` are forgiven, as readers everywhere do.
pub(super) fn is_valid(text: &[u8]) -> bool {
    let mut digits = 0usize;
    let mut pads = 0usize;
    for &byte in text {
        match VALUES[usize::from(byte)] {
            BLANK => {}
            PAD => pads += 1,
            INVALID => return false,
            _ if pads > 0 => return false,
            _ => digits += 1,
        }
    }
    digits % 4 != 1 && pads <= 2 && (pads == 0 || (digits + pads).is_multiple_of(4))
}

/// Decodes a value that [`is_valid`] over itself; returns the number of bytes.
pub(super) fn decode_in_place(text: &mut [u8]) -> usize {
    let mut written = 0;
    let mut group = 0u32;
    let mut digits = 0;
    for at in 0..text.len() {
        let value = VALUES[usize::from(text[at])];
        if value >= 64 {
            continue;
        }
        group = group << 6 | u32::from(value);
        digits += 1;
        if digits == 4 {
            let [_, a, b, c] = group.to_be_bytes();
            // Four digits were read for every three bytes written, so this is behind `at`.
            text[written] = a;
            text[written + 1] = b;
            text[written + 2] = c;
            written += 3;
            (group, digits) = (0, 0);
        }
    }
    let [_, a, b, _] = (group << (6 * (4 - digits) % 24)).to_be_bytes();
    if digits >= 2 {
        text[written] = a;
        written += 1;
    }
    if digits == 3 {
        text[written] = b;
        written += 1;
    }
    written
}

/// Four characters for up to three bytes; the end of a value is padded.
pub(super) fn encode(bytes: &[u8]) -> [u8; 4] {
    let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
    let group = byte(0) << 16 | byte(1) << 8 | byte(2);
    core::array::from_fn(|at| {
        if at > bytes.len() {
            return b'=';
        }
        ALPHABET[(group >> (18 - 6 * at)) as usize & 63]
    })
}
