//! The local socket: made where nobody else listens, for its owner alone; a pipe on Windows.

mod peer;
mod reach;
#[cfg(unix)]
mod rights;

pub use peer::{PeerPolicy, SocketPeer};
pub use reach::{Distrust, Trust, connect};

#[cfg(unix)]
use crate::image::make_private_folder;
use crate::private::FolderError;
#[cfg(unix)]
use crate::private::{Use, check_folder};
use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, Name, ToFsName, tokio::Listener as Inner,
    traits::tokio::Listener as _,
};
use std::io;
use std::path::{Path, PathBuf};

pub use interprocess::local_socket::tokio::Stream;

/// Why nobody can be listened to.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another daemon answers there.
    #[error(
        "another daemon listens on {}; stop it, or say another socket with --socket",
        path.display()
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket has the name.
    #[error("{} is there and is no socket; say another with --socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Others can write the folder it would be in.
    #[error("the socket's folder can not be used: {0}")]
    Folder(#[from] FolderError),
    /// The system refuses.
    #[error("the socket {} can not be made: {error}; say another with --socket", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Where clients come in.
pub struct Listener {
    inner: Inner,
    /// What is to be removed when the box is closed; nothing when the socket was handed to us.
    remains: Option<Made>,
}

/// A socket that we made.
struct Made {
    path: PathBuf,
    #[cfg(unix)]
    file: Option<(u64, u64)>,
}

impl Listener {
    /// Listens at `path`. The caller has the box locked, so that a socket nobody answers
    /// at is what a daemon that was killed left behind. With `is_strict` a folder that
    /// others can write is refused.
    pub fn bind(path: &Path, policy: &PeerPolicy, is_strict: bool) -> Result<Self, ListenError> {
        let io = |error| ListenError::Io { path: path.to_path_buf(), error };
        make_way(path, is_strict)?;
        let options = ListenerOptions::new().name(name(path).map_err(io)?).reclaim_name(false);
        // Nobody else knocks before it has its rights.
        #[cfg(target_os = "linux")]
        let options =
            interprocess::os::unix::local_socket::ListenerOptionsExt::mode(options, 0o600);
        #[cfg(not(unix))]
        let _ = policy;
        let inner = options.create_tokio().map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied if cfg!(windows) => {
                ListenError::InUse { path: path.to_path_buf() }
            }
            _ => io(error),
        })?;
        #[cfg(unix)]
        let made = Made { path: path.to_path_buf(), file: open_to(path, policy).map_err(io)? };
        #[cfg(not(unix))]
        let made = Made { path: path.to_path_buf() };
        Ok(Self { inner, remains: Some(made) })
    }

    /// The socket the service manager has made for us, if it has.
    #[cfg(target_os = "linux")]
    pub fn activated() -> io::Result<Option<Self>> {
        use std::os::fd::{FromRawFd, OwnedFd};
        // Without the variables there is no socket; the crate is asked only when they are set.
        if std::env::var_os("LISTEN_FDS").is_none() {
            return Ok(None);
        }
        let Some(raw) = sd_notify::listen_fds()?.next() else { return Ok(None) };
        // SAFETY: the service manager opened this descriptor for this process (LISTEN_PID was
        // compared), nothing else here uses it, and this function is called once.
        let socket = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(Some(Self { inner: Inner::UdSocket(socket.try_into()?), remains: None }))
    }

    /// The socket the service manager has made for us: there is none on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn activated() -> io::Result<Option<Self>> {
        Ok(None)
    }

    /// The next client.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.inner.accept().await
    }

    /// Stops listening; what it gives is to be dropped once the box is closed, and removes the
    /// socket: then a client that waits for the socket to go waits for the box to be closed.
    pub fn close(self) -> Remains {
        Remains(self.remains)
    }
}

/// The file of a socket that nobody listens on any more.
pub struct Remains(Option<Made>);

impl Drop for Remains {
    fn drop(&mut self) {
        // What has taken its place meanwhile is somebody else's. A pipe goes by itself.
        #[cfg(unix)]
        if let Some(made) = &self.0
            && made.file.is_some()
            && made.file == number(&made.path)
        {
            std::fs::remove_file(&made.path).ok();
        }
        #[cfg(not(unix))]
        let _ = self.0.as_ref().map(|made| &made.path);
    }
}

/// Which file has a name, by the numbers of its disk and its own.
#[cfg(unix)]
fn number(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Gives the socket just made its rights, and tells its number. A link that has been put in its
/// place meanwhile is not followed.
#[cfg(unix)]
fn open_to(path: &Path, policy: &PeerPolicy) -> io::Result<Option<(u64, u64)>> {
    use std::os::unix::fs::FileTypeExt;
    let users = policy.listed();
    let is_made = |found: std::fs::Metadata| found.file_type().is_socket();
    let replaced = || io::Error::other("something else has taken its place meanwhile");
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Mode, OFlags};
        use std::os::fd::AsRawFd;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = std::fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
        if !is_made(held.metadata()?) {
            return Err(replaced());
        }
        let by_number = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
        if by_number.exists() {
            rights::give(&by_number, users.as_deref())?;
            return Ok(number(path));
        }
    }
    if !is_made(std::fs::symlink_metadata(path)?) {
        return Err(replaced());
    }
    rights::give(path, users.as_deref())?;
    Ok(number(path))
}

/// A path as the name of a local socket.
pub fn name(path: &Path) -> io::Result<Name<'_>> {
    path.to_fs_name::<GenericFilePath>()
}

/// How long who listens there already may take to take us in.
#[cfg(unix)]
const KNOCK_TIME: std::time::Duration = std::time::Duration::from_secs(1);

#[cfg(unix)]
fn make_way(path: &Path, is_strict: bool) -> Result<(), ListenError> {
    use std::os::unix::fs::FileTypeExt;
    let io = |error| ListenError::Io { path: path.to_path_buf(), error };
    if let Some(folder) = path.parent() {
        let look = || match is_strict {
            true => check_folder(folder, Use::Socket, "--socket"),
            false => Ok(()),
        };
        look()?;
        make_private_folder(folder).map_err(io)?;
        // Somebody else may have made it first.
        look()?;
    }
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(error)),
        Ok(found) if !found.file_type().is_socket() => {
            Err(ListenError::NotASocket { path: path.to_path_buf() })
        }
        Ok(_) => match connect(path, KNOCK_TIME) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                tracing::info!(socket = %path.display(), "removing the socket of a daemon that is gone");
                std::fs::remove_file(path).map_err(io)
            }
            _ => Err(ListenError::InUse { path: path.to_path_buf() }),
        },
    }
}

#[cfg(not(unix))]
fn make_way(_: &Path, _: bool) -> Result<(), ListenError> {
    Ok(())
}
