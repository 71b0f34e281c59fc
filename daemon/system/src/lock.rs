//! The lock on an image: one daemon at a time.

use std::fs::{File, TryLockError};
use std::path::Path;

/// Returns whether a daemon has the image at `path` open.
pub fn is_held(path: &Path) -> bool {
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

/// Takes the lock on an open image.
///
/// # Errors
///
/// [`TryLockError::WouldBlock`] if a daemon has it.
pub fn lock(file: &File) -> Result<(), TryLockError> {
    let mut tries = 1;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            done => return done,
        }
    }
}
