//! The book and what is needed to work with it; one method of it for each request.

use super::Done;
use crate::config::Config;
use crate::image::{Access, Image, ImageError, OpenImageError};
use crate::rpc::{Call, Fault, Kind, PROTOCOL};
use serde_json::{Value, json};

/// Why the box can not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenBoxError {
    /// The file.
    #[error(transparent)]
    Image(#[from] OpenImageError),
    /// Writing the new box.
    #[error("a new box can not be written: {0}")]
    Write(ImageError),
}

/// The book, its memory, and what changed since the last sync.
pub struct Desk {
    image: Image,
    frame_bytes: usize,
    notices: Vec<Value>,
}

impl Desk {
    /// Opens the box, or makes one.
    pub fn open(config: &Config) -> Result<Self, OpenBoxError> {
        let mut image = Image::open(&config.image, config.salvage)?;
        image.publish().map_err(OpenBoxError::Write)?;
        Ok(Self { image, frame_bytes: config.limits.frame_bytes, notices: Vec::new() })
    }

    pub(super) fn execute(&mut self, call: Call, _author: &str, _is_watched: bool) -> Done {
        let result = match call {
            Call::Hello(_) => Ok(json!({
                "protocol": PROTOCOL,
                "box": format!("{:016x}", self.image.box_id()),
                "version": env!("CARGO_PKG_VERSION"),
                "limits": { "frame_bytes": self.frame_bytes },
                "pid": std::process::id(),
                "image": self.image.path(),
                "contacts": 0,
            })),
            _ => Err(Fault::new(Kind::NoSuchMethod, "not served")),
        };
        Done { result: result.map(|value| value.to_string().into_bytes()), is_change: false }
    }

    /// Whether everything said so far is on the disk.
    pub(super) fn is_written(&self) -> bool {
        !self.image.is_dirty()
    }

    /// Puts everything said so far on the disk.
    pub(super) fn sync(&mut self) -> Result<(), Fault> {
        self.image.sync().map_err(|error| Fault::new(Kind::Disk, error.to_string()))
    }

    /// What changed since the last call, for watchers.
    pub(super) fn take_notices(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.notices)
    }

    /// A step of tidying. Returns whether nothing is left to do.
    pub(super) fn tend(&mut self) -> bool {
        self.sync().ok();
        true
    }

    /// Leaves the last word on the disk.
    pub(super) fn rest(&mut self) {
        self.sync().ok();
    }

    /// Takes no more changes.
    pub(super) fn close(&mut self) {
        self.image.close();
    }

    /// Whether changes are taken.
    pub fn access(&self) -> Access {
        self.image.access()
    }
}
