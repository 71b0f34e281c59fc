//! The clock of the board, and its watchdog.

use crate::app;
use contactbox_core::contact::Millis;
use core::cell::RefCell;
use core::future::Future;
use critical_section::Mutex;
use embassy_rp::watchdog::Watchdog;
use embassy_time::{Duration, Instant, Timer};
use embedded_hal::delay::DelayNs;

/// The longest time without a sign of life, after which the board restarts. It is close to the
/// longest that the watchdog can wait.
const WATCH: Duration = Duration::from_secs(8);

static WATCHDOG: Mutex<RefCell<Option<Watchdog>>> = Mutex::new(RefCell::new(None));

/// Starts the watchdog.
pub(super) fn watch(mut watchdog: Watchdog) {
    watchdog.pause_on_debug(true);
    watchdog.start(WATCH);
    critical_section::with(|token| WATCHDOG.borrow(token).replace(Some(watchdog)));
}

/// Reports a sign of life to the watchdog.
pub(super) fn alive() {
    critical_section::with(|token| {
        if let Some(watchdog) = WATCHDOG.borrow(token).borrow_mut().as_mut() {
            watchdog.feed(WATCH);
        }
    });
}

/// The clock of the board.
pub struct Clock;

impl app::Clock for Clock {
    fn now(&self) -> Millis {
        Instant::now().as_millis()
    }

    fn until(&self, time: Millis) -> impl Future<Output = ()> {
        Timer::at(Instant::from_millis(time))
    }
}

/// A delay that does nothing else meanwhile, for drivers that ask for one.
pub struct Pause;

impl DelayNs for Pause {
    fn delay_ns(&mut self, ns: u32) {
        embassy_time::block_for(Duration::from_micros(u64::from(ns).div_ceil(1_000)));
    }
}
