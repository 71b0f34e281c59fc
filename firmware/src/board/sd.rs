//! SD cards on SPI, as all boards have them.

use crate::card_slot::CardSlot;
use contactbox_core::card::fat::DriverFailure;
use contactbox_core::card::fat::sdcard::spi::{AcquireOpts, Error, SdCard};
use embedded_hal::delay::DelayNs;
use embedded_hal::spi::{Operation, SpiDevice};

/// An SPI that a card can be started on.
pub(super) trait Speed {
    /// As slow as a card wants it until it has started; with what it wants to have before that.
    fn slow(&mut self) {}

    /// As fast as it goes.
    fn fast(&mut self) {}
}

/// The slot of a board. An empty one is asked only twice: it is looked into again soon.
pub(super) fn slot<S: SpiDevice + Speed, P: DelayNs>(spi: S, pause: P) -> CardSlot<SdCard<S, P>> {
    let options = AcquireOpts { use_crc: true, acquire_retries: 1 };
    let device = SdCard::new_with_options(spi, pause, options);
    CardSlot::new(device, greet, driver_failure)
}

/// Starts the card in the slot; false when there is none.
fn greet<S: SpiDevice + Speed, P: DelayNs>(device: &SdCard<S, P>) -> bool {
    device.mark_card_uninit();
    let is_there = device.spi(|spi| {
        spi.slow();
        answers(spi)
    }) && device.get_card_type().is_some();
    if is_there {
        device.spi(|spi| spi.fast());
    }
    is_there
}

/// Whether anything answers the command that every card obeys. The driver asks with more patience
/// than an empty slot deserves that is looked into every few seconds.
fn answers(spi: &mut impl SpiDevice) -> bool {
    const GO_IDLE: [u8; 6] = [0x40, 0, 0, 0, 0, 0x95];
    // A card may be in the middle of what it was told before the device started:
    // it hears the second.
    (0..2).any(|_| {
        // An answer comes within 8 bytes.
        let mut answer = [0xff; 16];
        let mut parts = [Operation::Write(&GO_IDLE), Operation::TransferInPlace(&mut answer)];
        spi.transaction(&mut parts).is_ok() && answer.iter().any(|byte| *byte != 0xff)
    })
}

fn driver_failure(error: &Error) -> DriverFailure {
    match error {
        // A card that is out does not answer; one that does not answer is of no more use than that.
        Error::CardNotFound
        | Error::TimeoutCommand(_)
        | Error::TimeoutACommand(_)
        | Error::TimeoutReadBuffer
        | Error::TimeoutWaitNotBusy
        | Error::BadState => DriverFailure::Removed,
        _ => DriverFailure::Other,
    }
}
