//! Jobs that go through the whole box: a slice at a time, so that others are served in between.

use crate::error::BoxError;
use crate::host::Host;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The time others may wait for a slice, so short that they do not notice.
const SLICE_TIME: Duration = Duration::from_millis(2);

/// Bytes that are read before the clock is looked at: a part of a slice also where reading is slow.
pub const STEP_BYTES: u32 = 128 * 1024;

/// A job that has begun and goes on a little at a time.
pub trait SlicedJob: Send {
    /// Returns whether somebody waits for it. If those it went on for are all gone, it may begin
    /// anew for others.
    fn is_wanted(&mut self) -> bool;

    /// Goes on a little. Returns true when it is through and whoever waits has been told.
    fn step(&mut self, host: &mut Host) -> bool;

    /// Tells those it went on for that it ended early.
    fn end(&mut self, error: BoxError);
}

/// The sliced jobs under way. They take turns, a slice each.
#[derive(Default)]
pub struct SlicedJobs(VecDeque<Box<dyn SlicedJob>>);

impl SlicedJobs {
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a job that has begun.
    pub fn push(&mut self, job: Box<dyn SlicedJob>) {
        self.0.push_back(job);
    }

    /// Does one slice of the job whose turn it is. A job that nobody waits for any more ends.
    pub fn slice(&mut self, host: &mut Host) {
        let Some(mut job) = self.0.pop_front() else { return };
        if !job.is_wanted() {
            return;
        }
        let begun = Instant::now();
        let steps = || {
            loop {
                let is_through = job.step(host);
                if is_through || begun.elapsed() >= SLICE_TIME {
                    return is_through;
                }
            }
        };
        let is_through = catch_unwind(AssertUnwindSafe(steps)).unwrap_or_else(|_| {
            job.end(BoxError::PanickedReading);
            false
        });
        if !is_through {
            self.0.push_back(job);
        }
    }

    /// Ends all of them.
    pub fn end(&mut self) {
        for mut job in self.0.drain(..) {
            while job.is_wanted() {
                job.end(BoxError::Stopping);
            }
        }
    }
}
