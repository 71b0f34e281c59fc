//! Decides line by line whether a card that begins within a card belongs to it.

use super::line::{Marker, split};
use crate::limits::NESTED_CARDS_MAX;

/// The cards within the card. Their lines are held until it is clear what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nest {
    None,
    /// An `AGENT` without a value: a card should follow.
    Announced,
    /// The card of an `AGENT`, `depth` deep.
    Agent {
        depth: u32,
    },
    /// A `BEGIN` out of nowhere: a card within the card, or the end of this one is missing.
    Unclear {
        depth: u32,
        cards: u32,
    },
}

/// The decision about a line of an open card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NestStep {
    /// It is held behind the lines held before it.
    Hold(Nest),
    /// The held lines are cards within the card. The line itself is one of the card.
    Agents,
    /// The held lines are lines like any other, and so is this one.
    Replay,
}

impl Nest {
    /// Decides about the next line of the card.
    pub(super) fn step(self, line: &[u8]) -> NestStep {
        let marker = Marker::of(line);
        match (self, marker) {
            (Self::None, Some(Marker::Begin)) => {
                NestStep::Hold(Self::Unclear { depth: 1, cards: 1 })
            }
            (Self::None, _) if is_announcement(line) => NestStep::Hold(Self::Announced),
            (Self::None, _) => NestStep::Replay,
            (Self::Announced, Some(Marker::Begin)) => NestStep::Hold(Self::Agent { depth: 1 }),
            (Self::Announced, _) => NestStep::Replay,
            (Self::Agent { depth }, Some(Marker::Begin)) => {
                NestStep::Hold(Self::Agent { depth: depth.saturating_add(1) })
            }
            (Self::Agent { depth }, Some(Marker::End)) => {
                NestStep::Hold(Self::Agent { depth: depth.saturating_sub(1) })
            }
            (Self::Unclear { cards, .. }, Some(Marker::Begin)) if cards >= NESTED_CARDS_MAX => {
                NestStep::Replay
            }
            (Self::Unclear { depth, cards }, Some(Marker::Begin)) => {
                NestStep::Hold(Self::Unclear { depth: depth + 1, cards: cards + 1 })
            }
            // The card goes on, so what is held was within it.
            (Self::Unclear { depth: 0, .. }, Some(Marker::End)) => NestStep::Agents,
            (Self::Unclear { depth: 0, .. }, None) if split(line).is_some() => NestStep::Agents,
            (Self::Unclear { depth: 0, .. }, None) => NestStep::Replay,
            (Self::Unclear { depth, cards }, Some(Marker::End)) => {
                NestStep::Hold(Self::Unclear { depth: depth - 1, cards })
            }
            (unchanged, None) => NestStep::Hold(unchanged),
        }
    }
}

/// Returns whether a line is an `AGENT` whose card is to follow.
fn is_announcement(line: &[u8]) -> bool {
    split(line).is_some_and(|parts| {
        parts.name.eq_ignore_ascii_case(b"AGENT")
            && line.get(parts.value_at..).is_none_or(|value| value.trim_ascii().is_empty())
    })
}
