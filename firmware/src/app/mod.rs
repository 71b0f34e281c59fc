//! The device as turns over a closed set of events, the same on every board and on a host in tests.
//!
//! - [`App`]: the device; [`BoardParts`]: the parts that a board gives it
//! - `notes`: the diary; `slot`: the card in the slot
//! - [`memory`]: the memory of a box on a device, and its amount

mod chip;
pub mod memory;
mod notes;
mod slot;

pub use chip::{Chip, Layout};
pub use memory::DeviceMemory;
pub use slot::SlotState;

use contactbox_core::card::Card;
use contactbox_core::contact::Millis;
use contactbox_core::service::frame::{Frame, FrameError, Frames};
use contactbox_core::service::{AnswerBuffers, CableLimits, Session, cable};
use contactbox_core::store::diary::Cause;
use contactbox_core::store::{self, Book, BookConfig, OpenReport, StartError};
use core::future::Future;
use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use embedded_storage_async::nor_flash::NorFlash;
use memory::{GRAM_SLICES, Work};
use slot::{CardSlotTask, UpdateDue};

/// The clock of a board, in milliseconds. It only goes forward, and nobody sets it. All durations
/// come from it, and none from the times of contacts. Its zero does not matter, and it may begin
/// again after a reset: the box keeps a time of its own, which never goes back.
pub trait Clock {
    /// Returns the milliseconds now.
    fn now(&self) -> Millis;

    /// Returns when the clock shows `time`, or soon after.
    fn until(&self, time: Millis) -> impl Future<Output = ()>;
}

/// The parts that a board gives the app.
pub struct BoardParts<F, C, L, K> {
    /// The flash chip.
    pub flash: F,
    /// The division of the chip.
    pub layout: Layout,
    /// The card slot. A request to it shows whether a card is in it.
    pub card: C,
    /// The cable.
    pub link: L,
    /// The clock.
    pub clock: K,
    /// 64 random bits: the identity of the box, if it has to be made.
    pub random: u64,
    /// The cause of the start.
    pub cause: Cause,
    /// The function called whenever work has gone on a little; it feeds the watchdog.
    pub alive: fn(),
    /// The memory of the box.
    pub memory: store::Parts<DeviceMemory>,
    /// The memory to work in.
    pub work: Work,
}

/// An event that a turn handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEvent {
    /// This many bytes came over the cable.
    Bytes(usize),
    /// The cable failed, or was unplugged at its other end.
    CableGone,
    /// A change is due to be written to the card.
    CardDue,
    /// It is time to check whether a card came or went.
    SlotDue,
    /// There is time for maintenance.
    Idle,
}

/// The quiet time in milliseconds after which the box does maintenance.
const IDLE_MILLIS: Millis = 50;

/// The quiet time on the cable, in milliseconds, after which a large number of changes is written
/// to the card.
const QUIET_MILLIS: Millis = 500;

/// The time between two checks of the slot, in milliseconds.
const SLOT_MILLIS: Millis = 2_000;

/// The most bytes taken from the cable at once.
const PIECE_BYTES: usize = 256;

/// The device.
pub struct App<F: NorFlash, C, L, K> {
    book: Book<Chip<F>, DeviceMemory>,
    layout: Layout,
    slot: CardSlotTask<C>,
    link: L,
    clock: K,
    frames: Frames<'static>,
    out: &'static mut [u8],
    buffers: AnswerBuffers<'static>,
    session: Session<DeviceMemory>,
    piece: [u8; PIECE_BYTES],
    /// The time of the next check of the slot.
    slot_at: Millis,
    /// The time from which the cable counts as quiet.
    quiet_at: Millis,
    /// True if maintenance is done and everything written is committed.
    is_tidy: bool,
    opened: OpenReport,
    alive: fn(),
}

impl<F: NorFlash, C: Card, L: Read + Write, K: Clock> App<F, C, L, K> {
    /// Opens the box of a device, or makes one on a blank chip.
    ///
    /// An error says why there is no box. Nothing was written then.
    pub async fn start(parts: BoardParts<F, C, L, K>) -> Result<Self, StartError<F::Error>> {
        let mut place = None;
        Self::start_in(&mut place, parts).await?;
        Ok(place.expect("a start that went well has filled the place"))
    }

    /// Does the same in the place given. A device returned through several callers would take its
    /// size of the stack in each of them. After an error the content of the place is of no use.
    pub async fn start_in(
        place: &mut Option<Self>,
        parts: BoardParts<F, C, L, K>,
    ) -> Result<&mut Self, StartError<F::Error>> {
        let cause = parts.cause;
        let app = Self::lay_out(place, parts)?;
        app.opened = app.book.start().await?;
        app.note_start(cause).await;
        Ok(app)
    }

    /// Puts a device where it will stay, with its box still closed. A function of its own, so that
    /// its stack is free again when the box is opened.
    #[inline(never)]
    fn lay_out(
        place: &mut Option<Self>,
        parts: BoardParts<F, C, L, K>,
    ) -> Result<&mut Self, StartError<F::Error>> {
        let BoardParts { flash, layout, card, link, clock, random, alive, memory, work, .. } =
            parts;
        let config = BookConfig { id: random, gram_slices: GRAM_SLICES, gram_probes: 1 };
        let chip = Chip::new(flash, &layout, alive);
        let book = Book::closed(chip, config, memory)?;
        let limits = CableLimits {
            frame_bytes: work.frame.len().min(work.out.len()) as u32,
            contact_bytes: memory::RECORD_BYTES as u32,
        };
        Ok(place.insert(Self {
            book,
            layout,
            slot: CardSlotTask::new(card),
            link,
            clock,
            frames: Frames::new(work.frame),
            out: work.out,
            buffers: AnswerBuffers { list: work.list, record: work.record, hits: work.hits },
            session: Session::new(limits),
            piece: [0; PIECE_BYTES],
            slot_at: 0,
            quiet_at: 0,
            is_tidy: false,
            opened: OpenReport::default(),
            alive,
        }))
    }

    /// Returns the box.
    pub fn book(&mut self) -> &mut Book<Chip<F>, DeviceMemory> {
        &mut self.book
    }

    /// Returns the report of opening the box.
    pub fn opened(&self) -> &OpenReport {
        &self.opened
    }

    /// Returns the state of the card slot.
    pub fn slot(&self) -> &SlotState {
        self.slot.state()
    }

    /// Returns the cable and the slot, for tests to act on from outside.
    pub fn outside(&mut self) -> (&mut L, &mut C) {
        (&mut self.link, self.slot.card())
    }

    /// Gives up everything but the flash, as a power cut would.
    pub fn into_flash(self) -> F {
        self.book.into_flash().into_inner()
    }

    /// Waits for the next event and handles it. A board calls this for ever.
    pub async fn turn(&mut self) -> AppEvent {
        let event = self.next().await;
        match event {
            AppEvent::Bytes(len) => self.process_bytes(len).await,
            AppEvent::CableGone => {
                // The next client begins with a hello. Until then nothing comes.
                self.frames.clear();
                self.clock.until(self.clock.now() + IDLE_MILLIS).await;
            }
            AppEvent::CardDue => self.save().await,
            AppEvent::SlotDue => {
                self.check_slot().await;
                self.slot_at = self.clock.now() + SLOT_MILLIS;
            }
            AppEvent::Idle => self.tidy().await,
        }
        (self.alive)();
        event
    }

    async fn next(&mut self) -> AppEvent {
        let now = self.clock.now();
        // The first check of the slot comes before anything else: a card may hold the whole box.
        if self.slot_at == 0 {
            return AppEvent::SlotDue;
        }
        let card_at = match self.slot.due() {
            UpdateDue::Not => Millis::MAX,
            UpdateDue::Now => now,
            UpdateDue::WhenQuiet => self.quiet_at.max(now),
        };
        let idle_at = if self.is_tidy { Millis::MAX } else { now + IDLE_MILLIS };
        let wait = card_at.min(idle_at).min(self.slot_at);
        match select(self.link.read(&mut self.piece), self.clock.until(wait)).await {
            Either::First(Ok(0) | Err(_)) => AppEvent::CableGone,
            Either::First(Ok(len)) => AppEvent::Bytes(len),
            Either::Second(()) if wait == card_at => AppEvent::CardDue,
            Either::Second(()) if wait == self.slot_at => AppEvent::SlotDue,
            Either::Second(()) => AppEvent::Idle,
        }
    }

    /// Processes bytes from the cable, and answers each complete frame.
    async fn process_bytes(&mut self, len: usize) {
        let piece = self.piece;
        let mut came = piece.get(..len).unwrap_or(&[]);
        while let Some(frame) = self.frames.take(&mut came) {
            self.answer(frame).await;
        }
        self.quiet_at = self.clock.now() + QUIET_MILLIS;
    }

    /// Answers a frame, and records the contact that it changed.
    async fn answer(&mut self, frame: Result<Frame, FrameError>) {
        let before = self.book.time_max();
        let now = self.clock.now();
        let Self { book, frames, session, buffers, out, link, .. } = self;
        let response = match frame {
            Ok(frame) => cable::respond(book, frame, frames, now, session, buffers, out).await,
            Err(error) => cable::complain(error, out),
        };
        // A client that misses the answer asks again.
        link.write_all(response.frame).await.ok();
        link.flush().await.ok();
        let after = book.time_max();
        if after == before {
            return;
        }
        self.is_tidy = false;
        // A backup must not miss anything: unless exactly one contact is known to have changed, any
        // of them may have.
        match response.change {
            Some(put) if put.version == after => self.slot.note(put.uid),
            _ => self.slot.note_many(),
        }
    }

    /// Does one step of maintenance. After the last one the box commits everything it wrote.
    async fn tidy(&mut self) {
        if matches!(self.book.maintain().await, Ok(false)) {
            return;
        }
        // A failure here is tried again after the next change.
        self.book.checkpoint().await.ok();
        self.book.root().await.ok();
        self.is_tidy = !self.finish_card().await;
    }
}
