//! The first block of an image file, which identifies it: two copies, of which the newer counts.
//!
//! FORMAT.md has the bytes in its chapter on the image file. Each copy lies within one sector, and
//! only the older one is ever overwritten, so a power cut leaves the other whole.

use super::{BackingFile, disk};
use contactbox_core::store::seal::Seal;
use std::fs::File;
use std::path::Path;

/// Bytes before the first page.
pub const HEADER_BYTES: usize = 4096;

/// The first bytes of every image.
pub const MAGIC: &[u8; 16] = b"contactbox image";

/// Returns whether the file at `path` begins as an image does.
pub fn is_image(path: &Path) -> bool {
    let mut begins = [0; MAGIC.len()];
    let read = File::open(path).and_then(|file| disk::read_exact_at(&file, &mut begins, 0));
    read.is_ok() && begins == *MAGIC
}

const FORMAT: u16 = 1;
const BYTES: usize = 52;
const COPY_B: usize = 2048;

/// The content of the first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageHeader {
    /// Bytes erased at once.
    pub page_bytes: u32,
    /// Bytes programmed at once, at least.
    pub word_bytes: u32,
    /// Pages of the chip.
    pub pages: u32,
    /// Grows by one with each change of the header.
    pub generation: u32,
    /// The first page that was cut off, wholly or in part, until the journal has recorded it.
    pub gone_from: Option<u32>,
    /// The identity of the box.
    pub box_id: u64,
}

/// Why this version cannot use a file as an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Neither copy begins as a header.
    #[error("this is not a contactbox image; name another file with --image")]
    Foreign,
    /// Both copies are damaged.
    #[error("the image's header is damaged, both copies of it; restore the file from a backup")]
    Damaged,
    /// Neither copy can be read, and pages of a box follow.
    #[error(
        "the image's header is damaged, both copies of it, and the pages of a box are behind it: open it with --salvage true, which makes the header anew, or restore a backup"
    )]
    Struck,
    /// A header is there, and no page of its box follows.
    #[error(
        "the image was cut off behind its header, and no page of the box is left in it: put the whole file back, or move this one away and restore a backup"
    )]
    Hollow,
    /// The format is unknown to this version.
    #[error(
        "the image has format {format}, and this version knows {known}; install a newer contactbox"
    )]
    Newer {
        /// The format of the file.
        format: u16,
        /// The newest known format.
        known: u16,
    },
    /// This version does not use these sizes.
    #[error(
        "the image has {pages} pages of {page_bytes} bytes in words of {word_bytes}, which this version cannot use"
    )]
    Geometry {
        /// The number of pages.
        pages: u32,
        /// The bytes of a page.
        page_bytes: u32,
        /// The bytes of a word.
        word_bytes: u32,
    },
}

impl ImageHeader {
    /// Returns the place of this copy in the block.
    pub(super) fn offset(&self) -> u64 {
        if self.generation.is_multiple_of(2) { 0 } else { COPY_B as u64 }
    }

    pub(super) fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..18].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[18..20].copy_from_slice(&(HEADER_BYTES as u16).to_le_bytes());
        bytes[20..24].copy_from_slice(&self.page_bytes.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.word_bytes.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.pages.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.generation.to_le_bytes());
        let gone = self.gone_from.map_or(0, |page| page.saturating_add(1));
        bytes[36..40].copy_from_slice(&gone.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.box_id.to_le_bytes());
        let crc = Seal::new().over(&bytes[..48]).value();
        bytes[48..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Writes both copies, the older one with the same content under the generation before, so that
    /// each can replace the other from the first day.
    pub(super) fn write_twice(&self, file: &dyn BackingFile) -> std::io::Result<()> {
        let older = Self { generation: self.generation.wrapping_sub(1), ..*self };
        disk::write_all_at(file, &older.encode(), older.offset())?;
        disk::write_all_at(file, &self.encode(), self.offset())
    }

    /// Returns this header with another note of what was cut off. Its generation is two higher, so
    /// that both copies are replaced.
    pub(super) fn noting(&self, gone_from: Option<u32>) -> Self {
        Self { gone_from, generation: self.generation.wrapping_add(2), ..*self }
    }

    fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes: &[u8; BYTES] = bytes.first_chunk().ok_or(HeaderError::Foreign)?;
        if &bytes[..16] != MAGIC {
            return Err(HeaderError::Foreign);
        }
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if u32_at(48) != Seal::new().over(&bytes[..48]).value() {
            return Err(HeaderError::Damaged);
        }
        let format = u16::from_le_bytes([bytes[16], bytes[17]]);
        if format != FORMAT {
            return Err(HeaderError::Newer { format, known: FORMAT });
        }
        Ok(Self {
            page_bytes: u32_at(20),
            word_bytes: u32_at(24),
            pages: u32_at(28),
            generation: u32_at(32),
            gone_from: u32_at(36).checked_sub(1),
            box_id: u64::from(u32_at(40)) | u64::from(u32_at(44)) << 32,
        })
    }

    /// Returns the newer intact copy in the first block of a file; the block may be incomplete.
    pub fn newest(block: &[u8]) -> Result<Self, HeaderError> {
        let a = Self::decode(block);
        let b = Self::decode(block.get(COPY_B..).unwrap_or_default());
        match (a, b) {
            // Generations wrap round. The later one is less than half of the circle ahead of the
            // other.
            (Ok(a), Ok(b)) => {
                let is_b_newer = b.generation.wrapping_sub(a.generation) < u32::MAX / 2;
                Ok(if is_b_newer { b } else { a })
            }
            (Ok(header), Err(_)) | (Err(_), Ok(header)) => Ok(header),
            (Err(HeaderError::Foreign), Err(error)) | (Err(error), Err(_)) => Err(error),
        }
    }

    pub(super) fn fits(
        &self,
        page_bytes: usize,
        word_bytes: usize,
        pages_max: u32,
    ) -> Result<(), HeaderError> {
        let fits = self.page_bytes as usize == page_bytes
            && self.word_bytes as usize == word_bytes
            && (1..=pages_max).contains(&self.pages);
        let Self { pages, page_bytes, word_bytes, .. } = *self;
        if fits { Ok(()) } else { Err(HeaderError::Geometry { pages, page_bytes, word_bytes }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: ImageHeader = ImageHeader {
        page_bytes: 65_536,
        word_bytes: 4,
        pages: 16,
        generation: 2,
        gone_from: None,
        box_id: 0x0123_4567_89AB_CDEF,
    };

    fn block(copies: &[ImageHeader]) -> Vec<u8> {
        let mut block = vec![0; HEADER_BYTES];
        for copy in copies {
            let at = copy.offset() as usize;
            block[at..at + BYTES].copy_from_slice(&copy.encode());
        }
        block
    }

    #[test]
    fn the_bytes_stay_as_they_are() {
        let hex: String = HEADER.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "636f6e74616374626f7820696d616765010000100000010004000000100000000200000000000000efcdab89674523015b3ed283"
        );
    }

    #[test]
    fn the_newer_copy_counts_and_the_older_stands_in() {
        let newer = ImageHeader { generation: 3, pages: 32, ..HEADER };
        let mut both = block(&[HEADER, newer]);
        assert_eq!(ImageHeader::newest(&both), Ok(newer));
        both[COPY_B + 30] ^= 1;
        assert_eq!(ImageHeader::newest(&both), Ok(HEADER));
        both[30] ^= 1;
        assert_eq!(ImageHeader::newest(&both), Err(HeaderError::Damaged));
        for gone_from in [None, Some(0), Some(7)] {
            let noted = HEADER.noting(gone_from);
            assert_eq!(ImageHeader::newest(&block(&[HEADER, noted])), Ok(noted));
        }
        let last = ImageHeader { generation: u32::MAX, ..HEADER };
        let wrapped = ImageHeader { generation: 0, pages: 64, ..HEADER };
        assert_eq!(ImageHeader::newest(&block(&[last, wrapped])), Ok(wrapped));
    }

    #[test]
    fn other_files_are_told_apart() {
        assert_eq!(ImageHeader::newest(b""), Err(HeaderError::Foreign));
        assert_eq!(ImageHeader::newest(b"BEGIN:VCARD\r\n"), Err(HeaderError::Foreign));
        assert_eq!(ImageHeader::newest(&[0; HEADER_BYTES]), Err(HeaderError::Foreign));
        let odd = ImageHeader { page_bytes: 512, ..HEADER };
        assert!(matches!(odd.fits(65_536, 4, 100), Err(HeaderError::Geometry { .. })));
        assert!(matches!(HEADER.fits(65_536, 4, 15), Err(HeaderError::Geometry { .. })));
    }
}
