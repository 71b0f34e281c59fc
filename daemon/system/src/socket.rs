//! Connects to a socket within a limit of time, and checks which user listens there.

use crate::user;
use interprocess::local_socket::{GenericFilePath, Name, Stream, ToFsName, traits::StreamCommon};
use std::io;
use std::path::Path;
use std::time::Duration;

/// The users who may answer at a socket: this one, root, and one more who is named.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    own: Option<u32>,
    named: Option<u32>,
}

/// Why the listener is not talked to.
#[derive(Debug)]
pub enum Distrust {
    /// It belongs to this user, whom nobody has named.
    Stranger(u32),
    /// The system does not tell its user.
    Untold(io::Error),
}

impl Trust {
    /// Trusts this user, root, who can read everything anyway, and the user `named`, by number.
    pub fn new(named: Option<u32>) -> Self {
        Self { own: user::own(), named }
    }

    /// Checks the user who listens at the other end. On Windows a pipe tells no user, and every
    /// listener passes.
    pub fn judge(self, stream: &Stream) -> Result<(), Distrust> {
        match peer(stream).map_err(Distrust::Untold)? {
            Some(id) if !self.is_trusted(id) => Err(Distrust::Stranger(id)),
            _ => Ok(()),
        }
    }

    fn is_trusted(self, id: u32) -> bool {
        id == user::ROOT || self.own == Some(id) || self.named == Some(id)
    }
}

/// Returns the user at the other end of a connection; `None` where the system cannot tell.
#[cfg(unix)]
pub fn peer(stream: &impl StreamCommon) -> io::Result<Option<u32>> {
    match stream.peer_creds()?.euid() {
        Some(id) => Ok(Some(id)),
        None => Err(io::Error::other("the system does not tell who is there")),
    }
}

/// Returns the user at the other end of a connection: on Windows a pipe does not tell.
#[cfg(not(unix))]
pub fn peer(_: &impl StreamCommon) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Returns the name of the local socket at this path.
pub fn name(path: &Path) -> io::Result<Name<'_>> {
    path.to_fs_name::<GenericFilePath>()
}

/// Connects to a socket. If the listener accepts nobody and its queue is full, the call waits no
/// longer than `time` and fails with [`io::ErrorKind::TimedOut`].
#[cfg(unix)]
pub fn connect(path: &Path, time: Duration) -> io::Result<Stream> {
    use interprocess::os::unix::uds_local_socket::Stream as Socket;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, socket, sockopt};
    let end = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&end, rustix::io::FdFlags::CLOEXEC)?;
    sockopt::set_socket_timeout(&end, sockopt::Timeout::Send, Some(time))?;
    let address = SocketAddrUnix::new(path)?;
    let connected = loop {
        match rustix::net::connect(&end, &address) {
            Err(rustix::io::Errno::INTR) => {}
            connected => break connected,
        }
    };
    connected.map_err(|error| match error {
        rustix::io::Errno::AGAIN => io::ErrorKind::TimedOut.into(),
        error => io::Error::from(error),
    })?;
    sockopt::set_socket_timeout(&end, sockopt::Timeout::Send, None)?;
    Ok(Stream::UdSocket(Socket::from(std::os::unix::net::UnixStream::from(end))))
}

/// Connects to a pipe. An overloaded pipe refuses at once.
#[cfg(not(unix))]
pub fn connect(path: &Path, _: Duration) -> io::Result<Stream> {
    use interprocess::local_socket::traits::Stream as _;
    Stream::connect(name(path)?)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::time::Instant;

    #[test]
    fn b8_only_who_is_known_is_spoken_to() {
        let trust = Trust { own: Some(7001), named: Some(7002) };
        for known in [user::ROOT, 7001, 7002] {
            assert!(trust.is_trusted(known));
        }
        assert!(!trust.is_trusted(7003));
        assert!(!Trust { own: Some(7001), named: None }.is_trusted(7002));
    }

    #[test]
    fn b8_who_listens_is_told_by_the_system() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("socket");
        let _listener = UnixListener::bind(&path).expect("a socket");
        let stream = connect(&path, Duration::from_secs(5)).expect("somebody listens");
        assert_eq!(peer(&stream).expect("it is told"), user::own());
        Trust::new(None).judge(&stream).expect("oneself");
        let elsewhere = Trust { own: Some(7001), named: None }.judge(&stream);
        let is_root = user::own() == Some(user::ROOT);
        assert_eq!(elsewhere.is_ok(), is_root, "root is known to everybody");
    }

    /// The queue of a listener that accepts nobody, like a process that was stopped.
    #[test]
    fn who_takes_nobody_in_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("socket");
        let _listener = UnixListener::bind(&path).expect("a socket");
        let begun = Instant::now();
        let mut waiting = Vec::new();
        let error = loop {
            match connect(&path, Duration::from_millis(200)) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
            assert!(waiting.len() < 10_000 && begun.elapsed() < Duration::from_secs(60));
        };
        assert!(
            matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::ConnectionRefused)
                || error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()),
            "{error}"
        );
    }
}
