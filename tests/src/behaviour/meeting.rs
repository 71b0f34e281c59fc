//! The other script: the requests of a meeting between two boxes, one by one, refusals included.
//!
//! The contacts handed over come from a box of the script's own, so that every box under test ends
//! with one root.

use crate::desk::Desk;
use contactbox_core::contact::{BlobRef, Contact, Kind, Property, Types, Uid, Value};
use contactbox_core::service::cable::{AskError, Exchange};
use contactbox_core::service::protocol::{Offer, Reply, Request, TableRow, Welcome};
use contactbox_core::service::rows::{Bytes, Packer, Rows};
use contactbox_core::service::{FRAME_BYTES_MIN, PROTOCOL};
use embassy_futures::block_on;

/// The identity of the box that is met.
const GIVER: u64 = 77;

/// Bytes of a piece that fits a frame of every box.
const PIECE_BYTES: usize = 1024;

/// The size of a list's buffer.
const LIST_BYTES: usize = FRAME_BYTES_MIN as usize;

/// Plays the script with a new box and returns the answers, one a line.
pub fn meeting_transcript(to: &mut impl Exchange) -> Vec<String> {
    Script { to, giver: Giver::new(), lines: Vec::new() }.play()
}

/// The box that is met.
struct Giver {
    desk: Desk,
    photo: BlobRef,
    bytes: Vec<u8>,
}

impl Giver {
    fn new() -> Self {
        let mut desk = Desk::new(GIVER, 1 << 20);
        // Larger than a piece of any box with small pages, and than a frame.
        let bytes: Vec<u8> =
            (0..9_000u32).map(|byte| (byte.wrapping_mul(byte) >> 5) as u8).collect();
        let photo = block_on(desk.book.put_blob(&bytes)).expect("room for a photo");
        for number in 0..3 {
            let name = format!("Person {number}");
            let lines = [(Kind::FN, name.as_str()), (Kind::TEL, "+49 171 5550101")];
            desk.put(uid(number), &lines).expect("room for a contact");
        }
        let with_photo = [Property::text(Kind::FN, "Grace Hopper"), picture(Value::Blob(photo))];
        desk.put_contents(uid(3), &with_photo).expect("room for a contact");
        Self { desk, photo, bytes }
    }

    fn ask<T>(&mut self, request: &Request<'_>, take: impl FnOnce(&Reply<'_>) -> T) -> T {
        take(&block_on(self.desk.end().ask(request)).expect("the box of the script answers"))
    }

    fn offers(&mut self) -> Vec<Offer> {
        self.ask(&Request::Offers { since: 0, from: 0 }, |reply| match reply {
            Reply::Offers { offers, .. } => offers.iter().collect(),
            _ => Vec::new(),
        })
    }

    fn record(&mut self, uid: Uid) -> Vec<u8> {
        let mut memory = vec![0; LIST_BYTES];
        let record = block_on(self.desk.book.state_of(uid, &mut memory)).expect("it can be read");
        record.map(|record| record.bytes().to_vec()).unwrap_or_default()
    }

    fn root(&mut self) -> [u8; 16] {
        block_on(self.desk.book.root()).expect("it can be read").0
    }
}

fn uid(number: u8) -> Uid {
    Uid([number + 1; 16])
}

fn picture(value: Value<'_>) -> Property<'_> {
    Property { types: Types(0), value, ..Property::text(Kind::PHOTO, "") }
}

fn packed<T: serde::Serialize>(
    memory: &mut [u8],
    rows: impl IntoIterator<Item = T>,
) -> Rows<'_, T> {
    let mut packer = Packer::new(memory, LIST_BYTES);
    for row in rows {
        assert!(packer.push(&row), "room for a row");
    }
    packer.finish()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Script<'t, E> {
    to: &'t mut E,
    giver: Giver,
    lines: Vec<String>,
}

impl<E: Exchange> Script<'_, E> {
    /// Sends a request and records the answer, or the kind of the refusal.
    fn ask(&mut self, what: &str, request: &Request<'_>) {
        let told = match block_on(self.to.ask(request)) {
            Ok(reply) => shown(&reply),
            Err(AskError::Fault(fault)) => {
                // Without its numbers: boxes differ in their limits.
                let text = format!("{fault:?}");
                let name = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                format!("refused, {name}")
            }
            Err(_) => "no answer".to_owned(),
        };
        self.lines.push(format!("{what}: {told}"));
    }

    /// Sends a request whose answer the script itself needs.
    fn learn<T>(&mut self, request: &Request<'_>, take: impl FnOnce(&Reply<'_>) -> Option<T>) -> T {
        let reply = block_on(self.to.ask(request)).ok();
        reply.and_then(|reply| take(&reply)).expect("this is answered")
    }

    fn play(mut self) -> Vec<String> {
        let hello = Request::Hello { protocol: PROTOCOL, frame_bytes: FRAME_BYTES_MIN };
        let own = self.learn(&hello, |reply| match reply {
            Reply::Hello(Welcome { id, .. }) => Some(*id),
            _ => None,
        });
        self.ask("root", &Request::Root);
        self.before_it_is_met(own);
        self.ask("meet", &Request::Meet { id: GIVER });
        self.introduce();
        self.want("want all");
        self.take("take, without the photo");
        self.photo();
        self.take("take, with the photo");
        self.want("want nothing more");
        self.nonsense();
        self.staged();
        self.gone();
        self.given_back();
        self.ask("met", &Request::Met { time: 1_234 });
        self.ask("meet again", &Request::Meet { id: GIVER });
        self.lines
    }

    fn before_it_is_met(&mut self, own: u64) {
        let mut memory = vec![0; LIST_BYTES];
        let record = self.giver.record(uid(0));
        self.ask("meet itself", &Request::Meet { id: own });
        let records = packed(&mut memory, [Bytes(&record)]);
        self.ask("take from nobody", &Request::Take { records });
        self.ask("met nobody", &Request::Met { time: 1 });
        self.ask("introduce nobody", &Request::Introduce { rows: Rows::EMPTY });
        self.ask("offers of nothing", &Request::Offers { since: 0, from: 0 });
    }

    fn introduce(&mut self) {
        let mut memory = vec![0; LIST_BYTES];
        let len = self.giver.ask(&Request::Tables { from: 0 }, |reply| {
            let mut packer = Packer::new(&mut memory, LIST_BYTES);
            if let Reply::Tables { rows, .. } = reply {
                rows.iter().for_each(|row| assert!(packer.push(&row), "room for a row"));
            }
            packer.len()
        });
        let rows = Rows::parse(&memory[..len]).expect("rows of a box");
        self.ask("introduce", &Request::Introduce { rows });
    }

    fn want(&mut self, what: &str) {
        let mut memory = vec![0; LIST_BYTES];
        let offers = packed(&mut memory, self.giver.offers());
        self.ask(what, &Request::Want { offers });
    }

    fn take(&mut self, what: &str) {
        let mut memory = vec![0; LIST_BYTES];
        let records: Vec<Vec<u8>> = (0..4).map(|number| self.giver.record(uid(number))).collect();
        let records = packed(&mut memory, records.iter().map(|record| Bytes(record)));
        self.ask(what, &Request::Take { records });
        for number in 0..4 {
            self.ask(&format!("get {number}"), &Request::Get { uid: uid(number) });
        }
    }

    fn photo(&mut self) {
        let (blob, bytes) = (self.giver.photo, self.giver.bytes.clone());
        self.ask("read it too early", &Request::Blob { hash: blob.hash, offset: 0, bytes: 100 });
        let short = Bytes(&bytes[..10]);
        self.ask("a short piece", &Request::PutBlob { blob, offset: 0, bytes: short });
        self.ask("a piece of nothing", &Request::PutBlobStaged { blob, offset: 0 });
        loop {
            let (offset, piece_bytes) =
                self.learn(&Request::Missing { blob }, |reply| match reply {
                    Reply::Missing { offset, piece_bytes } => Some((*offset, *piece_bytes)),
                    _ => None,
                });
            let Some(offset) = offset else { break };
            let rest = &bytes[offset as usize..];
            let piece = &rest[..rest.len().min(piece_bytes as usize)];
            // The number of pieces depends on the box: only the first is recorded.
            let is_first = offset == 0;
            for (number, part) in piece.chunks(PIECE_BYTES).enumerate() {
                let at = (number * PIECE_BYTES) as u32;
                let total = piece.len() as u32;
                self.done(&Request::Stage { offset: at, total, bytes: Bytes(part) });
            }
            match is_first {
                true => self.ask("the first piece", &Request::PutBlobStaged { blob, offset }),
                false => self.done(&Request::PutBlobStaged { blob, offset }),
            }
        }
        self.lines.push("nothing is missing".to_owned());
        for (offset, bytes) in [(0, 16), (8_990, 100), (9_000, 10), (u32::MAX, 10)] {
            let read = Request::Blob { hash: blob.hash, offset, bytes };
            self.ask(&format!("read {bytes} at {offset}"), &read);
        }
        self.ask("read nothing", &Request::Blob { hash: [9; 16], offset: 0, bytes: 10 });
    }

    fn done(&mut self, request: &Request<'_>) {
        self.learn(request, |reply| matches!(reply, Reply::Ok).then_some(()));
    }

    fn nonsense(&mut self) {
        let mut memory = vec![0; LIST_BYTES];
        let records = packed(&mut memory, [Bytes(b"no record at all")]);
        self.ask("take nonsense", &Request::Take { records });
        let mut memory = vec![0; LIST_BYTES];
        let records = packed(&mut memory, [Bytes(b"")]);
        self.ask("take who is not there", &Request::Take { records });
        let (offset, total) = (10, 100);
        self.ask("stage the end first", &Request::Stage { offset, total, bytes: Bytes(b"end") });
        self.ask("take what was not staged", &Request::TakeStaged);
    }

    /// Hands over a record in pieces.
    fn staged(&mut self) {
        let note = "a long story ".repeat(150);
        let lines = [(Kind::FN, "Person 0"), (Kind::NOTE, note.as_str())];
        self.giver.desk.put(uid(0), &lines).expect("room for a contact");
        let record = self.giver.record(uid(0));
        let total = record.len() as u32;
        for (number, part) in record.chunks(PIECE_BYTES).enumerate() {
            let offset = (number * PIECE_BYTES) as u32;
            self.ask("stage", &Request::Stage { offset, total, bytes: Bytes(part) });
        }
        self.ask("take what was staged", &Request::TakeStaged);
        self.ask("take it again", &Request::TakeStaged);
        self.read_in_pieces();
    }

    /// Reads the record from the box in pieces. Its numbering and its lengths are the box's own.
    fn read_in_pieces(&mut self) {
        let mut record = Vec::new();
        loop {
            let offset = record.len() as u32;
            let request = Request::Piece { uid: uid(0), offset, bytes: 500 };
            let (total, piece) = self.learn(&request, |reply| match reply {
                Reply::Piece { total, bytes, .. } => Some((*total, bytes.0.to_vec())),
                _ => None,
            });
            record.extend(&piece);
            if piece.is_empty() {
                assert_eq!(total as usize, record.len(), "the pieces are the whole");
                break;
            }
        }
        self.lines.push(format!("in pieces: {}", told(&record)));
        self.ask("a piece of nobody", &Request::Piece { uid: uid(99), offset: 0, bytes: 500 });
    }

    /// Hands over a contact that was purged on the other side.
    fn gone(&mut self) {
        self.giver.desk.purge(uid(1)).expect("it is there");
        let record = self.giver.record(uid(1));
        let mut memory = vec![0; LIST_BYTES];
        let records = packed(&mut memory, [Bytes(&record)]);
        self.ask("take one who is gone, unasked", &Request::Take { records });
        self.ask("get them", &Request::Get { uid: uid(1) });
        let removals = |count, is_accepted| Request::Removals { count, is_accepted };
        self.ask("remove three of four", &removals(3, false));
        self.ask("remove one", &removals(1, false));
        self.ask("take one who is gone", &Request::Take { records });
        self.ask("get them no more", &Request::Get { uid: uid(1) });
    }

    /// The box must offer and give what it was given.
    fn given_back(&mut self) {
        self.ask("offers", &Request::Offers { since: 0, from: 0 });
        self.ask("offers behind the end", &Request::Offers { since: u64::MAX, from: 0 });
        self.ask("offers of no place", &Request::Offers { since: 0, from: u32::MAX });
        let mut memory = vec![0; LIST_BYTES];
        let uids = packed(&mut memory, (1..4).map(uid));
        self.ask("records", &Request::Records { uids, bytes: 2_000 });
        let mut memory = vec![0; LIST_BYTES];
        let uids = packed(&mut memory, [uid(200)]);
        self.ask("records of nobody", &Request::Records { uids, bytes: 2_000 });
        self.ask("tables", &Request::Tables { from: 0 });
        self.ask("tables behind the end", &Request::Tables { from: 99 });
        self.ask("root", &Request::Root);
        let is_same = self.giver.root();
        self.lines.push(format!("root of the other box: {}", hex(&is_same)));
    }
}

/// Returns an answer without what differs from box to box: its identity, its time, its limits.
fn shown(reply: &Reply<'_>) -> String {
    match reply {
        Reply::Ok => "done".to_owned(),
        Reply::Root { root, .. } => hex(root),
        Reply::Met { time } => format!("met at {time}"),
        Reply::Tables { rows, next } => {
            let rows = rows.iter().map(|row| match row {
                TableRow::Box { index: 0, .. } => "itself".to_owned(),
                TableRow::Box { index, id, .. } => format!("box {index} {id}"),
                TableRow::Author { index, name } => format!("author {index} {name}"),
            });
            format!("{} next {next:?}", rows.collect::<Vec<_>>().join(", "))
        }
        Reply::Offers { offers, next } => {
            // The order of slots is the box's own.
            let mut offers: Vec<_> = offers.iter().collect();
            offers.sort_by_key(|offer| offer.uid);
            let offers = offers.iter().map(|offer| format!("{} {}", offer.uid, hex(&offer.digest)));
            format!("{} next {next:?}", offers.collect::<Vec<_>>().join(", "))
        }
        Reply::Wanted { bits } => hex(bits.0),
        Reply::Records { records, long } => {
            let records = records.iter().map(|record| told(record.0));
            format!("{} long {long:?}", records.collect::<Vec<_>>().join(", "))
        }
        Reply::Taken { taken, aside, stop, missing } => {
            let missing = missing.iter().map(|blob| format!("{} {}", hex(&blob.hash), blob.len));
            let missing = missing.collect::<Vec<_>>().join(", ");
            let aside = aside.iter().map(|row| format!("{} {:?}", row.uid, row.why));
            let aside = aside.collect::<Vec<_>>().join(", ");
            format!("{taken} taken, aside {aside}, stop {stop:?}, missing {missing}")
        }
        Reply::Blob { total, bytes } => format!("{} of {total}", hex(bytes.0)),
        Reply::Contact { contact, is_stale, author } => {
            format!("{} stale {is_stale} by {author}", lines_of(contact))
        }
        _ => "another reply".to_owned(),
    }
}

/// Returns the content of a record. Its time is in its digest.
fn told(record: &[u8]) -> String {
    match Contact::parse(record) {
        Ok(contact) if contact.is_tombstone() => "(gone)".to_owned(),
        Ok(contact) => lines_of(&contact),
        Err(_) => "(none)".to_owned(),
    }
}

fn lines_of(contact: &Contact<'_>) -> String {
    let lines = contact.properties().map(|property| {
        let name = property.content.name();
        match property.content.value {
            Value::Blob(blob) => format!("{name} {}", hex(&blob.hash)),
            value => format!("{name} {}", value.as_text().unwrap_or("(binary)")),
        }
    });
    lines.collect::<Vec<_>>().join(" | ")
}
