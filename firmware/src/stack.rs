//! How much of the stack was ever in use: painted when the board starts, and looked at later.

use core::ptr::addr_of;
use core::sync::atomic::{AtomicUsize, Ordering};

/// What an untouched word holds: not a value that programs have much use for.
const PAINT: u32 = 0x5AFE_57AC;

/// Left bare below the frame that paints: what it calls is there.
const BELOW: usize = 256;

unsafe extern "C" {
    // From each board's memory.x: the lowest address of the stack, a whole number of words.
    static mut _stack_end: u32;
}

/// The least that was seen untouched so far, in bytes.
static LEAST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Paints what of the stack is not in use. For the board's first lines.
#[inline(never)]
pub fn paint() {
    let here = 0_u32;
    let end = &raw mut _stack_end;
    let words = (addr_of!(here) as usize - BELOW - end as usize) / size_of::<u32>();
    // The lowest word last: once it is painted, all are.
    for word in (0..words).rev() {
        // SAFETY: between the end of the stack and what is in use of it, where nothing lives.
        unsafe { end.add(word).write_volatile(PAINT) };
    }
}

/// Says how many bytes were never in use, when it has become fewer.
pub fn tell() {
    let untouched = untouched();
    if untouched < LEAST.load(Ordering::Relaxed) {
        LEAST.store(untouched, Ordering::Relaxed);
        crate::say!("{} bytes of the stack were never used", untouched);
    }
}

fn untouched() -> usize {
    let start = &raw const _stack_end;
    let mut word = start;
    // SAFETY: the frame of this function is on the stack above, and is no paint.
    while unsafe { word.read_volatile() } == PAINT {
        // SAFETY: as above.
        word = unsafe { word.add(1) };
    }
    word as usize - start as usize
}
