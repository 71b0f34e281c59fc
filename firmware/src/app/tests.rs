//! The app on a host: a chip and a card in RAM, a cable without wires.

use super::memory::{Arena, PAGE_BYTES, PAGES};
use super::{App, Clock, Event, Layout, Parts, SlotState};
use contactbox_core::contact::{Content, Draft, Kind, Millis, Uid};
use contactbox_core::service::cable::{Caller, Exchange, Link};
use contactbox_core::service::protocol::Card as PutCard;
use contactbox_core::service::{FRAME_BYTES_MIN, Reply, Request};
use contactbox_core::sim::{Nor, RamCard};
use contactbox_core::store::diary::{Cause, Diary, Event as Noted};
use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use embassy_futures::block_on;
use embedded_io_async::{ErrorType, Read, Write};
use std::collections::VecDeque;
use std::rc::Rc;

type Flash = Nor<1, 1, PAGE_BYTES>;

/// Both directions of a cable.
#[derive(Clone, Default)]
struct Wire {
    to_device: Rc<RefCell<VecDeque<u8>>>,
    to_host: Rc<RefCell<VecDeque<u8>>>,
}

impl Wire {
    /// What the device sent, as much as fits.
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

/// A clock that shows a later time each time it is asked.
#[derive(Clone, Default)]
struct Ticks(Rc<Cell<Millis>>);

impl Clock for Ticks {
    fn now(&self) -> Millis {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }

    async fn until(&self, time: Millis) {
        self.0.set(self.0.get().max(time));
    }
}

type Device = App<Flash, RamCard, Wire, Ticks>;

/// The host's end of the cable: the device goes on while the host waits.
struct Bench {
    device: Device,
    wire: Wire,
}

impl Link for &mut Bench {
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

fn layout() -> Layout {
    let end = (PAGES * PAGE_BYTES) as u32;
    Layout { box_bytes: end, diary: end..end + 4 * PAGE_BYTES as u32 }
}

fn start(flash: Flash, card: RamCard, random: u64, cause: Cause) -> Bench {
    let wire = Wire::default();
    let (memory, work) = Box::leak(Box::new(Arena::new())).split();
    let parts = Parts {
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

fn no_card() -> RamCard {
    let mut slot = RamCard::new();
    slot.pull();
    slot
}

fn blank() -> Flash {
    Nor::new(PAGES + 4)
}

fn ask<T>(bench: &mut Bench, request: &Request<'_>, take: impl FnOnce(&Reply<'_>) -> T) -> T {
    let (mut out, mut into) =
        (vec![0; FRAME_BYTES_MIN as usize], vec![0; FRAME_BYTES_MIN as usize]);
    let mut caller = Caller::new(bench, &mut out, &mut into);
    let reply = block_on(caller.ask(request)).unwrap_or_else(|error| panic!("{error}"));
    take(&reply)
}

fn add(bench: &mut Bench, name: &str) -> Uid {
    let mut memory = [0; 512];
    let mut draft = Draft::new(&mut memory);
    draft.push(&Content::text(Kind::FN, name)).expect("room for a name");
    let card = PutCard::Here(draft.finish());
    ask(bench, &Request::Put { uid: None, base: None, card }, |reply| match reply {
        Reply::Done(put) => put.uid,
        _ => panic!("a change is answered by what was done"),
    })
}

fn name_of(bench: &mut Bench, uid: Uid) -> String {
    ask(bench, &Request::Get { uid }, |reply| match reply {
        Reply::Contact { contact, .. } => {
            let name = contact.properties().find(|property| property.content.kind == Kind::FN);
            let name = name.and_then(|property| property.content.value.as_text());
            name.unwrap_or_default().to_owned()
        }
        _ => panic!("a contact is what was asked for"),
    })
}

/// Lets the device go on until it has nothing left to do.
fn settle(bench: &mut Bench) {
    let mut looks = 0;
    for _ in 0..1_000 {
        match block_on(bench.device.turn()) {
            Event::SlotDue => looks += 1,
            Event::Idle | Event::CardDue | Event::Bytes(_) | Event::CableGone => {}
        }
        if looks == 3 {
            return;
        }
    }
    panic!("the device does not come to rest");
}

#[test]
fn a_blank_device_makes_its_box_and_keeps_it() {
    let mut bench = start(blank(), no_card(), 7, Cause::Power);
    let uid = add(&mut bench, "Ada");
    let flash = bench.device.into_flash();
    // Another number is at hand the next time; the box is who it was.
    let mut bench = start(flash, no_card(), 8, Cause::Watchdog);
    assert_eq!(bench.device.book().id(), 7);
    assert_eq!(name_of(&mut bench, uid), "Ada");
    let mut causes = Vec::new();
    let mut flash = bench.device.into_flash();
    let mut diary = Diary::open(&mut flash, layout().diary).expect("the diary has its place");
    block_on(diary.read(|entry| {
        if let Noted::Started { cause } = entry.event {
            causes.push(cause);
        }
    }))
    .expect("a sound chip");
    assert_eq!(causes, [Cause::Power, Cause::Watchdog]);
}

#[test]
fn a_card_takes_a_contact_from_one_device_to_another() {
    let mut one = start(blank(), RamCard::new(), 1, Cause::Power);
    let uid = add(&mut one, "Ada");
    settle(&mut one);
    assert!(matches!(one.device.slot(), SlotState::Ready(_)));
    let later = add(&mut one, "Grace");
    settle(&mut one);
    let card = one.device.outside().1.clone();
    one.device.outside().1.pull();
    settle(&mut one);
    assert!(matches!(one.device.slot(), SlotState::Empty));

    let mut other = start(blank(), card, 2, Cause::Power);
    settle(&mut other);
    assert_eq!(name_of(&mut other, uid), "Ada");
    assert_eq!(name_of(&mut other, later), "Grace");
    let roots = [&mut one, &mut other].map(|bench| block_on(bench.device.book().root()));
    assert_eq!(roots[0], roots[1]);
}
