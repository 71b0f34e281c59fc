//! The board that QEMU emulates as `sifive_u`: a NOR chip and a card on SPI, two serial ports.
//!
//! It has no watchdog: QEMU does not model one for this board.

mod card;
mod flash;
mod log;
mod registers;
mod spi;
mod time;
mod uart;

use crate::app::memory::{Arena, PAGE_BYTES, PAGES};
use crate::app::{App, BoardParts, Layout};
use crate::card_slot::CardSlot;
use crate::last_words::{self, LastWords};
use crate::log::shown;
use crate::{say, stack};
use card::CardSpi;
use contactbox_core::card::fat::sdcard::spi::SdCard;
use contactbox_core::store::diary::Cause;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use flash::Flash;
use registers::{Registers, WORD};
use static_cell::{ConstStaticCell, StaticCell};
use time::{Clock, Pause};
use uart::Cable;

/// Bytes of the box's part of the chip; the diary follows.
const BOX_BYTES: u32 = (PAGES * PAGE_BYTES) as u32;
const DIARY_BYTES: u32 = 16 * PAGE_BYTES as u32;

type Device = App<Flash, CardSlot<SdCard<CardSpi, Pause>>, Cable, Clock>;

/// Runs the device.
pub fn run() -> ! {
    stack::paint();
    time::start();
    let words = last_words::take();
    let app = start(words.is_some());
    let cycles = time::cycles();
    say!("the box has {} contacts, opened after {} cycles", app.book().counts().active, cycles);
    work(app, words)
}

/// Runs the app. A function of its own for the same reason as [`start`].
#[inline(never)]
fn work(app: &mut Device, words: Option<LastWords>) -> ! {
    wait_for(pin!(super::work::work(app, words)))
}

/// Opens the box. A function of its own, so that its stack is free again afterwards.
#[inline(never)]
fn start(is_restart: bool) -> &'static mut Device {
    static ARENA: ConstStaticCell<Arena> = ConstStaticCell::new(Arena::new());
    static APP: StaticCell<Option<Device>> = StaticCell::new();
    let flash = match wait_for(pin!(flash::open())) {
        Ok(Some(flash)) => flash,
        Ok(None) => halt("the flash chip is another one than this program is for"),
        Err(_) => halt("the flash chip does not answer"),
    };
    let (memory, work) = ARENA.take().split();
    let parts = BoardParts {
        flash,
        layout: Layout { box_bytes: BOX_BYTES, diary: BOX_BYTES..BOX_BYTES + DIARY_BYTES },
        card: card::open(),
        link: Cable::open(),
        clock: Clock,
        random: time::random(),
        cause: if is_restart { Cause::Request } else { Cause::Power },
        alive: || {},
        memory,
        work,
    };
    match wait_for(pin!(App::start_in(APP.init(None), parts))) {
        Ok(app) => app,
        Err(error) => {
            say!("{}", shown(&error));
            halt("the device cannot go to work; nothing was written to its flash")
        }
    }
}

/// Runs a future to its end. Between its steps the hart sleeps until a byte comes or a tick has
/// passed.
///
/// The future stays where it is: moved in here, it would be on the stack twice.
fn wait_for<T>(mut work: Pin<&mut impl Future<Output = T>>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = work.as_mut().poll(&mut context) {
            return value;
        }
        time::sleep();
    }
}

/// Stops for good: a person has to look at the device.
fn halt(why: &str) -> ! {
    say!("{}", why);
    loop {
        riscv::asm::wfi();
    }
}

/// Restarts the board, as its reset button does. The button is wired to a pin of the board's own
/// chip.
fn reset() -> ! {
    const GPIO: Registers = Registers::at(0x1006_0000);
    const OUTPUT_ENABLE: usize = 2 * WORD;
    const OUTPUT: usize = 3 * WORD;
    const BUTTON: u32 = 1 << 10;
    GPIO.write(OUTPUT, BUTTON);
    GPIO.write(OUTPUT_ENABLE, BUTTON);
    GPIO.write(OUTPUT, 0);
    loop {
        riscv::asm::wfi();
    }
}

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    last_words::keep(panic);
    log::begin_again();
    defmt::error!("{}", defmt::Display2Format(panic));
    reset()
}
