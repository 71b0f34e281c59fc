//! The serial ports: the first is the cable, the second takes the log.

use super::registers::Registers;
use super::time;
use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;
use embedded_io_async::{ErrorType, Read, Write};

const CABLE: Registers = Registers::at(0x1001_0000);
const LOG: Registers = Registers::at(0x1001_1000);
/// The number of the cable's interrupt.
pub(super) const CABLE_INTERRUPT: usize = 4;

const TRANSMIT: usize = 0x00;
const RECEIVE: usize = 0x04;
const TRANSMIT_CONTROL: usize = 0x08;
const RECEIVE_CONTROL: usize = 0x0c;
const INTERRUPT_ENABLE: usize = 0x10;
const ENABLE: u32 = 1;
const RECEIVED: u32 = 1 << 1;
/// The flag of a register that has no byte to read, or no room for one to write.
const NOT_NOW: u32 = 1 << 31;

/// The cable.
pub struct Cable(());

impl Cable {
    /// Opens the port.
    pub fn open() -> Self {
        CABLE.write(TRANSMIT_CONTROL, ENABLE);
        CABLE.write(RECEIVE_CONTROL, ENABLE);
        CABLE.write(INTERRUPT_ENABLE, RECEIVED);
        Self(())
    }
}

impl ErrorType for Cable {
    type Error = Infallible;
}

impl Read for Cable {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let bytes = poll_fn(|_| {
            let mut bytes = 0;
            for place in &mut *buffer {
                let received = CABLE.read(RECEIVE);
                if received & NOT_NOW != 0 {
                    break;
                }
                *place = received as u8;
                bytes += 1;
            }
            if bytes == 0 { Poll::Pending } else { Poll::Ready(bytes) }
        });
        Ok(bytes.await)
    }
}

/// The bytes sent at a time, and the time of each: those of a line with half a million symbols a
/// second. The emulated port has no speed, and drops bytes when the 270 or so that its socket holds
/// are full. This pace leaves a reader 5 ms to wake up.
const PACE_BYTES: usize = 32;
const PACE_MICROS: u64 = 20;

impl Write for Cable {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Infallible> {
        for piece in buffer.chunks(PACE_BYTES) {
            let end = time::micros() + piece.len() as u64 * PACE_MICROS;
            send(CABLE, piece);
            while time::micros() < end {}
        }
        Ok(buffer.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Opens the port of the log.
pub(super) fn open_log() {
    LOG.write(TRANSMIT_CONTROL, ENABLE);
}

/// Sends bytes to the log.
pub(super) fn log(bytes: &[u8]) {
    send(LOG, bytes);
}

fn send(port: Registers, bytes: &[u8]) {
    for byte in bytes {
        while port.read(TRANSMIT) & NOT_NOW != 0 {}
        port.write(TRANSMIT, u32::from(*byte));
    }
}
