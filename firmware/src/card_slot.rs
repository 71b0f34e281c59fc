//! A card slot: the file system of the card in it, mounted anew after every failure.

use contactbox_core::card::fat::{BlockDevice, DriverFailure, FatCard, FenceError};
use contactbox_core::card::{Card, CardError, FileName};
use contactbox_core::contact::Millis;

type SlotError<D> = CardError<FenceError<<D as BlockDevice>::Error>>;

/// A slot, with or without a card in it.
pub struct CardSlot<D: BlockDevice> {
    /// The state; `None` only while it changes.
    state: Option<SlotState<D>>,
    greet: fn(&D) -> bool,
    failure_of: fn(&D::Error) -> DriverFailure,
}

#[allow(clippy::large_enum_variant, reason = "there is one of them, and no heap")]
enum SlotState<D: BlockDevice> {
    /// No card was found yet, or the last one failed.
    Shut(D),
    Open(FatCard<D>),
}

impl<D: BlockDevice> CardSlot<D> {
    /// Returns the slot that `device` reads. `greet` starts the card in it as a card just put in,
    /// and returns whether there is one. `failure_of` names the source of a device's error.
    pub fn new(
        device: D,
        greet: fn(&D) -> bool,
        failure_of: fn(&D::Error) -> DriverFailure,
    ) -> Self {
        Self { state: Some(SlotState::Shut(device)), greet, failure_of }
    }

    fn card(&mut self) -> Result<&mut FatCard<D>, SlotError<D>> {
        if let Some(SlotState::Shut(device)) = self.state.take_if(|state| !state.is_open()) {
            if !(self.greet)(&device) {
                self.state = Some(SlotState::Shut(device));
                return Err(CardError::Removed);
            }
            match FatCard::new(device, self.failure_of, no_calendar) {
                Ok(card) => self.state = Some(SlotState::Open(card)),
                Err((device, error)) => {
                    self.state = Some(SlotState::Shut(device));
                    return Err(error);
                }
            }
        }
        match &mut self.state {
            Some(SlotState::Open(card)) => Ok(card),
            _ => Err(CardError::Removed),
        }
    }

    /// Passes a result on. After a failure of the device, everything known about the card is
    /// dropped.
    fn checked<T>(&mut self, result: Result<T, SlotError<D>>) -> Result<T, SlotError<D>> {
        if matches!(result, Err(CardError::Removed | CardError::Device(_)))
            && let Some(SlotState::Open(card)) = self.state.take_if(|state| state.is_open())
        {
            self.state = Some(SlotState::Shut(card.into_device()));
        }
        result
    }
}

impl<D: BlockDevice> SlotState<D> {
    fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }
}

/// Returns 0 as the date of files: a device has no calendar.
fn no_calendar() -> Millis {
    0
}

impl<D: BlockDevice> Card for CardSlot<D> {
    type Error = FenceError<D::Error>;

    async fn next_file(
        &mut self,
        after: Option<&FileName>,
    ) -> Result<Option<FileName>, SlotError<D>> {
        let result = self.card()?.next_file(after).await;
        self.checked(result)
    }

    async fn len(&mut self, name: &FileName) -> Result<Option<u32>, SlotError<D>> {
        let result = self.card()?.len(name).await;
        self.checked(result)
    }

    async fn read(
        &mut self,
        name: &FileName,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, SlotError<D>> {
        let result = self.card()?.read(name, offset, out).await;
        self.checked(result)
    }

    async fn write(
        &mut self,
        name: &FileName,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), SlotError<D>> {
        let result = self.card()?.write(name, offset, bytes).await;
        self.checked(result)
    }

    async fn flush(&mut self, name: &FileName) -> Result<(), SlotError<D>> {
        let result = self.card()?.flush(name).await;
        self.checked(result)
    }

    fn sector_writes(&self) -> u64 {
        match &self.state {
            Some(SlotState::Open(card)) => card.sector_writes(),
            _ => 0,
        }
    }
}
