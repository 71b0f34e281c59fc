//! The kept inputs for the cable are the requests in their present form.

use contactbox_core::contact::{BlobRef, Contents, Draft, Kind, Property, Uid};
use contactbox_core::service::protocol::{NewContact, Offer, PROTOCOL, TableRow};
use contactbox_core::service::rows::{Bytes, Packer};
use contactbox_core::service::{FRAME_BYTES_MIN, Request};
use contactbox_core::store::Shelf;

const FRAME_BYTES: usize = FRAME_BYTES_MIN as usize;

/// Returns requests in the form of the kept inputs: a 1, then each one after its length.
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

/// Returns requests that are worth beginning with.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let uid = Uid([2; 16]);
    let hello = Request::Hello { protocol: PROTOCOL, frame_bytes: FRAME_BYTES_MIN };
    let mut memory = vec![0; 500];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Property::text(Kind::FN, "Grace")).expect("it fits");
    let card = draft.finish().bytes();
    let put = |uid| Request::Put {
        uid,
        base: None,
        card: NewContact::Here(Contents::parse(card).expect("a card")),
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
    // A tombstone of box 0 that has seen a part of box 1.
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
                Request::Put { uid: Some(uid), base: None, card: NewContact::Staged },
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

/// The kept inputs are the requests in their present form; CONTACTBOX_KEEP_SEEDS=1 writes them
/// anew.
#[test]
fn seeds_are_kept() {
    for (name, bytes) in seeds() {
        let path = contactbox_tests::fuzz::seeds_folder("frame").join(name);
        if std::env::var_os("CONTACTBOX_KEEP_SEEDS").is_some() {
            std::fs::write(&path, &bytes).expect("the folder of the seeds can be written");
        }
        assert!(std::fs::read(&path).is_ok_and(|kept| kept == bytes), "{name} is another now");
    }
}
