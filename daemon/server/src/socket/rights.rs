//! The rights on a socket's file, by which the system keeps strangers out where it can.
//!
//! A list of users on the file means that strangers never reach the daemon.

use std::io;
use std::path::Path;

const OWN: u32 = 0o600;
const ALL: u32 = 0o666;

/// Gives a new socket its rights. With `users` empty, only its owner can connect. Listed users are
/// named one by one where the file system has access control lists. Otherwise, or if a user is
/// unknown (`None`), everybody can connect, and the daemon checks each of them.
pub(super) fn give(path: &Path, users: Option<&[u32]>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let set = |mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    match users {
        Some([]) => set(OWN),
        Some(users) => set(OWN).and_then(|()| if list(path, users) { Ok(()) } else { set(ALL) }),
        None => set(ALL),
    }
}

/// Writes the access control list, `acl(5)`, in the system's binary form.
#[cfg(target_os = "linux")]
fn list(path: &Path, users: &[u32]) -> bool {
    const VERSION: u32 = 2;
    const NOBODY_NAMED: u32 = u32::MAX;
    const READ_WRITE: u16 = 6;
    let (owner, user, group, mask, other) = (0x01_u16, 0x02_u16, 0x04_u16, 0x10_u16, 0x20_u16);
    let mut bytes = VERSION.to_le_bytes().to_vec();
    let mut entry = |tag: u16, rights: u16, id: u32| {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    };
    entry(owner, READ_WRITE, NOBODY_NAMED);
    // The caller gives them in the ascending order that the system asks for.
    for &id in users {
        entry(user, READ_WRITE, id);
    }
    entry(group, 0, NOBODY_NAMED);
    entry(mask, READ_WRITE, NOBODY_NAMED);
    entry(other, 0, NOBODY_NAMED);
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(path, "system.posix_acl_access", &bytes, flags).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn list(_: &Path, _: &[u32]) -> bool {
    false
}
