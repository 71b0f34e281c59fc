//! Brings the box together with what it meets: cards, backup folders, devices on a cable.

pub mod card;
pub mod device;
pub mod events;
pub mod status;
