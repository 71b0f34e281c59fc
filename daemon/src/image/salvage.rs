//! The header of an image out of what is behind it: the pages of a box say whose they are.

use super::{
    BackingFile, HEADER_BYTES, Header, PAGE_BYTES, PAGES_MAX, WORD_BYTES, complement, disk,
};
use contactbox_core::store::page::{HeaderFound, PAGE_HEADER_BYTES, PageHeader};
use std::collections::HashMap;
use std::io;

/// The header that a file must have had, if pages of a box are where an image has them.
///
/// Pages and words of an image have one length. How many pages there are is what the file has room
/// for: one that was cut off before has to be taken for a blank one. Whose they are most of them say.
pub(super) fn header_of(file: &dyn BackingFile) -> io::Result<Option<Header>> {
    let bytes = file.bytes()?.saturating_sub(HEADER_BYTES as u64);
    let pages = u32::try_from(bytes.div_ceil(PAGE_BYTES as u64)).unwrap_or(u32::MAX);
    let pages = pages.min(PAGES_MAX);
    let mut boxes: HashMap<u64, u32> = HashMap::new();
    for page in 0..pages {
        if let Some(PageHeader { salt, .. }) = page_header(file, page)? {
            *boxes.entry(salt).or_default() += 1;
        }
    }
    let most = boxes.into_iter().max_by_key(|&(_, pages)| pages);
    Ok(most.map(|(box_id, _)| Header {
        page_bytes: PAGE_BYTES as u32,
        word_bytes: WORD_BYTES as u32,
        pages,
        generation: 1,
        box_id,
    }))
}

/// The header of a page, if it has one that can be read.
pub(super) fn page_header(file: &dyn BackingFile, page: u32) -> io::Result<Option<PageHeader>> {
    let at = HEADER_BYTES as u64 + u64::from(page) * PAGE_BYTES as u64;
    let mut head = [0; PAGE_HEADER_BYTES];
    if disk::read_up_to(file, &mut head, at)? < head.len() {
        return Ok(None);
    }
    complement(&mut head);
    Ok(match PageHeader::decode(&head) {
        HeaderFound::Valid(header, _) => Some(header),
        _ => None,
    })
}

/// Puts it where it belongs, on the disk.
pub(super) fn write(file: &dyn BackingFile, header: &Header) -> io::Result<()> {
    header.write_twice(file)?;
    file.sync_data()
}
