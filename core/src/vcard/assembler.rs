//! Cards out of logical lines: begin, properties, end; what is repaired and what is rejected.

use super::charset::Charset;
use super::line::{Marker, without_marks};
use super::lines::Position;
use super::property::{LineFault, PropertyReader, Read, Syntax};
use super::rejection::{Reason, Rejection, Span, VcardRepair, Warning};
use crate::contact::Property;

/// Takes what the [`super::Reader`] finds, in the order of the input.
///
/// Each card is `begin`, then `content` for each property, then `end` or `rejected`. What was
/// gathered of a card that is rejected is to be thrown away.
pub trait VcardSink {
    /// A card begins at a line.
    fn begin(&mut self, line: u32);

    /// A property of the card. A photo is [`crate::contact::Value::Bytes`] of any length here.
    fn content(&mut self, content: &Property<'_>);

    /// The card is complete.
    fn end(&mut self, span: &Span);

    /// The card is not taken; or the input has none.
    fn rejected(&mut self, rejection: &Rejection);

    /// Something was repaired.
    fn warning(&mut self, warning: Warning) {
        let _ = warning;
    }
}

/// A logical line, where it is, and where the next one is.
pub(super) struct LogicalLine<'l> {
    pub bytes: &'l mut [u8],
    /// Memory to decode into.
    pub free: &'l mut [u8],
    pub at: Position,
    pub next: Position,
    /// The input ends within it.
    pub is_cut: bool,
}

/// The card being read, if one is.
pub(super) struct Assembler {
    open: Option<Position>,
    syntax: Option<Syntax>,
    has_contents: bool,
    /// Why it will be rejected at its end, and the line that did it.
    fault: Option<(Reason, u32)>,
    /// Cards within a card that will be rejected, whose ends are not its end.
    depth: u32,
    /// First line outside of any card since the last one.
    stray_at: Option<Position>,
    has_card: bool,
    bytes_max: usize,
}

impl Assembler {
    /// No card so far; lines have `bytes_max` bytes of memory.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            open: None,
            syntax: None,
            has_contents: false,
            fault: None,
            depth: 0,
            stray_at: None,
            has_card: false,
            bytes_max,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Returns whether a vCard is open and will not be rejected.
    pub(super) fn is_reading(&self) -> bool {
        self.open.is_some() && self.fault.is_none()
    }

    pub(super) fn is_version_2(&self) -> bool {
        self.syntax == Some(Syntax::V2)
    }

    /// One line. A `BEGIN` within a card means that the card's end is missing.
    pub(super) fn line<C: Charset>(
        &mut self,
        line: LogicalLine<'_>,
        charsets: &mut C,
        sink: &mut impl VcardSink,
    ) {
        let marker = Marker::of(line.bytes);
        if self.open.is_none() {
            self.outside(marker, &line, sink);
        } else if self.fault.is_some() {
            self.skip(marker, &line, sink);
        } else {
            match marker {
                Some(Marker::Begin) => {
                    self.end_before(line.at, sink);
                    self.begin(line.at, sink);
                }
                Some(Marker::End) => self.close(line.at.line, line.next.offset, sink),
                None if line.is_cut => self.reject(Reason::CutOff, line.at.line),
                None => self.property(line.bytes, line.free, line.at.line, charsets, sink),
            }
        }
    }

    /// A property of the card.
    pub(super) fn property<C: Charset>(
        &mut self,
        line: &mut [u8],
        free: &mut [u8],
        number: u32,
        charsets: &mut C,
        sink: &mut impl VcardSink,
    ) {
        let mut properties = PropertyReader {
            syntax: self.syntax.unwrap_or(Syntax::V3),
            charsets,
            warn: |repair| sink.warning(Warning { line: number, repair }),
        };
        match properties.read(line, free) {
            Ok(Read::Property(content)) => {
                self.has_contents = true;
                sink.content(&content);
            }
            Ok(Read::Nothing) => {}
            Ok(Read::Version(version)) => {
                self.syntax = Syntax::of(version).or_else(|| {
                    sink.warning(Warning { line: number, repair: VcardRepair::UnknownVersion });
                    Some(Syntax::V4)
                });
            }
            Err(LineFault::Full) => self.too_large(number),
            Err(LineFault::Because(reason)) => self.reject(reason, number),
        }
    }

    /// A card within the card, written as 3.0 does.
    pub(super) fn agent<C: Charset>(
        &mut self,
        line: &mut [u8],
        free: &mut [u8],
        number: u32,
        charsets: &mut C,
        sink: &mut impl VcardSink,
    ) {
        sink.warning(Warning { line: number, repair: VcardRepair::NestedCard });
        let syntax = self.syntax.replace(Syntax::V3);
        self.property(line, free, number, charsets, sink);
        self.syntax = syntax;
    }

    /// A line that did not fit.
    pub(super) fn too_long(&mut self, at: Position) {
        if self.open.is_some() {
            self.too_large(at.line);
        } else {
            self.stray_at.get_or_insert(at);
        }
    }

    /// Something does not fit: the card will be rejected, at the end of those `depth` cards in it.
    pub(super) fn too_large_within(&mut self, line: u32, depth: u32) {
        self.too_large(line);
        self.depth = depth;
    }

    fn too_large(&mut self, line: u32) {
        self.reject(Reason::TooLarge { bytes_max: self.bytes_max }, line);
    }

    /// The card will be rejected at its end.
    pub(super) fn reject(&mut self, reason: Reason, line: u32) {
        self.fault.get_or_insert((reason, line));
    }

    /// The card ends where something else begins.
    pub(super) fn end_before(&mut self, at: Position, sink: &mut impl VcardSink) {
        if self.fault.is_none() {
            sink.warning(Warning { line: at.line, repair: VcardRepair::MissingEnd });
        }
        self.close(at.line.saturating_sub(1), at.offset, sink);
    }

    /// The input ends here.
    pub(super) fn finish(&mut self, here: Position, sink: &mut impl VcardSink) {
        if self.open.is_some() {
            if !self.has_contents {
                self.reject(Reason::CutOff, here.line);
            }
            self.end_before(here, sink);
        } else if !self.has_card {
            let first = self.stray_at.unwrap_or(Position { line: 1, offset: 0 });
            sink.rejected(&Rejection {
                line: first.line,
                at: first.line,
                reason: if self.stray_at.is_some() { Reason::NotVcard } else { Reason::Empty },
                bytes: first.offset..here.offset,
            });
            return;
        }
        self.warn_of_stray(sink);
    }

    fn begin(&mut self, at: Position, sink: &mut impl VcardSink) {
        self.warn_of_stray(sink);
        *self = Self { open: Some(at), has_card: true, ..Self::new(self.bytes_max) };
        sink.begin(at.line);
    }

    fn warn_of_stray(&mut self, sink: &mut impl VcardSink) {
        if let Some(at) = self.stray_at.take() {
            sink.warning(Warning { line: at.line, repair: VcardRepair::OutsideCard });
        }
    }

    fn close(&mut self, line_last: u32, end: u64, sink: &mut impl VcardSink) {
        let Some(begin) = self.open else {
            return;
        };
        if !self.has_contents {
            self.reject(Reason::NoProperties, begin.line);
        }
        let bytes = begin.offset..end;
        match self.fault {
            Some((reason, at)) => {
                sink.rejected(&Rejection { line: begin.line, at, reason, bytes });
            }
            None => {
                if self.syntax.is_none() {
                    sink.warning(Warning { line: begin.line, repair: VcardRepair::MissingVersion });
                }
                sink.end(&Span { line: begin.line, line_last, bytes });
            }
        }
        *self = Self { has_card: true, ..Self::new(self.bytes_max) };
    }

    fn outside(
        &mut self,
        marker: Option<Marker>,
        line: &LogicalLine<'_>,
        sink: &mut impl VcardSink,
    ) {
        match marker {
            Some(Marker::Begin) => self.begin(line.at, sink),
            Some(Marker::End) => {
                let first = self.stray_at.take().unwrap_or(line.at);
                self.has_card = true;
                sink.rejected(&Rejection {
                    line: first.line,
                    at: line.at.line,
                    reason: Reason::NoBegin,
                    bytes: first.offset..line.next.offset,
                });
            }
            None if without_marks(line.bytes).is_empty() => {}
            None => {
                self.stray_at.get_or_insert(line.at);
            }
        }
    }

    /// A line of a card that will be rejected: only its end counts.
    fn skip(&mut self, marker: Option<Marker>, line: &LogicalLine<'_>, sink: &mut impl VcardSink) {
        match (marker, self.depth) {
            (None, _) => {}
            (Some(Marker::Begin), 0) => {
                self.end_before(line.at, sink);
                self.begin(line.at, sink);
            }
            (Some(Marker::End), 0) => self.close(line.at.line, line.next.offset, sink),
            (Some(Marker::Begin), _) => self.depth = self.depth.saturating_add(1),
            (Some(Marker::End), _) => self.depth -= 1,
        }
    }
}
