//! The memory of a box on a device: how much of what, and where it comes from.
//!
//! As many contacts as the 264 KB of an RP2040 hold beside the stack, of which 28
//! KB were seen in use.

use contactbox_core::contact::Item;
use contactbox_core::search::Hit;
use contactbox_core::service::FRAME_BYTES_MIN;
use contactbox_core::store::{
    AuthorCell, BoxCell, Memory, Narrow, Number, Packed, PageState, Parts,
};
use core::mem::MaybeUninit;

/// Contacts, and pieces of photos and of large contacts, that a box on a device holds.
pub const SLOTS: usize = 10_000;
/// Links that lead to them: a sixth more, so that a search for one ends soon.
pub const LINKS: usize = contactbox_core::store::links(SLOTS as u32);
/// Bits of a contact's search signature.
pub const GRAM_SLICES: u32 = 16;
/// Pages of 4 KiB: the part of the flash that is the box's.
pub const PAGES: usize = 512;
/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;
/// The largest contact, photos aside, in bytes.
pub const RECORD_BYTES: usize = 4096;
/// What an entry adds to it in a buffer.
const ENTRY_BYTES: usize = 64;
/// Properties of one contact, and of another one that it is merged with.
const ITEMS: usize = 2 * 64;
/// Boxes that are told apart, itself among them.
pub const BOXES: usize = 64;
/// Authors, nobody in particular among them.
pub const AUTHORS: usize = 64;
/// Contacts in one answer to a search.
const HITS: usize = 20;

const BUFFER: usize = RECORD_BYTES + ENTRY_BYTES;
const FRAME: usize = FRAME_BYTES_MIN as usize;
const GRAMS: usize = contactbox_core::search::Slices::new(GRAM_SLICES, 1).words(SLOTS as u32);

// Slots hold the address of every byte of the flash.
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

/// Memory that requests and cards are worked on in.
pub struct Work {
    /// A frame on its way in.
    pub frame: &'static mut [u8],
    /// A frame on its way out.
    pub out: &'static mut [u8],
    /// Lists and pieces; what a card needs.
    pub list: &'static mut [u8],
    /// One record.
    pub record: &'static mut [u8],
    /// Hits of a search.
    pub hits: &'static mut [Hit],
}

/// All of it, as one piece.
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
    /// All zero, or of no matter: it takes no room in a program.
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

    /// The parts of it.
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

/// Fills memory where it is: an array that is moved there would need as much of the stack.
fn filled<T: Copy, const N: usize>(memory: &mut MaybeUninit<[T; N]>, value: T) -> &mut [T] {
    let first = memory.as_mut_ptr().cast::<T>();
    for at in 0..N {
        // SAFETY: `first` is the first of N places for a `T`, in memory that is
        // borrowed for writing.
        unsafe { first.add(at).write(value) };
    }
    // SAFETY: each of the N places has just been written.
    unsafe { memory.assume_init_mut() }
}
