//! The modelled disk as the file of an image: it logs the calls, and fails on command.

use contactbox_engine::image::BackingFile;
use contactbox_tests::pagecache::{Change, PageCache};
use contactbox_tests::random::Random;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// An event of the file.
#[derive(Clone)]
pub enum Event {
    /// A change in memory.
    Change(Change),
    /// A sync to the disk.
    Sync,
    /// A drop of the memory of everything that passes for written.
    Forget,
}

/// The calls that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `pwrite`
    Write,
    /// `ftruncate`
    Len,
    /// `fallocate`, for room or for zeros
    Room,
    /// `fdatasync` and `fsync`
    Sync,
}

/// The way in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// With this error of the system, and nothing done.
    Error(i32),
    /// With this error, half done.
    Half(i32),
    /// Without an error: it does less than it was asked for.
    Short,
}

/// The calls that fail.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The kind of the call.
    pub call: Call,
    /// The number of the first one that fails, from 0.
    pub first: usize,
    /// True if all later ones fail as well.
    pub is_lasting: bool,
    /// The way in which it fails.
    pub how: How,
}

/// The state of the file.
pub struct State {
    /// The bytes of the file.
    pub cache: PageCache,
    /// The events since the log was last cleared.
    pub log: Vec<Event>,
    /// The failure to come.
    pub plan: Option<Plan>,
    /// The calls so far, by kind.
    pub calls: [usize; 4],
    random: Random,
}

impl State {
    /// Counts a call, and returns how it must fail, if it must.
    fn fails(&mut self, call: Call) -> Option<How> {
        let number = self.calls[call as usize];
        self.calls[call as usize] += 1;
        let plan = self.plan.filter(|plan| plan.call == call)?;
        let is_due = number == plan.first || plan.is_lasting && number > plan.first;
        is_due.then_some(plan.how)
    }

    fn change(&mut self, change: Change) {
        self.cache.apply(&change);
        self.log.push(Event::Change(change));
    }
}

/// A file on the modelled disk; clones are the same file.
#[derive(Clone)]
pub struct Model(Arc<Mutex<State>>);

impl Model {
    /// Returns a file with this content.
    pub fn new(cache: PageCache) -> Self {
        let state =
            State { cache, log: Vec::new(), plan: None, calls: [0; 4], random: Random::new(7) };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Locks the state of the file.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn error(how: How) -> io::Result<()> {
    match how {
        How::Error(code) | How::Half(code) => Err(io::Error::from_raw_os_error(code)),
        How::Short => Ok(()),
    }
}

impl BackingFile for Model {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        Ok(self.state().cache.read(bytes, at))
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut state = self.state();
        let how = state.fails(Call::Write);
        let taken = match how {
            None => bytes.len(),
            Some(How::Error(_)) => 0,
            Some(How::Half(_) | How::Short) => bytes.len().div_ceil(2),
        };
        if taken > 0 {
            state.change(Change::Write(at, bytes[..taken].into()));
        }
        how.map_or(Ok(()), error).map(|()| taken)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.state().cache.bytes())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        match state.fails(Call::Len) {
            Some(how @ (How::Error(_) | How::Half(_))) => error(how),
            _ if state.cache.bytes() == bytes => Ok(()),
            _ => {
                state.change(Change::Len(bytes));
                Ok(())
            }
        }
    }

    fn take_room(&self, start: u64, len: u64) -> io::Result<bool> {
        let mut state = self.state();
        let how = state.fails(Call::Room);
        let end = match how {
            Some(How::Error(_)) => return how.map_or(Ok(()), error).map(|()| true),
            Some(How::Half(_)) => start + len / 2,
            _ => start + len,
        };
        if end > state.cache.bytes() {
            state.change(Change::Len(end));
        }
        how.map_or(Ok(()), error).map(|()| true)
    }

    fn zero_range(&self, start: u64, len: u64) -> io::Result<bool> {
        let mut state = self.state();
        let how = state.fails(Call::Room);
        let done = match how {
            Some(How::Error(_)) => 0,
            Some(How::Half(_)) => len / 2,
            _ => len,
        };
        if done > 0 {
            state.change(Change::Zero(start, done));
        }
        how.map_or(Ok(()), error).map(|()| true)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut guard = self.state();
        let state = &mut *guard;
        match state.fails(Call::Sync) {
            Some(how @ (How::Error(_) | How::Half(_))) => {
                state.cache.sync_failing(&mut state.random);
                error(how)
            }
            _ => {
                state.cache.sync();
                state.log.push(Event::Sync);
                Ok(())
            }
        }
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn forget(&self) {
        let mut state = self.state();
        state.cache.forget();
        state.log.push(Event::Forget);
    }

    fn reader(&self) -> io::Result<Box<dyn BackingFile>> {
        Ok(Box::new(self.clone()))
    }
}
