//! The gate of a cable: holds what came in while the device is at work, and tells its sender so.
//!
//! A device opens its box, or reads a card, in one turn of its program, which may take a minute.
//! [`attend`] runs beside the program where nothing delays it: in an interrupt. The gate is all
//! that both of them use.

use contactbox_core::service::cable::BUSY_MILLIS;
use core::cell::Cell;
use core::fmt;
use core::future::Future;
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::Mutex as Latch;
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_sync::channel::Channel;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embedded_io_async::{Error, ErrorKind, Read, Write};

/// The most bytes that go through at once: a packet of USB at full speed.
pub const PACKET_BYTES: usize = 64;

/// The bytes that go through at once.
#[derive(Clone, Copy)]
pub struct Packet {
    bytes: [u8; PACKET_BYTES],
    len: u8,
    /// True if nothing of the same frame follows in this call.
    is_last: bool,
}

impl Packet {
    /// The empty packet.
    pub const EMPTY: Self = Self { bytes: [0; PACKET_BYTES], len: 0, is_last: true };

    /// Returns as much of a piece as fits.
    fn of(piece: &[u8]) -> Self {
        let len = piece.len().min(PACKET_BYTES);
        let mut packet = Self { len: len as u8, is_last: len == piece.len(), ..Self::EMPTY };
        packet.bytes.iter_mut().zip(piece).for_each(|(place, byte)| *place = *byte);
        packet
    }

    /// Returns the bytes of the packet.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// The error of a cable that has nobody at its other end.
#[derive(Debug)]
pub struct Unplugged;

impl fmt::Display for Unplugged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody is at the other end of the cable")
    }
}

impl core::error::Error for Unplugged {}

impl Error for Unplugged {
    fn kind(&self) -> ErrorKind {
        ErrorKind::NotConnected
    }
}

/// The place between the port of a cable and the program.
pub struct Gate<M: RawMutex> {
    came: Channel<M, Packet, 1>,
    taken: Signal<M, ()>,
    going: Channel<M, Packet, 1>,
    /// True for each packet that has gone out, false for one that could not.
    gone: Signal<M, bool>,
    /// True while a frame of the program is going out, and nothing else may come between.
    is_sending: Latch<M, Cell<bool>>,
}

impl<M: RawMutex> Default for Gate<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: RawMutex> Gate<M> {
    /// Returns a gate with no packet in it.
    pub const fn new() -> Self {
        Self {
            came: Channel::new(),
            taken: Signal::new(),
            going: Channel::new(),
            gone: Signal::new(),
            is_sending: Latch::new(Cell::new(false)),
        }
    }

    /// Waits for the next packet and takes it.
    pub async fn next(&self) -> Packet {
        let packet = self.came.receive().await;
        self.taken.signal(());
        packet
    }

    /// Sends a part of a frame and returns its length.
    pub async fn send(&self, piece: &[u8]) -> Result<usize, Unplugged> {
        self.is_sending.lock(|is_sending| is_sending.set(true));
        let packet = Packet::of(piece);
        self.gone.reset();
        self.going.send(packet).await;
        if self.gone.wait().await {
            return Ok(packet.bytes().len());
        }
        self.end();
        Err(Unplugged)
    }

    /// Marks the end of an outgoing frame.
    pub fn end(&self) {
        self.is_sending.lock(|is_sending| is_sending.set(false));
    }
}

/// Serves a port for ever. `port` is its receiving side and `out` its sending side; `busy` is sent
/// as long as a packet waits, and `pause` waits for so many milliseconds. A read that returns
/// nothing or fails is ignored: the port waits for the cable itself.
pub async fn attend<M: RawMutex, R: Read, W: Write, P: Future<Output = ()>>(
    gate: &Gate<M>,
    port: &mut R,
    out: W,
    busy: &[u8],
    pause: impl Fn(u32) -> P,
) {
    let out = Mutex::<NoopRawMutex, W>::new(out);
    let coming = async {
        loop {
            let mut packet = Packet::EMPTY;
            packet.len = match port.read(&mut packet.bytes).await {
                Ok(len) => len.min(PACKET_BYTES) as u8,
                Err(_) => 0,
            };
            if packet.len == 0 {
                continue;
            }
            gate.taken.reset();
            gate.came.send(packet).await;
            while let Either::Second(()) = select(gate.taken.wait(), pause(BUSY_MILLIS)).await {
                if !gate.is_sending.lock(Cell::get) {
                    // A sender that has gone away need not know.
                    let mut out = out.lock().await;
                    let _ = out.write_all(busy).await;
                    let _ = out.flush().await;
                }
            }
        }
    };
    let going = async {
        loop {
            let packet = gate.going.receive().await;
            let mut out = out.lock().await;
            let mut has_gone = out.write_all(packet.bytes()).await.is_ok();
            if has_gone && packet.is_last {
                has_gone = out.flush().await.is_ok();
            }
            gate.gone.signal(has_gone);
        }
    };
    let ((), ()) = join(coming, going).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};
    use std::cell::RefCell;
    use std::rc::Rc;

    /// The packets to come, the bytes sent, and the number of waits.
    type Traffic = (Vec<Vec<u8>>, Vec<u8>, u32);

    #[derive(Clone, Default)]
    struct World(Rc<RefCell<Traffic>>);

    impl embedded_io_async::ErrorType for World {
        type Error = Infallible;
    }

    impl Read for World {
        async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
            core::future::poll_fn(|_| match self.0.borrow_mut().0.pop() {
                Some(packet) => {
                    into[..packet.len()].copy_from_slice(&packet);
                    Poll::Ready(Ok(packet.len()))
                }
                None => Poll::Pending,
            })
            .await
        }
    }

    impl Write for World {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
            self.0.borrow_mut().1.extend(bytes);
            Ok(bytes.len())
        }

        async fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    #[test]
    fn who_waits_behind_a_gate_is_told_so_and_then_let_in() {
        let world = World::default();
        let gate = Gate::<NoopRawMutex>::new();
        let pause = |_| {
            // The first poll finds the time not over, the next one finds it over.
            let mut looks = 0;
            let world = world.clone();
            core::future::poll_fn(move |_| {
                looks += 1;
                world.0.borrow_mut().2 += 1;
                if looks > 1 { Poll::Ready(()) } else { Poll::Pending }
            })
        };
        let mut port = world.clone();
        let mut attending = pin!(attend(&gate, &mut port, world.clone(), b"busy", pause));
        let mut context = Context::from_waker(Waker::noop());
        let mut step = || {
            let _ = attending.as_mut().poll(&mut context);
        };
        step();
        assert_eq!(world.0.borrow().2, 0, "nobody is there");
        world.0.borrow_mut().0.push(b"hello".to_vec());
        for _ in 0..4 {
            step();
        }
        let said = world.0.borrow().1.clone();
        assert!(said.starts_with(b"busybusy"), "{said:?}");
        // Nothing comes between while the program sends.
        let mut context = Context::from_waker(Waker::noop());
        let mut sending = pin!(gate.send(b"half"));
        assert!(sending.as_mut().poll(&mut context).is_pending());
        step();
        assert!(matches!(sending.as_mut().poll(&mut context), Poll::Ready(Ok(4))));
        assert!(world.0.borrow().1.ends_with(b"half"));
        let before = world.0.borrow().1.len();
        for _ in 0..4 {
            step();
        }
        assert_eq!(world.0.borrow().1.len(), before);
        gate.end();
        // The waiting packet is taken, and then there is nothing to report.
        let Poll::Ready(packet) = pin!(gate.next()).as_mut().poll(&mut context) else {
            panic!("it waits")
        };
        assert_eq!(packet.bytes(), b"hello");
        let before = world.0.borrow().1.len();
        for _ in 0..4 {
            step();
        }
        assert_eq!(world.0.borrow().1.len(), before);
    }
}
