//! Checks that the open file is still the box's: under its name, long enough, with its header.
//!
//! If somebody deletes a file that a daemon has open, the disk goes on taking writes to it, and all
//! of them are lost when the daemon ends. So this is checked before anything is acknowledged. It
//! costs two system calls and a block read from the system's memory.

use super::salvage::page_header;
use super::{BackingFile, HEADER_BYTES, ImageHeader, PAGE_BYTES, disk, end_of};
use std::io;
use std::path::Path;

/// The change that took the file away from the daemon that has it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displaced {
    /// The file has no name any more. It is lost when it is closed.
    Deleted,
    /// The file has another name, and its own name is free.
    Moved,
    /// The disk of the file is no longer in its place: it was unmounted, or another was mounted
    /// over it.
    Unmounted,
    /// Another file has its name.
    Replaced,
    /// The file is shorter than its box.
    CutShort,
    /// The file no longer has the header of this box.
    Overwritten,
}

impl Displaced {
    /// Returns whether everything acknowledged is still in the file.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Deleted | Self::Moved | Self::Unmounted | Self::Replaced)
    }

    /// Names the change in a few words.
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

    /// Describes the change and its cure; `number` is the file descriptor of this process.
    pub(super) fn message(self, path: &Path, number: Option<i32>) -> String {
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
            // The file that has the old name now may be another box: nothing may be put over it.
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

/// Returns the change of a file since it was opened as `path`, if there is one. Its folder was on
/// `disk` then.
pub(super) fn displaced(
    file: &dyn BackingFile,
    path: &Path,
    disk: u64,
    header: &ImageHeader,
) -> Option<Displaced> {
    // A system that gives no answer proves nothing: the disk itself has taken every write.
    match file.name_lost(path) {
        Some(Displaced::Moved) if disk::disk_of(path) != disk => Some(Displaced::Unmounted),
        None => content_lost(file, file.bytes().ok()?, header),
        lost => lost,
    }
}

fn content_lost(file: &dyn BackingFile, bytes: u64, header: &ImageHeader) -> Option<Displaced> {
    if bytes < end_of(header.pages) {
        return Some(Displaced::CutShort);
    }
    let mut block = [0; HEADER_BYTES];
    disk::read_exact_at(file, &mut block, 0).ok()?;
    // One of the two copies may be unreadable. The next change of the header rewrites it.
    let is_ours = ImageHeader::newest(&block).is_ok_and(|found| found.box_id == header.box_id);
    (!is_ours).then_some(Displaced::Overwritten)
}

/// The most bytes that a tail keeps.
const TAIL_BYTES: usize = 64;

/// The number of bytes of a tail that may differ through damage and still count as the same file.
const DAMAGED_BYTES_MAX: usize = 2;

/// The end of something written, as the file has it. It detects an older copy of the same box put
/// over the file, which has the same header and lacks what was written since the copy was made.
pub(super) struct WrittenTail {
    at: u64,
    bytes: Vec<u8>,
}

impl WrittenTail {
    /// Returns the end of `bytes`, which lie at `at` in the file.
    pub(super) fn of(bytes: &[u8], at: u64) -> Self {
        let before = bytes.len().saturating_sub(TAIL_BYTES);
        Self { at: at + before as u64, bytes: bytes[before..].to_vec() }
    }

    /// Returns whether the tail begins within this part of the file.
    pub(super) fn is_within(&self, start: u64, len: u64) -> bool {
        (start..start + len).contains(&self.at)
    }

    /// Returns whether the file still has the tail where it was written.
    pub(super) fn is_in(&self, file: &dyn BackingFile) -> bool {
        let mut bytes = [0; TAIL_BYTES];
        let bytes = &mut bytes[..self.bytes.len()];
        // Bytes that cannot be read prove nothing.
        disk::read_exact_at(file, bytes, self.at).is_err()
            || bytes.iter().zip(&self.bytes).filter(|(a, b)| a != b).count() <= DAMAGED_BYTES_MAX
    }
}

/// Returns the last bytes of the two pages that were prepared last, one for each stream of the
/// journal.
pub(super) fn newest(file: &dyn BackingFile, pages: u32) -> io::Result<Vec<WrittenTail>> {
    let mut orders = Vec::new();
    for page in 0..pages {
        if let Some(header) = page_header(file, page)? {
            orders.push((header.order, page));
        }
    }
    orders.sort_unstable();
    let mut tails = Vec::new();
    for (_, page) in orders.iter().rev().take(2) {
        let at = HEADER_BYTES as u64 + u64::from(*page) * PAGE_BYTES as u64;
        let mut bytes = vec![0; PAGE_BYTES];
        let len = disk::read_up_to(file, &mut bytes, at)?;
        let end = bytes[..len].iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        tails.push(WrittenTail::of(&bytes[..end], at));
    }
    Ok(tails)
}
