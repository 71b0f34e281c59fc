//! Room for what is written: the image grows before the box is crowded, as far as the disk lets it.

use crate::host::Host;
use crate::image::{GrowError, PAGE_BYTES};
use embassy_futures::block_on;
use std::time::{Duration, Instant};

/// The image grows when more than so many percent of it are in use: then reclaiming stays cheap and
/// history long.
const FILL_PERCENT_MAX: u64 = 55;

/// Up to this size an image grows by half, beyond by a quarter.
const LARGE_PAGES: u32 = 1024;

/// How long to leave a full disk alone that does not tell of room: a quota is not
/// in what a disk tells.
const DISK_FULL_TIME: Duration = Duration::from_secs(5);

/// A disk that had no room.
pub(crate) struct FullDisk {
    when: Instant,
    /// The bytes that were asked for.
    pub(crate) bytes: u64,
    /// The room that it told of then.
    room: Option<u64>,
}

impl FullDisk {
    /// Returns whether the disk may have room by now.
    fn may_have_room(&self, room: Option<u64>) -> bool {
        let has_more = match (self.room, room) {
            (Some(before), Some(now)) => now > before && now >= PAGE_BYTES as u64,
            _ => false,
        };
        has_more || self.when.elapsed() >= DISK_FULL_TIME
    }
}

impl Host {
    /// Sees to it that `bytes` more fit without crowding. A disk that is full is no error here: the
    /// book has its own bounds and answers with its numbers.
    pub fn grow_image(&mut self, bytes: usize) {
        let (live_bytes, capacity_bytes) = self.book.fill();
        let wanted = live_bytes + bytes as u64;
        if wanted * 100 <= capacity_bytes * FILL_PERCENT_MAX || self.writable().is_err() {
            return;
        }
        if let Some(full) = &self.disk_full
            && !full.may_have_room(self.book.flash().room())
        {
            return;
        }
        let pages = self.book.flash().pages();
        let step = if pages < LARGE_PAGES { pages / 2 } else { pages / 4 };
        let needed = wanted * 100 / FILL_PERCENT_MAX / PAGE_BYTES as u64 + 4;
        let needed = u32::try_from(needed).unwrap_or(u32::MAX);
        let mut more = step.max(needed.saturating_sub(pages));
        // The last room on a disk is taken in ever smaller pieces.
        let error = loop {
            match self.book.flash().grow(pages.saturating_add(more)) {
                Ok(()) => {
                    self.disk_full = None;
                    if let Err(error) = block_on(self.book.extend()) {
                        tracing::warn!(%error, "the box could not take in its new pages");
                    }
                    tracing::debug!(pages = pages + more, "the box has grown");
                    return;
                }
                Err(GrowError::DiskFull { .. }) if more > 1 => more /= 2,
                Err(error) => break error,
            }
        };
        let bytes = match error {
            GrowError::DiskFull { bytes } => bytes,
            _ => 0,
        };
        tracing::warn!(%error, "the box cannot grow");
        let room = self.book.flash().room();
        self.disk_full = Some(FullDisk { when: Instant::now(), bytes, room });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_asked_again_as_soon_as_it_tells_of_room() {
        let full = |ago: Duration, room| FullDisk {
            when: Instant::now().checked_sub(ago).expect("the machine runs for longer"),
            bytes: 1 << 20,
            room,
        };
        let (just_now, long_ago) = (Duration::from_millis(1), DISK_FULL_TIME);
        assert!(!full(just_now, Some(4096)).may_have_room(Some(4096)));
        // Less than a page is room for nothing.
        assert!(!full(just_now, Some(4096)).may_have_room(Some(8192)));
        assert!(full(just_now, Some(4096)).may_have_room(Some(PAGE_BYTES as u64)));
        // A quota was full while the disk was not.
        assert!(!full(just_now, Some(1 << 30)).may_have_room(Some(1 << 30)));
        assert!(full(just_now, Some(1 << 30)).may_have_room(Some((1 << 30) + 1)));
        assert!(!full(just_now, None).may_have_room(None));
        assert!(full(long_ago, Some(4096)).may_have_room(Some(4096)));
        assert!(full(long_ago, None).may_have_room(None));
    }
}
