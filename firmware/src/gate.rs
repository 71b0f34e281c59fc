//! The gate of a cable: what came in waits behind it while the device is at work, and whoever sent it is told so.
//!
//! A device opens its box and goes through a card in one turn of its program, which may take a minute. [`attend`] runs
//! beside the program, where nothing keeps it waiting: in an interrupt.

use contactbox_core::service::cable::BUSY_MILLIS;
use core::cell::Cell;
use core::future::Future;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::Mutex as Latch;
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embedded_io_async::{Read, Write};

/// Bytes that wait: a packet of USB at full speed.
pub const PACKET_BYTES: usize = 64;

/// What came in at once.
#[derive(Clone, Copy)]
pub struct Packet {
    bytes: [u8; PACKET_BYTES],
    len: u8,
}

impl Packet {
    /// Nothing.
    pub const EMPTY: Self = Self { bytes: [0; PACKET_BYTES], len: 0 };

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// Between the port of a cable and the program.
pub struct Gate<M: RawMutex, W> {
    came: Channel<M, Packet, 1>,
    taken: Signal<M, ()>,
    out: Mutex<M, W>,
    /// A frame of the program's has begun to go out, and nothing else may go between.
    is_sending: Latch<M, Cell<bool>>,
}

impl<M: RawMutex, W: Write> Gate<M, W> {
    /// For a port that `out` sends through.
    pub fn new(out: W) -> Self {
        Self {
            came: Channel::new(),
            taken: Signal::new(),
            out: Mutex::new(out),
            is_sending: Latch::new(Cell::new(false)),
        }
    }

    /// Waits for the next packet, which is then taken.
    pub async fn next(&self) -> Packet {
        let packet = self.came.receive().await;
        self.taken.signal(());
        packet
    }

    /// Sends some of a frame.
    pub async fn send(&self, bytes: &[u8]) -> Result<usize, W::Error> {
        self.is_sending.lock(|is_sending| is_sending.set(true));
        let sent = self.out.lock().await.write(bytes).await;
        if sent.is_err() {
            self.is_sending.lock(|is_sending| is_sending.set(false));
        }
        sent
    }

    /// The frame has gone out.
    pub async fn flush(&self) -> Result<(), W::Error> {
        let flushed = self.out.lock().await.flush().await;
        self.is_sending.lock(|is_sending| is_sending.set(false));
        flushed
    }

    /// Says that the program is at work, unless it is saying something itself.
    async fn say_busy(&self, frame: &[u8]) {
        if self.is_sending.lock(Cell::get) {
            return;
        }
        if let Ok(mut out) = self.out.try_lock() {
            // Who has gone away need not know.
            let _ = out.write_all(frame).await;
            let _ = out.flush().await;
        }
    }
}

/// Takes in packets of `port` for ever; `busy` is what is sent as long as one waits, and `pause` waits that many
/// milliseconds. A read of nothing, or one that fails, is passed over: the port waits for the cable then.
pub async fn attend<M: RawMutex, W: Write, R: Read, P: Future<Output = ()>>(
    gate: &Gate<M, W>,
    port: &mut R,
    busy: &[u8],
    pause: impl Fn(u32) -> P,
) -> ! {
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
            gate.say_busy(busy).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};
    use embassy_sync::blocking_mutex::raw::NoopRawMutex;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// What came, what went, and how often somebody has waited.
    #[derive(Clone, Default)]
    struct World(Rc<RefCell<(Vec<Vec<u8>>, Vec<u8>, u32)>>);

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
        let gate = Gate::<NoopRawMutex, _>::new(world.clone());
        let pause = |_| {
            // The first look says that the time is not over, the next that it is.
            let mut looks = 0;
            let world = world.clone();
            core::future::poll_fn(move |_| {
                looks += 1;
                world.0.borrow_mut().2 += 1;
                if looks > 1 { Poll::Ready(()) } else { Poll::Pending }
            })
        };
        let mut port = world.clone();
        let mut attending = pin!(attend(&gate, &mut port, b"busy", pause));
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
        // While the program says something nobody goes between.
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(gate.send(b"half")).as_mut().poll(&mut context).is_ready());
        let before = world.0.borrow().1.len();
        for _ in 0..4 {
            step();
        }
        assert_eq!(world.0.borrow().1.len(), before);
        assert!(pin!(gate.flush()).as_mut().poll(&mut context).is_ready());
        // What was sent first is let in, and then there is nothing to say.
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
