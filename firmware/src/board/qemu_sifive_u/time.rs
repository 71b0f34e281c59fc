//! The clock of the board, and its sleep.

use super::registers::Registers;
use super::uart;
use crate::app;
use contactbox_core::contact::{Millis, digest};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use embedded_hal::delay::DelayNs;

const TIMER: Registers = Registers::at(0x0200_0000);
const COMPARE: usize = 0x4000;
const COUNT: usize = 0xbff8;
/// The counter runs at 1 MHz.
const TICKS_PER_MILLI: u64 = 1_000;
/// The longest sleep, in ticks. A future that waits for the clock alone is late by at most this
/// much.
const SLEEP_TICKS: u64 = 10 * TICKS_PER_MILLI;

const INTERRUPTS: Registers = Registers::at(0x0c00_0000);
const ENABLE: usize = 0x2000;
const THRESHOLD: usize = 0x20_0000;
const CLAIM: usize = 0x20_0004;

fn ticks() -> u64 {
    loop {
        let high = TIMER.read(COUNT + 4);
        let low = TIMER.read(COUNT);
        if TIMER.read(COUNT + 4) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Returns the microseconds since the start.
pub(super) fn micros() -> u64 {
    ticks() * 1_000 / TICKS_PER_MILLI
}

fn wake_at(ticks: u64) {
    // The high half goes out of reach first, so that the timer never fires too early in between.
    TIMER.write(COMPARE + 4, u32::MAX);
    TIMER.write(COMPARE, ticks as u32);
    TIMER.write(COMPARE + 4, (ticks >> 32) as u32);
}

/// Makes a byte on the cable and the timer end a sleep. Interrupts stay off, and a sleep ends all
/// the same.
pub(super) fn start() {
    INTERRUPTS.write(4 * uart::CABLE_INTERRUPT, 1);
    INTERRUPTS.write(ENABLE, 1 << uart::CABLE_INTERRUPT);
    INTERRUPTS.write(THRESHOLD, 0);
    // SAFETY: no handler is needed, because interrupts stay disabled as a whole.
    unsafe {
        riscv::register::mie::set_mtimer();
        riscv::register::mie::set_mext();
    }
}

/// Sleeps until something may have happened.
pub(super) fn sleep() {
    wake_at(ticks() + SLEEP_TICKS);
    riscv::asm::wfi();
    // A pending interrupt is taken off the list. The reader of the port asks it for bytes itself.
    let claimed = INTERRUPTS.read(CLAIM);
    if claimed != 0 {
        INTERRUPTS.write(CLAIM, claimed);
    }
}

/// Returns the cycles since the start. If the emulator counts instructions, these are instructions.
pub(super) fn cycles() -> u64 {
    riscv::register::mcycle::read() as u64
}

/// Returns random bits. The emulated board has no source of them. The starts differ in how long the
/// host takes for things, counted in cycles.
pub(super) fn random() -> u64 {
    let mut bits = [0; 16];
    for _ in 0..64 {
        let end = ticks() + 3;
        while ticks() < end {}
        let cycles = riscv::register::mcycle::read().to_le_bytes();
        bits = digest(b"random", &[&bits, &cycles, &ticks().to_le_bytes()]);
    }
    let [a, b, c, d, e, f, g, h, ..] = bits;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The clock of the board.
pub struct Clock;

impl app::Clock for Clock {
    fn now(&self) -> Millis {
        ticks() / TICKS_PER_MILLI
    }

    fn until(&self, time: Millis) -> impl Future<Output = ()> {
        Until(time)
    }
}

struct Until(Millis);

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if ticks() / TICKS_PER_MILLI >= self.0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A delay that does nothing else meanwhile, for drivers that ask for one.
pub struct Pause;

impl DelayNs for Pause {
    fn delay_ns(&mut self, ns: u32) {
        let end = ticks() + u64::from(ns).div_ceil(1_000);
        while ticks() < end {}
    }
}
