//! A card that has an SPI bus to itself.

use embedded_hal::digital::OutputPin;
use embedded_hal::spi::{Error, ErrorKind, ErrorType, Operation, SpiBus, SpiDevice};

/// The bus, and the wire that selects the card.
///
/// The card stays selected from its start on. The driver makes each part of a command a
/// transaction, and a card that is deselected between a command and its answer may forget the
/// command, as the standard allows.
pub struct CardBus<B, S> {
    bus: B,
    select: S,
    /// The function called with each transaction, because reading a card is one turn of the program
    /// and may take longer than the watchdog waits.
    alive: fn(),
}

/// A failure of the bus or the wire.
#[derive(Debug)]
pub struct Failed;

impl Error for Failed {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// The bytes that wake a card: it needs at least 74 clocks before its first command, and must not
/// be selected meanwhile.
const WAKE: [u8; 10] = [0xff; 10];

impl<B: SpiBus, S: OutputPin> CardBus<B, S> {
    /// Returns a card on a bus that was not used yet.
    pub fn new(bus: B, select: S, alive: fn()) -> Self {
        Self { bus, select, alive }
    }

    /// Returns the bus, to set its speed.
    pub fn bus(&mut self) -> &mut B {
        &mut self.bus
    }

    /// Wakes a card in the slot. If the bus fails here, the next command fails too.
    pub fn wake(&mut self) {
        let _ = self.select.set_high();
        let _ = self.bus.write(&WAKE);
        let _ = self.bus.flush();
    }

    fn carry_out(&mut self, part: &mut Operation<'_, u8>) -> Result<(), B::Error> {
        match part {
            Operation::Read(bytes) => {
                // A card would take zeros for the beginning of a command.
                bytes.fill(0xff);
                self.bus.transfer_in_place(bytes)
            }
            Operation::Write(bytes) => self.bus.write(bytes),
            Operation::Transfer(into, from) => self.bus.transfer(into, from),
            Operation::TransferInPlace(bytes) => self.bus.transfer_in_place(bytes),
            // No driver here asks for a pause within a transaction.
            Operation::DelayNs(_) => Ok(()),
        }
    }
}

impl<B, S> ErrorType for CardBus<B, S> {
    type Error = Failed;
}

impl<B: SpiBus, S: OutputPin> SpiDevice for CardBus<B, S> {
    fn transaction(&mut self, parts: &mut [Operation<'_, u8>]) -> Result<(), Failed> {
        (self.alive)();
        self.select.set_low().map_err(|_| Failed)?;
        let done = parts.iter_mut().try_for_each(|part| self.carry_out(part));
        done.and(self.bus.flush()).map_err(|_| Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contactbox_core::card::fat::sdcard::spi::{AcquireOpts, SdCard};
    use core::convert::Infallible;
    use embedded_hal::delay::DelayNs;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;

    /// A card that forgets a command if it is deselected before it has answered, as the standard
    /// allows.
    #[derive(Default)]
    struct Strict {
        is_selected: bool,
        /// The clocks that came while it was not selected.
        clocks: u32,
        command: Vec<u8>,
        answer: VecDeque<u8>,
        is_ready: bool,
    }

    impl Strict {
        fn byte(&mut self, byte: u8) -> u8 {
            if !self.is_selected {
                self.clocks += 8;
                return 0xff;
            }
            let answered = self.answer.pop_front();
            if !self.command.is_empty() || byte & 0xc0 == 0x40 {
                self.command.push(byte);
            }
            if let [command, a, b, c, d, _] = *self.command {
                self.command.clear();
                // One byte later, the earliest that a card may answer.
                self.answer = VecDeque::from([0xff]);
                let idle = u8::from(!self.is_ready);
                match command & 0x3f {
                    0 if self.clocks < 74 => self.answer.clear(),
                    0 => self.answer.push_back(1),
                    8 => self.answer.extend([idle, a, b, c & 1, d]),
                    41 => {
                        self.is_ready = true;
                        self.answer.push_back(0);
                    }
                    58 => self.answer.extend([idle, 0xc0, 0xff, 0x80, 0]),
                    55 | 59 => self.answer.push_back(idle),
                    _ => self.answer.push_back(4),
                }
            }
            answered.unwrap_or(0xff)
        }
    }

    #[derive(Clone, Default)]
    struct Wires(Rc<RefCell<Strict>>);

    impl ErrorType for Wires {
        type Error = Infallible;
    }

    impl SpiBus for Wires {
        fn read(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(0);
            self.transfer_in_place(bytes)
        }

        fn write(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
            bytes.iter().for_each(|&byte| {
                self.0.borrow_mut().byte(byte);
            });
            Ok(())
        }

        fn transfer(&mut self, into: &mut [u8], from: &[u8]) -> Result<(), Infallible> {
            into.copy_from_slice(from);
            self.transfer_in_place(into)
        }

        fn transfer_in_place(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.iter_mut().for_each(|byte| *byte = self.0.borrow_mut().byte(*byte));
            Ok(())
        }

        fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    impl embedded_hal::digital::ErrorType for Wires {
        type Error = Infallible;
    }

    impl OutputPin for Wires {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.0.borrow_mut().is_selected = true;
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            let mut card = self.0.borrow_mut();
            card.is_selected = false;
            card.command.clear();
            card.answer.clear();
            Ok(())
        }
    }

    struct Now;

    impl DelayNs for Now {
        fn delay_ns(&mut self, _: u32) {}
    }

    #[test]
    fn a_card_that_wants_to_be_selected_throughout_is_found() {
        let wires = Wires::default();
        let mut bus = CardBus::new(wires.clone(), wires.clone(), || {});
        bus.wake();
        let options = AcquireOpts { use_crc: true, acquire_retries: 1 };
        let card = SdCard::new_with_options(bus, Now, options);
        assert!(card.get_card_type().is_some());
        assert!(wires.0.borrow().clocks >= 74);
    }
}
