//! A card slot: the file system of whatever card is in it, looked for anew after every failure.

use contactbox_core::card::fat::{BlockDevice, FatCard, FenceError, Trouble};
use contactbox_core::card::{Card, CardError, Name};
use contactbox_core::contact::Millis;

type Told<D> = CardError<FenceError<<D as BlockDevice>::Error>>;

/// A slot, with or without a card in it.
pub struct CardSlot<D: BlockDevice> {
    /// `None` only while the one becomes the other.
    state: Option<State<D>>,
    greet: fn(&D) -> bool,
    trouble: fn(&D::Error) -> Trouble,
}

#[allow(clippy::large_enum_variant, reason = "there is one of them, and no heap")]
enum State<D: BlockDevice> {
    /// No card was found yet, or the last one failed.
    Shut(D),
    Open(FatCard<D>),
}

impl<D: BlockDevice> CardSlot<D> {
    /// The slot that `device` reads. `greet` starts what is in the slot as a card just put in, and
    /// says whether there is one; `trouble` tells what an error of it comes from.
    pub fn new(device: D, greet: fn(&D) -> bool, trouble: fn(&D::Error) -> Trouble) -> Self {
        Self { state: Some(State::Shut(device)), greet, trouble }
    }

    fn card(&mut self) -> Result<&mut FatCard<D>, Told<D>> {
        if let Some(State::Shut(device)) = self.state.take_if(|state| !state.is_open()) {
            if !(self.greet)(&device) {
                self.state = Some(State::Shut(device));
                return Err(CardError::Removed);
            }
            match FatCard::new(device, self.trouble, nobody_knows) {
                Ok(card) => self.state = Some(State::Open(card)),
                Err((device, error)) => {
                    self.state = Some(State::Shut(device));
                    return Err(error);
                }
            }
        }
        match &mut self.state {
            Some(State::Open(card)) => Ok(card),
            _ => Err(CardError::Removed),
        }
    }

    /// After a failure of the device nothing that is known of the card counts.
    fn mind<T>(&mut self, result: Result<T, Told<D>>) -> Result<T, Told<D>> {
        if matches!(result, Err(CardError::Removed | CardError::Device(_)))
            && let Some(State::Open(card)) = self.state.take_if(|state| state.is_open())
        {
            self.state = Some(State::Shut(card.into_device()));
        }
        result
    }
}

impl<D: BlockDevice> State<D> {
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

    async fn next_file(&mut self, after: Option<&Name>) -> Result<Option<Name>, Told<D>> {
        let result = self.card()?.next_file(after).await;
        self.mind(result)
    }

    async fn len(&mut self, name: &Name) -> Result<Option<u32>, Told<D>> {
        let result = self.card()?.len(name).await;
        self.mind(result)
    }

    async fn read(&mut self, name: &Name, offset: u32, out: &mut [u8]) -> Result<usize, Told<D>> {
        let result = self.card()?.read(name, offset, out).await;
        self.mind(result)
    }

    async fn write(&mut self, name: &Name, offset: u32, bytes: &[u8]) -> Result<(), Told<D>> {
        let result = self.card()?.write(name, offset, bytes).await;
        self.mind(result)
    }

    async fn flush(&mut self, name: &Name) -> Result<(), Told<D>> {
        let result = self.card()?.flush(name).await;
        self.mind(result)
    }

    fn sector_writes(&self) -> u64 {
        match &self.state {
            Some(State::Open(card)) => card.sector_writes(),
            _ => 0,
        }
    }
}
