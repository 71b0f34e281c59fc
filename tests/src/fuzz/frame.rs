//! Any bytes on the cable of a box: what is no request is told so, what is one is answered, every answer is
//! a frame that fits, and the box stays sound and opens again.
use super::Input;
use crate::world::memory::{HostMemory, parts};
use contactbox_core::contact::{Content, Draft, Kind, Uid};
use contactbox_core::search::Hit;
use contactbox_core::service::cable::{complain, respond};
use contactbox_core::service::frame::{FrameKind, Frames, encode};
use contactbox_core::service::{FRAME_BYTES_MIN, Fault, Limits, Reply, Room, Session};
use contactbox_core::sim::Nor;
use contactbox_core::store::{Book, BookConfig};
use embassy_futures::block_on;

const PAGES: usize = 32;
const PAGE: usize = 4096;
const RECORD_BYTES: usize = 8 * 1024;
const FRAME_BYTES: usize = FRAME_BYTES_MIN as usize;
/// Requests of one input that are answered.
const REQUESTS_MAX: usize = 64;

type Box = Book<Nor<1, 4, PAGE>, HostMemory>;

fn config() -> BookConfig {
    BookConfig { id: 7, gram_slices: 64, gram_probes: 1 }
}

/// The first byte says what follows: bytes as they come over the cable, or messages, each after its
/// length in two bytes, which are sealed and stuffed as they should be.
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

/// Bytes as a message: what a frame's message serializes to.
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
            draft.push(&Content::text(kind, text)).expect("it fits");
        }
        let card = draft.finish();
        block_on(book.put(Uid([number; 16]), &card, None, Default::default(), 5)).expect("it fits");
    }
    book
}

/// Does what comes over a cable, and looks at what goes back.
fn answer_all(book: &mut Box, came: &[u8]) {
    let limits = Limits { frame_bytes: FRAME_BYTES as u32, contact_bytes: RECORD_BYTES as u32 };
    let mut session = Session::new(limits);
    let (mut into, mut out) = (vec![0; FRAME_BYTES], vec![0; FRAME_BYTES]);
    let (mut list, mut record) = (vec![0; FRAME_BYTES], vec![0; RECORD_BYTES]);
    let mut hits = vec![Hit::EMPTY; 20];
    let mut back = vec![0; FRAME_BYTES];
    let mut frames = Frames::new(&mut into);
    let mut room = Room { list: &mut list, record: &mut record, hits: &mut hits };
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

#[cfg(test)]
mod tests {
    use super::*;
    use contactbox_core::contact::{BlobRef, Contents};
    use contactbox_core::service::Request;
    use contactbox_core::service::protocol::{Card, Offer, PROTOCOL, TableRow};
    use contactbox_core::service::rows::{Bytes, Packer};
    use contactbox_core::store::Shelf;

    /// Requests as the asker writes them, for the kept inputs: the second way of [`run`].
    fn messages<'a>(requests: impl IntoIterator<Item = Request<'a>>) -> Vec<u8> {
        let mut bytes = vec![1];
        for request in requests {
            let mut memory = vec![0; FRAME_BYTES];
            let message = postcard::to_slice(&request, &mut memory).expect("it fits");
            bytes.extend((message.len() as u16).to_le_bytes());
            bytes.extend_from_slice(message);
        }
        bytes
    }

    /// Requests worth beginning with.
    fn seeds() -> Vec<(&'static str, Vec<u8>)> {
        let uid = Uid([2; 16]);
        let hello = Request::Hello { protocol: PROTOCOL, frame_bytes: FRAME_BYTES_MIN };
        let mut memory = vec![0; 500];
        let mut draft = Draft::new(&mut memory);
        draft.push(&Content::text(Kind::FN, "Grace")).expect("it fits");
        let card = draft.finish().bytes();
        let put = |uid| Request::Put {
            uid,
            base: None,
            card: Card::Here(Contents::parse(card).expect("a card")),
        };
        let (mut rows, mut offers, mut uids, mut records) =
            (vec![0; 200], vec![0; 200], vec![0; 200], vec![0; 200]);
        let mut table = Packer::new(&mut rows, 200);
        table.push(&TableRow::Box { index: 1, id: 7, key: Bytes(&[]) });
        table.push(&TableRow::Author { index: 1, name: "grace" });
        let mut offered = Packer::new(&mut offers, 200);
        offered.push(&Offer { uid, digest: [1; 8] });
        let mut asked = Packer::new(&mut uids, 200);
        asked.push(&uid);
        // A tombstone of box 0 that has seen some of box 1.
        let mut taken = Packer::new(&mut records, 200);
        let head = [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 20, 0, 2, 0, 0, 1, 4];
        taken.push(&Bytes(&head));
        let content = [5; 300];
        let blob = BlobRef::of(&content);
        let query = "ada";
        let total = card.len() as u32;
        vec![
            (
                "ask",
                messages([
                    hello.clone(),
                    Request::Info,
                    Request::Stats,
                    Request::Verify,
                    Request::Find { query, shelf: Shelf::All, limit: 9, after: None },
                    Request::Get { uid },
                    Request::Piece { uid, offset: 5, bytes: 100 },
                    Request::History { uid },
                    Request::Version { uid, time: 5 },
                    Request::Blob { hash: [0; 16], offset: 0, bytes: 9 },
                ]),
            ),
            (
                "change",
                messages([
                    hello.clone(),
                    Request::Author { name: "grace" },
                    put(None),
                    put(Some(uid)),
                    Request::Remove { uid },
                    Request::Restore { uid },
                    Request::Purge { uid },
                    Request::Stage { offset: 0, total, bytes: Bytes(card) },
                    Request::Put { uid: Some(uid), base: None, card: Card::Staged },
                ]),
            ),
            (
                "meet",
                messages([
                    hello,
                    Request::Root,
                    Request::Tables { from: 0 },
                    Request::Meet { id: 9 },
                    Request::Introduce { rows: table.finish() },
                    Request::Offers { since: 0, from: 0 },
                    Request::Want { offers: offered.finish() },
                    Request::Records { uids: asked.finish(), bytes: 3000 },
                    Request::Take { records: taken.finish() },
                    Request::Missing { blob },
                    Request::PutBlob { blob, offset: 0, bytes: Bytes(&content) },
                    Request::Stage { offset: 0, total: 300, bytes: Bytes(&content) },
                    Request::PutBlobStaged { blob, offset: 0 },
                    Request::TakeStaged,
                    Request::Met { time: 5 },
                ]),
            ),
        ]
    }

    /// The kept inputs are the requests as they are written today; CONTACTBOX_KEEP_SEEDS=1 keeps them anew.
    #[test]
    fn seeds_are_kept() {
        for (name, bytes) in seeds() {
            let path = crate::fuzz::seeds_folder("frame").join(name);
            if std::env::var_os("CONTACTBOX_KEEP_SEEDS").is_some() {
                std::fs::write(&path, &bytes).expect("the folder of the seeds can be written");
            }
            assert!(std::fs::read(&path).is_ok_and(|kept| kept == bytes), "{name} is another now");
        }
    }
}
