//! The Raspberry Pi Pico (RP2040): its own flash, a card on SPI 0, the cable over USB, the log over
//! RTT.
//!
//! Card: CS to GP17, SCK to GP18, MOSI to GP19, MISO to GP16, 3V3 and GND.

mod above;
mod card;
mod flash;
mod time;
mod usb;

use crate::app::memory::{Arena, PAGE_BYTES};
use crate::app::{App, BoardParts, Layout};
use crate::card_slot::CardSlot;
use crate::last_words::{self, LastWords};
use crate::log::shown;
use crate::{say, stack};
use card::Wires;
use contactbox_core::card::fat::sdcard::spi::SdCard;
use contactbox_core::store::diary::Cause;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use defmt_rtt as _;
use embassy_rp::clocks::RoscRng;
use embassy_rp::watchdog::{ResetReason, Watchdog};
use flash::Flash;
use static_cell::{ConstStaticCell, StaticCell};
use time::{Clock, Pause};
use usb::Cable;

/// Pages of the diary, at the end of the flash.
const DIARY_PAGES: usize = 16;
/// Bytes of the box, in the flash before the diary.
const BOX_BYTES: u32 = (flash::BYTES - DIARY_PAGES * PAGE_BYTES) as u32;

type Device = App<Flash, CardSlot<SdCard<Wires, Pause>>, Cable, Clock>;

/// Runs the device.
pub fn run() -> ! {
    stack::paint();
    let chip = embassy_rp::init(embassy_rp::config::Config::default());
    let words = last_words::take();
    let watchdog = Watchdog::new(chip.WATCHDOG);
    let cause = match watchdog.reset_reason() {
        _ if words.is_some() => Cause::Request,
        Some(ResetReason::TimedOut) => Cause::Watchdog,
        Some(ResetReason::Forced) => Cause::Request,
        None => Cause::Power,
    };
    time::watch(watchdog);
    let (usb, link) = usb::open(chip.USB);
    let usb: Pin<&mut dyn Future<Output = ()>> = pin!(usb);
    // SAFETY: this function never returns, so its stack frame stays in place. This end of the cable
    // shares only the gate with the future that drives the port.
    unsafe { above::start(core::mem::transmute::<Pin<&mut _>, Pin<&'static mut _>>(usb)) };
    let card = card::open(chip.SPI0, chip.PIN_18, chip.PIN_19, chip.PIN_16, chip.PIN_17);
    let app = start(Flash::new(chip.FLASH), card, link, cause);
    say!("the box has {} contacts", app.book().counts().active);
    work(app, words)
}

/// Runs the app. A function of its own for the same reason as [`start`].
#[inline(never)]
fn work(app: &mut Device, words: Option<LastWords>) -> ! {
    wait_for(pin!(super::work::work(app, words)))
}

/// Opens the box. A function of its own, so that its stack is free again afterwards.
#[inline(never)]
fn start(
    flash: Flash,
    card: CardSlot<SdCard<Wires, Pause>>,
    link: Cable,
    cause: Cause,
) -> &'static mut Device {
    static ARENA: ConstStaticCell<Arena> = ConstStaticCell::new(Arena::new());
    static APP: StaticCell<Option<Device>> = StaticCell::new();
    let (memory, work) = ARENA.take().split();
    let layout = Layout { box_bytes: BOX_BYTES, diary: BOX_BYTES..flash::BYTES as u32 };
    let random = RoscRng.next_u64();
    let (clock, alive) = (Clock, time::alive as fn());
    let parts = BoardParts { flash, layout, card, link, clock, random, cause, alive, memory, work };
    match wait_for(pin!(App::start_in(APP.init(None), parts))) {
        Ok(app) => app,
        Err(error) => {
            say!("{}", shown(&error));
            halt()
        }
    }
}

/// Runs a future to its end. Between its steps the processor sleeps until an interrupt comes.
///
/// The future stays where it is: moved in here, it would be on the stack twice.
fn wait_for<T>(mut work: Pin<&mut impl Future<Output = T>>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = work.as_mut().poll(&mut context) {
            return value;
        }
        cortex_m::asm::wfe();
    }
}

/// Stops for good: a person has to look at the device.
fn halt() -> ! {
    say!("the device cannot go to work; nothing was written to its flash");
    loop {
        time::alive();
        cortex_m::asm::nop();
    }
}

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    last_words::keep(panic);
    defmt::error!("{}", defmt::Display2Format(panic));
    cortex_m::peripheral::SCB::sys_reset()
}
