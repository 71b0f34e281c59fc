//! A box on a simulated chip, driven by operations and compared with an oracle.

pub mod memory;
pub mod ops;
pub mod oracle;

use contactbox_core::contact::{AuthorIndex, Draft, Kind, Uid, Value};
use contactbox_core::sim::Nor;
use contactbox_core::store::{Book, BookConfig, Memory, Narrow, OpenReport, PutError, Wide};
use embassy_futures::block_on;
use memory::{HostMemory, Roomy, parts};
use ops::{Op, PEOPLE};
use oracle::{Oracle, Person, photo_line};

/// The largest contact in these worlds, in bytes.
const CONTACT_BYTES: usize = 16 * 1024;

/// The box's identity and geometry in these worlds.
pub const CONFIG: BookConfig =
    BookConfig { id: 0x5EED_0B0C_5EED_0B0C, gram_slices: 32, gram_probes: 1 };

/// A chip with words of `W` bytes and pages of `E` bytes.
pub type Chip<const W: usize, const E: usize> = Nor<1, W, E>;

/// A box on such a chip.
pub type Box<const W: usize, const E: usize, M = HostMemory> = Book<Chip<W, E>, M>;

/// The memory of a device.
pub type DeviceMemory = HostMemory<Narrow, u16>;

/// A device's memory with so few bits of each hash that contacts share one all the time.
pub type CrowdedMemory = HostMemory<Narrow<4>, u16>;

/// Tries to make an empty box.
pub fn try_format<const W: usize, const E: usize>(chip: &mut Chip<W, E>) -> Result<(), String> {
    let pages = chip.contents().len() / E;
    block_on(Book::format(chip, CONFIG, HostMemory::<Wide>::parts(pages, E, CONTACT_BYTES)))
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// Makes an empty box.
pub fn format<const W: usize, const E: usize>(chip: Chip<W, E>) -> Box<W, E> {
    let pages = chip.contents().len() / E;
    block_on(Book::format(chip, CONFIG, parts(pages, E, CONTACT_BYTES)))
        .unwrap_or_else(|error| panic!("a sound chip can be formatted: {error}"))
}

/// Opens the box on a chip.
pub fn open<const W: usize, const E: usize>(
    chip: Chip<W, E>,
) -> Result<(Box<W, E>, OpenReport), String> {
    open_in(chip)
}

/// Opens the box on a chip in memory of any kind.
pub fn open_in<const W: usize, const E: usize, M: Roomy>(
    chip: Chip<W, E>,
) -> Result<(Box<W, E, M>, OpenReport), String> {
    let pages = chip.contents().len() / E;
    block_on(Book::open(chip, CONFIG, M::parts(pages, E, CONTACT_BYTES)))
        .map_err(|error| error.to_string())
}

/// Does one operation; an error says why it was not acknowledged. An operation without an object,
/// such as the removal of a missing person, does nothing.
pub fn apply<const W: usize, const E: usize, M: Memory>(
    book: &mut Box<W, E, M>,
    op: Op,
    now: u64,
) -> Result<(), String> {
    let mut memory = vec![0; CONTACT_BYTES];
    let mut draft = Draft::new(&mut memory);
    let by = AuthorIndex::default();
    let uid = op.who().map_or(Uid([0; 16]), |who| Uid::from_text(&ops::uid_text(who)));
    let result = match op {
        Op::Put { who, card } => {
            ops::write_card(&mut draft, who, card, false);
            block_on(book.put(uid, &draft.finish(), None, by, now)).map(|_| ())
        }
        Op::Photo { who, card } => {
            ops::write_card(&mut draft, who, card, true);
            block_on(book.put(uid, &draft.finish(), None, by, now)).map(|_| ())
        }
        Op::Import { who, card } => {
            ops::write_card(&mut draft, who, card, false);
            block_on(book.import(&draft.finish(), by, now)).map(|_| ())
        }
        Op::Remove { .. } => block_on(book.remove(uid, by, now)).map(|_| ()),
        Op::Restore { .. } => block_on(book.restore(uid, by, now)).map(|_| ()),
        Op::Purge { .. } => block_on(book.purge(uid, by, now)).map(|_| ()),
        Op::Tend => {
            return block_on(book.maintain()).map(|_| ()).map_err(|error| error.to_string());
        }
        Op::Rest => return block_on(book.checkpoint()).map_err(|error| error.to_string()),
    };
    match result {
        Err(PutError::NoSuchContact(_)) => Ok(()),
        result => result.map_err(|error| error.to_string()),
    }
}

/// Returns a person as the box shows them, with photos read back byte for byte; an error if the box
/// says that they are stale.
pub fn look<const W: usize, const E: usize, M: Memory>(
    book: &mut Box<W, E, M>,
    who: u8,
) -> Result<Option<Person>, String> {
    match look_closely(book, who)? {
        Some((_, true)) => Err(format!("person {who} is said to be stale")),
        seen => Ok(seen.map(|(person, _)| person)),
    }
}

/// Does the same, and returns whether the box says that they are stale.
pub fn look_closely<const W: usize, const E: usize, M: Memory>(
    book: &mut Box<W, E, M>,
    who: u8,
) -> Result<Option<(Person, bool)>, String> {
    let mut memory = vec![0; CONTACT_BYTES];
    let uid = Uid::from_text(&ops::uid_text(who));
    let found = block_on(book.get(uid, &mut memory)).map_err(|error| error.to_string())?;
    let Some(found) = found else { return Ok(None) };
    let is_stale = found.is_stale;
    let mut person = Person { is_trashed: found.contact.is_trashed(), ..Person::default() };
    for property in found.contact.properties() {
        let content = property.content;
        if content.kind.is_internal() || content.kind == Kind::UID {
            continue;
        }
        let line = match content.value {
            Value::Text(text) => (content.kind, text.to_owned()),
            Value::Uuid(uuid) => (content.kind, uuid.to_string()),
            Value::Bytes(bytes) => photo_line(bytes),
            Value::Blob(blob) => {
                let mut bytes = vec![0; blob.len as usize];
                let read = block_on(book.read_blob(blob, 0, &mut bytes))
                    .map_err(|error| format!("the photo of {who}: {error}"))?;
                photo_line(&bytes[..read])
            }
        };
        person.lines.push(line);
    }
    person.lines.sort();
    Ok(Some((person, is_stale)))
}

/// Compares the box with the acknowledged state. `in_flight` is an operation that was begun and not
/// acknowledged: its person may be in the state before or after it, and the oracle learns which.
pub fn check<const W: usize, const E: usize, M: Memory>(
    book: &mut Box<W, E, M>,
    oracle: &mut Oracle,
    in_flight: Option<Op>,
) -> Result<(), String> {
    let mut after = oracle.clone();
    if let Some(op) = in_flight {
        after.apply(op);
    }
    for who in 0..PEOPLE {
        let seen = look(book, who)?;
        let is_like = |oracle: &Oracle| match (&seen, oracle.people.get(&who)) {
            (None, None) => true,
            (Some(seen), Some(person)) => seen.looks_like(person),
            _ => false,
        };
        if in_flight.and_then(|op| op.who()) == Some(who) && is_like(&after) {
            if !is_like(oracle) {
                *oracle = after.clone();
            }
        } else if !is_like(oracle) {
            return Err(format!(
                "person {who}: the box shows {seen:?}, acknowledged was {:?} (in flight: {in_flight:?})",
                oracle.people.get(&who)
            ));
        }
    }
    Ok(())
}
