//! A box on a modelled disk, with an oracle of its requests and acknowledgements that knows no
//! journal.

use super::file::Model;
use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid, Value};
use contactbox_core::store::{Barrier, Book, BookConfig, PutError};
use contactbox_engine::image::{Access, HEADER_BYTES, Image, PAGE_BYTES};
use contactbox_engine::memory::Heap;
use contactbox_engine::parts;
use contactbox_tests::pagecache::PageCache;
use contactbox_tests::random::Random;
use crc::{CRC_32_ISCSI, Crc};
use embassy_futures::block_on;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::OnceLock;

/// The pages of a new box: one more than it must have.
const PAGES: u32 = 9;

/// The size of a buffer for the largest contact of these tests, and for its record.
const DRAFT_BYTES: usize = 256 * 1024;

/// The name given to the file.
pub const NAME: &str = "modelled.box";

/// The time of the first change.
const BEGIN: u64 = 1_763_769_600_000;

const CONFIG: BookConfig = BookConfig { id: 0x5EED_0B0C, gram_slices: 32, gram_probes: 1 };

/// A content for a contact.
#[derive(Clone, Copy, Debug, Default)]
pub struct Card {
    /// The number of the content, of the many of this contact.
    pub number: u32,
    /// The bytes of its photo; 0 for none.
    pub photo: usize,
    /// The bytes of its note.
    pub note: usize,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Sets the content of a contact.
    Put(u16, Card),
    /// Imports a content.
    Import(u16, Card),
    /// Puts a contact into the trash.
    Remove(u16),
    /// Takes a contact out of the trash.
    Restore(u16),
    /// Purges a contact.
    Purge(u16),
    /// Grows the image by this many pages.
    Grow(u16),
}

impl Op {
    fn who(self) -> u16 {
        match self {
            Self::Put(who, _)
            | Self::Import(who, _)
            | Self::Remove(who)
            | Self::Restore(who)
            | Self::Purge(who)
            | Self::Grow(who) => who,
        }
    }
}

/// The visible content of a contact as a hash, and whether it is in the trash.
type Shown = Option<(u64, bool)>;

/// A requested state.
#[derive(Clone, Copy, Debug)]
struct Version {
    /// The events of the log before any part of the state could be in the file.
    from: usize,
    /// The events of the log when the state was acknowledged.
    acked: usize,
    shown: Shown,
}

/// The requested states of each contact.
#[derive(Clone, Default)]
pub struct Oracle(Vec<Vec<Version>>);

/// The mark of a state that was not acknowledged.
const NEVER: usize = usize::MAX;

impl Oracle {
    fn last(&self, who: u16) -> Shown {
        self.0.get(usize::from(who)).and_then(|versions| versions.last()?.shown)
    }

    fn add(&mut self, who: u16, from: usize, shown: Shown) {
        let place = usize::from(who);
        if self.0.len() <= place {
            self.0.resize(place + 1, Vec::new());
        }
        self.0[place].push(Version { from, acked: NEVER, shown });
    }

    /// Marks all requests since `since` as acknowledged at this length of the log.
    fn acknowledge(&mut self, since: usize, events: usize) {
        for version in self.0.iter_mut().flatten() {
            if version.acked == NEVER && version.from >= since {
                version.acked = events;
            }
        }
    }

    /// Returns whether a contact may look like this if the log was cut after this many events.
    fn allows(&self, who: usize, events: usize, shown: Shown) -> bool {
        let versions = &self.0[who];
        let acked = versions.iter().rposition(|version| version.acked <= events);
        let base = acked.and_then(|place| versions[place].shown);
        let later = versions[acked.map_or(0, |place| place + 1)..].iter();
        shown == base
            || later.filter(|version| version.from <= events).any(|version| version.shown == shown)
    }

    /// Begins anew with the states that were found.
    fn settle(found: &[Shown]) -> Self {
        Self(found.iter().map(|&shown| vec![Version { from: 0, acked: 0, shown }]).collect())
    }
}

fn lines(who: u16, card: Card) -> Vec<(Kind, String)> {
    let mut random = Random::new(u64::from(who) << 32 | u64::from(card.number));
    let mut lines = vec![(Kind::FN, format!("Person {who} of card {}", card.number))];
    lines.push((Kind::TEL, format!("+49 171 {}", 1_000_000 + random.below(9_000_000))));
    lines.push((Kind::EMAIL, format!("p{who}.{}@example.com", random.below(1000))));
    if card.note > 0 {
        let mut note = String::with_capacity(card.note + 8);
        while note.len() < card.note {
            note.push_str(&format!("{:07x} ", random.bits() as u32 >> 4));
        }
        lines.push((Kind::NOTE, note.trim_end().to_owned()));
    }
    lines
}

fn photo(who: u16, card: Card) -> Vec<u8> {
    Random::new(u64::from(who) << 40 | u64::from(card.number)).bytes(card.photo)
}

fn number_of(mut lines: Vec<(Kind, String)>, photo: Option<&[u8]>) -> u64 {
    lines.sort();
    let mut hasher = DefaultHasher::new();
    (lines, photo).hash(&mut hasher);
    hasher.finish()
}

fn uid_text(who: u16) -> String {
    format!("person-{who}@example.com")
}

/// The fault found after a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// Something acknowledged is missing, or something is there that nobody asked for.
    Lost,
    /// Damage is reported, and nothing is missing.
    Alarm,
    /// The box refuses.
    Refused,
}

/// The fault and its description.
pub type Verdict<T> = Result<T, (Wrong, String)>;

/// An open box.
pub struct Office {
    book: Book<Image, Heap>,
    /// The disk.
    pub file: Model,
    draft: Vec<u8>,
    now: u64,
    /// The requests so far.
    pub oracle: Oracle,
}

impl Office {
    /// Returns a disk with a new box.
    pub fn blank() -> PageCache {
        static BLANK: OnceLock<PageCache> = OnceLock::new();
        BLANK.get_or_init(Self::make).clone()
    }

    /// Builds an image by the rules of FORMAT.md. With fewer pages than the daemon's, it is soon
    /// full.
    fn make() -> PageCache {
        let mut bytes = vec![0; HEADER_BYTES + PAGES as usize * PAGE_BYTES];
        for (generation, at) in [(0u32, 0), (1, 2048)] {
            let numbers = [PAGE_BYTES as u32, 4, PAGES, generation, 0];
            let mut header = [&b"contactbox image"[..], &[1, 0, 0, 16]].concat();
            header.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            header.extend(CONFIG.id.to_le_bytes());
            let checksum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&header);
            header.extend(checksum.to_le_bytes());
            bytes[at..at + header.len()].copy_from_slice(&header);
        }
        let file = Model::new(PageCache::of(&bytes));
        let image = Image::over(Box::new(file.clone()), Path::new(NAME), Access::ReadWrite, false)
            .expect("a header as it is written down");
        let mut book = block_on(Book::format(image, CONFIG, parts()))
            .unwrap_or_else(|error| panic!("a new box: {error}"));
        book.flash().sync().expect("a sound disk");
        drop(book);
        file.state().cache.clone()
    }

    /// Opens a new box.
    pub fn new(blank: PageCache) -> Self {
        Self::open(Model::new(blank), Oracle::default(), 0)
            .unwrap_or_else(|(_, story)| panic!("a new box opens: {story}"))
    }

    /// Opens the box on a disk; nothing may be wrong with it.
    pub fn open(file: Model, oracle: Oracle, now: u64) -> Verdict<Self> {
        let refused = |error: &dyn std::fmt::Display| (Wrong::Refused, error.to_string());
        let image = Image::over(Box::new(file.clone()), Path::new(NAME), Access::ReadWrite, false)
            .map_err(|error| refused(&error))?;
        let (mut book, report) =
            block_on(Book::open(image, CONFIG, parts())).map_err(|error| refused(&error))?;
        // The same call as in the daemon.
        book.defer(Barrier { sync: Image::sync, syncs: Image::syncs });
        if !report.is_sound() {
            return Err((Wrong::Alarm, format!("{report:?}")));
        }
        Ok(Self { book, file, draft: vec![0; DRAFT_BYTES], now, oracle })
    }

    /// Returns the number of events of the disk so far.
    pub fn events(&self) -> usize {
        self.file.state().log.len()
    }

    /// Returns the time of the next change.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Makes several requests that share a sync, and takes their acknowledgement.
    pub fn batch(&mut self, ops: &[Op]) -> Result<(), String> {
        let from = self.events();
        for &op in ops {
            self.begin(op, from)?;
        }
        self.book.flash().sync().map_err(|error| error.to_string())?;
        let events = self.events();
        self.oracle.acknowledge(from, events);
        Ok(())
    }

    /// Makes several requests without an acknowledgement.
    pub fn unsynced(&mut self, ops: &[Op]) -> Result<(), String> {
        let from = self.events();
        ops.iter().try_for_each(|&op| self.begin(op, from))
    }

    fn begin(&mut self, op: Op, from: usize) -> Result<(), String> {
        if let Op::Grow(pages) = op {
            self.grow(u32::from(pages));
            return Ok(());
        }
        self.make_room(op);
        self.now += 1;
        let Self { book, draft, now, .. } = self;
        let (who, now, by) = (op.who(), BEGIN + *now, AuthorIndex::default());
        let text = uid_text(who);
        let uid = Uid::from_text(&text);
        let was = self.oracle.last(who);
        let (done, shown) = match op {
            Op::Put(_, card) | Op::Import(_, card) => {
                let (lines, photo) = (lines(who, card), photo(who, card));
                let mut draft = Draft::new(draft);
                let mut push =
                    |content: &Property<'_>| draft.push(content).expect("the draft has room");
                push(&Property::text(Kind::UID, &text));
                for (kind, value) in &lines {
                    push(&Property::text(*kind, value));
                }
                if card.photo > 0 {
                    let value = Value::Bytes(&photo);
                    push(&Property { value, ..Property::text(Kind::PHOTO, "") });
                }
                let photo = (card.photo > 0).then_some(&photo[..]);
                let shown = Some((number_of(lines, photo), false));
                let card = draft.finish();
                let is_put = matches!(op, Op::Put(..));
                let done = match is_put {
                    true => block_on(book.put(uid, &card, None, by, now)),
                    false => block_on(book.import(&card, by, now)),
                };
                (done, shown)
            }
            Op::Remove(_) => {
                let shown = was.map(|(number, _)| (number, true));
                (block_on(book.remove(uid, by, now)), shown)
            }
            Op::Restore(_) => {
                let shown = was.map(|(number, _)| (number, false));
                (block_on(book.restore(uid, by, now)), shown)
            }
            Op::Purge(_) => (block_on(book.purge(uid, by, now)), None),
            Op::Grow(_) => return Ok(()),
        };
        match done {
            Ok(_) => {}
            Err(PutError::NoSuchContact(_)) if was.is_none() => {}
            Err(error) => return Err(error.to_string()),
        }
        self.oracle.add(who, from, shown);
        Ok(())
    }

    /// Grows in the daemon's order: the image first, then the book.
    fn make_room(&mut self, op: Op) {
        let bytes = match op {
            Op::Put(_, card) | Op::Import(_, card) => 2 * (card.photo + card.note + 500),
            _ => 0,
        };
        let (live, capacity) = self.book.fill();
        if (live + bytes as u64) * 100 <= capacity * 55 {
            return;
        }
        self.grow(bytes.div_ceil(PAGE_BYTES) as u32 + 4);
    }

    fn grow(&mut self, more: u32) {
        let pages = self.book.flash().pages() + more;
        // A refusal of the disk has closed the image, and the next change reports that.
        if self.book.flash().grow(pages).is_ok() {
            block_on(self.book.extend()).ok();
        }
    }

    /// Does the daemon's work of idle times.
    pub fn idle(&mut self, steps: usize) -> Result<(), String> {
        for _ in 0..steps {
            block_on(self.book.maintain()).map_err(|error| error.to_string())?;
        }
        block_on(self.book.checkpoint()).map_err(|error| error.to_string())?;
        self.book.flash().sync().map_err(|error| error.to_string())
    }

    /// Kills the process and starts it again.
    pub fn restart(self) -> Verdict<Self> {
        let Self { book, file, oracle, now, .. } = self;
        drop(book);
        Self::open(file, oracle, now)
    }

    fn look(&mut self, who: u16) -> Verdict<Shown> {
        let lost = |error: &dyn std::fmt::Display| (Wrong::Lost, format!("{who}: {error}"));
        let uid = Uid::from_text(&uid_text(who));
        let Self { book, draft, .. } = self;
        let found = block_on(book.get(uid, draft)).map_err(|error| lost(&error))?;
        let Some(found) = found else { return Ok(None) };
        if found.is_stale {
            return Err((Wrong::Alarm, format!("{who} is said to be stale")));
        }
        let (mut lines, mut photo, is_trashed) = (Vec::new(), None, found.contact.is_trashed());
        for property in found.contact.properties() {
            let content = property.content;
            if content.kind.is_internal() || content.kind == Kind::UID {
                continue;
            }
            match content.value {
                Value::Text(text) => lines.push((content.kind, text.to_owned())),
                Value::Uuid(uuid) => lines.push((content.kind, uuid.to_string())),
                Value::Bytes(bytes) => photo = Some(bytes.to_vec()),
                Value::Blob(blob) => {
                    let mut bytes = vec![0; blob.len as usize];
                    let read = block_on(book.read_blob(blob, 0, &mut bytes));
                    bytes.truncate(read.map_err(|error| lost(&error))?);
                    photo = Some(bytes);
                }
            }
        }
        Ok(Some((number_of(lines, photo.as_deref()), is_trashed)))
    }

    /// Compares everything with what was acknowledged at this length of the log. The oracle then
    /// takes over what was found.
    pub fn compare(&mut self, events: usize) -> Verdict<()> {
        let mut found = Vec::new();
        for who in 0..self.oracle.0.len() {
            let shown = self.look(who as u16)?;
            if !self.oracle.allows(who, events, shown) {
                let versions = &self.oracle.0[who];
                let told = format!(
                    "contact {who} is {shown:?} behind {events} events, and was {versions:?}"
                );
                return Err((Wrong::Lost, told));
            }
            found.push(shown);
        }
        self.oracle = Oracle::settle(&found);
        Ok(())
    }

    /// Reads everything; nothing may be wrong.
    pub fn verify(&mut self) -> Verdict<()> {
        let mut findings = Vec::new();
        let report = block_on(self.book.verify(|finding| findings.push(*finding)))
            .map_err(|error| (Wrong::Refused, error.to_string()))?;
        if report.is_sound() {
            Ok(())
        } else {
            Err((Wrong::Alarm, format!("{report:?} {findings:?}")))
        }
    }
}
