//! The reader: bytes in pieces of any size in, cards out; and cards within cards.

use super::assembler::{Assembler, LogicalLine, VcardSink};
use super::charset::Charset;
use super::input::Input;
use super::lines::{LineEvent, Position, Unfolder};
use super::lookahead;
use super::nest::{Nest, NestStep};

/// Reads vCard 2.1, 3.0 and 4.0 from bytes that come in pieces of any size.
///
/// Folds, line ends of all kinds, byte order marks and UTF-16, quoted-printable, base64 and
/// charsets are undone; the contents are in the one form that [`crate::contact::Value`] describes.
/// The memory given bounds the longest property: a photo needs four thirds of its size and 16 KiB.
///
/// A card that cannot be taken costs that card alone. Cards within a card become its `AGENT`s.
pub struct Reader<'b, C> {
    input: Input,
    lines: Unfolder<'b>,
    charsets: C,
    cards: Assembler,
    nest: Nest,
}

impl<'b, C: Charset> Reader<'b, C> {
    /// A reader with the caller's memory for one property at a time.
    pub fn new(line_buffer: &'b mut [u8], charsets: C) -> Self {
        let cards = Assembler::new(line_buffer.len());
        Self {
            input: Input::new(),
            lines: Unfolder::new(line_buffer),
            charsets,
            cards,
            nest: Nest::None,
        }
    }

    /// Reads on.
    pub fn push(&mut self, input: &[u8], sink: &mut impl VcardSink) {
        let mut input = input;
        while let Some(piece) = self.input.next(&mut input) {
            self.feed(piece.bytes.get(), piece.offset, sink);
        }
    }

    /// The input is at its end. After this the reader is as new.
    pub fn finish(&mut self, sink: &mut impl VcardSink) {
        if let Some(piece) = self.input.finish() {
            self.feed(piece.bytes.get(), piece.offset, sink);
        }
        self.lines.set_offset(self.input.offset());
        let mut is_cut = false;
        while let Some(event) = self.lines.finish() {
            is_cut = self.lines.is_cut_off();
            self.event(event, is_cut, sink);
        }
        let here = self.lines.here();
        match self.nest {
            Nest::None => {}
            Nest::Agent { .. } if is_cut => self.cards.reject(super::Reason::CutOff, here.line),
            Nest::Agent { .. } => self.agents(sink),
            Nest::Announced | Nest::Unclear { .. } => self.replay(here, is_cut, sink),
        }
        self.cards.finish(here, sink);
        self.input = Input::new();
        self.lines.reset();
        self.cards = Assembler::new(self.lines.bytes_max());
        self.nest = Nest::None;
    }

    fn feed(&mut self, bytes: &[u8], offset: u64, sink: &mut impl VcardSink) {
        self.lines.set_offset(offset);
        let mut bytes = bytes;
        while let Some(event) = self.lines.next(&mut bytes) {
            self.event(event, false, sink);
        }
    }

    fn event(&mut self, event: LineEvent, is_cut: bool, sink: &mut impl VcardSink) {
        self.warn(sink);
        match event {
            LineEvent::Line => self.line(is_cut, sink),
            LineEvent::TooLong => {
                let at = self.lines.line_at();
                match self.nest {
                    Nest::Agent { depth } => {
                        self.nest = Nest::None;
                        self.lines.release();
                        self.cards.too_large_within(at.line, depth);
                    }
                    Nest::None | Nest::Announced | Nest::Unclear { .. } => {
                        self.replay(at, false, sink);
                        self.cards.too_long(at);
                    }
                }
            }
        }
        self.lines.folds_keep_blanks = self.cards.is_version_2();
        self.lines.is_outside = !self.cards.is_open();
        // Repairs in the line behind the one that began a vCard waited for that.
        self.warn(sink);
    }

    /// Tells what was repaired in the lines of the card that is open.
    fn warn(&mut self, sink: &mut impl VcardSink) {
        if !self.cards.is_open() {
            return;
        }
        let warnings = self.lines.take_warnings();
        if self.cards.is_reading() {
            warnings.into_iter().flatten().for_each(|warning| sink.warning(warning));
        }
    }

    /// The logical line handed out.
    fn line(&mut self, is_cut: bool, sink: &mut impl VcardSink) {
        if self.cards.is_reading() && !is_cut {
            match self.nest.step(self.lines.line()) {
                NestStep::Hold(next) if self.lines.hold() => {
                    self.nest = next;
                    if next == (Nest::Agent { depth: 0 }) {
                        self.agents(sink);
                    }
                    return;
                }
                NestStep::Hold(Nest::Agent { depth }) => {
                    self.nest = Nest::None;
                    self.cards.too_large_within(self.lines.line_at().line, depth);
                    self.lines.release();
                    return;
                }
                NestStep::Agents => self.agents(sink),
                NestStep::Hold(_) | NestStep::Replay => {}
            }
        }
        if matches!(self.nest, Nest::Agent { .. }) {
            // Cut off within the card of an AGENT.
            return;
        }
        self.replay(self.lines.line_at(), false, sink);
        let (at, next) = (self.lines.line_at(), self.lines.next_at());
        let (bytes, free) = self.lines.parts();
        self.cards.line(LogicalLine { bytes, free, at, next, is_cut }, &mut self.charsets, sink);
    }

    /// The held lines are cards within the card: each is kept as an `AGENT`.
    fn agents(&mut self, sink: &mut impl VcardSink) {
        self.nest = Nest::None;
        let mut from = 0;
        loop {
            let (held, room) = self.lines.held();
            let Some(first) = lookahead::get(held, from).filter(|_| self.cards.is_reading()) else {
                break;
            };
            let Some((next, len)) = lookahead::compose_agent(held, from, room) else {
                self.cards.too_long(first.at);
                break;
            };
            from = next;
            let (line, free) = room.split_at_mut(len);
            self.cards.agent(line, free, first.at.line, &mut self.charsets, sink);
        }
        self.lines.release();
    }

    /// The held lines, if any, are lines like any other: a card that begins among them begins where
    /// the end of the one before is missing. Behind them comes `after`.
    fn replay(&mut self, after: Position, is_cut: bool, sink: &mut impl VcardSink) {
        self.nest = Nest::None;
        let mut from = 0;
        loop {
            let (lines, free) = self.lines.held();
            let Some(held) = lookahead::get(lines, from) else {
                break;
            };
            from = held.range.end;
            let next = lookahead::get(lines, from).map(|next| next.at);
            let bytes = lines.get_mut(held.range).unwrap_or(&mut []);
            let line = LogicalLine {
                bytes,
                free,
                at: held.at,
                next: next.unwrap_or(after),
                is_cut: is_cut && next.is_none(),
            };
            self.cards.line(line, &mut self.charsets, sink);
        }
        self.lines.release();
    }
}
