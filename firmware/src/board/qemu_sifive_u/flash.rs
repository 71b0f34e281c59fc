//! The NOR chip of the board, an is25wp256, driven as a W25 chip: the commands used are the same.

use super::spi::Bus;
use core::convert::Infallible;
use embedded_hal_async::spi::{ErrorType, Operation, SpiDevice};
use w25::{Error, Q, W25};

/// The chip's identity: its maker and its kind.
const JEDEC: (u8, u8) = (0x9d, 0x70);
/// Bytes that a 24-bit address reaches: half of the chip.
const BYTES: u32 = 16 << 20;

/// The flash chip.
pub type Flash = W25<Q, FlashBus, (), ()>;

/// The SPI of the chip.
pub struct FlashBus(Bus);

/// Opens the chip; `None` if another chip answers.
pub async fn open() -> Result<Option<Flash>, Error<Infallible>> {
    let mut flash = W25::new_no_pins(FlashBus(Bus::at(0x1004_0000)), BYTES).await?;
    let id = flash.jedec_id().await?;
    let id = (id.manufacturer(), id.minor_device_id());
    crate::say!("NOR chip {} {}", id.0, id.1);
    Ok((id == JEDEC).then_some(flash))
}

impl ErrorType for FlashBus {
    type Error = Infallible;
}

impl SpiDevice for FlashBus {
    async fn transaction(&mut self, parts: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
        let bus = &mut self.0;
        bus.select();
        for part in parts {
            match part {
                Operation::Read(bytes) => bytes.fill_with(|| bus.exchange(0)),
                Operation::Write(bytes) => bytes.iter().for_each(|byte| {
                    bus.exchange(*byte);
                }),
                Operation::Transfer(into, from) => {
                    for at in 0..into.len().max(from.len()) {
                        let received = bus.exchange(from.get(at).copied().unwrap_or(0));
                        if let Some(place) = into.get_mut(at) {
                            *place = received;
                        }
                    }
                }
                Operation::TransferInPlace(bytes) => {
                    bytes.iter_mut().for_each(|byte| *byte = bus.exchange(*byte));
                }
                // No driver here asks for a pause within a transaction.
                Operation::DelayNs(_) => {}
            }
        }
        bus.release();
        Ok(())
    }
}
