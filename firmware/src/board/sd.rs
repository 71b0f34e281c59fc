//! SD cards on SPI, the same for all boards.

use crate::card_slot::CardSlot;
use contactbox_core::card::fat::DriverFailure;
use contactbox_core::card::fat::sdcard::spi::{AcquireOpts, Error, SdCard};
use embedded_hal::delay::DelayNs;
use embedded_hal::spi::{Operation, SpiDevice};

/// An SPI on which a card can be started.
pub(super) trait Speed {
    /// Sets the slow rate that a card needs until it has started, and sends what it needs before
    /// that.
    fn slow(&mut self) {}

    /// Sets the full rate.
    fn fast(&mut self) {}
}

/// Returns the slot of a board. An empty slot is tried only twice, because the next check comes
/// soon.
pub(super) fn slot<S: SpiDevice + Speed, P: DelayNs>(spi: S, pause: P) -> CardSlot<SdCard<S, P>> {
    let options = AcquireOpts { use_crc: true, acquire_retries: 1 };
    let device = SdCard::new_with_options(spi, pause, options);
    CardSlot::new(device, greet, driver_failure)
}

/// Starts the card in the slot; false if there is none.
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

/// Returns whether a card answers the command that every card obeys. The driver would ask for
/// longer than an empty slot deserves, since it is checked every few seconds.
fn answers(spi: &mut impl SpiDevice) -> bool {
    const GO_IDLE: [u8; 6] = [0x40, 0, 0, 0, 0, 0x95];
    // A card may still be busy with a command from before the device started; it hears the second
    // one.
    (0..2).any(|_| {
        // An answer comes within 8 bytes.
        let mut answer = [0xff; 16];
        let mut parts = [Operation::Write(&GO_IDLE), Operation::TransferInPlace(&mut answer)];
        spi.transaction(&mut parts).is_ok() && answer.iter().any(|byte| *byte != 0xff)
    })
}

fn driver_failure(error: &Error) -> DriverFailure {
    match error {
        // A card that was taken out does not answer. One that does not answer is of no more use
        // than that.
        Error::CardNotFound
        | Error::TimeoutCommand(_)
        | Error::TimeoutACommand(_)
        | Error::TimeoutReadBuffer
        | Error::TimeoutWaitNotBusy
        | Error::BadState => DriverFailure::Removed,
        _ => DriverFailure::Other,
    }
}
