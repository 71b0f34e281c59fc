//! Tests a cable that loses, garbles, cuts and repeats: every change is done once, every question
//! answered.

use crate::support::{Chip, Desk, Device, Fate, Unplugged, Wire, card, contents, format};
use contactbox_core::contact::Kind;
use contactbox_core::service::cable::{
    AskError, BUSY_FRAME_BYTES, Caller, Exchange, Link, busy_frame,
};
use contactbox_core::service::protocol::{NewContact, PROTOCOL};
use contactbox_core::service::{Fault, Reply, Request};
use embassy_futures::block_on;

#[test]
fn a_change_whose_reply_is_lost_is_done_once() {
    for lost in 1..=3 {
        let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
        // Frames 1, 3 and 5 go out; 2, 4 and 6 come back.
        device.fate = Box::new(move |frame| match frame {
            frame if frame % 2 == 0 && frame <= 2 * lost => Fate::Lost,
            _ => Fate::Arrives,
        });
        let card = card(&[(Kind::FN, "Ada")]);
        let request =
            Request::Put { uid: None, base: None, card: NewContact::Here(contents(&card)) };
        let mut caller = desk.call(&mut device);
        assert!(matches!(block_on(caller.ask(&request)), Ok(Reply::Done(_))));
        assert_eq!(caller.traffic().repeats, lost);
        // The same request under a new number makes another contact.
        assert!(matches!(block_on(caller.ask(&request)), Ok(Reply::Done(_))));
        assert_eq!(device.book.counts().active, 2);
    }
}

#[test]
fn nobody_there_is_told() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
    device.fate = Box::new(|_| Fate::Lost);
    let mut caller = desk.call(&mut device);
    assert!(matches!(block_on(caller.ask(&Request::Info)), Err(AskError::Silent)));
    device.fate = Box::new(|_| Fate::Out);
    let mut caller = desk.call(&mut device);
    let out = block_on(caller.ask(&Request::Info));
    assert!(matches!(out, Err(AskError::Link(Unplugged))));
}

#[test]
fn a_bad_cable_costs_only_time() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 256)));
    let mut state = 1u64;
    device.fate = Box::new(move |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let random = state >> 33;
        match random % 16 {
            0 => Fate::Lost,
            1 => Fate::Garbled(random >> 4),
            2 => Fate::Cut(random >> 4),
            3 => Fate::Twice,
            _ => Fate::Arrives,
        }
    });
    let mut caller = desk.call(&mut device);
    let mut done = 0;
    let mut silent = 0;
    for number in 0..2_000 {
        let card = card(&[(Kind::FN, &format!("Person {number}"))]);
        let request =
            Request::Put { uid: None, base: None, card: NewContact::Here(contents(&card)) };
        match block_on(caller.ask(&request)) {
            Ok(Reply::Done(_)) => done += 1,
            Err(AskError::Silent) => silent += 1,
            Ok(_) => panic!("another reply"),
            Err(error) => panic!("{error}"),
        }
    }
    let repeats = caller.traffic().repeats;
    // Nobody knows whether a request without an answer was done.
    let active = device.book.counts().active;
    assert!((done..=done + silent).contains(&active), "{done} {silent} {active}");
    assert!(repeats > 500 && silent < 40, "{repeats} {silent}");
}

#[test]
fn a_restarted_device_begins_anew() {
    let (mut desk, mut device) = (Desk::new(), Device::new(format(7, 64)));
    let hello = Request::Hello { protocol: PROTOCOL, frame_bytes: 4096 };
    let mut caller = desk.call(&mut device);
    assert!(block_on(caller.ask(&hello)).is_ok());
    device.restart();
    let mut caller = desk.call(&mut device);
    assert!(block_on(caller.ask(&hello)).is_ok());
}

/// A device that reports so many times that it is at work before it reads what was sent.
struct AtWork<'d>(Wire<'d, Chip>, u32);

impl Link for AtWork<'_> {
    type Error = Unplugged;

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Unplugged> {
        self.0.send(bytes).await
    }

    async fn receive(&mut self, into: &mut [u8]) -> Result<usize, Unplugged> {
        let Some(left) = self.1.checked_sub(1) else { return self.0.receive(into).await };
        self.1 = left;
        let mut frame = [0; BUSY_FRAME_BYTES];
        let frame = busy_frame(&mut frame);
        assert!(!frame.is_empty(), "it fits");
        into[..frame.len()].copy_from_slice(frame);
        Ok(frame.len())
    }
}

#[test]
fn a_device_that_is_at_work_is_waited_for_and_not_asked_again() {
    let mut device = Device::new(format(7, 64));
    let (mut out, mut into) = (vec![0; 4096], vec![0; 4096]);
    let mut caller = Caller::new(AtWork(Wire(&mut device), 100), &mut out, &mut into);
    assert!(matches!(block_on(caller.ask(&Request::Info)), Ok(Reply::Info(_))));
    assert!(caller.is_busy());
    assert_eq!(caller.traffic().repeats, 0);
    // Now the device has time.
    assert!(matches!(block_on(caller.ask(&Request::Info)), Ok(Reply::Info(_))));
    assert!(!caller.is_busy());
    let mut caller = Caller::new(AtWork(Wire(&mut device), u32::MAX), &mut out, &mut into);
    let told = block_on(caller.ask(&Request::Info));
    assert!(matches!(told, Err(AskError::Fault(Fault::Busy))));
}
