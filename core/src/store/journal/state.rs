//! The journal's state in RAM: one for each page, and one for each of its two write points.

/// Nothing live, never used, and inside the never-used range of the newest erase intent.
pub(super) const NEVER_USED: u8 = 1;
/// Nothing live, and named by number in an erase intent: the page may be erased.
pub(super) const ERASABLE: u8 = 2;
/// Nothing live, looked through, and to be named in the next erase intent.
pub(super) const EMPTY: u8 = 3;
/// The page holds entries.
pub(super) const USED: u8 = 0;
/// Damaged: the page is in no erase intent and cannot be read.
pub(super) const UNREADABLE: u8 = 4;
/// Only while opening: the whole page reads as erased.
pub(super) const BLANK: u8 = 5;
/// Only while opening: another page tells the order of this one, but the page itself does not show
/// that order, or not yet.
pub(super) const CLAIMED: u8 = 6;
const ROLE_BITS: u16 = 0x07;

/// Entries are missing, and nothing explains why.
pub(super) const HAS_GAP: u16 = 0x08;
/// The page has failed, or one of its entries had to be mended: its entries are to be moved soon.
pub(super) const EVACUATE: u16 = 0x10;
/// The page failed in this run and is not taken again.
pub(super) const FAILED: u16 = 0x20;
/// Only while opening, in the same bit as `FAILED`: the page belongs to the write point of moved
/// entries.
pub(super) const COPIES: u16 = 0x20;
/// Only while opening: a later page of the stream tells how many entries this one had.
pub(super) const FOLLOWED: u16 = 0x40;
/// Once open, in the same bit as `FOLLOWED`: behind the entries known to have been committed,
/// others of a program call that was cut may show.
pub(super) const RAGGED: u16 = 0x40;
/// Only while opening: the page had more entries than were found.
pub(super) const SHORT: u16 = 0x80;
/// A checkpoint confirms the last entry of the page: its tail needs no other witness.
pub(super) const SEALED: u16 = 0x100;
/// The loss of this page might go unnoticed: its entries had counted as given up when the box was
/// opened, or nothing confirms its tail.
pub(super) const UNSURE: u16 = 0x200;

/// The newest erase intent names the page, but its owner has counted on something in it again since
/// the box was opened. Entries missing in it do not matter, because its erase may have been cut. If
/// the erase was cut, the page is emptied before the next erase intent leaves it out.
pub(super) const NAMED: u16 = 0x400;

/// Bits of an erase count: a million, ten times what a page stands.
const ERASE_BITS: u32 = 20;
const ERASES_MAX: u32 = (1 << ERASE_BITS) - 1;

/// The state in RAM of one page: 16 bytes. Only the journal looks inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageState {
    /// Number of the preparation; 0: never prepared or unreadable.
    pub(super) order: u32,
    /// Erases in the low 20 bits, role and marks above.
    wear: u32,
    /// Bytes of live entries.
    pub(super) live: u16,
    /// While opening: entries found, or told of by others. Later: where the written part ends, if
    /// all behind it is certainly untouched, else 0.
    pub(super) tail: u16,
    /// Entries known to have been committed, 0 when unknown. (At first while opening: those of the
    /// page before in the stream.)
    pub(super) vouched: u16,
    /// Order minus that of the page before in the stream; 0 none, `u16::MAX` too far to say.
    pub(super) gap: u16,
}

const _: () = assert!(size_of::<PageState>() == 16);

impl PageState {
    /// The state of a page nothing is known of yet.
    pub const NEW: Self = PageState { order: 0, wear: 0, live: 0, tail: 0, vouched: 0, gap: 0 };

    pub(super) fn erases(&self) -> u32 {
        self.wear & ERASES_MAX
    }

    pub(super) fn set_erases(&mut self, erases: u32) {
        self.wear = self.wear & !ERASES_MAX | erases.min(ERASES_MAX);
    }

    pub(super) fn role(&self) -> u8 {
        ((self.wear >> ERASE_BITS) as u16 & ROLE_BITS) as u8
    }

    pub(super) fn set_role(&mut self, role: u8) {
        self.wear =
            self.wear & !(u32::from(ROLE_BITS) << ERASE_BITS) | u32::from(role) << ERASE_BITS;
    }

    pub(super) fn has(&self, mark: u16) -> bool {
        self.wear & u32::from(mark) << ERASE_BITS != 0
    }

    pub(super) fn mark(&mut self, mark: u16) {
        self.wear |= u32::from(mark) << ERASE_BITS;
    }

    pub(super) fn unmark(&mut self, mark: u16) {
        self.wear &= !(u32::from(mark) << ERASE_BITS);
    }

    /// Takes note, while opening, that the page held this many entries in the end, as another page
    /// says.
    pub(super) fn end_at(&mut self, count: u16) {
        self.mark(FOLLOWED);
        if self.has(UNSURE) {
            // Behind a gap in the page there are more entries. A gap that was on the medium is
            // damage, and the count tells how much is missing. Entries behind the count were
            // written anew elsewhere.
            self.mark(SHORT);
            self.tail = count;
        } else if self.tail < count {
            self.tail = count;
            self.mark(SHORT);
            // A checkpoint that was found does not confirm the missing entries.
            self.unmark(SEALED);
        } else if self.tail > count {
            // The tail was in doubt, and the entries of it that counted were written anew
            // elsewhere.
            self.tail = count;
            self.mark(UNSURE);
        }
    }

    /// Returns whether nothing is live in the page, it is in no erase intent, and the next open may
    /// take it for something else than it is now.
    pub(super) fn is_loose(&self) -> bool {
        self.role() == EMPTY && self.has(HAS_GAP | EVACUATE | UNSURE | RAGGED) && !self.has(FAILED)
    }

    /// Returns whether the page is in an erase intent and fit to be taken.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.role(), NEVER_USED | ERASABLE) && !self.has(FAILED)
    }

    /// Returns whether nothing is live in the page and it is fit to be taken, named in an erase
    /// intent or not yet.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.role(), NEVER_USED | ERASABLE | EMPTY) && !self.has(FAILED)
    }
}

/// A program call at the end of a page of the last run that may have been cut without looking so.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnconfirmedTail {
    pub page: u32,
    /// The offset of its first entry.
    pub at: usize,
}

/// A write point.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WritePoint {
    /// The page entries go to.
    pub page: Option<u32>,
    /// The offset in it of the next entry.
    pub at: usize,
    /// Entries committed in it.
    pub count: u16,
    /// The hint of the last of them.
    pub hint: u16,
    /// True when the last of them is a checkpoint.
    pub vouched: bool,
    /// The sync of the medium after which an entry was last committed to it in this run.
    pub wrote_at: Option<u64>,
    /// True when a page of the other stream tells the end of this one.
    pub anchored: bool,
    /// The order of the page before; 0 when there is none.
    pub previous_order: u32,
    pub previous_page: u32,
    pub previous_count: u16,
    pub previous_hint: u16,
    /// No page is open, and nothing in flash confirms the last entry of the page before.
    pub dangling: bool,
    pub doubt: Option<UnconfirmedTail>,
}

/// The write point of new entries.
pub(super) const HOT: usize = 0;
/// The write point of moved entries.
pub(super) const COLD: usize = 1;

/// Returns the other write point.
pub(super) fn other(stream: usize) -> usize {
    if stream == HOT { COLD } else { HOT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wear_role_and_marks_do_not_touch_each_other() {
        let mut state = PageState::NEW;
        state.set_erases(0x000B_CDEF);
        state.mark(HAS_GAP | FAILED | SEALED | UNSURE | NAMED);
        state.set_role(UNREADABLE);
        state.set_role(EMPTY);
        state.unmark(FAILED);
        assert_eq!((state.erases(), state.role()), (0x000B_CDEF, EMPTY));
        assert!(
            state.has(HAS_GAP)
                && state.has(SEALED)
                && state.has(UNSURE)
                && !state.has(FAILED)
                && state.is_free()
                && !state.is_ready()
        );
    }
}
