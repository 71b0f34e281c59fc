//! The way to all clients that watch: what one of them is told is a line for each.

use crate::answer::origin;
use contactbox_api::envelope::notification;
use contactbox_api::event::{CardEvent, ChangeEvent, DeviceEvent, Notification};
use contactbox_engine::{ChangeListener, ContactChange};
use contactbox_sync::events::EventSink;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Events a client that watches may fall behind by.
const EVENTS: usize = 1024;

/// The way to all clients that watch. All clones are one.
#[derive(Clone)]
pub struct Events(broadcast::Sender<Arc<[u8]>>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(EVENTS).0)
    }
}

impl Events {
    fn announce(&self, event: &impl Notification) {
        // Texts and numbers become JSON without an error, and nobody listening is no error.
        if let Ok(line) = notification(event) {
            self.0.send(line.into()).ok();
        }
    }

    /// Returns the lines of events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[u8]>> {
        self.0.subscribe()
    }
}

impl EventSink for Events {
    fn card(&self, event: &CardEvent) {
        self.announce(event);
    }

    fn device(&self, event: &DeviceEvent) {
        self.announce(event);
    }
}

impl ChangeListener for Events {
    fn is_listening(&self) -> bool {
        self.0.receiver_count() > 0
    }

    fn changed(&self, change: &ContactChange) {
        self.announce(&ChangeEvent {
            uid: change.uid.to_string(),
            version: change.version,
            origin: origin(change.origin),
            author: change.author.clone(),
            name: change.name.clone(),
        });
    }
}
