//! Makes boxes on simulated chips, and a cable in memory that can fail.

use contactbox_core::contact::{Contents, Draft, Kind, Millis, Property};
use contactbox_core::search::Hit;
use contactbox_core::service::cable::{Caller, Link, Local, complain, respond};
use contactbox_core::service::frame::Frames;
use contactbox_core::service::{AnswerBuffers, CableLimits, Session};
use contactbox_core::sim::Nor;
use contactbox_core::store::{Book, BookConfig, Parts, Wide};
use embassy_futures::block_on;
use embedded_storage_async::nor_flash::NorFlash;
use std::collections::VecDeque;

pub type Chip = Nor<1, 4, 4096>;

pub type Heap = contactbox_core::sim::Heap<Wide, u32>;

pub const CONTACT_BYTES: usize = 16 * 1024;
pub const FRAME_BYTES: usize = 4096;

fn parts(pages: usize, page_bytes: usize) -> Parts<Heap> {
    contactbox_core::sim::parts(pages, page_bytes, CONTACT_BYTES.max(page_bytes), usize::MAX)
}

pub fn config(id: u64) -> BookConfig {
    BookConfig { id, gram_slices: 64, gram_probes: 1 }
}

pub fn format(id: u64, pages: usize) -> Book<Chip, Heap> {
    format_on(Chip::new(pages), id, pages)
}

pub fn format_on<F: NorFlash>(chip: F, id: u64, pages: usize) -> Book<F, Heap> {
    match block_on(Book::format(chip, config(id), parts(pages, F::ERASE_SIZE))) {
        Ok(book) => book,
        Err(_) => panic!("no new box"),
    }
}

/// Opens the box again after its power was off.
pub fn reopen(book: Book<Chip, Heap>) -> Book<Chip, Heap> {
    let mut chip = book.into_flash();
    chip.power_on();
    let pages = chip.contents().len() / 4096;
    block_on(Book::open(chip, config(1), parts(pages, 4096))).expect("a box").0
}

/// Returns the contents of a contact in memory of its own.
pub fn card(properties: &[(Kind, &str)]) -> Vec<u8> {
    let mut memory = vec![0; 64 * 1024];
    let mut draft = Draft::new(&mut memory);
    for &(kind, text) in properties {
        draft.push(&Property::text(kind, text)).expect("it fits");
    }
    draft.finish().bytes().to_vec()
}

pub fn contents(card: &[u8]) -> Contents<'_> {
    Contents::parse(card).expect("a card")
}

/// A box that answers a cable, and the way in which that cable fails.
pub struct Device<F: NorFlash = Chip> {
    pub book: Book<F, Heap>,
    pub session: Session<Heap>,
    pub now: Millis,
    limits: CableLimits,
    into: Vec<u8>,
    out: Vec<u8>,
    list: Vec<u8>,
    record: Vec<u8>,
    hits: Vec<Hit>,
    /// The bytes on their way back.
    back: VecDeque<u8>,
    /// The number of frames in both directions.
    pub frames: u64,
    /// The function that decides the fate of each frame.
    pub fate: Box<dyn FnMut(u64) -> Fate>,
    /// The bytes of a frame that has not arrived whole.
    pending: Vec<u8>,
}

/// The fate of a frame on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
    /// A bit is flipped.
    Garbled(u64),
    /// Only the first part arrives.
    Cut(u64),
    /// The frame arrives twice.
    Twice,
    /// The cable is out from now on.
    Out,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unplugged;

impl std::fmt::Display for Unplugged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unplugged")
    }
}

impl<F: NorFlash> Device<F> {
    pub fn new(book: Book<F, Heap>) -> Self {
        Self::bounded(book, CONTACT_BYTES)
    }

    /// Makes a device that takes records up to this length only.
    pub fn bounded(book: Book<F, Heap>, contact_bytes: usize) -> Self {
        let limits =
            CableLimits { frame_bytes: FRAME_BYTES as u32, contact_bytes: contact_bytes as u32 };
        Self {
            book,
            session: Session::new(limits),
            now: 1_800_000_000_000,
            limits,
            into: vec![0; FRAME_BYTES],
            out: vec![0; FRAME_BYTES],
            list: vec![0; FRAME_BYTES],
            record: vec![0; CONTACT_BYTES.max(F::ERASE_SIZE) + 256],
            hits: vec![Hit::EMPTY; 20],
            back: VecDeque::new(),
            frames: 0,
            fate: Box::new(|_| Fate::Arrives),
            pending: Vec::new(),
        }
    }

    /// Resets the device: nothing is remembered.
    pub fn restart(&mut self) {
        self.session = Session::new(self.limits);
        self.back.clear();
        self.pending.clear();
    }

    /// Allows longer frames.
    pub fn with_frames(mut self, frame_bytes: usize) -> Self {
        self.limits.frame_bytes = frame_bytes as u32;
        for memory in [&mut self.into, &mut self.out, &mut self.list] {
            memory.resize(frame_bytes, 0);
        }
        self.restart();
        self
    }

    /// Returns a way to ask the box without a cable.
    pub fn local(&mut self) -> Local<'_, F, Heap> {
        let Self { book, now, limits, list, record, hits, .. } = self;
        let room = AnswerBuffers { list, record, hits };
        Local { book, session: Session::new(*limits), room, now: *now }
    }

    fn fate(&mut self, frame: &[u8]) -> Result<Vec<u8>, Unplugged> {
        self.frames += 1;
        let mut frame = frame.to_vec();
        match (self.fate)(self.frames) {
            Fate::Arrives => {}
            Fate::Lost => frame.clear(),
            Fate::Garbled(bit) => {
                let bit = bit as usize % (frame.len() * 8);
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            Fate::Cut(at) => frame.truncate(at as usize % frame.len()),
            Fate::Twice => frame.extend_from_within(..),
            Fate::Out => return Err(Unplugged),
        }
        Ok(frame)
    }

    /// Takes in bytes and does what they ask.
    pub async fn take(&mut self, bytes: &[u8]) -> Result<(), Unplugged> {
        // The frame reader borrows its memory, so an unfinished frame is given to it again.
        let mut came = std::mem::take(&mut self.pending);
        came.extend_from_slice(bytes);
        let whole = came.iter().rposition(|&byte| byte == 0).map_or(0, |at| at + 1);
        self.pending = came.split_off(whole);
        if self.pending.len() > 2 * FRAME_BYTES {
            self.pending.truncate(2 * FRAME_BYTES);
        }
        let mut into = std::mem::take(&mut self.into);
        let mut frames = Frames::new(&mut into);
        let mut input = came.as_slice();
        let mut result = Ok(());
        while let Some(taken) = frames.take(&mut input) {
            let Self { book, session, now, out, list, record, hits, .. } = self;
            let mut room = AnswerBuffers { list, record, hits };
            let response = match taken {
                Ok(frame) => respond(book, frame, &frames, *now, session, &mut room, out).await,
                Err(error) => complain(error, out),
            };
            let back = response.frame.to_vec();
            assert!(back.len() <= FRAME_BYTES);
            match self.fate(&back) {
                Ok(back) => self.back.extend(back),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.into = into;
        result
    }
}

/// The cable to a device.
pub struct Wire<'d, F: NorFlash>(pub &'d mut Device<F>);

impl<F: NorFlash> Link for Wire<'_, F> {
    type Error = Unplugged;

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Unplugged> {
        assert!(bytes.len() <= FRAME_BYTES);
        let arrives = self.0.fate(bytes)?;
        self.0.take(&arrives).await
    }

    async fn receive(&mut self, into: &mut [u8]) -> Result<usize, Unplugged> {
        let len = into.len().min(self.0.back.len());
        for (byte, came) in into.iter_mut().zip(self.0.back.drain(..len)) {
            *byte = came;
        }
        Ok(len)
    }
}

/// The memory of the end that asks.
pub struct Desk(Vec<u8>, Vec<u8>);

impl Desk {
    pub fn new() -> Self {
        Self(vec![0; FRAME_BYTES], vec![0; FRAME_BYTES])
    }

    pub fn call<'d, F: NorFlash>(
        &'d mut self,
        device: &'d mut Device<F>,
    ) -> Caller<'d, Wire<'d, F>> {
        Caller::new(Wire(device), &mut self.0, &mut self.1)
    }
}
