//! Any bytes on the cable of a box.
//!
//! A request is answered, and other bytes are refused. Every answer is a frame that fits, and the
//! box stays sound and opens again.
use super::Input;
use crate::world::memory::{HostMemory, parts};
use contactbox_core::contact::{Draft, Kind, Property, Uid};
use contactbox_core::search::Hit;
use contactbox_core::service::cable::{complain, respond};
use contactbox_core::service::frame::{FrameKind, Frames, encode};
use contactbox_core::service::{
    AnswerBuffers, CableLimits, FRAME_BYTES_MIN, Fault, Reply, Session,
};
use contactbox_core::sim::Nor;
use contactbox_core::store::{Book, BookConfig};
use embassy_futures::block_on;

const PAGES: usize = 32;
const PAGE: usize = 4096;
const RECORD_BYTES: usize = 8 * 1024;
const FRAME_BYTES: usize = FRAME_BYTES_MIN as usize;
/// The most requests of one input.
const REQUESTS_MAX: usize = 64;

type Box = Book<Nor<1, 4, PAGE>, HostMemory>;

fn config() -> BookConfig {
    BookConfig { id: 7, gram_slices: 64, gram_probes: 1 }
}

/// Takes the kind of input from the first byte: bytes as they come over the cable, or messages
/// after a length in two bytes each, which are sealed and stuffed correctly.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut came = Vec::new();
    if input.byte() & 1 == 0 {
        came.extend_from_slice(input.rest());
    } else {
        let mut frame = vec![0; FRAME_BYTES * 2];
        for number in 1..=REQUESTS_MAX as u16 {
            if input.is_empty() {
                break;
            }
            let len = usize::from(input.half()) % FRAME_BYTES;
            let Some(message) = Message::of(input.take(len)) else { continue };
            if let Ok(len) = encode(FrameKind::Request, number, &message, &mut frame) {
                came.extend_from_slice(&frame[..len]);
            }
        }
    }
    let mut book = filled();
    answer_all(&mut book, &came);
    let report = block_on(book.verify(|_| {})).expect("a sound chip is readable");
    assert!(report.is_sound(), "{report:?}");
    let chip = book.into_flash();
    let opened = block_on(Box::open(chip, config(), parts(PAGES, PAGE, RECORD_BYTES)));
    assert!(opened.is_ok_and(|(_, report)| report.is_sound()), "what was acknowledged is there");
}

/// Bytes that serialize to themselves, as the message of a frame.
struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self(bytes))
    }
}

impl serde::Serialize for Message<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        // A tuple of bytes is written without a length.
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for byte in self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

fn filled() -> Box {
    let chip = Nor::<1, 4, PAGE>::strict(PAGES);
    let mut book = block_on(Box::format(chip, config(), parts(PAGES, PAGE, RECORD_BYTES)))
        .expect("an empty chip is formatted");
    let mut memory = vec![0; RECORD_BYTES];
    for number in 0..4u8 {
        let mut draft = Draft::new(&mut memory);
        let note = "long ".repeat(usize::from(number) * 400);
        for (kind, text) in [(Kind::FN, "Ada Lovelace"), (Kind::TEL, "1"), (Kind::NOTE, &note)] {
            draft.push(&Property::text(kind, text)).expect("it fits");
        }
        let card = draft.finish();
        block_on(book.put(Uid([number; 16]), &card, None, Default::default(), 5)).expect("it fits");
    }
    book
}

/// Answers everything that comes over a cable, and checks each answer.
fn answer_all(book: &mut Box, came: &[u8]) {
    let limits =
        CableLimits { frame_bytes: FRAME_BYTES as u32, contact_bytes: RECORD_BYTES as u32 };
    let mut session = Session::new(limits);
    let (mut into, mut out) = (vec![0; FRAME_BYTES], vec![0; FRAME_BYTES]);
    let (mut list, mut record) = (vec![0; FRAME_BYTES], vec![0; RECORD_BYTES]);
    let mut hits = vec![Hit::EMPTY; 20];
    let mut back = vec![0; FRAME_BYTES];
    let mut frames = Frames::new(&mut into);
    let mut room = AnswerBuffers { list: &mut list, record: &mut record, hits: &mut hits };
    let mut input = came;
    for _ in 0..2 * REQUESTS_MAX {
        let Some(taken) = frames.take(&mut input) else { break };
        let response = match taken {
            Ok(frame) => {
                block_on(respond(book, frame, &frames, 9, &mut session, &mut room, &mut out))
            }
            Err(error) => complain(error, &mut out),
        };
        let mut sent = response.frame;
        assert!(sent.len() <= FRAME_BYTES);
        if sent.is_empty() {
            continue;
        }
        let mut reader = Frames::new(&mut back);
        let frame = reader.take(&mut sent).expect("an answer is a frame").expect("and whole");
        match frame.kind {
            FrameKind::Reply => {
                let reply = postcard::take_from_bytes::<Reply<'_>>(reader.message());
                assert!(reply.is_ok_and(|(_, rest)| rest.is_empty()), "a reply is understood");
            }
            FrameKind::Fault => {
                let fault = postcard::take_from_bytes::<Fault>(reader.message());
                assert!(fault.is_ok_and(|(_, rest)| rest.is_empty()), "a fault is understood");
            }
            FrameKind::Request => panic!("a box asks nothing"),
        }
    }
}
