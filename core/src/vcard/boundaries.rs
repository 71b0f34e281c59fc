//! Finds where the cards of a text begin and end, by the rules of the [`super::Reader`] and with
//! its own lines, for whoever cuts a text into cards without reading them.

use super::line::{Marker, without_marks};
use super::lines::{LineEvent, Position, Unfolder};
use super::nest::{Nest, NestStep};
use crate::limits::NESTED_CARDS_MAX;

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoundaryPlace {
    /// The line, from 1.
    pub line: u32,
    /// The byte, from 0.
    pub offset: u64,
}

impl From<Position> for BoundaryPlace {
    fn from(at: Position) -> Self {
        Self { line: at.line, offset: at.offset }
    }
}

/// A find, in the order of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// A card begins.
    Begin {
        /// The start of its first line, with the blanks and the byte order mark before it.
        at: BoundaryPlace,
        /// No card is open before it. Otherwise the end of the card before it is missing.
        is_after_end: bool,
    },
    /// The card ends with the line that begins here.
    End(BoundaryPlace),
    /// An end that belongs to no card.
    StrayEnd(BoundaryPlace),
    /// A line outside of any card, or a line and what was folded under it.
    Outside(BoundaryPlace),
}

/// Finds the boundaries of cards in text that comes in pieces of any size.
///
/// A card within a card has none: it is part of the card around it. The text is UTF-8 or another
/// charset that contains ASCII; byte order marks may stand before any card. The memory given bounds
/// the longest property, as it does for the [`super::Reader`]: with less, a fold under a longer
/// property that looks like a `BEGIN` is one.
pub struct BoundaryScanner<'b> {
    lines: Unfolder<'b>,
    nest: Nest,
    is_open: bool,
    /// Cards within the card, until it is clear that they are.
    held: [(BoundaryPlace, bool); NESTED_CARDS_MAX as usize],
    held_count: usize,
    /// The last marker that was held is an end.
    is_held_end: bool,
    /// The place of a marker that was told before its line was handed out.
    told: Option<Position>,
}

impl<'b> BoundaryScanner<'b> {
    /// A scanner with the caller's memory for one property at a time.
    pub fn new(line_buffer: &'b mut [u8]) -> Self {
        Self {
            lines: Unfolder::new(line_buffer),
            nest: Nest::None,
            is_open: false,
            held: [(BoundaryPlace::default(), false); NESTED_CARDS_MAX as usize],
            held_count: 0,
            is_held_end: false,
            told: None,
        }
    }

    /// Scans on.
    pub fn push(&mut self, input: &[u8], sink: &mut impl FnMut(Boundary)) {
        let mut input = input;
        while let Some(event) = self.lines.next(&mut input) {
            self.event(event, false, sink);
        }
        // Nothing that follows belongs to a marker, so it need not wait for the line after it.
        if let Some(at) = self.lines.marker_at()
            && self.told != Some(at)
        {
            self.told = Some(at);
            self.line(at, false, sink);
        }
    }

    /// The text is at its end.
    pub fn finish(&mut self, sink: &mut impl FnMut(Boundary)) {
        while let Some(event) = self.lines.finish() {
            self.event(event, self.lines.is_cut_off(), sink);
        }
        self.release(sink);
    }

    /// Takes the cards within the card that are undecided as cards of their own, as a reader does
    /// that has no memory left to hold them.
    pub fn decide(&mut self, sink: &mut impl FnMut(Boundary)) {
        self.release(sink);
    }

    /// The place before which no card will begin that was not told.
    pub fn undecided_at(&self) -> BoundaryPlace {
        match self.held.get(..self.held_count) {
            Some([(first, _), ..]) => *first,
            _ => self.lines.undecided_at().into(),
        }
    }

    fn event(&mut self, event: LineEvent, is_cut: bool, sink: &mut impl FnMut(Boundary)) {
        let at = self.lines.line_at();
        match event {
            LineEvent::Line if self.told.take_if(|told| *told == at).is_some() => {}
            LineEvent::Line => self.line(at, is_cut, sink),
            // A line that does not fit is no marker.
            LineEvent::TooLong => {
                self.release(sink);
                if !self.is_open {
                    sink(Boundary::Outside(at.into()));
                }
            }
        }
    }

    fn line(&mut self, at: Position, is_cut: bool, sink: &mut impl FnMut(Boundary)) {
        let marker = Marker::of(self.lines.line());
        let at = BoundaryPlace::from(at);
        if self.is_open && is_cut {
            // The input ends within this line, so nobody knows what it would have been.
            if matches!(self.nest, Nest::Agent { .. }) {
                return;
            }
            self.release(sink);
        } else if self.is_open {
            match self.nest.step(self.lines.line()) {
                NestStep::Hold(next) if self.has_room(at) => {
                    self.hold(next, marker, at);
                    return;
                }
                NestStep::Agents => self.forget(),
                NestStep::Hold(_) | NestStep::Replay => self.release(sink),
            }
        }
        match (marker, self.is_open) {
            (Some(Marker::Begin), is_open) => {
                sink(Boundary::Begin { at, is_after_end: !is_open });
                self.set_open(true);
            }
            (Some(Marker::End), true) => {
                sink(Boundary::End(at));
                self.set_open(false);
            }
            (Some(Marker::End), false) => sink(Boundary::StrayEnd(at)),
            (None, false) if !without_marks(self.lines.line()).is_empty() => {
                sink(Boundary::Outside(at));
            }
            (None, _) => {}
        }
    }

    /// Returns whether what is held would fit in the memory of a reader, which holds its text.
    fn has_room(&self, at: BoundaryPlace) -> bool {
        let first = match self.held.get(..self.held_count) {
            Some([(first, _), ..]) => first.offset,
            _ => return true,
        };
        at.offset.saturating_sub(first) <= self.lines.bytes_max() as u64
    }

    fn hold(&mut self, next: Nest, marker: Option<Marker>, at: BoundaryPlace) {
        self.nest = next;
        match (next, marker) {
            (Nest::Agent { depth: 0 }, _) => self.forget(),
            (Nest::Unclear { .. }, Some(Marker::Begin)) => {
                if let Some(slot) = self.held.get_mut(self.held_count) {
                    *slot = (at, self.is_held_end);
                    self.held_count += 1;
                }
                self.is_held_end = false;
            }
            (Nest::Unclear { .. }, Some(Marker::End)) => self.is_held_end = true,
            (Nest::Unclear { .. }, None)
            | (Nest::None | Nest::Announced | Nest::Agent { .. }, _) => {}
        }
    }

    /// The cards held are cards within the card.
    fn forget(&mut self) {
        self.nest = Nest::None;
        self.held_count = 0;
        self.is_held_end = false;
    }

    /// The cards held, if any, are cards like any other. That of an `AGENT` never is.
    fn release(&mut self, sink: &mut impl FnMut(Boundary)) {
        if matches!(self.nest, Nest::Agent { .. }) {
            return;
        }
        let held = self.held.get(..self.held_count).unwrap_or(&[]);
        for &(at, is_after_end) in held {
            sink(Boundary::Begin { at, is_after_end });
        }
        if !held.is_empty() {
            self.set_open(!self.is_held_end);
        }
        self.forget();
    }

    fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
        self.lines.is_outside = !is_open;
    }
}

#[cfg(test)]
#[path = "boundaries_tests.rs"]
mod tests;
