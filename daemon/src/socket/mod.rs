//! The local socket: made where nobody else listens, for its owner alone; a pipe on Windows.

mod peer;

pub use peer::{Peer, PeerPolicy};

#[cfg(unix)]
use crate::image::make_private_folder;
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
    path: Option<PathBuf>,
}

impl Listener {
    /// Listens at `path`. The caller has the box locked, so that a socket nobody answers at is what a
    /// daemon that was killed left behind.
    pub fn bind(path: &Path, policy: &PeerPolicy) -> Result<Self, ListenError> {
        let io = |error| ListenError::Io { path: path.to_path_buf(), error };
        make_way(path)?;
        let name = name(path).map_err(io)?;
        let inner = ListenerOptions::new().name(name).reclaim_name(false).create_tokio().map_err(
            |error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied if cfg!(windows) => {
                    ListenError::InUse { path: path.to_path_buf() }
                }
                _ => io(error),
            },
        )?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Who is let in is the policy's to say; the mode keeps the others from knocking.
            let mode = if policy.is_owner_only() { 0o600 } else { 0o666 };
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(io)?;
        }
        #[cfg(not(unix))]
        let _ = policy;
        Ok(Self { inner, path: cfg!(unix).then(|| path.to_path_buf()) })
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
        // SAFETY: the service manager opened this descriptor for this process (LISTEN_PID was compared),
        // nothing else here uses it, and this function is called once.
        let socket = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(Some(Self { inner: Inner::UdSocket(socket.try_into()?), path: None }))
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
        Remains(self.path)
    }
}

/// The file of a socket that nobody listens on any more.
pub struct Remains(Option<PathBuf>);

impl Drop for Remains {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            std::fs::remove_file(path).ok();
        }
    }
}

/// A path as the name of a local socket.
pub fn name(path: &Path) -> io::Result<Name<'_>> {
    path.to_fs_name::<GenericFilePath>()
}

#[cfg(unix)]
fn make_way(path: &Path) -> Result<(), ListenError> {
    use std::os::unix::fs::FileTypeExt;
    let io = |error| ListenError::Io { path: path.to_path_buf(), error };
    if let Some(folder) = path.parent() {
        make_private_folder(folder).map_err(io)?;
    }
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(error)),
        Ok(found) if !found.file_type().is_socket() => {
            Err(ListenError::NotASocket { path: path.to_path_buf() })
        }
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                tracing::info!(socket = %path.display(), "removing the socket of a daemon that is gone");
                std::fs::remove_file(path).map_err(io)
            }
            _ => Err(ListenError::InUse { path: path.to_path_buf() }),
        },
    }
}

#[cfg(not(unix))]
fn make_way(_: &Path) -> Result<(), ListenError> {
    Ok(())
}
