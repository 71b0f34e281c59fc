//! The engines compared, each behind [`Engine`](super::engine::Engine).

mod ekv;
mod map;
mod queue;

pub use self::ekv::Ekv;
pub use map::{Map, UncachedMap};
pub use queue::Queue;

/// Returns the version of a crate from the lock file that this program was built with.
pub fn version_of(name: &str) -> &'static str {
    let lock = include_str!("../../../../Cargo.lock");
    let entry = format!("name = \"{name}\"\nversion = \"");
    lock.split_once(&entry)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("of unknown version", |(version, _)| version)
}
