//! The card slot of the board: SPI 0.

use super::time::{self, Pause};
use crate::board::sd::{self, Speed};
use crate::card_bus::CardBus;
use crate::card_slot::CardSlot;
use contactbox_core::card::fat::sdcard::spi::SdCard;
use embassy_rp::Peri;
use embassy_rp::gpio::{Level, Output};
use embassy_rp::peripherals::{PIN_16, PIN_17, PIN_18, PIN_19, SPI0};
use embassy_rp::spi::{Blocking, Config, Spi};

/// The clock rate that every card accepts while it starts.
const START_HERTZ: u32 = 400_000;
/// The clock rate after the start, over wires as long as a hand.
const HERTZ: u32 = 12_000_000;

/// The SPI of the card.
pub type Wires = CardBus<Spi<'static, SPI0, Blocking>, Output<'static>>;

/// Opens the slot.
pub(super) fn open(
    spi: Peri<'static, SPI0>,
    clock: Peri<'static, PIN_18>,
    to_card: Peri<'static, PIN_19>,
    from_card: Peri<'static, PIN_16>,
    select: Peri<'static, PIN_17>,
) -> CardSlot<SdCard<Wires, Pause>> {
    let mut config = Config::default();
    config.frequency = START_HERTZ;
    let bus = Spi::new_blocking(spi, clock, to_card, from_card, config);
    sd::slot(CardBus::new(bus, Output::new(select, Level::High), time::alive), Pause)
}

impl Speed for Wires {
    fn slow(&mut self) {
        self.bus().set_frequency(START_HERTZ);
        self.wake();
    }

    fn fast(&mut self) {
        self.bus().set_frequency(HERTZ);
    }
}
