//! The root: one short code for all that a box holds.

use super::{Book, GetError, Memory};
use crate::contact::{self, Contact};
use embedded_storage_async::nor_flash::NorFlash;

/// The sum of the digests of all states in a box, tombstones and trash included: two boxes hold the
/// same exactly when their roots are equal. It does not depend on order, or on where things lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Root(pub [u8; 16]);

impl Root {
    /// The root with one state more.
    #[must_use]
    pub fn with(self, digest: [u8; 16]) -> Self {
        let sum = u128::from_le_bytes(self.0).wrapping_add(u128::from_le_bytes(digest));
        Self(sum.to_le_bytes())
    }

    /// The root with one state less.
    #[must_use]
    pub fn without(self, digest: [u8; 16]) -> Self {
        let sum = u128::from_le_bytes(self.0).wrapping_sub(u128::from_le_bytes(digest));
        Self(sum.to_le_bytes())
    }
}

impl core::fmt::Display for Root {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<F: NorFlash, M: Memory> Book<F, M> {
    /// The root, if it was computed since the box was opened; kept up to date with
    /// each change since.
    pub fn root_known(&self) -> Option<Root> {
        self.root
    }

    /// Believes `root`: that of a box whose flash this is a copy of, or that a copy of this one has
    /// computed.
    pub fn assume_root(&mut self, root: Root) {
        self.root = Some(root);
    }

    /// The root. Reads every contact when it is not known yet.
    pub async fn root(&mut self) -> Result<Root, GetError<F::Error>> {
        if let Some(root) = self.root {
            return Ok(root);
        }
        let mut root = Root::default();
        for slot in 0..self.slots() {
            if let Some(digest) = self.digest_at(slot).await? {
                root = root.with(digest);
            }
        }
        self.root = Some(root);
        Ok(root)
    }

    async fn digest_at(&mut self, slot: u32) -> Result<Option<[u8; 16]>, GetError<F::Error>> {
        if !self.is_state(slot) {
            return Ok(None);
        }
        let Self { journal, ledger, old, config, .. } = self;
        let contact = super::read(journal, ledger, slot, super::Slab::cells_mut(old)).await?;
        Ok(Some(contact::state_digest(&contact, |index| ledger.boxes.id(config.id, index))))
    }

    /// The digest of a contact's state: the same on every box that holds the same of it.
    pub fn state_digest(&self, contact: &Contact<'_>) -> [u8; 16] {
        contact::state_digest(contact, |index| self.ledger.boxes.id(self.config.id, index))
    }
}
