//! The scan of one page's bytes: the entries that count, the gaps, and the end of the written part.
//! Does no input or output.

use crate::store::page::{
    CHECKPOINT, CHECKPOINT_GAP_BYTES, ChecksumSeed, ENTRY_HEADER_BYTES, EntryHeader,
    FIRST_ENTRY_AT, START, entry_bytes, is_erased,
};

/// An entry that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScannedEntry {
    /// Offset in the page.
    pub at: usize,
    pub header: EntryHeader,
    /// Number within the page, not reduced.
    pub number: u16,
}

impl ScannedEntry {
    pub fn payload(&self) -> core::ops::Range<usize> {
        let start = self.at + ENTRY_HEADER_BYTES;
        start..start + usize::from(self.header.len)
    }
}

/// The next item in a page.
#[derive(Clone, Copy, Debug)]
pub(super) enum ScanItem {
    Entry(ScannedEntry),
    /// Entries `first` to `first + count - 1` were there, on the medium, and cannot be read. `hint`
    /// is that of the last of them, when an entry behind it says so.
    Hole {
        first: u16,
        count: u16,
        hint: Option<u16>,
    },
    /// Nothing more that counts. `torn` is true when something that does not count is there.
    End {
        torn: bool,
    },
}

/// The last program call of a page, when nothing behind it confirms it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    pub at: usize,
    /// The number of its first entry.
    pub number: u16,
    /// The hint of the entry before it.
    pub hint: u16,
}

/// The entries that a search is for.
#[derive(Clone, Copy)]
enum Which {
    Any,
    /// Entries that begin a group.
    First,
    /// Entries that begin a group and say that everything before was on the medium.
    Synced,
}

/// A walk over one page. The page is passed to each step, so that the caller may use the part
/// behind the walk.
pub(super) struct PageScan {
    frame: ChecksumSeed,
    word: usize,
    end: usize,
    at: usize,
    next: u16,
    /// Entries with lower numbers are known to have been committed.
    vouched: u16,
    /// Entries that start before this are known to be right.
    right_before: usize,
    /// Entries that start before this belong to groups that were committed.
    committed_before: usize,
    /// Entries mended so far.
    pub corrected: u16,
    pub doubt: Option<Doubt>,
    /// Entries stand behind a gap that nothing proves to be damage: a medium that defers writes may
    /// have lost the part in the gap and kept what came after, when the power went before a sync.
    /// All entries from there on are in doubt.
    pub is_loose: bool,
    /// The hint of the last entry, when a checkpoint tells it.
    pub hint: u16,
}

impl PageScan {
    /// Starts a walk. The page is known to have held `vouched` entries; 0 when nothing is known.
    pub fn new(frame: ChecksumSeed, word: usize, page_bytes: usize, vouched: u16) -> Self {
        PageScan {
            frame,
            word,
            end: page_bytes,
            at: FIRST_ENTRY_AT,
            next: 0,
            vouched,
            right_before: 0,
            committed_before: 0,
            corrected: 0,
            doubt: None,
            is_loose: false,
            hint: 0,
        }
    }

    /// Returns the number of entries read or known to be missing so far.
    pub fn count(&self) -> u16 {
        self.next
    }

    /// Returns the next item of the page. One flipped bit of an entry is mended in `page` itself.
    pub fn next(&mut self, page: &mut [u8]) -> ScanItem {
        let Some((at, header, missing)) = self.find(page) else {
            if self.next < self.vouched {
                let (first, count) = (self.next, self.vouched - self.next);
                self.next = self.vouched;
                self.doubt = None;
                return ScanItem::Hole { first, count, hint: None };
            }
            let torn = page.get(self.at..self.end).is_some_and(|rest| !is_erased(rest));
            return ScanItem::End { torn };
        };
        if missing > 0 {
            let first = self.next;
            let was_synced = first < self.vouched
                || header.is_synced()
                || self.synced_behind(page, at, &header, first + missing);
            self.next += missing;
            self.at = at;
            self.right_before = self.right_before.max(at + 1);
            if was_synced {
                return ScanItem::Hole { first, count: missing, hint: Some(header.hint) };
            }
            if !self.is_loose {
                self.is_loose = true;
                self.doubt = Some(Doubt { at, number: first, hint: 0 });
            }
        }
        self.at = at + entry_bytes(usize::from(header.len), self.word);
        let number = self.next;
        if header.kind() == CHECKPOINT {
            self.doubt = None;
            self.hint = header.hint;
        } else {
            self.next += 1;
            if !header.continues() && !self.is_loose {
                self.doubt = Some(Doubt { at, number, hint: header.hint });
            }
        }
        ScanItem::Entry(ScannedEntry { at, header, number })
    }

    /// Finds the next entry that counts: its offset, its header, and the number of entries missing
    /// before it.
    fn find(&mut self, page: &mut [u8]) -> Option<(usize, EntryHeader, u16)> {
        if self.at + ENTRY_HEADER_BYTES > self.end {
            return None;
        }
        if self.at < self.right_before {
            // The entry was verified when its group was looked at, or is behind a gap that has been
            // reported.
            let header = EntryHeader::decode(page, self.at, self.end)?;
            return self
                .is_committed(page, self.at, &header, self.next)
                .then_some((self.at, header, 0));
        }
        let (mut at, mut header, mut missing) = match self.right_or_mended(page, self.at, self.next)
        {
            Some(header) => (self.at, header, 0),
            None => {
                if is_erased(page.get(self.at..self.end)?) {
                    return None;
                }
                match self.mended_checkpoint(page) {
                    Some(found) => found,
                    None => self.search(page, self.at + self.word, Which::Any)?,
                }
            }
        };
        // A group that was not committed may stand before others that a medium
        // which defers writes has kept.
        while !self.is_committed(page, at, &header, self.next + missing) {
            (at, header, missing) = self.search(page, at + self.word, Which::First)?;
        }
        Some((at, header, missing))
    }

    /// Returns a checkpoint behind its erased gap, in which one bit may be wrong.
    fn mended_checkpoint(&mut self, page: &mut [u8]) -> Option<(usize, EntryHeader, u16)> {
        let at = self.at + CHECKPOINT_GAP_BYTES;
        if !is_erased(page.get(self.at..at)?) {
            return None;
        }
        let header = self.right_or_mended(page, at, self.next)?;
        (header.kind() == CHECKPOINT).then_some((at, header, 0))
    }

    /// Returns whether a group behind the entry at `at`, which has this number, says that
    /// everything before it was on the medium.
    fn synced_behind(&mut self, page: &[u8], at: usize, header: &EntryHeader, number: u16) -> bool {
        let here = (self.at, self.next);
        self.at = at + entry_bytes(usize::from(header.len), self.word);
        self.next = number + u16::from(header.kind() != CHECKPOINT);
        let found = self.search(page, self.at, Which::Synced).is_some();
        (self.at, self.next) = here;
        found
    }

    /// Returns whether the group of the entry was committed: all of it is there, or something was
    /// written after it.
    fn is_committed(
        &mut self,
        page: &mut [u8],
        at: usize,
        header: &EntryHeader,
        number: u16,
    ) -> bool {
        let lone = !header.has_more() && !header.continues();
        if lone || number < self.vouched || at < self.committed_before {
            return true;
        }
        let mut member = *header;
        let mut next = at + entry_bytes(usize::from(header.len), self.word);
        let mut number = number + 1;
        while !header.continues() {
            if !member.has_more() {
                self.right_before = self.right_before.max(next);
                self.committed_before = next;
                return true;
            }
            match self.right_or_mended(page, next, number) {
                Some(header) if header.continues() => {
                    next += entry_bytes(usize::from(header.len), self.word);
                    number += u16::from(header.kind() != CHECKPOINT);
                    member = header;
                }
                _ => break,
            }
        }
        // A member is missing. The group was committed if a later one began when everything before
        // it was on the medium.
        let (from, from_number) = (self.at, self.next);
        (self.at, self.next) = (next, number);
        let later = self.search(page, next, Which::Synced);
        (self.at, self.next) = (from, from_number);
        if let Some((later, ..)) = later {
            self.committed_before = later;
        }
        later.is_some()
    }

    /// Searches word by word from `from` for the next right entry of this sort whose number can
    /// follow.
    fn search(&self, page: &[u8], from: usize, which: Which) -> Option<(usize, EntryHeader, u16)> {
        let least = entry_bytes(0, self.word);
        for at in (from..self.end).step_by(self.word) {
            let Some(header) = EntryHeader::decode(page, at, self.end) else { continue };
            let is_wanted = match which {
                Which::Any => true,
                Which::First => !header.continues(),
                Which::Synced => !header.continues() && header.is_synced(),
            };
            if !is_wanted {
                continue;
            }
            let Some(missing) = self.missing_before(&header, self.next, at) else { continue };
            if usize::from(missing) * least > at - self.at {
                continue;
            }
            if self.frame.is_right(page, at, &header) {
                return Some((at, header, missing));
            }
        }
        None
    }

    /// Returns the number of entries missing between the expected number and this entry's; `None`
    /// when the entry cannot be here at all.
    fn missing_before(&self, header: &EntryHeader, expected: u16, at: usize) -> Option<u16> {
        match header.kind() {
            START => (at == FIRST_ENTRY_AT && header.seq == 0 && expected == 0).then_some(0),
            CHECKPOINT => {
                Some(u16::from(header.seq.wrapping_sub((expected as u8).wrapping_sub(1))))
            }
            _ if at == FIRST_ENTRY_AT => None,
            _ => Some(u16::from(header.seq.wrapping_sub(expected as u8))),
        }
    }

    /// Returns the entry at `at` if it is right and has the expected number, with one flipped bit
    /// mended if need be.
    fn right_or_mended(
        &mut self,
        page: &mut [u8],
        at: usize,
        expected: u16,
    ) -> Option<EntryHeader> {
        if let Some(header) = self.frame.verified(page, at, self.end) {
            return (self.missing_before(&header, expected, at) == Some(0)).then_some(header);
        }
        let (header, bit) = self.frame.mend(page, at, self.end)?;
        let follows = self.missing_before(&header, expected, at) == Some(0) && {
            // The entry behind must not contradict the length and number that were mended.
            let behind = at + entry_bytes(usize::from(header.len), self.word);
            let number = expected + u16::from(header.kind() != CHECKPOINT);
            match self.frame.verified(page, behind, self.end) {
                Some(next) => self.missing_before(&next, number, behind) == Some(0),
                None => true,
            }
        };
        if !follows {
            page[bit / 8] ^= 1 << (bit % 8);
            return None;
        }
        self.corrected += 1;
        Some(header)
    }
}
