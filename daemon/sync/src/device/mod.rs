//! Devices on a cable: a serial port, or the socket of an emulator.
//!
//! - `port`: the only file that names `serial2`; a cable as bytes
//! - `meeting`: bringing both to hold the same, and asking a device how it is doing
//! - `watch`: keeping a device in step while it is plugged in

mod error;
mod meeting;
mod port;
mod watch;

pub use error::DeviceError;
pub use meeting::Devices;
pub use port::{Port, ports};
pub use watch::Watches;
