//! The reasons why a client is turned away, or what it says is refused.

use super::LineError;
use contactbox_system::config::PeerLimits;

/// Why a client is turned away, or what it says is refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    /// All places are taken.
    #[error("{connections_max} clients are connected, which is the limit; try again later")]
    TooManyConnections {
        /// How many places there are.
        connections_max: usize,
    },
    /// The user is not among those the box is for.
    #[error("{user} may not use this box")]
    MayNotUse {
        /// The user.
        user: String,
    },
    /// Another user than the owner asked the daemon to stop.
    #[error(
        "{user} may use this box and may not stop it; that is for the user whose daemon this is"
    )]
    MayNotStop {
        /// The user.
        user: String,
    },
    /// Another user than the owner asked for a card or device.
    #[error("cards and devices are for the user whose daemon this is")]
    OwnersOnly,
    /// The name of an author is too long, or has control characters.
    #[error("an author has a name of 1 to {bytes_max} bytes without control characters")]
    BadAuthor {
        /// Bytes that a name may have.
        bytes_max: usize,
    },
    /// A line is too long.
    #[error("a line has more than {bytes_max} bytes; send less at once, such as fewer cards")]
    LineTooLong {
        /// Bytes that a line may have.
        bytes_max: usize,
    },
    /// A line did not come to its end in time.
    #[error("a line was begun and not ended within {seconds} s")]
    LineTooSlow {
        /// The time there was.
        seconds: u64,
    },
    /// There is no memory for a long line.
    #[error("other clients hold the memory for long lines; try again later")]
    NoMemory,
}

impl SessionError {
    /// The error of a line that did not come whole.
    pub(super) fn of_line(error: &LineError, limits: &PeerLimits) -> Self {
        match error {
            LineError::TooLong => Self::LineTooLong { bytes_max: limits.frame_bytes },
            LineError::TooSlow | LineError::Gone => {
                Self::LineTooSlow { seconds: limits.read_time.as_secs() }
            }
            LineError::NoMemory => Self::NoMemory,
        }
    }
}
