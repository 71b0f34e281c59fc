//! The device's app on a host: a chip and a card in RAM, a cable without wires.

use contactbox_core::card::Card;
use contactbox_core::contact::Millis;
use contactbox_core::service::cable::{Caller, Exchange, Link};
use contactbox_core::service::{FRAME_BYTES_MIN, Reply, Request};
use contactbox_core::sim::{Nor, RamCard};
use contactbox_core::store::diary::Cause;
use contactbox_firmware::app::memory::{Arena, PAGE_BYTES, PAGES};
use contactbox_firmware::app::{App, AppEvent, BoardParts, Clock, Layout};
use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use embassy_futures::block_on;
use embedded_io_async::{ErrorType, Read, Write};
use std::collections::VecDeque;
use std::rc::Rc;

/// The flash chip.
pub type Flash = Nor<1, 1, PAGE_BYTES>;

/// Both directions of a cable.
#[derive(Clone, Default)]
pub struct Wire {
    to_device: Rc<RefCell<VecDeque<u8>>>,
    to_host: Rc<RefCell<VecDeque<u8>>>,
}

impl Wire {
    /// Takes as many of the bytes from the device as fit.
    fn heard(&self, into: &mut [u8]) -> usize {
        let mut queue = self.to_host.borrow_mut();
        let len = queue.len().min(into.len());
        into.iter_mut().zip(queue.drain(..len)).for_each(|(place, byte)| *place = byte);
        len
    }
}

impl ErrorType for Wire {
    type Error = Infallible;
}

impl Read for Wire {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        std::future::poll_fn(|_| {
            let mut queue = self.to_device.borrow_mut();
            let len = queue.len().min(buffer.len());
            if len == 0 {
                return std::task::Poll::Pending;
            }
            for (place, byte) in buffer.iter_mut().zip(queue.drain(..len)) {
                *place = byte;
            }
            std::task::Poll::Ready(Ok(len))
        })
        .await
    }
}

impl Write for Wire {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.to_host.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A clock that advances each time it is asked.
#[derive(Clone, Default)]
pub struct Ticks(Rc<Cell<Millis>>);

impl Clock for Ticks {
    fn now(&self) -> Millis {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }

    async fn until(&self, time: Millis) {
        self.0.set(self.0.get().max(time));
    }
}

/// The device.
pub type Device<C = RamCard> = App<Flash, C, Wire, Ticks>;

/// The host's end of the cable. The device runs while the host waits.
pub struct Bench<C = RamCard> {
    /// The device.
    pub device: Device<C>,
    wire: Wire,
}

impl<C: Card> Link for &mut Bench<C> {
    type Error = Infallible;

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.wire.to_device.borrow_mut().extend(bytes);
        Ok(())
    }

    async fn receive(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        for _ in 0..100 {
            let came = self.wire.heard(into);
            if came > 0 {
                return Ok(came);
            }
            self.device.turn().await;
        }
        Ok(0)
    }
}

/// Returns the division of the chip.
pub fn layout() -> Layout {
    let end = (PAGES * PAGE_BYTES) as u32;
    Layout { box_bytes: end, diary: end..end + 4 * PAGE_BYTES as u32 }
}

/// Starts a device.
pub fn start<C: Card>(flash: Flash, card: C, random: u64, cause: Cause) -> Bench<C> {
    let wire = Wire::default();
    let (memory, work) = Box::leak(Box::new(Arena::new())).split();
    let parts = BoardParts {
        flash,
        layout: layout(),
        card,
        link: wire.clone(),
        clock: Ticks::default(),
        random,
        cause,
        alive: || {},
        memory,
        work,
    };
    let device = block_on(App::start(parts)).unwrap_or_else(|error| panic!("{error}"));
    Bench { device, wire }
}

/// Returns an empty slot.
pub fn no_card() -> RamCard {
    let mut slot = RamCard::new();
    slot.pull();
    slot
}

/// Returns a chip fresh from the factory.
pub fn blank() -> Flash {
    Nor::new(PAGES + 4)
}

/// Asks the device something that it must answer.
pub fn ask<C: Card, T>(
    bench: &mut Bench<C>,
    request: &Request<'_>,
    take: impl FnOnce(&Reply<'_>) -> T,
) -> T {
    let (mut out, mut into) =
        (vec![0; FRAME_BYTES_MIN as usize], vec![0; FRAME_BYTES_MIN as usize]);
    let mut caller = Caller::new(bench, &mut out, &mut into);
    let reply = block_on(caller.ask(request)).unwrap_or_else(|error| panic!("{error}"));
    take(&reply)
}

/// Runs the device until it has nothing left to do.
pub fn settle<C: Card>(bench: &mut Bench<C>) {
    let mut looks = 0;
    for _ in 0..1_000 {
        match block_on(bench.device.turn()) {
            AppEvent::SlotDue => looks += 1,
            AppEvent::Idle | AppEvent::CardDue | AppEvent::Bytes(_) | AppEvent::CableGone => {}
        }
        if looks == 3 {
            return;
        }
    }
    panic!("the device does not come to rest");
}
