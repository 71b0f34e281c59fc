//! One way of a meeting: what the giver offers and the taker does not have is carried over,
//! records, then the blobs they turn out to need.

use super::super::Fault;
use super::super::cable::{AskError, Exchange};
use super::super::meeting::STATES_AT_ONCE;
use super::super::protocol::{OFFERS_MAX, Reply, Request, Welcome};
use super::super::rows::Packer;
use super::super::session::CableLimits;
use super::Carried;
use super::meet;
use crate::contact::{BlobRef, Millis, Uid};
use crate::limits::{AUTHORS_MAX, BOXES_MAX};
use crate::store::{Aside, Consent};
use heapless::Vec;

/// Failures in a row after which nothing more is sent that way: the box is full, or does not want.
const FAILURES_IN_A_ROW: u32 = 64;

/// Times that a contact is tried again after its blobs were sent.
const BLOB_ROUNDS: u32 = 3;

/// Blobs of one contact that are sent before it is tried again.
const BLOBS_AT_ONCE: usize = 16;

/// The same between the box that gives and the one that takes.
pub(super) enum CarryError<G, T> {
    Giver(AskError<G>),
    Taker(AskError<T>),
}

impl<G, T> CarryError<G, T> {
    pub(super) fn here(self) -> super::SyncError<T, G> {
        match self {
            Self::Giver(error) => super::SyncError::There(error),
            Self::Taker(error) => super::SyncError::Here(error),
        }
    }

    pub(super) fn there(self) -> super::SyncError<G, T> {
        match self {
            Self::Giver(error) => super::SyncError::Here(error),
            Self::Taker(error) => super::SyncError::There(error),
        }
    }
}

pub(super) type CarryResult<V, G, T> =
    Result<V, CarryError<<G as Exchange>::Error, <T as Exchange>::Error>>;

/// Asks for something that has no answer but that it is done.
pub(super) async fn done<E: Exchange>(
    at: &mut E,
    request: &Request<'_>,
) -> Result<(), AskError<E::Error>> {
    match at.ask(request).await? {
        Reply::Ok => Ok(()),
        _ => Err(AskError::NotUnderstood),
    }
}

/// Tells `taker` what the numbers in `giver`'s records stand for. Returns up to which of `giver`'s
/// times all it held is at `taker`.
pub(super) async fn introduce<G: Exchange, T: Exchange>(
    giver: &mut G,
    taker: &mut T,
    id: u64,
) -> CarryResult<Millis, G, T> {
    let time = meet(taker, id).await.map_err(CarryError::Taker)?;
    let mut from = 0;
    loop {
        let page = giver.ask(&Request::Tables { from }).await.map_err(CarryError::Giver)?;
        let Reply::Tables { rows, next } = page else {
            return Err(CarryError::Giver(AskError::NotUnderstood));
        };
        done(taker, &Request::Introduce { rows }).await.map_err(CarryError::Taker)?;
        match next {
            Some(next) if next > from && (next as usize) < BOXES_MAX + AUTHORS_MAX => from = next,
            Some(_) => return Err(CarryError::Giver(AskError::NotUnderstood)),
            None => return Ok(time),
        }
    }
}

/// The bounds of one way.
#[derive(Clone, Copy)]
pub(super) struct Passage {
    /// The giver's time after which it took in what is offered.
    since: Millis,
    /// Most bytes of records in one frame: the taker's frames take no more.
    room_bytes: u32,
    /// The longest record that the taker takes.
    contact_bytes: u32,
    /// The yes that somebody has said to what is removed, or none.
    consent: Consent,
}

impl Passage {
    pub(super) fn new(giver: &Welcome, taker: &Welcome, since: Millis, consent: Consent) -> Self {
        let frame_bytes = giver.frame_bytes.min(taker.frame_bytes);
        let room = CableLimits { frame_bytes, contact_bytes: taker.contact_bytes }.room_bytes();
        let room_bytes = u32::try_from(room).unwrap_or(u32::MAX);
        Self { since, room_bytes, contact_bytes: taker.contact_bytes, consent }
    }
}

/// Carries what `taker` does not have of what `giver` has taken in.
pub(super) async fn carry<G: Exchange, T: Exchange>(
    giver: &mut G,
    taker: &mut T,
    passage: Passage,
    carried: &mut Carried,
    mut tell: impl FnMut(u32, u32),
) -> CarryResult<(), G, T> {
    carry_once(giver, taker, passage, carried, &mut tell).await?;
    let count = core::mem::take(&mut carried.held);
    if count == 0 {
        return Ok(());
    }
    let is_accepted = passage.consent == Consent::Given;
    match done(taker, &Request::Removals { count, is_accepted }).await {
        Ok(()) => {
            // States that were left the first time are left, and counted, again.
            (carried.failed, carried.aside) = (0, 0);
            carried.failures.clear();
            carried.asides.clear();
            carry_once(giver, taker, passage, carried, &mut tell).await
        }
        Err(AskError::Fault(fault @ Fault::Removals { .. })) => {
            (carried.held, carried.waits) = (count, Some(fault));
            Ok(())
        }
        Err(error) => Err(CarryError::Taker(error)),
    }
}

/// The same, with what removes contacts held back as far as it was not admitted.
async fn carry_once<G: Exchange, T: Exchange>(
    giver: &mut G,
    taker: &mut T,
    passage: Passage,
    carried: &mut Carried,
    tell: &mut impl FnMut(u32, u32),
) -> CarryResult<(), G, T> {
    let mut from = 0;
    loop {
        let request = Request::Offers { since: passage.since, from };
        let page = giver.ask(&request).await.map_err(CarryError::Giver)?;
        let Reply::Offers { offers, next } = page else {
            return Err(CarryError::Giver(AskError::NotUnderstood));
        };
        // A page with nothing in it has looked at as many states as one may: else it
        // would never come to an end.
        let step = if offers.is_empty() { STATES_AT_ONCE } else { 1 };
        if next.is_some_and(|next| next < from.saturating_add(step)) {
            return Err(CarryError::Giver(AskError::NotUnderstood));
        }
        let mut wanted: Vec<Uid, OFFERS_MAX> = Vec::new();
        if !offers.is_empty() {
            let reply = taker.ask(&Request::Want { offers }).await.map_err(CarryError::Taker)?;
            let Reply::Wanted { bits } = reply else {
                return Err(CarryError::Taker(AskError::NotUnderstood));
            };
            for (place, offer) in offers.iter().enumerate() {
                carried.offered = carried.offered.saturating_add(1);
                let byte = bits.0.get(place / 8).copied().unwrap_or(0);
                if byte >> (place % 8) & 1 != 0 && wanted.push(offer.uid).is_err() {
                    return Err(CarryError::Giver(AskError::NotUnderstood));
                }
            }
        }
        send(giver, taker, passage, &wanted, carried).await?;
        tell(next.unwrap_or(u32::MAX), carried.taken);
        match next {
            Some(_) if carried.in_a_row >= FAILURES_IN_A_ROW => return Ok(()),
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

/// Sends the records of these contacts, and the blobs they refer to.
async fn send<G: Exchange, T: Exchange>(
    giver: &mut G,
    taker: &mut T,
    passage: Passage,
    wanted: &[Uid],
    carried: &mut Carried,
) -> CarryResult<(), G, T> {
    let mut memory = [0; OFFERS_MAX * 16];
    let mut rest = wanted;
    let mut blob_rounds = 0;
    while let Some(&first) = rest.first() {
        let mut uids = Packer::new(&mut memory, usize::MAX);
        rest.iter().all(|uid| uids.push(uid));
        let request = Request::Records { uids: uids.finish(), bytes: passage.room_bytes };
        let (records, long) = match giver.ask(&request).await {
            Ok(Reply::Records { records, long }) => (records, long),
            Err(AskError::Fault(fault)) => {
                carried.fail(first, fault);
                if carried.in_a_row >= FAILURES_IN_A_ROW {
                    return Ok(());
                }
                rest = rest.get(1..).unwrap_or(&[]);
                continue;
            }
            Ok(_) => return Err(CarryError::Giver(AskError::NotUnderstood)),
            Err(error) => return Err(CarryError::Giver(error)),
        };
        let given = records.iter().count();
        let taken = match long {
            Some(bytes) if given == 0 => {
                match send_long(giver, taker, passage, first, bytes, carried).await? {
                    Ok(taken) => taken,
                    Err(fault) => TakeReply { stop: Some(fault), ..TakeReply::default() },
                }
            }
            _ if given == 0 || given > rest.len() => {
                return Err(CarryError::Giver(AskError::NotUnderstood));
            }
            _ => {
                let reply = taker.ask(&Request::Take { records }).await;
                taken_of(reply.map_err(CarryError::Taker)?, given, carried)
                    .map_err(CarryError::Taker)?
            }
        };
        if taken.count > 0 {
            (carried.in_a_row, blob_rounds) = (0, 0);
        }
        rest = rest.get(taken.count..).unwrap_or(&[]);
        let (Some(&uid), Some(mut fault)) = (rest.first(), taken.stop) else { continue };
        if fault == Fault::NoSuchBlob && !taken.missing.is_empty() && blob_rounds < BLOB_ROUNDS {
            blob_rounds += 1;
            match send_blobs(giver, taker, passage, &taken.missing, carried).await? {
                Ok(()) => continue,
                Err(why) => fault = why,
            }
        }
        if let Fault::Removal(_) = fault {
            // It is told how many there are when all else is there.
            carried.held = carried.held.saturating_add(1);
        } else {
            carried.fail(uid, fault);
        }
        blob_rounds = 0;
        rest = rest.get(1..).unwrap_or(&[]);
        if carried.in_a_row >= FAILURES_IN_A_ROW {
            return Ok(());
        }
    }
    Ok(())
}

/// The answer of a box to what it was given.
#[derive(Default)]
struct TakeReply {
    /// Records that it is done with.
    count: usize,
    stop: Option<Fault>,
    missing: Vec<BlobRef, BLOBS_AT_ONCE>,
}

fn taken_of<E>(
    reply: Reply<'_>,
    given: usize,
    carried: &mut Carried,
) -> Result<TakeReply, AskError<E>> {
    match reply {
        // All, or fewer and why the next was not, or as many as it had room to say
        // which it kept aside.
        Reply::Taken { taken, aside, stop, missing }
            if taken as usize <= given
                && (stop.is_none() || (taken as usize) < given)
                && (stop.is_some() || taken > 0) =>
        {
            let mut kept_aside = 0;
            for row in aside.iter().take(taken as usize) {
                kept_aside += 1;
                carried.keep_aside(row.uid, row.why);
            }
            carried.taken = carried.taken.saturating_add(taken - kept_aside);
            let missing = missing.iter().take(BLOBS_AT_ONCE).collect();
            Ok(TakeReply { count: taken as usize, stop, missing })
        }
        _ => Err(AskError::NotUnderstood),
    }
}

/// Sends a record that does not fit a frame. The inner error is why it cannot be taken.
async fn send_long<G: Exchange, T: Exchange>(
    giver: &mut G,
    taker: &mut T,
    passage: Passage,
    uid: Uid,
    bytes: u32,
    carried: &mut Carried,
) -> CarryResult<Result<TakeReply, Fault>, G, T> {
    if bytes > passage.contact_bytes {
        return Ok(Err(Fault::TooLarge { bytes_max: passage.contact_bytes }));
    }
    let mut offset = 0;
    let mut of: Option<(Millis, u32)> = None;
    while of.is_none_or(|(_, total)| offset < total) {
        let request = Request::Piece { uid, offset, bytes: passage.room_bytes };
        let (version, total, bytes) = match giver.ask(&request).await {
            Ok(Reply::Piece { version, total, bytes }) => (version, total, bytes),
            Err(AskError::Fault(fault)) => return Ok(Err(fault)),
            Ok(_) => return Err(CarryError::Giver(AskError::NotUnderstood)),
            Err(error) => return Err(CarryError::Giver(error)),
        };
        if of.is_some_and(|of| of != (version, total)) {
            // Changed meanwhile: it will be offered again.
            return Ok(Err(Fault::Conflict { version }));
        }
        of = Some((version, total));
        let end = offset.saturating_add(bytes.0.len() as u32);
        if end == offset || end > total || total > passage.contact_bytes {
            return Err(CarryError::Giver(AskError::NotUnderstood));
        }
        match done(taker, &Request::Stage { offset, total, bytes }).await {
            Ok(()) => {}
            Err(AskError::Fault(fault)) => return Ok(Err(fault)),
            Err(error) => return Err(CarryError::Taker(error)),
        }
        carried.piece_bytes += u64::from(end - offset);
        offset = end;
    }
    let reply = taker.ask(&Request::TakeStaged).await.map_err(CarryError::Taker)?;
    taken_of(reply, 1, carried).map_err(CarryError::Taker).map(Ok)
}

/// Sends blobs. The inner error is why one cannot be.
async fn send_blobs<G: Exchange, T: Exchange>(
    giver: &mut G,
    taker: &mut T,
    passage: Passage,
    blobs: &[BlobRef],
    carried: &mut Carried,
) -> CarryResult<Result<(), Fault>, G, T> {
    for &blob in blobs {
        let reply = taker.ask(&Request::Missing { blob }).await.map_err(CarryError::Taker)?;
        let Reply::Missing { offset, piece_bytes } = reply else {
            return Err(CarryError::Taker(AskError::NotUnderstood));
        };
        let Some(mut offset) = offset else { continue };
        while offset < blob.len {
            let bytes = piece_bytes.min(blob.len - offset);
            if bytes == 0 {
                return Err(CarryError::Taker(AskError::NotUnderstood));
            }
            if let Err(fault) = send_piece(giver, taker, passage, blob, offset, bytes).await? {
                return Ok(Err(fault));
            }
            carried.piece_bytes += u64::from(bytes);
            offset += bytes;
        }
    }
    Ok(Ok(()))
}

/// Sends a piece of a blob, itself in pieces when it does not fit a frame.
async fn send_piece<G: Exchange, T: Exchange>(
    giver: &mut G,
    taker: &mut T,
    passage: Passage,
    blob: BlobRef,
    offset: u32,
    bytes: u32,
) -> CarryResult<Result<(), Fault>, G, T> {
    let mut sent = 0;
    while sent < bytes {
        let (hash, at) = (blob.hash, offset + sent);
        let wanted = (bytes - sent).min(passage.room_bytes);
        let part = match giver.ask(&Request::Blob { hash, offset: at, bytes: wanted }).await {
            Ok(Reply::Blob { total, bytes }) if total == blob.len => bytes,
            Ok(Reply::Blob { .. }) => return Ok(Err(Fault::NoSuchBlob)),
            Err(AskError::Fault(fault)) => return Ok(Err(fault)),
            Ok(_) => return Err(CarryError::Giver(AskError::NotUnderstood)),
            Err(error) => return Err(CarryError::Giver(error)),
        };
        let len = part.0.len() as u32;
        if len == 0 || len > wanted {
            return Err(CarryError::Giver(AskError::NotUnderstood));
        }
        let request = if len == bytes {
            Request::PutBlob { blob, offset, bytes: part }
        } else {
            Request::Stage { offset: sent, total: bytes, bytes: part }
        };
        match done(taker, &request).await {
            Ok(()) => {}
            Err(AskError::Fault(fault)) => return Ok(Err(fault)),
            Err(error) => return Err(CarryError::Taker(error)),
        }
        if len == bytes {
            return Ok(Ok(()));
        }
        sent += len;
    }
    match done(taker, &Request::PutBlobStaged { blob, offset }).await {
        Ok(()) => Ok(Ok(())),
        Err(AskError::Fault(fault)) => Ok(Err(fault)),
        Err(error) => Err(CarryError::Taker(error)),
    }
}

impl Carried {
    fn keep_aside(&mut self, uid: Uid, why: Aside) {
        self.aside = self.aside.saturating_add(1);
        // Beyond so many the number tells.
        self.asides.push((uid, why)).ok();
    }

    fn fail(&mut self, uid: Uid, fault: Fault) {
        self.failed = self.failed.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        // Beyond so many the number tells.
        self.failures.push((uid, fault)).ok();
    }
}
