//! The log: `defmt` frames on the second serial port.

use super::uart;
use core::cell::UnsafeCell;

#[defmt::global_logger]
struct Logger;

struct LogEncoder(UnsafeCell<Option<defmt::Encoder>>);

// SAFETY: one hart runs the program and interrupts are never enabled, so no other code ever comes
// between.
unsafe impl Sync for LogEncoder {}

static STATE: LogEncoder = LogEncoder(UnsafeCell::new(None));

fn with_encoder(work: impl FnOnce(&mut defmt::Encoder)) {
    // SAFETY: as at `LogEncoder`; `work` is one of the closures below, which do not log.
    let encoder = unsafe { &mut *STATE.0.get() };
    work(encoder.get_or_insert_with(|| {
        uart::open_log();
        defmt::Encoder::new()
    }));
}

/// Drops a frame that a panic has interrupted. The reader skips it.
pub(super) fn begin_again() {
    with_encoder(|encoder| *encoder = defmt::Encoder::new());
}

// SAFETY: one execution context, as at `LogEncoder`.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        with_encoder(|encoder| encoder.start_frame(uart::log));
    }

    unsafe fn flush() {}

    unsafe fn release() {
        with_encoder(|encoder| encoder.end_frame(uart::log));
    }

    unsafe fn write(bytes: &[u8]) {
        with_encoder(|encoder| encoder.write(bytes, uart::log));
    }
}
