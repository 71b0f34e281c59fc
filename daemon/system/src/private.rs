//! Keeps other users out of the box's folders: checks a folder before use, opens files without
//! links.
//!
//! A user who can write to a folder, or to one above it, can put a link or another file in the
//! place of a file of the box. The rule is that of `ssh` for the folders of its keys: from the
//! user's home downwards each folder must belong to the user or to root, and be writable by nobody
//! else. The folders above a home are the system's concern.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The purpose of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It holds files of the box, so nobody else may make any there.
    Box,
    /// It holds a socket, which is made anew each time. A folder with the sticky bit, such as the
    /// system's for temporary files, will do, since nobody can remove the files of others there.
    Socket,
}

/// Why a folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It belongs to somebody else.
    #[error(
        "{} belongs to {user}, who could put other files in the place of the box's: run this as {user}, make it your own with `chown`, or choose another folder with {flag}{ANYWAY}",
        path.display()
    )]
    Foreign {
        /// The folder, one above it, or a link on the way.
        path: PathBuf,
        /// The owner.
        user: String,
        /// The flag that names another folder.
        flag: &'static str,
    },
    /// Others can write to it.
    #[error(
        "{} can be written by {who} (mode {mode:o}), who could put other files in the place of the box's: {}choose a folder of your own with {flag}{ANYWAY}",
        path.display(),
        cure(path, *mode)
    )]
    Writable {
        /// The folder, or one above it.
        path: PathBuf,
        /// The users who can.
        who: String,
        /// Its mode.
        mode: u32,
        /// The flag that names another folder.
        flag: &'static str,
    },
    /// It cannot be examined.
    #[error("{} cannot be examined: {error}", path.display())]
    Io {
        /// The path that failed.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

const ANYWAY: &str = ". If the file system only makes up owners and modes, --strict-folders false uses the folder all the same";

/// Returns the cure to offer beside another folder. A folder with the sticky bit is meant for
/// everybody, and keeps its mode.
fn cure(path: &Path, mode: u32) -> String {
    match mode & 0o1000 {
        0 => format!("forbid that with `chmod go-w {}`, or ", path.display()),
        _ => String::new(),
    }
}

/// Checks that nobody else can write to a folder, or to one on the way to it. A folder that does
/// not exist is checked as far as its path exists; the rest is made for its owner alone.
#[cfg(unix)]
pub fn check_folder(folder: &Path, purpose: Use, flag: &'static str) -> Result<(), FolderError> {
    walk::check(folder, purpose, flag)
}

/// Accepts every folder. This system keeps rights in lists of its own, which keep a user's folder
/// to that user.
#[cfg(not(unix))]
pub fn check_folder(_: &Path, _: Use, _: &'static str) -> Result<(), FolderError> {
    Ok(())
}

/// Opens or makes a file of this user in a folder that was checked. Links are not followed. A file
/// that is not a plain one, or has another owner, was put there by somebody else and is refused.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // Opening a pipe of that name would wait for its other end.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.mode(0o600).custom_flags(flags.bits() as i32);
    }
    let is_odd = |found: &std::fs::Metadata| !found.is_file();
    let odd = || io::Error::other("it is a link or no plain file, and is not used here; remove it");
    let file = options.open(path).map_err(|error| {
        if std::fs::symlink_metadata(path).is_ok_and(|found| is_odd(&found)) {
            odd()
        } else {
            error
        }
    })?;
    let found = file.metadata()?;
    if is_odd(&found) {
        return Err(odd());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let own = crate::user::own();
        if found.uid() != crate::user::ROOT && own != Some(found.uid()) {
            let user = crate::user::called(found.uid());
            return Err(io::Error::other(format!("it belongs to {user}; remove it")));
        }
        // An older file may be open to others, who could lock it.
        if found.mode() & 0o077 != 0 && own == Some(found.uid()) {
            file.set_permissions(PermissionsExt::from_mode(0o600)).ok();
        }
    }
    Ok(file)
}

/// Returns whether a file has a second name, under which it may belong to another purpose.
pub fn has_other_names(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 1);
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(false)
    }
}

#[cfg(unix)]
mod walk;

#[cfg(all(test, unix))]
mod tests;
