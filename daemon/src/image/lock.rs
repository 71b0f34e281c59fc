//! The lock on an image: one daemon at a time.

use super::OpenImageError;
use std::fs::File;
use std::path::Path;

/// Returns whether a daemon has the image at `path` open.
pub(crate) fn is_held(path: &Path) -> bool {
    let mut options = std::fs::OpenOptions::new();
    // Opening a pipe of this name must not wait.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits() as i32,
    );
    // An image that is missing, or on a system without locks, has no holder to wait for.
    let Ok(file) = options.read(true).open(path) else { return false };
    matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}

/// Attempts to take a lock. A process that only asks with [`is_held`] holds it for a moment.
const LOCK_TRIES: u32 = 10;

pub(super) fn lock(file: &File, path: &Path) -> Result<(), OpenImageError> {
    let mut tries = 1;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(OpenImageError::Io { path: path.to_path_buf(), error });
            }
            Err(std::fs::TryLockError::WouldBlock) if tries == LOCK_TRIES => {
                return Err(OpenImageError::InUse { path: path.to_path_buf() });
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
}
