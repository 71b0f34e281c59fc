//! The clock of the board, and its watchdog.

use crate::app;
use contactbox_core::contact::Millis;
use core::cell::RefCell;
use core::future::Future;
use critical_section::Mutex;
use embassy_rp::watchdog::Watchdog;
use embassy_time::{Duration, Instant, Timer};
use embedded_hal::delay::DelayNs;

/// Without a sign of life for this long the board starts anew: close to the longest it can wait.
const WATCH: Duration = Duration::from_secs(8);

static WATCHDOG: Mutex<RefCell<Option<Watchdog>>> = Mutex::new(RefCell::new(None));

/// Lets the watchdog loose.
pub(super) fn watch(mut watchdog: Watchdog) {
    watchdog.pause_on_debug(true);
    watchdog.start(WATCH);
    critical_section::with(|token| WATCHDOG.borrow(token).replace(Some(watchdog)));
}

/// A sign of life.
pub(super) fn alive() {
    critical_section::with(|token| {
        if let Some(watchdog) = WATCHDOG.borrow(token).borrow_mut().as_mut() {
            watchdog.feed(WATCH);
        }
    });
}

/// The clock.
pub struct Clock;

impl app::Clock for Clock {
    fn now(&self) -> Millis {
        Instant::now().as_millis()
    }

    fn until(&self, time: Millis) -> impl Future<Output = ()> {
        Timer::at(Instant::from_millis(time))
    }
}

/// Waits without doing anything else, for drivers that ask for it.
pub struct Pause;

impl DelayNs for Pause {
    fn delay_ns(&mut self, ns: u32) {
        embassy_time::block_for(Duration::from_micros(u64::from(ns).div_ceil(1_000)));
    }
}
