//! Cuts a stream of vCard text into pieces of whole cards, without ever holding
//! more than the largest card.

use contactbox_core::vcard::{Boundary, BoundaryPlace, BoundaryScanner};
use std::collections::VecDeque;

/// A piece is sent when it has this many bytes: large enough for one disk sync each to cost little.
const PIECE_BYTES: usize = 256 * 1024;

/// Or this many cards.
const PIECE_CARDS: u64 = 500;

/// The size from which a piece ends before any BEGIN, where vCards have no END.
const UNENDED_BYTES: usize = 4 * 1024 * 1024;

/// A piece of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum SplitEvent {
    /// Whole cards.
    Cards(VcardChunk),
    /// A part of a card, or of text before the first card, that is too large to be sent. It
    /// is let through in parts.
    TooLarge {
        /// The line it begins at, from 1.
        first_line: u64,
        /// The next of its bytes.
        bytes: Vec<u8>,
        /// True when these are its last ones.
        is_end: bool,
        /// True when no BEGIN stands before it.
        is_head: bool,
    },
}

/// Whole cards, as they stand in the file.
#[derive(Debug, PartialEq, Eq)]
pub struct VcardChunk {
    /// The text.
    pub bytes: Vec<u8>,
    /// The line it begins at, from 1.
    pub first_line: u64,
    /// How many cards begin in it.
    pub cards: u64,
}

/// A place before a BEGIN:VCARD.
#[derive(Clone, Copy)]
struct Cut {
    at: usize,
    line: u64,
    cards: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SplitState {
    /// Before the first card.
    Outside,
    Cards,
    /// Within a card that is too large.
    TooLarge,
}

/// Memory for the lines of the scanner beside the largest line of a card.
const SCAN_BYTES: usize = 64 * 1024;

/// Takes bytes, gives pieces.
pub struct Splitter<'m> {
    scanner: BoundaryScanner<'m>,
    card_bytes_max: usize,
    pending: Vec<u8>,
    /// The place in the stream at which `pending` begins.
    offset: u64,
    /// Cards begun in `pending`.
    cards: u64,
    /// Number of the line at the start of `pending`.
    first_line: u64,
    /// The last place where nothing was open.
    cut: Option<Cut>,
    /// The last BEGIN of any kind.
    begun: Option<Cut>,
    place: SplitState,
    /// True when the part that is too large began without a BEGIN.
    is_head: bool,
    /// True when some of the text before the first vCard was dropped.
    is_dropped: bool,
    outside_lines: u64,
    /// The first line with something on it before the first card.
    outside_at: Option<u64>,
    any_card: bool,
    events: VecDeque<SplitEvent>,
}

impl<'m> Splitter<'m> {
    /// The memory for a splitter. It is taken up as far as the longest value needs it.
    pub fn memory(card_bytes_max: usize) -> Vec<u8> {
        vec![0; card_bytes_max.saturating_add(SCAN_BYTES)]
    }

    /// `card_bytes_max` is the largest piece that can be sent, and `memory` is for that.
    pub fn new(card_bytes_max: usize, memory: &'m mut [u8]) -> Self {
        Self {
            scanner: BoundaryScanner::new(memory),
            card_bytes_max,
            pending: Vec::new(),
            offset: 0,
            cards: 0,
            first_line: 1,
            cut: None,
            begun: None,
            place: SplitState::Outside,
            is_head: false,
            is_dropped: false,
            outside_lines: 0,
            outside_at: None,
            any_card: false,
            events: VecDeque::new(),
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let mut found = Vec::new();
        self.scanner.push(bytes, &mut |boundary| found.push(boundary));
        self.take(&found);
        self.bound();
    }

    /// The stream has ended.
    pub fn finish(&mut self) {
        let mut found = Vec::new();
        self.scanner.finish(&mut |boundary| found.push(boundary));
        self.take(&found);
        let end = Cut { at: self.pending.len(), line: self.first_line, cards: self.cards };
        match self.place {
            SplitState::Outside => self.leave_outside(end),
            // A file without any card is told as such.
            SplitState::TooLarge => self.give_too_large(end, self.any_card),
            SplitState::Cards => {
                // The last card alone, when all before it are a piece already.
                if let Some(cut) = self.cut.filter(|cut| cut.at > 0 && end.at > PIECE_BYTES) {
                    self.give(cut);
                }
                self.give(Cut { at: self.pending.len(), cards: self.cards, ..end });
            }
        }
    }

    /// Returns the next piece that is ready.
    pub fn next_event(&mut self) -> Option<SplitEvent> {
        self.events.pop_front()
    }

    /// Returns whether any vCard has begun.
    pub fn has_cards(&self) -> bool {
        self.any_card
    }

    /// Lines with something on them before the first card.
    pub fn outside_lines(&self) -> u64 {
        self.outside_lines
    }

    /// The first of them.
    pub fn outside_at(&self) -> Option<u64> {
        self.outside_at
    }

    fn take(&mut self, found: &[Boundary]) {
        for &boundary in found {
            match boundary {
                Boundary::Begin { at, is_after_end } => self.begin(at, is_after_end),
                Boundary::End(_) => {}
                Boundary::StrayEnd(_) if self.place == SplitState::Outside => {
                    self.end_without_begin();
                }
                Boundary::StrayEnd(_) => self.any_card = true,
                Boundary::Outside(at) if self.place == SplitState::Outside => {
                    self.outside_line(at.line.into());
                }
                Boundary::Outside(_) => {}
            }
        }
    }

    /// A place of the stream in `pending`.
    fn cut_at(&self, at: BoundaryPlace) -> Cut {
        let behind = usize::try_from(at.offset.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let at_max = self.pending.len();
        Cut { at: behind.min(at_max), line: at.line.into(), cards: self.cards }
    }

    fn outside_line(&mut self, line: u64) {
        self.outside_lines += 1;
        self.outside_at.get_or_insert(line);
    }

    /// An END:VCARD before any BEGIN: what stands before it is a card whose start is missing. The
    /// reader is to reject it, so that its text is saved.
    fn end_without_begin(&mut self) {
        self.any_card = true;
        self.place = SplitState::Cards;
        self.outside_is_told();
    }

    /// Notes that the text before the first vCard is rejected, which reports it. Text that was
    /// dropped stays reported here.
    fn outside_is_told(&mut self) {
        if !self.is_dropped {
            self.outside_lines = 0;
            self.outside_at = None;
        }
    }

    fn begin(&mut self, at: BoundaryPlace, is_after_end: bool) {
        let here = self.cut_at(at);
        self.any_card = true;
        match self.place {
            SplitState::Outside => self.leave_outside(here),
            SplitState::TooLarge => self.give_too_large(here, true),
            SplitState::Cards if is_after_end => self.may_cut(here),
            // The card before has no END.
            SplitState::Cards if here.at >= UNENDED_BYTES => self.give(here),
            SplitState::Cards => {}
        }
        self.place = SplitState::Cards;
        self.begun = Some(self.cut_at(at));
        self.cards += 1;
    }

    fn may_cut(&mut self, here: Cut) {
        let before = self.cut.filter(|cut| cut.at > 0);
        if here.at > PIECE_BYTES
            && let Some(cut) = before
        {
            self.give(cut);
            let rest = Cut { at: here.at - cut.at, line: here.line, cards: self.cards };
            self.cut = Some(rest);
            if rest.at >= PIECE_BYTES {
                self.give(rest);
            }
        } else if here.at >= PIECE_BYTES || here.cards >= PIECE_CARDS {
            self.give(here);
        } else {
            self.cut = Some(here);
        }
    }

    /// Holds what is pending within what can be sent.
    fn bound(&mut self) {
        match self.place {
            // A film or an archive: nobody wants a second copy of it.
            SplitState::Outside
                if self.pending.len() > self.card_bytes_max && self.pending.contains(&0) =>
            {
                let decided = self.decided();
                self.drop_front(decided);
                if !std::mem::replace(&mut self.is_dropped, true) && self.outside_at.is_none() {
                    self.outside_line(decided.line);
                }
            }
            // It may be a card whose start is missing: it is kept while it could be sent as one,
            // and then let through, so that whoever saves what was not taken has it.
            SplitState::Outside if self.pending.len() > self.card_bytes_max => {
                self.place = SplitState::TooLarge;
                self.is_head = true;
                self.outside_is_told();
                self.bound();
            }
            SplitState::Outside => {}
            SplitState::Cards if self.pending.len() > self.card_bytes_max => {
                if self.last_cut().is_none() {
                    let mut found = Vec::new();
                    self.scanner.decide(&mut |boundary| found.push(boundary));
                    self.take(&found);
                }
                match self.last_cut() {
                    Some(cut) => self.give(cut),
                    None => self.place = SplitState::TooLarge,
                }
                self.bound();
            }
            SplitState::Cards => {}
            SplitState::TooLarge => {
                let decided = self.decided();
                self.give_too_large(Cut { cards: 0, ..decided }, false);
            }
        }
    }

    /// The last place at which what is pending can be cut.
    fn last_cut(&self) -> Option<Cut> {
        self.cut.or(self.begun).filter(|cut| cut.at > 0)
    }

    /// The place before which no card will begin any more.
    fn decided(&self) -> Cut {
        self.cut_at(self.scanner.undecided_at())
    }

    fn give(&mut self, cut: Cut) {
        let first_line = self.first_line;
        let bytes = self.drop_front(cut);
        if !bytes.is_empty() {
            self.events.push_back(SplitEvent::Cards(VcardChunk {
                bytes,
                first_line,
                cards: cut.cards,
            }));
        }
    }

    fn give_too_large(&mut self, cut: Cut, is_end: bool) {
        // The line the card begins at stays its number.
        let first_line = self.first_line;
        let bytes = self.drop_front(cut);
        if !is_end {
            self.first_line = first_line;
        }
        self.cards = 0;
        let is_head = self.is_head;
        self.is_head &= !is_end;
        if is_end || !bytes.is_empty() {
            self.events.push_back(SplitEvent::TooLarge { first_line, bytes, is_end, is_head });
        }
    }

    fn leave_outside(&mut self, cut: Cut) {
        self.drop_front(cut);
        self.place = SplitState::Cards;
    }

    /// Takes everything before `cut` away; what follows is counted from there.
    fn drop_front(&mut self, cut: Cut) -> Vec<u8> {
        let at = cut.at.min(self.pending.len());
        let rest = self.pending.split_off(at);
        let bytes = std::mem::replace(&mut self.pending, rest);
        let moved = |other: Cut| {
            let at = other.at.checked_sub(at).filter(|at| *at > 0)?;
            Some(Cut { at, line: other.line, cards: other.cards.saturating_sub(cut.cards) })
        };
        self.cut = self.cut.and_then(moved);
        self.begun = self.begun.and_then(moved);
        self.cards = self.cards.saturating_sub(cut.cards);
        self.offset += at as u64;
        self.first_line = cut.line;
        bytes
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
