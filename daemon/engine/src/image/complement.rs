//! Complements bytes, which is their form in the file, so that a hole reads as erased flash.

/// Complements every byte, a word at a time.
pub fn complement(bytes: &mut [u8]) {
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (!u64::from_ne_bytes(*word)).to_ne_bytes();
    }
    for byte in rest {
        *byte = !*byte;
    }
}
