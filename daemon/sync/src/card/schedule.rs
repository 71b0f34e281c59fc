//! When a backup is due: by what is not in it, and by a clock that nobody sets.
//!
//! The marks of the box tell whether something is not in it. They do not tell how long that has
//! been so: the times of a box may be of another box, or of a clock that was wrong.

use std::time::{Duration, Instant};

/// How long what is not in a backup waits where nobody knows how long it has waited: when there is
/// no backup yet, or when an earlier run of the daemon has left it.
const FIRST_TIME: Duration = Duration::from_secs(5);

/// The schedule of the backups in one place.
pub(super) struct Schedule {
    /// How long something may wait for its backup.
    wait_max: Duration,
    /// When this run made the last backup.
    last: Option<Instant>,
    /// Since when something is known not to be in it.
    lacking: Option<Instant>,
}

impl Schedule {
    pub(super) fn new(wait_max: Duration) -> Self {
        Self { wait_max, last: None, lacking: None }
    }

    /// Everything is in the backup.
    pub(super) fn nothing_lacks(&mut self) {
        self.lacking = None;
    }

    /// Something is not in the backup: how long that may wait still. Backups are made no more often
    /// than each `wait_max`, so that after a quiet while a change is backed up at once.
    pub(super) fn due_in(&mut self, now: Instant) -> Duration {
        let lacking = *self.lacking.get_or_insert(now);
        match self.last {
            Some(last) => self.wait_max.saturating_sub(now.saturating_duration_since(last)),
            None => {
                let wait = FIRST_TIME.min(self.wait_max);
                wait.saturating_sub(now.saturating_duration_since(lacking))
            }
        }
    }

    /// A backup was made.
    pub(super) fn done(&mut self, now: Instant) {
        (self.last, self.lacking) = (Some(now), None);
    }

    /// By how much longer than it may something has waited.
    pub(super) fn late(&self, now: Instant) -> Option<Duration> {
        let waited = now.saturating_duration_since(self.lacking?);
        waited.checked_sub(self.wait_max).filter(|late| !late.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_change_waits_an_hour_at_most_and_after_a_quiet_one_not_at_all() {
        let start = Instant::now();
        let mut schedule = Schedule::new(HOUR);
        assert_eq!(schedule.due_in(start), FIRST_TIME);
        assert_eq!(schedule.due_in(start + FIRST_TIME), Duration::ZERO);
        schedule.done(start + FIRST_TIME);
        let made = start + FIRST_TIME;
        assert_eq!(schedule.due_in(made + MINUTE), HOUR - MINUTE);
        assert_eq!(schedule.due_in(made + HOUR), Duration::ZERO);
        schedule.done(made + HOUR);
        schedule.nothing_lacks();
        assert_eq!(schedule.due_in(made + 3 * HOUR), Duration::ZERO);
    }

    #[test]
    fn what_waits_for_longer_than_it_may_is_overdue() {
        let start = Instant::now();
        let mut schedule = Schedule::new(HOUR);
        assert_eq!(schedule.late(start + 2 * HOUR), None);
        schedule.due_in(start);
        assert_eq!(schedule.late(start + HOUR), None);
        assert_eq!(schedule.late(start + HOUR + MINUTE), Some(MINUTE));
        schedule.nothing_lacks();
        assert_eq!(schedule.late(start + 2 * HOUR), None);
    }
}
