//! Errors between a client and the daemon, with what to do about them.

use contactbox_api::{ApiError, ErrorKind};
use std::io;
use std::path::PathBuf;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No daemon listens there.
    #[error("no contactbox daemon answers at {}: {source}", socket.display())]
    Nobody {
        /// The socket it was looked for at.
        socket: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another user's daemon, or a trap, listens there. Nothing was sent to it.
    #[error(
        "what answers at {} is run by {user}, and nothing was sent to it; if that is the owner of a box you share, say --server-user {id}; if not, say another socket with --socket",
        socket.display()
    )]
    Stranger {
        /// The socket.
        socket: PathBuf,
        /// The user's name.
        user: String,
        /// The user's number.
        id: u32,
    },
    /// The system does not tell who listens there. Nothing was sent.
    #[error("the system does not tell who answers at {}, and nothing was sent: {source}; is it in another container?", socket.display())]
    Untold {
        /// The socket.
        socket: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// One may not even ask there.
    #[error("you may not use the socket {}, or not pass a folder before it; its owner can let you in with --users, or say your own with --socket or --data", socket.display())]
    Closed {
        /// The socket.
        socket: PathBuf,
    },
    /// Something listens there and says nothing.
    #[error("what listens at {} has not answered for {seconds} s; if it is a contactbox that hangs, end that process and try again", socket.display())]
    Silent {
        /// The socket it was looked for at.
        socket: PathBuf,
        /// How long.
        seconds: u64,
    },
    /// The daemon closed the connection without an answer. Whether a change was made is not known;
    /// asking again tells.
    #[error(
        "the daemon went away during {method}; what it had acknowledged is safe, the rest can be done again"
    )]
    Gone {
        /// The method.
        method: &'static str,
    },
    /// The connection failed. As with [`ClientError::Gone`].
    #[error("the connection to the daemon failed during {method}: {source}")]
    Io {
        /// The method.
        method: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The answer is no JSON-RPC.
    #[error(
        "the answer to {method} cannot be read; is it a contactbox of another version? `contactbox stop` and try again"
    )]
    Garbled {
        /// The method.
        method: &'static str,
    },
    /// The request would pass the daemon's frame limit, and was not sent.
    #[error(
        "the request has {bytes} bytes, the daemon takes {bytes_max} (its setting frame_bytes)"
    )]
    TooLong {
        /// The length of the request.
        bytes: usize,
        /// The longest request that the daemon takes.
        bytes_max: usize,
    },
    /// The daemon answered with an error.
    #[error(transparent)]
    Refused(ApiError),
}

impl ClientError {
    pub(super) fn of_io(method: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof => Self::Gone { method },
            _ => Self::Io { method, source },
        }
    }

    /// Returns whether the daemon refused with an error of this kind.
    pub fn is_refusal(&self, kind: ErrorKind) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == kind)
    }
}
