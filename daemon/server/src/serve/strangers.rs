//! Those who may not come in: turned away for next to nothing, and told of once a second at most.

use contactbox_system::user;
use std::time::{Duration, Instant};

/// A line of the log, and a second's answers to strangers, each so often.
const TIME: Duration = Duration::from_secs(1);

/// Strangers that are told why within that time; the others find the connection closed.
const TOLD: u32 = 20;

/// Counts the strangers.
#[derive(Default)]
pub struct Strangers {
    since: Option<Instant>,
    told: u32,
    /// Turned away since the last line.
    unsaid: u64,
}

impl Strangers {
    /// One more. The name to tell them by, when they are to be told.
    pub fn turn_away(&mut self, id: u32, now: Instant) -> Option<String> {
        let is_new = self.since.is_none_or(|since| now.saturating_duration_since(since) >= TIME);
        if is_new {
            let before = std::mem::take(&mut self.unsaid);
            self.since = Some(now);
            self.told = 0;
            tracing::warn!(user = user::called(id), before, "turned away");
        } else {
            self.unsaid += 1;
        }
        self.told += 1;
        (self.told <= TOLD).then(|| user::called(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b10_few_of_many_are_told() {
        let start = Instant::now();
        let mut strangers = Strangers::default();
        let told = (0..100_000_u32)
            .filter(|one| {
                let now = start + Duration::from_micros(u64::from(*one) * 50);
                strangers.turn_away(4_000_111, now).is_some()
            })
            .count();
        assert_eq!(told, 5 * TOLD as usize, "in five seconds");
        assert_eq!(strangers.unsaid, 20_000 - 1);
    }
}
