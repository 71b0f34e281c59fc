//! Follows the way to a folder, link by link, and finds out who can write on it.

use super::{FolderError, Use};
use crate::user;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// The most links on one way: the number that Linux follows.
const LINKS_MAX: u32 = 40;

const STICKY: u32 = 0o1000;

pub(super) fn check(folder: &Path, purpose: Use, flag: &'static str) -> Result<(), FolderError> {
    let failed = |path: &Path, error| FolderError::Io { path: path.to_path_buf(), error };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = std::path::absolute(folder).map_err(|error| failed(folder, error))?;
    let checker = WayChecker::new(purpose, flag);
    // The names still ahead, the next one last.
    let mut ahead = steps(&folder);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    loop {
        let found = match here.symlink_metadata() {
            Ok(found) => found,
            // A missing folder will be made by this program; one that cannot be examined is not
            // used.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&here, error)),
        };
        if found.is_symlink() {
            links += 1;
            if links > LINKS_MAX {
                let error = io::Error::other("too many links lead on from each other");
                return Err(failed(&folder, error));
            }
            // The owner of a link decides where it leads. The folder of the link was checked
            // already, and keeps the link from others.
            checker.owner(&here, &found)?;
            let target = here.read_link().map_err(|error| failed(&here, error))?;
            ahead.extend(steps(&target));
            if target.is_absolute() {
                here = PathBuf::from("/");
            } else {
                here.pop();
            }
        } else {
            checker.folder(&here, &found, ahead.is_empty())?;
        }
        match ahead.pop() {
            None => return Ok(()),
            Some(step) if step == ".." => {
                here.pop();
            }
            Some(step) => here.push(step),
        }
    }
}

/// Returns the names on a way, the first one last.
fn steps(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut names: Vec<_> = names.collect();
    names.reverse();
    names
}

struct WayChecker {
    own: Option<u32>,
    home: Option<PathBuf>,
    /// The user number that stands for all users outside this user namespace, root among them.
    outside: Option<u32>,
    purpose: Use,
    flag: &'static str,
}

impl WayChecker {
    fn new(purpose: Use, flag: &'static str) -> Self {
        let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
        Self { own: user::own(), home, outside: outside(), purpose, flag }
    }

    /// Checks a folder on the way, or the one at its end.
    fn folder(&self, path: &Path, found: &Metadata, is_end: bool) -> Result<(), FolderError> {
        let is_above_home =
            self.home.as_ref().is_some_and(|home| home != path && home.starts_with(path));
        // Nobody can put a file on a read-only disk.
        if (is_above_home && !is_end) || is_read_only(path) {
            return Ok(());
        }
        self.owner(path, found)?;
        let mode = found.mode() & 0o7777;
        let is_kept = mode & STICKY != 0 && !(is_end && self.purpose == Use::Box);
        let group = found.gid();
        let is_by_group =
            mode & 0o020 != 0 && (!user::is_alone_in(group, found.uid()) || has_more_rights(path));
        let is_by_all = mode & 0o002 != 0;
        if is_kept || !(is_by_all || is_by_group) {
            return Ok(());
        }
        // Such a file system shows one mode for all of its files, and it means nothing.
        if self.own == Some(found.uid()) && is_without_modes(path) {
            return Ok(());
        }
        let who = if mode & 0o002 != 0 { "everybody".into() } else { format!("group {group}") };
        Err(FolderError::Writable { path: path.to_path_buf(), who, mode, flag: self.flag })
    }

    fn owner(&self, path: &Path, found: &Metadata) -> Result<(), FolderError> {
        let owner = found.uid();
        if owner == user::ROOT || self.own == Some(owner) || self.outside == Some(owner) {
            return Ok(());
        }
        let user = user::called(owner);
        Err(FolderError::Foreign { path: path.to_path_buf(), user, flag: self.flag })
    }
}

/// Returns the number that stands for every user outside a user namespace, such as that of a
/// container or a sandbox; `None` if this process is not in one.
fn outside() -> Option<u32> {
    let map = std::fs::read_to_string("/proc/self/uid_map").ok()?;
    if map.split_whitespace().eq(["0", "0", "4294967295"]) {
        return None;
    }
    std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
}

fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path)
        .is_ok_and(|told| told.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Returns whether a folder has an access control list beside its mode. The group's part of the
/// mode is then only the upper bound of that list.
fn has_more_rights(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::fs::getxattr(path, "system.posix_acl_access", &mut [0_u8; 0][..]).is_ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

/// Returns whether a folder is on a file system without modes: FAT, exFAT, NTFS, a Windows share.
fn is_without_modes(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        const WITHOUT_MODES: [u32; 8] = [
            0x4d44,      // FAT
            0x2011_bab0, // exFAT
            0x5346_544e, // NTFS
            0x7366_746e, // NTFS, by the other driver
            0x517b,      // SMB
            0xff53_4d42, // CIFS
            0xfe53_4d42, // SMB 2
            0x0102_1997, // 9P, which is how Linux under Windows sees the disks of that
        ];
        rustix::fs::statfs(path).is_ok_and(|told| WITHOUT_MODES.contains(&(told.f_type as u32)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}
