//! The cable: a serial port over USB.
//!
//! The port is driven above the main program, in an interrupt. A host gives up a device that does
//! not answer within seconds, and opening a box or reading a card takes longer than that.

use crate::gate::{Gate, PACKET_BYTES, Packet, Unplugged, attend};
use contactbox_core::service::cable::{BUSY_FRAME_BYTES, busy_frame};
use core::convert::Infallible;
use core::future::Future;
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_rp::peripherals::USB;
use embassy_rp::usb::{Driver, InterruptHandler};
use embassy_rp::{Peri, bind_interrupts};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::{Duration, Timer};
use embassy_usb::class::cdc_acm::{CdcAcmClass, Receiver, Sender, State};
use embassy_usb::driver::EndpointError;
use embassy_usb::{Builder, Config};
use embedded_io_async::{ErrorType, Read, Write};
use static_cell::{ConstStaticCell, StaticCell};

bind_interrupts!(struct Interrupts {
    USBCTRL_IRQ => InterruptHandler<USB>;
});

/// The number that pid.codes gives to projects of no company, for tests.
const VENDOR: u16 = 0x1209;
const PRODUCT: u16 = 0x0001;
/// The longest wait for the host to fetch a packet. After that it counts as unplugged.
const PATIENCE: Duration = Duration::from_secs(2);

type UsbPort = Driver<'static, USB>;

static GATE: Gate<CriticalSectionRawMutex> = Gate::new();

/// Opens the port. Returns the future that drives it, and this end of the cable.
pub(super) fn open(usb: Peri<'static, USB>) -> (impl Future<Output = ()>, Cable) {
    static CONFIG_DESCRIPTOR: ConstStaticCell<[u8; 128]> = ConstStaticCell::new([0; 128]);
    static BOS_DESCRIPTOR: ConstStaticCell<[u8; 16]> = ConstStaticCell::new([0; 16]);
    static CONTROL: ConstStaticCell<[u8; 64]> = ConstStaticCell::new([0; 64]);
    static STATE: StaticCell<State<'static>> = StaticCell::new();
    let mut config = Config::new(VENDOR, PRODUCT);
    config.manufacturer = Some("contactbox");
    config.product = Some("contactbox device");
    config.max_packet_size_0 = PACKET_BYTES as u8;
    let mut builder = Builder::new(
        Driver::new(usb, Interrupts),
        config,
        CONFIG_DESCRIPTOR.take(),
        BOS_DESCRIPTOR.take(),
        &mut [],
        CONTROL.take(),
    );
    let port = CdcAcmClass::new(&mut builder, STATE.init(State::new()), PACKET_BYTES as u16);
    let (out, port) = port.split();
    let (mut device, mut port) = (builder.build(), UsbReceiver { port });
    let out = UsbSender { port: out, was_full: false };
    let drive = async move {
        let mut frame = [0; BUSY_FRAME_BYTES];
        let busy = busy_frame(&mut frame);
        let pause = |millis: u32| Timer::after(Duration::from_millis(millis.into()));
        join(device.run(), attend(&GATE, &mut port, out, busy, pause)).await;
    };
    (drive, Cable { packet: Packet::EMPTY, from: 0 })
}

/// The receiving side of the port.
struct UsbReceiver {
    port: Receiver<'static, UsbPort>,
}

impl ErrorType for UsbReceiver {
    type Error = Infallible;
}

impl Read for UsbReceiver {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        loop {
            self.port.wait_connection().await;
            match self.port.read_packet(buffer).await {
                Ok(len) => return Ok(len),
                // A packet too large cannot come: the buffer holds the largest.
                Err(EndpointError::Disabled | EndpointError::BufferOverflow) => {}
            }
        }
    }
}

/// The sending side of the port.
struct UsbSender {
    port: Sender<'static, UsbPort>,
    /// True if the last packet had the full length.
    was_full: bool,
}

impl UsbSender {
    async fn packet(&mut self, packet: &[u8]) -> Result<(), Unplugged> {
        match select(self.port.write_packet(packet), Timer::after(PATIENCE)).await {
            Either::First(Ok(())) => Ok(()),
            Either::First(Err(_)) | Either::Second(()) => Err(Unplugged),
        }
    }
}

impl ErrorType for UsbSender {
    type Error = Unplugged;
}

impl Write for UsbSender {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Unplugged> {
        let len = bytes.len().min(PACKET_BYTES);
        self.packet(bytes.get(..len).unwrap_or(&[])).await?;
        self.was_full = len == PACKET_BYTES;
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Unplugged> {
        if core::mem::take(&mut self.was_full) {
            // A transfer that ends with a full packet needs an empty one behind it.
            self.packet(&[]).await?;
        }
        Ok(())
    }
}

/// This end of the cable.
pub struct Cable {
    /// The last packet, of which the bytes from `from` on are still to be read.
    packet: Packet,
    from: usize,
}

impl ErrorType for Cable {
    type Error = Unplugged;
}

impl Read for Cable {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Unplugged> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.from >= self.packet.bytes().len() {
            // In this order: a read that is cancelled while it waits has lost nothing.
            self.packet = GATE.next().await;
            self.from = 0;
        }
        let held = self.packet.bytes().get(self.from..).unwrap_or(&[]);
        let len = held.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(held) {
            *place = *byte;
        }
        self.from += len;
        Ok(len)
    }
}

impl Write for Cable {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Unplugged> {
        GATE.send(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Unplugged> {
        GATE.end();
        Ok(())
    }
}
