//! The state of the cards, backups and devices that the daemon keeps by itself: a board that those
//! who look after them write, and `box.info` reads.

use contactbox_api::status::PlaceStatus;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The board. All clones are one.
#[derive(Clone, Default)]
pub struct StatusBoard(Arc<Mutex<BTreeMap<String, PlaceStatus>>>);

impl StatusBoard {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, PlaceStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how the card, backup or device at `place` is doing.
    pub fn set(&self, place: &Path, status: PlaceStatus) {
        self.lock().insert(place.display().to_string(), status);
    }

    /// Returns all of them by their paths.
    pub fn places(&self) -> BTreeMap<String, PlaceStatus> {
        self.lock().clone()
    }
}
