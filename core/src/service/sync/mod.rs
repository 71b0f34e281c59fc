//! Two boxes that answer are brought to hold the same: each is told what the other has taken in
//! since they last met, and takes what it does not have.
//!
//! Needs the memory of neither box and none of its own but a page of offers. Broken off anywhere,
//! it goes on the next time without sending again what arrived: digests tell. Neither side is
//! trusted with more than what it may keep: every loop ends whatever is answered.

mod carry;

use super::Fault;
use super::cable::{AskError, Exchange};
use super::protocol::{PROTOCOL, Reply, Request, Welcome};
use super::session::FRAME_BYTES_MIN;
use crate::contact::{Millis, Uid};
use crate::store::{Aside, Consent, Root};
use carry::{CarryError, Passage, carry, done, introduce};
use core::fmt;
use heapless::Vec;

/// Failures that a report names one by one.
const FAILURES_TOLD: usize = 8;

/// How often both boxes are gone through before they are left as they are.
const ROUNDS_MAX: u32 = 3;

/// The direction in which something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the other box to this.
    ToHere,
    /// From this box to the other.
    ToThere,
}

/// How far a meeting has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The direction under way.
    pub way: Way,
    /// Places for contacts that were looked through, of the box that offers.
    pub looked_at: u32,
    /// Places there are.
    pub slots: u32,
    /// Records taken in so far, that way.
    pub taken: u32,
}

/// The counts of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// States that were offered.
    pub offered: u32,
    /// Records that were taken in.
    pub taken: u32,
    /// Bytes of photos, documents and records in pieces.
    pub piece_bytes: u64,
    /// Contacts that were not taken in.
    pub failed: u32,
    /// The first of these, and why.
    pub failures: Vec<(Uid, Fault), FAILURES_TOLD>,
    /// Contacts that would be removed, and were not.
    pub held: u32,
    /// Why these wait.
    pub waits: Option<Fault>,
    /// Contacts that were kept aside: they stay where they are, and are offered
    /// again the next time.
    pub aside: u32,
    /// The first of these, and why.
    pub asides: Vec<(Uid, Aside), FAILURES_TOLD>,
    in_a_row: u32,
}

impl Carried {
    /// Returns whether something was not taken in.
    fn is_left(&self) -> bool {
        self.failed > 0 || self.aside > 0 || self.waits.is_some()
    }
}

/// The result of a meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReport {
    /// The root of both, when both hold the same now. When not, and nothing has failed or was kept
    /// aside, somebody went on changing one of them all the while.
    pub root: Option<Root>,
    /// How often both were gone through; 0 when they were the same already.
    pub rounds: u32,
    /// The counts of the states that came.
    pub to_here: Carried,
    /// The counts of the states that went.
    pub to_there: Carried,
}

/// Why a meeting was broken off. What has arrived until then stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncError<H, T> {
    /// This box.
    Here(AskError<H>),
    /// The other box, or the cable to it.
    There(AskError<T>),
    /// It is one and the same box, or a copy of it.
    SameBox,
}

impl<H: fmt::Display, T: fmt::Display> fmt::Display for SyncError<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(error) => write!(f, "this box: {error}"),
            Self::There(error) => write!(f, "the other box: {error}"),
            Self::SameBox => f.write_str(
                "both are the same box, or one is a copy of the other: a copy needs an identity of its own",
            ),
        }
    }
}

impl<H: fmt::Debug + fmt::Display, T: fmt::Debug + fmt::Display> core::error::Error
    for SyncError<H, T>
{
}

/// Brings two boxes to hold the same. What would remove too much waits, unless
/// somebody has said yes to it.
pub async fn sync<H: Exchange, T: Exchange>(
    here: &mut H,
    there: &mut T,
    consent: Consent,
    mut progress: impl FnMut(Progress),
) -> Result<SyncReport, SyncError<H::Error, T::Error>> {
    let ours = hello(here).await.map_err(SyncError::Here)?;
    let theirs = hello(there).await.map_err(SyncError::There)?;
    if ours.id == theirs.id {
        return Err(SyncError::SameBox);
    }
    let mut report = SyncReport {
        root: None,
        rounds: 0,
        to_here: Carried::default(),
        to_there: Carried::default(),
    };
    // From which times on the last round went, and what the times were when it began.
    let mut last: Option<(Millis, Millis)> = None;
    let mut begun = (0, 0);
    loop {
        let (our_root, our_time) = root(here).await.map_err(SyncError::Here)?;
        let (their_root, their_time) = root(there).await.map_err(SyncError::There)?;
        if our_root == their_root {
            if last.is_none() {
                meet(here, theirs.id).await.map_err(SyncError::Here)?;
                meet(there, ours.id).await.map_err(SyncError::There)?;
            }
            done(here, &Request::Met { time: their_time }).await.map_err(SyncError::Here)?;
            done(there, &Request::Met { time: our_time }).await.map_err(SyncError::There)?;
            report.root = Some(our_root);
            return Ok(report);
        }
        // The roots cannot be equal, and neither box counts as having all of the other's.
        let is_left = report.to_here.is_left() || report.to_there.is_left();
        if is_left || report.rounds == ROUNDS_MAX {
            return Ok(report);
        }
        // Each time anew: an author or a box may have come since.
        let known = (
            introduce(there, here, theirs.id).await.map_err(CarryError::here)?,
            introduce(here, there, ours.id).await.map_err(CarryError::there)?,
        );
        // First what is new since they met. When that does not do, everything; and when that does
        // not, what was changed in the meantime.
        let since = match last {
            None => known,
            Some(last) if last != (0, 0) && report.rounds == 1 => (0, 0),
            Some(_) => begun,
        };
        (last, begun) = (Some(since), (their_time, our_time));
        let slots = theirs.slots;
        let tell = |looked_at, taken| {
            progress(Progress { way: Way::ToHere, looked_at, slots, taken });
        };
        let passage = Passage::new(&theirs, &ours, since.0, consent);
        carry(there, here, passage, &mut report.to_here, tell).await.map_err(CarryError::here)?;
        let slots = ours.slots;
        let tell = |looked_at, taken| {
            progress(Progress { way: Way::ToThere, looked_at, slots, taken });
        };
        let passage = Passage::new(&ours, &theirs, since.1, consent);
        carry(here, there, passage, &mut report.to_there, tell).await.map_err(CarryError::there)?;
        report.rounds += 1;
    }
}

/// Begins with a box.
async fn hello<E: Exchange>(at: &mut E) -> Result<Welcome, AskError<E::Error>> {
    let hello = Request::Hello { protocol: PROTOCOL, frame_bytes: u32::MAX };
    match at.ask(&hello).await? {
        Reply::Hello(welcome)
            if welcome.protocol == PROTOCOL && welcome.frame_bytes >= FRAME_BYTES_MIN =>
        {
            Ok(welcome)
        }
        _ => Err(AskError::NotUnderstood),
    }
}

async fn root<E: Exchange>(at: &mut E) -> Result<(Root, Millis), AskError<E::Error>> {
    match at.ask(&Request::Root).await? {
        Reply::Root { root, time } => Ok((Root(root), time)),
        _ => Err(AskError::NotUnderstood),
    }
}

async fn meet<E: Exchange>(at: &mut E, id: u64) -> Result<Millis, AskError<E::Error>> {
    match at.ask(&Request::Meet { id }).await? {
        Reply::Met { time } => Ok(time),
        _ => Err(AskError::NotUnderstood),
    }
}
