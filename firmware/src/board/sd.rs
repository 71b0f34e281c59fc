//! SD cards on SPI, as all boards have them.

use crate::card_slot::CardSlot;
use contactbox_core::card::fat::Trouble;
use contactbox_core::card::fat::sdcard::spi::{AcquireOpts, Error, SdCard};
use embedded_hal::delay::DelayNs;
use embedded_hal::spi::SpiDevice;

/// The slot of a board. An empty one is asked only twice: it is looked into again soon.
pub(super) fn slot<S: SpiDevice, P: DelayNs>(spi: S, pause: P) -> CardSlot<SdCard<S, P>> {
    let options = AcquireOpts { use_crc: true, acquire_retries: 1 };
    let device = SdCard::new_with_options(spi, pause, options);
    CardSlot::new(device, |device| device.mark_card_uninit(), trouble)
}

fn trouble(error: &Error) -> Trouble {
    match error {
        // A card that is out does not answer; one that does not answer is of no more use than that.
        Error::CardNotFound
        | Error::TimeoutCommand(_)
        | Error::TimeoutACommand(_)
        | Error::TimeoutReadBuffer
        | Error::TimeoutWaitNotBusy
        | Error::BadState => Trouble::Removed,
        _ => Trouble::Other,
    }
}
