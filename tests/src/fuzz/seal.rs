//! The checksummed layer over any bytes: headers, entries, and the correction of at most one bit.
use super::Input;
use contactbox_core::store::page::{
    ChecksumSeed, ENTRY_HEADER_BYTES, EntryHeader, HeaderFound, PAGE_HEADER_BYTES, PageHeader,
    START, entry_bytes,
};
use contactbox_core::store::seal::{Flip, Seal, find_flip};

/// Takes the frame and the place from the first bytes; the rest is a page.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let frame = ChecksumSeed {
        salt: u64::from(input.word()),
        order: u32::from(input.half()),
        base: u32::from(input.byte()) << 9,
    };
    let (at, flips) = (usize::from(input.half()), [input.half(), input.half()]);
    let mut page = input.rest().to_vec();
    if let Some(head) = page.first_chunk::<PAGE_HEADER_BYTES>() {
        header(head);
    }
    let at = at % (page.len() + 1);
    // Any bytes: an entry that is accepted must be valid, and a correction changes at most one bit.
    for end in [page.len(), page.len() / 2, page.len() + 7] {
        let decoded = EntryHeader::decode(&page, at, end);
        if let Some(header) = frame.verified(&page, at, end) {
            assert_eq!(decoded, Some(header));
            assert!(at + ENTRY_HEADER_BYTES + usize::from(header.len) <= end.min(page.len()));
        }
        mend(&frame, &page, at, end);
    }
    // A sealed entry, then with one bit flipped, then with another.
    let room = page.len() - at;
    if room < ENTRY_HEADER_BYTES {
        return;
    }
    let (tag, seq, hint) = (page[at] & 0xEF, page[at + 1], u16::from(page[at + 2]));
    let tag = if EntryHeader::decode(&[0, 0, tag, 0, 0, 0, 0, 0, 0, 0], 0, 10).is_some() {
        tag
    } else {
        START
    };
    frame.seal(at, &mut page[at..], tag, seq, hint);
    let Some(sealed) = frame.verified(&page, at, page.len()) else {
        assert!(room - ENTRY_HEADER_BYTES > usize::from(u16::MAX), "what was sealed is right");
        return;
    };
    assert_eq!((sealed.tag, sealed.seq, sealed.hint), (tag, seq, hint));
    assert!(entry_bytes(usize::from(sealed.len), 8) >= room);
    let whole = page.clone();
    let bit = at * 8 + usize::from(flips[0]) % (room * 8);
    page[bit / 8] ^= 1 << (bit % 8);
    assert!(frame.verified(&page, at, page.len()).is_none(), "a flipped bit is seen");
    let end = page.len();
    let mended = frame.mend(&mut page, at, end);
    if let Some((header, place)) = mended {
        // A flip in the length can be explained by another one elsewhere, once in many millions.
        if place == bit {
            assert_eq!((header, &page), (sealed, &whole));
        }
    } else {
        // The kind decides where the checksum starts. A kind of START is valid only in its own
        // place.
        assert!((at * 8 + 16..at * 8 + 24).contains(&bit), "bit {} is not mended", bit - at * 8);
    }
    page.copy_from_slice(&whole);
    let other = at * 8 + usize::from(flips[1]) % (room * 8);
    if other != bit {
        page[bit / 8] ^= 1 << (bit % 8);
        page[other / 8] ^= 1 << (other % 8);
        mend(&frame, &page, at, end);
    }
}

/// Corrects a copy. At most one bit may differ then, and the returned header must be valid.
fn mend(frame: &ChecksumSeed, page: &[u8], at: usize, end: usize) {
    let mut copy = page.to_vec();
    let mended = frame.mend(&mut copy, at, end);
    let changed: Vec<usize> = (0..page.len()).filter(|&place| copy[place] != page[place]).collect();
    match mended {
        Some((header, bit)) => {
            assert_eq!(frame.verified(&copy, at, end), Some(header));
            assert_eq!(changed, [bit / 8]);
            assert_eq!(copy[bit / 8] ^ page[bit / 8], 1 << (bit % 8));
        }
        None => assert_eq!(changed, [0; 0], "nothing was mended"),
    }
}

fn header(bytes: &[u8; PAGE_HEADER_BYTES]) {
    if let HeaderFound::Valid(header, corrected) = PageHeader::decode(bytes, 0) {
        let differing: u32 =
            header.encode(0).iter().zip(bytes).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!(u32::from(corrected), differing);
    }
    let as_header = PageHeader {
        order: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        erases: u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        salt: u64::from(bytes[12]) << 40,
    };
    let mut encoded = as_header.encode(0);
    assert_eq!(PageHeader::decode(&encoded, 0), HeaderFound::Valid(as_header, false));
    let bit = usize::from(bytes[13]) % (PAGE_HEADER_BYTES * 8);
    encoded[bit / 8] ^= 1 << (bit % 8);
    assert_eq!(PageHeader::decode(&encoded, 0), HeaderFound::Valid(as_header, true));
    let (computed, stored) = (Seal::new().over(&bytes[..20]).value(), u32::from(bytes[20]));
    if let Some(Flip::Data(bit)) = find_flip(computed, stored, 20) {
        assert!(bit < 160);
    }
}
