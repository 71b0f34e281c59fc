//! Whether the file that is open is still the box's: under its name, as long as it
//! was, with its header.
//!
//! A daemon keeps a file open that somebody deletes, and the disk goes on taking writes to it; when
//! the daemon ends, all of them are gone. So this is looked at before anything is acknowledged: two
//! calls of the system and a block out of its memory.

use super::salvage::page_header;
use super::{BackingFile, HEADER_BYTES, ImageHeader, PAGE_BYTES, disk, end_of};
use std::io;
use std::path::Path;

/// What became of the file while it was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displaced {
    /// It has no name any more, and goes when it is closed.
    Deleted,
    /// It has another name, and nothing has its own.
    Moved,
    /// The disk that it is on is not where it was: it was unmounted, or another
    /// was mounted over it.
    Unmounted,
    /// Another file has its name.
    Replaced,
    /// It is shorter than the box in it.
    CutShort,
    /// The header in it is not the one of this box any more.
    Overwritten,
}

impl Displaced {
    /// Whether all that was acknowledged is still in the file.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Deleted | Self::Moved | Self::Unmounted | Self::Replaced)
    }

    /// What happened to the file of `path`, in one or two words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Moved => "moved away",
            Self::Unmounted => "on a disk that is not mounted there any more",
            Self::Replaced => "replaced",
            Self::CutShort => "cut short",
            Self::Overwritten => "overwritten",
        }
    }

    /// What happened and what helps; `number` is the one under which this process
    /// has the file open.
    pub(super) fn told(self, path: &Path, number: Option<i32>) -> String {
        let there = number.and_then(disk::name_now).filter(|there| there != path);
        let path = path.display();
        let happened = match self {
            Self::Unmounted => format!(
                "the disk that the box's file {path} is on was unmounted while the daemon has the file open, so no more changes are taken"
            ),
            _ => format!(
                "the box's file {path} was {} while the daemon has it open, so no more changes are taken",
                self.word()
            ),
        };
        let cure = match (self, there, number) {
            // Whatever has its old name now may be another's box: nothing is to be put over it.
            (Self::Moved | Self::Replaced, Some(there), _) => format!(
                "it is {} now: stop the daemon, and start it again with --image and that name, or put it back if nothing else is at its old place. Nothing acknowledged is lost: it is all in that file",
                there.display()
            ),
            (Self::Moved, ..) => format!(
                "put it back, or name the place where it is with --image; then stop the daemon and start it again. Nothing acknowledged is lost: it is all in that file{}",
                number.map(|number| format!(", which is /proc/{}/fd/{number} as well", std::process::id())).unwrap_or_default()
            ),
            (Self::Unmounted, ..) => {
                "mount it there again, then stop the daemon and start it again. Nothing acknowledged is lost: it is all in that file".to_owned()
            }
            (Self::Deleted | Self::Replaced, _, Some(number)) => format!(
                "all that was acknowledged is in /proc/{}/fd/{number} for as long as the daemon runs: copy that with cp to a safe place, then stop the daemon and start it again with --image and the copy, or put the copy at {path} if nothing else is there by now",
                std::process::id()
            ),
            (Self::Deleted | Self::Replaced, _, None) => {
                "stop the daemon with `contactbox stop`: it leaves all that was acknowledged in its backup first".to_owned()
            }
            (Self::CutShort | Self::Overwritten, ..) => {
                format!("stop the daemon, put {path} away and restore a backup")
            }
        };
        format!("{happened}; {cure}")
    }
}

/// What has become of a file since it was opened as `path`, when its folder was on the
/// disk `disk`, if anything.
pub(super) fn displaced(
    file: &dyn BackingFile,
    path: &Path,
    disk: u64,
    header: &ImageHeader,
) -> Option<Displaced> {
    // Who can not be asked has said nothing: the disk itself has taken all that was written.
    match file.name_lost(path) {
        Some(Displaced::Moved) if disk::disk_of(path) != disk => Some(Displaced::Unmounted),
        None => struck(file, file.bytes().ok()?, header),
        lost => lost,
    }
}

fn struck(file: &dyn BackingFile, bytes: u64, header: &ImageHeader) -> Option<Displaced> {
    if bytes < end_of(header.pages) {
        return Some(Displaced::CutShort);
    }
    let mut block = [0; HEADER_BYTES];
    disk::read_exact_at(file, &mut block, 0).ok()?;
    // One of the two copies may be struck: it is written anew with the next change of the header.
    let is_ours = ImageHeader::newest(&block).is_ok_and(|found| found.box_id == header.box_id);
    (!is_ours).then_some(Displaced::Overwritten)
}

/// Bytes of a piece, at most.
const PIECE_BYTES: usize = 64;

/// Bytes of a piece that may be struck without it being another's.
const STRUCK_BYTES: usize = 2;

/// The end of something that was written, as the file has it. A copy of the same box that was put
/// over the file has its header, and not what was written since the copy was made.
pub(super) struct WrittenTail {
    at: u64,
    bytes: Vec<u8>,
}

impl WrittenTail {
    /// The end of `bytes`, which are at `at` in the file.
    pub(super) fn of(bytes: &[u8], at: u64) -> Self {
        let before = bytes.len().saturating_sub(PIECE_BYTES);
        Self { at: at + before as u64, bytes: bytes[before..].to_vec() }
    }

    /// Whether it is in a stretch of the file.
    pub(super) fn is_within(&self, start: u64, len: u64) -> bool {
        (start..start + len).contains(&self.at)
    }

    /// Whether it is where it was written.
    pub(super) fn is_in(&self, file: &dyn BackingFile) -> bool {
        let mut bytes = [0; PIECE_BYTES];
        let bytes = &mut bytes[..self.bytes.len()];
        // What can not be read is no proof of anything.
        disk::read_exact_at(file, bytes, self.at).is_err()
            || bytes.iter().zip(&self.bytes).filter(|(a, b)| a != b).count() <= STRUCK_BYTES
    }
}

/// What was written last in the two pages that were prepared last, one for each
/// stream of the journal.
pub(super) fn newest(file: &dyn BackingFile, pages: u32) -> io::Result<Vec<WrittenTail>> {
    let mut orders = Vec::new();
    for page in 0..pages {
        if let Some(header) = page_header(file, page)? {
            orders.push((header.order, page));
        }
    }
    orders.sort_unstable();
    let mut pieces = Vec::new();
    for (_, page) in orders.iter().rev().take(2) {
        let at = HEADER_BYTES as u64 + u64::from(*page) * PAGE_BYTES as u64;
        let mut bytes = vec![0; PAGE_BYTES];
        let len = disk::read_up_to(file, &mut bytes, at)?;
        let end = bytes[..len].iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        pieces.push(WrittenTail::of(&bytes[..end], at));
    }
    Ok(pieces)
}
