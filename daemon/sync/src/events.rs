//! The way to those who want to know what happens to cards and devices.

use contactbox_api::event::{CardEvent, DeviceEvent};
use std::sync::Arc;

/// Those who want to know.
pub trait EventSink: Send + Sync {
    /// Tells them what happened to a card.
    fn card(&self, event: &CardEvent);

    /// Tells them how a device is doing.
    fn device(&self, event: &DeviceEvent);
}

/// The way to them, shared by all who look after cards and devices.
pub type Events = Arc<dyn EventSink>;

/// Nobody wants to know.
impl EventSink for () {
    fn card(&self, _: &CardEvent) {}

    fn device(&self, _: &DeviceEvent) {}
}
