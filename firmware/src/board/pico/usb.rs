//! The cable: a serial port over USB.

use core::future::Future;
use embassy_futures::select::{Either, select};
use embassy_rp::peripherals::USB;
use embassy_rp::usb::{Driver, InterruptHandler};
use embassy_rp::{Peri, bind_interrupts};
use embassy_time::{Duration, Timer};
use embassy_usb::class::cdc_acm::{CdcAcmClass, State};
use embassy_usb::driver::EndpointError;
use embassy_usb::{Builder, Config};
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};
use static_cell::{ConstStaticCell, StaticCell};

bind_interrupts!(struct Interrupts {
    USBCTRL_IRQ => InterruptHandler<USB>;
});

/// For projects of no company: pid.codes, its number for trials.
const VENDOR: u16 = 0x1209;
const PRODUCT: u16 = 0x0001;
/// Bytes of a packet at full speed.
const PACKET_BYTES: usize = 64;
/// Who does not fetch a packet for this long has gone away without saying so.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the port: what drives it, and its end of the cable.
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
    let mut device = builder.build();
    let drive = async move {
        device.run().await;
    };
    (drive, Cable { port, rest: [0; PACKET_BYTES], from: 0, to: 0 })
}

/// This end of the cable.
pub struct Cable {
    port: CdcAcmClass<'static, Driver<'static, USB>>,
    /// Of the last packet, what nobody had room for.
    rest: [u8; PACKET_BYTES],
    from: usize,
    to: usize,
}

/// Nobody is at the other end.
#[derive(Debug)]
pub struct Unplugged;

impl core::fmt::Display for Unplugged {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("nobody is at the other end of the cable")
    }
}

impl core::error::Error for Unplugged {}

impl Error for Unplugged {
    fn kind(&self) -> ErrorKind {
        ErrorKind::NotConnected
    }
}

impl From<EndpointError> for Unplugged {
    fn from(_: EndpointError) -> Self {
        // A packet that does not fit its buffer there cannot be: the buffer holds the largest.
        Self
    }
}

impl ErrorType for Cable {
    type Error = Unplugged;
}

impl Read for Cable {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Unplugged> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.from >= self.to {
            // An empty packet ends a transfer, and is no end of the cable.
            (self.from, self.to) = (0, self.port.read_packet(&mut self.rest).await?);
        }
        let held = self.rest.get(self.from..self.to).unwrap_or(&[]);
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
        let len = bytes.len().min(PACKET_BYTES);
        let packet = bytes.get(..len).unwrap_or(&[]);
        match select(self.port.write_packet(packet), Timer::after(PATIENCE)).await {
            Either::First(sent) => sent?,
            Either::Second(()) => return Err(Unplugged),
        }
        if len == PACKET_BYTES && bytes.len() == PACKET_BYTES {
            // A full packet at the end of a transfer wants an empty one behind it.
            match select(self.port.write_packet(&[]), Timer::after(PATIENCE)).await {
                Either::First(sent) => sent?,
                Either::Second(()) => return Err(Unplugged),
            }
        }
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Unplugged> {
        Ok(())
    }
}
