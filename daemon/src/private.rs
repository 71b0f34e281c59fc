//! Folders that nobody else may write, looked at before they are used; files in them, opened
//! without following a link.
//!
//! Whoever can write a folder, or one above it, can put a link or a file of their own in the
//! place of the box's. As with the folders that `ssh` reads its keys from, each must belong to
//! oneself or to root, and be writable by nobody else, from one's home downwards; what lies
//! above a home is the system's.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What a folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Files of the box: nobody else may make any there.
    Box,
    /// A socket, which is made anew each time: a folder in which nobody can take away what is
    /// another's (the sticky bit, as in the system's folder for temporary files) will do.
    Socket,
}

/// Why a folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is somebody else's.
    #[error(
        "{} belongs to {user}, who could put other files in the place of the box's: run this as {user}, make it your own with `chown`, or say another folder with {flag}{ANYWAY}",
        path.display()
    )]
    Foreign {
        /// The folder, one above it, or a link on the way.
        path: PathBuf,
        /// Whose it is.
        user: String,
        /// What names another.
        flag: &'static str,
    },
    /// Others can write it.
    #[error(
        "{} can be written by {who} (mode {mode:o}), who could put other files in the place of the box's: {}say a folder of your own with {flag}{ANYWAY}",
        path.display(),
        cure(path, *mode)
    )]
    Writable {
        /// The folder, or one above it.
        path: PathBuf,
        /// Who can.
        who: String,
        /// Its mode.
        mode: u32,
        /// What names another.
        flag: &'static str,
    },
    /// It can not be looked at.
    #[error("{} can not be looked at: {error}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

const ANYWAY: &str = ". Where the file system only makes up owners and modes, --strict-folders false uses it all the same";

/// What helps beside another folder. One with the sticky bit is meant for everybody.
fn cure(path: &Path, mode: u32) -> String {
    match mode & 0o1000 {
        0 => format!("take that away with `chmod go-w {}`, or ", path.display()),
        _ => String::new(),
    }
}

/// Looks whether somebody else can write a folder, or one on the way to it. One that is not there
/// is looked at as far as it is; what is made then is made for its owner alone.
#[cfg(unix)]
pub fn check_folder(folder: &Path, purpose: Use, flag: &'static str) -> Result<(), FolderError> {
    walk::check(folder, purpose, flag)
}

/// Looks whether somebody else can write a folder: here the system keeps that in lists of its own,
/// which keep a user's folder to its user.
#[cfg(not(unix))]
pub fn check_folder(_: &Path, _: Use, _: &'static str) -> Result<(), FolderError> {
    Ok(())
}

/// Opens or makes a file of one's own in a folder that was looked at. A link is not followed, and
/// what is no plain file, or has another owner, is not used: it has been put there.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe under that name would wait for its other end.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.mode(0o600).custom_flags(flags.bits() as i32);
    }
    let is_odd = |found: &std::fs::Metadata| !found.is_file();
    let odd =
        || io::Error::other("it is a link or no plain file, and none is used here; remove it");
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
        // An older one may be open to others, who could lock it.
        if found.mode() & 0o077 != 0 && own == Some(found.uid()) {
            file.set_permissions(PermissionsExt::from_mode(0o600)).ok();
        }
    }
    Ok(file)
}

/// Whether a file has another name as well, under which it may be somebody's own.
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
