//! A cable as bytes: a serial port, or a socket of an emulator. The only file that names `serial2`.

use contactbox_core::service::cable::{GAP_MILLIS, Link};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Symbols a second. A device on USB has no use for the number; an adapter between the two has.
const BAUD: u32 = 115_200;

/// How long a device may take to take in what is sent.
const SEND_TIME: Duration = Duration::from_secs(10);

/// A cable.
pub struct Port {
    wire: Wire,
    /// How long an answer may take to begin.
    patience: Duration,
    /// When the whole answer to what is asked must be there, and how long it had.
    end: Option<(Instant, Duration)>,
}

enum Wire {
    /// A serial port.
    Serial(serial2::SerialPort),
    /// The socket of an emulator.
    #[cfg(unix)]
    Socket(std::os::unix::net::UnixStream),
}

impl Wire {
    fn set_read_timeout(&mut self, time: Duration) -> io::Result<()> {
        match self {
            Self::Serial(port) => port.set_read_timeout(time),
            #[cfg(unix)]
            Self::Socket(socket) => socket.set_read_timeout(Some(time)),
        }
    }
}

/// Connects to an emulator's socket, if it is one's own: whoever can make a socket
/// there would be given the box.
#[cfg(unix)]
fn emulator(path: &Path) -> io::Result<std::os::unix::net::UnixStream> {
    use contactbox_system::socket::{Distrust, Trust, connect};
    use interprocess::local_socket::Stream;
    let socket = connect(path, SEND_TIME)?;
    Trust::new(None).judge(&socket).map_err(|distrust| match distrust {
        Distrust::Stranger(id) => io::Error::other(format!(
            "what answers there is run by {}, and nothing was sent to it",
            contactbox_system::user::called(id)
        )),
        Distrust::Untold(error) => error,
    })?;
    let Stream::UdSocket(socket) = socket;
    Ok(std::os::fd::OwnedFd::from(socket).into())
}

impl Port {
    /// Opens the cable at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileTypeExt;
            if std::fs::metadata(path)?.file_type().is_socket() {
                let socket = emulator(path)?;
                socket.set_write_timeout(Some(SEND_TIME))?;
                return Ok(Self { wire: Wire::Socket(socket), patience: SEND_TIME, end: None });
            }
        }
        let mut port = serial2::SerialPort::open(path, BAUD)?;
        port.set_write_timeout(SEND_TIME)?;
        // These bytes were on their way to somebody else.
        port.discard_input_buffer()?;
        Ok(Self { wire: Wire::Serial(port), patience: SEND_TIME, end: None })
    }

    /// How long an answer may take from now on.
    pub fn set_patience(&mut self, time: Duration) -> io::Result<()> {
        self.patience = time;
        self.wire.set_read_timeout(time)
    }

    /// Sets the time in which the next request must be answered in all, however often it is asked
    /// again and whatever else comes meanwhile.
    pub fn set_end(&mut self, time: Duration) {
        self.end = Some((Instant::now() + time, time));
    }

    /// The time that is left of `time`; an error when none is.
    fn left_of(&self, time: Duration) -> io::Result<Duration> {
        let Some((end, whole)) = self.end else { return Ok(time) };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let message = format!(
                "no answer was whole within {} s; look after the cable and the device",
                whole.as_secs()
            );
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        Ok(left.min(time))
    }
}

/// A blocking cable: for a thread that has nothing else to do.
impl Link for &mut Port {
    type Error = io::Error;

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let patience = self.left_of(self.patience)?;
        self.wire.set_read_timeout(patience)?;
        match &mut self.wire {
            Wire::Serial(port) => {
                port.write_all(bytes)?;
                port.flush()
            }
            #[cfg(unix)]
            Wire::Socket(socket) => {
                socket.write_all(bytes)?;
                socket.flush()
            }
        }
    }

    async fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A process that was stopped and goes on, as when a machine slept, has read nothing yet.
        let read = loop {
            self.left_of(self.patience)?;
            let read = match &mut self.wire {
                Wire::Serial(port) => port.read(into),
                #[cfg(unix)]
                Wire::Socket(socket) => socket.read(into),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.wire.set_read_timeout(Duration::from_millis(GAP_MILLIS.into()))?;
        match read {
            Ok(0) if !into.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) =>
            {
                Ok(0)
            }
            read => read,
        }
    }
}

/// The serial ports of this machine, by name.
pub fn ports() -> io::Result<Vec<PathBuf>> {
    let mut ports = serial2::SerialPort::available_ports()?;
    ports.sort();
    Ok(ports)
}
