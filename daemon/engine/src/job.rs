//! The one shape of work for the thread that owns the host.

use crate::error::DiskRefusal;
use crate::handle::SharedHost;
use crate::host::Host;
use crate::sliced::SlicedJob;
use crate::writer::guarded;

/// The time for which a job keeps others waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobWeight {
    /// Short: it is done in its turn.
    Short,
    /// Long: it is put off until nobody waits for a short one.
    Long,
}

/// Tells whoever waits that all a job has changed is on the disk, or why it is not.
pub type OnDisk = Box<dyn FnOnce(Result<(), DiskRefusal>) + Send>;

/// The state that a job has come to.
pub enum JobOutcome {
    /// It is done, and whoever waits has been told.
    Done,
    /// It is done, and whoever waits is told once the disk has what was changed.
    Changed(OnDisk),
    /// It has begun and goes on in slices.
    Sliced(Box<dyn SlicedJob>),
}

/// A piece of work with the host. What it needs to answer, such as who asks and what of their
/// allowance is given back with the reply, is inside the work.
pub struct Job {
    pub(crate) weight: JobWeight,
    /// The share of an allowance that it takes while it waits in the queue.
    pub(crate) permit: Option<Box<dyn Send>>,
    work: Box<dyn FnOnce(&SharedHost) -> JobOutcome + Send>,
}

impl Job {
    /// Makes a job of `work`. A fault of the program in it closes the box to changes.
    pub fn new(
        weight: JobWeight,
        work: impl FnOnce(&mut Host) -> JobOutcome + Send + 'static,
    ) -> Self {
        let work = move |host: &SharedHost| {
            let outcome = host.with(|host| guarded(host, work)).flatten();
            // After a fault whoever waits is told by the end of what was to tell them.
            outcome.unwrap_or(JobOutcome::Done)
        };
        Self { weight, permit: None, work: Box::new(work) }
    }

    /// Makes a job of a pause, in which another thread works with the host.
    pub(crate) fn pause(wait: impl FnOnce() -> OnDisk + Send + 'static) -> Self {
        let work = Box::new(move |_: &SharedHost| JobOutcome::Changed(wait()));
        Self { weight: JobWeight::Short, permit: None, work }
    }

    /// Has the job hold `permit` for as long as it waits in the queue.
    pub fn holding(self, permit: impl Send + 'static) -> Self {
        Self { permit: Some(Box::new(permit)), ..self }
    }

    /// Does the work, or begins it.
    pub(crate) fn run(self, host: &SharedHost) -> JobOutcome {
        (self.work)(host)
    }
}
