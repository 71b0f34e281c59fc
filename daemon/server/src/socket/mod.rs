//! The local socket, made where nobody else listens and for its owner alone; a pipe on Windows.

mod peer;
#[cfg(unix)]
mod rights;

pub use peer::{PeerPolicy, SocketPeer};

#[cfg(unix)]
use contactbox_system::files::make_private_folder;
use contactbox_system::private::FolderError;
#[cfg(unix)]
use contactbox_system::private::{Use, check_folder};
#[cfg(unix)]
use contactbox_system::socket::connect;
use contactbox_system::socket::name;
use interprocess::local_socket::{
    ListenerOptions, tokio::Listener as Inner, traits::tokio::Listener as _,
};
use std::io;
use std::path::{Path, PathBuf};

pub use interprocess::local_socket::tokio::Stream;

/// Why the daemon cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another daemon answers there.
    #[error(
        "another daemon listens on {}; stop it, or choose another socket with --socket",
        path.display()
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// The name belongs to a file that is no socket.
    #[error("{} exists and is no socket; choose another path with --socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Others can write to the folder of the socket.
    #[error("the socket's folder cannot be used: {0}")]
    Folder(#[from] FolderError),
    /// The system refused to make the socket.
    #[error("the socket {} cannot be made: {error}; choose another path with --socket", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// The place where clients connect.
pub struct Listener {
    inner: Inner,
    /// The socket to remove when the box is closed; `None` if a service manager made it.
    remains: Option<Made>,
}

/// A socket that this process made.
struct Made {
    path: PathBuf,
    #[cfg(unix)]
    file: Option<(u64, u64)>,
}

impl Listener {
    /// Listens at `path`. The caller has locked the box, so a socket at which nobody answers was
    /// left by a daemon that was killed. With `is_strict` a folder that others can write to is
    /// refused.
    pub fn bind(path: &Path, policy: &PeerPolicy, is_strict: bool) -> Result<Self, ListenError> {
        let io = |error| ListenError::Io { path: path.to_path_buf(), error };
        prepare_path(path, is_strict)?;
        let options = ListenerOptions::new().name(name(path).map_err(io)?).reclaim_name(false);
        // Nobody else may connect before the socket has its rights.
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
        let made = Made { path: path.to_path_buf(), file: set_rights(path, policy).map_err(io)? };
        #[cfg(not(unix))]
        let made = Made { path: path.to_path_buf() };
        Ok(Self { inner, remains: Some(made) })
    }

    /// Returns the socket that the service manager made for this process, if there is one.
    #[cfg(target_os = "linux")]
    pub fn activated() -> io::Result<Option<Self>> {
        use std::os::fd::{FromRawFd, OwnedFd};
        // Without the variables there is no socket, and the crate is not asked.
        if std::env::var_os("LISTEN_FDS").is_none() {
            return Ok(None);
        }
        let Some(raw) = sd_notify::listen_fds()?.next() else { return Ok(None) };
        // SAFETY: the service manager opened this descriptor for this process (LISTEN_PID was
        // compared), nothing else here uses it, and this function is called once.
        let socket = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(Some(Self { inner: Inner::UdSocket(socket.try_into()?), remains: None }))
    }

    /// Returns `None`: no service manager hands over sockets on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn activated() -> io::Result<Option<Self>> {
        Ok(None)
    }

    /// Waits for the next client.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.inner.accept().await
    }

    /// Stops listening. Dropping the result removes the socket. The caller does this after closing
    /// the box, so that a client that waits for the socket to go waits for the box.
    pub fn close(self) -> Remains {
        Remains(self.remains)
    }
}

/// The file of a socket that nobody listens at any more.
pub struct Remains(Option<Made>);

impl Drop for Remains {
    fn drop(&mut self) {
        // A new file at this path belongs to somebody else. A pipe goes by itself.
        #[cfg(unix)]
        if let Some(made) = &self.0
            && made.file.is_some()
            && made.file == file_number(&made.path)
        {
            std::fs::remove_file(&made.path).ok();
        }
        #[cfg(not(unix))]
        let _ = self.0.as_ref().map(|made| &made.path);
    }
}

/// Returns the numbers that identify the file at `path`: its disk's and its own.
#[cfg(unix)]
fn file_number(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Gives a new socket its rights and returns its number. A link put in its place meanwhile is not
/// followed.
#[cfg(unix)]
fn set_rights(path: &Path, policy: &PeerPolicy) -> io::Result<Option<(u64, u64)>> {
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
        let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
        if by_descriptor.exists() {
            rights::give(&by_descriptor, users.as_deref())?;
            return Ok(file_number(path));
        }
    }
    if !is_made(std::fs::symlink_metadata(path)?) {
        return Err(replaced());
    }
    rights::give(path, users.as_deref())?;
    Ok(file_number(path))
}

/// The longest wait for an existing listener to accept a connection.
#[cfg(unix)]
const CONNECT_TIME: std::time::Duration = std::time::Duration::from_secs(1);

#[cfg(unix)]
fn prepare_path(path: &Path, is_strict: bool) -> Result<(), ListenError> {
    use std::os::unix::fs::FileTypeExt;
    let io = |error| ListenError::Io { path: path.to_path_buf(), error };
    if let Some(folder) = path.parent() {
        let check = || match is_strict {
            true => check_folder(folder, Use::Socket, "--socket"),
            false => Ok(()),
        };
        check()?;
        make_private_folder(folder).map_err(io)?;
        // Somebody else may have made the folder first.
        check()?;
    }
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(error)),
        Ok(found) if !found.file_type().is_socket() => {
            Err(ListenError::NotASocket { path: path.to_path_buf() })
        }
        Ok(_) => match connect(path, CONNECT_TIME) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                tracing::info!(socket = %path.display(), "removing the socket of a daemon that is gone");
                std::fs::remove_file(path).map_err(io)
            }
            _ => Err(ListenError::InUse { path: path.to_path_buf() }),
        },
    }
}

#[cfg(not(unix))]
fn prepare_path(_: &Path, _: bool) -> Result<(), ListenError> {
    Ok(())
}
