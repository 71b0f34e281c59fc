//! The bytes of a file as UTF-8, where its beginning or the user says that they are something else.

use crate::charset::NamedCharset;
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::io::{self, Read};

const CHUNK_BYTES: usize = 64 * 1024;

/// Reads a file, and decodes it if it has to.
pub struct Decoded<R> {
    inner: R,
    /// The charset named on the command line. A mark at the start of the file overrules it.
    wanted: Option<&'static Encoding>,
    decoder: Option<Decoder>,
    is_begun: bool,
    is_ended: bool,
    chunk: Vec<u8>,
    had_errors: bool,
}

impl<R: Read> Decoded<R> {
    /// Decodes `inner`, from `wanted` unless a mark at its start says otherwise.
    pub fn new(inner: R, wanted: Option<NamedCharset>) -> Self {
        let chunk = Vec::with_capacity(CHUNK_BYTES);
        Self {
            inner,
            wanted: wanted.map(|wanted| wanted.0),
            decoder: None,
            is_begun: false,
            is_ended: false,
            chunk,
            had_errors: false,
        }
    }

    /// Returns whether bytes had to be replaced because they mean nothing in the charset.
    pub fn had_errors(&self) -> bool {
        self.had_errors
    }

    /// Puts the next bytes into `out`, and returns how many bytes of the file were read for them.
    /// At the end that is 0, and there may still be bytes. Text in no known charset passes as it
    /// is.
    pub fn next_into(&mut self, out: &mut Vec<u8>) -> io::Result<usize> {
        out.clear();
        if self.is_ended {
            return Ok(0);
        }
        let held = self.chunk.len();
        self.fill()?;
        let read = self.chunk.len() - held;
        if !self.is_begun {
            self.begin();
        }
        self.is_ended = read == 0;
        let chunk = std::mem::take(&mut self.chunk);
        let mut rest = chunk.as_slice();
        while let Some((at, encoding)) = next_start(rest, self.is_wide()) {
            let (part, next) = rest.split_at(at);
            self.pass(part, true, out);
            // A file that was cut within its last letter has nothing to say there.
            let cut = out.strip_suffix("\u{fffd}".as_bytes()).map(<[u8]>::len);
            out.truncate(cut.unwrap_or(out.len()));
            self.decoder = encoding.map(Encoding::new_decoder_with_bom_removal);
            // The start itself would be found again.
            let (mark, next) = next.split_at(START_BYTES_MIN.min(next.len()));
            self.pass(mark, false, out);
            rest = next;
        }
        let held = if self.is_ended { 0 } else { rest.len().min(START_BYTES_MAX - 1) };
        let (part, held) = rest.split_at(rest.len() - held);
        self.pass(part, self.is_ended, out);
        self.chunk.extend_from_slice(held);
        Ok(read)
    }

    /// Returns whether the text so far has two bytes a letter.
    fn is_wide(&self) -> bool {
        let encoding = self.decoder.as_ref().map(Decoder::encoding);
        encoding.is_some_and(|encoding| encoding == UTF_16LE || encoding == UTF_16BE)
    }

    /// Decodes bytes to the end of `out`; `is_last` when those behind are of another charset.
    fn pass(&mut self, mut input: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let Some(decoder) = &mut self.decoder else {
            out.extend_from_slice(input);
            return;
        };
        loop {
            let used = out.len();
            let room = decoder.max_utf8_buffer_length(input.len()).unwrap_or(4 * CHUNK_BYTES);
            out.resize(used + room, 0);
            let free = out.get_mut(used..).unwrap_or_default();
            let (result, taken, written, replaced) = decoder.decode_to_utf8(input, free, is_last);
            out.truncate(used + written);
            self.had_errors |= replaced;
            input = input.get(taken..).unwrap_or_default();
            if result == CoderResult::InputEmpty {
                return;
            }
        }
    }

    /// Until there is enough to tell what it is, however small the parts a pipe gives.
    fn fill(&mut self) -> io::Result<()> {
        let mut limited = (&mut self.inner).take(CHUNK_BYTES as u64);
        limited.read_to_end(&mut self.chunk)?;
        Ok(())
    }

    fn begin(&mut self) {
        self.is_begun = true;
        let encoding = match Encoding::for_bom(&self.chunk) {
            Some((encoding, _)) => Some(encoding),
            None => self.wanted.or_else(|| utf_16_without_mark(&self.chunk)),
        };
        self.decoder = match encoding {
            // Its bytes pass as they are: what is not valid among them the reader
            // judges card by card.
            Some(encoding) if encoding == UTF_8 => {
                if self.chunk.starts_with(b"\xef\xbb\xbf") {
                    self.chunk.drain(..3);
                }
                None
            }
            other => other.map(Encoding::new_decoder_with_bom_removal),
        };
    }
}

/// The shortest start of a file among those that are joined, in bytes.
const START_BYTES_MIN: usize = 8;

/// The longest: a byte order mark and `BEGIN` in UTF-16.
const START_BYTES_MAX: usize = 12;

/// Finds the first place behind which the bytes are those of another file, in another charset: a
/// byte order mark with a `BEGIN` behind it, or in text of two bytes a letter `BEGIN:VCARD` of one.
/// Returns it with that charset; `None` stands for bytes that pass as they are.
///
/// With `is_wide`, the text so far has two bytes a letter.
fn next_start(bytes: &[u8], is_wide: bool) -> Option<(usize, Option<&'static Encoding>)> {
    let wide = |first, second| memchr::memchr2_iter(first, second, bytes);
    let two = wide(0xFF, 0xFE).find_map(|at| {
        let (mark, text) = bytes.get(at..)?.split_first_chunk::<2>()?;
        let (encoding, low) = match mark {
            b"\xFF\xFE" => (UTF_16LE, 0),
            b"\xFE\xFF" => (UTF_16BE, 1),
            _ => return None,
        };
        let letters = text.as_chunks::<2>().0.get(..5)?.iter();
        let is_begin = letters
            .zip(b"BEGIN")
            .all(|(pair, letter)| pair[low].eq_ignore_ascii_case(letter) && pair[1 - low] == 0);
        is_begin.then_some((at, Some(encoding)))
    });
    let one = wide(b'B', b'b').filter(|_| is_wide).find_map(|at| {
        let is_begin = bytes.get(at..at + 11)?.eq_ignore_ascii_case(b"BEGIN:VCARD");
        let mark = bytes.get(..at).unwrap_or_default().ends_with(b"\xEF\xBB\xBF");
        is_begin.then_some((if mark { at - 3 } else { at }, None))
    });
    match (two, one) {
        (Some(two), Some(one)) => Some(if one.0 < two.0 { one } else { two }),
        (two, one) => two.or(one),
    }
}

/// Text in Latin letters has a zero in every second byte.
fn utf_16_without_mark(start: &[u8]) -> Option<&'static Encoding> {
    let pairs: Vec<&[u8]> = start.chunks_exact(2).take(32).collect();
    let zeros = |index: usize| pairs.iter().filter(|pair| pair.get(index) == Some(&0)).count();
    match (zeros(0), zeros(1)) {
        (0, low) if low * 4 >= pairs.len() * 3 && low >= 4 => Some(UTF_16LE),
        (high, 0) if high * 4 >= pairs.len() * 3 && high >= 4 => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], label: Option<&str>) -> (Vec<u8>, bool) {
        let wanted = label.and_then(NamedCharset::of);
        let mut source = Decoded::new(bytes, wanted);
        let (mut all, mut part, mut read) = (Vec::new(), Vec::new(), 0);
        loop {
            let count = source.next_into(&mut part).unwrap();
            all.extend_from_slice(&part);
            if count == 0 {
                assert_eq!(read, bytes.len());
                return (all, source.had_errors());
            }
            read += count;
        }
    }

    fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn utf_16_with_and_without_its_mark() {
        let text = "BEGIN:VCARD\r\nFN:Žofie 山田\r\n".repeat(9000);
        for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            assert_eq!(decoded(&wide(&text, order), None), (text.clone().into_bytes(), false));
            assert_eq!(
                decoded(&wide(&format!("\u{feff}{text}"), order), None),
                (text.clone().into_bytes(), false)
            );
        }
    }

    #[test]
    fn bytes_pass_and_the_mark_of_utf_8_goes() {
        assert_eq!(
            decoded(b"\xef\xbb\xbfFN:\xc3\xa4\xff", None),
            (b"FN:\xc3\xa4\xff".to_vec(), false)
        );
        assert_eq!(decoded(b"", None), (Vec::new(), false));
    }

    #[test]
    fn a_charset_can_be_said() {
        assert_eq!(decoded(b"FN:\x8e\x52", Some("shift_jis")).0, "FN:山".as_bytes());
        assert_eq!(decoded(b"FN:\xe4", Some("latin1")).0, "FN:ä".as_bytes());
        assert!(decoded(b"FN:\x81", Some("shift_jis")).1);
    }
}
