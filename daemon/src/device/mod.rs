//! Devices on a cable: a serial port, or the socket of an emulator.
//!
//! - `port`: the only file that names `serial2`; a cable as bytes
//! - `here`: this daemon's box as one of the two that meet
//! - `meeting`: bringing both to hold the same, and asking a device how it is doing
//! - `watch`: keeping a device in step while it is plugged in

mod error;
mod here;
mod meeting;
mod port;
mod watch;

pub use error::DeviceError;
pub use here::{Talk, Talker};
pub use meeting::Devices;
pub use port::{Port, ports};
pub use watch::Watches;
