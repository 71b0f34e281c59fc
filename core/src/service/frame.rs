//! Frames of the cable: a message sealed with its version, kind, number and CRC-32C, and stuffed so
//! that a zero byte stands between frames and nowhere else.
//!
//! Layout in PROTOCOL.md, chapter "Frames". Whatever comes in, garbage, half a frame, one that is
//! too long, the reader is at the start of a frame again after the next zero.

use crate::store::seal::Seal;
use core::fmt;
use postcard::ser_flavors::{Cobs, Flavor, Slice};
use serde::{Deserialize, Serialize};

/// The version of the frames.
pub const FRAME_VERSION: u8 = 1;

/// Bytes before the message: version, kind, number.
const HEAD_BYTES: usize = 4;

/// Bytes behind it: the checksum.
const SEAL_BYTES: usize = 4;

/// Bytes of a frame on the cable, zeros included, that are not the message's, when the message
/// has up to `bytes` bytes.
pub const fn overhead_bytes(bytes: usize) -> usize {
    let sealed = HEAD_BYTES + bytes + SEAL_BYTES;
    // Two zeros, and a count for each 254 bytes begun.
    HEAD_BYTES + SEAL_BYTES + 2 + sealed / 254 + 1
}

/// The content of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A request.
    Request,
    /// The reply to the request of the same number.
    Reply,
    /// Why the request of the same number was not answered; number 0 when that was not to be read.
    Fault,
}

impl FrameKind {
    fn code(self) -> u8 {
        match self {
            Self::Request => 0,
            Self::Reply => 1,
            Self::Fault => 2,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Request,
            1 => Self::Reply,
            2 => Self::Fault,
            _ => return None,
        })
    }
}

/// A frame that came in whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its content.
    pub kind: FrameKind,
    /// The number of the request.
    pub number: u16,
    /// Its checksum: two requests of one number with one checksum are one request sent twice.
    pub seal: u32,
}

/// Why what came in is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameError {
    /// It is longer than this side takes.
    TooLong {
        /// Longest frame, in bytes on the cable.
        bytes_max: u32,
    },
    /// It is not stuffed as a frame is, too short, or its checksum is wrong.
    Garbled,
    /// It is whole, and of a version or kind that this side does not know.
    Version {
        /// The version it has.
        version: u8,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes_max } => {
                write!(f, "a frame has more than {bytes_max} bytes; send less at once")
            }
            Self::Garbled => f.write_str("a frame came garbled; send it again"),
            Self::Version { version } => write!(
                f,
                "a frame is of version {version} or of an unknown kind; this side speaks {FRAME_VERSION}"
            ),
        }
    }
}

impl core::error::Error for FrameError {}

/// The message does not fit the memory for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Writes a frame, zeros included, to the front of `out`, and returns how many bytes it has.
pub fn encode<T: Serialize>(
    kind: FrameKind,
    number: u16,
    message: &T,
    out: &mut [u8],
) -> Result<usize, NoRoom> {
    let (first, rest) = out.split_first_mut().ok_or(NoRoom)?;
    *first = 0;
    let inner = Cobs::try_new(Slice::new(rest)).map_err(|_| NoRoom)?;
    let mut sealing = Sealing { inner, seal: Seal::new() };
    let [low, high] = number.to_le_bytes();
    sealing.try_extend(&[FRAME_VERSION, kind.code(), low, high]).map_err(|_| NoRoom)?;
    let stuffed = postcard::serialize_with_flavor(message, sealing).map_err(|_| NoRoom)?;
    Ok(1 + stuffed.len())
}

/// Takes the checksum of what it passes on, and adds it at the end.
struct Sealing<'b> {
    inner: Cobs<Slice<'b>>,
    seal: Seal,
}

impl<'b> Flavor for Sealing<'b> {
    type Output = &'b mut [u8];

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.seal = core::mem::take(&mut self.seal).over(bytes);
        self.inner.try_extend(bytes)
    }

    fn finalize(mut self) -> postcard::Result<Self::Output> {
        self.inner.try_extend(&self.seal.value().to_le_bytes())?;
        self.inner.finalize()
    }
}

/// Gathers the bytes of a cable until a frame is whole. Its memory is the longest frame it takes.
pub struct Frames<'m> {
    memory: &'m mut [u8],
    len: usize,
    /// The frame under way is too long: what is left of it is passed over.
    is_too_long: bool,
    /// The end of the message of the last whole frame.
    message: usize,
}

impl<'m> Frames<'m> {
    /// A reader at the start of a frame.
    pub fn new(memory: &'m mut [u8]) -> Self {
        Self { memory, len: 0, is_too_long: false, message: 0 }
    }

    /// The longest frame it takes, in bytes on the cable.
    pub fn frame_bytes(&self) -> usize {
        // The two zeros are not kept.
        self.memory.len() + 2
    }

    /// Forgets what has begun to come in, as when the cable was put in anew.
    pub fn clear(&mut self) {
        (self.len, self.is_too_long, self.message) = (0, false, 0);
    }

    /// Takes from `input` until a frame is whole or one turns out not to be; `None` when
    /// all of it was taken and the frame goes on. The message is [`Frames::message`]
    /// until this is called again.
    pub fn take(&mut self, input: &mut &[u8]) -> Option<Result<Frame, FrameError>> {
        self.message = 0;
        while !input.is_empty() {
            let end = memchr::memchr(0, input);
            let (piece, rest) = input.split_at(end.unwrap_or(input.len()));
            match self.memory.get_mut(self.len..self.len + piece.len()) {
                Some(room) if !self.is_too_long => {
                    room.copy_from_slice(piece);
                    self.len += piece.len();
                }
                _ => self.is_too_long = true,
            }
            *input = rest.get(1..).unwrap_or(&[]);
            end?;
            let (len, is_too_long) = (self.len, self.is_too_long);
            self.clear();
            if is_too_long {
                return Some(Err(FrameError::TooLong { bytes_max: self.frame_bytes() as u32 }));
            }
            // Frames begin and end with a zero: between two there is nothing.
            if len > 0 {
                return Some(self.open(len));
            }
        }
        None
    }

    /// The message of the frame that [`Frames::take`] told of last.
    pub fn message(&self) -> &[u8] {
        self.memory.get(HEAD_BYTES..self.message).unwrap_or(&[])
    }

    fn open(&mut self, len: usize) -> Result<Frame, FrameError> {
        let stuffed = self.memory.get_mut(..len).ok_or(FrameError::Garbled)?;
        let len = cobs::decode_in_place(stuffed).map_err(|_| FrameError::Garbled)?;
        let frame = stuffed.get(..len).ok_or(FrameError::Garbled)?;
        let (sealed, seal) = frame.split_last_chunk::<SEAL_BYTES>().ok_or(FrameError::Garbled)?;
        let seal = u32::from_le_bytes(*seal);
        let (&[version, kind, low, high], _) =
            sealed.split_first_chunk::<HEAD_BYTES>().ok_or(FrameError::Garbled)?;
        if Seal::new().over(sealed).value() != seal {
            return Err(FrameError::Garbled);
        }
        match FrameKind::of_code(kind) {
            Some(kind) if version == FRAME_VERSION => {
                self.message = sealed.len();
                Ok(Frame { kind, number: u16::from_le_bytes([low, high]), seal })
            }
            _ => Err(FrameError::Version { version }),
        }
    }
}
