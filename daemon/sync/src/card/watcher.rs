//! The places in which the box leaves backups by itself: cards that come and go, and the folder
//! beside it. A thread for each: a card that hangs holds up nobody.

use super::fingerprint::{CardFingerprint, MountProbe};
use super::folder::{FolderCard, OpenMode};
use super::replica::Replica;
use super::schedule::Schedule;
use super::sync_error::SyncError;
use super::visit::{BackupResult, Extent, keep, take_in, write_for_phones};
use crate::events::Events;
use crate::status::StatusBoard;
use contactbox_api::card::{TakenFromCard, WrittenToCard};
use contactbox_api::event::{CardEvent, CardState};
use contactbox_api::status::PlaceStatus;
use contactbox_core::card::{FileName, OwnFiles, SnapshotOwners};
use contactbox_core::store::Consent;
use contactbox_engine::{Handle, Host};
use embassy_futures::block_on;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The time after which a folder is looked at again when nothing changes here.
const POLL_TIME: Duration = Duration::from_secs(1);

/// The time for which changes gather before they are appended.
const GATHER_TIME: Duration = Duration::from_millis(150);

/// A visit may take this share of the time at most.
const PAUSE_FACTOR: u32 = 8;

/// Quiet after which the file for phones is made anew.
const QUIET_TIME: Duration = Duration::from_secs(3);

/// The time for which a place that failed is left alone, at first and at most.
const RETRY_TIME: Duration = Duration::from_secs(5);
const RETRY_TIME_MAX: Duration = Duration::from_secs(60);

/// The longest time until it is told again how long a backup still waits.
const WAIT_TIME_MAX: Duration = Duration::from_secs(60);

/// The time a place may take to finish when the daemon stops.
const FAREWELL_TIME: Duration = Duration::from_secs(20);

/// A place to look after, and what is kept there.
#[derive(Clone, Debug)]
pub enum WatchPlan {
    /// Cards come and go in this folder.
    Card(PathBuf),
    /// A folder with the backup, and the longest time that a change is not in it.
    Backup(PathBuf, Duration),
}

impl WatchPlan {
    fn folder(&self) -> &Path {
        match self {
            Self::Card(folder) | Self::Backup(folder, _) => folder,
        }
    }
}

/// The threads.
pub struct FolderWatchers {
    threads: Vec<(mpsc::Sender<()>, JoinHandle<()>)>,
    handle: Handle,
}

impl FolderWatchers {
    /// Begins to look after these places; `data` is where pages of the box go that
    /// memory is too small for.
    pub fn start(
        plans: Vec<WatchPlan>,
        handle: &Handle,
        data: &Path,
        board: &StatusBoard,
        events: &Events,
    ) -> std::io::Result<Self> {
        let mut threads = Vec::new();
        for plan in plans {
            let (halt, halted) = mpsc::channel();
            let place = FolderWatcher {
                handle: handle.clone(),
                data: data.to_path_buf(),
                board: board.clone(),
                events: events.clone(),
                halted,
                pause: Duration::ZERO,
                failed: None,
                failing_since: None,
                kept: 0,
                schedule: Schedule::new(match &plan {
                    WatchPlan::Card(_) => Duration::ZERO,
                    WatchPlan::Backup(_, wait_max) => *wait_max,
                }),
                told: String::new(),
                plan,
            };
            let thread = std::thread::Builder::new().name("card".to_owned());
            threads.push((halt, thread.spawn(move || place.run())?));
        }
        Ok(Self { threads, handle: handle.clone() })
    }

    /// Has each leave what is not on its card yet, if it can do so soon.
    pub fn stop(self) {
        let begun = Instant::now();
        let threads: Vec<JoinHandle<()>> =
            self.threads.into_iter().map(|(_, thread)| thread).collect();
        // The senders are gone: who waits is told by that, or by the beat.
        self.handle.pulse().raise();
        while threads.iter().any(|thread| !thread.is_finished()) {
            if begun.elapsed() > FAREWELL_TIME {
                tracing::warn!("a card does not answer; the daemon ends without it");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

struct FolderWatcher {
    plan: WatchPlan,
    handle: Handle,
    data: PathBuf,
    board: StatusBoard,
    events: Events,
    halted: mpsc::Receiver<()>,
    /// Between one visit and the next.
    pause: Duration,
    /// When it failed last, and how long it is left alone since.
    failed: Option<(Instant, Duration)>,
    /// When it failed first, without having worked since.
    failing_since: Option<u64>,
    /// Everything the box held at this time of its own was left there last; 0 before.
    kept: u64,
    /// When backups are due; of no use where cards come and go.
    schedule: Schedule,
    /// The last trouble that the log was told.
    told: String,
}

/// The card in a place of cards, as the watcher remembers it.
struct Present {
    look: CardFingerprint,
    /// The look it had when it was left; other boxes were there since if it has another.
    left: Option<CardFingerprint>,
    /// The time of the box itself up to which this run has left everything on it.
    kept: u64,
    /// Changes of the box that are on it.
    beats: Option<u64>,
    /// When something was written to it for which there is no file for phones yet.
    unread: Option<Instant>,
    /// Removals on it that wait for a yes.
    held: u32,
}

impl FolderWatcher {
    fn run(mut self) {
        match self.plan.clone() {
            WatchPlan::Card(folder) => self.run_card(&folder),
            WatchPlan::Backup(folder, _) => self.run_backup(&folder),
        }
    }

    /// Waits; true when the daemon stops.
    fn is_halted(&self, time: Duration) -> bool {
        matches!(self.halted.recv_timeout(time), Err(RecvTimeoutError::Disconnected) | Ok(()))
    }

    /// Says how the place is doing.
    fn say(&self, status: PlaceStatus) {
        self.board.set(self.plan.folder(), status);
    }

    /// Says how the place is doing, and nothing but that.
    fn say_state(&self, state: &str) {
        self.say(PlaceStatus { state: state.to_owned(), ..PlaceStatus::default() });
    }

    fn run_card(&mut self, folder: &Path) {
        let mut sight = MountProbe::default();
        let mut present: Option<Present> = None;
        self.say_state("no card");
        loop {
            let beats = self.handle.pulse().epoch();
            let look = sight.of(folder);
            present = match (look, present) {
                (None, before) => {
                    if before.is_some() {
                        tracing::info!(card = %folder.display(), "the card is gone");
                        self.announce(CardState::NoCard, None, None, None);
                        self.forget();
                    }
                    None
                }
                (Some(look), Some(before)) if before.look.is_same_card(&look) => {
                    Some(Present { look, ..before })
                }
                (Some(look), _) => {
                    tracing::info!(card = %folder.display(), "a card is there");
                    self.forget();
                    Some(Present { look, left: None, kept: 0, beats: None, unread: None, held: 0 })
                }
            };
            let is_halted = self.is_halted(Duration::ZERO);
            if let Some(present) = &mut present {
                self.attend(folder, present, beats, is_halted);
            }
            if is_halted {
                return;
            }
            self.handle.pulse().wait(beats, POLL_TIME);
            if self.handle.pulse().epoch() != beats && self.is_halted(GATHER_TIME.max(self.pause)) {
                // Once more round, for what changed last.
                self.pause = Duration::ZERO;
            }
        }
    }

    /// Does what is due at a card that is there.
    fn attend(&mut self, folder: &Path, present: &mut Present, beats: u64, is_halted: bool) {
        let is_visited = present.left.as_ref() != Some(&present.look);
        let is_changed = present.beats != Some(beats);
        let is_resting = self.failed.is_some_and(|(when, time)| when.elapsed() < time);
        if is_resting && !(is_visited && present.left.is_some()) {
            return;
        }
        let begun = Instant::now();
        if is_visited || is_changed {
            match self.visit(folder, present, is_visited) {
                Ok(kept) => {
                    present.beats = Some(beats);
                    if kept.is_news() {
                        present.unread = Some(Instant::now());
                    }
                    self.done(&kept, present.held);
                }
                Err(trouble) => self.fail(&trouble),
            }
            contactbox_system::heap::give_back();
            self.pause = begun.elapsed() * PAUSE_FACTOR;
        }
        let is_quiet = present.unread.is_some_and(|when| when.elapsed() > QUIET_TIME);
        if is_quiet || (is_halted && present.unread.is_some()) {
            present.unread = None;
            if let Err(trouble) = self.write_for_phones(folder, present) {
                self.fail(&trouble);
            }
        }
    }

    fn visit(
        &mut self,
        folder: &Path,
        present: &mut Present,
        is_visited: bool,
    ) -> Result<BackupResult, SyncError> {
        let mut card = FolderCard::open(folder, OpenMode::Write)?;
        let mut replica = self.replica()?;
        let mut extent = Extent::Changes;
        if is_visited {
            let (after, given) =
                take_in(replica, &mut card, SnapshotOwners::Others, Consent::Ask, present.kept)?;
            extent = given.extent();
            present.held = given.merged.held;
            replica = after;
            // Also when nothing can be written to it: it is not taken in again and again.
            present.left = MountProbe::now(folder);
            for remark in &given.remarks {
                tracing::warn!(card = %folder.display(), "{remark}");
            }
            if given.merged.boxes > 0 {
                let (added, updated) = (given.added, given.updated);
                tracing::info!(card = %folder.display(), added, updated, "card taken in");
                self.announce(CardState::TakenIn, Some((&given).into()), None, None);
            }
        }
        let kept = keep(&mut replica, &mut card, extent)?;
        present.kept = kept.time;
        present.left = MountProbe::now(folder);
        Ok(kept)
    }

    fn write_for_phones(&mut self, folder: &Path, present: &mut Present) -> Result<(), SyncError> {
        let mut card = FolderCard::open(folder, OpenMode::Write)?;
        let mut replica = self.replica()?;
        write_for_phones(&mut replica, &mut card)?;
        present.left = MountProbe::now(folder);
        Ok(())
    }

    /// The box as it is now.
    fn replica(&self) -> Result<Replica, SyncError> {
        Replica::new(&self.handle, &self.data)
    }

    fn forget(&mut self) {
        (self.failed, self.failing_since) = (None, None);
        self.kept = 0;
        self.told.clear();
        self.say_state("no card");
    }

    fn announce(
        &self,
        state: CardState,
        taken: Option<TakenFromCard>,
        written: Option<WrittenToCard>,
        why: Option<String>,
    ) {
        let card = self.plan.folder().to_path_buf();
        self.events.card(&CardEvent { taken, written, state, why, card });
    }

    fn done(&mut self, kept: &BackupResult, held: u32) {
        let folder = self.plan.folder().display().to_string();
        if let Some(backup) = &kept.snapshot {
            let (records, sectors) = (backup.records, backup.sector_writes);
            tracing::info!(folder, records, sectors, "snapshot written and read back");
            if backup.unreadable > 0 {
                let unreadable = backup.unreadable;
                tracing::warn!(folder, unreadable, "some of the box could not be read for it");
            }
            self.announce(CardState::BackedUp, None, Some(kept.into()), None);
        } else if kept.appended > 0 {
            let (records, sectors) = (kept.appended, kept.sector_writes);
            tracing::debug!(folder, records, sectors, "changes appended");
        }
        if self.failed.take().is_some() {
            tracing::info!(folder, "it works again");
        }
        (self.failing_since, self.kept) = (None, kept.time);
        self.told.clear();
        let state = if held > 0 { "removals wait for a yes" } else { "in step" };
        self.say(PlaceStatus {
            state: state.to_owned(),
            time: Some(kept.time),
            checked: Some(Host::now()),
            held: (held > 0).then(|| held.into()),
            ..PlaceStatus::default()
        });
    }

    fn fail(&mut self, trouble: &SyncError) {
        let time = self.failed.map_or(RETRY_TIME, |(_, time)| (time * 2).min(RETRY_TIME_MAX));
        self.failed = Some((Instant::now(), time));
        let message = trouble.to_string();
        let since = *self.failing_since.get_or_insert_with(Host::now);
        self.say(PlaceStatus {
            state: "failed".to_owned(),
            why: Some(message.clone()),
            since: Some(since),
            checked: Some(Host::now()),
            time: (self.kept > 0).then_some(self.kept),
            overdue_seconds: self.schedule.late(Instant::now()).map(|late| late.as_secs()),
            ..PlaceStatus::default()
        });
        // Once, however often it is tried.
        if self.told != message {
            tracing::warn!(folder = %self.plan.folder().display(), "{message}");
            self.announce(CardState::Failed, None, None, Some(message.clone()));
            self.told = message;
        }
    }

    fn run_backup(&mut self, folder: &Path) {
        self.say_state("nothing to keep yet");
        let (mut kept_time, mut left) = (None, 0);
        let mut wait = Duration::ZERO;
        loop {
            let beats = self.handle.pulse().epoch();
            let is_halted = self.is_halted(wait);
            let is_resting = self.failed.is_some_and(|(when, time)| when.elapsed() < time);
            if !is_resting {
                match self.back_up(folder, is_halted, &mut kept_time, &mut left) {
                    Ok(next) => {
                        wait = next;
                        contactbox_system::heap::give_back();
                    }
                    Err(trouble) => {
                        self.fail(&trouble);
                        wait = POLL_TIME;
                    }
                }
            }
            if is_halted {
                return;
            }
            if wait.is_zero() {
                // Nothing to do until something changes.
                while self.handle.pulse().epoch() == beats && !self.is_halted(Duration::ZERO) {
                    self.handle.pulse().wait(beats, Duration::from_secs(3600));
                }
            }
        }
    }

    /// Backs up when it is due; gives how long to wait for that, nothing when all is kept. `left`
    /// is the time up to which this run has left everything there: what was there before may hold
    /// what the box has forgotten, when its file is an older copy or damaged.
    fn back_up(
        &mut self,
        folder: &Path,
        is_halted: bool,
        kept_time: &mut Option<u64>,
        left: &mut u64,
    ) -> Result<Duration, SyncError> {
        let (id, time, states, lacks) = self.handle.have(|host| {
            let (id, time) = host.identity();
            Ok((id, time, host.states(), host.wants_back()))
        })?;
        let kept = match *kept_time {
            Some(kept) => kept,
            None if folder.is_dir() => {
                let mut card = FolderCard::open(folder, OpenMode::Write)?;
                block_on(OwnFiles::find(&mut card, id))?.time()
            }
            None => 0,
        };
        (*kept_time, self.kept) = (Some(kept), kept);
        let is_unread = kept > 0 && *left == 0;
        let is_behind = (kept > time && kept != *left) || (lacks && is_unread);
        if (kept >= time && !is_behind) || (kept == 0 && states == 0) {
            self.schedule.nothing_lacks();
            if kept > 0 {
                self.say(PlaceStatus {
                    state: "in step".to_owned(),
                    time: Some(kept),
                    ..PlaceStatus::default()
                });
            }
            return Ok(Duration::ZERO);
        }
        let due = self.schedule.due_in(Instant::now());
        if !due.is_zero() && !is_halted && !is_behind {
            if self.failed.is_none() {
                let backup = if kept == 0 { "first" } else { "next" };
                self.say(PlaceStatus {
                    state: format!("waiting for its {backup} backup"),
                    time: (kept > 0).then_some(kept),
                    due_seconds: Some(due.as_secs()),
                    ..PlaceStatus::default()
                });
            }
            return Ok(due.min(WAIT_TIME_MAX));
        }
        contactbox_system::files::make_private_folder(folder)
            .map_err(|error| SyncError::NoFolder { folder: folder.to_path_buf(), error })?;
        let mut card = FolderCard::open(folder, OpenMode::Write)?;
        let (mut replica, mut extent) = (self.replica()?, Extent::Changes);
        if kept != *left {
            // The backup is the box's own word, in a folder of the box's own.
            let consent = Consent::Given;
            let (after, given) = take_in(replica, &mut card, SnapshotOwners::Own, consent, *left)?;
            (replica, extent) = (after, given.extent());
            for remark in &given.remarks {
                tracing::warn!(backup = %folder.display(), "{remark}");
            }
            if given.added + given.updated + given.blobs > 0 {
                let (added, updated, photos) = (given.added, given.updated, given.blobs);
                tracing::warn!(
                    added,
                    updated,
                    photos,
                    "the box lacked something: taken back from its backup"
                );
            }
        }
        let kept = keep(&mut replica, &mut card, extent)?;
        (*kept_time, *left) = (Some(kept.time), kept.time);
        self.schedule.done(Instant::now());
        self.done(&kept, 0);
        Ok(Duration::ZERO)
    }
}

/// Returns whether a file is one that cards have.
pub(super) fn is_ours(name: &str) -> bool {
    FileName::parse(name).is_some_and(|name| {
        let name = name.as_str();
        name.ends_with(".A") || name.ends_with(".B")
    })
}
