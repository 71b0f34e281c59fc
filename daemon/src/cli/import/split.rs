//! Cuts a stream of vCard text into pieces of whole cards, without ever holding
//! more than the largest card.

use std::collections::VecDeque;

/// A piece is sent when it has this many bytes: large enough for one disk sync each to cost little.
const PIECE_BYTES: usize = 256 * 1024;

/// Or this many cards.
const PIECE_CARDS: u64 = 500;

/// Where cards have no END, a piece ends before any BEGIN once it has this many bytes.
const UNENDED_BYTES: usize = 4 * 1024 * 1024;

/// What comes out of a stream.
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
        /// Whether these are its last ones.
        is_end: bool,
        /// Whether no BEGIN stands before it.
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

/// Takes bytes, gives pieces.
pub struct Splitter {
    card_bytes_max: usize,
    pending: Vec<u8>,
    /// Lines up to here have been looked at.
    scanned: usize,
    /// Cards begun in what was looked at.
    cards: u64,
    /// Number of the line at `scanned`.
    line: u64,
    /// Number of the line at the start of `pending`.
    first_line: u64,
    /// The last place where nothing was open.
    cut: Option<Cut>,
    /// The last BEGIN of any kind.
    begun: Option<Cut>,
    depth: u32,
    after_agent: bool,
    /// Whether the start of the line at `scanned` has been given away.
    is_mid_line: bool,
    place: SplitState,
    /// Whether what is too large began without a BEGIN.
    is_head: bool,
    /// Whether some of what stood before the first card was dropped.
    is_dropped: bool,
    outside_lines: u64,
    /// The first line with something on it before the first card.
    outside_at: Option<u64>,
    /// Lines in a row, up to `scanned`, that a lone CR ended.
    returns: u64,
    any_card: bool,
    events: VecDeque<SplitEvent>,
}

impl Splitter {
    /// `card_bytes_max` is the largest piece that can be sent.
    pub fn new(card_bytes_max: usize) -> Self {
        Self {
            card_bytes_max,
            pending: Vec::new(),
            scanned: 0,
            cards: 0,
            line: 1,
            first_line: 1,
            cut: None,
            begun: None,
            depth: 0,
            after_agent: false,
            is_mid_line: false,
            place: SplitState::Outside,
            is_head: false,
            is_dropped: false,
            outside_lines: 0,
            outside_at: None,
            returns: 0,
            any_card: false,
            events: VecDeque::new(),
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.scan(false);
        self.bound();
    }

    /// The stream has ended.
    pub fn finish(&mut self) {
        self.scan(true);
        let end = Cut { at: self.pending.len(), line: self.line, cards: self.cards };
        match self.place {
            SplitState::Outside => self.leave_outside(end),
            // A file without any card is told as such.
            SplitState::TooLarge => self.give_too_large(end, self.any_card),
            SplitState::Cards => {
                // The last card alone, when all before it are a piece already.
                if let Some(cut) = self.cut.filter(|cut| cut.at > 0 && end.at > PIECE_BYTES) {
                    self.give(cut);
                }
                self.give(Cut { at: self.pending.len(), ..end });
            }
        }
    }

    /// What is ready.
    pub fn next_event(&mut self) -> Option<SplitEvent> {
        self.events.pop_front()
    }

    /// Whether any card has begun.
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

    fn scan(&mut self, is_end: bool) {
        while let Some(next) = self.line_end(is_end) {
            let start = self.scanned;
            let line = self.pending.get(start..next).unwrap_or_default();
            let was_mid_line = std::mem::take(&mut self.is_mid_line);
            let kind = if was_mid_line { StreamKind::Other } else { StreamKind::of(line) };
            let ending = if was_mid_line { Ending::Other } else { Ending::of(line) };
            match kind {
                StreamKind::Begin => self.begin(),
                StreamKind::End if self.place == SplitState::Outside => self.end_without_begin(),
                StreamKind::End => {
                    self.any_card = true;
                    self.depth = self.depth.saturating_sub(1);
                }
                StreamKind::Other if self.place == SplitState::Outside && !was_mid_line => {
                    self.outside_line()
                }
                _ => {}
            }
            if kind != StreamKind::Blank {
                self.after_agent = kind == StreamKind::Agent;
            }
            // Giving a piece moved what follows to the front.
            self.scanned += next - start;
            self.count_line(ending);
        }
    }

    /// Lines are counted as the reader of cards counts them: the CR CR LF of some
    /// phones ends one line.
    fn count_line(&mut self, ending: Ending) {
        self.line += 1;
        match ending {
            Ending::Return { is_alone: true } => self.returns += 1,
            Ending::Return { is_alone: false } => self.returns = 1,
            Ending::Pair => {
                self.line = self.line.saturating_sub(std::mem::take(&mut self.returns));
            }
            Ending::Other => self.returns = 0,
        }
    }

    fn outside_line(&mut self) {
        self.outside_lines += 1;
        self.outside_at.get_or_insert(self.line);
    }

    /// An END:VCARD before any BEGIN: what stands before it is a card whose start is missing. The
    /// reader is to reject it, so that its text is saved.
    fn end_without_begin(&mut self) {
        self.any_card = true;
        self.place = SplitState::Cards;
        self.outside_is_told();
    }

    /// What stood before the first card is rejected, which is told of it; but for
    /// what nobody has any more.
    fn outside_is_told(&mut self) {
        if !self.is_dropped {
            self.outside_lines = 0;
            self.outside_at = None;
        }
    }

    /// The end of the line at `scanned`, behind its CRLF, LF or lone CR.
    fn line_end(&self, is_end: bool) -> Option<usize> {
        let rest = self.pending.get(self.scanned..)?;
        let Some(at) = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r') else {
            return (is_end && !rest.is_empty()).then_some(self.pending.len());
        };
        let behind = self.scanned + at + 1;
        match (rest.get(at), rest.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => Some(behind + 1),
            // Whether a LF follows is not known yet.
            (Some(b'\r'), None) if !is_end => None,
            _ => Some(behind),
        }
    }

    /// A BEGIN:VCARD stands at `scanned`.
    fn begin(&mut self) {
        let here = Cut { at: self.scanned, line: self.line, cards: self.cards };
        self.any_card = true;
        let is_nested = self.after_agent && self.depth > 0;
        if is_nested {
            self.depth += 1;
            return;
        }
        match self.place {
            SplitState::Outside => self.leave_outside(here),
            SplitState::TooLarge => self.give_too_large(here, true),
            SplitState::Cards if self.depth == 0 => self.may_cut(here),
            // The card before has no END; or this one is inside of it.
            SplitState::Cards if here.at >= UNENDED_BYTES => self.give(here),
            SplitState::Cards => {}
        }
        self.place = SplitState::Cards;
        self.depth = 1;
        self.begun = Some(Cut { at: self.scanned, line: self.line, cards: self.cards });
        self.cards += 1;
    }

    fn may_cut(&mut self, here: Cut) {
        let before = self.cut.filter(|cut| cut.at > 0);
        if here.at > PIECE_BYTES
            && let Some(cut) = before
        {
            self.give(cut);
            let rest = Cut { at: self.scanned, line: here.line, cards: self.cards };
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
                let (at, line) = (self.scanned, self.line);
                self.drop_front(Cut { at, line, cards: 0 });
                self.is_dropped = true;
                // A line longer than any line that matters: the start of it is enough.
                if self.pending.len() > 1024 {
                    self.pending.clear();
                    if !std::mem::replace(&mut self.is_mid_line, true) {
                        self.outside_line();
                    }
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
                let cut = self.cut.or(self.begun).filter(|cut| cut.at > 0);
                match cut {
                    Some(cut) => self.give(cut),
                    None => self.place = SplitState::TooLarge,
                }
                self.bound();
            }
            SplitState::Cards => {}
            SplitState::TooLarge => {
                // The line that is not complete stays, unless it alone is long.
                let rest = self.pending.len() - self.scanned;
                let at = if rest > 1024 { self.pending.len() } else { self.scanned };
                self.is_mid_line |= at > self.scanned;
                self.give_too_large(Cut { at, line: self.line, cards: 0 }, false);
            }
        }
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
        self.scanned = self.scanned.saturating_sub(at);
        self.first_line = cut.line;
        bytes
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StreamKind {
    Begin,
    End,
    /// `AGENT:` with nothing behind it: the card that follows is inside of this one.
    Agent,
    Blank,
    Other,
}

impl StreamKind {
    fn of(line: &[u8]) -> Self {
        let line = line.trim_ascii_end();
        match line.first() {
            None => Self::Blank,
            Some(b'B' | b'b') if is_mark(line, b"BEGIN") => Self::Begin,
            Some(b'E' | b'e') if is_mark(line, b"END") => Self::End,
            Some(b'A' | b'a')
                if line.ends_with(b":")
                    && line[..line.len().min(5)].eq_ignore_ascii_case(b"AGENT") =>
            {
                Self::Agent
            }
            // Some programs set lines in.
            Some(b' ' | b'\t') if is_mark(line.trim_ascii(), b"BEGIN") => Self::Begin,
            _ => Self::Other,
        }
    }
}

/// What a line ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// A CR without a LF, perhaps all there is of the line.
    Return {
        is_alone: bool,
    },
    /// CR LF and nothing else.
    Pair,
    Other,
}

impl Ending {
    fn of(line: &[u8]) -> Self {
        match line {
            b"\r\n" => Self::Pair,
            [.., b'\r'] => Self::Return { is_alone: line.len() == 1 },
            _ => Self::Other,
        }
    }
}

/// `BEGIN:VCARD`, whatever the case and the blanks around the colon.
fn is_mark(line: &[u8], word: &[u8]) -> bool {
    let mut parts = line.splitn(2, |&byte| byte == b':');
    let mut part = || parts.next().unwrap_or_default().trim_ascii();
    part().eq_ignore_ascii_case(word) && part().eq_ignore_ascii_case(b"VCARD")
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
