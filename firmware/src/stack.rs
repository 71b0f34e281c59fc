//! Measures how much of the stack was ever in use: paints it at the start, and examines it later.

use core::ptr::addr_of;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The content of an untouched word, a value that programs hardly use.
const PAINT: u32 = 0x5AFE_57AC;

/// Bytes left unpainted below the painting frame, for the functions that it calls.
const BELOW: usize = 256;

unsafe extern "C" {
    // From each board's memory.x: the lowest address of the stack, which is a whole number of words
    // long.
    static mut _stack_end: u32;
}

/// The fewest bytes seen untouched so far.
static LEAST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Paints the unused part of the stack. Called in the board's first lines.
#[inline(never)]
pub fn paint() {
    let here = 0_u32;
    let end = &raw mut _stack_end;
    let words = (addr_of!(here) as usize - BELOW - end as usize) / size_of::<u32>();
    // The lowest word comes last: once it is painted, all are.
    for word in (0..words).rev() {
        // SAFETY: the word lies between the end of the stack and its used part, where nothing
        // lives.
        unsafe { end.add(word).write_volatile(PAINT) };
    }
}

/// Logs how many bytes were never in use, if it has become fewer.
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
    // SAFETY: the frame of this function is higher on the stack, and is not paint.
    while unsafe { word.read_volatile() } == PAINT {
        // SAFETY: as above.
        word = unsafe { word.add(1) };
    }
    word as usize - start as usize
}
