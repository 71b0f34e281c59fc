//! The two ends of a cable: the one that answers, and the one that asks.

use super::Fault;
use super::answer::{answer, change_of};
use super::effect::Effect;
use super::frame::{self, Frame, FrameError, FrameKind, Frames};
use super::protocol::{Reply, Request};
use super::session::{AnswerBuffers, Session};
use crate::contact::Millis;
use crate::store::{Book, Memory, Written};
use core::fmt;
use core::future::Future;
use embedded_storage_async::nor_flash::NorFlash;

/// The answer that goes back over the cable.
pub struct Response<'o> {
    /// The frame; empty when there is nothing to say.
    pub frame: &'o [u8],
    /// The change it made in the box, when that is one contact.
    pub change: Option<Written>,
}

/// Answers the frame that `frames` told of last. `out` takes the frame that goes back.
///
/// A change that is asked for again under its number, because its reply was lost, is answered again
/// and not done again. Frames that are no requests are passed over.
pub async fn respond<'o, F: NorFlash, M: Memory>(
    book: &mut Book<F, M>,
    frame: Frame,
    frames: &Frames<'_>,
    now: Millis,
    session: &mut Session<M>,
    room: &mut AnswerBuffers<'_>,
    out: &'o mut [u8],
) -> Response<'o> {
    if frame.kind != FrameKind::Request {
        return Response { frame: &[], change: None };
    }
    let number = frame.number;
    let Ok((request, [])) = postcard::take_from_bytes::<Request<'_>>(frames.message()) else {
        return send(number, Err(Fault::NotUnderstood), out);
    };
    if let Some(put) = session.answered(number, frame.seal) {
        let sent = send(number, Ok(Reply::Done(put)), out);
        return Response { change: None, ..sent };
    }
    let reply = answer(book, &request, now, session, room.lend()).await;
    let reply = reply.map_err(|failure| failure.fault());
    if let Ok(Reply::Done(put)) = reply
        && request.effect() == Effect::ChangesContact
    {
        // One that failed is tried again: what was in its way may have passed.
        session.remember(number, frame.seal, put);
    }
    send(number, reply, out)
}

/// The frame that tells the other end why what came in was no frame, so that it need not wait.
pub fn complain(error: FrameError, out: &mut [u8]) -> Response<'_> {
    send(0, Err(Fault::Frame(error)), out)
}

/// The time after which whoever waits for a box that is at work is told so again, in milliseconds:
/// shorter than the pause that ends an answer, [`GAP_MILLIS`].
pub const BUSY_MILLIS: u32 = 300;

const _: () = assert!(BUSY_MILLIS < GAP_MILLIS);

/// Bytes of [`busy_frame`].
pub const BUSY_FRAME_BYTES: usize = 16;

/// The frame that tells the other end that the box is at work, and has not read
/// what was sent to it.
pub fn busy_frame(out: &mut [u8; BUSY_FRAME_BYTES]) -> &[u8] {
    send(0, Err(Fault::Busy), out).frame
}

fn send<'o>(number: u16, reply: Result<Reply<'_>, Fault>, out: &'o mut [u8]) -> Response<'o> {
    let change = reply.as_ref().ok().and_then(change_of);
    let len = match &reply {
        Ok(reply) => frame::encode(FrameKind::Reply, number, reply, out),
        Err(fault) => frame::encode(FrameKind::Fault, number, fault, out),
    };
    // A reply longer than the memory for it; a fault has a few bytes.
    let fault = Fault::TooLarge { bytes_max: out.len() as u32 };
    let len = len.or_else(|_| frame::encode(FrameKind::Fault, number, &fault, out));
    Response { frame: out.get(..len.unwrap_or(0)).unwrap_or(&[]), change }
}

/// A cable, as the end that asks sees it.
pub trait Link {
    /// Why bytes did not go out or come in.
    type Error;

    /// Sends all of `bytes`.
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Self::Error>>;

    /// Waits for bytes and returns how many came; 0 when none came within the time that a box may
    /// take to answer, or, once some came since the last `send`, within [`GAP_MILLIS`].
    fn receive(&mut self, into: &mut [u8]) -> impl Future<Output = Result<usize, Self::Error>>;
}

/// Something that answers requests: a box at the other end of a cable, or one at hand.
pub trait Exchange {
    /// Why a request did not get there, or its reply not back.
    type Error;

    /// Asks, and waits for the answer.
    fn ask<'s>(
        &'s mut self,
        request: &Request<'_>,
    ) -> impl Future<Output = Result<Reply<'s>, AskError<Self::Error>>>;
}

/// Why there is no answer to what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError<E> {
    /// The cable failed.
    Link(E),
    /// No answer came, however often it was asked.
    Silent,
    /// An answer came that is none to the request.
    NotUnderstood,
    /// The box said why not.
    Fault(Fault),
}

impl<E: fmt::Display> fmt::Display for AskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::Silent => f.write_str("no answer came; look after the cable and the device"),
            Self::NotUnderstood => f.write_str(
                "the answer is not understood; one of the two sides needs a newer version",
            ),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for AskError<E> {}

/// Counts of what went over a cable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Requests asked.
    pub requests: u64,
    /// Requests sent again because no answer came, or a garbled one.
    pub repeats: u64,
}

/// Longest pause within an answer, in milliseconds. A box sends an answer in one go: after
/// a longer one the rest has been lost on the way, as an emulated port loses what its
/// reader does not take at once.
pub const GAP_MILLIS: u32 = 500;

/// Times that a request is sent before nobody is taken to be there.
const ATTEMPTS: u32 = 4;

/// Times that a request is sent whose answers come garbled or in part before the cable is given up.
const GARBLED_MAX: u32 = 16;

/// Times that the other end may say that it is at work before a request is given up: for two
/// minutes.
const BUSY_MAX: u32 = 2 * 60 * 1_000 / BUSY_MILLIS;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256;

/// An event after a request was sent.
enum Heard {
    Answer(FrameKind),
    /// Something, but not the answer.
    Garbled,
    /// That the other end is at work, and nothing after it.
    Busy,
    Nothing,
}

/// Returns whether a frame says that the other end is at work.
fn is_busy(frame: Frame, message: &[u8]) -> bool {
    frame.kind == FrameKind::Fault
        && frame.number == 0
        && matches!(postcard::take_from_bytes(message), Ok((Fault::Busy, [])))
}

/// The end of a cable that asks.
pub struct Caller<'m, L> {
    link: L,
    out: &'m mut [u8],
    frames: Frames<'m>,
    number: u16,
    /// The longest frame the other end takes, as far as it is known.
    frame_bytes: usize,
    traffic: Traffic,
    /// The times the other end has said that it is at work since the request was sent first.
    busy: u32,
}

impl<'m, L: Link> Caller<'m, L> {
    /// Asks over `link`; `out` and `into` take a frame each, of at least
    /// [`super::FRAME_BYTES_MIN`] bytes.
    pub fn new(link: L, out: &'m mut [u8], into: &'m mut [u8]) -> Self {
        let frame_bytes = super::FRAME_BYTES_MIN as usize;
        let (frames, traffic) = (Frames::new(into), Traffic::default());
        Self { link, out, frames, number: 0, frame_bytes, traffic, busy: 0 }
    }

    /// Returns the counts of what went over the cable so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Returns whether the other end said of the last request that it has no time for it.
    pub fn is_busy(&self) -> bool {
        self.busy > 0
    }

    /// The cable.
    pub fn link(&mut self) -> &mut L {
        &mut self.link
    }

    /// Gives the cable back.
    pub fn into_link(self) -> L {
        self.link
    }

    /// Waits for the answer to a request.
    async fn answer_to(&mut self, number: u16) -> Result<Heard, L::Error> {
        let mut chunk = [0; CHUNK_BYTES];
        let mut heard = Heard::Nothing;
        // A peer that sends for ever and never answers counts as silent.
        let mut patience = self.frames.frame_bytes() * 4;
        while patience > 0 {
            let len = self.link.receive(&mut chunk).await?.min(CHUNK_BYTES);
            let mut came = chunk.get(..len).unwrap_or(&[]);
            if came.is_empty() {
                break;
            }
            if !matches!(heard, Heard::Busy) {
                heard = Heard::Garbled;
            }
            self.traffic.received_bytes += len as u64;
            patience = patience.saturating_sub(len);
            let mut is_garbled = false;
            while let Some(taken) = self.frames.take(&mut came) {
                match taken {
                    Ok(frame) if frame.kind == FrameKind::Request => {}
                    Ok(frame) if frame.number == number => return Ok(Heard::Answer(frame.kind)),
                    Ok(frame) if is_busy(frame, self.frames.message()) => {
                        self.busy += 1;
                        if self.busy >= BUSY_MAX {
                            return Ok(Heard::Busy);
                        }
                        heard = Heard::Busy;
                        patience = self.frames.frame_bytes() * 4;
                    }
                    // The answer to a request sent twice comes twice.
                    Ok(frame) if frame.number != 0 => {}
                    // The request came garbled there, or the answer here. What is behind it may be
                    // the answer to the same request sent again.
                    Ok(_)
                    | Err(
                        FrameError::TooLong { .. }
                        | FrameError::Garbled
                        | FrameError::Version { .. },
                    ) => is_garbled = true,
                }
            }
            if is_garbled {
                break;
            }
        }
        Ok(heard)
    }
}

impl<L: Link> Exchange for Caller<'_, L> {
    type Error = L::Error;

    async fn ask<'s>(&'s mut self, request: &Request<'_>) -> Result<Reply<'s>, AskError<L::Error>> {
        // However much its user takes: a reply must fit the memory it comes into.
        let hello = if let Request::Hello { protocol, frame_bytes } = *request {
            let bytes_max = u32::try_from(self.frames.frame_bytes()).unwrap_or(u32::MAX);
            Some(Request::Hello { protocol, frame_bytes: frame_bytes.min(bytes_max) })
        } else {
            None
        };
        let request = hello.as_ref().unwrap_or(request);
        // 0 is for what cannot be told.
        self.number = self.number.checked_add(1).unwrap_or(1);
        let number = self.number;
        let too_large = Fault::TooLarge { bytes_max: self.frame_bytes as u32 };
        let len = frame::encode(FrameKind::Request, number, request, self.out);
        let len = len.ok().filter(|&len| len <= self.frame_bytes);
        let len = len.ok_or(AskError::Fault(too_large))?;
        self.traffic.requests += 1;
        self.frames.clear();
        self.busy = 0;
        let (mut kind, mut silent, mut garbled) = (None, 0, 0);
        while kind.is_none() && silent < ATTEMPTS && garbled < GARBLED_MAX {
            self.traffic.repeats += u64::from(silent + garbled > 0);
            let frame = self.out.get(..len).unwrap_or(&[]);
            self.link.send(frame).await.map_err(AskError::Link)?;
            self.traffic.sent_bytes += len as u64;
            match self.answer_to(number).await.map_err(AskError::Link)? {
                Heard::Answer(answer) => kind = Some(answer),
                Heard::Garbled => garbled += 1,
                Heard::Busy if self.busy >= BUSY_MAX => return Err(AskError::Fault(Fault::Busy)),
                // It has come to an end of its work: what it had no time for may be
                // lost, or be answered late.
                Heard::Busy => silent += 1,
                Heard::Nothing => silent += 1,
            }
        }
        let Some(kind) = kind else { return Err(AskError::Silent) };
        let message = self.frames.message();
        if kind == FrameKind::Fault {
            return Err(match postcard::take_from_bytes(message) {
                Ok((fault, [])) => AskError::Fault(fault),
                _ => AskError::NotUnderstood,
            });
        }
        match postcard::take_from_bytes(message) {
            Ok((reply, [])) => {
                if let Reply::Hello(welcome) = &reply {
                    self.frame_bytes = welcome.frame_bytes as usize;
                }
                Ok(reply)
            }
            _ => Err(AskError::NotUnderstood),
        }
    }
}

/// A box at hand, asked without a cable.
pub struct Local<'r, F: NorFlash, M: Memory> {
    /// The box.
    pub book: &'r mut Book<F, M>,
    /// The state it keeps between requests.
    pub session: Session<M>,
    /// Memory for answers.
    pub room: AnswerBuffers<'r>,
    /// Now.
    pub now: Millis,
}

impl<F: NorFlash, M: Memory> Exchange for Local<'_, F, M> {
    type Error = core::convert::Infallible;

    async fn ask<'s>(
        &'s mut self,
        request: &Request<'_>,
    ) -> Result<Reply<'s>, AskError<Self::Error>> {
        let Self { book, session, room, now } = self;
        let reply = answer(book, request, *now, session, room.lend()).await;
        reply.map_err(|failure| AskError::Fault(failure.fault()))
    }
}
