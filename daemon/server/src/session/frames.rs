//! Lines out of a stream, each bounded in length, time and memory before it is buffered.

use contactbox_system::config::PeerLimits;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Every connection may hold this much without asking.
const SMALL_BYTES: usize = 16 * 1024;

/// One permit of the shared memory stands for so many bytes.
const UNIT_BYTES: usize = 1024;

/// How long a line may wait for memory that other lines hold.
const MEMORY_TIME: Duration = Duration::from_secs(10);

/// The memory that long lines of all connections share.
#[derive(Clone)]
pub struct SharedMemory(Arc<Semaphore>);

impl SharedMemory {
    /// Memory of `bytes` in all.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS))))
    }

    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        timeout(MEMORY_TIME, self.0.clone().acquire_many_owned(units)).await.ok()?.ok()
    }
}

/// Why there is no further line; the connection is of no more use.
#[derive(Debug, PartialEq, Eq)]
pub enum LineError {
    /// A line is longer than it may be.
    TooLong,
    /// A line was begun and not ended in time.
    TooSlow,
    /// Other clients hold the memory for long lines.
    NoMemory,
    /// The peer is gone.
    Gone,
}

/// A line, and the shared memory it stands for.
pub struct LineFrame {
    /// The line without its end.
    pub bytes: Vec<u8>,
    /// Given back when the request has been done.
    pub memory: Option<OwnedSemaphorePermit>,
}

/// Reads lines.
pub struct LineReader<R> {
    stream: R,
    memory: SharedMemory,
    frame_bytes: usize,
    read_time: Duration,
    /// The bytes that were read and not given out.
    buffer: Vec<u8>,
    /// So much of it is known to hold no line end.
    searched: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Lines out of `stream`.
    pub fn new(stream: R, limits: &PeerLimits, memory: SharedMemory) -> Self {
        Self {
            stream,
            memory,
            frame_bytes: limits.frame_bytes,
            read_time: limits.read_time,
            buffer: Vec::new(),
            searched: 0,
            held: None,
        }
    }

    /// The next line; `None` when the peer has said all, also when the last line was not ended.
    pub async fn next(&mut self) -> Result<Option<LineFrame>, LineError> {
        let mut deadline = None;
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
                return Ok(Some(self.cut(self.searched + at)));
            }
            self.searched = self.buffer.len();
            if self.searched > self.frame_bytes {
                return Err(LineError::TooLong);
            }
            self.reserve_line().await?;
            let read = self.stream.read_buf(&mut self.buffer);
            let read = match deadline {
                // Between lines a client may be silent for as long as it likes.
                None if self.searched == 0 => read.await,
                _ => {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.read_time);
                    timeout_at(deadline, read).await.map_err(|_| LineError::TooSlow)?
                }
            };
            match read {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(_) => return Err(LineError::Gone),
            }
        }
    }

    /// Room for more, doubled each time, out of the shared memory when it is much.
    async fn reserve_line(&mut self) -> Result<(), LineError> {
        if self.buffer.len() < self.buffer.capacity() {
            return Ok(());
        }
        let room = (self.buffer.capacity() * 2).clamp(4096, self.frame_bytes + 2);
        if room > SMALL_BYTES {
            let more = room - self.buffer.capacity().max(SMALL_BYTES).min(room);
            let more = self.memory.take(more.max(1)).await.ok_or(LineError::NoMemory)?;
            match &mut self.held {
                Some(held) => held.merge(more),
                None => self.held = Some(more),
            }
        }
        self.buffer.reserve_exact(room - self.buffer.len());
        Ok(())
    }

    /// Takes the line that ends at `end` out of the buffer.
    fn cut(&mut self, end: usize) -> LineFrame {
        let rest = self.buffer[end + 1..].to_vec();
        let mut bytes = std::mem::replace(&mut self.buffer, rest);
        let is_long = bytes.capacity() > SMALL_BYTES;
        bytes.truncate(end);
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        self.searched = 0;
        // The bytes behind a long line were read with it; they are at most what one read gave.
        let memory = if is_long { self.held.take() } else { None };
        LineFrame { bytes, memory }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn limits() -> PeerLimits {
        PeerLimits {
            frame_bytes: 100_000,
            read_time: Duration::from_millis(200),
            ..PeerLimits::default()
        }
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(test);
    }

    #[test]
    fn lines_come_out_as_they_went_in_whatever_the_pieces() {
        run(async {
            let (mut peer, stream) = tokio::io::duplex(7);
            let long = "x".repeat(90_000);
            let text = format!("one\r\n\ntwo\n{long}\nthree\nnot ended");
            let sent = tokio::spawn(async move { peer.write_all(text.as_bytes()).await });
            let mut frames = LineReader::new(stream, &limits(), SharedMemory::new(1 << 20));
            for expected in ["one", "", "two", &long, "three"] {
                let frame = frames.next().await.expect("a line").expect("not the end");
                assert_eq!(frame.bytes, expected.as_bytes());
                assert_eq!(frame.memory.is_some(), expected.len() > SMALL_BYTES);
            }
            assert!(matches!(frames.next().await, Ok(None)));
            sent.await.expect("a task").expect("all sent");
        });
    }

    #[test]
    fn a_line_that_is_too_long_is_not_buffered() {
        run(async {
            let (mut peer, stream) = tokio::io::duplex(4096);
            let flood =
                tokio::spawn(async move { while peer.write_all(&[b'x'; 4096]).await.is_ok() {} });
            let mut frames = LineReader::new(stream, &limits(), SharedMemory::new(1 << 20));
            assert_eq!(frames.next().await.err(), Some(LineError::TooLong));
            assert!(frames.buffer.capacity() <= 2 * limits().frame_bytes);
            drop(frames);
            flood.await.expect("it ends");
        });
    }

    #[test]
    fn half_a_line_and_silence_ends() {
        run(async {
            let (mut peer, stream) = tokio::io::duplex(4096);
            peer.write_all(b"{").await.expect("room");
            let mut frames = LineReader::new(stream, &limits(), SharedMemory::new(1 << 20));
            assert_eq!(frames.next().await.err(), Some(LineError::TooSlow));
        });
    }

    #[test]
    fn memory_is_shared_and_given_back() {
        run(async {
            let memory = SharedMemory::new(64 * 1024);
            let (mut peer, stream) = tokio::io::duplex(100_000);
            let mut frames = LineReader::new(stream, &limits(), memory.clone());
            let mut line = vec![b'x'; 60_000];
            line.push(b'\n');
            peer.write_all(&line).await.expect("room");
            let held = frames.next().await.expect("a line").expect("not the end");

            let (mut other, stream) = tokio::io::duplex(100_000);
            let mut frames = LineReader::new(stream, &limits(), memory);
            other.write_all(&line).await.expect("room");
            assert_eq!(frames.next().await.err(), Some(LineError::NoMemory));
            drop(held);
            assert!(frames.next().await.expect("a line").is_some());
        });
    }
}
