//! The way to all clients that watch: what one of them is told is a line for each.

use crate::keeper::{ChangeListener, ContactChange};
use crate::rpc;
use serde::Serialize;
use serde_json::json;
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
    /// Tells all who watch.
    pub fn announce(&self, method: &str, params: &impl Serialize) {
        // Nobody listening is no error.
        self.0.send(rpc::notification(method, params).into()).ok();
    }

    /// Returns the lines of events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[u8]>> {
        self.0.subscribe()
    }
}

impl ChangeListener for Events {
    fn is_listening(&self) -> bool {
        self.0.receiver_count() > 0
    }

    fn changed(&self, change: &ContactChange) {
        let ContactChange { uid, version, origin, author, name } = change;
        let params = json!({
            "uid": uid.to_string(),
            "version": version,
            "origin": origin,
            "author": author,
            "name": name,
        });
        self.announce("watch.change", &params);
    }
}
