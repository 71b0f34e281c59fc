//! Writes entries into a file, sector by sector.

use super::layout::{EntryHead, Salt, WORD_BYTES};
use super::medium::{Card, CardError, FileName, SECTOR_BYTES};
use crate::store::seal::Seal;

/// A place between two entries of a file. Reading and writing begin at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The offset of the next entry.
    pub(super) at: u32,
    /// The number of the next entry.
    pub(super) number: u32,
    /// The checksum of the entry before.
    pub(super) link: u32,
}

/// Writes entries to a file. A sector is written once, when it is full.
pub(super) struct SnapshotWriter<'c, C: Card> {
    card: &'c mut C,
    name: FileName,
    salt: Salt,
    /// True for appended entries, which are linked to the one before.
    is_linked: bool,
    position: Position,
    sector: [u8; SECTOR_BYTES],
    /// The seal of the entry that is being written.
    seal: Seal,
    /// The checksum of all sectors written.
    sum: Seal,
}

impl<'c, C: Card> SnapshotWriter<'c, C> {
    /// Begins a snapshot at a whole sector.
    pub(super) fn new(card: &'c mut C, name: FileName, salt: Salt, at: u32) -> Self {
        let from = Position { at, number: 0, link: 0 };
        Self { is_linked: false, ..Self::behind(card, name, salt, from) }
    }

    /// Begins at the whole sector behind a snapshot or the entries appended to it.
    pub(super) fn behind(card: &'c mut C, name: FileName, salt: Salt, from: Position) -> Self {
        Self {
            card,
            name,
            salt,
            is_linked: true,
            position: from,
            sector: [0; SECTOR_BYTES],
            seal: Seal::new(),
            sum: Seal::new(),
        }
    }

    /// Returns the card, for reading back what was written.
    pub(super) fn card(&mut self) -> &mut C {
        self.card
    }

    /// Returns the name and salt of the file, for reading back what was written.
    pub(super) fn file(&self) -> (FileName, Salt) {
        (self.name, self.salt)
    }

    /// Returns the offset of the next byte.
    pub(super) fn at(&self) -> u32 {
        self.position.at
    }

    /// Returns the number of entries in the file, those written before included.
    pub(super) fn number(&self) -> u32 {
        self.position.number
    }

    /// Writes a whole entry.
    pub(super) async fn entry(
        &mut self,
        kind: u8,
        payload: &[u8],
    ) -> Result<(), CardError<C::Error>> {
        self.begin(kind, u32::try_from(payload.len()).map_err(|_| CardError::Full)?).await?;
        self.more(payload).await?;
        self.end().await
    }

    /// Begins an entry whose payload of `len` bytes follows in pieces.
    pub(super) async fn begin(&mut self, kind: u8, len: u32) -> Result<(), CardError<C::Error>> {
        let Position { at, number, link } = self.position;
        let seal = self.salt.seal(at, if self.is_linked { link } else { 0 });
        let head = EntryHead { kind, len, number }.encode(&seal);
        self.seal = seal.over(&head);
        self.raw(&head).await
    }

    /// Writes the next piece of the payload.
    pub(super) async fn more(&mut self, piece: &[u8]) -> Result<(), CardError<C::Error>> {
        self.seal = core::mem::take(&mut self.seal).over(piece);
        self.raw(piece).await
    }

    /// Ends the entry.
    pub(super) async fn end(&mut self) -> Result<(), CardError<C::Error>> {
        let checksum = core::mem::take(&mut self.seal).value();
        self.raw(&checksum.to_le_bytes()).await?;
        let gap = self.position.at.next_multiple_of(WORD_BYTES) - self.position.at;
        self.raw(&[0; WORD_BYTES as usize][..gap as usize]).await?;
        self.position.number += 1;
        self.position.link = checksum;
        Ok(())
    }

    /// Fills the sector with zeros up to its end. The next entry begins at the next sector.
    pub(super) async fn pad(&mut self) -> Result<(), CardError<C::Error>> {
        let used = self.position.at as usize % SECTOR_BYTES;
        if used > 0 {
            self.raw(&[0; SECTOR_BYTES][used..]).await?;
        }
        Ok(())
    }

    /// Fills the last sector and flushes the file.
    ///
    /// Returns the place of the next entry, and the checksum of all sectors written.
    pub(super) async fn finish(mut self) -> Result<(Position, u32), CardError<C::Error>> {
        self.pad().await?;
        self.card.flush(&self.name).await?;
        Ok((self.position, self.sum.value()))
    }

    async fn raw(&mut self, bytes: &[u8]) -> Result<(), CardError<C::Error>> {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let used = self.position.at as usize % SECTOR_BYTES;
            let (now, later) = bytes.split_at(bytes.len().min(SECTOR_BYTES - used));
            self.sector[used..used + now.len()].copy_from_slice(now);
            // Offsets end at 4 GiB, as files on FAT do.
            let end = self.position.at.checked_add(now.len() as u32).ok_or(CardError::Full)?;
            if (end as usize).is_multiple_of(SECTOR_BYTES) {
                self.card.write(&self.name, end - SECTOR_BYTES as u32, &self.sector).await?;
                self.sum = core::mem::take(&mut self.sum).over(&self.sector);
            }
            self.position.at = end;
            bytes = later;
        }
        Ok(())
    }
}

/// Returns the checksum of a stretch of whole sectors, read from the card; `None` when some are
/// missing.
pub(super) async fn sum_of<C: Card>(
    card: &mut C,
    name: &FileName,
    from: u32,
    to: u32,
) -> Result<Option<u32>, CardError<C::Error>> {
    let mut sector = [0; SECTOR_BYTES];
    let mut sum = Seal::new();
    let mut at = from;
    while at < to {
        if card.read(name, at, &mut sector).await? < SECTOR_BYTES {
            return Ok(None);
        }
        sum = sum.over(&sector);
        at += SECTOR_BYTES as u32;
    }
    Ok(Some(sum.value()))
}
