//! The place of a panic, kept in memory that a reset does not touch, for the next start to note.

use core::panic::PanicInfo;
use core::ptr::addr_of_mut;

/// The longest file name that is kept. A longer one loses its beginning.
const FILE_BYTES_MAX: usize = 120;

/// The mark of kept words, by which memory with a chance content after power-up is told apart.
const MAGIC: u32 = 0x4c61_7374;

#[repr(C)]
struct KeptWords {
    magic: u32,
    line: u32,
    len: u32,
    check: u32,
    file: [u8; FILE_BYTES_MAX],
}

/// The place at which the program stopped itself.
pub struct LastWords {
    file: [u8; FILE_BYTES_MAX],
    len: usize,
    /// The line in the file.
    pub line: u32,
}

unsafe extern "C" {
    // From each board's memory.x: 256 bytes that nothing else uses.
    static mut _last_words: KeptWords;
}

impl LastWords {
    /// Returns the source file, or the end of its name.
    pub fn file(&self) -> &str {
        self.file.get(..self.len).and_then(|file| str::from_utf8(file).ok()).unwrap_or("")
    }
}

/// Keeps the place of a panic.
pub fn keep(panic: &PanicInfo<'_>) {
    let (file, line) = panic.location().map_or(("", 0), |place| (place.file(), place.line()));
    let start = file.ceil_char_boundary(file.len().saturating_sub(FILE_BYTES_MAX));
    let name = file.get(start..).unwrap_or("").as_bytes();
    let mut kept = KeptWords {
        magic: MAGIC,
        line,
        len: name.len() as u32,
        check: 0,
        file: [0; FILE_BYTES_MAX],
    };
    for (to, from) in kept.file.iter_mut().zip(name) {
        *to = *from;
    }
    kept.check = check(&kept);
    // SAFETY: a device has one thread of execution, which is here. The linker gives this memory to
    // nothing else, aligned to 256 bytes and larger than `KeptWords`.
    unsafe { addr_of_mut!(_last_words).write_volatile(kept) };
}

/// Takes what the run before this one kept. A second call returns `None`.
pub fn take() -> Option<LastWords> {
    let place = &raw mut _last_words;
    // SAFETY: as in `keep`; every bit pattern is a `KeptWords`.
    let kept = unsafe { place.read_volatile() };
    if kept.magic != MAGIC || kept.check != check(&kept) {
        return None;
    }
    // SAFETY: as in `keep`.
    unsafe { (&raw mut (*place).magic).write_volatile(0) };
    let len = (kept.len as usize).min(FILE_BYTES_MAX);
    Some(LastWords { file: kept.file, len, line: kept.line })
}

fn check(kept: &KeptWords) -> u32 {
    let mut sum = kept.line ^ kept.len.rotate_left(16);
    for byte in kept.file {
        sum = sum.rotate_left(5).wrapping_mul(0x9e37_79b1) ^ u32::from(byte);
    }
    sum
}
