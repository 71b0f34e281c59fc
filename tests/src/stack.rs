//! Measures how much of the emulated device's stack was never in use.
//!
//! The firmware paints the stack, and the emulator's monitor shows it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The bytes that must stay untouched whatever a device does. They are for what no test has made it
/// do, and for the cable of a Pico, whose future and interrupts take 3 KB more than this board's.
pub const MARGIN_BYTES: usize = 6 * 1024;

/// The firmware's paint (`firmware/src/stack.rs`).
const PAINT: [u8; 4] = 0x5AFE_57AC_u32.to_le_bytes();

/// The bytes at the end of the stack that are all zero until it is painted, and never after that.
const BARE_BYTES: usize = 256;

/// The longest time for an answer of the emulator.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

static LEAST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Returns the fewest untouched bytes of any device so far in this run.
pub fn least_untouched() -> usize {
    LEAST.load(Ordering::Relaxed)
}

/// Examines the stack of a running device through the emulator's monitor.
///
/// # Panics
///
/// If too little of it was never used.
pub fn check(monitor: &Path, folder: &Path) {
    let (start, len) = place();
    let memory = folder.join("stack");
    let command = format!("pmemsave {start:#x} {len} \"{}\"\n", memory.display());
    ask(monitor, &command).expect("the emulator's monitor answers");
    let stack = fs::read(&memory).expect("the monitor saves what it is asked for");
    assert_eq!(stack.len(), len, "the monitor saves the whole stack");
    if stack[..BARE_BYTES].iter().all(|&byte| byte == 0) {
        return;
    }
    let untouched = stack.chunks(PAINT.len()).take_while(|word| **word == PAINT).count();
    let untouched = untouched * PAINT.len();
    LEAST.fetch_min(untouched, Ordering::Relaxed);
    assert!(
        untouched >= MARGIN_BYTES,
        "only {untouched} of {len} bytes of the device's stack were never used"
    );
}

/// Gives the monitor a command, and waits until it is done.
fn ask(monitor: &Path, command: &str) -> std::io::Result<()> {
    const PROMPT: &[u8] = b"(qemu) ";
    let mut monitor = UnixStream::connect(monitor)?;
    monitor.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    let mut answer = Vec::new();
    let mut wait = |monitor: &mut UnixStream| {
        answer.clear();
        let mut piece = [0; 512];
        while !answer.ends_with(PROMPT) {
            match monitor.read(&mut piece)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                len => answer.extend_from_slice(&piece[..len]),
            }
        }
        Ok(())
    };
    wait(&mut monitor)?;
    monitor.write_all(command.as_bytes())?;
    wait(&mut monitor)
}

/// Returns the lowest address and the length of the stack, from the linker's script.
fn place() -> (u64, usize) {
    let script = include_str!("../../firmware/memory/qemu_sifive_u.x");
    let line = script.lines().find(|line| line.trim_start().starts_with("STACK ")).expect("a line");
    let after = |word: &str| {
        let (_, rest) = line.split_once(word).expect("origin and length");
        rest.trim_start_matches([' ', '=']).split([',', ' ', 'K']).next().expect("a number")
    };
    let start = after("ORIGIN").trim_start_matches("0x");
    let start = u64::from_str_radix(start, 16).expect("an address");
    (start, after("LENGTH").parse::<usize>().expect("kilobytes") * 1024)
}
