//! The clock of the board, and how it sleeps.

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
/// The longest sleep: what waits for the clock alone waits this much too long at most.
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

/// Microseconds since the start.
pub(super) fn micros() -> u64 {
    ticks() * 1_000 / TICKS_PER_MILLI
}

fn wake_at(ticks: u64) {
    // Never earlier than meant in between: the high half is out of reach first.
    TIMER.write(COMPARE + 4, u32::MAX);
    TIMER.write(COMPARE, ticks as u32);
    TIMER.write(COMPARE + 4, (ticks >> 32) as u32);
}

/// Lets a byte on the cable and the timer end a sleep. Interrupts stay off:
/// sleeping ends all the same.
pub(super) fn start() {
    INTERRUPTS.write(4 * uart::CABLE_INTERRUPT, 1);
    INTERRUPTS.write(ENABLE, 1 << uart::CABLE_INTERRUPT);
    INTERRUPTS.write(THRESHOLD, 0);
    // SAFETY: no handler is needed, as the interrupts are not enabled as a whole.
    unsafe {
        riscv::register::mie::set_mtimer();
        riscv::register::mie::set_mext();
    }
}

/// Sleeps until something may have happened.
pub(super) fn sleep() {
    wake_at(ticks() + SLEEP_TICKS);
    riscv::asm::wfi();
    // What was waiting is taken off the list; the port itself is asked for bytes by its reader.
    let claimed = INTERRUPTS.read(CLAIM);
    if claimed != 0 {
        INTERRUPTS.write(CLAIM, claimed);
    }
}

/// Cycles since the start. Where the emulator is told to count instructions, these
/// are instructions.
pub(super) fn cycles() -> u64 {
    riscv::register::mcycle::read() as u64
}

/// Random bits. The emulated board has no source of them: what differs from one start to the next
/// is how long the machine around it takes for things, counted in cycles.
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

/// The clock.
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

/// Waits without doing anything else, for drivers that ask for it.
pub struct Pause;

impl DelayNs for Pause {
    fn delay_ns(&mut self, ns: u32) {
        let end = ticks() + u64::from(ns).div_ceil(1_000);
        while ticks() < end {}
    }
}
