//! Requests and replies, as both ends of a cable know them. Normative with PROTOCOL.md: the order
//! of variants and of fields is what postcard writes, so both are appended to, never rearranged.
//!
//! People's data is in here: nothing of it has a `Debug`.

use super::Fault;
use super::rows::{Bytes, Rows};
use crate::contact::{BlobRef, Contact, Contents, Millis, Origin, Uid};
use crate::search::{Class, Rank, SORT_NAME_BYTES};
use crate::store::{Aside, Finding, Shelf, Stats, VerifyReport, Written};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of the requests and replies.
pub const PROTOCOL: u8 = 1;

/// A request to a box.
#[derive(Clone, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Begins: forgets what the cable was used for before. Comes first.
    Hello {
        /// The highest protocol the asker speaks.
        protocol: u8,
        /// The longest frame the asker takes, in bytes on the cable.
        frame_bytes: u32,
    },
    /// Asks for the identity and the contents of the box.
    Info,
    /// The box's counters.
    Stats,
    /// Reads everything again.
    Verify,
    /// A page of the contacts that match.
    Find {
        /// Terms that must all be there.
        query: &'a str,
        /// The contacts that are looked through.
        shelf: Shelf,
        /// Most hits.
        limit: u32,
        /// The end of the page before.
        after: Option<Cursor>,
    },
    /// A contact, tombstones excepted.
    Get {
        /// The contact.
        uid: Uid,
    },
    /// A piece of a record that does not fit a frame, tombstones included.
    Piece {
        /// The contact.
        uid: Uid,
        /// The offset at which the piece begins.
        offset: u32,
        /// Most bytes of it.
        bytes: u32,
    },
    /// Keeps a piece of what does not fit a frame, for the request that comes next.
    Stage {
        /// The offset at which the piece begins: the end of the piece before, or 0.
        offset: u32,
        /// Length of the whole.
        total: u32,
        /// The piece.
        #[serde(borrow)]
        bytes: Bytes<'a>,
    },
    /// Makes a contact say exactly this.
    Put {
        /// The contact. Without it, the UID of the contents decides, and without that the contact
        /// is new.
        uid: Option<Uid>,
        /// The version it was seen at, if it is to be at that still.
        base: Option<Millis>,
        /// The new contents.
        #[serde(borrow)]
        card: NewContact<'a>,
    },
    /// Puts a contact in the trash.
    Remove {
        /// The contact.
        uid: Uid,
    },
    /// Takes a contact out of the trash.
    Restore {
        /// The contact.
        uid: Uid,
    },
    /// Removes a contact for good.
    Purge {
        /// The contact.
        uid: Uid,
    },
    /// The versions of a contact that the box still holds.
    History {
        /// The contact.
        uid: Uid,
    },
    /// A contact as it was.
    Version {
        /// The contact.
        uid: Uid,
        /// The version's time.
        time: Millis,
    },
    /// Signs what this cable changes from now on.
    Author {
        /// The name; empty for nobody in particular.
        name: &'a str,
    },
    /// A piece of a blob.
    Blob {
        /// Its hash.
        hash: [u8; 16],
        /// The offset at which the piece begins.
        offset: u32,
        /// Most bytes of it.
        bytes: u32,
    },
    /// The root of all that the box holds, and its time.
    Root,
    /// The box's tables of boxes and authors, which records refer to.
    Tables {
        /// The end of the page before.
        from: u32,
    },
    /// The box of which tables and records will follow.
    Meet {
        /// Its identity.
        id: u64,
    },
    /// A page of the tables of the box that is met.
    Introduce {
        /// Its rows.
        #[serde(borrow)]
        rows: Rows<'a, TableRow<'a>>,
    },
    /// Asks for the states that the box has taken in since a time of its own.
    Offers {
        /// The time.
        since: Millis,
        /// The end of the page before.
        from: u32,
    },
    /// Asks for those of these states that the box does not have.
    Want {
        /// The states.
        #[serde(borrow)]
        offers: Rows<'a, Offer>,
    },
    /// The records of these contacts, as many of the first as fit.
    Records {
        /// The contacts.
        #[serde(borrow)]
        uids: Rows<'a, Uid>,
        /// Most bytes of the list.
        bytes: u32,
    },
    /// Merges records of the box that is met.
    Take {
        /// The records, in the order they are taken; an empty one stands for a
        /// contact that is not there.
        #[serde(borrow)]
        records: Rows<'a, Bytes<'a>>,
    },
    /// Merges the record that was staged.
    TakeStaged,
    /// Asks for the first missing piece of a blob.
    Missing {
        /// The blob.
        blob: BlobRef,
    },
    /// Keeps a piece of a blob.
    PutBlob {
        /// The blob.
        blob: BlobRef,
        /// The offset at which the piece begins.
        offset: u32,
        /// The piece, as long as [`Reply::Missing`] says.
        #[serde(borrow)]
        bytes: Bytes<'a>,
    },
    /// Keeps the piece of a blob that was staged.
    PutBlobStaged {
        /// The blob.
        blob: BlobRef,
        /// The offset at which the piece begins.
        offset: u32,
    },
    /// All that the box that is met held at this time of its own is here.
    Met {
        /// The time.
        time: Millis,
    },
    /// Lets the box that is met remove so many contacts, which it was held back from.
    Removals {
        /// How many.
        count: u32,
        /// Somebody has said yes to them.
        is_accepted: bool,
    },
}

/// Most offers of one answer.
pub const OFFERS_MAX: usize = 128;

/// Longest list that the asker may pass on to another box, in bytes: it fits the shortest frame.
pub const LIST_BYTES_MAX: usize = 3072;

const _: () = assert!(OFFERS_MAX * Offer::BYTES <= LIST_BYTES_MAX);

/// A state of a contact, told short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The contact.
    pub uid: Uid,
    /// The first half of the state's digest.
    pub digest: [u8; 8],
}

impl Offer {
    /// Length of one in a list, in bytes.
    pub const BYTES: usize = 24;

    /// The offer of a state with this digest.
    pub fn new(uid: Uid, digest: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self { uid, digest: [a, b, c, d, e, f, g, h] }
    }
}

/// The box or author that a number in a box's records stands for.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum TableRow<'a> {
    /// A box.
    Box {
        /// Its index in records.
        index: u16,
        /// Its identity.
        id: u64,
        /// Its key: empty, as boxes have none yet.
        #[serde(borrow)]
        key: Bytes<'a>,
    },
    /// An author.
    Author {
        /// Their index in records.
        index: u16,
        /// Their name.
        name: &'a str,
    },
}

/// The contents to be put.
#[derive(Clone, Serialize, Deserialize)]
pub enum NewContact<'a> {
    /// These contents.
    Here(#[serde(borrow)] Contents<'a>),
    /// The contents that were staged.
    Staged,
}

/// The answer of a box.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// To [`Request::Hello`].
    Hello(Welcome),
    /// To [`Request::Info`].
    Info(#[serde(borrow)] Info<'a>),
    /// To [`Request::Stats`].
    Stats(Stats),
    /// To [`Request::Verify`].
    Verify {
        /// True when everything is as it was written: [`VerifyReport::is_sound`].
        is_sound: bool,
        /// The findings.
        report: VerifyReport,
        /// The first of what is wrong, one by one.
        #[serde(borrow)]
        findings: Rows<'a, Finding>,
    },
    /// To [`Request::Find`], best first.
    Hits {
        /// The contacts.
        #[serde(borrow)]
        hits: Rows<'a, HitRow<'a>>,
        /// There may be more behind this.
        after: Option<Cursor>,
    },
    /// To [`Request::Get`] and [`Request::Version`].
    Contact {
        /// The record, stamps and all; who and where is in the box's own numbering.
        #[serde(borrow)]
        contact: Contact<'a>,
        /// A newer version may have been lost to damage.
        is_stale: bool,
        /// The name of who changed it last.
        author: &'a str,
    },
    /// The contact does not fit a frame: ask for it in pieces.
    Long {
        /// Its version.
        version: Millis,
        /// Length of its record.
        bytes: u32,
    },
    /// To [`Request::Piece`].
    Piece {
        /// The version it is of: pieces of two versions do not fit together.
        version: Millis,
        /// Length of the whole record.
        total: u32,
        /// The piece; empty behind the end.
        #[serde(borrow)]
        bytes: Bytes<'a>,
    },
    /// To [`Request::Put`] and the other changes, once they are on the flash.
    Done(Written),
    /// To [`Request::History`], newest first.
    Versions {
        /// The newest, as many as fit.
        #[serde(borrow)]
        versions: Rows<'a, VersionRow<'a>>,
    },
    /// To [`Request::Blob`].
    Blob {
        /// Length of the whole.
        total: u32,
        /// The piece; empty behind the end.
        #[serde(borrow)]
        bytes: Bytes<'a>,
    },
    /// It is done.
    Ok,
    /// To [`Request::Root`].
    Root {
        /// The root.
        root: [u8; 16],
        /// The box's time when it had this root.
        time: Millis,
    },
    /// To [`Request::Tables`].
    Tables {
        /// A page of them.
        #[serde(borrow)]
        rows: Rows<'a, TableRow<'a>>,
        /// The beginning of the next page; `None` when this is the last.
        next: Option<u32>,
    },
    /// To [`Request::Meet`]: all that the box that is met held at this time of its own is here; 0
    /// when that is not known, or something was lost since.
    Met {
        /// The time.
        time: Millis,
    },
    /// To [`Request::Offers`].
    Offers {
        /// A page of them; it may be empty and not the last.
        #[serde(borrow)]
        offers: Rows<'a, Offer>,
        /// The beginning of the next page; `None` when this is the last.
        next: Option<u32>,
    },
    /// To [`Request::Want`].
    Wanted {
        /// A bit for each offer, in its order, lowest bit first.
        #[serde(borrow)]
        bits: Bytes<'a>,
    },
    /// To [`Request::Records`].
    Records {
        /// The records; an empty one for a contact that is not there or cannot be read.
        #[serde(borrow)]
        records: Rows<'a, Bytes<'a>>,
        /// The first one alone does not fit, and has this length: ask for it in pieces.
        long: Option<u32>,
    },
    /// To [`Request::Take`] and [`Request::TakeStaged`].
    Taken {
        /// So many of the first are done with: taken in, or kept aside.
        taken: u32,
        /// Those of them that were kept aside.
        #[serde(borrow)]
        aside: Rows<'a, AsideRow>,
        /// Why the one after them was not.
        stop: Option<Fault>,
        /// The blobs that it refers to and that are missing.
        #[serde(borrow)]
        missing: Rows<'a, BlobRef>,
    },
    /// To [`Request::Missing`].
    Missing {
        /// The offset of the first piece that is not here; `None` when all of it is.
        offset: Option<u32>,
        /// The length of a piece, unless it is the last.
        piece_bytes: u32,
    },
}

/// The end of a page of hits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    class: u8,
    name: [u8; SORT_NAME_BYTES],
    uid: Uid,
}

impl Cursor {
    /// The cursor behind a hit.
    pub fn of(rank: &Rank) -> Self {
        Self { class: rank.class as u8, name: rank.name, uid: rank.uid }
    }

    /// The rank it stands behind; `None` when nothing has such a rank.
    pub fn rank(&self) -> Option<Rank> {
        let class = match self.class {
            0 => Class::Begins,
            1 => Class::Named,
            2 => Class::Elsewhere,
            _ => return None,
        };
        Some(Rank { class, name: self.name, uid: self.uid })
    }
}

/// The box that answers, and the sizes it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol that is spoken from here on: the lower of the two.
    pub protocol: u8,
    /// The box's identity.
    pub id: u64,
    /// The longest frame it takes, in bytes on the cable; its own keep to what the asker takes too.
    pub frame_bytes: u32,
    /// The longest record it takes, in bytes.
    pub contact_bytes: u32,
    /// The longest blob it takes, in bytes.
    pub blob_bytes: u32,
    /// Contacts that are not in the trash.
    pub contacts: u32,
    /// Places for contacts that it looks through; the pages of [`Reply::Offers`] go through them.
    pub slots: u32,
}

/// The identity and the contents of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info<'a> {
    /// The box's identity.
    pub id: u64,
    /// The program's version.
    pub version: &'a str,
    /// The latest time it has written or met.
    pub time: Millis,
    /// Contacts that are not in the trash.
    pub active: u32,
    /// Contacts in the trash.
    pub trashed: u32,
    /// Bytes of all that is live.
    pub live_bytes: u64,
    /// Bytes that can be live.
    pub capacity_bytes: u64,
    /// Bytes of the flash.
    pub flash_bytes: u64,
    /// Losses through damage that nothing has healed.
    pub losses: u32,
    /// The root of all it holds, if it is known; [`Request::Root`] sees to that.
    pub root: Option<[u8; 16]>,
}

/// A contact that was kept aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideRow {
    /// The contact.
    pub uid: Uid,
    /// Why.
    pub why: Aside,
}

/// A contact that was found, as a line of a list; texts without escapes, cut to
/// [`super::display_name::TEXT_CHARS_MAX`] characters.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct HitRow<'a> {
    /// The contact.
    pub uid: Uid,
    /// Its version.
    pub version: Millis,
    /// How well it matches: 0 best, 2 least.
    pub class: u8,
    /// It is in the trash.
    pub is_trashed: bool,
    /// A newer version may have been lost to damage.
    pub is_stale: bool,
    /// Its name; empty when nothing is known to call it by.
    pub name: &'a str,
    /// The first organisation.
    pub org: Option<&'a str>,
    /// The first phone number.
    pub tel: Option<&'a str>,
    /// The first email address.
    pub email: Option<&'a str>,
}

/// A version of a contact.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct VersionRow<'a> {
    /// Its time.
    pub time: Millis,
    /// How it came about; `None` when that is kept apart with what it said.
    pub origin: Option<Origin>,
    /// The name of who made it.
    pub author: &'a str,
    /// Length of its record, 0 when that is kept apart.
    pub bytes: u32,
}

impl Serialize for Contact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.bytes())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Contact<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &'a [u8] = Deserialize::deserialize(deserializer)?;
        Self::parse(bytes).map_err(|_| serde::de::Error::custom("a malformed record"))
    }
}

impl Serialize for Contents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.bytes())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Contents<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &'a [u8] = Deserialize::deserialize(deserializer)?;
        Self::parse(bytes).map_err(|_| serde::de::Error::custom("malformed contents"))
    }
}
