//! A card slot: the file system of whatever card is in it, looked for anew after every failure.

use contactbox_core::card::fat::{BlockDevice, DriverFailure, FatCard, FenceError};
use contactbox_core::card::{Card, CardError, FileName};
use contactbox_core::contact::Millis;

type SlotResult<D> = CardError<FenceError<<D as BlockDevice>::Error>>;

/// A slot, with or without a card in it.
pub struct CardSlot<D: BlockDevice> {
    /// `None` only while the one becomes the other.
    state: Option<SlotState<D>>,
    greet: fn(&D) -> bool,
    trouble: fn(&D::Error) -> DriverFailure,
}

#[allow(clippy::large_enum_variant, reason = "there is one of them, and no heap")]
enum SlotState<D: BlockDevice> {
    /// No card was found yet, or the last one failed.
    Shut(D),
    Open(FatCard<D>),
}

impl<D: BlockDevice> CardSlot<D> {
    /// The slot that `device` reads. `greet` starts what is in the slot as a card just put in, and
    /// says whether there is one; `trouble` tells what an error of it comes from.
    pub fn new(device: D, greet: fn(&D) -> bool, trouble: fn(&D::Error) -> DriverFailure) -> Self {
        Self { state: Some(SlotState::Shut(device)), greet, trouble }
    }

    fn card(&mut self) -> Result<&mut FatCard<D>, SlotResult<D>> {
        if let Some(SlotState::Shut(device)) = self.state.take_if(|state| !state.is_open()) {
            if !(self.greet)(&device) {
                self.state = Some(SlotState::Shut(device));
                return Err(CardError::Removed);
            }
            match FatCard::new(device, self.trouble, nobody_knows) {
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

    /// After a failure of the device nothing that is known of the card counts.
    fn mind<T>(&mut self, result: Result<T, SlotResult<D>>) -> Result<T, SlotResult<D>> {
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

/// A device has no calendar.
fn nobody_knows() -> Millis {
    0
}

impl<D: BlockDevice> Card for CardSlot<D> {
    type Error = FenceError<D::Error>;

    async fn next_file(
        &mut self,
        after: Option<&FileName>,
    ) -> Result<Option<FileName>, SlotResult<D>> {
        let result = self.card()?.next_file(after).await;
        self.mind(result)
    }

    async fn len(&mut self, name: &FileName) -> Result<Option<u32>, SlotResult<D>> {
        let result = self.card()?.len(name).await;
        self.mind(result)
    }

    async fn read(
        &mut self,
        name: &FileName,
        offset: u32,
        out: &mut [u8],
    ) -> Result<usize, SlotResult<D>> {
        let result = self.card()?.read(name, offset, out).await;
        self.mind(result)
    }

    async fn write(
        &mut self,
        name: &FileName,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), SlotResult<D>> {
        let result = self.card()?.write(name, offset, bytes).await;
        self.mind(result)
    }

    async fn flush(&mut self, name: &FileName) -> Result<(), SlotResult<D>> {
        let result = self.card()?.flush(name).await;
        self.mind(result)
    }

    fn sector_writes(&self) -> u64 {
        match &self.state {
            Some(SlotState::Open(card)) => card.sector_writes(),
            _ => 0,
        }
    }
}
