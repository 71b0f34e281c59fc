//! A box on a PC, used as one end of a meeting with a device.

use crate::world::memory::{HostMemory, parts};
use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid};
use contactbox_core::service::cable::Local;
use contactbox_core::service::{AnswerBuffers, CableLimits, FRAME_BYTES_MIN, Session};
use contactbox_core::sim::Nor;
use contactbox_core::store::{Book, BookConfig, Wide, Written};
use embassy_futures::block_on;

/// The bytes of a page, the same as a daemon's.
const PAGE_BYTES: usize = 65_536;

/// The size of a buffer for the largest contact with an entry's header, and for a photo on its way
/// into a chunk.
const CONTACT_BYTES: usize = 64 * 1024;

/// The time on its clock.
const NOW: u64 = 1_795_824_000_000;

/// The chip of the box.
pub type Chip = Nor<1, 4, PAGE_BYTES>;

/// The box.
pub struct Desk {
    /// The contacts of the box.
    pub book: Book<Chip, HostMemory>,
    list: Vec<u8>,
    record: Vec<u8>,
}

impl Desk {
    /// Makes an empty box with this identity and this many bytes of flash.
    pub fn new(id: u64, bytes: usize) -> Self {
        let pages = bytes.div_ceil(PAGE_BYTES);
        let config = BookConfig { id, gram_slices: 32, gram_probes: 1 };
        let memory = parts::<Wide, u32>(pages, PAGE_BYTES, CONTACT_BYTES);
        let book = block_on(Book::format(Nor::new(pages), config, memory));
        let book = book.unwrap_or_else(|error| panic!("a sound chip can be formatted: {error}"));
        Self { book, list: vec![0; FRAME_BYTES_MIN as usize], record: vec![0; CONTACT_BYTES] }
    }

    /// Sets the lines of a contact.
    pub fn put(&mut self, uid: Uid, lines: &[(Kind, &str)]) -> Result<Written, String> {
        let contents: Vec<_> =
            lines.iter().map(|&(kind, text)| Property::text(kind, text)).collect();
        self.put_contents(uid, &contents)
    }

    /// Sets the properties of a contact.
    pub fn put_contents(&mut self, uid: Uid, contents: &[Property<'_>]) -> Result<Written, String> {
        let mut memory = vec![0; CONTACT_BYTES];
        let mut draft = Draft::new(&mut memory);
        for content in contents {
            draft.push(content).map_err(|error| error.to_string())?;
        }
        let contents = draft.finish();
        let put = block_on(self.book.put(uid, &contents, None, AuthorIndex(0), NOW));
        put.map_err(|error| error.to_string())
    }

    /// Purges a contact.
    pub fn purge(&mut self, uid: Uid) -> Result<Written, String> {
        let put = block_on(self.book.purge(uid, AuthorIndex(0), NOW));
        put.map_err(|error| error.to_string())
    }

    /// Returns the box as one end of a meeting.
    pub fn end(&mut self) -> Local<'_, Chip, HostMemory> {
        let limits = CableLimits {
            frame_bytes: FRAME_BYTES_MIN,
            contact_bytes: (CONTACT_BYTES - 64) as u32,
        };
        Local {
            book: &mut self.book,
            session: Session::new(limits),
            room: AnswerBuffers { list: &mut self.list, record: &mut self.record, hits: &mut [] },
            now: NOW,
        }
    }
}
