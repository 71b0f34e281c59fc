//! Rebuilds the header of an image from its pages, since the pages of a box name their box.

use super::{
    BackingFile, HEADER_BYTES, ImageHeader, PAGE_BYTES, PAGES_MAX, PAGES_MIN, WORD_BYTES,
    complement, disk,
};
use contactbox_core::store::page::{
    ChecksumSeed, FIRST_ENTRY_AT, HeaderFound, PAGE_HEADER_BYTES, PageHeader, START,
};
use std::collections::HashMap;
use std::io;

/// Bytes at the start of a page that hold its header and its first entry.
const HEAD_BYTES: usize = 512;

/// The content at the place of a page.
enum PageFound {
    /// A page of this box. True if its first entry confirms the box and the place.
    Page(u64, bool),
    /// Bytes that are no page.
    Other,
}

/// Rebuilds the header of a file, if most of its content is pages of one box in their places.
///
/// All images have one length of page and of word. The last page of the box gives the number of
/// pages: the bytes behind it may be anything, and if one of them was a page that is wholly lost,
/// the pages that prove its loss tell. If no whole page follows the last one, nobody knows where
/// the box ended, and its end counts as cut off.
pub(super) fn header_of(file: &dyn BackingFile) -> io::Result<Option<ImageHeader>> {
    let mut found: Vec<(u32, PageFound)> = Vec::new();
    each_page(file, |page, head| found.push((page, classify(page, head))))?;
    // The pages of each box, and whether one of them is certain.
    let mut boxes: HashMap<u64, (usize, bool)> = HashMap::new();
    for (_, page) in &found {
        if let PageFound::Page(salt, is_certain) = page {
            let known = boxes.entry(*salt).or_default();
            *known = (known.0 + 1, known.1 || *is_certain);
        }
    }
    let most = boxes.into_iter().filter(|(_, (_, is_certain))| *is_certain);
    let Some((box_id, (count, _))) = most.max_by_key(|(_, (count, _))| *count) else {
        return Ok(None);
    };
    let is_its = |page: &PageFound| matches!(page, PageFound::Page(salt, _) if *salt == box_id);
    let last = found.iter().rposition(|(_, page)| is_its(page)).unwrap_or(0);
    // A box that lies within another file, such as an image of a disk, must not be written to
    // there.
    if count * 2 < last + 1 {
        return Ok(None);
    }
    let pages = found.get(last).map_or(0, |(page, _)| page + 1);
    let gone_from = (file.bytes()? < start_of(pages + 1)).then_some(pages);
    Ok(Some(ImageHeader {
        page_bytes: PAGE_BYTES as u32,
        word_bytes: WORD_BYTES as u32,
        pages: pages.max(PAGES_MIN),
        generation: 1,
        gone_from,
        box_id,
    }))
}

/// Returns whether the file certainly has a page of the box.
pub(super) fn has_page_of(file: &dyn BackingFile, box_id: u64) -> io::Result<bool> {
    let mut is_there = false;
    each_page(file, |page, head| {
        is_there |= matches!(classify(page, head), PageFound::Page(salt, true) if salt == box_id);
    })?;
    Ok(is_there)
}

/// Shows the beginning, as the chip has it, of every page that does not begin with zeros. Parts of
/// the file that were never written are not read.
fn each_page(
    file: &dyn BackingFile,
    mut visit: impl FnMut(u32, &[u8; HEAD_BYTES]),
) -> io::Result<()> {
    let end = file.bytes()?;
    let mut page = 0;
    while page < PAGES_MAX {
        let at = start_of(page);
        let Some(data) = file.next_data(at)?.filter(|&data| data < end) else { break };
        // A hole begins here and reaches past the beginning of this page. Go on at the page of the
        // next byte.
        if data >= at + HEAD_BYTES as u64 {
            let next = (data - HEADER_BYTES as u64) / PAGE_BYTES as u64;
            let next = u32::try_from(next).unwrap_or(PAGES_MAX);
            page = next.max(page + 1);
            continue;
        }
        let mut head = [0; HEAD_BYTES];
        disk::read_up_to(file, &mut head, at)?;
        if head.iter().any(|&byte| byte != 0) {
            complement(&mut head);
            visit(page, &head);
        }
        page += 1;
    }
    Ok(())
}

fn start_of(page: u32) -> u64 {
    HEADER_BYTES as u64 + u64::from(page) * PAGE_BYTES as u64
}

fn classify(page: u32, head: &[u8; HEAD_BYTES]) -> PageFound {
    // Checksums also cover the place of the page.
    let base = page.wrapping_mul(PAGE_BYTES as u32);
    let header = |head| PageHeader::decode(head, base);
    let Some(HeaderFound::Valid(PageHeader { salt, .. }, _)) = head.first_chunk().map(header)
    else {
        return PageFound::Other;
    };
    let start = ChecksumSeed { salt, order: 0, base }.verified(head, FIRST_ENTRY_AT, HEAD_BYTES);
    PageFound::Page(salt, start.is_some_and(|start| start.kind() == START))
}

/// Returns the header of a page, if it has a readable one.
pub(super) fn page_header(file: &dyn BackingFile, page: u32) -> io::Result<Option<PageHeader>> {
    let mut head = [0; PAGE_HEADER_BYTES];
    if disk::read_up_to(file, &mut head, start_of(page))? < head.len() {
        return Ok(None);
    }
    complement(&mut head);
    Ok(match PageHeader::decode(&head, page.wrapping_mul(PAGE_BYTES as u32)) {
        HeaderFound::Valid(header, _) => Some(header),
        _ => None,
    })
}

/// Puts both copies of the header in their places, and on the disk.
pub(super) fn write(file: &dyn BackingFile, header: &ImageHeader) -> io::Result<()> {
    header.write_twice(file)?;
    file.sync_data()
}
