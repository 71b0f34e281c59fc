//! The memory of a box on a device: the amount for each purpose, and the one piece that it comes
//! from.
//!
//! The number of contacts is what the 264 KB of an RP2040 hold beside the stack, of which 28 KB
//! were seen in use.

use contactbox_core::contact::Item;
use contactbox_core::search::Hit;
use contactbox_core::service::FRAME_BYTES_MIN;
use contactbox_core::store::{
    AuthorCell, BoxCell, Memory, Narrow, Number, Packed, PageState, Parts,
};
use core::mem::MaybeUninit;

/// The slots of a box on a device: one for each contact, each piece of a photo and of a large
/// contact.
pub const SLOTS: usize = 10_000;
/// The links that lead to the slots: a sixth more than slots, so that a search for one ends soon.
pub const LINKS: usize = contactbox_core::store::links(SLOTS as u32);
/// Bits of a contact's search signature.
pub const GRAM_SLICES: u32 = 16;
/// Pages of 4 KiB in the box's part of the flash.
pub const PAGES: usize = 512;
/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;
/// The largest contact without its photos, in bytes.
pub const RECORD_BYTES: usize = 4096;
/// The bytes that an entry adds to a contact in a buffer.
const ENTRY_BYTES: usize = 64;
/// The properties of one contact, and of another one that it is merged with.
const ITEMS: usize = 2 * 64;
/// The boxes that are told apart, including this one.
pub const BOXES: usize = 64;
/// The authors, including the one for nobody in particular.
pub const AUTHORS: usize = 64;
/// The contacts in one answer to a search.
const HITS: usize = 20;

const BUFFER: usize = RECORD_BYTES + ENTRY_BYTES;
const FRAME: usize = FRAME_BYTES_MIN as usize;
const GRAMS: usize = contactbox_core::search::Slices::new(GRAM_SLICES, 1).words(SLOTS as u32);

// A slot can hold the address of every byte of the flash.
const _: () = assert!((PAGES * PAGE_BYTES) as u64 <= <Narrow>::FLASH_BYTES_MAX);

/// Memory of fixed size that lives as long as the device.
pub struct DeviceMemory;

impl Memory for DeviceMemory {
    type Slot = Narrow;
    type Link = u16;
    type Pages = &'static mut [PageState];
    type Slots = &'static mut [Narrow];
    type Links = &'static mut [u16];
    type Words = &'static mut [u32];
    type Bytes = &'static mut [u8];
    type Items = &'static mut [Item];
    type Boxes = &'static mut [BoxCell];
    type Authors = &'static mut [AuthorCell];
    type Numbers = [Number; BOXES];

    const BOXES: usize = BOXES;
    const AUTHORS: usize = AUTHORS;

    fn numbers() -> Self::Numbers {
        [Number::EMPTY; BOXES]
    }
}

/// The memory in which requests and cards are processed.
pub struct Work {
    /// The buffer of an incoming frame.
    pub frame: &'static mut [u8],
    /// The buffer of an outgoing frame.
    pub out: &'static mut [u8],
    /// The buffer for lists, for pieces, and for reading and writing a card.
    pub list: &'static mut [u8],
    /// The buffer of one record.
    pub record: &'static mut [u8],
    /// The hits of a search.
    pub hits: &'static mut [Hit],
}

/// All memory of a box, as one piece.
pub struct Arena {
    pages: MaybeUninit<[PageState; PAGES]>,
    slots: MaybeUninit<[Narrow; SLOTS]>,
    links: MaybeUninit<[u16; LINKS]>,
    grams: MaybeUninit<[u32; GRAMS]>,
    items: MaybeUninit<[Item; ITEMS]>,
    hits: MaybeUninit<[Hit; HITS]>,
    boxes: MaybeUninit<[BoxCell; BOXES - 1]>,
    authors: MaybeUninit<[AuthorCell; AUTHORS - 1]>,
    page: [u8; PAGE_BYTES],
    buffers: [[u8; BUFFER]; 5],
    frames: [[u8; FRAME]; 2],
}

/// Bytes of an [`Arena`].
pub const ARENA_BYTES: usize = size_of::<Arena>();

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl Arena {
    /// Returns an arena of zeros and uninitialised memory, which takes no space in a program's
    /// file.
    pub const fn new() -> Self {
        Self {
            pages: MaybeUninit::uninit(),
            slots: MaybeUninit::uninit(),
            links: MaybeUninit::uninit(),
            grams: MaybeUninit::uninit(),
            items: MaybeUninit::uninit(),
            hits: MaybeUninit::uninit(),
            boxes: MaybeUninit::uninit(),
            authors: MaybeUninit::uninit(),
            page: [0; PAGE_BYTES],
            buffers: [[0; BUFFER]; 5],
            frames: [[0; FRAME]; 2],
        }
    }

    /// Divides the arena into the book's memory and the memory to work in.
    pub fn split(&'static mut self) -> (Parts<DeviceMemory>, Work) {
        let [old, new, extra, list, record] =
            self.buffers.each_mut().map(|buffer| buffer.as_mut_slice());
        let [frame, out] = self.frames.each_mut().map(|frame| frame.as_mut_slice());
        let parts = Parts {
            pages: filled(&mut self.pages, PageState::NEW),
            slots: filled(&mut self.slots, <Narrow>::EMPTY),
            table: filled(&mut self.links, 0),
            grams: filled(&mut self.grams, 0),
            page: self.page.as_mut_slice(),
            old,
            new,
            extra,
            items: filled(&mut self.items, Item::EMPTY),
            boxes: filled(&mut self.boxes, BoxCell::EMPTY),
            authors: filled(&mut self.authors, AuthorCell::EMPTY),
        };
        let hits = filled(&mut self.hits, Hit::EMPTY);
        (parts, Work { frame, out, list, record, hits })
    }
}

/// Fills memory in place. An array moved there would need its own size of stack.
fn filled<T: Copy, const N: usize>(memory: &mut MaybeUninit<[T; N]>, value: T) -> &mut [T] {
    let first = memory.as_mut_ptr().cast::<T>();
    for at in 0..N {
        // SAFETY: `first` is the first of N places for a `T`, in memory that is borrowed for
        // writing.
        unsafe { first.add(at).write(value) };
    }
    // SAFETY: each of the N places has just been written.
    unsafe { memory.assume_init_mut() }
}
