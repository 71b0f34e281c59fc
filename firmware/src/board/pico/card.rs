//! The card slot of the board: SPI 0.

use super::time::{self, Pause};
use crate::board::sd::{self, Speed};
use crate::card_slot::CardSlot;
use contactbox_core::card::fat::sdcard::spi::SdCard;
use embassy_rp::Peri;
use embassy_rp::gpio::{Level, Output};
use embassy_rp::peripherals::{PIN_16, PIN_17, PIN_18, PIN_19, SPI0};
use embassy_rp::spi::{Blocking, Config, Error, Spi};
use embedded_hal::spi::{ErrorType, Operation, SpiDevice};

/// What every card takes while it starts.
const START_HERTZ: u32 = 400_000;
/// What a card takes then, over wires of a hand's length.
const HERTZ: u32 = 12_000_000;

/// The slot.
pub(super) fn open(
    spi: Peri<'static, SPI0>,
    clock: Peri<'static, PIN_18>,
    to_card: Peri<'static, PIN_19>,
    from_card: Peri<'static, PIN_16>,
    select: Peri<'static, PIN_17>,
) -> CardSlot<SdCard<CardBus, Pause>> {
    let mut config = Config::default();
    config.frequency = START_HERTZ;
    let bus = Spi::new_blocking(spi, clock, to_card, from_card, config);
    sd::slot(CardBus { bus, select: Output::new(select, Level::High) }, Pause)
}

/// The card's SPI.
pub struct CardBus {
    bus: Spi<'static, SPI0, Blocking>,
    select: Output<'static>,
}

impl CardBus {
    fn carry_out(&mut self, part: &mut Operation<'_, u8>) -> Result<(), Error> {
        match part {
            Operation::Read(bytes) => {
                // A card takes zeros for the beginning of a command.
                bytes.fill(0xff);
                self.bus.blocking_transfer_in_place(bytes)
            }
            Operation::Write(bytes) => self.bus.blocking_write(bytes),
            Operation::Transfer(into, from) => self.bus.blocking_transfer(into, from),
            Operation::TransferInPlace(bytes) => self.bus.blocking_transfer_in_place(bytes),
            // Nothing asks for a pause within a transaction.
            Operation::DelayNs(_) => Ok(()),
        }
    }
}

impl Speed for CardBus {
    fn slow(&mut self) {
        self.bus.set_frequency(START_HERTZ);
        // A card wants 74 clocks before its first command, and not be selected meanwhile. Should the bus
        // fail, the command will too.
        self.bus.blocking_write(&[0xff; 10]).ok();
    }

    fn fast(&mut self) {
        self.bus.set_frequency(HERTZ);
    }
}

impl ErrorType for CardBus {
    type Error = Error;
}

impl SpiDevice for CardBus {
    fn transaction(&mut self, parts: &mut [Operation<'_, u8>]) -> Result<(), Error> {
        // Taking in a card is one turn of the program, and may take longer than the watchdog waits.
        time::alive();
        self.select.set_low();
        let done = parts.iter_mut().try_for_each(|part| self.carry_out(part));
        let flushed = self.bus.flush();
        self.select.set_high();
        done.and(flushed)
    }
}
