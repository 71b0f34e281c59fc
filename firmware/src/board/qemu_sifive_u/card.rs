//! The card slot of the board, and the only file that works round two faults of the emulated card.

use super::spi::Bus;
use super::time::Pause;
use crate::board::sd::{self, Speed};
use crate::card_slot::CardSlot;
use contactbox_core::card::fat::sdcard::spi::SdCard;
use core::convert::Infallible;
use embedded_hal::spi::{ErrorType, Operation, SpiDevice};

/// The first byte of the command that reads the operating conditions (CMD58).
const READ_CONDITIONS: u8 = 0x7a;
/// The bit of an answer that says the card is still starting.
const IDLE: u8 = 1;
/// The bytes that begin a block of data.
const DATA_TOKENS: [u8; 3] = [0xfe, 0xfc, 0xfd];

/// Opens the slot.
pub fn open() -> CardSlot<SdCard<CardSpi, Pause>> {
    sd::slot(CardSpi { bus: Bus::at(0x1005_0000), asked: false }, Pause)
}

/// The SPI of the card.
pub struct CardSpi {
    bus: Bus,
    /// True from the request for the conditions until the answer comes.
    asked: bool,
}

impl CardSpi {
    fn write(&mut self, bytes: &[u8]) {
        self.asked = bytes.len() == 6 && bytes.first() == Some(&READ_CONDITIONS);
        if let [token] = bytes
            && DATA_TOKENS.contains(token)
        {
            // The emulated card swallows the byte after an answer. The standard allows one more
            // byte here.
            self.bus.exchange(0xff);
        }
        for byte in bytes {
            self.bus.exchange(*byte);
        }
    }

    fn exchange(&mut self, byte: u8) -> u8 {
        let received = self.bus.exchange(byte);
        if !self.asked || received == 0xff {
            return received;
        }
        // The emulated card says that it is starting long after it has started.
        self.asked = false;
        received & !IDLE
    }

    fn carry_out(&mut self, part: &mut Operation<'_, u8>) {
        match part {
            Operation::Read(bytes) => bytes.fill_with(|| self.exchange(0xff)),
            Operation::Write(bytes) => self.write(bytes),
            Operation::Transfer(_, [token]) if DATA_TOKENS.contains(token) => self.write(&[*token]),
            Operation::Transfer(into, from) => {
                for at in 0..into.len().max(from.len()) {
                    let received = self.exchange(from.get(at).copied().unwrap_or(0xff));
                    if let Some(place) = into.get_mut(at) {
                        *place = received;
                    }
                }
            }
            Operation::TransferInPlace(bytes) => {
                bytes.iter_mut().for_each(|byte| *byte = self.exchange(*byte));
            }
            // No driver here asks for a pause within a transaction.
            Operation::DelayNs(_) => {}
        }
    }
}

impl Speed for CardSpi {}

impl ErrorType for CardSpi {
    type Error = Infallible;
}

impl SpiDevice for CardSpi {
    fn transaction(&mut self, parts: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
        self.bus.select();
        parts.iter_mut().for_each(|part| self.carry_out(part));
        self.bus.release();
        Ok(())
    }
}
