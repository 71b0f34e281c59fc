//! Lines held back while it is not clear what they are, one behind the other in
//! one piece of memory.

use super::line::{Marker, split};
use super::lines::Position;
use crate::text::SliceWriter;
use core::ops::Range;

/// Bytes before each held line: its length, the number of its first line, its offset in the input.
pub(super) const HEAD_BYTES: usize = 16;

/// Returns the bytes that stand before a line of `len` bytes.
pub(super) fn head(len: usize, at: Position) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&(len as u32).to_le_bytes());
    head[4..8].copy_from_slice(&at.line.to_le_bytes());
    head[8..].copy_from_slice(&at.offset.to_le_bytes());
    head
}

/// A held line: where it was in the input and where it is in the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub at: Position,
    pub range: Range<usize>,
}

/// The held line that starts at `from`, 0 for the first; the next starts where its range ends.
pub(super) fn get(held: &[u8], from: usize) -> Option<Held> {
    let (head, rest) = held.get(from..)?.split_first_chunk::<HEAD_BYTES>()?;
    let [len, line, ..] = head.as_chunks::<4>().0 else {
        return None;
    };
    let len = u32::from_le_bytes(*len) as usize;
    let start = from + HEAD_BYTES;
    (len <= rest.len()).then_some(Held {
        at: Position {
            line: u32::from_le_bytes(*line),
            offset: u64::from_le_bytes(*head.last_chunk()?),
        },
        range: start..start + len,
    })
}

/// Writes the held card that starts at `from` as one `AGENT` line, as 3.0 writes it, into `out`.
/// Returns where the next card starts and how long the line is; `None` when it does not fit.
pub(super) fn compose_agent(held: &[u8], from: usize, out: &mut [u8]) -> Option<(usize, usize)> {
    let mut out = SliceWriter::new(out);
    let mut from = from;
    let mut depth = 0u32;
    let mut is_first = true;
    while let Some(Held { range, .. }) = get(held, from) {
        from = range.end;
        let line = &held[range];
        let marker = Marker::of(line);
        if core::mem::take(&mut is_first) {
            match (marker, split(line)) {
                (None, Some(parts)) => {
                    out.push(&line[..parts.value_at]).ok()?;
                    continue;
                }
                _ => out.push(b"AGENT:").ok()?,
            }
        }
        for piece in line.split_inclusive(|byte| b"\\,;\n".contains(byte)) {
            let (plain, special) = match piece.split_last() {
                Some((b'\n', plain)) => (plain, &b"\\n"[..]),
                Some((b'\\', plain)) => (plain, &b"\\\\"[..]),
                Some((b',', plain)) => (plain, &b"\\,"[..]),
                Some((b';', plain)) => (plain, &b"\\;"[..]),
                _ => (piece, &b""[..]),
            };
            out.push(plain).ok()?;
            out.push(special).ok()?;
        }
        out.push(b"\\n").ok()?;
        match marker {
            Some(Marker::Begin) => depth += 1,
            Some(Marker::End) => depth = depth.saturating_sub(1),
            None => {}
        }
        if depth == 0 {
            break;
        }
    }
    Some((from, out.len()))
}
