//! The state of the cards, backups and devices that the daemon keeps by itself: a board that those
//! who look after them write, and `box.info` reads.

use contactbox_api::status::PlaceStatus;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The board. All clones are one.
#[derive(Clone, Default)]
pub struct StatusBoard(Arc<Mutex<Vec<(String, PlaceStatus)>>>);

impl StatusBoard {
    fn lock(&self) -> MutexGuard<'_, Vec<(String, PlaceStatus)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how the card, backup or device at `place` is doing.
    pub fn set(&self, place: &Path, status: PlaceStatus) {
        let place = place.display().to_string();
        let mut all = self.lock();
        match all.iter_mut().find(|(known, _)| *known == place) {
            Some((_, old)) => *old = status,
            None => all.push((place, status)),
        }
    }

    /// Returns all of them by their paths, in the order in which they came.
    pub fn places(&self) -> Vec<(String, PlaceStatus)> {
        self.lock().clone()
    }

    /// The same in JSON.
    pub fn to_json(&self) -> Value {
        let rows = self.places().into_iter();
        // Numbers and texts become JSON without an error.
        let rows =
            rows.map(|(place, status)| (place, serde_json::to_value(status).unwrap_or_default()));
        Value::Object(rows.collect::<Map<String, Value>>())
    }
}
