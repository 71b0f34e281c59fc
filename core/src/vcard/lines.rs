//! From bytes in pieces of any size to logical lines: line ends, folds, soft
//! breaks, forgotten folds.
//!
//! The memory is one buffer: lines held back at the front, then the logical line so far, then the
//! physical line being read, which may turn out to belong to it; what is left is room for decoding.

use super::line::{EndProgress, Marker, Shape, split};
use super::rejection::{VcardRepair, Warning};
use super::{base64, lookahead};

/// Lines shorter than this were not folded because they were full, but where a blank stood.
const FULL_LINE_BYTES: usize = 72;

/// Room that is always left to decode in, in bytes, unless the memory is less than four times that.
const DECODING_BYTES: usize = 16 * 1024;

/// A longer line is no marker, whatever blanks it has.
const MARKER_BYTES_MAX: usize = 1024;

/// A place in the input: line from 1, byte from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub line: u32,
    pub offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEvent {
    /// A logical line is complete: [`Unfolder::line`]. It is gone at the next call of `next`.
    Line,
    /// A logical line does not fit, and was dropped.
    TooLong,
}

/// The treatment of the bytes of the physical line being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// None has come yet.
    Start,
    /// One blank has come: a fold that may stand for the blank (2.1).
    Blank,
    /// They belong to the logical line.
    Extends,
    /// They stand behind it until their line ends.
    Separate,
    /// They are not kept.
    Dropped,
}

/// The place at which a line was joined to the one before.
#[derive(Clone, Copy, Debug)]
struct Join {
    /// The end of the line before.
    end: usize,
    /// The start of the joined line.
    start: usize,
    /// Its place in the input.
    place: Position,
}

/// Makes logical lines in the caller's memory.
pub(super) struct Unfolder<'b> {
    buffer: &'b mut [u8],
    held: usize,
    line_end: usize,
    next_end: usize,
    within: Within,
    has_line: bool,
    /// The line was handed out by the last event.
    given: bool,
    /// The last unmarked line that was joined: it may still turn out to be a property, when a fold
    /// brings its colon.
    join: Option<Join>,
    /// Bytes behind the line handed out that are the next logical line so far.
    parted_bytes: usize,
    here: Position,
    line_at: Position,
    next_at: Position,
    parted_at: Position,
    /// Carriage returns since the last other byte.
    returns: u32,
    /// Blank lines since the line.
    blanks: u32,
    physical_bytes: usize,
    /// The place in the memory of the fold being read.
    fold_start: usize,
    /// The last line had no end.
    cut: bool,
    /// Line at which NUL bytes were dropped, until it is asked for.
    nul_at: Option<u32>,
    /// Line that was joined to the one before without being marked, until it is asked for.
    joined_at: Option<u32>,
    /// In 2.1 a fold stands where a blank was, and the blank is part of the text.
    pub folds_keep_blanks: bool,
    /// No card is open. Folds mean nothing there: a marker that is set in is one all the same.
    pub is_outside: bool,
}

impl<'b> Unfolder<'b> {
    pub(super) fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffer,
            held: 0,
            line_end: 0,
            next_end: 0,
            within: Within::Start,
            has_line: false,
            given: false,
            join: None,
            parted_bytes: 0,
            here: Position { line: 1, offset: 0 },
            line_at: Position::default(),
            next_at: Position::default(),
            parted_at: Position::default(),
            returns: 0,
            blanks: 0,
            physical_bytes: 0,
            fold_start: 0,
            cut: false,
            nul_at: None,
            joined_at: None,
            folds_keep_blanks: false,
            is_outside: true,
        }
    }

    /// Takes bytes from `input` until a line is complete; `None` when all are taken.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<LineEvent> {
        if self.drop_given()
            && let Some(event) = self.settle()
        {
            return Some(event);
        }
        while let Some(&first) = input.first() {
            if matches!(first, b'\r' | b'\n' | 0) {
                self.take(input, 1);
                if let Some(event) = self.end_or_nul(first) {
                    return Some(event);
                }
                continue;
            }
            if self.returns > 1 {
                // They were no part of one line end, so there were blank lines between them.
                self.here.line += self.returns - 1;
                self.blanks += self.returns - 1;
            }
            self.returns = 0;
            match self.within {
                Within::Start => {
                    if self.start(first) {
                        self.take(input, 1);
                        continue;
                    }
                }
                Within::Blank => {
                    let is_doubled = matches!(first, b' ' | b'\t')
                        || self.line().last().is_some_and(u8::is_ascii_whitespace);
                    if !is_doubled && self.append(b" ") == 0 {
                        return Some(self.overflow());
                    }
                    self.within = Within::Extends;
                }
                Within::Extends | Within::Separate | Within::Dropped => {}
            }
            let Some(len) = self.len_before_glued(first) else {
                if let Some(event) = self.end_glued() {
                    return Some(event);
                }
                continue;
            };
            let line = &input[..input.len().min(len)];
            let len = memchr::memchr3(b'\r', b'\n', 0, line).unwrap_or(line.len());
            let kept = match self.within {
                Within::Dropped => len,
                _ => self.append(&input[..len]),
            };
            self.physical_bytes += kept;
            self.take(input, kept);
            if kept < len {
                return Some(self.overflow());
            }
        }
        None
    }

    /// The lines that are complete because the input is; to be called until `None`.
    pub(super) fn finish(&mut self) -> Option<LineEvent> {
        let is_unsettled = self.drop_given();
        let is_open = self.within != Within::Start;
        self.cut |= is_open && self.within != Within::Dropped;
        let event = if is_open {
            self.end_physical()
        } else {
            is_unsettled.then(|| self.settle()).flatten()
        };
        if event.is_some() {
            return event;
        }
        if self.has_line && !self.part() {
            self.given = true;
        }
        self.given.then_some(LineEvent::Line)
    }

    /// Returns whether the input ends within the line handed out: the line has no end, or its value
    /// is of a kind that goes over many lines.
    pub(super) fn is_cut_off(&self) -> bool {
        let is_last = self.line_end == self.next_end;
        is_last && (self.cut || Shape::of(self.line()).is_open_ended(self.line()))
    }

    fn take(&mut self, input: &mut &[u8], len: usize) {
        *input = input.get(len..).unwrap_or(&[]);
        self.here.offset += len as u64;
    }

    fn end_or_nul(&mut self, byte: u8) -> Option<LineEvent> {
        match byte {
            0 => {
                self.nul_at.get_or_insert(self.here.line);
                None
            }
            b'\n' if self.returns > 0 => {
                // The second half of CR LF, or of the CR CR LF that some phones write.
                self.returns = 0;
                None
            }
            b'\r' if self.returns > 0 => {
                self.returns = self.returns.saturating_add(1);
                None
            }
            _ => {
                self.returns = u32::from(byte == b'\r');
                self.end_physical()
            }
        }
    }

    /// Returns how many bytes may be taken before it is clear whether the physical line is the end
    /// of a vCard to which the next one is glued; `None` when `first` begins that one.
    ///
    /// Files that are joined often end without a line end: `END:VCARDBEGIN:VCARD`.
    fn len_before_glued(&self, first: u8) -> Option<usize> {
        if self.within != Within::Separate {
            return Some(usize::MAX);
        }
        let line = &self.buffer[self.line_end..self.next_end];
        if line.is_empty() && !matches!(first, b'E' | b'e' | b' ' | b'\t' | 0xEF) {
            return Some(usize::MAX);
        }
        match EndProgress::of(line) {
            EndProgress::Other => Some(usize::MAX),
            EndProgress::Partial => Some(1),
            EndProgress::Whole if matches!(first, b'B' | b'b' | 0xEF) => None,
            EndProgress::Whole => Some(1),
        }
    }

    /// Ends the physical line where the next vCard is glued to it.
    fn end_glued(&mut self) -> Option<LineEvent> {
        self.within = Within::Start;
        self.settle()
    }

    /// Decides what a physical line is by its first byte; true when that byte is not part of it.
    fn start(&mut self, first: u8) -> bool {
        self.next_at = self.here;
        let is_fold = matches!(first, b' ' | b'\t')
            && self.has_line
            && Marker::of(self.line()).is_none()
            && !self.ends_in_soft_break();
        if is_fold {
            let stands_for_blank =
                self.folds_keep_blanks && self.physical_bytes < FULL_LINE_BYTES && self.blanks == 0;
            self.within = if stands_for_blank { Within::Blank } else { Within::Extends };
            self.fold_start = self.line_end;
        } else {
            self.within = Within::Separate;
            self.next_end = self.line_end;
        }
        self.physical_bytes = usize::from(is_fold);
        is_fold
    }

    /// Keeps the bytes that fit and returns how many those are.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let kept = bytes.len().min(self.limit().saturating_sub(self.next_end));
        let end = self.next_end + kept;
        self.buffer[self.next_end..end].copy_from_slice(&bytes[..kept]);
        self.next_end = end;
        if self.within != Within::Separate {
            self.line_end = end;
        }
        kept
    }

    /// How far lines may fill the memory, so that there is room left to decode in when a long line
    /// is behind a complete one.
    fn limit(&self) -> usize {
        self.buffer.len() - (self.buffer.len() / 4).min(DECODING_BYTES)
    }

    /// The physical line does not fit behind the logical one. The logical one may be complete; it
    /// is not when what follows could belong to it.
    fn overflow(&mut self) -> LineEvent {
        let is_complete = self.within == Within::Separate
            && self.has_line
            && !self.ends_in_soft_break()
            && !matches!(Shape::of(self.line()), Shape::Base64 { .. });
        if is_complete {
            self.given = self.part() || self.has_line;
            return LineEvent::Line;
        }
        self.join = None;
        self.within = Within::Dropped;
        if !core::mem::take(&mut self.has_line) {
            self.line_at = self.next_at;
        }
        self.line_end = self.held;
        self.next_end = self.held;
        LineEvent::TooLong
    }

    fn end_physical(&mut self) -> Option<LineEvent> {
        self.here.line = self.here.line.saturating_add(1);
        match core::mem::replace(&mut self.within, Within::Start) {
            Within::Start => {
                self.blanks = self.blanks.saturating_add(1);
                None
            }
            Within::Separate => self.settle(),
            Within::Extends if self.is_outside => {
                let fold = self.buffer.get(self.fold_start..self.line_end).unwrap_or(&[]);
                Marker::of(fold)?;
                self.next_end = self.line_end;
                self.line_end = self.fold_start;
                self.settle()
            }
            Within::Blank | Within::Extends | Within::Dropped => None,
        }
    }

    /// The physical line is complete: it is part of the logical one, or the
    /// logical one is complete.
    fn settle(&mut self) -> Option<LineEvent> {
        let next = &self.buffer[self.line_end..self.next_end];
        if next.trim_ascii().is_empty() {
            self.blanks = self.blanks.saturating_add(1);
            self.next_end = self.line_end;
            return None;
        }
        if !self.has_line {
            self.adopt();
            return None;
        }
        if !self.part() {
            if self.joins() {
                return None;
            }
            self.given = true;
        }
        Some(LineEvent::Line)
    }

    /// Parts the line from the one that was joined to it, if that is a property after all; the
    /// line is handed out then.
    fn part(&mut self) -> bool {
        let Some(Join { end, start, place }) = self.join.take() else {
            return false;
        };
        let joined = &self.buffer[start..self.line_end];
        if split(joined).is_none() {
            self.joined_at.get_or_insert(place.line);
            return false;
        }
        self.parted_bytes = joined.len();
        if start == end {
            // Its line end took the place of a backslash.
            self.buffer[end - 1] = b'\\';
        }
        self.buffer.copy_within(start..self.next_end, end);
        self.next_end -= start - end;
        self.line_end = end;
        self.parted_at = place;
        self.given = true;
        true
    }

    fn adopt(&mut self) {
        self.line_end = self.next_end;
        self.line_at = self.next_at;
        self.has_line = true;
        self.blanks = 0;
    }

    /// Joins the physical line to the logical one if it is part of it.
    fn joins(&mut self) -> bool {
        let next = &self.buffer[self.line_end..self.next_end];
        if self.ends_in_soft_break() {
            if Marker::of(next).is_some() {
                return false;
            }
            let soft = self.line().trim_ascii_end().len() - 1;
            self.join_at(self.held + soft, &[]);
            return true;
        }
        if memchr::memchr(b':', next).is_some() && split(next).is_some() {
            return false;
        }
        let shape = Shape::of(self.line());
        if let Shape::Base64 { is_empty } = shape
            && (is_empty || self.blanks == 0)
            && base64::is_piece(next)
        {
            self.join_at(self.line_end, &[]);
            return true;
        }
        // With a quote open in its parameters, what comes next could move the line's own colon.
        let is_whole = |params: &[u8]| params.iter().filter(|&&byte| byte == b'"').count() % 2 == 0;
        let takes_more = split(self.line()).is_some_and(|parts| is_whole(parts.params));
        if next.starts_with(b"#") || !takes_more {
            return false;
        }
        let escapes = self.line().iter().rev().take_while(|&&byte| byte == b'\\').count();
        let end = self.line_end;
        let ends = [b'\n'; 8];
        let (at, between) = if escapes % 2 == 1 && self.blanks == 0 {
            // A line end that was escaped with a backslash in front, as some Outlooks do.
            (end - 1, &ends[..1])
        } else if shape == Shape::Prose {
            (end, &ends[..(self.blanks as usize + 1).min(ends.len())])
        } else {
            return false;
        };
        let joined = self.join_at(at, between);
        if joined {
            self.join = Some(Join { end, start: at + between.len(), place: self.next_at });
        }
        joined
    }

    /// Puts the physical line at `at` in the logical one, behind `between`; false
    /// when it does not fit.
    fn join_at(&mut self, at: usize, between: &[u8]) -> bool {
        let to = at + between.len();
        let len = self.next_end - self.line_end;
        if to + len > self.limit() {
            return false;
        }
        self.buffer.copy_within(self.line_end..self.next_end, to);
        self.buffer[at..to].copy_from_slice(between);
        self.line_end = to + len;
        self.next_end = self.line_end;
        self.blanks = 0;
        true
    }

    /// Returns whether the line ends in the `=` that says that a quoted-printable value goes on.
    fn ends_in_soft_break(&self) -> bool {
        self.blanks == 0
            && self.has_line
            && self.line().trim_ascii_end().ends_with(b"=")
            && Shape::of(self.line()) == Shape::QuotedPrintable
    }

    /// Makes room for the next line; true when there is one that was parted from the one handed out
    /// and the physical line behind it must be settled again.
    fn drop_given(&mut self) -> bool {
        if !core::mem::take(&mut self.given) {
            return false;
        }
        self.buffer.copy_within(self.line_end..self.next_end, self.held);
        self.next_end = self.held + (self.next_end - self.line_end);
        let parted = core::mem::take(&mut self.parted_bytes);
        self.line_end = self.held + parted;
        self.has_line = parted > 0;
        if self.has_line {
            self.line_at = self.parted_at;
            self.blanks = 0;
            return self.within != Within::Separate && self.next_end > self.line_end;
        }
        if self.within != Within::Separate && self.next_end > self.held {
            self.adopt();
        }
        false
    }

    /// The place of the line so far when it is a marker: nothing that follows belongs to it.
    pub(super) fn marker_at(&self) -> Option<Position> {
        let is_whole = matches!(self.within, Within::Start | Within::Separate);
        let is_marker = self.has_line && !self.given && is_whole;
        (is_marker && Marker::of(self.line()).is_some()).then_some(self.line_at)
    }

    /// The first place that may still turn out to be the start of a marker.
    pub(super) fn undecided_at(&self) -> Position {
        let is_growing = self.has_line && self.within != Within::Separate;
        // A joined line may still turn out to be one of its own.
        if let Some(join) = &self.join
            && self.line_end.saturating_sub(join.start) <= MARKER_BYTES_MAX
        {
            join.place
        } else if is_growing && self.line().len() <= MARKER_BYTES_MAX && self.marker_at().is_none()
        {
            self.line_at
        } else if self.within == Within::Separate && self.physical_bytes <= MARKER_BYTES_MAX {
            self.next_at
        } else {
            self.here
        }
    }

    /// The line so far, or the one handed out.
    pub(super) fn line(&self) -> &[u8] {
        &self.buffer[self.held..self.line_end]
    }

    /// Returns the start of the line handed out.
    pub(super) fn line_at(&self) -> Position {
        self.line_at
    }

    /// Returns the start of the line after the one handed out; at the end of the input, that end.
    pub(super) fn next_at(&self) -> Position {
        if self.parted_bytes > 0 {
            self.parted_at
        } else if self.next_end > self.line_end {
            self.next_at
        } else {
            self.here
        }
    }

    /// The last place that was read.
    pub(super) fn here(&self) -> Position {
        self.here
    }

    /// Sets the offset of the next byte, for input that is not fed as it came.
    pub(super) fn set_offset(&mut self, offset: u64) {
        self.here.offset = offset;
    }

    /// The line handed out, and the room behind everything that is kept.
    pub(super) fn parts(&mut self) -> (&mut [u8], &mut [u8]) {
        let (kept, room) = self.buffer.split_at_mut(self.next_end);
        (&mut kept[self.held..self.line_end], room)
    }

    /// All the memory there is for a line.
    pub(super) fn bytes_max(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the repairs since the last call.
    pub(super) fn take_warnings(&mut self) -> [Option<Warning>; 2] {
        let warn = |line: Option<u32>, repair| line.map(|line| Warning { line, repair });
        [
            warn(self.nul_at.take(), VcardRepair::NulBytes),
            warn(self.joined_at.take(), VcardRepair::UnmarkedContinuation),
        ]
    }

    /// Keeps the line handed out at the front of the memory; false when there is no room for it.
    pub(super) fn hold(&mut self) -> bool {
        let len = self.line_end - self.held;
        if self.buffer.len() - self.next_end < lookahead::HEAD_BYTES {
            return false;
        }
        let start = self.held + lookahead::HEAD_BYTES;
        self.buffer.copy_within(self.held..self.next_end, start);
        self.buffer[self.held..start].copy_from_slice(&lookahead::head(len, self.line_at));
        self.held = start + len;
        self.line_end = self.held;
        self.next_end += lookahead::HEAD_BYTES;
        true
    }

    /// The held lines, and the room behind everything that is kept.
    pub(super) fn held(&mut self) -> (&mut [u8], &mut [u8]) {
        let (kept, room) = self.buffer.split_at_mut(self.next_end);
        (&mut kept[..self.held], room)
    }

    /// Forgets the held lines; the line handed out stays, at the front.
    pub(super) fn release(&mut self) {
        self.buffer.copy_within(self.held..self.next_end, 0);
        self.line_end -= self.held;
        self.next_end -= self.held;
        self.held = 0;
    }

    /// Forgets everything, to read another input.
    pub(super) fn reset(&mut self) {
        let buffer = core::mem::take(&mut self.buffer);
        *self = Self::new(buffer);
    }
}
